// Activations fused into the convolution or product before them, and those that are not; the same bits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fuseActivations } from "../../src/index.ts";
import { type Attribute, type Constant, makeNode, type Node } from "../../src/model/graph.ts";
import { floats, modelOf } from "../model/models.ts";
import { assertSame, operators, seeded } from "./same.ts";

type Attributes = Parameters<typeof makeNode>[3];

const X = { Conv: [1, 3, 9, 7], Gemm: [3, 5] } as const;
type Op = keyof typeof X;

const conv = makeNode("Conv", ["x", "w", "b"], ["a"], { pads: [1n, 1n, 1n, 1n] });
const gemm = makeNode("Gemm", ["x", "w", "b"], ["a"], { transB: 1n });
const LINEAR = { Conv: conv, Gemm: gemm };
const WEIGHTS = { Conv: [8, 3, 3, 3], Gemm: [8, 5] };

function behind(op: Op, nodes: readonly Node[], constants: Record<string, Constant> = {}, opset = 22) {
  const all = { w: seeded(WEIGHTS[op], 1), b: seeded([8], 2), ...constants };
  const model = modelOf([LINEAR[op], ...nodes], { constants: new Map(Object.entries(all)) }, opset);
  return { ...model, opsets: new Map([["", opset]]) };
}

const bounds = { lo: floats([], [-0.5]), hi: floats([], [1.5]) };

const activation = (op: string, attributes: Attributes = {}, ...inputs: string[]) => [
  makeNode(op, ["a", ...inputs], ["y"], attributes),
];

const CASES: readonly [Op, readonly Node[], Record<string, Attribute>, number?][] = [
  ["Conv", activation("Relu"), {}],
  ["Conv", activation("LeakyRelu"), { activation_params: { kind: "floats", value: [Math.fround(0.01)] } }],
  ["Conv", activation("LeakyRelu", { alpha: 0.25 }), { activation_params: { kind: "floats", value: [0.25] } }],
  ["Conv", activation("Clip", {}, "lo", "hi"), { activation_params: { kind: "floats", value: [-0.5, 1.5] } }],
  ["Conv", activation("Clip", {}, "", "hi"), { activation_params: { kind: "floats", value: [-Infinity, 1.5] } }],
  ["Conv", activation("Clip", { min: 0, max: 1 }), { activation_params: { kind: "floats", value: [0, 1] } }, 9],
  ["Gemm", activation("Relu"), {}],
  ["Gemm", activation("LeakyRelu", { alpha: 0.25 }), { activation_alpha: { kind: "float", value: 0.25 } }],
];

for (const [op, nodes, parameters, opset] of CASES) {
  test(`fused: ${op} ${nodes[0]?.op} ${Object.keys(nodes[0]?.attributes ?? {})} ${nodes[0]?.inputs} ${opset ?? ""}`, () => {
    const model = behind(op, nodes, bounds, opset);
    const after = fuseActivations(model);
    const [fused] = after.graph.nodes as [Node];
    assert.deepEqual(operators(after), [`Fused${op}`]);
    assert.deepEqual([fused.name, fused.domain, fused.outputs], ["a", "com.microsoft", ["y"]]);
    const named = { activation: { kind: "string", value: nodes[0]?.op }, ...parameters };
    assert.deepEqual(Object.fromEntries(fused.attributes), { ...Object.fromEntries(LINEAR[op].attributes), ...named });
    assert.equal(after.opsets.get("com.microsoft"), 1);
    assert.deepEqual([...after.graph.constants.keys()], ["w", "b"]);
    assert.equal(fuseActivations(after), after);
    const x = seeded(X[op], 3);
    assertSame(model, after, { x }, 0);
    x.data.set([Number.NaN, -0], 3);
    x.data.set([Infinity, -Infinity], 7);
    assertSame(model, after, { x }, 0);
  });
}

const relu = makeNode("Relu", ["a"], ["y"]);
const KEPT: readonly [string, ReturnType<typeof behind>][] = [
  ["a clip behind a Gemm, for onnxruntime has none", behind("Gemm", activation("Clip", {}, "lo", "hi"), bounds)],
  ["a clip whose limits cross", behind("Conv", activation("Clip", {}, "hi", "lo"), bounds)],
  [
    "a clip whose limit is computed",
    behind("Conv", [makeNode("Identity", ["hi"], ["h"]), ...activation("Clip", {}, "lo", "h")], bounds),
  ],
  ["a value taken twice", behind("Conv", [makeNode("Relu", ["a"], ["r"]), makeNode("Add", ["a", "r"], ["y"])])],
  ["an activation of two values", behind("Conv", [makeNode("PRelu", ["a", "lo"], ["y"])], bounds)],
  ["a residual", behind("Conv", [makeNode("Add", ["a", "lo"], ["s"]), makeNode("Relu", ["s"], ["y"])], bounds)],
  ["a product of a version in which C was broadcast when asked for", behind("Gemm", [relu], {}, 6)],
  [
    "weights of float16",
    behind("Conv", [relu], { w: { format: "float16", shape: [8, 3, 3, 3], data: new Uint16Array(216) } }),
  ],
  ["another domain's Relu", behind("Conv", [{ ...relu, domain: "some" }])],
];

for (const [what, model] of KEPT) {
  test(`kept: ${what}`, () => assert.equal(fuseActivations(model), model));
}

test("an output of the graph before an activation is kept", () => {
  const model = behind("Conv", [relu]);
  const kept = { ...model, graph: { ...model.graph, outputs: [{ name: "y" }, { name: "a" }] } };
  assert.equal(fuseActivations(kept), kept);
});

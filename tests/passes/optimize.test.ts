// All passes in a row on random graphs: outputs and names stay, and what is done once is done. Graphs with operators that octavo does
// not know come out as they went in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { foldConstants, type Model, optimize } from "../../src/index.ts";
import { type Constant, inOrder, makeNode, type Node, type Value } from "../../src/model/graph.ts";
import { randomWords } from "../kernels/harness.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { compare, operators, seeded } from "./same.ts";

const SHAPE = [2, 3, 4, 4];
const X: Value = { name: "x", format: "float32", shape: ["N", 3, 4, 4] };

const CONSTANTS = new Map<string, Constant>([
  ["w1", seeded([3, 3, 1, 1], 1, -0.5, 0.5)],
  ["w3", seeded([3, 3, 3, 3], 2, -0.2, 0.2)],
  ["wd", seeded([3, 1, 3, 3], 3, -0.3, 0.3)],
  ["b", seeded([3], 4)],
  ["gamma", seeded([3], 5, 0.5, 1.5)],
  ["beta", seeded([3], 6)],
  ["mean", seeded([3], 7)],
  ["variance", seeded([3], 8, 0.5, 1.5)],
  ["channel", seeded([3, 1, 1], 9, 0.5, 1.5)],
  ["three", floats([], [3])],
  ["six", floats([], [6])],
  ["one", floats([], [1])],
  ["zero", floats([], [0])],
  ["shape", integers([4], [-1, 3, 4, 4])],
  ["pads", integers([8], [0, 0, 1, 1, 0, 0, 1, 1])],
]);

const pads = { pads: [1n, 1n, 1n, 1n] };
const swap = { perm: [0n, 1n, 3n, 2n] };

/** Nodes that give a value of the shape, of one or two others. */
const STEPS: readonly ((y: string, a: string, b: string) => Node[])[] = [
  ...["Relu", "Neg", "Identity", "Dropout", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Softplus"].map(
    (op) => (y: string, a: string) => [makeNode(op, [a], [y])],
  ),
  ...["Add", "Mul", "Sub", "Max"].map((op) => (y: string, a: string, b: string) => [makeNode(op, [a, b], [y])]),
  ...["Add", "Mul", "Sub", "Div"].flatMap((op) =>
    ["channel", "three", "six", "one"].map((c) => (y: string, a: string) => [makeNode(op, [a, c], [y])]),
  ),
  (y, a) => [makeNode("Clip", [a, "zero", "six"], [y])],
  (y, a) => [makeNode("Clip", [a, "zero"], [y])],
  (y, a) => [makeNode("Reshape", [a, "shape"], [y])],
  (y, a) => [makeNode("Transpose", [a], [y], swap)],
  (y, a) => [makeNode("Transpose", [a], [`${y}t`], swap), makeNode("Transpose", [`${y}t`], [y], swap)],
  (y, a) => [makeNode("BatchNormalization", [a, "gamma", "beta", "mean", "variance"], [y])],
  (y, a) => [makeNode("Conv", [a, "w1"], [y])],
  (y, a) => [makeNode("Conv", [a, "w1", "b"], [y])],
  (y, a) => [makeNode("Conv", [a, "w3", "b"], [y], pads)],
  (y, a) => [makeNode("Conv", [a, "wd"], [y], { ...pads, group: 3n })],
  (y, a) => [makeNode("ConvTranspose", [a, "w3"], [y], pads)],
  (y, a) => [makeNode("Pad", [a, "pads"], [`${y}p`]), makeNode("Conv", [`${y}p`, "w3"], [y])],
];

/** A graph of so many steps, that mostly go on from the last value. */
function randomModel(seed: number, steps: number): Model {
  const next = randomWords(seed);
  const values = ["x"];
  const value = () => values[next() % 3 ? values.length - 1 : next() % values.length] as string;
  const nodes: Node[] = [];
  for (let i = 0; i < steps; i++) {
    const step = STEPS[next() % STEPS.length] as (typeof STEPS)[number];
    nodes.push(...step(`v${i}`, value(), value()));
    values.push(`v${i}`);
  }
  const others = values.slice(1, -1).filter(() => next() % 6 === 0);
  const outputs = [...others, values.at(-1) as string].map((name) => ({ name }));
  return modelOf(nodes, { inputs: [X], outputs, constants: new Map(CONSTANTS) });
}

test("300 random graphs give the same, with fewer nodes, and optimizing again does nothing", () => {
  let [before, after] = [0, 0];
  for (let seed = 1; seed <= 300; seed++) {
    const model = randomModel(seed, 1 + (seed % 14));
    const optimized = optimize(model);
    assert.deepEqual(optimized.graph.outputs, model.graph.outputs);
    assert.deepEqual(optimized.graph.inputs, model.graph.inputs);
    assert.deepEqual(inOrder(optimized.graph), optimized.graph.nodes);
    const { apart, largest } = compare(model, optimized, { x: seeded(SHAPE, seed) });
    assert.ok(apart <= 1e-4 * largest, `seed ${seed}: ${apart} of ${largest}`);
    assert.deepEqual(operators(optimize(optimized)), operators(optimized), `seed ${seed}`);
    before += model.graph.nodes.length;
    after += optimized.graph.nodes.length;
  }
  assert.ok(after < 0.8 * before, `${after} of ${before}`);
});

test("weights that are nodes become constants, however large; what would grow stays a node", () => {
  const w = floats([150, 150], new Array(22500).fill(0.5));
  const nodes = [
    makeNode("Constant", [], ["w"], { value: w }),
    makeNode("ConstantOfShape", ["extents"], ["filled"]),
    makeNode("MatMul", ["x", "w"], ["m"]),
    makeNode("Add", ["m", "filled"], ["y"]),
  ];
  const folded = foldConstants(modelOf(nodes, { constants: new Map([["extents", integers([2], [150, 150])]]) }));
  assert.deepEqual(operators(folded), ["ConstantOfShape", "MatMul", "Add"]);
  assert.deepEqual(folded.graph.constants.get("w"), w);
});

test("operators that octavo does not know stay, with all that they take and give", () => {
  const strange = (op: string, x: string, y: string) => makeNode(op, [x], [y], { level: 2n }, "some");
  const nodes = ["constructor", "toString", "Relu"].map((op, i) => strange(op, i ? `v${i}` : "x", `v${i + 1}`));
  for (const op of ["constructor", "toString", "__proto__"]) nodes.push(makeNode(op, ["v3"], [`${op}_y`]));
  const model = modelOf(nodes, { outputs: [{ name: "v3" }] });
  assert.equal(optimize(model), model);
});

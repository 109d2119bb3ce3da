// Batch norms folded into every kind of linear node, before and behind; scalings; what is not folded, and why.
import assert from "node:assert/strict";
import { test } from "node:test";
import { foldBatchNorms, keptBatchNorms, type Model } from "../../src/index.ts";
import { type Constant, makeNode, type Node } from "../../src/model/graph.ts";
import { floats, modelOf } from "../model/models.ts";
import { assertSame, operators, seeded } from "./same.ts";

type Attributes = Parameters<typeof makeNode>[3];

const TOLERANCE = 1e-5;

const PARAMETERS = ["gamma", "beta", "mean", "variance"];

function normConstants(channels: number): [string, Constant][] {
  return PARAMETERS.map((name, i) => [name, seeded([channels], 90 + i, i === 3 ? 0.1 : -2, 2)]);
}

function norm(x: string, y: string, attributes: Attributes = {}): Node {
  return makeNode("BatchNormalization", [x, ...PARAMETERS], [y], { epsilon: 1e-3, ...attributes });
}

/** A linear node of constant weights between its input and output. */
interface Case {
  readonly op: string;
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly bias?: readonly number[];
  readonly attributes?: Attributes;
  /** Channels of its output and input. */
  readonly channels: readonly [number, number];
}

const LINEAR: readonly Case[] = [
  {
    op: "Conv",
    x: [2, 3, 6, 5],
    weight: [4, 3, 3, 3],
    bias: [4],
    attributes: { pads: [1n, 1n, 1n, 1n] },
    channels: [4, 3],
  },
  { op: "Conv", x: [2, 4, 7], weight: [6, 2, 3], attributes: { group: 2n }, channels: [6, 4] },
  { op: "Conv", x: [1, 4, 5, 5], weight: [4, 1, 3, 3], bias: [4], attributes: { group: 4n }, channels: [4, 4] },
  {
    op: "ConvTranspose",
    x: [1, 4, 3, 3],
    weight: [4, 3, 2, 2],
    attributes: { group: 2n, strides: [2n, 2n] },
    channels: [6, 4],
  },
  { op: "Gemm", x: [3, 5], weight: [4, 5], bias: [4], attributes: { transB: 1n }, channels: [4, 5] },
  { op: "Gemm", x: [3, 5], weight: [5, 4], bias: [1, 4], attributes: { alpha: 0.5, beta: 2 }, channels: [4, 5] },
  { op: "Gemm", x: [3, 5], weight: [5, 4], bias: [], channels: [4, 5] },
  { op: "MatMul", x: [3, 5], weight: [5, 4], channels: [4, 5] },
];

/** Constants of the weight and bias. */
function weights({ weight, bias }: Case): [string, Constant][] {
  return [["w", seeded(weight, 1)], ...(bias ? [["b", seeded(bias, 2)] as [string, Constant]] : [])];
}

const inputsOf = (x: string, { bias }: Case) => [x, "w", ...(bias ? ["b"] : [])];

const said = (shape: readonly number[]) => ({
  inputs: [{ name: "x", format: "float32" as const, shape: ["N", ...shape.slice(1)] }],
});

const folded = (op: string) => (op === "MatMul" ? "Gemm" : op);

const nameOf = ({ op, weight, attributes = {} }: Case) => `${op} [${weight}] ${Object.keys(attributes)}`;

for (const each of LINEAR) {
  test(`folded backward: ${nameOf(each)}`, () => {
    const { op, x, attributes, channels } = each;
    const nodes = [
      makeNode(op, inputsOf("x", each), ["a"], attributes),
      norm("a", "b0"),
      makeNode("Relu", ["b0"], ["y"]),
    ];
    const model = modelOf(nodes, { ...said(x), constants: new Map([...weights(each), ...normConstants(channels[0])]) });
    const after = foldBatchNorms(model);
    assert.deepEqual(operators(after), [folded(op), "Relu"]);
    assert.deepEqual(after.graph.nodes[0]?.outputs, ["b0"]);
    assert.equal(after.graph.constants.size, 2);
    assert.deepEqual(keptBatchNorms(model), []);
    assert.equal(foldBatchNorms(after), after);
    assertSame(model, after, { x: seeded(x, 3) }, TOLERANCE);
  });
}

/** Behind a Relu, before a linear node. */
function forward(each: Case): Model {
  const { op, x, attributes, channels } = each;
  const nodes = [
    makeNode("Relu", ["x"], ["a"]),
    norm("a", "b0"),
    makeNode(op, inputsOf("b0", each), ["y"], attributes),
  ];
  return modelOf(nodes, { ...said(x), constants: new Map([...weights(each), ...normConstants(channels[1])]) });
}

const isExact = ({ op, attributes = {} }: Case) => op !== "ConvTranspose" && !("pads" in attributes);

for (const each of LINEAR.filter(isExact)) {
  test(`folded forward: ${nameOf(each)}`, () => {
    const model = forward(each);
    const after = foldBatchNorms(model);
    assert.deepEqual(operators(after), ["Relu", folded(each.op)]);
    assertSame(model, after, { x: seeded(each.x, 3) }, TOLERANCE);
  });
}

for (const each of LINEAR.filter((each) => !isExact(each))) {
  test(`not folded forward, for zeros at the border: ${nameOf(each)}`, () => {
    const model = forward(each);
    const after = foldBatchNorms(model);
    assert.deepEqual(operators(after), ["Relu", "Mul", "Add", each.op]);
    assert.match(keptBatchNorms(model)[0]?.reason ?? "", /^Relu gives "a", none of .*; [^"]*(border|taps)/);
    assertSame(model, after, { x: seeded(each.x, 3) }, TOLERANCE);
  });
}

test("a batch norm without shift is folded forward into padding too", () => {
  const each = LINEAR[0] as Case;
  const model = forward(each);
  const zero = new Float32Array(3);
  const constants = new Map([
    ...model.graph.constants,
    ["beta", floats([3], [...zero])],
    ["mean", floats([3], [...zero])],
  ] as const);
  const still = { ...model, graph: { ...model.graph, constants } };
  const after = foldBatchNorms(still);
  assert.deepEqual(operators(after), ["Relu", "Conv"]);
  assertSame(still, after, { x: seeded(each.x, 3) }, TOLERANCE);
});

test("padding that is found out at run time is padding", () => {
  const each = { ...(LINEAR[0] as Case), attributes: { auto_pad: "SAME_UPPER" } };
  assert.deepEqual(operators(foldBatchNorms(forward(each))), ["Relu", "Mul", "Add", "Conv"]);
});

test("two batch norms one behind the other, and a Conv behind both", () => {
  const each = LINEAR[0] as Case;
  const nodes = [makeNode("Conv", ["x", "w", "b"], ["a"], each.attributes), norm("a", "c"), norm("c", "y")];
  const model = modelOf(nodes, { ...said(each.x), constants: new Map([...weights(each), ...normConstants(4)]) });
  const after = foldBatchNorms(model);
  assert.deepEqual(operators(after), ["Conv"]);
  assertSame(model, after, { x: seeded(each.x, 3) }, TOLERANCE);
});

test("a weight that two convolutions share stays as it was for the other", () => {
  const each = LINEAR[0] as Case;
  const nodes = [
    makeNode("Conv", ["x", "w", "b"], ["a"], each.attributes),
    norm("a", "c"),
    makeNode("Conv", ["x", "w", "b"], ["d"], each.attributes),
    makeNode("Add", ["c", "d"], ["y"]),
  ];
  const constants = new Map([...weights(each), ...normConstants(4)]);
  const after = foldBatchNorms(modelOf(nodes, { ...said(each.x), constants }));
  assert.deepEqual(operators(after), ["Conv", "Conv", "Add"]);
  assert.equal(after.graph.constants.get("w"), constants.get("w"));
  assert.deepEqual(after.graph.nodes[0]?.inputs, ["x", "w_2", "b_2"]);
  assertSame(modelOf(nodes, { ...said(each.x), constants }), after, { x: seeded(each.x, 3) }, TOLERANCE);
});

/** Conv, batch norm, and what may stand in the way. */
function conv(change: (nodes: Node[]) => Node[], constants: [string, Constant][] = [], opset?: number): Model {
  const each = LINEAR[0] as Case;
  const nodes = change([
    makeNode("Conv", ["x", "w", "b"], ["a"], each.attributes),
    norm("a", "c"),
    makeNode("Relu", ["c"], ["y"]),
  ]);
  const all = new Map([...weights(each), ...normConstants(4), ...constants]);
  return modelOf(nodes, { ...said(each.x), constants: all }, opset);
}

const second =
  (attributes: Attributes, outputs: string[] = []) =>
  (nodes: Node[]) =>
    nodes.map((node, i) => (i === 1 ? { ...norm("a", "c", attributes), outputs: ["c", ...outputs] } : node));

const half = { format: "float16", shape: [4], data: new Uint16Array(4) } as const;

const KEPT: readonly [string, Model, RegExp, readonly string[]][] = [
  ["training mode", conv(second({ training_mode: 1n })), /training/, ["Conv", "BatchNormalization", "Relu"]],
  [
    "running statistics asked for",
    conv(second({}, ["m", "v"]), [], 9),
    /training/,
    ["Conv", "BatchNormalization", "Relu"],
  ],
  ["a mean a place", conv(second({ spatial: 0n }), [], 7), /every place/, ["Conv", "BatchNormalization", "Relu"]],
  [
    "float16 parameters",
    conv((n) => n, [["mean", half]]),
    /mean "mean" is float16/,
    ["Conv", "BatchNormalization", "Relu"],
  ],
  [
    "an output taken twice",
    conv(([c, n, r]) => [c, n, makeNode("Add", ["c", "a"], ["y"]), r].slice(0, 3) as Node[]),
    /"a" is taken elsewhere too; Add takes "c"/,
    ["Conv", "Mul", "Add", "Add"],
  ],
  [
    "a variance below zero",
    conv((n) => n, [["variance", floats([4], [1, 1, -1, 1])]]),
    /^its variance of channel 2 is -1, which is not positive with epsilon added$/,
    ["Conv", "BatchNormalization", "Relu"],
  ],
  [
    "a mean that is infinite",
    conv((n) => n, [["mean", floats([4], [1, 1, Number.POSITIVE_INFINITY, 1])]]),
    /^its mean "mean" is not finite everywhere$/,
    ["Conv", "BatchNormalization", "Relu"],
  ],
  [
    "channels that are not the weight's",
    conv((n) => n, normConstants(3)),
    /^its 3 channels are not those of the weight; Relu takes/,
    ["Conv", "Mul", "Add", "Relu"],
  ],
  [
    "weights beyond float32",
    conv((n) => n, [["gamma", floats([4], [1, 3e38, 1, 1])]]),
    /finite/,
    ["Conv", "Mul", "Add", "Relu"],
  ],
];

for (const [what, model, reason, left] of KEPT) {
  test(`kept: ${what}`, () => {
    const kept = keptBatchNorms(model);
    assert.equal(kept.length, 1);
    assert.match(kept[0]?.reason ?? "", reason);
    const after = foldBatchNorms(model);
    assert.deepEqual(operators(after), left);
    if (left.includes("BatchNormalization")) assert.equal(after, model);
  });
}

test("kept: the norm of an input becomes a product and a sum", () => {
  const x = { name: "x", format: "float32", shape: ["N", 4, "H", "W"] } as const;
  const model = modelOf([norm("x", "y")], { inputs: [x], constants: new Map(normConstants(4)) });
  const after = foldBatchNorms(model);
  assert.deepEqual(operators(after), ["Mul", "Add"]);
  assert.deepEqual(
    Array.from(after.graph.constants.values(), (constant) => "shape" in constant && constant.shape),
    [
      [4, 1, 1],
      [4, 1, 1],
    ],
  );
  assertSame(model, after, { x: seeded([2, 4, 3, 2], 7) }, TOLERANCE);
});

test("kept: an output of the graph before its norm", () => {
  const model = conv((nodes) => nodes);
  const graph = { ...model.graph, outputs: [{ name: "y" }, { name: "a" }] };
  assert.match(keptBatchNorms({ ...model, graph })[0]?.reason ?? "", /taken elsewhere/);
});

const SCALINGS: readonly [string, boolean, readonly number[]][] = [
  ["Mul", false, [1, 4, 1, 1]],
  ["Mul", true, [4, 1, 1]],
  ["Add", false, [4, 1, 1]],
  ["Add", true, []],
  ["Sub", false, [4, 1, 1]],
  ["Sub", true, [1, 1, 1]],
  ["Div", false, [4, 1, 1]],
];

for (const [op, isLeft, shape] of SCALINGS) {
  test(`a scaling folded: ${op} by [${shape}]${isLeft ? " on the left" : ""}`, () => {
    const inputs = isLeft ? ["s", "a"] : ["a", "s"];
    const model = conv(([c]) => [c as Node, makeNode(op, inputs, ["y"])], [["s", seeded(shape, 5, 0.5, 2)]]);
    const after = foldBatchNorms(model);
    assert.deepEqual(operators(after), ["Conv"]);
    assertSame(model, after, { x: seeded([2, 3, 6, 5], 3) }, TOLERANCE);
  });
}

test("a bias behind a MatMul of matrices makes it a Gemm; of more axes it stays", () => {
  for (const [x, left] of [
    [[3, 5], ["Gemm"]],
    [
      [2, 3, 5],
      ["MatMul", "Add"],
    ],
  ] as const) {
    const constants = new Map([
      ["w", seeded([5, 4], 1)],
      ["s", seeded([4], 2)],
    ] as const);
    const model = modelOf([makeNode("MatMul", ["x", "w"], ["a"]), makeNode("Add", ["a", "s"], ["y"])], {
      ...said(x),
      constants,
    });
    const after = foldBatchNorms(model);
    assert.deepEqual(operators(after), left);
    assertSame(model, after, { x: seeded(x, 3) }, TOLERANCE);
  }
});

const UNSCALED: readonly [string, string, readonly string[], Constant][] = [
  ["a constant over a product", "Div", ["s", "a"], seeded([4, 1, 1], 5)],
  ["a number for every column", "Mul", ["a", "s"], seeded([5], 5)],
  ["more axes than the product has", "Mul", ["a", "s"], seeded([1, 1, 4, 1, 1], 5)],
  ["a number for every image", "Mul", ["a", "s"], seeded([2, 1, 1, 1], 5)],
  ["a division by zero", "Div", ["a", "s"], floats([4, 1, 1], [1, 0, 1, 1])],
];

for (const [what, op, inputs, s] of UNSCALED) {
  test(`no scaling: ${what}`, () => {
    const model = conv(([c]) => [c as Node, makeNode(op, inputs, ["y"])], [["s", s]]);
    assert.equal(foldBatchNorms(model), model);
  });
}

test("an old file's constants are listed as inputs no more when they were changed", () => {
  const model = conv((nodes) => nodes);
  const names = [...model.graph.constants.keys()];
  const inputs = [...model.graph.inputs, ...names.map((name) => ({ name }))];
  const after = foldBatchNorms({ ...model, ir: 3, graph: { ...model.graph, inputs } });
  assert.deepEqual(after.graph.inputs, model.graph.inputs);
  assert.equal(after.ir, 4);
  assert.deepEqual([...after.graph.constants.keys()], ["w", "b"]);
});

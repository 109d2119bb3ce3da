// Images of codes with their channels last: the same bytes, and how many transpositions are left.
import assert from "node:assert/strict";
import { test } from "node:test";
// @ts-expect-error: it has no types
import { mobileNetV2 } from "../../bench/models.mjs";
import { type Model, quantizeModel, run, tier, useTier } from "../../src/index.ts";
import { type Constant, type Graph, makeNode, type Node } from "../../src/model/graph.ts";
import { channelsLast } from "../../src/passes/channels-last.ts";
import { randomWords } from "../kernels/harness.ts";
import { integers, modelOf } from "../model/models.ts";
import { operators, seeded } from "./same.ts";

const MICROSOFT = "com.microsoft";

/** Codes of a shape. */
function codes(shape: readonly number[], seed: number, format: "int8" | "uint8" = "uint8"): Constant {
  const next = randomWords(seed);
  const length = shape.reduce((a, b) => a * b, 1);
  const data = new (format === "int8" ? Int8Array : Uint8Array)(length);
  return { format, shape, data: data.map(() => next() >>> 24) };
}

const CONSTANTS: readonly [string, Constant][] = [
  ["s", { format: "float32", shape: [], data: Float32Array.of(0.05) }],
  ["t", { format: "float32", shape: [], data: Float32Array.of(0.08) }],
  ["z", { format: "uint8", shape: [], data: Uint8Array.of(120) }],
  ["w0", { format: "int8", shape: [], data: Int8Array.of(0) }],
];

/** A model of nodes on codes x [N, 6, 9, 8], which they give to y. */
function codesModel(nodes: readonly Node[], constants: readonly [string, Constant][] = [], graph: Partial<Graph> = {}) {
  return modelOf(nodes, {
    inputs: [{ name: "x", format: "uint8", shape: ["N", 6, 9, 8] }],
    constants: new Map([...CONSTANTS, ...constants]),
    ...graph,
  });
}

const kernels: readonly [string, Constant][] = [
  ["w", codes([10, 6, 3, 3], 1, "int8")],
  ["d", codes([10, 1, 3, 3], 2, "int8")],
  ["p", codes([6, 10, 1, 1], 3, "int8")],
  ["b", { format: "int32", shape: [10], data: Int32Array.from({ length: 10 }, (_, i) => 300 * i - 1000) }],
];

type Attributes = Parameters<typeof makeNode>[3];

function conv(x: string, w: string, y: string, attributes: Attributes = {}, bias: string[] = []): Node {
  return makeNode("QLinearConv", [x, "s", "z", w, "t", "w0", "t", "z", ...bias], [y], attributes);
}

const of = (op: string, inputs: readonly string[], y: string, attributes: Attributes = {}) =>
  makeNode(op, inputs, [y], attributes, MICROSOFT);

const PADDED = { pads: [1n, 1n, 1n, 1n] };
const ONE = ["s", "z", "t", "z"];
const add = (a: string, b: string, y: string) => of("QLinearAdd", [a, "s", "z", b, "t", "z", "t", "z"], y);

/** A model's outputs before and after, which have to be the same bytes, in every tier; the model after. */
function assertSameBytes(model: Model, shape: readonly number[] = [2, 6, 9, 8]): Model {
  const after = channelsLast(model);
  const [{ name, format } = { name: "" }] = model.graph.inputs;
  const x = format === "uint8" ? codes(shape, 9) : seeded(shape, 9);
  const home = tier();
  for (const each of new Set([home, "simd"] as const)) {
    useTier(each);
    assert.deepEqual(run(after, { [name]: x }), run(model, { [name]: x }, { observe: () => {} }));
  }
  useTier(home);
  return after;
}

const count = (model: Model, op: string) => operators(model).filter((each) => each === op).length;

/** What stands between two convolutions: transpositions are left only before the first and behind the last. */
const BETWEEN: readonly { name: string; nodes: Node[]; constants?: [string, Constant][]; left?: number }[] = [
  { name: "nothing", nodes: [makeNode("Identity", ["a"], ["c"])] },
  { name: "a pool of the largest", nodes: [makeNode("MaxPool", ["a"], ["c"], { ...PADDED, kernel_shape: [3n, 3n] })] },
  {
    name: "an average pool",
    nodes: [of("QLinearAveragePool", ["a", ...ONE], "c", { kernel_shape: [2n, 3n], strides: [1n, 2n] })],
  },
  { name: "a sum of two", nodes: [conv("x", "w", "a2", PADDED), add("a", "a2", "c")] },
  { name: "a sum with itself", nodes: [add("a", "a", "c")] },
  { name: "a sum with one a channel", nodes: [add("a", "k", "c")], constants: [["k", codes([10, 1, 1], 5)]] },
  {
    name: "a product with a number",
    nodes: [of("QLinearMul", ["k", "s", "z", "a", "t", "z", "t", "z"], "c")],
    constants: [["k", codes([1], 5)]],
  },
  {
    name: "channels weighed by their means",
    nodes: [
      of("QLinearGlobalAveragePool", ["a", ...ONE], "g"),
      of("QLinearMul", ["a", "s", "z", "g", "t", "z", "t", "z"], "c"),
    ],
  },
  {
    name: "a sum with an input",
    nodes: [
      makeNode("Concat", ["x", "x"], ["x2"], { axis: 1n }),
      makeNode("Slice", ["x2", "i0", "i10", "i1"], ["x3"]),
      add("a", "x3", "c"),
    ],
    constants: [
      ["i0", integers([1], [0])],
      ["i10", integers([1], [10])],
      ["i1", integers([1], [1])],
    ],
    left: 3,
  },
  {
    name: "functions",
    nodes: [of("QLinearSigmoid", ["a", ...ONE], "e"), of("QLinearLeakyRelu", ["e", ...ONE], "c", { alpha: 0.2 })],
  },
  {
    name: "parts put together",
    nodes: [
      conv("x", "w", "a2", PADDED),
      of("QLinearConcat", ["t", "z", "a", "s", "z", "a2", "t", "z"], "e", { axis: -3n }),
      of("QLinearAveragePool", ["e", ...ONE], "f", { kernel_shape: [1n, 1n] }),
      makeNode("QLinearConv", ["f", "s", "z", "q", "t", "w0", "t", "z"], ["c"]),
    ],
    constants: [["q", codes([10, 20, 1, 1], 6, "int8")]],
  },
  {
    name: "a border",
    nodes: [makeNode("Pad", ["a", "pads", "z"], ["c"])],
    constants: [["pads", integers([8], [0, 0, 1, 2, 0, 0, 0, -1])]],
  },
];

for (const { name, nodes, constants = [], left = 2 } of BETWEEN) {
  test(`channels stay last through ${name}`, () => {
    const first = conv("x", "w", "a", PADDED, ["b"]);
    const model = codesModel([first, ...nodes, conv("c", "p", "y")], [...kernels, ...constants]);
    const after = assertSameBytes(model);
    assert.equal(count(after, "Transpose"), left);
    assert.equal(channelsLast(after), after);
  });
}

test("strides, dilations, groups and other batches", () => {
  const [wide, depthwise] = [
    { pads: [2n, 0n, 1n, 3n], strides: [2n, 1n], dilations: [1n, 2n] },
    { group: 10n, auto_pad: "SAME_UPPER", strides: [2n, 2n] },
  ];
  const model = codesModel([conv("x", "w", "a", wide, ["b"]), conv("a", "d", "y", depthwise)], kernels);
  for (const images of [0, 1, 3]) assert.equal(count(assertSameBytes(model, [images, 6, 9, 8]), "Transpose"), 2);
});

test("images of one axis", () => {
  const nodes = [conv("x", "w", "a"), makeNode("MaxPool", ["a"], ["c"], { kernel_shape: [2n] }), conv("c", "p", "y")];
  const constants: [string, Constant][] = [
    ["w", codes([10, 6, 3], 1, "int8")],
    ["p", codes([6, 10, 1], 3, "int8")],
  ];
  const model = codesModel(nodes, constants, { inputs: [{ name: "x", format: "uint8", shape: ["N", 6, "L"] }] });
  assert.equal(count(assertSameBytes(model, [2, 6, 11]), "Transpose"), 2);
});

test("one channel, and images of one pixel, are not moved at all", () => {
  const pool = of("QLinearGlobalAveragePool", ["a", ...ONE], "g");
  const nodes = [conv("x", "w", "a"), pool, makeNode("Flatten", ["g"], ["y"])];
  const graph = { inputs: [{ name: "x", format: "uint8", shape: ["N", 1, 9, 8] }] } as const;
  const after = assertSameBytes(codesModel(nodes, [["w", codes([5, 1, 3, 3], 1, "int8")]], graph), [2, 1, 9, 8]);
  assert.equal(count(after, "Transpose"), 0);
});

test("what else takes an image gets it as it was", () => {
  const nodes = [conv("x", "w", "a"), conv("a", "p", "y"), makeNode("ReduceMax", ["a", "axes"], ["m"])];
  const outputs = [{ name: "y" }, { name: "m" }, { name: "a" }];
  const model = codesModel(nodes, [...kernels, ["axes", integers([1], [1])]], { outputs });
  assert.equal(count(assertSameBytes(model), "Transpose"), 3);
});

test("pools of float32, indices, and models without images stay as they are", () => {
  const pool = makeNode("MaxPool", ["x"], ["y", "i"], { kernel_shape: [2n, 2n] });
  const indexed = codesModel([pool], [], { outputs: [{ name: "y" }, { name: "i" }] });
  assert.equal(channelsLast(indexed), indexed);
  const floats = modelOf([makeNode("MaxPool", ["x"], ["y"], { kernel_shape: [2n, 2n] })], {
    inputs: [{ name: "x", format: "float32", shape: [1, 3, 4, 4] }],
  });
  assert.equal(channelsLast(floats), floats);
});

test("a fused activation is a clamp of codes", () => {
  const clamped = { clamp: [110n, 140n] };
  for (const [op, inputs] of [
    ["QLinearConv", ["x", "s", "z", "w", "t", "w0", "t", "z"]],
    ["QLinearAdd", ["x", "s", "z", "x", "t", "z", "t", "z"]],
  ] as const) {
    const node = (attributes: Attributes) => makeNode(op, inputs, ["y"], attributes, MICROSOFT);
    const x = codes([1, 6, 9, 8], 4);
    const [free, held] = [{}, clamped].map(
      (each) => run(codesModel([node(each)], kernels), { x }).y?.data as Uint8Array,
    );
    assert.ok(free?.some((code) => code < 110) && free.some((code) => code > 140));
    assert.deepEqual(
      held,
      free?.map((code) => Math.min(Math.max(code, 110), 140)),
    );
    for (const clamp of [[110n], [110n, 300n], [-1n, 4n], [9n, 8n]]) {
      assert.throws(
        () => run(codesModel([node({ clamp })], kernels), { x }),
        /"?clamp"? expected two codes of 0\.\.255/,
      );
    }
  }
});

test("MobileNetV2 is transposed once, at its input", async () => {
  const x = seeded([1, 3, 224, 224], 7);
  const activations = { format: "uint8", range: "minmax" } as const;
  const qoperator = await quantizeModel(mobileNetV2(), { activations, calibration: [{ x }], form: "qoperator" });
  const after = assertSameBytes(qoperator, [1, 3, 224, 224]);
  assert.equal(count(after, "Transpose"), 1);
  assert.equal(
    after.graph.nodes.findIndex(({ op }) => op === "Transpose"),
    1,
  );
});

// Nodes in old forms that later versions of their operators say in another way, with inputs for them.

import { uniformFrom } from "../../bench/data.mjs";

const uniform = uniformFrom(11);

const floats = (...shape) => {
  const length = shape.reduce((a, b) => a * b, 1);
  return { format: "float32", shape, data: Float32Array.from({ length }, () => 4 * uniform() - 2) };
};
const halves = (...shape) => {
  const { data } = floats(...shape);
  // one of -1.5, -1, ..., 1.5: their codes are easily told
  const codes = { "-1.5": 0xbe00, "-1": 0xbc00, "-0.5": 0xb800, 0: 0, 0.5: 0x3800, 1: 0x3c00, 1.5: 0x3e00 };
  const rounded = Array.from(data, (value) => codes[Math.max(-1.5, Math.min(1.5, Math.round(value * 2) / 2))] ?? 0);
  return { format: "float16", shape, data: Uint16Array.from(rounded) };
};
const integers = (shape, ...values) => ({ format: "int64", shape, data: BigInt64Array.from(values, BigInt) });
const truth = (value) => ({ format: "bool", shape: [], data: Uint8Array.of(+value) });

const attributeOf = (value) => {
  if (typeof value === "bigint") return { kind: "int", value };
  if (typeof value === "number") return { kind: "float", value };
  if (typeof value === "string") return { kind: "string", value };
  if ("nodes" in value) return { kind: "graph", value };
  return typeof value[0] === "number" ? { kind: "floats", value } : { kind: "ints", value };
};

function nodeOf(op, inputs, outputs, attributes = {}) {
  const entries = Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)]);
  return { name: "", op, domain: "", inputs, outputs, attributes: new Map(entries) };
}

const graphOf = (nodes, inputs, outputs, constants = {}) => ({
  name: "graph",
  nodes,
  inputs,
  outputs,
  values: [],
  constants: new Map(Object.entries(constants)),
});

/** A model of nodes; the format of outputs is the first input's, unless said. */
function form(name, opset, nodes, feeds, { outputs = ["y"], constants = {}, format, kinds = [] } = {}) {
  const inputs = Object.entries(feeds).map(([key, each]) => ({ name: key, format: each.format, shape: each.shape }));
  const results = outputs.map((each, i) => ({ name: each, format: kinds[i] ?? format ?? inputs[0].format }));
  const graph = graphOf(nodes, inputs, results, constants);
  const model = { graph, opsets: new Map([["", opset]]), ir: opset < 9 ? 3 : 8, metadata: new Map() };
  return { name: `${name}, opset ${opset}`, model, feeds };
}

/** A model of one node from x. */
const one = (op, opset, x, attributes, more = {}) =>
  form(
    op,
    opset,
    [nodeOf(op, ["x", ...Object.keys(more.constants ?? {})], more.outputs ?? ["y"], attributes)],
    { x },
    more,
  );

const MOST = 2n ** 63n - 1n;

/** Clip and Softmax inside the branches of an If, which take a value from around it. */
function branches() {
  const branch = (op, attributes) =>
    graphOf([nodeOf(op, ["x"], ["b"], attributes)], [], [{ name: "b", format: "float32", shape: [2, 3, 4] }]);
  const attributes = {
    then_branch: branch("Clip", { min: -0.5, max: 0.5 }),
    else_branch: branch("Softmax", { axis: 1n }),
  };
  return [true, false].map((value) =>
    form(`If ${value}`, 7, [nodeOf("If", ["c"], ["y"], attributes)], { x: floats(2, 3, 4), c: truth(value) }),
  );
}

const image = floats(1, 2, 4, 6);

export const FORMS = [
  ...branches(),
  one("Clip", 7, floats(20), { min: -1, max: 0.5 }),
  one("Clip", 9, floats(20), { max: 0.5 }),
  one("Clip", 7, halves(20), { min: -0.5 }),
  one("Clip", 9, floats(20), {}),
  one("Pad", 7, floats(2, 3), { pads: [1n, 0n, 0n, 2n], value: 1.5 }),
  one("Pad", 7, floats(2, 3), { pads: [0n, 1n, 0n, 1n], mode: "reflect" }),
  one("Slice", 7, floats(5, 6), { starts: [1n, -3n], ends: [MOST, -1n] }),
  one("Slice", 9, floats(5, 6), { starts: [1n], ends: [MOST], axes: [1n] }),
  ...["Softmax", "LogSoftmax", "Hardmax"].flatMap((op) =>
    [{}, { axis: 0n }, { axis: 1n }, { axis: 2n }].map((attributes) => one(op, 9, floats(2, 3, 4), attributes)),
  ),
  one("Softmax", 11, floats(2, 3, 4), { axis: -2n }),
  one("Squeeze", 7, floats(1, 3, 1), { axes: [0n] }),
  one("Squeeze", 11, floats(1, 3, 1), {}),
  one("Unsqueeze", 11, floats(2, 3), { axes: [0n, -1n] }),
  one("Split", 7, floats(2, 6), { axis: 1n, split: [2n, 4n] }, { outputs: ["y", "z"] }),
  one("Split", 11, floats(2, 6), { axis: -1n }, { outputs: ["y", "z", "w"] }),
  ...["L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"].flatMap((kind) => [
    one(`Reduce${kind}`, 7, floats(2, 3, 4), { axes: [0n, 2n] }),
    one(`Reduce${kind}`, 11, floats(2, 3, 4), { axes: [-1n], keepdims: 0n }),
    one(`Reduce${kind}`, 13, floats(2, 3, 4), kind === "Sum" ? {} : { keepdims: 0n }),
  ]),
  one("Dropout", 7, floats(10), { ratio: 0.25 }),
  one("Dropout", 9, floats(10), {}, { outputs: ["y"] }),
  one("TopK", 7, floats(3, 5), { k: 2n }, { outputs: ["y", "i"], kinds: ["float32", "int64"] }),
  one("Upsample", 7, image, { scales: [1, 1, 2, 2.5] }),
  one("Upsample", 7, image, { scales: [1, 1, 2, 2], mode: "linear" }),
  one(
    "Upsample",
    9,
    image,
    { mode: "nearest" },
    { constants: { s: { format: "float32", shape: [4], data: Float32Array.of(1, 1, 3, 1.5) } } },
  ),
  one(
    "Resize",
    10,
    image,
    { mode: "linear" },
    { constants: { s: { format: "float32", shape: [4], data: Float32Array.of(1, 1, 0.5, 2) } } },
  ),
  one(
    "Resize",
    10,
    image,
    { mode: "nearest" },
    { constants: { s: { format: "float32", shape: [4], data: Float32Array.of(1, 1, 0.7, 0.6) } } },
  ),
  one(
    "Resize",
    10,
    image,
    { mode: "nearest" },
    { constants: { s: { format: "float32", shape: [4], data: Float32Array.of(1, 1, 1.7, 2.4) } } },
  ),
  one(
    "Resize",
    11,
    image,
    { mode: "cubic" },
    {
      constants: {
        roi: { format: "float32", shape: [0], data: new Float32Array(0) },
        s: { format: "float32", shape: [0], data: new Float32Array(0) },
        sizes: integers([4], 1, 2, 7, 5),
      },
    },
  ),
  one("Flatten", 7, floats(2, 3, 4), { axis: 2n }),
  one("PRelu", 7, floats(2, 3, 4), {}, { constants: { slope: floats(3, 1) } }),
  one(
    "BatchNormalization",
    7,
    image,
    { epsilon: 0.001 },
    {
      constants: {
        scale: floats(2),
        b: floats(2),
        mean: floats(2),
        variance: { format: "float32", shape: [2], data: Float32Array.of(1, 2) },
      },
    },
  ),
  one(
    "BatchNormalization",
    9,
    image,
    { epsilon: 0.001 },
    {
      constants: {
        scale: floats(2),
        b: floats(2),
        mean: floats(2),
        variance: { format: "float32", shape: [2], data: Float32Array.of(1, 2) },
      },
    },
  ),
  one("AveragePool", 7, image, { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n], strides: [2n, 1n] }),
  one("MaxPool", 7, image, { kernel_shape: [2n, 3n], auto_pad: "SAME_UPPER" }),
  one(
    "ConvTranspose",
    7,
    image,
    { strides: [2n, 2n], pads: [1n, 0n, 1n, 0n] },
    { constants: { w: floats(2, 3, 3, 3) } },
  ),
  one("Gemm", 7, floats(2, 3), { beta: 0.5 }, { constants: { w: floats(3, 4), c: floats(4) } }),
  one("ArgMax", 7, floats(3, 4), { axis: 1n }, { format: "int64" }),
  one("DepthToSpace", 7, floats(1, 8, 2, 3), { blocksize: 2n }),
  one("InstanceNormalization", 7, image, {}, { constants: { scale: floats(2), b: floats(2) } }),
  one(
    "LSTM",
    7,
    floats(3, 2, 4),
    { hidden_size: 5n },
    { constants: { w: floats(1, 20, 4), r: floats(1, 20, 5) }, outputs: ["y", "h"] },
  ),
  one(
    "GRU",
    7,
    floats(3, 2, 4),
    { hidden_size: 5n },
    { constants: { w: floats(1, 15, 4), r: floats(1, 15, 5) }, outputs: ["y", "h"] },
  ),
  one("Scatter", 9, floats(3, 3), { axis: 1n }, { constants: { i: integers([3, 1], 0, 2, 1), u: floats(3, 1) } }),
  one(
    "RoiAlign",
    10,
    floats(1, 1, 8, 8),
    { output_height: 2n, output_width: 3n, spatial_scale: 0.5 },
    {
      constants: {
        rois: { format: "float32", shape: [1, 4], data: Float32Array.of(1, 1, 12, 13) },
        i: integers([1], 0),
      },
    },
  ),
  ...["bilinear", "bicubic", "nearest"].map((mode) =>
    one("GridSample", 16, floats(1, 1, 4, 4), { mode }, { constants: { grid: floats(1, 3, 3, 2) } }),
  ),
  form(
    "GroupNormalization",
    18,
    [nodeOf("GroupNormalization", ["x", "scale", "b"], ["y"], { num_groups: 2n })],
    { x: floats(2, 6, 3) },
    { constants: { scale: floats(2), b: floats(2) } },
  ),
  one("DFT", 17, floats(1, 4, 3, 1), { axis: 1n }),
];

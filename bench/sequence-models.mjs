// Networks of words and sounds with seeded weights, in the nodes that exporters write: norms and activations scattered, shapes
// computed with nodes of their own.

import { floats } from "./data.mjs";
import { Builder, listedExtent } from "./models.mjs";

const ids = (name) => ({ name, format: "int64", shape: ["batch", "length"] });

const silu = (b, x) => b.node("Mul", [x, b.node("Sigmoid", [x])]);

/** x W^T + bias, as exporters of PyTorch have it for more than two axes: the weight is turned round. */
function linear(b, x, inputs, outputs) {
  const w = b.node("Transpose", [b.weight([outputs, inputs])], { perm: [1n, 0n] });
  return b.node("Add", [b.bias(outputs), b.node("MatMul", [x, w])]);
}

/** Layer norm in nine nodes. */
function layerNorm(b, x, width) {
  const mean = (value) => b.node("ReduceMean", [value], { axes: [-1n] });
  const centred = b.node("Sub", [x, mean(x)]);
  const variance = mean(b.node("Pow", [centred, b.scalar(2)]));
  const root = b.node("Sqrt", [b.node("Add", [variance, b.scalar(1e-12)])]);
  const gamma = b.constant(
    `g${b.nodes.length}`,
    [width],
    floats(width, "uniform", b.nodes.length).map((v) => 1 + 0.1 * v),
  );
  return b.node("Add", [b.node("Mul", [b.node("Div", [centred, root]), gamma]), b.bias(width)]);
}

/** Gelu in five nodes. */
function gelu(b, x) {
  const erf = b.node("Erf", [b.node("Div", [x, b.scalar(Math.SQRT2)])]);
  return b.node("Mul", [b.node("Mul", [x, b.node("Add", [erf, b.scalar(1)])]), b.scalar(0.5)]);
}

const extent = (b, x, axis) => b.node("Gather", [b.node("Shape", [x]), b.integer(axis)], { axis: 0n });

/** A shape of extents and numbers. */
function shapeOf(b, ...extents) {
  const parts = extents.map((each) =>
    typeof each === "number" ? b.integers(each) : b.node("Unsqueeze", [each], { axes: [0n] }),
  );
  return b.node("Concat", parts, { axis: 0n });
}

/** Self attention of heads, with a mask that is added. */
function attention(b, x, mask, { width, heads }) {
  const split = (value, perm) => {
    const shape = shapeOf(b, extent(b, value, 0), extent(b, value, 1), heads, width / heads);
    return b.node("Transpose", [b.node("Reshape", [value, shape])], { perm });
  };
  const q = split(linear(b, x, width, width), [0n, 2n, 1n, 3n]);
  const k = split(linear(b, x, width, width), [0n, 2n, 3n, 1n]);
  const v = split(linear(b, x, width, width), [0n, 2n, 1n, 3n]);
  const scores = b.node("Div", [b.node("MatMul", [q, k]), b.scalar(Math.sqrt(width / heads))]);
  const weights = b.node("Softmax", [b.node("Add", [scores, mask])], { axis: 3n });
  const mixed = b.node("Transpose", [b.node("MatMul", [weights, v])], { perm: [0n, 2n, 1n, 3n] });
  const joined = b.node("Reshape", [mixed, shapeOf(b, extent(b, mixed, 0), extent(b, mixed, 1), width)]);
  return linear(b, joined, width, width);
}

const WORDS = 1000;
const POSITIONS = 512;

/** An encoder of the size of MiniLM-L6 but for its words: 6 layers, 384 wide; in the nodes that PyTorch writes for opset 11. */
export function bert({ width = 384, heads = 12, layers = 6 } = {}) {
  const b = new Builder();
  const table = (rows) =>
    b.constant(
      `t${rows}`,
      [rows, width],
      floats(rows * width, "normal", rows).map((v) => 0.05 * v),
    );
  const positions = b.integers(...Array.from({ length: POSITIONS }, (_, i) => i));
  const row = b.node("Unsqueeze", [positions], { axes: [0n] });
  const length = b.node("Unsqueeze", [extent(b, "ids", 1)], { axes: [0n] });
  const here = b.node("Slice", [row, b.integers(0), length, b.integers(1), b.integers(1)]);
  const embed = (indices, rows) => b.node("Gather", [table(rows), indices]);
  const sum = b.node("Add", [b.node("Add", [embed("ids", WORDS), embed("types", 2)]), embed(here, POSITIONS)]);
  const wide = b.node("Unsqueeze", [b.node("Unsqueeze", ["mask"], { axes: [1n] })], { axes: [2n] });
  const blocked = b.node("Sub", [b.scalar(1), b.node("Cast", [wide], { to: 1n })]);
  const mask = b.node("Mul", [blocked, b.scalar(-10000)]);
  let x = layerNorm(b, sum, width);
  for (let i = 0; i < layers; i++) {
    x = layerNorm(b, b.node("Add", [attention(b, x, mask, { width, heads }), x]), width);
    const inside = gelu(b, linear(b, x, width, 4 * width));
    x = layerNorm(b, b.node("Add", [linear(b, inside, 4 * width, width), x]), width);
  }
  const first = b.node("Gather", [x, b.integer(0)], { axis: 1n });
  const pooled = b.node("Tanh", [b.node("Gemm", [first, b.weight([width, width]), b.bias(width)], { transB: 1n })]);
  return b.model("bert", 11, [ids("ids"), ids("mask"), ids("types")], [{ name: x }, { name: pooled }]);
}

/** A recurrence of both directions as PyTorch writes it: [time, batch, width] in and out, its state made of zeros. */
function recurrent(b, op, x, { width, hidden, attributes = {} }) {
  const gates = op === "LSTM" ? 4 : 3;
  const state = b.node("Concat", [b.integers(2), listedExtent(b, x, 1), b.integers(hidden)], { axis: 0n });
  const zeros = b.node("Expand", [
    b.constant(`z${b.nodes.length}`, [2, 1, hidden], new Float32Array(2 * hidden)),
    state,
  ]);
  const weights = [
    [2, gates * hidden, width],
    [2, gates * hidden, hidden],
    [2, 8 * hidden],
  ].map((shape, i) => {
    const length = shape.reduce((product, each) => product * each, 1);
    const values = floats(length, "uniform", b.nodes.length + i).map((value) => value / Math.sqrt(hidden));
    return b.constant(
      `r${b.nodes.length}.${i}`,
      i === 2 ? [2, 2 * gates * hidden] : shape,
      values.subarray(0, i === 2 ? 4 * gates * hidden : length),
    );
  });
  const inputs = [x, ...weights, "", zeros, ...(op === "LSTM" ? [zeros] : [])];
  const [y] = b.nodeOf(op, inputs, { direction: "bidirectional", hidden_size: BigInt(hidden), ...attributes }, 2);
  const across = b.node("Transpose", [y], { perm: [0n, 2n, 1n, 3n] });
  return b.node("Reshape", [across, b.integers(0, 0, -1)]);
}

/** A speech network: two convolutions over time, an LSTM and a GRU of both directions, letters of each frame. */
export function speech() {
  const b = new Builder();
  const along = (x, channels, outputs) => {
    const w = b.weight([outputs, channels, 5]);
    return b.node("Relu", [
      b.node("Conv", [x, w, b.bias(outputs)], { kernel_shape: [5n], strides: [2n], pads: [2n, 2n] }),
    ]);
  };
  const frames = b.node("Transpose", ["x"], { perm: [0n, 2n, 1n] });
  const features = b.node("Transpose", [along(along(frames, 40, 96), 96, 128)], { perm: [2n, 0n, 1n] });
  const heard = recurrent(b, "LSTM", features, { width: 128, hidden: 96 });
  const told = recurrent(b, "GRU", heard, { width: 192, hidden: 64, attributes: { linear_before_reset: 1n } });
  const letters = b.node("LogSoftmax", [linear(b, told, 128, 29)], { axis: 2n });
  const best = b.node("ArgMax", [letters], { axis: 2n, keepdims: 0n });
  return b.model(
    "speech",
    14,
    [{ name: "x", format: "float32", shape: ["batch", "frames", 40] }],
    [{ name: letters }, { name: best, format: "int64" }],
  );
}

/** Half of each pair of numbers turned against the other by what the cosines and sines say. */
function rotate(b, x, cos, sin, width) {
  const part = (from, to) => b.node("Slice", [x, b.integers(from), b.integers(to), b.integers(3), b.integers(1)]);
  const turned = b.node("Concat", [b.node("Neg", [part(width / 2, 2 ** 31)]), part(0, width / 2)], { axis: -1n });
  return b.node("Add", [b.node("Mul", [x, cos]), b.node("Mul", [turned, sin])]);
}

/** Root mean square norm in six nodes. */
function rmsNorm(b, x, width) {
  const mean = b.node("ReduceMean", [b.node("Pow", [x, b.scalar(2)]), b.integers(-1)], { keepdims: 1n });
  const root = b.node("Sqrt", [b.node("Add", [mean, b.scalar(1e-6)])]);
  return b.node("Mul", [b.bias(width), b.node("Mul", [x, b.node("Reciprocal", [root])])]);
}

/** A decoder of the kind of Llama's, opset 18: rotary positions, fewer keys than queries, a mask from positions, a cache in and out. */
export function decoder({ width = 256, heads = 8, shared = 2, layers = 3 } = {}) {
  const b = new Builder();
  const each = width / heads;
  const caches = [];
  const inputs = [ids("ids")];
  const past = (name) => {
    inputs.push({ name, format: "float32", shape: ["batch", shared, "past", each] });
    return name;
  };
  const table = b.constant(
    "words",
    [WORDS, width],
    floats(WORDS * width, "normal", 1).map((value) => 0.5 * value),
  );
  let x = b.node("Gather", [table, "ids"]);
  const before = b.node("Squeeze", [listedExtent(b, past("past.0.k"), 2), b.integers(0)]);
  const now = b.node("Squeeze", [listedExtent(b, "ids", 1), b.integers(0)]);
  const total = b.node("Add", [before, now]);
  const rows = b.node("Unsqueeze", [b.node("Range", [before, total, b.integer(1)]), b.integers(1)]);
  const columns = b.node("Unsqueeze", [b.node("Range", [b.integer(0), total, b.integer(1)]), b.integers(0)]);
  const mask = b.node("Where", [b.node("Greater", [columns, rows]), b.scalar(-3.4e38), b.scalar(0)]);
  const frequencies = Float32Array.from({ length: each / 2 }, (_, i) => 10000 ** ((-2 * i) / each));
  const angles = b.node("Mul", [
    b.node("Cast", [rows], { to: 1n }),
    b.constant("frequencies", [1, each / 2], frequencies),
  ]);
  const both = b.node("Concat", [angles, angles], { axis: -1n });
  const [cos, sin] = [b.node("Cos", [both]), b.node("Sin", [both])];
  const project = (value, outputs) =>
    b.node("MatMul", [value, b.node("Transpose", [b.weight([outputs, width])], { perm: [1n, 0n] })]);
  const split = (value, count) =>
    b.node("Transpose", [b.node("Reshape", [value, b.integers(0, 0, count, each)])], { perm: [0n, 2n, 1n, 3n] });
  const repeat = (value) => {
    const shape = [
      listedExtent(b, value, 0),
      b.integers(shared, heads / shared),
      listedExtent(b, value, 2),
      b.integers(each),
    ];
    const wide = b.node("Expand", [b.node("Unsqueeze", [value, b.integers(2)]), b.node("Concat", shape, { axis: 0n })]);
    const flat = [listedExtent(b, value, 0), b.integers(heads), listedExtent(b, value, 2), b.integers(each)];
    return b.node("Reshape", [wide, b.node("Concat", flat, { axis: 0n })]);
  };
  for (let i = 0; i < layers; i++) {
    const h = rmsNorm(b, x, width);
    const q = rotate(b, split(project(h, width), heads), cos, sin, each);
    const fresh = rotate(b, split(project(h, shared * each), shared), cos, sin, each);
    const k = b.node("Concat", [i === 0 ? "past.0.k" : past(`past.${i}.k`), fresh], { axis: 2n });
    const v = b.node("Concat", [past(`past.${i}.v`), split(project(h, shared * each), shared)], { axis: 2n });
    caches.push({ name: k }, { name: v });
    const keys = b.node("Transpose", [repeat(k)], { perm: [0n, 1n, 3n, 2n] });
    const scores = b.node("Mul", [b.node("MatMul", [q, keys]), b.scalar(1 / Math.sqrt(each))]);
    const weights = b.node("Softmax", [b.node("Add", [scores, mask])], { axis: -1n });
    const mixed = b.node("Transpose", [b.node("MatMul", [weights, repeat(v)])], { perm: [0n, 2n, 1n, 3n] });
    x = b.node("Add", [x, project(b.node("Reshape", [mixed, b.integers(0, 0, -1)]), width)]);
    const again = rmsNorm(b, x, width);
    const gated = b.node("Mul", [silu(b, linear(b, again, width, 2 * width)), linear(b, again, width, 2 * width)]);
    x = b.node("Add", [x, linear(b, gated, 2 * width, width)]);
  }
  const logits = b.node("MatMul", [rmsNorm(b, x, width), b.weight([width, WORDS])]);
  return b.model("decoder", 18, inputs, [{ name: logits }, ...caches]);
}

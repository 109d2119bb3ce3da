// Models of architectures other than mobileNetV2's, with seeded weights, in the nodes that exporters write: shapes computed with
// nodes of their own, norms and activations scattered.

import { floats } from "./data.mjs";
import { Builder, convolution } from "./models.mjs";

const image = (...shape) => ({ name: "x", format: "float32", shape });
const ids = (name) => ({ name, format: "int64", shape: ["batch", "length"] });

/** A batch norm that is still there. */
function batchNorm(b, x, channels) {
  const numbers = (what, of) =>
    b.constant(`${what}${b.nodes.length}`, [channels], floats(channels, "uniform", b.nodes.length).map(of));
  const near1 = (value) => 1 + 0.3 * value;
  const small = (value) => 0.1 * value;
  return b.node("BatchNormalization", [
    x,
    numbers("g", near1),
    numbers("o", small),
    numbers("m", small),
    numbers("v", near1),
  ]);
}

const silu = (b, x) => b.node("Mul", [x, b.node("Sigmoid", [x])]);

/** Convolution, batch norm and SiLU. */
function normed(b, x, size, activate = silu) {
  return activate(b, batchNorm(b, convolution(b, x, size), size.outputs));
}

const keep = (_, x) => x;

/** Blocks of EfficientNet-B0: how much wider inside, outputs, how many, stride of the first, kernel. */
const EFFICIENTNET_B0 = [
  [1, 16, 1, 1, 3],
  [6, 24, 2, 2, 3],
  [6, 40, 2, 2, 5],
  [6, 80, 3, 2, 3],
  [6, 112, 3, 1, 5],
  [6, 192, 4, 2, 5],
  [6, 320, 1, 1, 3],
];

/** Channels scaled by what a small network makes of their means. */
function squeezeExcite(b, x, channels, inside) {
  const mean = b.node("ReduceMean", [x], { axes: [2n, 3n], keepdims: 1n });
  const small = silu(b, convolution(b, mean, { channels, outputs: inside, kernel: 1 }));
  const wide = convolution(b, small, { channels: inside, outputs: channels, kernel: 1 });
  return b.node("Mul", [b.node("Sigmoid", [wide]), x]);
}

/** EfficientNet-B0 of 1000 classes. */
export function efficientNetB0() {
  const b = new Builder();
  let channels = 32;
  let x = normed(b, "x", { channels: 3, outputs: channels, kernel: 3, stride: 2 });
  for (const [factor, outputs, count, stride, kernel] of EFFICIENTNET_B0) {
    for (let i = 0; i < count; i++) {
      const inside = channels * factor;
      const wide = factor === 1 ? x : normed(b, x, { channels, outputs: inside, kernel: 1 });
      const size = { channels: inside, outputs: inside, groups: inside, kernel, stride: i === 0 ? stride : 1 };
      const excited = squeezeExcite(b, normed(b, wide, size), inside, Math.max(1, channels / 4));
      const narrow = normed(b, excited, { channels: inside, outputs, kernel: 1 }, keep);
      x = i === 0 ? narrow : b.node("Add", [narrow, x]);
      channels = outputs;
    }
  }
  const top = normed(b, x, { channels, outputs: 1280, kernel: 1 });
  const flat = b.node("Flatten", [b.node("GlobalAveragePool", [top])], { axis: 1n });
  const y = b.node("Gemm", [flat, b.weight([1000, 1280]), b.bias(1000)], { transB: 1n });
  return b.model("efficientnet-b0", 13, [image("batch", 3, 224, 224)], [{ name: y }]);
}

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

/** Half of the channels on their own way through two convolutions, all that comes by kept. */
function crossStage(b, x, { channels, outputs, count, residual }) {
  const half = outputs / 2;
  const wide = normed(b, x, { channels, outputs, kernel: 1 });
  const kept = [...b.nodeOf("Split", [wide, b.integers(half, half)], { axis: 1n }, 2)];
  for (let i = 0; i < count; i++) {
    const last = kept.at(-1);
    const size = { channels: half, outputs: half, kernel: 3 };
    const next = normed(b, normed(b, last, size), size);
    kept.push(residual ? b.node("Add", [last, next]) : next);
  }
  const all = b.node("Concat", kept, { axis: 1n });
  return normed(b, all, { channels: half * kept.length, outputs, kernel: 1 });
}

/** Pools of growing windows beside each other. */
function pyramidPool(b, x, channels) {
  const levels = [normed(b, x, { channels, outputs: channels / 2, kernel: 1 })];
  const pool = { kernel_shape: [5n, 5n], strides: [1n, 1n], pads: [2n, 2n, 2n, 2n], ceil_mode: 0n };
  for (let i = 0; i < 3; i++) levels.push(b.node("MaxPool", [levels.at(-1)], pool));
  return normed(b, b.node("Concat", levels, { axis: 1n }), { channels: channels * 2, outputs: channels, kernel: 1 });
}

function twice(b, x) {
  const scales = b.constant(`scales${b.nodes.length}`, [4], Float32Array.of(1, 1, 2, 2));
  const how = { coordinate_transformation_mode: "asymmetric", mode: "nearest", nearest_mode: "floor" };
  return b.node("Resize", [x, "", scales], how);
}

const BINS = 16;
const CLASSES = 80;

/** What a level tells of its boxes and classes: [batch, 4 * bins + classes, places]. */
function headOf(b, x, channels) {
  const tower = (outputs) => {
    const size = { channels, outputs: channels, kernel: 3 };
    return convolution(b, normed(b, x, size), { channels, outputs, kernel: 1 });
  };
  const both = b.node("Concat", [tower(4 * BINS), tower(CLASSES)], { axis: 1n });
  return b.node("Reshape", [
    both,
    b.node("Concat", [listedExtent(b, both, 0), b.integers(4 * BINS + CLASSES, -1)], { axis: 0n }),
  ]);
}

/** An extent as a list of one. */
const listedExtent = (b, x, axis) => b.node("Gather", [b.node("Shape", [x]), b.integers(axis)], { axis: 0n });

/** The mean distance of each side: softmax over bins, then a convolution that weighs them. */
function distances(b, boxes) {
  const shape = b.node("Concat", [listedExtent(b, boxes, 0), b.integers(4, BINS, -1)], { axis: 0n });
  const bins = b.node("Transpose", [b.node("Reshape", [boxes, shape])], { perm: [0n, 2n, 1n, 3n] });
  const weights = b.constant(
    "bins",
    [1, BINS, 1, 1],
    Float32Array.from({ length: BINS }, (_, i) => i),
  );
  const mean = b.node("Conv", [b.node("Softmax", [bins], { axis: 1n }), weights]);
  return b.node("Reshape", [mean, b.node("Concat", [listedExtent(b, mean, 0), b.integers(4, -1)], { axis: 0n })]);
}

/** A detector in the shape of YOLOv8n, 320 x 320 pixels: three levels, up and down again; boxes and classes in one output. */
export function yolo() {
  const b = new Builder();
  const down = (x, channels, outputs) => normed(b, x, { channels, outputs, kernel: 3, stride: 2 });
  const stage = (x, channels, outputs, count, residual) => crossStage(b, x, { channels, outputs, count, residual });
  const join = (...parts) => b.node("Concat", parts, { axis: 1n });
  const p3 = stage(down(stage(down(down("x", 3, 16), 16, 32), 32, 32, 1, true), 32, 64), 64, 64, 2, true);
  const p4 = stage(down(p3, 64, 128), 128, 128, 2, true);
  const p5 = pyramidPool(b, stage(down(p4, 128, 256), 256, 256, 1, true), 256);
  const up4 = stage(join(twice(b, p5), p4), 384, 128, 1, false);
  const out3 = stage(join(twice(b, up4), p3), 192, 64, 1, false);
  const out4 = stage(join(down(out3, 64, 64), up4), 192, 128, 1, false);
  const out5 = stage(join(down(out4, 128, 128), p5), 384, 256, 1, false);
  const heads = [headOf(b, out3, 64), headOf(b, out4, 128), headOf(b, out5, 256)];
  const [boxes, classes] = b.nodeOf(
    "Split",
    [b.node("Concat", heads, { axis: 2n }), b.integers(4 * BINS, CLASSES)],
    { axis: 1n },
    2,
  );
  const sides = distances(b, boxes);
  const part = (from, to) => b.node("Slice", [sides, b.integers(from), b.integers(to), b.integers(1), b.integers(1)]);
  const places = 40 * 40 + 20 * 20 + 10 * 10;
  const anchors = b.constant(
    "anchors",
    [1, 2, places],
    floats(2 * places, "uniform", 5).map((value) => 20 + 20 * value),
  );
  const [low, high] = [b.node("Sub", [anchors, part(0, 2)]), b.node("Add", [anchors, part(2, 4)])];
  const centre = b.node("Div", [b.node("Add", [low, high]), b.scalar(2)]);
  const box = b.node("Mul", [join(centre, b.node("Sub", [high, low])), b.scalar(8)]);
  return b.model("yolo", 13, [image("batch", 3, 320, 320)], [{ name: join(box, b.node("Sigmoid", [classes])) }]);
}

const relu = (b, x) => b.node("Relu", [x]);

/** Twice as wide and high; padded to what it is to be joined with, as PyTorch's U-Nets do. */
function spread(b, x, other, channels) {
  const w = b.weight([channels, channels / 2, 2, 2]);
  const wide = b.node("ConvTranspose", [x, w, b.bias(channels / 2)], { kernel_shape: [2n, 2n], strides: [2n, 2n] });
  const missing = (axis) => b.node("Sub", [listedExtent(b, other, axis), listedExtent(b, wide, axis)]);
  const before = (axis) => b.node("Div", [missing(axis), b.integers(2)]);
  const after = (axis) => b.node("Sub", [missing(axis), before(axis)]);
  const none = b.integers(0, 0);
  const pads = b.node("Concat", [none, before(2), before(3), none, after(2), after(3)], { axis: 0n });
  return b.node("Concat", [other, b.node("Pad", [wide, pads, b.scalar(0)], { mode: "constant" })], { axis: 1n });
}

/** A U-Net of three levels for images of any size. */
export function uNet() {
  const b = new Builder();
  const double = (x, channels, outputs) =>
    normed(b, normed(b, x, { channels, outputs, kernel: 3 }, relu), { channels: outputs, outputs, kernel: 3 }, relu);
  const pool = (x) => b.node("MaxPool", [x], { kernel_shape: [2n, 2n], strides: [2n, 2n] });
  const first = double("x", 3, 32);
  const second = double(pool(first), 32, 64);
  const third = double(pool(second), 64, 128);
  const up2 = double(spread(b, third, second, 128), 128, 64);
  const up1 = double(spread(b, up2, first, 64), 64, 32);
  const mask = b.node("Sigmoid", [convolution(b, up1, { channels: 32, outputs: 1, kernel: 1 })]);
  const size = b.node(
    "Concat",
    [b.node("Slice", [b.node("Shape", ["x"]), b.integers(0), b.integers(1)]), b.integers(1, 64, 64)],
    { axis: 0n },
  );
  const how = { mode: "linear", coordinate_transformation_mode: "align_corners" };
  return b.model(
    "u-net",
    13,
    [image("batch", 3, "height", "width")],
    [{ name: mask }, { name: b.node("Resize", [mask, "", "", size], how) }],
  );
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
    return relu(b, b.node("Conv", [x, w, b.bias(outputs)], { kernel_shape: [5n], strides: [2n], pads: [2n, 2n] }));
  };
  const frames = b.node("Transpose", ["x"], { perm: [0n, 2n, 1n] });
  const features = b.node("Transpose", [along(along(frames, 40, 96), 96, 128)], { perm: [2n, 0n, 1n] });
  const heard = recurrent(b, "LSTM", features, { width: 128, hidden: 96 });
  const told = recurrent(b, "GRU", heard, { width: 192, hidden: 64, attributes: { linear_before_reset: 1n } });
  const letters = b.node("LogSoftmax", [linear(b, told, 128, 29)], { axis: 2n });
  const best = b.node("ArgMax", [letters], { axis: 2n, keepdims: 0n });
  return b.model("speech", 14, [image("batch", "frames", 40)], [{ name: letters }, { name: best, format: "int64" }]);
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

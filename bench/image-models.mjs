// Image networks with seeded weights, in the nodes that exporters write: norms and activations apart, shapes computed with nodes
// of their own.

import { floats } from "./data.mjs";
import { Builder, convolution, listedExtent } from "./models.mjs";

const image = (...shape) => ({ name: "x", format: "float32", shape });

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

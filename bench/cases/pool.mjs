// Pooling and softmax of uint8 beside onnxruntime-web. Global averages and maxima are the same code for code; averages over
// windows and softmax may be a step apart, for onnxruntime adds up dequantized floats, and has another table.

import { bytes } from "../data.mjs";
import { assertNear, duel } from "../duel.mjs";
import { oneNode } from "../onnx.mjs";
import { scalar, sizeOf } from "../operands.mjs";

const CONTRIBUTED = "com.microsoft";
const SCALE = 0.05;
const ZERO = 117;

/** Scales and zeros of input and output, as the contributed operators take them. */
function constants(outputScale, outputZero) {
  return {
    x_scale: scalar(Float32Array.of(SCALE)),
    x_zero: scalar(Uint8Array.of(ZERO)),
    y_scale: scalar(Float32Array.of(outputScale)),
    y_zero: scalar(Uint8Array.of(outputZero)),
  };
}

const images = (shape) => ({
  format: "uint8",
  shape,
  data: bytes(sizeOf(shape)),
  scale: Float32Array.of(SCALE),
  zero: Int32Array.of(ZERO),
});

/** Channels to the second axis: what an operator without channels last is given. */
function channelsFirst({ data, shape: [, h, w, c] }) {
  const size = h * w;
  return data.map((_, i) => {
    const [pixel, channel, image] = [i % size, Math.floor(i / size) % c, Math.floor(i / (size * c))];
    return data[(image * size + pixel) * c + channel];
  });
}

function race(bench, { work, asked }, call, model, { data, shape }, check) {
  return duel(
    bench,
    { work, asked, values: data.length },
    call,
    { model, input: { type: "uint8", shape, data: [data] } },
    check,
  );
}

function globalAverage(shape) {
  return (bench) => {
    const x = images(shape);
    const output = [shape[0], 1, 1, shape[3]];
    const model = oneNode("QLinearGlobalAveragePool", {
      input: { name: "x", type: Uint8Array, shape },
      outputs: [{ name: "y", type: Uint8Array, shape: output }],
      constants: constants(0.02, 100),
      attributes: { channels_last: 1 },
      domain: CONTRIBUTED,
    });
    const call = () => bench.octavo.globalAveragePool(x, { scale: 0.02, zero: 100 });
    const check = (ours, [theirs]) => assertNear(ours.data, theirs, 0);
    const work = `global average pool u8 [${shape.join(", ")}]`;
    return race(bench, { work, asked: 2 }, call, model, x, check);
  };
}

const WINDOW = { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
const WINDOW_ATTRIBUTES = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
const IMAGE = [1, 112, 112, 64];

async function maxPool(bench) {
  const x = images(IMAGE);
  const shape = [1, 64, 112, 112];
  const model = oneNode("MaxPool", {
    input: { name: "x", type: Uint8Array, shape },
    outputs: [{ name: "y", type: Uint8Array, shape: [1, 64, 56, 56] }],
    attributes: WINDOW_ATTRIBUTES,
  });
  const call = () => bench.octavo.maxPool2d(x, WINDOW);
  const check = (ours, [theirs]) => assertNear(channelsFirst(ours), theirs, 0);
  const work = "max pool u8 3x3 / 2, 112x112x64 (rival: NCHW)";
  return race(bench, { work }, call, model, { data: channelsFirst(x), shape }, check);
}

async function averagePool(bench) {
  const x = images(IMAGE);
  const model = oneNode("QLinearAveragePool", {
    input: { name: "x", type: Uint8Array, shape: IMAGE },
    outputs: [{ name: "y", type: Uint8Array, shape: [1, 56, 56, 64] }],
    constants: constants(0.04, 90),
    attributes: { ...WINDOW_ATTRIBUTES, channels_last: 1 },
    domain: CONTRIBUTED,
  });
  const call = () => bench.octavo.averagePool2d(x, { ...WINDOW, scale: 0.04, zero: 90 });
  const check = (ours, [theirs]) => assertNear(ours.data, theirs, 1);
  return race(bench, { work: "average pool u8 3x3 / 2, 112x112x64" }, call, model, x, check);
}

async function softmax(bench) {
  const shape = [1024, 1000];
  const x = images(shape);
  const model = oneNode("QLinearSoftmax", {
    input: { name: "x", type: Uint8Array, shape },
    outputs: [{ name: "y", type: Uint8Array, shape }],
    constants: constants(1 / 256, 0),
    attributes: { axis: 1, opset: 13 },
    domain: CONTRIBUTED,
  });
  const check = (ours, [theirs]) => assertNear(ours.data, theirs, 1);
  const work = "softmax u8, 1024 rows of 1000";
  return race(bench, { work }, () => bench.octavo.softmax(x), model, x, check);
}

export const cases = {
  "pool-global": globalAverage([1, 64, 64, 256]),
  "pool-global-batch": globalAverage([10, 7, 7, 2048]),
  "pool-max": maxPool,
  "pool-average": averagePool,
  "pool-softmax": softmax,
};

// Pooling and softmax of uint8 beside onnxruntime-web, from typed array to typed array. Outputs are compared before
// anything is timed: global average, maximum and softmax code for code; averages over windows to one step, for
// onnxruntime adds up dequantized floats.

import assert from "node:assert/strict";
import { bytes } from "../data.mjs";
import { oneNode } from "../onnx.mjs";
import { takeTurns } from "../timing.mjs";

const CONTRIBUTED = "com.microsoft";
const SCALE = 0.05;
const ZERO = 117;

const scalar = (data) => ({ data, shape: [] });

/** Scales and zeros of input and output, as the contributed operators take them. */
function constants(outputScale, outputZero) {
  return {
    x_scale: scalar(Float32Array.of(SCALE)),
    x_zero: scalar(Uint8Array.of(ZERO)),
    y_scale: scalar(Float32Array.of(outputScale)),
    y_zero: scalar(Uint8Array.of(outputZero)),
  };
}

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

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

function assertNear(ours, theirs, steps) {
  assert.equal(ours.length, theirs.length);
  for (let i = 0; i < ours.length; i++) assert.ok(Math.abs(ours[i] - theirs[i]) <= steps, `index ${i}`);
}

/** Times a call against a model of one node that takes `data`. */
async function race({ ort, work, asked, call, model, data, shape, check }) {
  const session = await ort.open(model, { type: "uint8", shape });
  const rivalCall = () => session.run(data);
  check(call(), (await rivalCall())[0]);
  const { octavo, rival, ratios } = await takeTurns({
    octavo: { call },
    rival: { call: rivalCall, defer: true },
  });
  await session.close();
  const row = { work, octavo, rival, ratio: ratios.rival, values: data.length };
  return asked === undefined ? row : { ...row, asked: `>= ${asked}x`, ok: row.ratio >= asked };
}

function globalAverage(shape) {
  return ({ octavo, ort }) => {
    const x = images(shape);
    const output = [shape[0], 1, 1, shape[3]];
    const model = oneNode("QLinearGlobalAveragePool", {
      input: { name: "x", type: Uint8Array, shape },
      outputs: [{ name: "y", type: Uint8Array, shape: output }],
      constants: constants(0.02, 100),
      attributes: { channels_last: 1 },
      domain: CONTRIBUTED,
    });
    const call = () => octavo.globalAveragePool(x, { scale: 0.02, zero: 100 });
    const check = (ours, theirs) => assertNear(ours.data, theirs, 0);
    const work = `global average pool u8 [${shape.join(", ")}]`;
    return race({ ort, work, asked: 2, call, model, data: x.data, shape, check });
  };
}

const WINDOW = { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
const WINDOW_ATTRIBUTES = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
const IMAGE = [1, 112, 112, 64];

async function maxPool({ octavo, ort }) {
  const x = images(IMAGE);
  const shape = [1, 64, 112, 112];
  const model = oneNode("MaxPool", {
    input: { name: "x", type: Uint8Array, shape },
    outputs: [{ name: "y", type: Uint8Array, shape: [1, 64, 56, 56] }],
    attributes: WINDOW_ATTRIBUTES,
  });
  const call = () => octavo.maxPool2d(x, WINDOW);
  const check = (ours, theirs) => assertNear(channelsFirst(ours), theirs, 0);
  const work = "max pool u8 3x3 / 2, 112x112x64 (rival: NCHW)";
  return race({ ort, work, call, model, data: channelsFirst(x), shape, check });
}

async function averagePool({ octavo, ort }) {
  const x = images(IMAGE);
  const model = oneNode("QLinearAveragePool", {
    input: { name: "x", type: Uint8Array, shape: IMAGE },
    outputs: [{ name: "y", type: Uint8Array, shape: [1, 56, 56, 64] }],
    constants: constants(0.04, 90),
    attributes: { ...WINDOW_ATTRIBUTES, channels_last: 1 },
    domain: CONTRIBUTED,
  });
  const call = () => octavo.averagePool2d(x, { ...WINDOW, scale: 0.04, zero: 90 });
  const check = (ours, theirs) => assertNear(ours.data, theirs, 1);
  return race({ ort, work: "average pool u8 3x3 / 2, 112x112x64", call, model, data: x.data, shape: IMAGE, check });
}

async function softmax({ octavo, ort }) {
  const shape = [1024, 1000];
  const x = images(shape);
  const model = oneNode("QLinearSoftmax", {
    input: { name: "x", type: Uint8Array, shape },
    outputs: [{ name: "y", type: Uint8Array, shape }],
    constants: constants(1 / 256, 0),
    attributes: { axis: 1, opset: 13 },
    domain: CONTRIBUTED,
  });
  const check = (ours, theirs) => assertNear(ours.data, theirs, 1);
  const work = "softmax u8, 1024 rows of 1000";
  return race({ ort, work, call: () => octavo.softmax(x), model, data: x.data, shape, check });
}

export const cases = {
  "pool-global": globalAverage([1, 64, 64, 256]),
  "pool-global-batch": globalAverage([10, 7, 7, 2048]),
  "pool-max": maxPool,
  "pool-average": averagePool,
  "pool-softmax": softmax,
};

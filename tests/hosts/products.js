// What the smoke test does with matrix products, convolutions and prepared weights.

import { bell } from "./inputs.js";

const ACTIVATIONS = { int8: [0.03, -5], uint8: [0.02, 140], int16: [0.0005, 12] };
const ARITHMETICS = ["onnx", "tflite", "tflite-single"];

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** A quantized tensor of every format of activations. */
function* activations(octavo, shape) {
  for (const [format, [scale, zero]] of Object.entries(ACTIVATIONS)) {
    yield octavo.quantize(bell(sizeOf(shape), 70 + shape.length), { format, shape, scale, zero });
  }
}

/** Weights of every kind: symmetric, with zeros, of 4 bits, one scale or one an output. */
function* weights(octavo, shape) {
  const x = bell(sizeOf(shape), 80 + shape.length);
  yield octavo.quantize(x, { format: "int8", shape, axis: 0 });
  yield octavo.quantize(x, { format: "uint8", shape });
  yield octavo.quantize(x, { format: "uint8", shape, axis: 0 });
  yield octavo.quantize(x, { format: "int4", shape, axis: 0 });
}

/** What results become, one after the other. */
function* results(outputs) {
  yield { scale: 0.1, zero: 3, format: "int8", bias: bell(outputs, 90) };
  yield { scale: 0.05, zero: 128, format: "uint8", activation: "relu6" };
  yield { scale: 0.2, format: "int8", activation: "prelu", alpha: bell(outputs, 91) };
  yield { scale: 0.001, format: "int16", activation: "leaky_relu", bias: new Int32Array(outputs).fill(-77) };
}

function each(octavo, record, x, w, run) {
  let turn = 0;
  for (const image of activations(octavo, x)) {
    for (const kernel of weights(octavo, w)) {
      for (const result of results(w[0])) {
        record(run(image, kernel, { ...result, arithmetic: ARITHMETICS[turn++ % ARITHMETICS.length] }));
      }
    }
  }
}

const PLACEMENTS = [
  { w: [9, 3, 3, 20], placement: { pads: [1, 1, 1, 1] } },
  { w: [33, 1, 1, 20], placement: { strides: [2, 1] } },
  { w: [20, 3, 3, 1], placement: { groups: 20, pads: [1, 1, 1, 1] } },
  { w: [40, 2, 3, 1], placement: { groups: 20, strides: [1, 2], pads: [0, 2, 1, 0] } },
  { w: [8, 2, 2, 5], placement: { groups: 4, dilations: [2, 3] } },
];

const IMAGE = [2, 7, 9, 20];

export const PRODUCT_EXERCISES = {
  matmul(octavo, record) {
    for (const [m, n, k] of [
      [1, 33, 65],
      [13, 71, 30],
    ]) {
      each(octavo, record, [m, k], [n, k], (x, w, options) => octavo.matmul(x, w, options));
    }
    for (const x of activations(octavo, [3, 5, 16])) {
      const w = octavo.quantize(bell(3 * 11 * 16, 92), { format: "int8", shape: [3, 11, 16] });
      record(octavo.matmul(x, w, { scale: 0.05 }), octavo.matmul(x, w, { format: "float32", bias: bell(11, 97) }));
    }
    for (const format of ["int4", "uint4", "int8", "uint2"]) {
      const w = octavo.quantize(bell(11 * 43, 93), { format, shape: [11, 43], block: 16, symmetric: false });
      const x = bell(5 * 43, 94);
      record(octavo.matmul({ format: "float32", shape: [5, 43], data: x }, w, { bias: bell(11, 95) }));
      record(
        octavo.matmul(octavo.quantize(x, { format: "uint8", shape: [5, 43] }), w, { scale: 0.05, format: "int8" }),
      );
    }
  },

  accumulate(octavo, record) {
    for (const w of weights(octavo, [17, 45])) {
      for (const x of activations(octavo, [6, 45])) record(octavo.accumulate(x, w));
    }
    for (const { w, placement } of PLACEMENTS) {
      for (const x of activations(octavo, IMAGE)) {
        for (const kernel of weights(octavo, w)) record(octavo.accumulate(x, kernel, placement));
      }
    }
    const [x] = activations(octavo, [6, 45]);
    const [w] = weights(octavo, [17, 45]);
    for (const overflow of ["saturate", "wrap"]) record(octavo.accumulate(x, w, { accumulator: 12, overflow }));
  },

  conv2d(octavo, record) {
    for (const { w, placement } of PLACEMENTS) {
      each(octavo, record, IMAGE, w, (x, kernel, options) => octavo.conv2d(x, kernel, { ...placement, ...options }));
    }
  },

  conv1d(octavo, record) {
    const placement = { strides: [2], pads: [1, 2], dilations: [2], groups: 2 };
    each(octavo, record, [2, 19, 6], [4, 3, 3], (x, w, options) => octavo.conv1d(x, w, { ...placement, ...options }));
  },

  convTranspose2d(octavo, record) {
    const placement = { strides: [2, 3], pads: [1, 0, 0, 1], outputPads: [1, 0], groups: 2 };
    each(octavo, record, [1, 4, 5, 6], [4, 3, 2, 3], (x, w, options) =>
      octavo.convTranspose2d(x, w, { ...placement, ...options }),
    );
  },

  prepare(octavo, record) {
    for (const w of weights(octavo, [20, 3, 3, 1])) {
      const prepared = octavo.prepare(w, { groups: 20 });
      for (const x of activations(octavo, IMAGE)) {
        record(octavo.conv2d(x, prepared, { groups: 20, scale: 0.1 }), octavo.accumulate(x, prepared, { groups: 20 }));
      }
      prepared.dispose();
    }
  },

  PreparedWeight(octavo, record) {
    const prepared = octavo.prepare(octavo.quantize(bell(6, 96), { format: "int8", shape: [2, 3] }));
    record(prepared instanceof octavo.PreparedWeight, prepared.shape);
    prepared.dispose();
  },
};

// What the smoke test does with pooling, reduction, resizing, softmax and layer normalization.

import { bell } from "./inputs.js";

const FORMATS = ["int8", "uint8", "int16"];
const ARITHMETICS = ["onnx", "tflite", "tflite-single"];

/** A quantized tensor of every operand format. */
function* tensors(octavo, shape) {
  const x = bell(
    shape.reduce((a, b) => a * b, 1),
    50 + shape.length,
  );
  for (const format of FORMATS) {
    const [scale, zero] = { int8: [0.03, -5], uint8: [0.02, 140], int16: [0.0005, 12] }[format];
    yield octavo.quantize(x, { format, shape, scale, zero });
  }
}

const WINDOWS = [
  { kernel: [2, 2] },
  { kernel: [3, 2], strides: [2, 1], pads: [1, 0, 2, 1] },
  { kernel: [2, 3], dilations: [2, 1], strides: [1, 3], pads: [1, 1, 0, 2], ceil: true },
];

export const WINDOW_EXERCISES = {
  maxPool2d(octavo, record) {
    for (const x of tensors(octavo, [2, 7, 6, 19])) {
      for (const options of WINDOWS) record(octavo.maxPool2d(x, { ...options, activation: [-1, 1.2] }));
    }
  },

  maxPool1d(octavo, record) {
    for (const x of tensors(octavo, [2, 17, 5])) record(octavo.maxPool1d(x, { kernel: 3, strides: 2, pads: [1, 2] }));
  },

  averagePool2d(octavo, record) {
    for (const x of tensors(octavo, [2, 7, 6, 19])) {
      for (const options of WINDOWS) {
        record(octavo.averagePool2d(x, { ...options, activation: "relu" }));
        record(octavo.averagePool2d(x, { ...options, arithmetic: "tflite" }));
        record(octavo.averagePool2d(x, { ...options, countIncludePad: true, format: "int8", scale: 0.01, zero: 3 }));
      }
    }
  },

  averagePool1d(octavo, record) {
    for (const x of tensors(octavo, [2, 17, 5])) record(octavo.averagePool1d(x, { kernel: 4, dilations: 2 }));
  },

  globalAveragePool(octavo, record) {
    for (const x of tensors(octavo, [2, 9, 11, 37])) {
      for (const arithmetic of ARITHMETICS) record(octavo.globalAveragePool(x, { scale: 0.004, arithmetic }));
    }
  },

  globalMaxPool(octavo, record) {
    for (const x of tensors(octavo, [2, 9, 11, 37])) record(octavo.globalMaxPool(x));
  },

  reduceMean(octavo, record) {
    for (const x of tensors(octavo, [3, 5, 7, 4])) {
      for (const axes of [[0, 2], [3], [1, 2], undefined]) {
        for (const arithmetic of ARITHMETICS) record(octavo.reduceMean(x, { arithmetic, ...(axes && { axes }) }));
      }
    }
  },

  reduceSum(octavo, record) {
    for (const x of tensors(octavo, [3, 5, 7, 4])) {
      for (const arithmetic of ARITHMETICS) {
        record(octavo.reduceSum(x, { axes: [1, 3], scale: 0.3, format: "uint8", zero: 128, arithmetic }));
      }
    }
  },

  reduceMax(octavo, record) {
    for (const x of tensors(octavo, [3, 5, 7, 4])) record(octavo.reduceMax(x, { axes: [0, 2], keepDims: true }));
  },

  reduceMin(octavo, record) {
    for (const x of tensors(octavo, [3, 5, 7, 4])) record(octavo.reduceMin(x), octavo.reduceMin(x, { axes: [3] }));
  },

  resize(octavo, record) {
    for (const x of tensors(octavo, [2, 5, 7, 6])) {
      for (const alignment of ["half_pixel", "align_corners", "asymmetric"]) {
        for (const mode of ["nearest", "bilinear"]) {
          for (const arithmetic of ["onnx", "tflite"]) {
            for (const size of [
              [9, 4],
              [3, 20],
            ])
              record(octavo.resize(x, { size, mode, alignment, arithmetic }));
          }
        }
      }
    }
  },

  softmax(octavo, record) {
    for (const x of tensors(octavo, [4, 3, 41])) {
      for (const arithmetic of ["onnx", "tflite"]) record(octavo.softmax(x, { arithmetic, beta: 1.5 }));
      record(octavo.softmax(x, { axis: 0, format: "int16" }), octavo.softmax(x, { axis: 1, scale: 0.01, zero: 3 }));
    }
  },

  logSoftmax(octavo, record) {
    for (const x of tensors(octavo, [4, 3, 41]))
      record(octavo.logSoftmax(x), octavo.logSoftmax(x, { axis: 1, beta: 2 }));
  },

  layerNorm(octavo, record) {
    const [gamma, beta] = [bell(123, 60), bell(123, 61)];
    for (const x of tensors(octavo, [4, 3, 41])) {
      record(octavo.layerNorm(x, { scale: 0.02 }), octavo.layerNorm(x, { axis: 1, gamma, beta, scale: 0.05, zero: 1 }));
    }
  },
};

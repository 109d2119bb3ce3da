// Bad input to pooling, reduction, resizing, softmax and layer normalization: each gets its exact sentence.
import assert from "node:assert/strict";
import {
  averagePool1d,
  averagePool2d,
  globalAveragePool,
  globalMaxPool,
  layerNorm,
  logSoftmax,
  maxPool1d,
  maxPool2d,
  type QTensor,
  reduceMax,
  reduceMean,
  reduceSum,
  resize,
  softmax,
} from "../../src/index.ts";
import { anything, type Sentence, testSentences } from "./sentences.ts";

function tensor(shape: readonly number[], more: Partial<QTensor> = {}): QTensor {
  const data = new Int8Array(shape.reduce((a, b) => a * b, 1));
  return { format: "int8", shape, data, scale: Float32Array.of(0.1), zero: Int32Array.of(0), ...more };
}

const x = tensor([1, 4, 5, 2]);
const wide = { ...x, format: "int16", data: new Int16Array(40) } as const;
const kernel = [2, 2] as const;

/** What is called, and the error it has to throw. */
const SENTENCES: readonly Sentence[] = [
  [() => maxPool2d(anything(null), { kernel }), 'TypeError: "x" expected a quantized tensor, got null'],
  [
    () => maxPool2d(tensor([1, 2, 2, 1], { format: "int32", data: new Int32Array(4) }), { kernel }),
    'RangeError: "x.format" expected "int8" or "uint8" or "int16", got "int32"',
  ],
  [
    () =>
      maxPool2d(tensor([1, 2, 2, 2], { axis: 3, scale: Float32Array.of(1, 1), zero: Int32Array.of(0, 0) }), { kernel }),
    'RangeError: "x.scale" expected one scale for the whole tensor, got Float32Array(2)',
  ],
  [() => maxPool2d(tensor([4, 5, 2]), { kernel }), 'RangeError: "x.shape" expected [n, h, w, c], got [4, 5, 2]'],
  [() => maxPool2d(x, anything({})), 'TypeError: "kernel" expected 2 integers, got undefined'],
  [() => maxPool2d(x, { kernel: anything([2]) }), 'RangeError: "kernel" expected 2 integers, got [2]'],
  [() => maxPool2d(x, { kernel: [0, 2] }), 'RangeError: "kernel[0]" expected an integer of 1..2147483647, got 0'],
  [
    () => maxPool2d(x, { kernel, strides: [1, 0] }),
    'RangeError: "strides[1]" expected an integer of 1..2147483647, got 0',
  ],
  [
    () => maxPool2d(x, { kernel, dilations: [1.5, 1] }),
    'RangeError: "dilations[0]" expected an integer of 1..2147483647, got 1.5',
  ],
  [
    () => maxPool2d(x, { kernel, pads: [0, -1, 0, 0] }),
    'RangeError: "pads[1]" expected an integer of 0..2147483647, got -1',
  ],
  [
    () => maxPool2d(x, { kernel, pads: [0, 0, 2, 0] }),
    'RangeError: "pads" expected less than the extent of the kernel, 2, got [0, 0, 2, 0]',
  ],
  [
    () => maxPool2d(x, { kernel: [2, 3], dilations: [4, 1] }),
    'RangeError: "kernel" expected an extent of at most 4, the padded input\'s, got 5',
  ],
  [() => maxPool2d(x, { kernel, ceil: anything(1) }), 'TypeError: "ceil" expected true or false, got 1'],
  [
    () => maxPool2d(x, anything({ kernel, scale: 1 })),
    'TypeError: unknown option "scale" of maxPool2d; expected "kernel", "strides", "pads", "dilations", "ceil", "activation", "arithmetic"',
  ],
  [
    () => maxPool2d(x, { kernel, activation: anything("tanh") }),
    'RangeError: "activation" expected "relu" or "relu6" or "relu_n1_to_1", got "tanh"',
  ],
  [() => maxPool1d(x, { kernel: 2 }), 'RangeError: "x.shape" expected [n, w, c], got [1, 4, 5, 2]'],
  [
    () => averagePool1d(tensor([1, 4, 2]), { kernel: anything([2, 2]) }),
    'TypeError: "kernel" expected an integer of 1..2147483647, got [2, 2]',
  ],
  [
    () => averagePool2d({ ...wide, shape: [1, 1, 40, 1] }, { kernel: [1, 40], dilations: [1, 1], scale: -1 }),
    'RangeError: "scale" expected positive finite float32 numbers, got -1 at index 0',
  ],
  [
    () =>
      averagePool2d(tensor([1, 256, 128, 1], { format: "int16", data: new Int16Array(32768) }), { kernel: [256, 128] }),
    'RangeError: "kernel" expected at most 32767 values of int16, got 32768',
  ],
  [
    () => averagePool2d(x, { kernel, scale: 0.2, arithmetic: "tflite" }),
    'TypeError: "scale" and "arithmetic" exclude each other: arithmetic "tflite" keeps the input\'s parameters',
  ],
  [
    () => averagePool2d(x, { kernel, zero: 1, arithmetic: "tflite" }),
    'TypeError: "zero" and "arithmetic" exclude each other: arithmetic "tflite" keeps the input\'s parameters',
  ],
  [
    () => averagePool2d(x, { kernel, format: "uint8", arithmetic: "tflite-single" }),
    'TypeError: "format" and "arithmetic" exclude each other: arithmetic "tflite-single" keeps the input\'s parameters',
  ],
  [
    () => averagePool2d(x, { kernel, countIncludePad: true, arithmetic: "tflite" }),
    'TypeError: "countIncludePad" and "arithmetic" exclude each other: "tflite" leaves pads out',
  ],
  [
    () => averagePool2d(x, { kernel, countIncludePad: anything("yes") }),
    'TypeError: "countIncludePad" expected true or false, got "yes"',
  ],
  [() => reduceMax(x, { axes: [4] }), 'RangeError: "axis" expected 0..3 for shape [1, 4, 5, 2], got 4'],
  [() => reduceMax(x, { axes: anything(1) }), 'TypeError: "axes" expected an array of axes, got 1'],
  [() => reduceMax(x, { keepDims: anything(1) }), 'TypeError: "keepDims" expected true or false, got 1'],
  [() => reduceMax(tensor([0, 3]), { axes: [0] }), 'RangeError: "axes" expected axes that hold values, got 0'],
  [() => reduceMean(tensor([0, 3])), 'RangeError: "axes" expected axes that hold values, got 0'],
  [() => reduceSum(x, anything({})), 'TypeError: "scale" expected a number or an array of numbers, got undefined'],
  [
    () =>
      reduceSum(tensor([32769], { format: "int16", data: new Int16Array(32769) }), { scale: 1, arithmetic: "tflite" }),
    'RangeError: "axes" expected at most 32768 values a sum with "tflite", got 32769',
  ],
  [
    () => reduceSum(tensor([2], { scale: Float32Array.of(1e20) }), { scale: 1, arithmetic: "tflite" }),
    'RangeError: "scale" expected more than the input\'s scale / 2^30, got 100000002004087730000',
  ],
  [
    () => reduceSum(tensor([2], { scale: Float32Array.of(1e30) }), { scale: 1e-30 }),
    'RangeError: "scale" expected a scale by which x\'s can be divided in float32, got 1.0000000031710769e-30',
  ],
  [
    () => averagePool2d({ ...x, scale: Float32Array.of(1e30) }, { kernel, scale: 1e-30 }),
    'RangeError: "scale" expected a scale by which x\'s can be divided in float32, got 1.0000000031710769e-30',
  ],
  [
    () => globalAveragePool(tensor([2, 3])),
    'RangeError: "x.shape" expected [n, ..., c] with an axis or more between, got [2, 3]',
  ],
  [
    () => globalAveragePool(x, anything({ axes: [1] })),
    'TypeError: unknown option "axes" of globalAveragePool; expected "scale", "zero", "format", "activation", "arithmetic"',
  ],
  [() => globalMaxPool(tensor([1, 0, 2])), 'RangeError: "axes" expected axes that hold values, got 0'],
  [
    () => resize(tensor([4, 5]), { size: [1, 1], mode: "nearest" }),
    'RangeError: "x.shape" expected [n, h, w, c], got [4, 5]',
  ],
  [() => resize(x, anything({ mode: "nearest" })), 'TypeError: "size" expected 2 integers, got undefined'],
  [
    () => resize(x, { size: [2, -1], mode: "nearest" }),
    'RangeError: "size[1]" expected an integer of 0..2147483647, got -1',
  ],
  [() => resize(x, anything({ size: [2, 2] })), 'RangeError: "mode" expected "nearest" or "bilinear", got undefined'],
  [
    () => resize(x, { size: [2, 2], mode: "nearest", alignment: anything("corners") }),
    'RangeError: "alignment" expected "half_pixel" or "pytorch_half_pixel" or "align_corners" or "asymmetric", got "corners"',
  ],
  [
    () => resize(x, { size: [2, 2], mode: "bilinear", rounding: "floor" }),
    'TypeError: "rounding" and "mode" exclude each other: only "nearest" in arithmetic "onnx" has a rounding',
  ],
  [
    () => resize(x, { size: [2, 2], mode: "nearest", rounding: anything("even") }),
    'RangeError: "rounding" expected "round_prefer_floor" or "round_prefer_ceil" or "floor" or "ceil", got "even"',
  ],
  [
    () => resize(x, { size: [2, 2], mode: "nearest", alignment: "pytorch_half_pixel", arithmetic: "tflite" }),
    'TypeError: "alignment" and "arithmetic" exclude each other: TensorFlow Lite has no "pytorch_half_pixel"',
  ],
  [
    () => resize(tensor([1, 0, 5, 2]), { size: [2, 2], mode: "nearest" }),
    'RangeError: "x.shape" expected an image with pixels, got [1, 0, 5, 2]',
  ],
  [() => softmax(x, { axis: 4 }), 'RangeError: "axis" expected 0..3 for shape [1, 4, 5, 2], got 4'],
  [() => softmax(x, { beta: 0 }), 'RangeError: "beta" expected a positive finite number, got 0'],
  [() => softmax(x, { beta: anything("1") }), 'TypeError: "beta" expected a positive finite number, got "1"'],
  [
    () => softmax(x, { arithmetic: "tflite", scale: 0.01 }),
    'TypeError: "scale" and "arithmetic" exclude each other: "tflite" has the scale 0.00390625',
  ],
  [
    () => softmax(x, { arithmetic: "tflite", zero: 0 }),
    'TypeError: "zero" and "arithmetic" exclude each other: "tflite" has the zero -128',
  ],
  [
    () => softmax(wide, { arithmetic: "tflite", format: "int8" }),
    'TypeError: "format" and "arithmetic" exclude each other: 16-bit codes give 16-bit codes',
  ],
  [
    () => softmax(tensor([4096]), { arithmetic: "tflite" }),
    'RangeError: "x.shape" expected at most 4095 values along the axis with "tflite", got 4096',
  ],
  [
    () => softmax(x, { arithmetic: "tflite", beta: 1e-9 }),
    'RangeError: "beta" expected beta * scale in 1.4901161193847656e-8..Infinity, got 1.0000000149011613e-10',
  ],
  [
    () => logSoftmax(x, { arithmetic: "tflite" }),
    'RangeError: "arithmetic" expected "onnx" for logSoftmax, got "tflite"',
  ],
  [() => layerNorm(x, anything({})), 'TypeError: "scale" expected a number or an array of numbers, got undefined'],
  [
    () => layerNorm(x, { scale: 1, gamma: new Float32Array(3) }),
    'RangeError: "gamma" expected 2 numbers, one a place of a row, got Float32Array(3)',
  ],
  [
    () => layerNorm(x, { scale: 1, beta: Float32Array.of(1, NaN) }),
    'RangeError: "beta[1]" expected a finite number, got NaN',
  ],
  [() => layerNorm(x, { scale: 1, gamma: anything([1, 1]) }), 'TypeError: "gamma" expected a Float32Array, got [1, 1]'],
  [() => layerNorm(x, { scale: 1, epsilon: 0 }), 'RangeError: "epsilon" expected a positive finite number, got 0'],
  [
    () => layerNorm(x, { scale: 1, epsilon: anything(null) }),
    'TypeError: "epsilon" expected a positive finite number, got null',
  ],
  [
    () => layerNorm({ ...x, scale: Float32Array.of(3e38) }, { scale: 1, epsilon: 1e-5 }),
    'RangeError: "epsilon" expected a number whose square root divides x\'s scale to a float32, got 0.00001',
  ],
  [
    () => layerNorm(tensor([65537], { format: "int16", data: new Int16Array(65537) }), { scale: 1 }),
    'RangeError: "x.shape" expected at most 65536 values a row of int16, got 65537',
  ],
];

testSentences(SENTENCES, () => assert.deepEqual(maxPool2d(x, { kernel: [4, 5] }).data, new Int8Array(2)));

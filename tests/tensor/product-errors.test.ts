// Bad input of products and convolutions: each gets its exact sentence, and the engine answers the next call.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { accumulate, conv1d, conv2d, convTranspose2d, matmul, prepare, type QTensor } from "../../src/index.ts";
import { anything, type Sentence, testSentences } from "./sentences.ts";

const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, int32: Int32Array };

/** A tensor of zeros with scale 1. */
function tensor(format: keyof typeof ARRAYS, shape: number[], more: Partial<QTensor> = {}): QTensor {
  const data = new ARRAYS[format](shape.reduce((a, b) => a * b, 1));
  return { format, shape, data, scale: Float32Array.of(1), zero: Int32Array.of(0), ...more };
}

const scaled = (scale: number) => ({ scale: Float32Array.of(scale) });
const x = tensor("int8", [2, 3]);
const w = tensor("int8", [4, 3]);
const image = tensor("int8", [1, 5, 5, 2]);
const kernel = tensor("int8", [4, 3, 3, 2]);
const perChannel = { scale: Float32Array.of(1, 2), zero: Int32Array.of(0, 0) };
const result = { scale: 1 };
const NO_SCALE = 'TypeError: "scale" expected a number or an array of numbers, got undefined';

const gone = prepare(w);
gone.dispose();
const grouped = prepare(kernel, { groups: 2 });

/** What is called, and the error it has to throw. */
const SENTENCES: readonly Sentence[] = [
  ["no x", () => matmul(anything(null), w, result), 'TypeError: "x" expected a quantized tensor, got null'],
  ["no w", () => matmul(x, anything(undefined), result), 'TypeError: "w" expected a quantized tensor, got undefined'],
  [
    "inner extents",
    () => matmul(tensor("int8", [2, 5]), w, result),
    'RangeError: "w.shape" expected [n, 5] for "x" of shape [2, 5], got [4, 3]',
  ],
  [
    "a vector for w",
    () => matmul(x, tensor("int8", [3]), result),
    'RangeError: "w.shape" expected [outputs, inputs] or [outputs, height, width, channels], got [3]',
  ],
  ["a number for x", () => matmul(tensor("int8", []), w, result), 'RangeError: "x.shape" expected [..., k], got []'],
  [
    "batches that do not broadcast",
    () => matmul(tensor("int8", [2, 5, 3]), tensor("int8", [3, 4, 3]), result),
    'RangeError: "w.shape" expected leading axes that go with [2], got [3, 4, 3]',
  ],
  [
    "format of x",
    () => matmul(tensor("int32", [2, 3]), w, result),
    'RangeError: "x.format" expected "int8" or "uint8" or "int16", got "int32"',
  ],
  [
    "format of w",
    () => matmul(x, tensor("int16", [4, 3]), result),
    'RangeError: "w.format" expected "int8" or "uint8" or "int4" or "uint4", got "int16"',
  ],
  [
    "scales of x",
    () => matmul(tensor("int8", [2, 3], { ...perChannel, axis: 0 }), w, result),
    'RangeError: "x.scale" expected one scale for the whole tensor, got Float32Array(2)',
  ],
  [
    "axis of w",
    () => matmul(tensor("int8", [4, 2]), tensor("int8", [4, 2], { ...perChannel, axis: 1 }), result),
    'RangeError: "w.axis" expected 0, the outputs, or none, got 1',
  ],
  ["no options", () => matmul(x, w, anything(undefined)), NO_SCALE],
  ["no scale", () => conv2d(image, kernel, anything({})), NO_SCALE],
  ...[0, -1, Infinity, NaN, 1e-50].map((scale): [string, () => unknown, string] => [
    `scale ${scale}`,
    () => matmul(x, w, { scale }),
    `RangeError: "scale" expected positive finite float32 numbers, got ${scale} at index 0`,
  ]),
  ...[0, -1, Infinity, NaN].map((scale): [string, () => unknown, string] => [
    `scale ${scale} of w`,
    () => conv2d(image, { ...kernel, ...scaled(scale) }, result),
    `RangeError: "w.scale" expected positive finite float32 numbers, got ${scale} at index 0`,
  ]),
  [
    "scale of x",
    () => matmul({ ...x, ...scaled(0) }, w, result),
    'RangeError: "x.scale" expected positive finite float32 numbers, got 0 at index 0',
  ],
  [
    "scales beyond float32",
    () => matmul({ ...x, ...scaled(1e30) }, { ...w, ...scaled(1e30) }, result),
    'RangeError: "scale" expected x.scale * w.scale / scale below 2^128, got Infinity',
  ],
  [
    "scales beyond int32",
    () => matmul({ ...x, ...scaled(2 ** 15) }, { ...w, ...scaled(2 ** 15) }, { scale: 1, arithmetic: "tflite" }),
    'RangeError: "scale" expected x.scale * w.scale / scale below 2^30, got 1073741824',
  ],
  [
    "scales beyond int16",
    () => matmul(tensor("int16", [2, 3], scaled(2 ** 14)), w, { scale: 1, arithmetic: "tflite-single" }),
    'RangeError: "scale" expected x.scale * w.scale / scale below 2^14, got 16384',
  ],
  [
    "zero",
    () => matmul(x, w, { scale: 1, zero: 200 }),
    'RangeError: "zero" expected integers of -128..127 for int8, got 200 at index 0',
  ],
  [
    "format",
    () => matmul(x, w, { scale: 1, format: anything("int32") }),
    'RangeError: "format" expected "int8" or "uint8" or "int16", got "int32"',
  ],
  [
    "arithmetic",
    () => matmul(x, w, { scale: 1, arithmetic: anything("exact") }),
    'RangeError: "arithmetic" expected "onnx" or "tflite" or "tflite-single", got "exact"',
  ],
  [
    "clamp",
    () => matmul(x, w, { scale: 1, activation: [2, 1] }),
    'RangeError: "activation" expected [lo, hi] with lo <= hi, got [2, 1]',
  ],
  [
    "slopes",
    () => matmul(x, w, { scale: 1, activation: "prelu", alpha: new Float32Array(3) }),
    'RangeError: "alpha" expected 4 numbers, one an output, got Float32Array(3)',
  ],
  [
    "slope",
    () => matmul(x, w, { scale: 1, activation: "leaky_relu", alpha: NaN }),
    'RangeError: "alpha" expected a finite number, got NaN',
  ],
  [
    "a slope for nothing",
    () => matmul(x, w, { scale: 1, alpha: 0.1 }),
    'TypeError: "alpha" and "activation" exclude each other: only "leaky_relu" and "prelu" have a slope',
  ],
  [
    "unknown option",
    () => matmul(x, w, anything({ scale: 1, strides: [1, 1] })),
    'TypeError: unknown option "strides" of matmul; expected "bias", "alpha", "scale", "zero", "format", "activation", "arithmetic"',
  ],
  [
    "length of bias",
    () => matmul(x, w, { scale: 1, bias: new Int32Array(3) }),
    'RangeError: "bias" expected 4 numbers, one an output, got Int32Array(3)',
  ],
  [
    "type of bias",
    () => matmul(x, w, { scale: 1, bias: anything([1, 2, 3, 4]) }),
    'TypeError: "bias" expected an Int32Array or a Float32Array, got [1, 2, 3, 4]',
  ],
  [
    "64-bit bias of 8-bit activations",
    () => matmul(x, w, { scale: 1, bias: new BigInt64Array(4) }),
    'TypeError: "bias" expected an Int32Array or a Float32Array, got BigInt64Array(4)',
  ],
  [
    "NaN in a bias",
    () => matmul(x, w, { scale: 1, bias: Float32Array.of(1, NaN, 1, 1) }),
    'RangeError: "bias[1]" expected a number within int32 steps of 1, got NaN',
  ],
  [
    "bias beyond int32",
    () => matmul(x, w, { scale: 1, bias: Float32Array.of(1, 1, 3e9, 1) }),
    'RangeError: "bias[2]" expected a number within int32 steps of 1, got 3000000000',
  ],
  ...[() => matmul(x, gone, result), () => accumulate(x, gone)].map((call): [string, () => unknown, string] => [
    "disposed",
    call,
    'TypeError: "w" expected a prepared weight that is in memory, got one that was disposed',
  ]),
  ["prepared twice", () => prepare(anything(grouped)), 'TypeError: "w" expected a quantized tensor, got an object'],
  [
    "prepared for other groups",
    () => conv2d(tensor("int8", [1, 5, 5, 2]), grouped, result),
    'RangeError: "groups" expected 2, as "w" was prepared for, got 1',
  ],
  [
    "groups of a prepared weight",
    () => prepare(kernel, { groups: 3 }),
    'RangeError: "groups" expected a divisor of the 4 outputs of "w", got 3',
  ],
  [
    "option of prepare",
    () => prepare(w, anything({ group: 1 })),
    'TypeError: unknown option "group" of prepare; expected "groups"',
  ],
  [
    "stride 0",
    () => conv2d(image, kernel, { scale: 1, strides: [0, 1] }),
    'RangeError: "strides[0]" expected an integer of 1..2147483647, got 0',
  ],
  [
    "one stride",
    () => conv2d(image, kernel, { scale: 1, strides: [1] }),
    'RangeError: "strides" expected 2 integers, got [1]',
  ],
  [
    "a number for strides",
    () => conv2d(image, kernel, { scale: 1, strides: anything(2) }),
    'TypeError: "strides" expected 2 integers, got 2',
  ],
  [
    "dilation 0",
    () => conv2d(image, kernel, { scale: 1, dilations: [1, 0] }),
    'RangeError: "dilations[1]" expected an integer of 1..2147483647, got 0',
  ],
  [
    "negative pad",
    () => conv2d(image, kernel, { scale: 1, pads: [0, -1, 0, 0] }),
    'RangeError: "pads[1]" expected an integer of 0..2147483647, got -1',
  ],
  [
    "two pads",
    () => conv2d(image, kernel, { scale: 1, pads: [1, 1] }),
    'RangeError: "pads" expected 4 integers, got [1, 1]',
  ],
  [
    "four pads of a line",
    () => conv1d(tensor("int8", [1, 5, 2]), tensor("int8", [4, 3, 2]), { scale: 1, pads: [1, 1, 1, 1] }),
    'RangeError: "pads" expected 2 integers, got [1, 1, 1, 1]',
  ],
  [
    "a kernel larger than the image",
    () => conv2d(tensor("int8", [1, 5, 2, 2]), kernel, result),
    'RangeError: "w.shape" expected a kernel of 1..2, the padded input\'s extent, where it spans 3, got [4, 3, 3, 2]',
  ],
  [
    "a dilated kernel larger than the padded image",
    () => conv2d(image, kernel, { scale: 1, dilations: [3, 1], pads: [1, 0, 0, 0] }),
    'RangeError: "w.shape" expected a kernel of 1..6, the padded input\'s extent, where it spans 7, got [4, 3, 3, 2]',
  ],
  [
    "a kernel of nothing",
    () => accumulate(image, tensor("int8", [4, 0, 3, 2])),
    'RangeError: "w.shape" expected a kernel of 1..5, the padded input\'s extent, where it spans 0, got [4, 0, 3, 2]',
  ],
  [
    "groups that do not divide the outputs",
    () => conv2d(tensor("int8", [1, 5, 5, 6]), kernel, { scale: 1, groups: 3 }),
    'RangeError: "groups" expected a divisor of the 4 outputs of "w", got 3',
  ],
  [
    "groups that do not divide the channels",
    () => conv2d(tensor("int8", [1, 5, 5, 3]), tensor("int8", [4, 3, 3, 1]), { scale: 1, groups: 2 }),
    'RangeError: "w.shape" expected the last axis to be 3 channels of "x" in 2 groups, got [4, 3, 3, 1]',
  ],
  [
    "no groups",
    () => conv2d(image, kernel, { scale: 1, groups: 0 }),
    'RangeError: "groups" expected an integer of 1..4, got 0',
  ],
  [
    "channels",
    () => conv2d(tensor("int8", [1, 5, 5, 3]), kernel, result),
    'RangeError: "w.shape" expected the last axis to be 3 channels of "x" in 1 group, got [4, 3, 3, 2]',
  ],
  [
    "an image without a batch",
    () => conv2d(tensor("int8", [5, 5, 2]), kernel, result),
    'RangeError: "x.shape" expected [images, height, width, channels], got [5, 5, 2]',
  ],
  [
    "a kernel of one dimension",
    () => conv2d(image, tensor("int8", [4, 3, 2]), result),
    'RangeError: "w.shape" expected [outputs, height, width, channels], got [4, 3, 2]',
  ],
  [
    "an image for a line",
    () => conv1d(image, tensor("int8", [4, 3, 2]), result),
    'RangeError: "x.shape" expected [images, width, channels], got [1, 5, 5, 2]',
  ],
  [
    "pads that leave nothing",
    () => convTranspose2d(image, kernel, { scale: 1, pads: [4, 0, 4, 0] }),
    'RangeError: "pads" expected less than the output\'s extent, got [4, 0, 4, 0]',
  ],
  [
    "negative output pad",
    () => convTranspose2d(image, kernel, { scale: 1, outputPads: [0, -1] }),
    'RangeError: "outputPads[1]" expected an integer of 0..2147483647, got -1',
  ],
  [
    "more results than memory has bytes",
    () =>
      conv2d(tensor("int8", [1, 1, 1, 1]), tensor("int8", [1, 1, 1, 1]), { scale: 1, pads: [0, 0, 2 ** 20, 2 ** 20] }),
    'RangeError: "x.shape" expected one that gives at most 4294967296 results, got 1099513724929',
  ],
  ["groups of a matrix", () => prepare(w, { groups: 2 }), 'RangeError: "groups" expected 1 for a matrix, got 2'],
  [
    "geometry of a matrix product",
    () => accumulate(x, w, { strides: [1, 1] }),
    'TypeError: unknown option "strides" of accumulate with a matrix; expected none',
  ],
];

afterEach(() => {
  const ones = { ...x, data: new Int8Array(6).fill(1) };
  assert.deepEqual([...accumulate(ones, { ...w, data: new Int8Array(12).fill(2) })], new Array(8).fill(6));
});

testSentences(SENTENCES);

test("out of wasm memory: a RangeError with the bytes asked for, and the engine works on", () => {
  const pads = [0, 0, 2 ** 15 - 1, 2 ** 16 - 1];
  const pixel = tensor("int8", [1, 1, 1, 1]);
  assert.throws(
    () => conv2d(pixel, tensor("int8", [2, 1, 1, 1]), { scale: 1, pads }),
    /^RangeError: out of wasm memory: 4294967296 bytes more were asked for, \d+ are in use$/,
  );
});

// Pooling, reduction, resizing, softmax and layer normalization as users call them, against the oracle: images too large
// for one piece, axes anywhere, defaults, and every error.
import assert from "node:assert/strict";
import { test } from "node:test";
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
  reduceMin,
  reduceSum,
  resize,
  softmax,
} from "../../src/index.ts";
import { assertBits, randomWords } from "../kernels/harness.ts";
import { quantizeValue } from "../reference/affine.ts";
import { layerNorm as layerNormReference } from "../reference/normalize.ts";
import { averagePool, maxPool } from "../reference/pool.ts";
import { type ReduceCase, reduce } from "../reference/reduce.ts";
import { resizeBilinear, resizeBilinearTflite, resizeNearest } from "../reference/resize.ts";
import * as reference from "../reference/softmax.ts";

const FORMATS = {
  int8: { array: Int8Array, lo: -128, hi: 127, zero: -7 },
  uint8: { array: Uint8Array, lo: 0, hi: 255, zero: 131 },
  int16: { array: Int16Array, lo: -32768, hi: 32767, zero: 99 },
} as const;
type Name = keyof typeof FORMATS;
const NAMES = Object.keys(FORMATS) as Name[];
const SCALE = Math.fround(0.05);

function tensor(format: Name, shape: readonly number[], seed = 1): QTensor {
  const { array, lo, hi, zero } = FORMATS[format];
  const next = randomWords(seed + shape.length);
  const data = new array(shape.reduce((a, b) => a * b, 1)).map(() => lo + (next() % (hi - lo + 1)));
  return { format, shape, data, scale: Float32Array.of(SCALE), zero: Int32Array.of(zero) };
}

function caseOf(x: QTensor, format = x.format as Name, scale = SCALE, zero: number = FORMATS[format].zero) {
  const { lo, hi } = FORMATS[format];
  const input = { shape: x.shape, codes: x.data, scale: SCALE, zero: x.zero[0] as number };
  return { ...input, outputScale: Math.fround(scale), outputZero: zero, lo, hi };
}

const PLAIN = { kernel: [2, 2], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], ceil: false } as const;

test("pooling walks images in bands", () => {
  // 1.5 MB an image, of which a band takes an eighth
  for (const x of [tensor("int8", [2, 300, 50, 100]), tensor("int16", [1, 70, 500, 11])]) {
    const windows = { ...PLAIN, kernel: [3, 3], strides: [2, 1], pads: [2, 0, 1, 1] } as const;
    const largest = maxPool2d(x, windows);
    const wanted = maxPool({ ...caseOf(x), ...windows });
    assert.deepEqual(largest.shape, wanted.shape);
    assertBits(largest.data, wanted.codes, "max");
    const mean = averagePool2d(x, { ...windows, scale: 0.02, zero: 3, format: "uint8" });
    const flags = { countIncludePad: false, tflite: false };
    const means = averagePool({ ...caseOf(x, "uint8", 0.02, 3), ...windows, ...flags });
    assertBits(mean.data, means.codes, "mean");
    assert.deepEqual([mean.format, mean.scale[0], mean.zero[0]], ["uint8", Math.fround(0.02), 3]);
  }
});

test("pooling keeps its input's parameters where none are given", () => {
  const x = { ...tensor("uint8", [1, 4, 4, 3]), bits: 8 };
  assert.deepEqual(Object.keys(maxPool2d(x, { kernel: [2, 2] })), ["format", "shape", "data", "scale", "zero", "bits"]);
  const { format, scale, zero } = averagePool2d(x, { kernel: [2, 2] });
  assert.deepEqual({ format, scale, zero }, { format: x.format, scale: x.scale, zero: x.zero });
  // a format of its own leaves the zero behind
  assert.equal(averagePool2d(x, { kernel: [2, 2], format: "int8" }).zero[0], 0);
});

test("activations clamp what is pooled", () => {
  const x = tensor("int8", [1, 6, 6, 5]);
  const [lo, hi] = [-7, -7 + 20]; // 0 and 1 at a scale of 0.05
  const options = { kernel: [2, 3], activation: [0, 1] } as const;
  const wanted = { ...caseOf(x), ...PLAIN, ...options, lo, hi };
  assertBits(maxPool2d(x, options).data, maxPool(wanted).codes, "max");
  const means = averagePool({ ...wanted, countIncludePad: false, tflite: true });
  assertBits(averagePool2d(x, { ...options, arithmetic: "tflite" }).data, means.codes, "mean");
});

test("pooling along one axis is pooling of images one pixel high", () => {
  for (const name of NAMES) {
    const x = tensor(name, [3, 29, 7]);
    const image = { ...x, shape: [3, 1, 29, 7] };
    const flat = { kernel: 4, strides: 3, pads: [1, 2], dilations: 2, ceil: true } as const;
    const options = { kernel: [1, 4], strides: [1, 3], pads: [0, 1, 0, 2], dilations: [1, 2], ceil: true } as const;
    const wanted = maxPool2d(image, options);
    assert.deepEqual(maxPool1d(x, flat), { ...wanted, shape: [3, wanted.shape[2] as number, 7] });
    assertBits(averagePool1d(x, flat).data, averagePool2d(image, options).data, name);
  }
});

const AXES = [[0], [1], [2], [3], [0, 1], [1, 2], [2, 3], [0, 2], [1, 3], [0, 3], [0, 1, 2, 3], [1, 2, 3], []];

test("reductions over any axes", () => {
  for (const name of NAMES) {
    for (const axes of AXES) {
      const x = tensor(name, [3, 4, 5, 6], axes.length);
      for (const arithmetic of ["onnx", "tflite", "tflite-single"] as const) {
        const check = (kind: ReduceCase["kind"], y: QTensor, scale: number) => {
          const wanted = reduce({ ...caseOf(x, name, scale, 5), kind, axes, arithmetic });
          assertBits(y.data, wanted, `${kind} of ${name} over ${axes}, ${arithmetic}`);
        };
        check("mean", reduceMean(x, { axes, scale: 0.02, zero: 5, arithmetic }), 0.02);
        check("sum", reduceSum(x, { axes, scale: 0.9, zero: 5, arithmetic }), 0.9);
      }
      const extreme = (kind: "max" | "min") => reduce({ ...caseOf(x), kind, axes, arithmetic: "onnx" });
      assertBits(reduceMax(x, { axes }).data, extreme("max"), `max of ${name} over ${axes}`);
      assertBits(reduceMin(x, { axes }).data, extreme("min"), `min of ${name} over ${axes}`);
    }
  }
});

test("reductions of more than a piece", () => {
  for (const shape of [
    [2, 1000, 700],
    [3, 700_001],
    [600_000, 2],
  ]) {
    const x = tensor("int8", shape);
    const axes = [shape.length - 2];
    const wanted = reduce({ ...caseOf(x, "int8", 0.001, 0), kind: "mean", axes, arithmetic: "onnx" });
    assertBits(reduceMean(x, { axes, scale: 0.001, zero: 0 }).data, wanted, `mean of ${shape}`);
    const least = reduce({ ...caseOf(x), kind: "min", axes, arithmetic: "onnx" });
    assertBits(reduceMin(x, { axes }).data, least, `min of ${shape}`);
  }
  const x = tensor("int16", [700_001]);
  assertBits(reduceMax(x).data, [Math.max(...new Set(x.data))], "all of int16");
});

test("shapes of reductions", () => {
  const x = tensor("int8", [2, 1, 3, 4]);
  assert.deepEqual(reduceMax(x, { axes: [1, 3] }).shape, [2, 3]);
  assert.deepEqual(reduceMax(x, { axes: [1, 3], keepDims: true }).shape, [2, 1, 3, 1]);
  assert.deepEqual(reduceMean(x).shape, []);
  assert.deepEqual(reduceSum(tensor("int8", [0, 3]), { axes: [0], scale: 1, zero: 9 }).data, Int8Array.of(9, 9, 9));
  assert.deepEqual(reduceMean(tensor("int8", [0, 3]), { axes: [1] }).shape, [0]);
  assert.deepEqual(reduceMax({ ...x, shape: [], data: Int8Array.of(4) }).data, Int8Array.of(4));
});

test("global pooling is reduction over what lies between images and channels", () => {
  for (const shape of [
    [2, 5, 7, 33],
    [1, 300, 3],
    [2, 3, 4, 5, 6],
  ]) {
    const x = tensor("uint8", shape);
    const axes = shape.slice(2).map((_, i) => i + 1);
    assert.deepEqual(globalAveragePool(x, { scale: 0.01 }), reduceMean(x, { axes, keepDims: true, scale: 0.01 }));
    assert.deepEqual(globalMaxPool(x), reduceMax(x, { axes, keepDims: true }));
  }
});

const SIZES = [
  [1, 1],
  [5, 7],
  [10, 14],
  [3, 4],
  [11, 2],
  [4, 23],
] as const;

test("resizing by every rule", () => {
  for (const name of NAMES) {
    for (const size of SIZES) {
      const x = tensor(name, [2, 5, 7, 3]);
      const given = { shape: x.shape, codes: x.data, size };
      for (const alignment of ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"] as const) {
        const what = `${name} to ${size}, ${alignment}`;
        for (const rounding of ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const) {
          const y = resize(x, { size, mode: "nearest", alignment, rounding });
          assertBits(y.data, resizeNearest({ ...given, alignment }, rounding), `${what}, ${rounding}`);
        }
        assertBits(
          resize(x, { size, mode: "bilinear", alignment }).data,
          resizeBilinear({ ...given, alignment }),
          what,
        );
        if (alignment === "pytorch_half_pixel") continue;
        const nearest = resize(x, { size, mode: "nearest", alignment, arithmetic: "tflite" });
        assertBits(
          nearest.data,
          resizeNearest({ ...given, alignment }, "tflite"),
          `${what}, TensorFlow Lite's nearest`,
        );
        const blended = resize(x, { size, mode: "bilinear", alignment, arithmetic: "tflite-single" });
        assertBits(blended.data, resizeBilinearTflite({ ...given, alignment }), `${what}, TensorFlow Lite's`);
      }
    }
  }
});

test("resizing walks images in bands", () => {
  const x = tensor("uint8", [1, 600, 300, 3]);
  for (const size of [
    [1100, 400],
    [40, 1300],
  ] as const) {
    const y = resize(x, { size, mode: "bilinear" });
    assert.deepEqual(y.shape, [1, ...size, 3]);
    assertBits(y.data, resizeBilinear({ shape: x.shape, codes: x.data, size, alignment: "half_pixel" }), `${size}`);
  }
});

test("TensorFlow Lite's bilinear stays inside the image where its rounded scale leads behind it", () => {
  const x = tensor("int8", [1, 1, 2, 1]);
  const y = resize(x, { size: [1, 1300], mode: "bilinear", alignment: "asymmetric", arithmetic: "tflite" });
  assert.equal(y.data[1299], x.data[1]);
});

test("resizing to and from nothing", () => {
  assert.deepEqual(resize(tensor("int8", [1, 3, 3, 2]), { size: [0, 9], mode: "nearest" }).shape, [1, 0, 9, 2]);
  assert.equal(resize(tensor("int8", [0, 3, 3, 2]), { size: [4, 4], mode: "bilinear" }).data.length, 0);
});

/** The rows of a tensor along an axis, one after another. */
function rowsAlong(x: QTensor, axis: number): number[] {
  const depth = x.shape[axis] as number;
  const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  return Array.from(x.data, (_, i) => {
    const row = Math.floor(i / depth);
    return x.data[(Math.floor(row / inner) * depth + (i % depth)) * inner + (row % inner)] as number;
  });
}

test("softmax and log-softmax along any axis", () => {
  for (const name of NAMES) {
    const { lo, hi } = FORMATS[name];
    const x = tensor(name, [5, 6, 7]);
    const scale = Math.fround(name === "int16" ? 0.0004 : 0.03);
    const scaled = { ...x, scale: Float32Array.of(scale) };
    for (const axis of [0, 1, 2]) {
      const depth = x.shape[axis] as number;
      const step = scale * 1.5;
      const code = (v: number) => quantizeValue(v, Math.fround(0.01), 0, lo, hi);
      const options = { axis, beta: 1.5, scale: 0.01, zero: 0 };
      const wanted = reference.softmax(rowsAlong(x, axis), depth, step).map(code);
      assertBits(rowsAlong(softmax(scaled, options), axis), wanted, `softmax of ${name} along ${axis}`);
      const logs = reference.logSoftmax(rowsAlong(x, axis), depth, step).map((v) => code(v) + 0);
      assertBits(rowsAlong(logSoftmax(scaled, options), axis), logs, `logarithms of ${name} along ${axis}`);
      const tflite = softmax(scaled, { axis, beta: 1.5, arithmetic: "tflite" });
      const codes =
        name === "int16"
          ? reference.softmaxTflite16(rowsAlong(x, axis), depth, 1.5, scale)
          : reference.softmaxTflite(rowsAlong(x, axis), depth, 1.5, scale, 8).map((each) => each + lo);
      assertBits(rowsAlong(tflite, axis), codes, `TensorFlow Lite's softmax of ${name} along ${axis}`);
    }
  }
});

test("softmax of more than a piece, and of nothing", () => {
  const x = { ...tensor("uint8", [3, 50_000]), scale: Float32Array.of(0.125) };
  const code = (v: number) => quantizeValue(v, 2 ** -16, -32768, -32768, 32767);
  const wanted = reference.softmax(x.data, 50_000, 0.125).map(code);
  assertBits(softmax(x, { format: "int16" }).data, wanted, "rows of 50,000");
  assert.equal(softmax(tensor("int8", [0, 5])).data.length, 0);
  assert.equal(logSoftmax(tensor("int8", [5, 0])).data.length, 0);
});

test("parameters of probabilities are TensorFlow Lite's by default", () => {
  const of = ({ scale, zero }: QTensor) => [Math.log2(scale[0] as number), zero[0]];
  const [signed, unsigned, wide] = NAMES.map((name) => tensor(name, [2, 3])) as [QTensor, QTensor, QTensor];
  assert.deepEqual([softmax(signed), softmax(unsigned), softmax(wide)].map(of), [
    [-8, -128],
    [-8, 0],
    [-15, 0],
  ]);
  assert.deepEqual(of(softmax(signed, { format: "int16" })), [-16, -32768]);
  assert.deepEqual([logSoftmax(signed), logSoftmax(unsigned), logSoftmax(wide)].map(of), [
    [-4, 127],
    [-4, 255],
    [-12, 32767],
  ]);
});

test("layer normalization over one axis and more", () => {
  for (const name of NAMES) {
    const x = tensor(name, [3, 4, 9]);
    for (const [axis, depth] of [
      [2, 9],
      [1, 36],
      [0, 108],
    ] as const) {
      const next = randomWords(axis);
      const row = () => new Float32Array(depth).map(() => next() / 2 ** 31 - 1);
      const [gamma, beta] = [row(), row()];
      const code = (v: number) => quantizeValue(v, Math.fround(0.02), 3, -128, 127);
      const wanted = layerNormReference({ codes: x.data, depth, gamma, beta, scale: SCALE, epsilon: 0.001 }).map(code);
      const options = { axis, gamma, beta, epsilon: 0.001, scale: 0.02, zero: 3, format: "int8" } as const;
      assertBits(layerNorm(x, options).data, wanted, `${name} from axis ${axis}`);
    }
    const plain = {
      codes: x.data,
      depth: 9,
      gamma: new Array(9).fill(1),
      beta: new Array(9).fill(0),
      scale: SCALE,
      epsilon: 1e-5,
    };
    const { lo, hi } = FORMATS[name];
    const wanted = layerNormReference(plain).map((v) => quantizeValue(v, Math.fround(0.01), 0, lo, hi));
    assertBits(layerNorm(x, { scale: 0.01 }).data, wanted, `${name} by default`);
  }
});

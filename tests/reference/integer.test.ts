// The oracle of the operators that accumulate where no conformance data reaches: each against a second derivation or a
// value done by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { splitmix64 } from "./affine.ts";
import { at } from "./at.ts";
import { convolutionSums, type Geometry, geometryOf, transposedSums } from "./conv.ts";
import { type Codes, linearSums, product, wrap32 } from "./gemm.ts";
import { biasAt, clampCodes, realMultiplier, requantizeSum, rescale, type Target } from "./requantize.ts";

/** Codes of -128..127, seeded. */
function codesOf(shape: number[], seed: number, zero = [0]): Codes {
  const codes = Array.from({ length: product(shape) }, (_, i) => Number(splitmix64(seed, i) & 255n) - 128);
  return { shape, codes, zero };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, v, i) => sum + v * at(b, i), 0);
}

test("linear sums: zeros taken out by the distributive law", () => {
  const [m, n, k] = [4, 3, 7];
  const [x, w] = [codesOf([m, k], 1, [-128]), codesOf([n, k], 2, [127, -5, 0])];
  const { shape, sums } = linearSums(x, w);
  assert.deepEqual(shape, [m, n]);
  for (let i = 0; i < m * n; i++) {
    const row = Array.from({ length: k }, (_, t) => at(x.codes, Math.floor(i / n) * k + t));
    const column = Array.from({ length: k }, (_, t) => at(w.codes, (i % n) * k + t));
    const ones = new Array<number>(k).fill(1);
    const [zx, zw] = [at(x.zero, 0), at(w.zero, i % n)];
    assert.equal(sums[i], dot(row, column) - zw * dot(row, ones) - zx * dot(column, ones) + k * zx * zw);
  }
});

test("linear sums: leading axes broadcast", () => {
  const [x, w] = [codesOf([2, 1, 3, 5], 3), codesOf([4, 2, 5], 4)];
  const { shape, sums } = linearSums(x, w);
  assert.deepEqual(shape, [2, 4, 3, 2]);
  for (const [a, b] of [
    [0, 0],
    [0, 3],
    [1, 2],
  ] as const) {
    const part = linearSums(
      { ...x, shape: [3, 5], codes: Array.from(x.codes).slice(a * 15, a * 15 + 15) },
      { ...w, shape: [2, 5], codes: Array.from(w.codes).slice(b * 10, b * 10 + 10) },
    );
    assert.deepEqual(sums.slice((a * 4 + b) * 6, (a * 4 + b) * 6 + 6), part.sums);
  }
  assert.equal(linearSums(codesOf([3, 5], 1), codesOf([4, 2, 5], 1)).shape.join(), "4,3,2");
  assert.throws(() => linearSums(codesOf([2, 3, 5], 1), codesOf([4, 2, 5], 1)), RangeError);
});

test("sums without terms are 0, products without rows are empty", () => {
  assert.deepEqual([...linearSums(codesOf([2, 0], 1), codesOf([3, 0], 1)).sums], [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(linearSums(codesOf([0, 4], 1), codesOf([3, 4], 1)).sums.length, 0);
  assert.equal(wrap32(2 ** 31), -(2 ** 31));
});

/** Weights [o, kh, kw, c / groups] of a convolution as those of its transpose, [c, kh, kw, o / groups]. */
function transposeWeights({ shape, codes, zero }: Codes, groups: number): Codes {
  const [o, kh, kw, c] = shape as [number, number, number, number];
  const to = [c * groups, kh, kw, o / groups];
  const swapped = Array.from({ length: product(to) }, (_, i) => {
    const [out, place] = [i % (o / groups), Math.floor(i / (o / groups)) % (kh * kw)];
    const channel = Math.floor(i / (kh * kw * (o / groups)));
    const from = Math.floor(channel / c) * (o / groups) + out;
    return at(codes, (from * kh * kw + place) * c + (channel % c));
  });
  return { shape: to, codes: swapped, zero };
}

test("a transposed convolution is the convolution's adjoint: <conv(x), y> = <x, transposed(y)>", () => {
  const geometries: Partial<Geometry>[] = [
    {},
    { strides: [2, 3] },
    { pads: [1, 0, 2, 1] },
    { dilations: [2, 1], pads: [2, 2, 1, 0] },
    { groups: 2, strides: [2, 1], pads: [1, 1, 1, 1] },
    { groups: 4, dilations: [1, 2], pads: [0, 2, 1, 2] },
  ];
  for (const given of geometries) {
    const geometry = geometryOf(given);
    const [x, w] = [codesOf([2, 7, 6, 4], 5), codesOf([8, 3, 2, 4 / geometry.groups], 6)];
    const forward = convolutionSums(x, w, geometry);
    const y = codesOf([...forward.shape], 7);
    // what the strides leave over at the end of the input belongs to no output
    const [, height, width] = transposedSums(y, transposeWeights(w, geometry.groups), geometry).shape;
    const rest = [7 - at([height ?? 0], 0), 6 - at([width ?? 0], 0)] as [number, number];
    const back = transposedSums(y, transposeWeights(w, geometry.groups), geometry, rest);
    assert.deepEqual(back.shape, x.shape);
    assert.equal(dot(forward.sums, y.codes), dot(x.codes, back.sums), JSON.stringify(given));
  }
});

test("a convolution with a kernel of one pixel, or as large as its input, is a product", () => {
  const [x, w] = [codesOf([1, 3, 2, 5], 8, [3]), codesOf([4, 1, 1, 5], 9, [1, 2, 3, 4])];
  const flat = linearSums({ ...x, shape: [6, 5] }, { ...w, shape: [4, 5] });
  assert.deepEqual(convolutionSums(x, w, geometryOf()).sums, flat.sums);
  const whole = { ...codesOf([4, 3, 2, 5], 10), zero: [7] };
  const one = linearSums({ ...x, shape: [1, 30] }, { ...whole, shape: [4, 30] });
  assert.deepEqual(convolutionSums(x, whole, geometryOf()).sums, one.sums);
  assert.deepEqual(convolutionSums(x, codesOf([4, 4, 1, 5], 1), geometryOf()).shape, [1, 0, 2, 4]);
});

const target: Target = { arithmetic: "onnx", zero: 0, lo: -32768, hi: 32767 };

test("leaky relu and prelu multiply negative sums besides, in the steps of each arithmetic", () => {
  const scales = { x: Math.fround(0.1), w: [Math.fround(0.3), Math.fround(0.7)], y: Math.fround(0.03) };
  const alpha = [Math.fround(0.01), -0.5];
  const m = Math.fround(Math.fround(scales.x * at(scales.w, 0)) / scales.y);
  assert.equal(realMultiplier(scales, 0, "onnx", 0.01), Math.fround(m * at(alpha, 0)));
  assert.equal(realMultiplier(scales, 1, "tflite", -0.5), ((scales.x * at(scales.w, 1)) / scales.y) * -0.5);
  for (const arithmetic of ["onnx", "tflite", "tflite-single"] as const) {
    const code = (sum: number, channel: number) =>
      requantizeSum(sum, channel, scales, { ...target, arithmetic, alpha }, false);
    assert.deepEqual([code(1000, 0), code(-1000, 0), code(1000, 1), code(-1000, 1)], [1000, -10, 2333, 1167]);
  }
});

test("sums beyond int32: float32 in one rounding, held to int32 in TensorFlow Lite's arithmetic", () => {
  const real = 2 ** -20;
  assert.equal(rescale(2 ** 33 + 2 ** 10, real, "onnx", false), 2 ** 13);
  for (const arithmetic of ["tflite", "tflite-single"] as const) {
    assert.equal(rescale(2 ** 33, real, arithmetic, false), 2 ** 11);
    assert.equal(rescale(-(2 ** 33), real, arithmetic, false), -(2 ** 11));
    assert.equal(rescale(2 ** 33, real, arithmetic, true), 2 ** 13);
  }
});

test("biases: integers as they are, floats in steps of the sums, half to even", () => {
  const scales = { x: 0.5, w: [0.25, 0.5] };
  assert.equal(biasAt(undefined, 1, scales), 0);
  assert.equal(biasAt(Int32Array.of(3, -4), 1, scales), -4);
  assert.equal(biasAt(BigInt64Array.of(2n ** 40n), 0, scales), 2 ** 40);
  assert.deepEqual(
    [0, 1].map((channel) => biasAt(Float32Array.of(0.3125, 0.375), channel, scales)),
    [2, 2],
  );
});

test("an activation's ends round half to even, or away from zero in TensorFlow Lite", () => {
  const all = { lo: -128, hi: 127 };
  assert.deepEqual(clampCodes([-1.25, 1.25], 0.5, 3, all, "onnx"), { lo: 1, hi: 5 });
  assert.deepEqual(clampCodes([-1.25, 1.25], 0.5, 3, all, "tflite"), { lo: 0, hi: 6 });
  assert.deepEqual(clampCodes([0, Number.POSITIVE_INFINITY], 0.5, -200, all, "tflite"), { lo: -128, hi: 127 });
});

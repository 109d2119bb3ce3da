// Reduction kernels against plain sums and comparisons: every count of rows, columns and results, sums in two calls,
// lanes at the bounds of what they can hold.
import assert from "node:assert/strict";
import { clamp } from "../reference/affine.ts";
import { at } from "../reference/at.ts";
import { multiplyByMultiplier, multiplyByMultiplierOnce } from "../reference/fixedpoint.ts";
import { reduce, rescaleFloat } from "../reference/reduce.ts";
import { assertBits, codesOf, randomWords, SIZES, TYPE_NAMES, TYPES, testKernel } from "./harness.ts";

/** [outer, rows, inner]: all rows for few columns, all columns for few rows, counts on either side of a lane's bound. */
function* shapes(): Generator<[outer: number, rows: number, inner: number]> {
  for (const size of SIZES) {
    yield [1, size, 1];
    yield [3, size, 5];
    yield [2, 3, size];
    yield [2, 129, size];
    yield [size, 2, 17];
  }
  for (const rows of [127, 128, 255, 256, 257]) yield [1, rows, 21];
}

function reduceMiddle(kind: "sum" | "max" | "min", shape: readonly number[], codes: ArrayLike<number>): number[] {
  const none = { scale: 1, zero: 0, outputScale: 1, outputZero: 0, lo: -Infinity, hi: Infinity } as const;
  return reduce({ ...none, kind, shape, codes, axes: [1], arithmetic: "onnx" });
}

for (const type of TYPE_NAMES) {
  const { array, lo, hi } = TYPES[type];

  testKernel(`sum_${type}_i64`, (bench) => {
    for (const [outer, rows, inner] of shapes()) {
      const b = bench();
      const codes = codesOf(type, outer * rows * inner, outer + rows + inner);
      const sums = new Float64Array(outer * inner).map((_, i) => i * 2 ** 33 - 7);
      const memory = b.put(BigInt64Array.from(sums, BigInt) as never);
      b.k[`sum_${type}_i64`](b.put(codes, 3), memory, outer, rows, inner);
      const got = Array.from(
        b.get(memory, new BigInt64Array(outer * inner) as never) as unknown as BigInt64Array,
        Number,
      );
      // sums of a few hundred codes are exact in float32: equation 41 with scales of 1 gives them back
      const wanted =
        rows === 0 ? [...sums] : reduceMiddle("sum", [outer, rows, inner], codes).map((s, i) => s + at(sums, i));
      assertBits(got, wanted, `[${outer}, ${rows}, ${inner}]`);
    }
  });

  testKernel(`largest_${type}_${type}`, (bench) => {
    for (const [kind, flip, start] of [
      ["max", 0, lo],
      ["min", -1, hi],
    ] as const) {
      for (const [outer, rows, inner] of shapes()) {
        const b = bench();
        const codes = codesOf(type, outer * rows * inner, outer + rows + inner);
        const y = b.put(new array(outer * inner).fill(start));
        b.k[`largest_${type}_${type}` as "largest_i8_i8"](b.put(codes, 3), y, outer, rows, inner, flip);
        const wanted =
          rows === 0 ? new Array(outer * inner).fill(start) : reduceMiddle(kind, [outer, rows, inner], codes);
        assertBits(b.get(y, new array(outer * inner)), wanted, `${kind} of [${outer}, ${rows}, ${inner}]`);
      }
      const b = bench();
      const y = b.put(array.of(flip ? lo : hi));
      b.k[`largest_${type}_${type}` as "largest_i8_i8"](b.put(codesOf(type, 40, 1)), y, 1, 40, 1, flip);
      assert.equal(b.get(y, new array(1))[0], flip ? lo : hi, "what y held counts");
    }
  });

  testKernel(`sum_${type}_i64 at the bounds of its lanes`, (bench) => {
    for (const [rows, inner] of [
      [600_001, 1],
      [140_003, 4],
      [70_001, 16],
    ] as const) {
      for (const code of [lo, hi]) {
        const b = bench();
        const at = b.put(new Float64Array(inner));
        b.k[`sum_${type}_i64`](b.put(new array(rows * inner).fill(code)), at, 1, rows, inner);
        const sums = b.get(at, new BigInt64Array(inner) as never) as unknown as BigInt64Array;
        assert.deepEqual(
          Array.from(sums),
          new Array(inner).fill(BigInt(code) * BigInt(rows)),
          `${rows} rows of ${code}`,
        );
      }
    }
  });
}

/** Sums of all sizes, ties among them. */
function sumsOf(n: number, bits: number): bigint[] {
  const next = randomWords(n);
  return Array.from({ length: n }, (_, i) => {
    const word = BigInt.asIntN(bits, (BigInt(next()) << 32n) | BigInt(next()));
    return word >> BigInt((i * 7) % bits);
  });
}

testKernel("rescale_i64_i32_onnx", (bench) => {
  for (const n of SIZES) {
    for (const [multiplier, zero, lo, hi] of [
      [0.5, 0, -128, 127],
      [0.1, 255, 0, 255],
      [3e-11, -128, -128, 127],
      [1e30, 32767, -32768, 32767],
    ] as const)
      for (const fits of [0, 1]) {
        const b = bench();
        const sums = sumsOf(n, fits ? 31 : 53);
        const at = b.put(BigInt64Array.from(sums) as never);
        const y = fits ? at : b.reserve(n * 4);
        b.k.rescale_i64_i32_onnx(at, y, n, 12345n, multiplier, fits, zero, lo, hi);
        const wanted = sums.map((s) => clamp(rescaleFloat(s - 12345n, Math.fround(multiplier)) + zero, lo, hi));
        assertBits(b.get(y, new Int32Array(n)), wanted, `${n} sums times ${multiplier}`);
      }
  }
});

testKernel("rescale_i64_i32_tflite", (bench) => {
  for (const n of SIZES) {
    for (const [multiplier, shift] of [
      [1 << 30, 1],
      [1518500250, -3],
      [2 ** 31 - 1, -31],
      [1 << 30, 30],
    ] as const) {
      for (const once of [0, 1]) {
        const b = bench();
        const sums = sumsOf(n, shift > 1 ? 10 : 31);
        const at = b.put(BigInt64Array.from(sums) as never);
        const y = b.reserve(n * 4);
        b.k.rescale_i64_i32_tflite(at, y, n, 99n, multiplier, shift, once, -5, -32768, 32767);
        const rescale = once ? multiplyByMultiplierOnce : multiplyByMultiplier;
        const wanted = sums.map((s) => clamp(rescale(Number(s - 99n), multiplier, shift) - 5, -32768, 32767));
        assertBits(b.get(y, new Int32Array(n)), wanted, `${n} sums, shift ${shift}`);
      }
    }
  }
});

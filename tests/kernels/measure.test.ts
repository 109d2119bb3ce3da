// measure.ts against tests/reference/measure.ts: extremes, counts, histograms, errors, moments, bit for bit.
import assert from "node:assert/strict";
import { histogramKey, minMax, moments, splitError } from "../reference/measure.ts";
import { assertBits, type Bench, groupings, SIZES, scaleIndex, testKernel, valuesOf } from "./harness.ts";

const lanes = (sums: Float64Array) => {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = sums;
  return a + e + (c + g) + (b + f + (d + h));
};

/** Runs a kernel over x in one call, or in two that meet at a multiple of 8: the sums may not differ. */
function summed(
  bench: Bench,
  n: number,
  count: number,
  call: (sums: number, from: number, till: number) => void,
): Float64Array {
  const results = [n, Math.floor(n / 16) * 8].map((split) => {
    const sums = bench.put(new Float64Array(count), 0);
    if (split > 0) call(sums, 0, split);
    if (split < n) call(sums, split, n);
    return bench.get(sums, new Float64Array(count));
  });
  assertBits(results[1] as Float64Array, results[0] as Float64Array, `n ${n}, in two calls`);
  return results[0] as Float64Array;
}

testKernel("extremes_f32_f32", (bench) => {
  for (const n of SIZES) {
    for (const finite of [true, false]) {
      const x = valuesOf(n, n * 7, finite);
      if (n > 5 && !finite) x[3] = NaN;
      for (const grouping of groupings(n)) {
        const b = bench();
        const low = b.put(new Float32Array(grouping.total).fill(Infinity));
        const high = b.put(new Float32Array(grouping.total).fill(-Infinity));
        const infinite = b.k.extremes_f32_f32(b.put(x), 0, n, b.place(2, grouping, low, high), 0, 0);
        assert.equal(
          infinite !== 0,
          x.some((v) => Math.abs(v) === Infinity),
          "infinity reported",
        );
        const parts = Array.from({ length: grouping.total }, (_, g) =>
          minMax(x.filter((_v, i) => scaleIndex(2 + i, grouping) === g)),
        );
        const plus = (v: number) => v + 0;
        assertBits(
          Array.from(b.get(low, new Float32Array(grouping.total)), plus),
          parts.map(({ min }) => min),
          `low, n ${n}`,
        );
        assertBits(
          Array.from(b.get(high, new Float32Array(grouping.total)), plus),
          parts.map(({ max }) => max),
          `high, n ${n}`,
        );
      }
    }
  }
});

testKernel("count_f32_u32", (bench) => {
  for (const n of SIZES) {
    const b = bench();
    const x = valuesOf(n, n).map((v, i) => (i % 5 === 4 ? NaN : v));
    const counts = b.put(Uint32Array.of(10, 20));
    b.k.count_f32_u32(b.put(x), counts, n);
    const { infinite, nan } = minMax(x);
    assertBits(b.get(counts, new Uint32Array(2)), [10 + infinite, 20 + nan], `n ${n}`);
  }
});

testKernel("histogram_f32_u32 and histogram_f32_u32_bin", (bench) => {
  for (const n of SIZES) {
    const b = bench();
    const x = valuesOf(n, n).map((v, i) => (i % 7 === 6 ? NaN : v));
    const counts = b.put(new Uint32Array(4 * 65536));
    const met = b.put(new Uint8Array(512));
    b.k.histogram_f32_u32(b.put(x), counts, met, n);
    const wanted = new Uint32Array(4 * 65536);
    const pages = new Uint8Array(512);
    x.forEach((v, i) => {
      if (!Number.isFinite(v)) return;
      const key = histogramKey(v);
      // the last one to three values are in the first counter
      const at = 4 * key + (i < n - (n % 4) ? i % 4 : 0);
      wanted[at] = (wanted[at] as number) + 1;
      pages[key >>> 7] = 1;
    });
    assertBits(b.get(counts, new Uint32Array(4 * 65536)), wanted, `n ${n}`);
    assertBits(b.get(met, new Uint8Array(512)), pages, `pages, n ${n}`);
    if (n === 0) continue;
    const bin = histogramKey(x[0] as number);
    const inBin = b.put(new Uint32Array(65536));
    b.k.histogram_f32_u32_bin(b.put(x), inBin, n, bin);
    const low = new Uint32Array(65536);
    for (const bits of new Uint32Array(x.buffer))
      if (bits >>> 16 === bin) low[bits & 0xffff] = (low[bits & 0xffff] as number) + 1;
    assertBits(b.get(inBin, new Uint32Array(65536)), low, `bin ${bin}, n ${n}`);
  }
});

testKernel("split_error_f32_f64", (bench) => {
  for (const n of SIZES) {
    const b = bench();
    const [x, y, v] = [valuesOf(n, n), valuesOf(n, n + 1, true), valuesOf(n, n + 2)];
    const [xAt, yAt, vAt] = [b.put(x), b.put(y), b.put(v)];
    const sums = summed(b, n, 26, (to, from, till) => {
      b.k.split_error_f32_f64(xAt + from * 4, yAt + from * 4, vAt + from * 4, to, till - from, -128, 127);
    });
    const wanted = splitError(x, y, v, -128, 127);
    assert.deepEqual(
      {
        clipping: lanes(sums),
        rounding: lanes(sums.subarray(8)),
        signal: lanes(sums.subarray(16)),
        clipped: sums[24],
        finite: sums[25],
      },
      wanted,
      `n ${n}`,
    );
  }
});

testKernel("moment_f32_f64", (bench) => {
  for (const [n, finite] of SIZES.flatMap((n) => [[n, true] as const, [n, false] as const])) {
    const b = bench();
    const x = valuesOf(n, n, finite);
    const at = b.put(x);
    const wanted = moments(x);
    const sum = summed(b, n, 8, (to, from, till) => b.k.moment_f32_f64(at + from * 4, to, till - from, 0, 1));
    assertBits([lanes(sum)], [wanted.sum], `sum, n ${n}`);
    const squares = summed(b, n, 8, (to, from, till) =>
      b.k.moment_f32_f64(at + from * 4, to, till - from, wanted.mean, 2),
    );
    assertBits([lanes(squares)], [wanted.squares], `squares, n ${n}`);
  }
});

testKernel("log_f64", (bench) => {
  const b = bench();
  for (const x of [1, 2, 10, 0.1, 1 + 2 ** -40, 1 - 2 ** -40, Math.SQRT2, Math.SQRT1_2, 1e300, 1e-300, 3.7e-5]) {
    assert.ok(Math.abs(b.k.log_f64(x) - Math.log(x)) <= Math.abs(Math.log(x)) * 2 ** -51, `log ${x}`);
  }
});

// The divergence by prefix sums against the divergence written out (docs/math.md, equation 13).
import assert from "node:assert/strict";
import { test } from "node:test";
import { LINEAR_BINS, leastDivergence } from "../../src/tensor/entropy.ts";
import { randomWords } from "../kernels/harness.ts";

function divergence(histogram: Float64Array, bins: number, levels: number): number {
  const p = Array.from(histogram.subarray(0, bins));
  p[bins - 1] = (p[bins - 1] as number) + histogram.subarray(bins).reduce((a, b) => a + b, 0);
  let sum = 0;
  for (let level = 0; level < levels; level++) {
    const [from, till] = [Math.floor((level * bins) / levels), Math.floor(((level + 1) * bins) / levels)];
    const merged = histogram.subarray(from, till);
    const even = merged.reduce((a, b) => a + b, 0) / merged.filter((count) => count > 0).length;
    for (let i = from; i < till; i++) {
      const q = (histogram[i] as number) > 0 ? even : 1e-4;
      if ((p[i] as number) > 0) sum += (p[i] as number) * Math.log((p[i] as number) / q);
    }
  }
  return sum;
}

test("the threshold is the last of least divergence", () => {
  for (const [seed, width, levels] of [
    [1, 100, 8],
    [2, 400, 128],
    [3, 1500, 16],
  ] as const) {
    const next = randomWords(seed);
    const histogram = new Float64Array(LINEAR_BINS).map((_, i) =>
      Math.floor((next() / 2 ** 32) * 50 * Math.exp(-i / width)),
    );
    const found = leastDivergence(histogram, levels);
    const least = divergence(histogram, found, levels);
    for (let bins = levels; bins <= LINEAR_BINS; bins++) {
      const other = divergence(histogram, bins, levels);
      assert.ok(other >= least - Math.abs(least) * 1e-9, `${bins} bins: ${other}, found ${found}: ${least}`);
    }
  }
});

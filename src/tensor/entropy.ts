// The range whose quantized histogram diverges least from the data's (docs/math.md, equation 13): Kullback and Leibler's
// divergence over the thresholds of a linear histogram of magnitudes. It is there for comparison; it often loses to min-max.

import { engine } from "../wasm/kernels.ts";

/** Bins of the linear histogram. */
export const LINEAR_BINS = 2048;

/** Stands for an empty bin, where clipped values may lie: the divergence stays finite. */
const SMOOTH = 1e-4;

/** Sums over bins 0..i - 1 at place i: the sums over any bins are differences of two. */
function prefixSums(histogram: Float64Array, term: (count: number) => number): Float64Array {
  const sums = new Float64Array(histogram.length + 1);
  histogram.forEach((count, i) => {
    sums[i + 1] = (sums[i] as number) + term(count);
  });
  return sums;
}

/** The threshold, as a number of bins, with the least divergence between the histogram and its quantization to `levels`. */
export function leastDivergence(histogram: Float64Array, levels: number): number {
  const { log_f64: log } = engine().kernels;
  const counts = prefixSums(histogram, (count) => count);
  const filled = prefixSums(histogram, (count) => +(count > 0));
  const entropies = prefixSums(histogram, (count) => (count > 0 ? count * log(count) : 0));
  const between = (sums: Float64Array, from: number, till: number) => (sums[till] as number) - (sums[from] as number);
  const divergence = (bins: number) => {
    const last = histogram[bins - 1] as number;
    const withTail = last + between(counts, bins, LINEAR_BINS);
    let sum = (entropies[bins - 1] as number) + (withTail > 0 ? withTail * log(withTail) : 0);
    let ofLast = SMOOTH;
    for (let level = 0; level < levels; level++) {
      const [from, till] = [Math.floor((level * bins) / levels), Math.floor(((level + 1) * bins) / levels)];
      const count = between(counts, from, till);
      if (count === 0) continue;
      const even = count / between(filled, from, till);
      sum -= (till === bins ? count - last : count) * log(even);
      if (till === bins && last > 0) ofLast = even;
    }
    return withTail > 0 ? sum - withTail * log(ofLast) : sum;
  };
  let best = LINEAR_BINS;
  let least = Infinity;
  for (let bins = levels; bins <= LINEAR_BINS; bins++) {
    const found = divergence(bins);
    if (found <= least) [best, least] = [bins, found];
  }
  return best;
}

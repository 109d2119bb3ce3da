// The range whose quantized histogram diverges least from the data's (docs/math.md, equation 13): Kullback and Leibler's
// divergence over the thresholds of a linear histogram of magnitudes. It is there for comparison; it often loses to min-max.

import { engine } from "../wasm/kernels.ts";

/** Bins of the linear histogram. */
export const LINEAR_BINS = 2048;

/** The threshold, as a number of bins, with the least divergence between the histogram and its quantization to `levels`. */
export function leastDivergence(histogram: Float64Array, levels: number): number {
  const { kernels, arena } = engine();
  let best = LINEAR_BINS;
  let least = Infinity;
  let total = 0;
  for (const count of histogram) total += count;
  let inside = 0;
  for (let i = 0; i < Math.min(levels, LINEAR_BINS); i++) inside += histogram[i] as number;
  for (let bins = levels; bins <= LINEAR_BINS; bins++) {
    const clipped = histogram.slice(0, bins);
    clipped[bins - 1] = (clipped[bins - 1] as number) + total - inside;
    const quantized = spread(histogram, bins, levels);
    inside += histogram[bins] ?? 0;
    const divergence = arena.scope(() => kernels.divergence_f64_f64(arena.copy(clipped), arena.copy(quantized), bins));
    if (divergence <= least) [best, least] = [bins, divergence];
  }
  return best;
}

/** The first `bins` counts merged into `levels` and spread evenly over the bins that were not empty. */
function spread(histogram: Float64Array, bins: number, levels: number): Float64Array {
  const quantized = new Float64Array(bins);
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * bins) / levels);
    const till = Math.floor(((level + 1) * bins) / levels);
    let sum = 0;
    let filled = 0;
    for (let i = from; i < till; i++) {
      sum += histogram[i] as number;
      filled += +((histogram[i] as number) > 0);
    }
    for (let i = from; i < till; i++) quantized[i] = (histogram[i] as number) > 0 ? sum / filled : SMOOTH;
  }
  return quantized;
}

/** Stands for an empty bin, where clipped values may lie: the divergence stays finite. */
const SMOOTH = 1e-4;

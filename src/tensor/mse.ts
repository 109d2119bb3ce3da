// The range with the least squared error (docs/math.md, equation 10): a geometric grid, then golden section around the best;
// the zero is recomputed for every candidate. On large data the grid looks at a histogram, the last steps at the data.

import { engine } from "../wasm/kernels.ts";
import { eachChunk, grainOf } from "./grain.ts";
import { parametersOf, type Target } from "./parameters.ts";
import { fakeChunk } from "./steps.ts";

/** Values, and a weight for each or none; finite. */
export interface Sample {
  readonly values: Float32Array;
  readonly weights?: Float32Array;
}

/** A range of real numbers. */
export type Interval = readonly [lo: number, hi: number];

/** The squared error that a range gives, summed over a sample. */
export type ErrorOf = (interval: Interval) => number;

/** Samples up to this many values stay in wasm memory during a search. */
const RESIDENT = 2 ** 22;

/** The sum of the accumulators of assembly/measure.ts, in their fixed order. */
export function sumLanes(sums: Float64Array): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = sums;
  return a + e + (c + g) + (b + f + (d + h));
}

/** Measures ranges on a sample; good until the arena's scope ends. */
export function errorOf(target: Target, { values, weights }: Sample): ErrorOf {
  const { arena } = engine();
  const at = values.length <= RESIDENT ? arena.copy(values) : undefined;
  const weightsAt = weights ? arena.copy(weights) : 0;
  const grain = grainOf([values.length]);
  return (interval) => {
    const { scale, zero } = parametersOf(interval, target);
    return arena.scope(() => {
      const sums = arena.zeros(64);
      const scales = { scale: Float32Array.of(scale), zero: Int32Array.of(zero) };
      eachChunk(values.length, grain, scales, (chunk) => {
        const { start, count } = chunk;
        const from = at === undefined ? arena.copy(values.subarray(start, start + count)) : at + start * 4;
        const to = arena.reserve(count * 4);
        fakeChunk(chunk, target, from, to);
        chunk.kernels.square_error_f32_f64(from, to, weightsAt && weightsAt + start * 4, sums, count);
      });
      return sumLanes(arena.view(Float64Array, sums, 8));
    });
  };
}

/** 2^(-1/8): the grid's ratio. 120 steps reach down to 2^-15 of the largest magnitude. */
const COARSE = 0.9170040432046712;
const COARSE_STEPS = 120;
/** 2^(-1/64): the ratio of the finer grid between two neighbours of the best. */
const FINE = 0.9892280131939755;
const FINE_STEPS = 16;
const GOLDEN = 0.6180339887498949;
const GOLDEN_STEPS = 8;

/** The best of start, start * ratio, start * ratio^2, ... */
function bestOnGrid(error: (end: number) => number, start: number, ratio: number, steps: number): number {
  let best = start;
  let least = error(start);
  for (let step = 1, end = start * ratio; step <= steps; step++, end *= ratio) {
    const found = error(end);
    if (found < least) [best, least] = [end, found];
  }
  return best;
}

/** The best end of at most `most`, to about one percent. */
function roughEnd(error: (end: number) => number, most: number): number {
  const coarse = bestOnGrid(error, most, COARSE, COARSE_STEPS);
  return bestOnGrid(error, Math.min(coarse / COARSE, most), FINE, FINE_STEPS);
}

/** Golden section within two fine steps of `end`; never worse than `end` or `most`. */
function refineEnd(error: (end: number) => number, end: number, most: number): number {
  let lo = end * FINE * FINE;
  let hi = Math.min(end / (FINE * FINE), most);
  let left = hi - GOLDEN * (hi - lo);
  let right = lo + GOLDEN * (hi - lo);
  let [atLeft, atRight] = [error(left), error(right)];
  for (let step = 0; step < GOLDEN_STEPS; step++) {
    if (atLeft <= atRight) {
      [hi, right, atRight] = [right, left, atLeft];
      left = hi - GOLDEN * (hi - lo);
      atLeft = error(left);
    } else {
      [lo, left, atLeft] = [left, right, atRight];
      right = lo + GOLDEN * (hi - lo);
      atRight = error(right);
    }
  }
  const candidates = [atLeft <= atRight ? left : right, end, most];
  const errors = [Math.min(atLeft, atRight), error(end), error(most)];
  return candidates[errors.indexOf(Math.min(...errors))] as number;
}

/**
 * The range of least squared error inside [lo, hi].
 * @param rough measures the candidates of the grids, `exact` those of the last steps
 */
export function leastSquares(rough: ErrorOf, exact: ErrorOf, [lo, hi]: Interval, target: Target): Interval {
  if (target.symmetric) {
    const most = target.range.lo < 0 || target.codes.kind === "float" ? Math.max(-lo, hi) : hi;
    if (!(most > 0)) return [lo, hi];
    const end = refineEnd((t) => exact([-t, t]), roughEnd((t) => rough([-t, t]), most), most);
    return [-end, end];
  }
  return leastSquaresAffine(rough, exact, Math.max(-lo, 0), Math.max(hi, 0));
}

/** Both ends at once, then each in turn; `below` and `above` are the most that the range may reach on either side of 0. */
function leastSquaresAffine(rough: ErrorOf, exact: ErrorOf, below: number, above: number): Interval {
  if (below === 0 && above === 0) return [0, 0];
  const shrink = roughEnd((part) => rough([-below * part, above * part]), 1);
  let [low, high] = [below * shrink, above * shrink];
  if (below > 0 && above > 0) {
    for (let round = 0; round < 2; round++) {
      high = roughEnd((t) => rough([-low, t]), above);
      low = roughEnd((t) => rough([-t, high]), below);
    }
  }
  if (above > 0) high = refineEnd((t) => exact([-low, t]), high, above);
  if (below > 0) low = refineEnd((t) => exact([-t, high]), low, below);
  return exact([-below, above]) <= exact([-low, high]) ? [-below, above] : [-low, high];
}

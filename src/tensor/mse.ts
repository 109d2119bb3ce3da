// The range with the least squared error (docs/math.md, equation 10): a geometric grid, then golden section around the best;
// the zero is recomputed for every candidate. On large data the grid looks at a histogram, the last steps at the data.

import { floatMax } from "../formats.ts";
import type { Parameters } from "../quantizer.ts";
import { engine } from "../wasm/kernels.ts";
import { parametersOf, type Target } from "./parameters.ts";

/** Values, and a weight for each or none; finite. */
interface Sample {
  readonly values: Float32Array;
  readonly weights?: Float32Array;
}

/** A range of real numbers. */
export type Interval = readonly [lo: number, hi: number];

/** The squared error that a range gives, summed over a sample. */
type ErrorOf = (interval: Interval) => number;

/** Values that stay in wasm memory during a search; of more, so many at a time. */
const RESIDENT = 2 ** 22;

/** The sum of the accumulators of assembly/measure.ts, in their fixed order. */
export function sumLanes(sums: Float64Array): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = sums;
  return a + e + (c + g) + (b + f + (d + h));
}

/** Measures ranges on a sample; good until the arena's scope ends. */
export function errorOf(target: Target, { values, weights }: Sample): ErrorOf {
  const { arena } = engine();
  const resident = values.length <= RESIDENT;
  const at = resident ? arena.copy(values) : arena.reserve(RESIDENT * 4);
  const weightsAt = weights ? arena.copy(weights) : 0;
  const sum = summer(target);
  return (interval) => {
    const parameters = parametersOf(interval, target);
    if (resident) return sum(at, weightsAt, values.length, parameters);
    let total = 0;
    for (let start = 0; start < values.length; start += RESIDENT) {
      const part = values.subarray(start, start + RESIDENT);
      arena.write(at, part);
      total += sum(at, 0, part.length, parameters);
    }
    return total;
  };
}

/** Sums the squared errors of n values at x that parameters give. */
type Sum = (x: number, weights: number, n: number, parameters: Parameters) => number;

function summer({ codes, range }: Target): Sum {
  const { kernels } = engine();
  if (codes.kind === "integer") {
    return (x, weights, n, { scale, zero }) =>
      kernels.error_f32_f64_integer(x, weights, n, scale, range.lo - zero, range.hi - zero);
  }
  const minNormal = 2 ** (1 - codes.bias);
  const max = floatMax(codes);
  return (x, weights, n, { scale }) =>
    kernels.error_f32_f64_float(x, weights, n, scale, codes.mantissa, minNormal, max);
}

/** Ratios 2^(-1/8), 2^(-1/64), 2^(-1/512) of three grids, each finer around the best ends of the one before. */
const RATIOS = [0.9170040432046712, 0.9892280131939755, 0.9986471128909702] as const;
/** The first grid's last end, as a part of its first. */
const DEEPEST = 2 ** -15;
/** Steps of the finer grids to either side: one step of the grid before. */
const FINE_STEPS = 8;
/** The error over ranges has many small dips at few bits: so many ends go on to the next grid. */
const KEPT = 3;
const GOLDEN = 0.6180339887498949;
const GOLDEN_STEPS = 5;

type EndError = (end: number) => number;

/** The `count` ends of least error. */
function leastEnds(ends: readonly number[], error: EndError, count: number): number[] {
  const measured = ends.map((end) => ({ end, error: error(end) }));
  return measured
    .sort((a, b) => a.error - b.error)
    .slice(0, count)
    .map(({ end }) => end);
}

/** The best ends of `least` to `most` on three grids; the first one around `near`, where an end is known already. */
function gridSearch(error: EndError, least: number, most: number, near?: number): number[] {
  let ends = near === undefined ? [most] : around(near, RATIOS[0], most);
  for (let end = most * RATIOS[0]; near === undefined && end > least; end *= RATIOS[0]) ends.push(end);
  ends = leastEnds(ends, error, KEPT);
  for (const ratio of RATIOS.slice(1))
    ends = leastEnds(
      ends.flatMap((end) => around(end, ratio, most)),
      error,
      KEPT,
    );
  return ends;
}

/** `end` and FINE_STEPS ends to either side, none above `most`. */
function around(end: number, ratio: number, most: number): number[] {
  const ends = [end];
  for (let step = 1, up = end / ratio, down = end * ratio; step <= FINE_STEPS; step++, up /= ratio, down *= ratio) {
    ends.push(down);
    if (up <= most) ends.push(up);
  }
  return ends;
}

/** The best of some ends and of golden section around it; never worse than `most`. */
function refine(error: EndError, ends: readonly number[], most: number): number {
  const [end = most] = leastEnds([...ends, most], error, 1);
  let lo = end * RATIOS[1];
  let hi = Math.min(end / RATIOS[1], most);
  let [left, right] = [hi - GOLDEN * (hi - lo), lo + GOLDEN * (hi - lo)];
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
  return Math.min(atLeft, atRight) < error(end) ? (atLeft <= atRight ? left : right) : end;
}

/** Half a step at the largest code, as a part of the range from the lowest to the highest. */
function halfStep({ codes, range }: Target): number {
  return codes.kind === "float" ? 2 ** -(codes.mantissa + 1) : 0.5 / (range.hi - range.lo);
}

/**
 * An end below which no range is best. Clipping the value at `most` to `end` costs (most - end)^2; the whole range costs n
 * values at most half a step each.
 */
function leastEnd(most: number, span: number, n: number, target: Target): number {
  return Math.max(most - span * halfStep(target) * Math.sqrt(n), most * DEEPEST);
}

/**
 * The range of least squared error inside [lo, hi], where n values reach both ends. Beyond 16 bits that is the whole range:
 * the step is as fine as float32.
 * @param rough measures the candidates of the grids, `exact` those of the last steps
 */
export function leastSquares(rough: ErrorOf, exact: ErrorOf, [lo, hi]: Interval, n: number, target: Target): Interval {
  if (target.codes.bits > 16) return [lo, hi];
  if (!target.symmetric) return leastSquaresAffine(rough, exact, Math.max(-lo, 0), Math.max(hi, 0), n, target);
  const isSigned = target.codes.kind === "float" || target.range.lo < 0;
  const most = isSigned ? Math.max(-lo, hi) : hi;
  if (!(most > 0)) return [lo, hi];
  // an unsigned quantizer may have clipped negative values already: nothing is known of the whole range's cost
  const least = isSigned ? leastEnd(most, 2 * most, n, target) : most * DEEPEST;
  const end = refine(
    (t) => exact([-t, t]),
    gridSearch((t) => rough([-t, t]), least, most),
    most,
  );
  return [-end, end];
}

/** Both ends at once, then each in turn; `below` and `above` are the most that the range may reach on either side of 0. */
function leastSquaresAffine(
  rough: ErrorOf,
  exact: ErrorOf,
  below: number,
  above: number,
  n: number,
  target: Target,
): Interval {
  const [leastLow, leastHigh] = [below, above].map((most) => leastEnd(most, below + above, n, target)) as [
    number,
    number,
  ];
  const larger = Math.max(below, above);
  const leastShrink = leastEnd(larger, below + above, n, target) / larger;
  const [shrink = 1] = gridSearch((part) => rough([-below * part, above * part]), leastShrink, 1);
  let [lows, highs] = [[below * shrink], [above * shrink]];
  for (const isFirst of [true, false]) {
    const low = lows[0] as number;
    if (above > 0) highs = gridSearch((t) => rough([-low, t]), leastHigh, above, isFirst ? undefined : highs[0]);
    const high = highs[0] as number;
    if (below > 0) lows = gridSearch((t) => rough([-t, high]), leastLow, below, isFirst ? undefined : lows[0]);
    if (below === 0 || above === 0) break;
  }
  const high = above && refine((t) => exact([-(lows[0] as number), t]), highs, above);
  const low = below && refine((t) => exact([-t, high]), lows, below);
  return exact([-below, above]) <= exact([-low, high]) ? [-below, above] : [-low, high];
}

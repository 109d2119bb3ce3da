// What calibration measures: extremes, histogram keys, squared errors, moments.
// Sums are float64 in eight lanes: term i goes to lane i mod 8; total = ((a0+a4)+(a2+a6)) + ((a1+a5)+(a3+a7)).
import { at } from "./at.ts";
import { float32Bits } from "./bits.ts";

/** A sum whose order of additions is fixed by each term's index. */
class LaneSum {
  readonly lanes = new Float64Array(8);

  add(i: number, term: number): void {
    this.lanes[i % 8] = this.lane(i % 8) + term;
  }

  total(): number {
    const even = this.lane(0) + this.lane(4) + (this.lane(2) + this.lane(6));
    const odd = this.lane(1) + this.lane(5) + (this.lane(3) + this.lane(7));
    return even + odd;
  }

  private lane(j: number): number {
    return at(this.lanes, j);
  }
}

/** Extremes of the finite values (-0 counts as 0); without any, min is Infinity and max -Infinity. */
export function minMax(x: ArrayLike<number>): { min: number; max: number; infinite: number; nan: number } {
  const found = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, infinite: 0, nan: 0 };
  for (const value of Array.from(x)) {
    if (Number.isNaN(value)) found.nan++;
    else if (!Number.isFinite(value)) found.infinite++;
    else {
      found.min = Math.min(found.min, value);
      found.max = Math.max(found.max, value);
    }
  }
  found.min += 0;
  found.max += 0;
  return found;
}

/** The histogram bin of a float32: its sign, its exponent and the top 7 bits of its mantissa. */
export function histogramKey(x: number): number {
  return float32Bits(x) >>> 16;
}

/** The sum over i of (x[i] - y[i])^2, each term times weights[i] where weights are given. */
export function squaredError(x: ArrayLike<number>, y: ArrayLike<number>, weights?: ArrayLike<number>): number {
  const sum = new LaneSum();
  for (let i = 0; i < x.length; i++) {
    const d = at(x, i) - at(y, i);
    sum.add(i, weights === undefined ? d * d : d * d * at(weights, i));
  }
  return sum.total();
}

/**
 * squaredError in two parts over finite x[i]: values whose code before the clamp, v[i], lies outside lo..hi, and the
 * others; with the power of the signal, the number of finite values and of clipped ones.
 */
export function splitError(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  v: ArrayLike<number>,
  lo: number,
  hi: number,
): { clipping: number; rounding: number; clipped: number; signal: number; finite: number } {
  const clipping = new LaneSum();
  const rounding = new LaneSum();
  const signal = new LaneSum();
  let clipped = 0;
  let finite = 0;
  for (let i = 0; i < x.length; i++) {
    const value = at(x, i);
    if (!Number.isFinite(value)) continue;
    const d = value - at(y, i);
    const isClipped = at(v, i) > hi || at(v, i) < lo;
    (isClipped ? clipping : rounding).add(i, d * d);
    signal.add(i, value * value);
    clipped += isClipped ? 1 : 0;
    finite++;
  }
  return { clipping: clipping.total(), rounding: rounding.total(), clipped, signal: signal.total(), finite };
}

/** Count, sum and mean of the finite values, and the sum of their squared distances to the mean; mean 0 without any. */
export function moments(x: ArrayLike<number>): { count: number; sum: number; mean: number; squares: number } {
  const values = new LaneSum();
  const distances = new LaneSum();
  const finite = [...Array.from(x).entries()].filter(([, value]) => Number.isFinite(value));
  const count = finite.length;
  for (const [i, value] of finite) values.add(i, value);
  const sum = values.total();
  const mean = count === 0 ? 0 : sum / count;
  for (const [i, value] of finite) distances.add(i, (value - mean) * (value - mean));
  return { count, sum, mean, squares: distances.total() };
}

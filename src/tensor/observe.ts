// A range observer: streamed, in constant memory, mergeable in any order and any split, plain JSON between machines.
// Extremes, counts and the histogram merge exactly; mean and variance to 1e-12 (docs/math.md, equations 12 and 14).

import { checkFloats, checkInteger, checkOptions, rangeError, typeError } from "../check.ts";
import { checkFormat } from "../check-format.ts";
import type { Format } from "../formats.ts";
import { engine } from "../wasm/kernels.ts";
import { grainOf, writePlace } from "./grain.ts";
import {
  addPage,
  addToPages,
  binEnd,
  binOfRank,
  binStart,
  binsInOrder,
  PAGE,
  type Pages,
  pointsOf,
} from "./histogram.ts";
import { errorOf, type Interval, leastSquares, sumLanes } from "./mse.ts";
import { type Target, type TargetOptions, targetOf } from "./parameters.ts";
import { checkRange, entropyInterval, linearFromPages, percentileInterval, type Range } from "./range.ts";
import { codeFormat } from "./tensor.ts";
import { countSpecial, eachValue, type Source, sourceOf } from "./values.ts";

/** Options of {@link Observer.range}: the quantizer that the range is for. */
export interface ObservedRangeOptions extends TargetOptions {
  /** Default `"minmax"`. Percentiles are known to a bin: 2^-7 of their value. */
  readonly range?: Range;
  /** Default `"int8"`. */
  readonly format?: Format;
}

/** What {@link Observer.toJSON} gives and {@link Observer.from} takes. */
export interface ObserverState {
  readonly version: 1;
  readonly count: number;
  readonly infinite: number;
  readonly nan: number;
  /** Absent while nothing finite was seen. */
  readonly min?: number;
  readonly max?: number;
  readonly mean: number;
  /** Sum of squared differences from the mean. */
  readonly squares: number;
  /** Counts of bins by page: page number, then its 128 counts. */
  readonly pages: readonly (readonly [page: number, counts: readonly number[]])[];
}

/** Count, mean and sum of squared differences of some values. */
interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly squares: number;
}

/** Collects what range setting needs to know of a tensor, a piece at a time; made by {@link observe}. */
export class Observer {
  private extremes = { min: Infinity, max: -Infinity };
  private passedOver = { infinite: 0, nan: 0 };
  private moments: Moments = { count: 0, mean: 0, squares: 0 };
  private readonly pages: Pages = new Map();

  /** Smallest finite value; Infinity before the first. */
  get min(): number {
    return this.extremes.min;
  }

  /** Largest finite value; -Infinity before the first. */
  get max(): number {
    return this.extremes.max;
  }

  /** Infinities seen; they enter nothing else. */
  get infinite(): number {
    return this.passedOver.infinite;
  }

  /** NaNs seen; they enter nothing else. */
  get nan(): number {
    return this.passedOver.nan;
  }

  /** Finite values seen. */
  get count(): number {
    return this.moments.count;
  }

  /** Mean of the finite values; 0 before the first. */
  get mean(): number {
    return this.moments.mean;
  }

  /** Mean squared difference of the finite values from their mean; 0 before the first. */
  get variance(): number {
    return this.moments.count > 0 ? this.moments.squares / this.moments.count : 0;
  }

  /** Adds values. */
  add(x: Float32Array): this {
    return this.addFrom(checkFloats(x, "x").length, sourceOf(engine(), x));
  }

  /** Adds so many float32 from where they are in wasm memory. */
  addFrom(length: number, source: Source): this {
    eachValue(length, (e, start, n) => {
      const { kernels, arena } = e;
      const at = source(start, n);
      const { infinite, nan } = countSpecial(e, at, n);
      this.passOver(infinite, nan);
      const extremes = arena.copy(Float32Array.of(this.min, this.max));
      const place = writePlace(arena, grainOf([n]), 0, 0, 1, [extremes, extremes + 4]);
      kernels.extremes_f32_f32(at, 0, n, place, 0, 0);
      const [min = 0, max = 0] = arena.view(Float32Array, extremes, 2);
      this.extremes = { min: min + 0, max: max + 0 };
      this.moments = together(this.moments, momentsOf(at, n, n - infinite - nan));
    });
    addToPages(this.pages, length, source);
    return this;
  }

  private passOver(infinite: number, nan: number): void {
    this.passedOver = { infinite: this.infinite + infinite, nan: this.nan + nan };
  }

  /** Adds what another observer saw. */
  merge(other: Observer): this {
    if (!(other instanceof Observer)) throw typeError("other", "an Observer", other);
    this.extremes = { min: Math.min(this.min, other.min), max: Math.max(this.max, other.max) };
    this.passOver(other.infinite, other.nan);
    this.moments = together(this.moments, other.moments);
    for (const [page, counts] of [...other.pages]) addPage(this.pages, page, counts.slice());
    return this;
  }

  /** The range that a method finds for a quantizer; [0, 0] before the first finite value. */
  range(options?: ObservedRangeOptions): [lo: number, hi: number] {
    const target = observedTarget(options);
    const method = checkRange(options?.range, target.codes);
    if (method.kind === "given") return [...method.interval];
    if (this.count === 0) return [0, 0];
    const most: Interval = [this.min, this.max];
    if (method.kind === "minmax" || this.min === this.max) return [...most];
    if (method.kind === "mse") return this.leastSquares(target, most);
    const ends = (bin: number): Interval => [binStart(bin), binEnd(bin)];
    if (method.kind === "entropy") return [...entropyInterval(linearFromPages(this.pages, most, ends), target, most)];
    const bins = binsInOrder(this.pages, target.symmetric);
    const valueAt = (rank: number) => Math.min(Math.max(binEnd(binOfRank(bins, rank).bin), this.min), this.max);
    return [...percentileInterval(this.count, method.percentile, valueAt, target)];
  }

  private leastSquares(target: Target, most: Interval): [number, number] {
    return engine().arena.scope(() => {
      const error = errorOf(target, pointsOf(this.pages, ...most));
      return [...leastSquares(error, error, most, this.count, target)];
    });
  }

  /** All that was seen, as plain data for JSON. */
  toJSON(): ObserverState {
    const { count, mean, squares } = this.moments;
    const pages = [...this.pages].sort(([a], [b]) => a - b).map(([page, counts]) => [page, [...counts]] as const);
    const extremes = count > 0 ? { min: this.min, max: this.max } : {};
    return { version: 1, count, infinite: this.infinite, nan: this.nan, ...extremes, mean, squares, pages };
  }

  /** The observer that gave this JSON. */
  static from(state: ObserverState): Observer {
    const { count, infinite, nan, min, max, mean, squares, pages } = checkState(state);
    const observer = new Observer();
    observer.passOver(infinite, nan);
    if (count > 0) observer.extremes = { min: min as number, max: max as number };
    observer.moments = { count, mean, squares };
    for (const [page, counts] of pages) addPage(observer.pages, page, counts);
    return observer;
  }
}

/**
 * An observer that has seen nothing yet.
 * @param options there are none: what a range is for is said when it is asked for
 */
export function observe(options?: Record<string, never>): Observer {
  checkOptions(options, [], "observe");
  return new Observer();
}

/** Count, mean and squares of n values at `at`, `count` of them finite: two passes, so that nothing cancels. */
function momentsOf(at: number, n: number, count: number): Moments {
  const { kernels, arena } = engine();
  const sum = (mean: number, degree: number) =>
    arena.scope(() => {
      const sums = arena.zeros(64);
      kernels.moment_f32_f64(at, sums, n, mean, degree);
      return sumLanes(arena.view(Float64Array, sums, 8));
    });
  const mean = count > 0 ? sum(0, 1) / count : 0;
  return { count, mean, squares: sum(mean, 2) };
}

/** The moments of two sets of values together (Chan, Golub and LeVeque). */
function together(a: Moments, b: Moments): Moments {
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const difference = b.mean - a.mean;
  return {
    count,
    mean: a.mean + (difference * b.count) / count,
    squares: a.squares + b.squares + (difference * difference * a.count * b.count) / count,
  };
}

const RANGE_OPTIONS = ["range", "format", "bits", "symmetric", "narrow", "powerOfTwo"];

function observedTarget(options: ObservedRangeOptions | undefined): Target {
  const { format = "int8", range: _, ...rest } = checkOptions(options, RANGE_OPTIONS, "range");
  return targetOf(codeFormat(checkFormat(format)), rest);
}

function checkState(state: ObserverState): ObserverState {
  if (state === null || typeof state !== "object" || state.version !== 1 || !Array.isArray(state.pages)) {
    throw typeError("state", "what an Observer's toJSON gives, version 1", state);
  }
  let seen = 0;
  for (const entry of state.pages) {
    const [page, counts] = Array.isArray(entry) ? entry : [];
    checkInteger(page, 0, 511, "state.pages");
    if (!Array.isArray(counts) || counts.length !== PAGE)
      throw typeError("state.pages", `${PAGE} counts a page`, counts);
    for (const count of counts) seen += checkInteger(count, 0, Number.MAX_SAFE_INTEGER, "state.pages");
  }
  for (const key of ["count", "infinite", "nan"] as const)
    checkInteger(state[key], 0, Number.MAX_SAFE_INTEGER, `state.${key}`);
  if (seen !== state.count) throw rangeError("state.count", `${seen}, the sum of all bins`, state.count);
  if (state.count > 0 && ((state.min as number) > (state.max as number) || state.squares < 0)) {
    throw typeError("state", "min <= max and squares >= 0", state);
  }
  for (const key of state.count > 0 ? (["min", "max", "mean", "squares"] as const) : []) {
    if (!Number.isFinite(state[key])) throw typeError(`state.${key}`, "a finite number", state[key]);
  }
  return state;
}

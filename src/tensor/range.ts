// From values to ranges, one per scale: extremes, percentiles, least squares, least divergence, or as given.

import { checkOptions, rangeError, typeError } from "../check.ts";
import { engine } from "../wasm/kernels.ts";
import { LINEAR_BINS, leastDivergence } from "./entropy.ts";
import { type Grain, type Scales, scalesMet, writePlace } from "./grain.ts";
import { addToPages, binsInOrder, type Pages, pointsOf, valueOfRank } from "./histogram.ts";
import { errorOf, type Interval, leastSquares } from "./mse.ts";
import { parametersOf, type Target } from "./parameters.ts";
import type { CodeFormat } from "./tensor.ts";
import { countSpecial, eachPiece, sourceOf } from "./values.ts";

/**
 * How a range is found: the extremes; a percentile (default 99.99), which leaves out half of the rest at either end, or
 * all of it by magnitude in symmetric quantizers; the least squared error; the least Kullback-Leibler divergence; or the
 * range itself.
 */
export type Range =
  | "minmax"
  | "percentile"
  | "mse"
  | "entropy"
  | readonly [lo: number, hi: number]
  | { readonly percentile: number };

/** A range method, checked. */
export type Method =
  | { readonly kind: "minmax" }
  | { readonly kind: "mse" }
  | { readonly kind: "entropy" }
  | { readonly kind: "percentile"; readonly percentile: number }
  | { readonly kind: "given"; readonly interval: Interval };

const DEFAULT_PERCENTILE = 99.99;

/** Checks a range option against the format that the range is for. */
export function checkRange(range: Range | undefined, codes: CodeFormat): Method {
  if (range === undefined) return { kind: "minmax" };
  if (range === "entropy" && codes.kind === "float") {
    throw typeError("range", `a method other than "entropy" for a float format`, codes.name);
  }
  if (range === "minmax" || range === "mse" || range === "entropy") return { kind: range };
  if (range === "percentile") return { kind: "percentile", percentile: DEFAULT_PERCENTILE };
  if (Array.isArray(range) || ArrayBuffer.isView(range))
    return { kind: "given", interval: checkInterval(range as never) };
  const wanted = `"minmax", "percentile", "mse", "entropy", [lo, hi] or { percentile }`;
  if (range === null || typeof range !== "object") throw typeError("range", wanted, range);
  const { percentile } = checkOptions(range as { percentile: number }, ["percentile"], "range");
  if (typeof percentile !== "number" || !(percentile > 0 && percentile <= 100)) {
    throw rangeError("range.percentile", "a number above 0 and at most 100", percentile);
  }
  return { kind: "percentile", percentile };
}

function checkInterval(range: readonly number[]): Interval {
  const [lo, hi] = range;
  if (range.length !== 2 || !Number.isFinite(lo) || !Number.isFinite(hi) || (lo as number) > (hi as number)) {
    throw rangeError("range", "[lo, hi], finite with lo <= hi", Array.from(range));
  }
  return [lo as number, hi as number];
}

/** The extremes of each scale's finite values, [0, 0] where there are none, and how many infinities were passed over. */
export function extremesOf(x: Float32Array, grain: Grain): { lo: Float32Array; hi: Float32Array; infinite: number } {
  const lo = new Float32Array(grain.count).fill(Infinity);
  const hi = new Float32Array(grain.count).fill(-Infinity);
  let infinite = 0;
  eachPiece(x, (e, at, start, count) => {
    const { kernels, arena } = e;
    const { first, met } = scalesMet(grain, start, count);
    const mins = arena.reserve(met * 4);
    const maxs = arena.reserve(met * 4);
    arena.view(Float32Array, mins, met).fill(Infinity);
    arena.view(Float32Array, maxs, met).fill(-Infinity);
    const place = writePlace(arena, grain, start, 0, met, [mins, maxs]);
    if (kernels.extremes_f32_f32(at, 0, count, place, 0, 0)) infinite += countSpecial(e, at, count).infinite;
    const [low, high] = [arena.view(Float32Array, mins, met), arena.view(Float32Array, maxs, met)];
    for (let i = 0; i < met; i++) {
      const scale = (first + i) % grain.count;
      lo[scale] = Math.min(lo[scale] as number, low[i] as number);
      hi[scale] = Math.max(hi[scale] as number, high[i] as number);
    }
  });
  for (let i = 0; i < grain.count; i++) if ((lo[i] as number) > (hi[i] as number)) lo[i] = hi[i] = 0;
  return { lo, hi, infinite };
}

/** The finite values that scale number `index` belongs to. */
function valuesOf(x: Float32Array, { length, block, lanes, count }: Grain, index: number): Float32Array {
  if (count === 1) return allFinite(x) ? x : finiteOf(x.slice());
  const groups = Math.ceil(length / block);
  const lane = index % lanes;
  const mine = Math.ceil((Math.ceil(x.length / length) * groups * lanes) / count);
  const values = new Float32Array(Math.min(mine * Math.ceil(block / lanes), x.length));
  let filled = 0;
  for (let group = (index - lane) / lanes; ; group += count / lanes) {
    const position = (group % groups) * block;
    const start = Math.floor(group / groups) * length + position;
    if (start >= x.length) break;
    const end = start + Math.min(block, length - position);
    if (lanes === 1) {
      values.set(x.subarray(start, end), filled);
      filled += end - start;
    } else {
      for (let i = start + lane; i < end; i += lanes) values[filled++] = x[i] as number;
    }
  }
  return finiteOf(values.subarray(0, filled));
}

/** The finite values of an array, moved to its front. */
function finiteOf(values: Float32Array): Float32Array {
  let kept = 0;
  for (const value of values) if (Number.isFinite(value)) values[kept++] = value;
  return values.subarray(0, kept);
}

function allFinite(x: Float32Array): boolean {
  let found = 0;
  eachPiece(x, (e, at, _start, count) => {
    const { infinite, nan } = countSpecial(e, at, count);
    found += infinite + nan;
  });
  return found === 0;
}

/** Scales and zeros for values, by a range method. */
export function searchScales(
  x: Float32Array,
  target: Target,
  method: Method,
  grain: Grain,
): Scales & { infinite: number } {
  const scale = new Float32Array(grain.count);
  const zero = new Int32Array(grain.count);
  const extremes = method.kind === "given" ? undefined : extremesOf(x, grain);
  for (let i = 0; i < grain.count; i++) {
    const most: Interval = extremes ? [extremes.lo[i] as number, extremes.hi[i] as number] : [0, 0];
    const found = parametersOf(intervalOf(x, target, method, grain, i, most), target);
    scale[i] = found.scale;
    zero[i] = found.zero;
  }
  return { scale, zero, infinite: extremes?.infinite ?? 0 };
}

function intervalOf(
  x: Float32Array,
  target: Target,
  method: Method,
  grain: Grain,
  index: number,
  most: Interval,
): Interval {
  if (method.kind === "given") return method.interval;
  if (method.kind === "minmax" || most[0] === most[1]) return most;
  const values = valuesOf(x, grain, index);
  return engine().arena.scope(() => searchInterval(values, target, method, most));
}

/** A method that looks at more than the extremes. */
type Searched = Exclude<Method, { kind: "minmax" | "given" }>;

/** Up to so many values, every candidate is measured on all of them. */
const FEW = 8192;

function searchInterval(values: Float32Array, target: Target, method: Searched, most: Interval): Interval {
  if (method.kind === "mse") {
    const exact = errorOf(target, { values });
    const rough = values.length <= FEW ? exact : errorOf(target, pointsOf(pagesOf(values), ...most));
    return leastSquares(rough, exact, most, values.length, target);
  }
  if (method.kind === "percentile") {
    return percentileInterval(values.length, method.percentile, ranked(values, target.symmetric), target);
  }
  // a histogram of fewer values than bins says nothing of their distribution
  return values.length < LINEAR_BINS ? most : entropyInterval(linearHistogram(values, most), target, most);
}

/** The value of a rank, counted from 0; by magnitude where `absolute`. */
function ranked(values: Float32Array, absolute: boolean): (rank: number) => number {
  if (values.length <= FEW) {
    const sorted = (absolute ? values.map(Math.abs) : values.slice()).sort();
    return (rank) => sorted[rank] as number;
  }
  const pages = pagesOf(values);
  return (rank) => valueOfRank(values, pages, rank, absolute);
}

function pagesOf(values: Float32Array): Pages {
  const pages: Pages = new Map();
  addToPages(pages, values.length, sourceOf(engine(), values));
  return pages;
}

/** The range that a percentile leaves, from the values of ranks (counted from 0, by magnitude in symmetric quantizers). */
export function percentileInterval(
  count: number,
  percentile: number,
  valueAt: (rank: number) => number,
  { symmetric }: Target,
): Interval {
  if (symmetric) {
    const end = Math.abs(valueAt(Math.max(Math.ceil((count * percentile) / 100) - 1, 0)));
    return [-end, end];
  }
  const cut = Math.floor((count * (100 - percentile)) / 200);
  const [low, high] = [cut, count - 1 - cut];
  return low <= high ? [valueAt(low), valueAt(high)] : [0, 0];
}

function linearHistogram(values: Float32Array, [lo, hi]: Interval): Float64Array {
  const histogram = new Float64Array(LINEAR_BINS);
  const most = Math.max(-lo, hi);
  for (const value of values) {
    const bin = Math.min(Math.floor((Math.abs(value) / most) * LINEAR_BINS), LINEAR_BINS - 1);
    histogram[bin] = (histogram[bin] as number) + 1;
  }
  return histogram;
}

/** The linear histogram of magnitudes that a histogram of float bits comes to: its bins' counts are spread evenly. */
export function linearFromPages(pages: Pages, [lo, hi]: Interval, ends: (bin: number) => Interval): Float64Array {
  const histogram = new Float64Array(LINEAR_BINS);
  const width = Math.max(-lo, hi) / LINEAR_BINS;
  for (const { bin, count } of binsInOrder(pages, false)) {
    const [from, till] = ends(bin).map((end) => Math.min(Math.abs(end) / width, LINEAR_BINS)) as [number, number];
    for (let i = Math.floor(from); i < Math.min(Math.ceil(till), LINEAR_BINS); i++) {
      const part = till > from ? (Math.min(till, i + 1) - Math.max(from, i)) / (till - from) : 1;
      histogram[i] = (histogram[i] as number) + count * part;
    }
  }
  return histogram;
}

/** The range of least divergence for a linear histogram of magnitudes that ends at the larger end of `most`. */
export function entropyInterval(histogram: Float64Array, { range }: Target, [lo, hi]: Interval): Interval {
  const levels = lo < 0 && hi > 0 ? (range.hi - range.lo + 1) / 2 : range.hi - range.lo + 1;
  if (levels > LINEAR_BINS) return [lo, hi];
  const bins = leastDivergence(histogram, Math.floor(levels));
  const end = (Math.max(-lo, hi) * bins) / LINEAR_BINS;
  return [Math.max(lo, -end), Math.min(hi, end)];
}

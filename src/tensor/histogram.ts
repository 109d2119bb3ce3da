// A histogram whose bins are the float32's own bits (docs/math.md, equation 12): sign, exponent and seven bits of mantissa.
// It needs no range beforehand, never rescales, and merges exactly in any order, for it holds integers only.

import type { Heap } from "../wasm/heap.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import { bitsOf, eachPiece, eachValue, floatOf, type Source } from "./values.ts";

/** Bins of a page: the mantissa's seven bits. A page is one sign and exponent. */
export const PAGE = 128;
const BINS = 65536;
/** The first bin of negative values. */
const SIGN = BINS / 2;

/** Counts of the pages that were met, by page number: the float32's highest nine bits. */
export type Pages = Map<number, Float64Array>;

/** The end of a bin that is nearer to zero. */
export function binStart(bin: number): number {
  return floatOf(bin * BINS);
}

/** The end of a bin that is farther from zero: where the next one starts. */
export function binEnd(bin: number): number {
  return floatOf(bin * BINS + BINS - 1);
}

/** Fewer values than this are counted one by one. */
const FEW = 256;

/** Counters that a bin has. */
const COUNTERS = 4;

/** Where each engine's counters are, all 0 between two calls; behind them a mark for each page. */
const tables = new WeakMap<Heap, number>();

function tableOf({ heap, arena }: Engine): number {
  const known = tables.get(heap);
  if (known !== undefined) return known;
  const bytes = BINS * COUNTERS * 4 + BINS / PAGE;
  const at = heap.take(bytes);
  arena.view(Uint8Array, at, bytes).fill(0);
  tables.set(heap, at);
  return at;
}

/** Adds the finite ones of so many values to pages. */
export function addToPages(pages: Pages, length: number, source: Source): void {
  const running = engine();
  const { arena, kernels } = running;
  if (length < FEW) {
    arena.scope(() => {
      const values = arena.view(Float32Array, source(0, length), length);
      for (const value of values) if (Number.isFinite(value)) addOne(pages, value);
    });
    return;
  }
  const counts = tableOf(running);
  const marks = counts + BINS * COUNTERS * 4;
  let isWhole = false;
  try {
    eachValue(length, (_, start, count) => kernels.histogram_f32_u32(source(start, count), counts, marks, count));
    isWhole = true;
  } finally {
    const met = arena.view(Uint8Array, marks, BINS / PAGE);
    for (let page = met.indexOf(1); page >= 0; page = met.indexOf(1, page)) {
      const found = arena.view(Uint32Array, counts + page * PAGE * COUNTERS * 4, PAGE * COUNTERS);
      if (isWhole) addPage(pages, page, sumsOf(found));
      found.fill(0);
      met[page] = 0;
    }
  }
}

/** What the counters of each bin count together. */
function sumsOf(counters: Uint32Array): Float64Array {
  return Float64Array.from({ length: PAGE }, (_, bin) => {
    let sum = 0;
    for (let i = bin * COUNTERS; i < (bin + 1) * COUNTERS; i++) sum += counters[i] as number;
    return sum;
  });
}

function addOne(pages: Pages, value: number): void {
  const bin = bitsOf(value) >>> 16;
  const page = Math.floor(bin / PAGE);
  const counts = pages.get(page) ?? new Float64Array(PAGE);
  counts[bin % PAGE] = (counts[bin % PAGE] as number) + 1;
  pages.set(page, counts);
}

/** Adds counts to a page; a page without counts is not kept. */
export function addPage(pages: Pages, page: number, counts: ArrayLike<number>): void {
  let kept = pages.get(page);
  for (let i = 0; i < PAGE; i++) {
    const count = counts[i] as number;
    if (count === 0) continue;
    if (!kept) {
      kept = new Float64Array(PAGE);
      pages.set(page, kept);
    }
    kept[i] = (kept[i] as number) + count;
  }
}

/** A bin that holds something. */
interface Bin {
  /** The highest sixteen bits of its values; without the sign where values are ordered by magnitude. */
  readonly bin: number;
  readonly count: number;
}

/** Bins that hold something, from the lowest value to the highest; by magnitude, both signs together, where `absolute`. */
export function binsInOrder(pages: Pages, absolute: boolean): Bin[] {
  const counts = new Map<number, number>();
  for (const [page, inPage] of pages) {
    inPage.forEach((count, i) => {
      const bin = absolute ? (page * PAGE + i) % SIGN : page * PAGE + i;
      if (count > 0) counts.set(bin, (counts.get(bin) ?? 0) + count);
    });
  }
  const bins = Array.from(counts, ([bin, count]) => ({ bin, count }));
  const order = (bin: number) => (bin < SIGN ? bin : -bin);
  return bins.sort((a, b) => order(a.bin) - order(b.bin));
}

/** The bin that holds the value of a rank, and the rank inside it; ranks count from 0. */
export function binOfRank(bins: readonly Bin[], rank: number): { bin: number; rest: number } {
  let rest = rank;
  for (const { bin, count } of bins) {
    if (rest < count) return { bin, rest };
    rest -= count;
  }
  return { bin: bins.at(-1)?.bin ?? 0, rest: 0 };
}

/** The exact value of a rank among values whose histogram is known; of magnitudes where `absolute`. */
export function valueOfRank(x: Float32Array, pages: Pages, rank: number, absolute: boolean): number {
  const { bin, rest } = binOfRank(binsInOrder(pages, absolute), rank);
  const { arena } = engine();
  return arena.scope(() => {
    const counts = arena.zeros(BINS * 4);
    eachPiece(x, ({ kernels }, at, _start, count) => {
      kernels.histogram_f32_u32_bin(at, counts, count, bin);
      if (absolute) kernels.histogram_f32_u32_bin(at, counts, count, bin + SIGN);
    });
    return floatOf(bin * BINS + lowBitsOfRank(arena.view(Uint32Array, counts, BINS), rest, bin >= SIGN));
  });
}

function lowBitsOfRank(counts: Uint32Array, rank: number, descending: boolean): number {
  let rest = rank;
  for (let i = 0; i < BINS; i++) {
    const low = descending ? BINS - 1 - i : i;
    if (rest < (counts[low] as number)) return low;
    rest -= counts[low] as number;
  }
  return descending ? 0 : BINS - 1;
}

/** Points that stand for a bin's values where only counts are known; one is enough far below the largest. */
const POINTS = 4;
const FAR = 2 ** -9;

/** Values and weights that stand for a histogram whose values reach from lo to hi. */
export function pointsOf(pages: Pages, lo: number, hi: number): { values: Float32Array; weights: Float32Array } {
  const values: number[] = [];
  const weights: number[] = [];
  const far = Math.max(-lo, hi) * FAR;
  for (const { bin, count } of binsInOrder(pages, false)) {
    const [from, till] = [binStart(bin), binEnd(bin)];
    const points = Math.abs(till) < far ? 1 : POINTS;
    for (let i = 0; i < points; i++) {
      values.push(Math.min(Math.max(from + ((till - from) * (i + 0.5)) / points, lo), hi));
      weights.push(count / points);
    }
  }
  return { values: Float32Array.from(values), weights: Float32Array.from(weights) };
}

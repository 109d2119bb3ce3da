// Products of rows of activations with panels of weights, accumulated in int32. A panel holds eight columns (outputs) of the
// weights in the order in which a tile reads them: for every step of k the four bytes (or two int16) of column 0, of column
// 1, ... of column 7.
//
//     panel   [ w(0,0..3) | w(1,0..3) | ... | w(7,0..3) ] [ w(0,4..7) | ... ] ...      32 bytes a step
//     row     [ x(0..3) ] [ x(4..7) ] ...                                               4 bytes a step, met by all columns
//
// A tile is four or six rows by eight columns: as many accumulators as stay in registers (docs/kernels.md).

import { Finish, upperMultipliers } from "./finish";

/** Bytes of a panel's step. */
export const PANEL_STEP: usize = 32;

/** Columns of a panel. */
export const PANEL_COLUMNS: i32 = 8;

/** How a vector of weights meets four bytes of a row; a name for static dispatch. */
export abstract class Dot {
  /** Rows of a tile: 6 or 4. */
  abstract get rows(): i32;
  abstract add(acc: v128, w: v128, x: v128): v128;
}

/** Sixteen bytes by the relaxed dot product: weights signed, activations as the host reads them (probe.ts). */
export class Bytes extends Dot {
  // @ts-ignore: decorator
  @inline get rows(): i32 {
    return 6; // twelve sums hide the dot product's latency: 109 GMAC/s of 116; with eight of them 86
  }
  // @ts-ignore: decorator
  @inline add(acc: v128, w: v128, x: v128): v128 {
    if (!ASC_FEATURE_RELAXED_SIMD) return acc;
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, acc);
  }
}

/** Eight int16. */
export class Words extends Dot {
  // @ts-ignore: decorator
  @inline get rows(): i32 {
    return 4; // more sums would be spilled
  }
  // @ts-ignore: decorator
  @inline add(acc: v128, w: v128, x: v128): v128 {
    return i32x4.add(acc, i32x4.dot_i16x8_s(w, x));
  }
}

/**
 * A tile's rows times a panel. Fewer rows are the last one, row `last`, again and again. Sums begin with the eight int32 at
 * `init`; `to` is where row 0's results go, the others' follow `stride` bytes apart. The rest is as finish.ts has it.
 */
export function tile<D extends Dot, F extends Finish>(
  row: usize,
  rowStride: usize,
  last: i32,
  panel: usize,
  steps: i32,
  init: usize,
  to: usize,
  stride: usize,
  columns: i32,
  multipliers: usize,
  record: usize,
): void {
  const dot = changetype<D>(0);
  const finish = changetype<F>(0);
  const isTall = dot.rows > 4;
  let x0 = row;
  let x1 = row + rowStride * <usize>min(1, last);
  let x2 = row + rowStride * <usize>min(2, last);
  let x3 = row + rowStride * <usize>min(3, last);
  let x4 = row + rowStride * <usize>min(4, last);
  let x5 = row + rowStride * <usize>last;
  let a0 = v128.load(init);
  let b0 = v128.load(init, 16);
  let a1 = a0;
  let b1 = b0;
  let a2 = a0;
  let b2 = b0;
  let a3 = a0;
  let b3 = b0;
  let a4 = a0;
  let b4 = b0;
  let a5 = a0;
  let b5 = b0;
  for (let i: i32 = 0; i < steps; i++) {
    const w0 = v128.load(panel);
    const w1 = v128.load(panel, 16);
    let x = v128.load32_splat(x0);
    a0 = dot.add(a0, w0, x);
    b0 = dot.add(b0, w1, x);
    x = v128.load32_splat(x1);
    a1 = dot.add(a1, w0, x);
    b1 = dot.add(b1, w1, x);
    x = v128.load32_splat(x2);
    a2 = dot.add(a2, w0, x);
    b2 = dot.add(b2, w1, x);
    x = v128.load32_splat(x3);
    a3 = dot.add(a3, w0, x);
    b3 = dot.add(b3, w1, x);
    if (isTall) {
      x = v128.load32_splat(x4);
      a4 = dot.add(a4, w0, x);
      b4 = dot.add(b4, w1, x);
      x = v128.load32_splat(x5);
      a5 = dot.add(a5, w0, x);
      b5 = dot.add(b5, w1, x);
      x4 += 4;
      x5 += 4;
    }
    x0 += 4;
    x1 += 4;
    x2 += 4;
    x3 += 4;
    panel += PANEL_STEP;
  }
  const m = v128.load(multipliers);
  const n = upperMultipliers(multipliers, columns);
  const to1 = to + stride * <usize>min(1, last);
  finish.pair(a0, b0, to, a1, b1, to1, columns, m, n, record);
  const to2 = to + stride * <usize>min(2, last);
  const to3 = to + stride * <usize>min(3, last);
  finish.pair(a2, b2, to2, a3, b3, to3, columns, m, n, record);
  if (!isTall) return;
  const to4 = to + stride * <usize>min(4, last);
  finish.pair(a4, b4, to4, a5, b5, to + stride * <usize>last, columns, m, n, record);
}

/** Eight sums. */
// @ts-ignore: decorator
@inline
export function storeSums(to: usize, low: v128, high: v128): void {
  v128.store(to, low);
  v128.store(to, high, 16);
}

/** One row times four panels `panelStride` bytes apart: 32 sums at `acc`, which begin with the 32 int32 at `init`. */
export function strip<D extends Dot>(
  row: usize,
  panel: usize,
  panelStride: usize,
  steps: i32,
  init: usize,
  acc: usize,
): void {
  const dot = changetype<D>(0);
  let p0 = panel;
  let p1 = p0 + panelStride;
  let p2 = p1 + panelStride;
  let p3 = p2 + panelStride;
  let a0 = v128.load(init);
  let b0 = v128.load(init, 16);
  let a1 = v128.load(init, 32);
  let b1 = v128.load(init, 48);
  let a2 = v128.load(init, 64);
  let b2 = v128.load(init, 80);
  let a3 = v128.load(init, 96);
  let b3 = v128.load(init, 112);
  for (let i: i32 = 0; i < steps; i++) {
    const x = v128.load32_splat(row);
    a0 = dot.add(a0, v128.load(p0), x);
    b0 = dot.add(b0, v128.load(p0, 16), x);
    a1 = dot.add(a1, v128.load(p1), x);
    b1 = dot.add(b1, v128.load(p1, 16), x);
    a2 = dot.add(a2, v128.load(p2), x);
    b2 = dot.add(b2, v128.load(p2, 16), x);
    a3 = dot.add(a3, v128.load(p3), x);
    b3 = dot.add(b3, v128.load(p3, 16), x);
    row += 4;
    p0 += PANEL_STEP;
    p1 += PANEL_STEP;
    p2 += PANEL_STEP;
    p3 += PANEL_STEP;
  }
  storeSums(acc, a0, b0);
  storeSums(acc + 32, a1, b1);
  storeSums(acc + 64, a2, b2);
  storeSums(acc + 96, a3, b3);
}

/** Pairs of partial sums added: [a0 a0' a1 a1'] [b0 b0' b1 b1'] -> [a0 | a1 | b0 | b1]. */
// @ts-ignore: decorator
@inline
function addPairs(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
}

/** Two columns of a panel's step, four bytes of each as int16, times four int16 of a row twice. */
// @ts-ignore: decorator
@inline
function addColumns(acc: v128, panel: usize, x: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(v128.load8x8_s(panel), x));
}

/**
 * One row of int16 times two panels of bytes: a row alone is bound by the reading of the weights, which are half as long as
 * int16. Eight sums each go to `acc` and `next`, which begin with the int32 at `init` and `nextInit`.
 */
export function widenedStrip(
  row: usize,
  panel: usize,
  other: usize,
  steps: i32,
  init: usize,
  nextInit: usize,
  acc: usize,
  next: usize,
): void {
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  for (let i: i32 = 0; i < steps; i++) {
    const x = v128.load64_splat(row);
    a0 = addColumns(a0, panel, x);
    a1 = addColumns(a1, panel + 8, x);
    a2 = addColumns(a2, panel + 16, x);
    a3 = addColumns(a3, panel + 24, x);
    b0 = addColumns(b0, other, x);
    b1 = addColumns(b1, other + 8, x);
    b2 = addColumns(b2, other + 16, x);
    b3 = addColumns(b3, other + 24, x);
    row += 8;
    panel += PANEL_STEP;
    other += PANEL_STEP;
  }
  storeSums(acc, i32x4.add(v128.load(init), addPairs(a0, a1)), i32x4.add(v128.load(init, 16), addPairs(a2, a3)));
  const nextLow = i32x4.add(v128.load(nextInit), addPairs(b0, b1));
  storeSums(next, nextLow, i32x4.add(v128.load(nextInit, 16), addPairs(b2, b3)));
}

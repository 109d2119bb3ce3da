// Products of rows of activations with panels of weights, accumulated in int32. A panel holds eight columns (outputs) of the
// weights in the order in which a tile reads them: for every step of k the four bytes (or two int16) of column 0, of column
// 1, ... of column 7.
//
//     panel   [ w(0,0..3) | w(1,0..3) | ... | w(7,0..3) ] [ w(0,4..7) | ... ] ...      32 bytes a step
//     row     [ x(0..3) ] [ x(4..7) ] ...                                               4 bytes a step, met by all columns
//
// A tile is four rows by eight columns: eight accumulators, as many as stay in registers (docs/kernels.md).

/** Bytes of a panel's step. */
export const PANEL_STEP: usize = 32;

/** Columns of a panel. */
export const PANEL_COLUMNS: i32 = 8;

/** How a vector of weights meets four bytes of a row; a name for static dispatch. */
export abstract class Dot {
  abstract add(acc: v128, w: v128, x: v128): v128;
}

/** Sixteen bytes by the relaxed dot product: weights signed, activations as the host reads them (probe.ts). */
export class Bytes extends Dot {
  // @ts-ignore: decorator
  @inline add(acc: v128, w: v128, x: v128): v128 {
    if (!ASC_FEATURE_RELAXED_SIMD) return acc;
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, acc);
  }
}

/** Eight int16. */
export class Words extends Dot {
  // @ts-ignore: decorator
  @inline add(acc: v128, w: v128, x: v128): v128 {
    return i32x4.add(acc, i32x4.dot_i16x8_s(w, x));
  }
}

/**
 * Four rows times a panel. Fewer rows are rows given twice. Sums begin with the eight int32 at `init`; `acc` is where row
 * 0's go, the others' follow `stride` bytes apart, row `last` being the last.
 */
export function tile<D extends Dot>(
  row: usize,
  rowStride: usize,
  last: i32,
  panel: usize,
  steps: i32,
  init: usize,
  acc: usize,
  stride: usize,
): void {
  const dot = changetype<D>(0);
  const to1 = acc + stride * <usize>min(1, last);
  const to2 = acc + stride * <usize>min(2, last);
  const to3 = acc + stride * <usize>last;
  let x0 = row;
  let x1 = row + rowStride * <usize>min(1, last);
  let x2 = row + rowStride * <usize>min(2, last);
  let x3 = row + rowStride * <usize>last;
  let a0 = v128.load(init);
  let b0 = v128.load(init, 16);
  let a1 = a0;
  let b1 = b0;
  let a2 = a0;
  let b2 = b0;
  let a3 = a0;
  let b3 = b0;
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
    x0 += 4;
    x1 += 4;
    x2 += 4;
    x3 += 4;
    panel += PANEL_STEP;
  }
  v128.store(acc, a0);
  v128.store(acc, b0, 16);
  v128.store(to1, a1);
  v128.store(to1, b1, 16);
  v128.store(to2, a2);
  v128.store(to2, b2, 16);
  v128.store(to3, a3);
  v128.store(to3, b3, 16);
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
  v128.store(acc, a0);
  v128.store(acc, b0, 16);
  v128.store(acc, a1, 32);
  v128.store(acc, b1, 48);
  v128.store(acc, a2, 64);
  v128.store(acc, b2, 80);
  v128.store(acc, a3, 96);
  v128.store(acc, b3, 112);
}

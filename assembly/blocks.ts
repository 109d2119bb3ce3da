// The products of activations with block weights in the panels of blockpanels.ts (docs/math.md, equations 26 and 27), a tile at a
// time: one or four rows by the four columns of a panel. A vector of codes is unpacked once for all rows of a tile.

import { Bytes, bytes_panel, bytes_row, Codes, COLUMNS, meetsBytes, Nibbles, PART, POOL } from "./blockpanels";
import { load4, nanBits, store4 } from "./lanes";

/** y scale + bias, any NaN as the one NaN, into the first `count` places at `to`. */
// @ts-ignore: decorator
@inline
function finish(to: usize, y: v128, scale: f32, bias: v128, count: i32): void {
  const v = f32x4.add(f32x4.mul(y, f32x4.splat(scale)), bias);
  store4(to, v128.bitselect(v, nanBits(), f32x4.eq(v, v)), count);
}

/** Code 0 or 1 of each column, by its mask, less its zero: or-ed with a power of two it is a float32, from which c is subtracted. */
// @ts-ignore: decorator
@inline
function steps4(v: v128, mask: v128, power: v128, c: v128): v128 {
  return f32x4.sub(v128.or(v128.and(v, mask), power), c);
}

// @ts-ignore: decorator
@inline
function add4(sum: v128, q: v128, x: usize): v128 {
  return f32x4.add(sum, f32x4.mul(q, v128.load32_splat(x)));
}

/**
 * Float32 rows `stride` bytes apart, as arrangeFloats lays them out, times a panel. Unrolled by hand, for sums stay in
 * registers as locals only, and a loop over the halves of a vector took a quarter more time.
 */
// @ts-ignore: decorator
@inline
function multiplyFloats<C extends Codes>(
  row: usize,
  stride: usize,
  panel: usize,
  k: i32,
  block: i32,
  to: usize,
  toStride: usize,
  scale: f32,
  bias: v128,
  columns: i32,
  four: bool,
): void {
  const count = changetype<C>(0).count;
  const mask0 = v128.load32_splat(changetype<C>(0).pool);
  const mask1 = v128.load32_splat(changetype<C>(0).pool, 4);
  const power0 = v128.load32_splat(POOL, 32);
  const power1 = v128.load32_splat(POOL, 36);
  let x0 = row;
  let x1 = row + stride;
  let x2 = x1 + stride;
  let x3 = x2 + stride;
  let y0 = f32x4.splat(0);
  let y1 = y0;
  let y2 = y0;
  let y3 = y0;
  for (let at: i32 = 0; at < k; at += block) {
    const scales = v128.load(panel);
    let a0 = f32x4.splat(0);
    let b0 = a0;
    let a1 = a0;
    let b1 = a0;
    let a2 = a0;
    let b2 = a0;
    let a3 = a0;
    let b3 = a0;
    panel += 16;
    for (let left = min(block, k - at); left > 0; left -= PART) {
      const zero = f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(v128.load(panel), 16), 16));
      const c0 = f32x4.add(power0, zero);
      const c1 = f32x4.add(power1, zero);
      panel += 16;
      for (let i = min(PART, left); i > 0; i -= count) {
        const v = v128.load(panel);
        let q0 = steps4(v, mask0, power0, c0);
        let q1 = steps4(v, mask1, power1, c1);
        let q2 = steps4(i32x4.shr_u(v, 16), mask0, power0, c0);
        let q3 = steps4(i32x4.shr_u(v, 16), mask1, power1, c1);
        a0 = add4(add4(a0, q0, x0), q2, x0 + 8);
        b0 = add4(add4(b0, q1, x0 + 4), q3, x0 + 12);
        if (four) {
          a1 = add4(add4(a1, q0, x1), q2, x1 + 8);
          b1 = add4(add4(b1, q1, x1 + 4), q3, x1 + 12);
          a2 = add4(add4(a2, q0, x2), q2, x2 + 8);
          b2 = add4(add4(b2, q1, x2 + 4), q3, x2 + 12);
          a3 = add4(add4(a3, q0, x3), q2, x3 + 8);
          b3 = add4(add4(b3, q1, x3 + 4), q3, x3 + 12);
        }
        if (count == 8) {
          const high = i32x4.shr_u(v, 4);
          q0 = steps4(high, mask0, power0, c0);
          q1 = steps4(high, mask1, power1, c1);
          q2 = steps4(i32x4.shr_u(high, 16), mask0, power0, c0);
          q3 = steps4(i32x4.shr_u(high, 16), mask1, power1, c1);
          a0 = add4(add4(a0, q0, x0 + 16), q2, x0 + 24);
          b0 = add4(add4(b0, q1, x0 + 20), q3, x0 + 28);
          if (four) {
            a1 = add4(add4(a1, q0, x1 + 16), q2, x1 + 24);
            b1 = add4(add4(b1, q1, x1 + 20), q3, x1 + 28);
            a2 = add4(add4(a2, q0, x2 + 16), q2, x2 + 24);
            b2 = add4(add4(b2, q1, x2 + 20), q3, x2 + 28);
            a3 = add4(add4(a3, q0, x3 + 16), q2, x3 + 24);
            b3 = add4(add4(b3, q1, x3 + 20), q3, x3 + 28);
          }
        }
        panel += 16;
        x0 += 4 * count;
        if (four) {
          x1 += 4 * count;
          x2 += 4 * count;
          x3 += 4 * count;
        }
      }
    }
    y0 = f32x4.add(y0, f32x4.mul(scales, f32x4.add(a0, b0)));
    if (four) {
      y1 = f32x4.add(y1, f32x4.mul(scales, f32x4.add(a1, b1)));
      y2 = f32x4.add(y2, f32x4.mul(scales, f32x4.add(a2, b2)));
      y3 = f32x4.add(y3, f32x4.mul(scales, f32x4.add(a3, b3)));
    }
  }
  finish(to, y0, scale, bias, columns);
  if (four) {
    finish(to + toStride, y1, scale, bias, columns);
    finish(to + 2 * toStride, y2, scale, bias, columns);
    finish(to + 3 * toStride, y3, scale, bias, columns);
  }
}

/** Four bytes or two pairs of an activation times codes, added to the columns' sums. */
// @ts-ignore: decorator
@inline
function dot4<C extends Codes>(sum: v128, q: v128, x: usize): v128 {
  const values = v128.load32_splat(x);
  if (meetsBytes<C>()) return i32x4.relaxed_dot_i8x16_i7x16_add_s(values, q, sum);
  return i32x4.add(sum, i32x4.dot_i16x8_s(values, q));
}

/** What a part's zeros add up to in each column, taken off: zero * sum of x + x.zero * sum of (code - zero). */
// @ts-ignore: decorator
@inline
function correct4(sum: v128, zeros: v128, x: usize): v128 {
  return i32x4.sub(sum, i32x4.dot_i16x8_s(zeros, v128.load32_splat(x)));
}

/** The float32 of two int32 sums times the columns' scales, added to y. */
// @ts-ignore: decorator
@inline
function scaled4(y: v128, a: v128, b: v128, scales: v128): v128 {
  return f32x4.add(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(a, b)), scales));
}

/** Rows of codes `stride` bytes apart, as arrangeCodes lays them out, times a panel. Unrolled as multiplyFloats is. */
// @ts-ignore: decorator
@inline
function multiplyCodes<C extends Codes>(
  row: usize,
  stride: usize,
  panel: usize,
  k: i32,
  block: i32,
  to: usize,
  toStride: usize,
  scale: f32,
  bias: v128,
  columns: i32,
  four: bool,
): void {
  const count = changetype<C>(0).count;
  const isTwice = !meetsBytes<C>() && count == 8;
  const mask = v128.load32_splat(changetype<C>(0).pool + (meetsBytes<C>() ? 8 : 12));
  const shift = count == 8 ? 4 : 8;
  const size = isTwice ? 16 : 8;
  let x0 = row;
  let x1 = row + stride;
  let x2 = x1 + stride;
  let x3 = x2 + stride;
  let y0 = f32x4.splat(0);
  let y1 = y0;
  let y2 = y0;
  let y3 = y0;
  for (let at: i32 = 0; at < k; at += block) {
    const scales = v128.load(panel);
    let a0 = i32x4.splat(0);
    let b0 = a0;
    let a1 = a0;
    let b1 = a0;
    let a2 = a0;
    let b2 = a0;
    let a3 = a0;
    let b3 = a0;
    panel += 16;
    for (let left = min(block, k - at); left > 0; left -= PART) {
      const zeros = v128.load(panel);
      a0 = correct4(a0, zeros, x0);
      x0 += 4;
      if (four) {
        a1 = correct4(a1, zeros, x1);
        a2 = correct4(a2, zeros, x2);
        a3 = correct4(a3, zeros, x3);
        x1 += 4;
        x2 += 4;
        x3 += 4;
      }
      panel += 16;
      for (let i = min(PART, left); i > 0; i -= count) {
        const v = v128.load(panel);
        let q0 = v128.and(v, mask);
        let q1 = v128.and(i16x8.shr_u(v, shift), mask);
        a0 = dot4<C>(a0, q0, x0);
        b0 = dot4<C>(b0, q1, x0 + 4);
        if (four) {
          a1 = dot4<C>(a1, q0, x1);
          b1 = dot4<C>(b1, q1, x1 + 4);
          a2 = dot4<C>(a2, q0, x2);
          b2 = dot4<C>(b2, q1, x2 + 4);
          a3 = dot4<C>(a3, q0, x3);
          b3 = dot4<C>(b3, q1, x3 + 4);
        }
        if (isTwice) {
          q0 = v128.and(i16x8.shr_u(v, 8), mask);
          q1 = i16x8.shr_u(v, 12);
          a0 = dot4<C>(a0, q0, x0 + 8);
          b0 = dot4<C>(b0, q1, x0 + 12);
          if (four) {
            a1 = dot4<C>(a1, q0, x1 + 8);
            b1 = dot4<C>(b1, q1, x1 + 12);
            a2 = dot4<C>(a2, q0, x2 + 8);
            b2 = dot4<C>(b2, q1, x2 + 12);
            a3 = dot4<C>(a3, q0, x3 + 8);
            b3 = dot4<C>(b3, q1, x3 + 12);
          }
        }
        panel += 16;
        x0 += size;
        if (four) {
          x1 += size;
          x2 += size;
          x3 += size;
        }
      }
    }
    y0 = scaled4(y0, a0, b0, scales);
    if (four) {
      y1 = scaled4(y1, a1, b1, scales);
      y2 = scaled4(y2, a2, b2, scales);
      y3 = scaled4(y3, a3, b3, scales);
    }
  }
  finish(to, y0, scale, bias, columns);
  if (four) {
    finish(to + toStride, y1, scale, bias, columns);
    finish(to + 2 * toStride, y2, scale, bias, columns);
    finish(to + 3 * toStride, y3, scale, bias, columns);
  }
}

/** One or four rows, of float32 or codes, times a panel. */
function multiplyTile<C extends Codes>(
  row: usize,
  stride: usize,
  panel: usize,
  k: i32,
  block: i32,
  to: usize,
  toStride: usize,
  scale: f32,
  bias: v128,
  columns: i32,
  floats: bool,
  four: bool,
): void {
  if (floats) {
    if (four) multiplyFloats<C>(row, stride, panel, k, block, to, toStride, scale, bias, columns, true);
    else multiplyFloats<C>(row, stride, panel, k, block, to, toStride, scale, bias, columns, false);
  } else {
    if (four) multiplyCodes<C>(row, stride, panel, k, block, to, toStride, scale, bias, columns, true);
    else multiplyCodes<C>(row, stride, panel, k, block, to, toStride, scale, bias, columns, false);
  }
}

/** m arranged rows times n columns in panels, times scale, + bias (n float32, or 0); rows of y are `stride` bytes apart. */
function multiplyPanels(
  rows: usize,
  panels: usize,
  bias: usize,
  y: usize,
  m: i32,
  n: i32,
  k: i32,
  block: i32,
  bits: i32,
  stride: i32,
  scale: f32,
  floats: bool,
): void {
  const rowStride = <usize>bytes_row(k, block, bits, floats ? 1 : 0);
  const panelStride = <usize>bytes_panel(k, block, bits);
  for (let j: i32 = 0; j < n; j += COLUMNS) {
    // adding -0 changes no number
    const offset = bias ? load4(bias + ((<usize>j) << 2), n - j) : f32x4.splat(-0.0);
    let row = rows;
    let to = y + ((<usize>j) << 2);
    for (let left = m; left > 0;) {
      const four = left >= 4;
      if (bits == 8) {
        multiplyTile<Bytes>(row, rowStride, panels, k, block, to, stride, scale, offset, n - j, floats, four);
      } else {
        multiplyTile<Nibbles>(row, rowStride, panels, k, block, to, stride, scale, offset, n - j, floats, four);
      }
      const done = four ? 4 : 1;
      row += rowStride * done;
      to += <usize>stride * done;
      left -= done;
    }
    panels += panelStride;
  }
}

/** y = rows times panels, + bias (n float32, or 0): m rows of n float32, `stride` bytes apart. */
export function multiply_f32_panels_f32(
  rows: usize,
  panels: usize,
  bias: usize,
  y: usize,
  m: i32,
  n: i32,
  k: i32,
  block: i32,
  bits: i32,
  stride: i32,
): void {
  multiplyPanels(rows, panels, bias, y, m, n, k, block, bits, stride, 1, true);
}

/** y = scale (rows times panels) + bias, rows of codes; |sum over a block| < 2^31. */
export function multiply_i8_panels_f32(
  rows: usize,
  panels: usize,
  bias: usize,
  y: usize,
  m: i32,
  n: i32,
  k: i32,
  block: i32,
  bits: i32,
  stride: i32,
  scale: f32,
): void {
  multiplyPanels(rows, panels, bias, y, m, n, k, block, bits, stride, scale, false);
}

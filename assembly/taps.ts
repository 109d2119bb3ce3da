// The sums of depthwise convolutions: sixteen channels at a time; a group of taps is interleaved, so that one dot product covers
// four channels by four taps of bytes, or four by two of int16.
//
//     taps a b c d of channels 0..15  ->  [a0 b0 c0 d0 a1 .. d3] [a4 b4 c4 d4 .. d7] [a8 .. d11] [a12 .. d15]
//
// The weights of a block of sixteen channels and a group of taps lie in 64 bytes in the same order.

import { Finish, upperMultipliers } from "./finish";
import { Bytes, storeSums, Words } from "./gemm";

/** Interleaves the bytes of channels 0..7: a0 b0 a1 b1 ... a7 b7. */
// @ts-ignore: decorator
@inline
function lowBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Interleaves the bytes of channels 8..15. */
// @ts-ignore: decorator
@inline
function highBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** Interleaves the pairs of bytes of the lower four channels. */
// @ts-ignore: decorator
@inline
function lowPairs(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** Interleaves the pairs of bytes of the upper four channels. */
// @ts-ignore: decorator
@inline
function highPairs(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** One block of sixteen channels of two pixels, whose tap pointers are at p and q; sums go to `to` and `next`. */
export function pairOfFour(
  p: usize,
  q: usize,
  offset: usize,
  w: usize,
  groups: i32,
  bias: usize,
  to: usize,
  next: usize,
): void {
  const dot = changetype<Bytes>(0);
  let a0 = v128.load(bias);
  let a1 = v128.load(bias, 16);
  let a2 = v128.load(bias, 32);
  let a3 = v128.load(bias, 48);
  let b0 = a0;
  let b1 = a1;
  let b2 = a2;
  let b3 = a3;
  for (let i: i32 = 0; i < groups; i++) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const w2 = v128.load(w, 32);
    const w3 = v128.load(w, 48);
    let s = v128.load(load<u32>(p) + offset);
    let t = v128.load(load<u32>(p, 4) + offset);
    let u = v128.load(load<u32>(p, 8) + offset);
    let v = v128.load(load<u32>(p, 12) + offset);
    let st = lowBytes(s, t);
    let uv = lowBytes(u, v);
    a0 = dot.add(a0, w0, lowPairs(st, uv));
    a1 = dot.add(a1, w1, highPairs(st, uv));
    st = highBytes(s, t);
    uv = highBytes(u, v);
    a2 = dot.add(a2, w2, lowPairs(st, uv));
    a3 = dot.add(a3, w3, highPairs(st, uv));
    s = v128.load(load<u32>(q) + offset);
    t = v128.load(load<u32>(q, 4) + offset);
    u = v128.load(load<u32>(q, 8) + offset);
    v = v128.load(load<u32>(q, 12) + offset);
    st = lowBytes(s, t);
    uv = lowBytes(u, v);
    b0 = dot.add(b0, w0, lowPairs(st, uv));
    b1 = dot.add(b1, w1, highPairs(st, uv));
    st = highBytes(s, t);
    uv = highBytes(u, v);
    b2 = dot.add(b2, w2, lowPairs(st, uv));
    b3 = dot.add(b3, w3, highPairs(st, uv));
    p += 16;
    q += 16;
    w += 64;
  }
  storeSums(to, a0, a1);
  storeSums(to + 32, a2, a3);
  storeSums(next, b0, b1);
  storeSums(next + 32, b2, b3);
}

/** Bytes of the pointers to the three taps of a column. */
export const COLUMN: usize = 12;

/** Eight channels of a column's two upper taps, whose pointers are at p, interleaved. */
// @ts-ignore: decorator
@inline
function upperTaps(p: usize, offset: usize): v128 {
  return lowBytes(v128.load64_zero(load<u32>(p) + offset), v128.load64_zero(load<u32>(p, 4) + offset));
}

/** Those of the third, twice: the weight of the fourth is 0. */
// @ts-ignore: decorator
@inline
function lowerTaps(p: usize, offset: usize): v128 {
  const taps = v128.load64_zero(load<u32>(p, 8) + offset);
  return lowBytes(taps, taps);
}

/**
 * Eight channels of `count` neighbouring outputs of a kernel of 3 x 3, a column from each to the next. The pointers to the taps of
 * the columns are at p, `offset` bytes before the channels; a column is interleaved once for the three outputs that it meets.
 * Results go to `to` and `stride` bytes on. Of an odd count there is one more, whatever its last column is: it is written over.
 */
export function sumLine<F extends Finish>(
  p: usize,
  offset: usize,
  count: i32,
  w: usize,
  bias: usize,
  to: usize,
  stride: usize,
  columns: i32,
  multipliers: usize,
  record: usize,
): void {
  const dot = changetype<Bytes>(0);
  const finish = changetype<F>(0);
  const w0 = v128.load(w);
  const v0 = v128.load(w, 16);
  const w1 = v128.load(w, 64);
  const v1 = v128.load(w, 80);
  const w2 = v128.load(w, 128);
  const v2 = v128.load(w, 144);
  const m = v128.load(multipliers);
  const n = upperMultipliers(multipliers, columns);
  let upper = upperTaps(p, offset);
  let lower = lowerTaps(p, offset);
  let a = dot.add(v128.load(bias), w0, lowPairs(upper, lower));
  let b = dot.add(v128.load(bias, 16), v0, highPairs(upper, lower));
  p += COLUMN;
  upper = upperTaps(p, offset);
  lower = lowerTaps(p, offset);
  for (let i: i32 = 0; i < count; i += 2) {
    let low = lowPairs(upper, lower);
    let high = highPairs(upper, lower);
    a = dot.add(a, w1, low);
    b = dot.add(b, v1, high);
    let c = dot.add(v128.load(bias), w0, low);
    let d = dot.add(v128.load(bias, 16), v0, high);
    upper = upperTaps(p + COLUMN, offset);
    lower = lowerTaps(p + COLUMN, offset);
    low = lowPairs(upper, lower);
    high = highPairs(upper, lower);
    a = dot.add(a, w2, low);
    b = dot.add(b, v2, high);
    c = dot.add(c, w1, low);
    d = dot.add(d, v1, high);
    const e = dot.add(v128.load(bias), w0, low);
    const f = dot.add(v128.load(bias, 16), v0, high);
    p += 2 * COLUMN;
    upper = upperTaps(p, offset);
    lower = lowerTaps(p, offset);
    c = dot.add(c, w2, lowPairs(upper, lower));
    d = dot.add(d, v2, highPairs(upper, lower));
    const next = i + 1 < count ? to + stride : to;
    finish.pair(a, b, to, c, d, next, columns, m, n, record);
    a = e;
    b = f;
    to += 2 * stride;
  }
}

/** The same where it is two columns from each output to the next. */
export function sumWideLine<F extends Finish>(
  p: usize,
  offset: usize,
  count: i32,
  w: usize,
  bias: usize,
  to: usize,
  stride: usize,
  columns: i32,
  multipliers: usize,
  record: usize,
): void {
  const dot = changetype<Bytes>(0);
  const finish = changetype<F>(0);
  const w0 = v128.load(w);
  const v0 = v128.load(w, 16);
  const w1 = v128.load(w, 64);
  const v1 = v128.load(w, 80);
  const w2 = v128.load(w, 128);
  const v2 = v128.load(w, 144);
  const m = v128.load(multipliers);
  const n = upperMultipliers(multipliers, columns);
  let upper = upperTaps(p, offset);
  let lower = lowerTaps(p, offset);
  let low = lowPairs(upper, lower);
  let high = highPairs(upper, lower);
  for (let i: i32 = 0; i < count; i += 2) {
    let a = dot.add(v128.load(bias), w0, low);
    let b = dot.add(v128.load(bias, 16), v0, high);
    upper = upperTaps(p + COLUMN, offset);
    lower = lowerTaps(p + COLUMN, offset);
    a = dot.add(a, w1, lowPairs(upper, lower));
    b = dot.add(b, v1, highPairs(upper, lower));
    upper = upperTaps(p + 2 * COLUMN, offset);
    lower = lowerTaps(p + 2 * COLUMN, offset);
    low = lowPairs(upper, lower);
    high = highPairs(upper, lower);
    a = dot.add(a, w2, low);
    b = dot.add(b, v2, high);
    let c = dot.add(v128.load(bias), w0, low);
    let d = dot.add(v128.load(bias, 16), v0, high);
    upper = upperTaps(p + 3 * COLUMN, offset);
    lower = lowerTaps(p + 3 * COLUMN, offset);
    c = dot.add(c, w1, lowPairs(upper, lower));
    d = dot.add(d, v1, highPairs(upper, lower));
    p += 4 * COLUMN;
    upper = upperTaps(p, offset);
    lower = lowerTaps(p, offset);
    low = lowPairs(upper, lower);
    high = highPairs(upper, lower);
    c = dot.add(c, w2, low);
    d = dot.add(d, v2, high);
    const next = i + 1 < count ? to + stride : to;
    finish.pair(a, b, to, c, d, next, columns, m, n, record);
    to += 2 * stride;
  }
}

/** Eight bytes as int16. */
// @ts-ignore: decorator
@inline
function lowHalf<T>(v: v128): v128 {
  return isSigned<T>() ? i16x8.extend_low_i8x16_s(v) : i16x8.extend_low_i8x16_u(v);
}

/** The other eight. */
// @ts-ignore: decorator
@inline
function highHalf<T>(v: v128): v128 {
  return isSigned<T>() ? i16x8.extend_high_i8x16_s(v) : i16x8.extend_high_i8x16_u(v);
}

/** The same with groups of two taps of int16, or of bytes widened to it; `offset` is in bytes. */
export function pairOfTwo<T>(
  p: usize,
  q: usize,
  offset: usize,
  w: usize,
  groups: i32,
  bias: usize,
  to: usize,
  next: usize,
): void {
  const dot = changetype<Words>(0);
  let a0 = v128.load(bias);
  let a1 = v128.load(bias, 16);
  let a2 = v128.load(bias, 32);
  let a3 = v128.load(bias, 48);
  let b0 = a0;
  let b1 = a1;
  let b2 = a2;
  let b3 = a3;
  for (let i: i32 = 0; i < groups; i++) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const w2 = v128.load(w, 32);
    const w3 = v128.load(w, 48);
    if (sizeof<T>() == 2) {
      let at = load<u32>(p) + offset;
      let other = load<u32>(p, 4) + offset;
      let s = v128.load(at);
      let t = v128.load(other);
      a0 = dot.add(a0, w0, lowPairs(s, t));
      a1 = dot.add(a1, w1, highPairs(s, t));
      s = v128.load(at, 16);
      t = v128.load(other, 16);
      a2 = dot.add(a2, w2, lowPairs(s, t));
      a3 = dot.add(a3, w3, highPairs(s, t));
      at = load<u32>(q) + offset;
      other = load<u32>(q, 4) + offset;
      s = v128.load(at);
      t = v128.load(other);
      b0 = dot.add(b0, w0, lowPairs(s, t));
      b1 = dot.add(b1, w1, highPairs(s, t));
      s = v128.load(at, 16);
      t = v128.load(other, 16);
      b2 = dot.add(b2, w2, lowPairs(s, t));
      b3 = dot.add(b3, w3, highPairs(s, t));
    } else {
      let s = v128.load(load<u32>(p) + offset);
      let t = v128.load(load<u32>(p, 4) + offset);
      let st = lowBytes(s, t);
      a0 = dot.add(a0, w0, lowHalf<T>(st));
      a1 = dot.add(a1, w1, highHalf<T>(st));
      st = highBytes(s, t);
      a2 = dot.add(a2, w2, lowHalf<T>(st));
      a3 = dot.add(a3, w3, highHalf<T>(st));
      s = v128.load(load<u32>(q) + offset);
      t = v128.load(load<u32>(q, 4) + offset);
      st = lowBytes(s, t);
      b0 = dot.add(b0, w0, lowHalf<T>(st));
      b1 = dot.add(b1, w1, highHalf<T>(st));
      st = highBytes(s, t);
      b2 = dot.add(b2, w2, lowHalf<T>(st));
      b3 = dot.add(b3, w3, highHalf<T>(st));
    }
    p += 8;
    q += 8;
    w += 64;
  }
  storeSums(to, a0, a1);
  storeSums(to + 32, a2, a3);
  storeSums(next, b0, b1);
  storeSums(next + 32, b2, b3);
}

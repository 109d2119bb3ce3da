// Sums and largest codes over the middle axis of [outer, rows, inner], and what a sum becomes (docs/math.md, equations 41
// and 43). Sums are int64 and added to, so that rows may come in pieces.

import { rescale } from "./fixedpoint";
import { clamp4, loadCodes4, MAGIC_BITS, maxCodes, roundingMagic } from "./lanes";

/** Rows whose 8-bit codes an int16 lane can add up: 255 * 128 < 2^15. */
const ROWS_8: i32 = 128;
/** Rows whose 16-bit codes an int32 lane can add up. */
const ROWS_16: i32 = 32768;

// @ts-ignore: decorator
@inline
function add(sums: usize, i: i32, value: i64): void {
  const at = sums + ((<usize>i) << 3);
  store<i64>(at, load<i64>(at) + value);
}

/** Four int32 added to four int64 in memory. */
// @ts-ignore: decorator
@inline
function add4(sums: usize, v: v128): void {
  v128.store(sums, i64x2.add(v128.load(sums), i64x2.extend_low_i32x4_s(v)));
  v128.store(sums, i64x2.add(v128.load(sums, 16), i64x2.extend_high_i32x4_s(v)), 16);
}

/** Sums of 16 neighbouring 8-bit codes over at most ROWS_8 rows. */
// @ts-ignore: decorator
@inline
function sum16<T>(x: usize, sums: usize, rows: i32, step: usize): void {
  let low = i16x8.splat(0);
  let high = low;
  for (let row: i32 = 0; row < rows; row++, x += step) {
    const v = v128.load(x);
    low = i16x8.add(low, isSigned<T>() ? i16x8.extend_low_i8x16_s(v) : i16x8.extend_low_i8x16_u(v));
    high = i16x8.add(high, isSigned<T>() ? i16x8.extend_high_i8x16_s(v) : i16x8.extend_high_i8x16_u(v));
  }
  add4(sums, i32x4.extend_low_i16x8_s(low));
  add4(sums + 32, i32x4.extend_high_i16x8_s(low));
  add4(sums + 64, i32x4.extend_low_i16x8_s(high));
  add4(sums + 96, i32x4.extend_high_i16x8_s(high));
}

/** Sums of four neighbouring codes over at most ROWS_16 rows. */
// @ts-ignore: decorator
@inline
function sum4<T>(x: usize, sums: usize, rows: i32, step: usize): void {
  let sum = i32x4.splat(0);
  for (let row: i32 = 0; row < rows; row++, x += step) sum = i32x4.add(sum, loadCodes4<T>(x));
  add4(sums, sum);
}

/** Column sums of [rows, inner]. */
function sumColumns<T>(x: usize, sums: usize, rows: i32, inner: i32): void {
  const step = <usize>inner * sizeof<T>();
  const most = sizeof<T>() == 1 ? ROWS_8 : ROWS_16;
  for (let row: i32 = 0; row < rows; row += most, x += <usize>most * step) {
    const count = min(most, rows - row);
    let i: i32 = 0;
    if (sizeof<T>() == 1) for (; i + 16 <= inner; i += 16) sum16<T>(x + i, sums + ((<usize>i) << 3), count, step);
    for (; i + 4 <= inner; i += 4) sum4<T>(x + i * sizeof<T>(), sums + ((<usize>i) << 3), count, step);
    for (; i < inner; i++) {
      let sum: i64 = 0;
      for (let r: i32 = 0, from = x + i * sizeof<T>(); r < count; r++, from += step) sum += <i64>load<T>(from);
      add(sums, i, sum);
    }
  }
}

/** The codes of a vector added up to four int32. */
// @ts-ignore: decorator
@inline
function pairs<T>(v: v128): v128 {
  if (sizeof<T>() == 2) return i32x4.extadd_pairwise_i16x8_s(v);
  return isSigned<T>()
    ? i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(v))
    : i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(v));
}

/** The sum of n neighbouring codes. */
function sumRow<T>(x: usize, n: i32): i64 {
  const width: i32 = 16 / sizeof<T>();
  let total: i64 = 0;
  let i: i32 = 0;
  while (i + width <= n) {
    const end = min(n, i + width * 16384); // a step adds 2^16 to a lane at most
    let sum = i32x4.splat(0);
    for (; i + width <= end; i += width) sum = i32x4.add(sum, pairs<T>(v128.load(x + <usize>i * sizeof<T>())));
    total += <i64>i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1);
    total += <i64>i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
  }
  for (; i < n; i++) total += <i64>load<T>(x + <usize>i * sizeof<T>());
  return total;
}

/** Adds the sums of codes over the rows of [outer, rows, inner] to [outer, inner]. */
function sumMany<T>(x: usize, sums: usize, outer: i32, rows: i32, inner: i32): void {
  const size = <usize>rows * inner * sizeof<T>();
  for (let i: i32 = 0; i < outer; i++, x += size) {
    if (inner == 1) add(sums, i, sumRow<T>(x, rows));
    else sumColumns<T>(x, sums + ((<usize>i * inner) << 3), rows, inner);
  }
}

/** The largest code of n >= 0 neighbours and `largest`, all of them with the bits of `flip` turned. */
function largestOfRow<T>(x: usize, n: i32, largest: T, flip: T): T {
  const width: i32 = 16 / sizeof<T>();
  const turn = sizeof<T>() == 2 ? i16x8.splat(<i16>flip) : i8x16.splat(<i8>flip);
  let i: i32 = 0;
  if (n >= width) {
    let v = v128.xor(v128.load(x), turn);
    for (; i + width <= n; i += width) v = maxCodes<T>(v, v128.xor(v128.load(x + <usize>i * sizeof<T>()), turn));
    v = maxCodes<T>(v, v128.shuffle<i64>(v, v, 1, 0));
    v = maxCodes<T>(v, v128.shuffle<i32>(v, v, 1, 0, 3, 2));
    v = maxCodes<T>(v, v128.shuffle<i16>(v, v, 1, 0, 3, 2, 5, 4, 7, 6));
    const pair = i16x8.extract_lane_u(v, 0);
    largest = max(largest, <T>pair);
    if (sizeof<T>() == 1) largest = max(largest, <T>(pair >> 8));
  }
  for (; i < n; i++) largest = max(largest, <T>(load<T>(x + <usize>i * sizeof<T>()) ^ flip));
  return largest;
}

/** The largest codes of the columns of [rows, inner] and of y, all of them with the bits of `flip` turned. */
function largestOfColumns<T>(x: usize, y: usize, rows: i32, inner: i32, flip: T): void {
  const size = <usize>inner * sizeof<T>();
  const turn = sizeof<T>() == 2 ? i16x8.splat(<i16>flip) : i8x16.splat(<i8>flip);
  let at: usize = 0;
  for (; at + 16 <= size; at += 16) {
    let largest = v128.xor(v128.load(y + at), turn);
    for (let row: i32 = 0, from = x + at; row < rows; row++, from += size) {
      largest = maxCodes<T>(largest, v128.xor(v128.load(from), turn));
    }
    v128.store(y + at, v128.xor(largest, turn));
  }
  for (; at < size; at += sizeof<T>()) {
    let largest = <T>(load<T>(y + at) ^ flip);
    for (let row: i32 = 0, from = x + at; row < rows; row++, from += size) {
      largest = max(largest, <T>(load<T>(from) ^ flip));
    }
    store<T>(y + at, <T>(largest ^ flip));
  }
}

/** Raises [outer, inner] to the largest codes over the rows of [outer, rows, inner]; with flip -1 lowers it to the least. */
function largestMany<T>(x: usize, y: usize, outer: i32, rows: i32, inner: i32, flip: i32): void {
  const size = <usize>rows * inner * sizeof<T>();
  for (let i: i32 = 0; i < outer; i++, x += size) {
    const to = y + <usize>i * inner * sizeof<T>();
    if (inner == 1) {
      const known = <T>(load<T>(to) ^ (<T>flip));
      store<T>(to, <T>(largestOfRow<T>(x, rows, known, <T>flip) ^ (<T>flip)));
    } else largestOfColumns<T>(x, to, rows, inner, <T>flip);
  }
}

/**
 * clamp(round(fl(fl(sum - offset) multiplier)) + zero), every step in float32, round half to even; `fits` says that all
 * sum - offset are int32. y may be sums.
 */
export function rescale_i64_i32_onnx(
  sums: usize,
  y: usize,
  n: i32,
  offset: i64,
  multiplier: f32,
  fits: i32,
  zero: i32,
  lo: i32,
  hi: i32,
): void {
  const factor = f32x4.splat(multiplier);
  const low = f32x4.splat(<f32>(lo - zero));
  const high = f32x4.splat(<f32>(hi - zero));
  const magic = roundingMagic();
  const base = i32x4.splat(MAGIC_BITS - zero);
  const offsets = i64x2.splat(offset);
  let i: i32 = 0;
  for (; fits && i + 4 <= n; i += 4) {
    const from = sums + ((<usize>i) << 3);
    const first = i64x2.sub(v128.load(from), offsets);
    const second = i64x2.sub(v128.load(from, 16), offsets);
    const steps = f32x4.convert_i32x4_s(v128.shuffle<i32>(first, second, 0, 2, 4, 6));
    const code = f32x4.add(clamp4(f32x4.mul(steps, factor), low, high), magic);
    v128.store(y + ((<usize>i) << 2), i32x4.sub(code, base));
  }
  for (; i < n; i++) {
    const steps = <f32>(load<i64>(sums + ((<usize>i) << 3)) - offset);
    const code = nearest(steps * multiplier);
    store<i32>(y + ((<usize>i) << 2), <i32>min(max(code, <f32>(lo - zero)), <f32>(hi - zero)) + zero);
  }
}

/** clamp((sum - offset) multiplier 2^(shift - 31) + zero), rounded twice or `once` (fixedpoint.ts); |sum - offset| < 2^31. */
export function rescale_i64_i32_tflite(
  sums: usize,
  y: usize,
  n: i32,
  offset: i64,
  multiplier: i32,
  shift: i32,
  once: i32,
  zero: i32,
  lo: i32,
  hi: i32,
): void {
  for (let i: i32 = 0; i < n; i++) {
    const steps = <i32>(load<i64>(sums + ((<usize>i) << 3)) - offset);
    const v = rescale(steps, multiplier, shift, once != 0);
    store<i32>(y + ((<usize>i) << 2), <i32>min(max(<i64>v + zero, <i64>lo), <i64>hi));
  }
}

/** Adds the sums over the rows of [outer, rows, inner] to [outer, inner]. */
export function sum_i8_i64(x: usize, sums: usize, outer: i32, rows: i32, inner: i32): void {
  sumMany<i8>(x, sums, outer, rows, inner);
}

/** Adds the sums over the rows of [outer, rows, inner] to [outer, inner]. */
export function sum_u8_i64(x: usize, sums: usize, outer: i32, rows: i32, inner: i32): void {
  sumMany<u8>(x, sums, outer, rows, inner);
}

/** Adds the sums over the rows of [outer, rows, inner] to [outer, inner]. */
export function sum_i16_i64(x: usize, sums: usize, outer: i32, rows: i32, inner: i32): void {
  sumMany<i16>(x, sums, outer, rows, inner);
}

/** Raises [outer, inner] to the largest codes over the rows of [outer, rows, inner]; with flip -1 lowers it to the least. */
export function largest_i8_i8(x: usize, y: usize, outer: i32, rows: i32, inner: i32, flip: i32): void {
  largestMany<i8>(x, y, outer, rows, inner, flip);
}

/** Raises [outer, inner] to the largest codes over the rows of [outer, rows, inner]; with flip -1 lowers it to the least. */
export function largest_u8_u8(x: usize, y: usize, outer: i32, rows: i32, inner: i32, flip: i32): void {
  largestMany<u8>(x, y, outer, rows, inner, flip);
}

/** Raises [outer, inner] to the largest codes over the rows of [outer, rows, inner]; with flip -1 lowers it to the least. */
export function largest_i16_i16(x: usize, y: usize, outer: i32, rows: i32, inner: i32, flip: i32): void {
  largestMany<i16>(x, y, outer, rows, inner, flip);
}

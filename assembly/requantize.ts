// int32 and int64 accumulators -> codes: the one place where an accumulator is rounded (docs/math.md, equations 19 to 21).

import {
  ARITHMETIC_ONNX,
  ARITHMETIC_TFLITE,
  ARITHMETIC_TFLITE_WIDE,
  RESULT_F32,
  CODES_I16,
  RESULT_I32,
  RESULT_I64,
  CODES_I8,
} from "./abi";
import { rescale4Once, rescale4Twice, rescaleWide } from "./fixedpoint";
import { clamp4, MAGIC_BITS, narrow16, roundingMagic, storeCodes4, store4 } from "./lanes";

/**
 * How the columns of accumulators become codes: words in memory, in this order. The tables have a number a column and are
 * readable for three columns more.
 */
@unmanaged
export class Rescale {
  /** CODES_I8 ...: what is written. */
  result: i32;
  /** ARITHMETIC_ONNX ... */
  arithmetic: i32;
  zero: i32;
  lo: i32;
  hi: i32;
  /** float32 multipliers in "onnx" and for float32 results, int32 ones else. */
  multipliers: usize;
  /** In "tflite": leftFactor of the shift. With float32 results: what is added to each, or 0. */
  lefts: usize;
  /** In "tflite": rightFactor of the shift; in the other integer arithmetics the shift. */
  rights: usize;
  /** Bytes from a column's numbers to those it has where the accumulator is negative; 0 if they are the same. */
  below: usize;
}

/** The four numbers at `table`, in negative lanes those `below` bytes behind. */
// @ts-ignore: decorator
@inline
function numbers4(table: usize, below: usize, acc: v128): v128 {
  const above = v128.load(table);
  return below ? v128.bitselect(v128.load(table + below), above, i32x4.shr_s(acc, 31)) : above;
}

/** rescale4Once where negative lanes may have other multipliers. */
function once4(acc: v128, r: Rescale, at: usize): v128 {
  const codes = rescale4Once(acc, v128.load(r.multipliers + at), r.rights + at);
  const other = at + r.below;
  if (!r.below) return codes;
  const negative = rescale4Once(acc, v128.load(r.multipliers + other), r.rights + other);
  return v128.bitselect(negative, codes, i32x4.shr_s(acc, 31));
}

/** Four accumulators in "onnx": their codes less the zero, in the mantissa's low bits. */
// @ts-ignore: decorator
@inline
function shifted4(acc: v128, multiplier: v128, from: v128, till: v128, magic: v128): v128 {
  return f32x4.add(clamp4(f32x4.mul(f32x4.convert_i32x4_s(acc), multiplier), from, till), magic);
}

/** Four codes as int32 from four accumulators; `at` is the byte offset of the first one's column in the tables. */
// @ts-ignore: decorator
@inline
function codes4(acc: v128, at: usize, r: Rescale): v128 {
  const below = r.below;
  const arithmetic = r.arithmetic;
  const multiplier = numbers4(r.multipliers + at, below, acc);
  const zero = i32x4.splat(r.zero);
  // the zero is added after the clamp, where it cannot overflow
  const from = i32x4.splat(r.lo - r.zero);
  const till = i32x4.splat(r.hi - r.zero);
  if (arithmetic == ARITHMETIC_ONNX) {
    const magic = roundingMagic(); // taken off as an integer, too
    const v = shifted4(acc, multiplier, f32x4.convert_i32x4_s(from), f32x4.convert_i32x4_s(till), magic);
    return i32x4.add(i32x4.sub(v, magic), zero);
  }
  const v =
    arithmetic == ARITHMETIC_TFLITE
      ? rescale4Twice(acc, multiplier, numbers4(r.lefts + at, below, acc), numbers4(r.rights + at, below, acc))
      : once4(acc, r, at);
  return i32x4.add(i32x4.max_s(i32x4.min_s(v, till), from), zero);
}

/** The first `count` of four int32 as numbers of type T. */
function storeFew<T>(to: usize, codes: v128, count: i32): void {
  store<T>(to, <T>i32x4.extract_lane(codes, 0));
  if (count > 1) store<T>(to + sizeof<T>(), <T>i32x4.extract_lane(codes, 1));
  if (count > 2) store<T>(to + 2 * sizeof<T>(), <T>i32x4.extract_lane(codes, 2));
}

/** The columns of a row that make whole vectors of codes, in "onnx": the same codes as codes4, faster. Returns how many. */
function requantizeWhole<T>(acc: usize, to: usize, columns: i32, at: usize, r: Rescale): i32 {
  const zero = r.zero;
  const from = f32x4.splat(<f32>(r.lo - zero));
  const till = f32x4.splat(<f32>(r.hi - zero));
  const magic = roundingMagic();
  const offset = i32x4.splat(MAGIC_BITS - zero);
  let m = r.multipliers + at;
  let j: i32 = 0;
  for (; j + 16 <= columns; j += 16) {
    const a = i32x4.sub(shifted4(v128.load(acc), v128.load(m), from, till, magic), offset);
    const b = i32x4.sub(shifted4(v128.load(acc, 16), v128.load(m, 16), from, till, magic), offset);
    const c = i32x4.sub(shifted4(v128.load(acc, 32), v128.load(m, 32), from, till, magic), offset);
    const d = i32x4.sub(shifted4(v128.load(acc, 48), v128.load(m, 48), from, till, magic), offset);
    if (sizeof<T>() == 1) v128.store(to, narrow16<T>(a, b, c, d));
    else {
      v128.store(to, i16x8.narrow_i32x4_s(a, b));
      v128.store(to, i16x8.narrow_i32x4_s(c, d), 16);
    }
    acc += 64;
    m += 64;
    to += 16 * sizeof<T>();
  }
  return j;
}

/** One row of accumulators as codes of type T. */
function requantizeRow<T>(acc: usize, to: usize, columns: i32, at: usize, r: Rescale): void {
  const direct = r.arithmetic == ARITHMETIC_ONNX && !r.below;
  for (let j = direct ? requantizeWhole<T>(acc, to, columns, at, r) : 0; j < columns; j += 4) {
    const offset = (<usize>j) << 2;
    const codes = codes4(v128.load(acc + offset), at + offset, r);
    const target = to + <usize>j * sizeof<T>();
    if (j + 4 <= columns) storeCodes4<T>(target, codes);
    else storeFew<T>(target, codes, columns - j);
  }
}

/** One row of accumulators as float32: fl(fl(acc) M), and what is added. */
function scaleRow(acc: usize, to: usize, columns: i32, at: usize, r: Rescale): void {
  for (let j: i32 = 0; j < columns; j += 4) {
    const offset = (<usize>j) << 2;
    let v = f32x4.mul(f32x4.convert_i32x4_s(v128.load(acc + offset)), v128.load(r.multipliers + at + offset));
    if (r.lefts) v = f32x4.add(v, v128.load(r.lefts + at + offset));
    store4(to + offset, v, columns - j);
  }
}

/** Bytes of one result. */
export function resultSize(result: i32): usize {
  if (result == RESULT_I64) return 8;
  return result == RESULT_I32 || result == RESULT_F32 ? 4 : result == CODES_I16 ? 2 : 1;
}

/**
 * Rows of int32 accumulators as results. `accStride` and `toStride` are bytes from row to row; the columns are those from
 * column `first` on of the tables. Accumulators are readable for three columns more.
 */
export function requantizeRows(
  acc: usize,
  accStride: usize,
  to: usize,
  toStride: usize,
  rows: i32,
  columns: i32,
  first: i32,
  r: Rescale,
): void {
  const result = r.result;
  const at = (<usize>first) << 2;
  for (let i: i32 = 0; i < rows; i++) {
    if (result == RESULT_I32) memory.copy(to, acc, (<usize>columns) << 2);
    else if (result == RESULT_F32) scaleRow(acc, to, columns, at, r);
    else if (result == CODES_I16) requantizeRow<i16>(acc, to, columns, at, r);
    else if (result == CODES_I8) requantizeRow<i8>(acc, to, columns, at, r);
    else requantizeRow<u8>(acc, to, columns, at, r);
    acc += accStride;
    to += toStride;
  }
}

/** A row of int64 accumulators: int32 sums added to the int64 at `base`, which may be where they go. */
export function widenRow(sums: usize, base: usize, to: usize, columns: i32): void {
  for (let j: usize = 0; j < <usize>columns; j++) {
    store<i64>(to + (j << 3), load<i64>(base + (j << 3)) + <i64>load<i32>(sums + (j << 2)));
  }
}

/** An int64 accumulator as a code: "onnx" in one rounding to float32; the tflite arithmetics hold it to int32 first. */
function codeOf(acc: i64, at: usize, r: Rescale): i32 {
  if (r.arithmetic == ARITHMETIC_TFLITE_WIDE) {
    const other = at + (acc < 0 ? r.below : 0);
    const v = rescaleWide(acc, load<i32>(r.multipliers + other), load<i32>(r.rights + other));
    return min(max(v, r.lo - r.zero), r.hi - r.zero) + r.zero;
  }
  if (r.arithmetic == ARITHMETIC_ONNX) {
    const v = <f32>acc * load<f32>(r.multipliers + at + (acc < 0 ? r.below : 0));
    return <i32>nearest(min(max(v, <f32>(r.lo - r.zero)), <f32>(r.hi - r.zero))) + r.zero;
  }
  const held = <i32>min(max(acc, <i64>i32.MIN_VALUE), <i64>i32.MAX_VALUE);
  return i32x4.extract_lane(codes4(i32x4.splat(held), at, r), 0);
}

function storeResult(acc: i64, to: usize, at: usize, r: Rescale): void {
  const result = r.result;
  if (result == RESULT_I64) store<i64>(to, acc);
  else if (result == RESULT_F32) {
    const v = <f32>acc * load<f32>(r.multipliers + at);
    store<f32>(to, r.lefts ? v + load<f32>(r.lefts + at) : v);
  } else if (result == CODES_I16) store<i16>(to, <i16>codeOf(acc, at, r));
  else store<u8>(to, <u8>codeOf(acc, at, r));
}

/** Rows of int64 accumulators as results; otherwise as requantizeRows. RESULT_I32 is not among its results. */
export function requantizeWideRows(
  acc: usize,
  accStride: usize,
  to: usize,
  toStride: usize,
  rows: i32,
  columns: i32,
  first: i32,
  r: Rescale,
): void {
  const size = resultSize(r.result);
  for (let i: i32 = 0; i < rows; i++) {
    for (let j: i32 = 0; j < columns; j++) {
      storeResult(load<i64>(acc + ((<usize>j) << 3)), to + <usize>j * size, (<usize>(first + j)) << 2, r);
    }
    acc += accStride;
    to += toStride;
  }
}

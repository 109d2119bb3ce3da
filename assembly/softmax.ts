// Softmax over rows of codes, from tables of exponentials by difference from the row's largest code (docs/math.md,
// equations 47 and 48).

import { interpolate } from "./exponential";
import { divideByPowerOfTwo, multiplyHigh } from "./fixedpoint";
import { oneOverOnePlus } from "./gemmlowp";
import { log_f64 } from "./measure";

/** The largest of n values. */
function largestOf(x: usize, n: i32): f32 {
  let largest = n > 0 ? load<f32>(x) : 0;
  let i: i32 = 0;
  if (n >= 4) {
    let v = v128.load(x);
    for (; i + 4 <= n; i += 4) v = f32x4.pmax(v, v128.load(x + ((<usize>i) << 2)));
    v = f32x4.pmax(v, v128.shuffle<i64>(v, v, 1, 0));
    largest = max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1));
  }
  for (; i < n; i++) largest = max(largest, load<f32>(x + ((<usize>i) << 2)));
  return largest;
}

/** e = table[largest of the row - x] for `rows` rows of `depth` codes, given as float32; e may be x. */
export function look_up_f32_u32(x: usize, e: usize, table: usize, rows: i32, depth: i32): void {
  for (let row: i32 = 0; row < rows; row++) {
    const largest = largestOf(x, depth);
    for (let i: i32 = 0; i < depth; i++, x += 4, e += 4) {
      // 2^23 and more has its integer in the low bits; a conversion takes three times as long
      const d = reinterpret<u32>(largest - load<f32>(x) + 8388608) & 0xffff;
      store<u32>(e, load<u32>(table + (d << 2)));
    }
  }
}

/** The sum of n exponentials. */
function sumOf(e: usize, n: i32): i64 {
  let sums = i64x2.splat(0);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(e + ((<usize>i) << 2));
    sums = i64x2.add(sums, i64x2.add(i64x2.extend_low_i32x4_u(v), i64x2.extend_high_i32x4_u(v)));
  }
  let sum = i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1);
  for (; i < n; i++) sum += <i64>load<u32>(e + ((<usize>i) << 2));
  return sum;
}

/** y = fl(fl(e) / fl(sum of the row's e)); y may be e. */
export function softmax_u32_f32(e: usize, y: usize, rows: i32, depth: i32): void {
  for (let row: i32 = 0; row < rows; row++) {
    const sum = <f32>sumOf(e, depth);
    const sums = f32x4.splat(sum);
    let i: i32 = 0;
    for (; i + 4 <= depth; i += 4, e += 16, y += 16) {
      v128.store(y, f32x4.div(f32x4.convert_i32x4_u(v128.load(e)), sums));
    }
    for (; i < depth; i++, e += 4, y += 4) store<f32>(y, <f32>load<u32>(e) / sum);
  }
}

/** y = fl(step (x - largest) - log(sum of e / 2^30)) for rows of codes, given as float32, with their e; y may be x. */
export function log_softmax_f32_f32(x: usize, e: usize, y: usize, rows: i32, depth: i32, step: f64): void {
  for (let row: i32 = 0; row < rows; row++, e += (<usize>depth) << 2) {
    const largest = largestOf(x, depth);
    const log = log_f64(<f64>sumOf(e, depth) / 1073741824.0);
    for (let i: i32 = 0; i < depth; i++, x += 4, y += 4) {
      store<f32>(y, <f32>(<f64>(load<f32>(x) - largest) * step - log));
    }
  }
}

/**
 * TensorFlow Lite's softmax of 8-bit codes: e in Q0, y int32 codes of `bits` bits, 0 the least; y may be e. At most 4,095
 * values a row, whose sum in Q12 fits an int32.
 */
export function softmax_u32_i32_tflite(e: usize, y: usize, rows: i32, depth: i32, bits: i32): void {
  const most = (1 << bits) - 1;
  for (let row: i32 = 0; row < rows; row++) {
    let sum: i32 = 0;
    for (let i: i32 = 0; i < depth; i++) sum += divideByPowerOfTwo(load<i32>(e + ((<usize>i) << 2)), 12);
    const headroom = clz(sum);
    const scale = oneOverOnePlus((sum << headroom) - i32.MIN_VALUE);
    const exponent = 12 - headroom + 31 - bits;
    for (let i: i32 = 0; i < depth; i++, e += 4, y += 4) {
      store<i32>(y, min(divideByPowerOfTwo(multiplyHigh(scale, load<i32>(e)), exponent), most));
    }
  }
}

/**
 * TensorFlow Lite's softmax of 16-bit codes: e in Q15, y int32 codes of 0..32767; y may be e. `table` is inverse_i16's. At
 * most 65,535 values a row, whose sum fits an int32.
 */
export function softmax_u32_i32_tflite16(e: usize, y: usize, table: usize, rows: i32, depth: i32): void {
  for (let row: i32 = 0; row < rows; row++) {
    const sum = sumOf(e, depth);
    const headroom = clz(<i32>sum);
    const shifted = <i32>(((sum << (headroom - 1)) + (1 << 13)) >> 14) - 0x18000;
    const scale = <i64>interpolate(table, min(max(shifted, -32768), 32767));
    const shift = 31 - headroom;
    const half = (<i64>1) << (shift - 1);
    for (let i: i32 = 0; i < depth; i++, e += 4, y += 4) {
      store<i32>(y, <i32>min((<i64>load<u32>(e) * scale + half) >> shift, 32767));
    }
  }
}

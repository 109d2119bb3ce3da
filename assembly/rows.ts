// Rows of float32 values: softmax, and what normalizations are made of (docs/math.md, equations 65 and 66).

import { exp4, log4 } from "./curves";
import { largestOfRow, squaresOfRow, sumOfRow } from "./fold";
import { load4, store4 } from "./lanes";

/** y = softmax of each row of n values, or its logarithm. y may not be x. */
export function softmax_f32_f32(x: usize, y: usize, rows: i32, n: i32, isLog: bool): void {
  const bytes = (<usize>n) << 2;
  for (let row: i32 = 0; row < rows; row++, x += bytes, y += bytes) {
    const largest = f32x4.splat(largestOfRow(x, n));
    for (let i: i32 = 0; i < n; i += 4) {
      const at = (<usize>i) << 2;
      store4(y + at, exp4(f32x4.sub(load4(x + at, n - i), largest)), n - i);
    }
    const sum = f32x4.splat(<f32>sumOfRow(y, n));
    const log = log4(sum);
    for (let i: i32 = 0; i < n; i += 4) {
      const at = (<usize>i) << 2;
      if (isLog) store4(y + at, f32x4.sub(f32x4.sub(load4(x + at, n - i), largest), log), n - i);
      else store4(y + at, f32x4.div(load4(y + at, n - i), sum), n - i);
    }
  }
}

/** Of each row of n values the mean, 0 where it is not `centered`, and 1 / sqrt(mean squared distance to it + epsilon). */
export function moments_f32_f32(
  x: usize,
  mean: usize,
  factor: usize,
  rows: i32,
  n: i32,
  epsilon: f64,
  centered: bool,
): void {
  for (let row: i32 = 0; row < rows; row++, x += (<usize>n) << 2, mean += 4, factor += 4) {
    const m: f32 = centered ? <f32>(sumOfRow(x, n) / <f64>n) : 0;
    store<f32>(mean, m);
    store<f32>(factor, <f32>(1 / sqrt(squaresOfRow(x, n, m) / <f64>n + epsilon)));
  }
}

/** y = fl(fl(fl(x - mean) factor) + shift) in rows of n values; row r has numbers r mod `period`. y may be x. */
export function standardize_f32_f32(
  x: usize,
  y: usize,
  rows: i32,
  n: i32,
  mean: usize,
  factor: usize,
  shift: usize,
  period: i32,
): void {
  const bytes = (<usize>n) << 2;
  for (let row: i32 = 0; row < rows; row++, x += bytes, y += bytes) {
    const numbers = (<usize>(row % period)) << 2;
    const m = v128.load32_splat(mean + numbers);
    const f = v128.load32_splat(factor + numbers);
    const s = v128.load32_splat(shift + numbers);
    for (let i: i32 = 0; i < n; i += 4) {
      const at = (<usize>i) << 2;
      store4(y + at, f32x4.add(f32x4.mul(f32x4.sub(load4(x + at, n - i), m), f), s), n - i);
    }
  }
}

/** y = fl(fl(fl(fl(x - mean) factor) gamma) + beta): a mean and factor for each row, a gamma and beta for each column. y may be x. */
export function standardize_f32_f32_columns(
  x: usize,
  y: usize,
  rows: i32,
  n: i32,
  mean: usize,
  factor: usize,
  gamma: usize,
  beta: usize,
): void {
  const bytes = (<usize>n) << 2;
  for (let row: i32 = 0; row < rows; row++, x += bytes, y += bytes, mean += 4, factor += 4) {
    const m = v128.load32_splat(mean);
    const f = v128.load32_splat(factor);
    for (let i: i32 = 0; i < n; i += 4) {
      const at = (<usize>i) << 2;
      const v = f32x4.mul(f32x4.sub(load4(x + at, n - i), m), f);
      store4(y + at, f32x4.add(f32x4.mul(v, load4(gamma + at, n - i)), load4(beta + at, n - i)), n - i);
    }
  }
}

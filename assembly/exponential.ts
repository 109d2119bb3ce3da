// Tables of exp(-d) for differences of codes d = 0, 1, ..., and TensorFlow Lite's functions between samples, which softmax is
// made of (docs/math.md, equations 47 and 48).

import { multiplyHigh, rescaleTwice } from "./fixedpoint";
import { expOfNegative } from "./gemmlowp";

/** table[d] = round(2^30 exp(-d step)), d = 0..n - 1, computed in float64 and rounded once, half to even. */
export function exp_f64_u32(table: usize, n: i32, step: f64): void {
  for (let d: i32 = 0; d < n; d++) {
    store<u32>(table + ((<usize>d) << 2), <u32>nearest(Math.exp(-(<f64>d) * step) * 1073741824.0));
  }
}

/** table[d] = exp(-d multiplier 2^(shift - 31)) in Q0, its argument in Q5; 0 for d > radius. */
export function exp_i32_u32_tflite(table: usize, n: i32, multiplier: i32, shift: i32, radius: i32): void {
  for (let d: i32 = 0; d < n; d++) {
    const e = d > radius ? 0 : expOfNegative(multiplyHigh(-d << shift, multiplier), 5);
    store<u32>(table + ((<usize>d) << 2), e);
  }
}

/** v rounded half away from zero. */
// @ts-ignore: decorator
@inline
function away(v: f32): f32 {
  const magnitude = floor(abs(v));
  return copysign(abs(v) - magnitude >= 0.5 ? magnitude + 1 : magnitude, v);
}

/** What a table holds: exp(x) or 1 / (1 + x). */
// @ts-ignore: decorator
@inline
function sample(x: f32, inverse: bool): f32 {
  return inverse ? <f32>1 / (<f32>1 + x) : <f32>Math.exp(<f64>x);
}

/** TensorFlow Lite's table of 513 int16 in Q15, between which is interpolated: exp on [-10, 0], or 1 / (1 + x) on [0, 1]. */
function fillTable(table: usize, inverse: bool): void {
  const from: f32 = inverse ? 0 : -10;
  const step: f32 = (inverse ? <f32>1 : <f32>10) / 512;
  const half = step / 2;
  for (let i: i32 = 0; i < 512; i++) {
    const x = from + <f32>i * step;
    const value = away(sample(x, inverse) * 32768);
    const next = sample(from + <f32>(i + 1) * step, inverse) * 32768;
    const middle = away(sample(x + half, inverse) * 32768);
    const bias = away((away((next + value) / 2) - middle) / 2);
    store<i16>(table + ((<usize>i) << 1), <i16>min<f32>(max<f32>(value - bias, -32768), 32767));
  }
  const last = away(sample(inverse ? 1 : 0, inverse) * 32768);
  store<i16>(table + 1024, <i16>min<f32>(last, 32767));
}

/** The table's function at `value`, -32768..32767 over its interval. */
// @ts-ignore: decorator
@inline
export function interpolate(table: usize, value: i32): i32 {
  const at = table + ((<usize>(256 + (value >> 7))) << 1);
  const base = <i32>load<i16>(at);
  return base + (((<i32>load<i16>(at, 2) - base) * (value & 0x7f) + 64) >> 7);
}

/** The 1 / (1 + x) table of fillTable, 513 int16. */
export function inverse_i16(table: usize): void {
  fillTable(table, true);
}

/** table[d] = exp(-d multiplier 2^(shift - 31) 10 / 65535) in Q15 by the table of fillTable, 513 int16 at `samples`. */
export function exp_i16_u32_tflite(table: usize, n: i32, samples: usize, multiplier: i32, shift: i32): void {
  fillTable(samples, false);
  for (let d: i32 = 0; d < n; d++) {
    const value = min(max(rescaleTwice(-d, multiplier, shift) + 32767, -32768), 32767);
    store<u32>(table + ((<usize>d) << 2), interpolate(samples, value));
  }
}

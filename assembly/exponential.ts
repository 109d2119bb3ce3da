// Tables of exp(-d) for differences of codes d = 0, 1, ..., and TensorFlow Lite's fixed-point and table functions that
// softmax is made of (docs/math.md, equations 47 and 48). A raw integer in Qm has 31 - m fractional bits.

import { rescaleTwice } from "./fixedpoint";

/** table[d] = round(2^30 exp(-d step)), d = 0..n - 1, computed in float64 and rounded once, half to even. */
export function exp_f64_u32(table: usize, n: i32, step: f64): void {
  for (let d: i32 = 0; d < n; d++) {
    store<u32>(table + ((<usize>d) << 2), <u32>nearest(Math.exp(-(<f64>d) * step) * 1073741824.0));
  }
}

/** a b / 2^31 to nearest, ties toward +infinity. */
// @ts-ignore: decorator
@inline
export function highMultiply(a: i32, b: i32): i32 {
  return <i32>((<i64>a * <i64>b + (1 << 30)) >> 31);
}

/** x / 2^exponent to nearest, ties away from zero; exponent 1..31. */
// @ts-ignore: decorator
@inline
export function divideByPower(x: i32, exponent: i32): i32 {
  return <i32>((<i64>x + ((<i64>1) << (exponent - 1)) - i64(x < 0)) >> exponent);
}

// @ts-ignore: decorator
@inline
function saturate(x: i64): i32 {
  return <i32>min(max(x, <i64>i32.MIN_VALUE), <i64>i32.MAX_VALUE);
}

/** exp(a) in Q0 for a in Q0, -1/4 <= a < 0: a Taylor polynomial around -1/8. */
function expOnInterval(a: i32): i32 {
  const center: i32 = 1895147668; // exp(-1/8)
  const x = a + (1 << 28);
  const x2 = highMultiply(x, x);
  const x3 = highMultiply(x2, x);
  const quarterX4 = divideByPower(highMultiply(x2, x2), 2);
  const third = highMultiply(quarterX4 + x3, 715827883);
  const tail = divideByPower(third + x2, 1);
  return saturate(<i64>center + highMultiply(center, x + tail));
}

/** exp(-2^k) in Q0 for k = -2..4. */
const EXP_OF_POWERS = memory.data<i32>([1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242]);

/** exp(a) in Q0 for a <= 0 in Q5. */
function expOnNegative(a: i32): i32 {
  if (a == 0) return i32.MAX_VALUE;
  const quarter: i32 = 1 << 24;
  const inQuarter = (a & (quarter - 1)) - quarter;
  const remainder = inQuarter - a;
  let result = expOnInterval(inQuarter << 5);
  for (let k: i32 = 0; k < 7; k++) {
    if ((remainder >> (24 + k)) & 1) result = highMultiply(result, load<i32>(EXP_OF_POWERS + ((<usize>k) << 2)));
  }
  return result;
}

/** table[d] = exp(-d multiplier 2^(shift - 31)) in Q0, its argument in Q5; 0 for d > radius. */
export function exp_i32_u32_tflite(table: usize, n: i32, multiplier: i32, shift: i32, radius: i32): void {
  for (let d: i32 = 0; d < n; d++) {
    const e = d > radius ? 0 : expOnNegative(highMultiply(-d << shift, multiplier));
    store<u32>(table + ((<usize>d) << 2), e);
  }
}

/** 1 / (1 + a) in Q0 for a in Q0, 0 <= a <= 1, by three steps of Newton's iteration. */
export function oneOverOnePlus(a: i32): i32 {
  const half = <i32>((<i64>a + 0x80000000) >> 1);
  let x = 1515870810 + highMultiply(half, -1010580540);
  for (let step = 0; step < 3; step++) {
    const rest = (1 << 29) - highMultiply(half, x);
    x += saturate((<i64>highMultiply(x, rest)) << 2);
  }
  return saturate((<i64>x) << 1);
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
export function fillTable(table: usize, inverse: bool): void {
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

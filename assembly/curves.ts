// Functions of four float32 values at once, from +, -, *, / and the bits of an exponent (docs/math.md, equations 60 and 61).
// Results are within a few units in the last place; what is exact to the last bit, and slow, is in activation.ts.

import { clamp4, magnitudeMask, roundingMagic } from "./lanes";

const POOL = memory.data<f32>(
  [
    1.442695, 0.693359375, -2.1219444e-4, 0.5, 0.16666542, 0.041666277, 0.008366775, 0.0013946779, 1, -87.3, 88.3, -104,
    89, 0.33333212, 0.2001058, 0.1400322, 0.13996845, 1.1283791, -0.37612626, 0.112836, -0.026854444, 0.0051895352,
    -8.020841e-4, 7.889119e-5, 0.55595517, 0.75856113, 0.5820087, 0.099238776, -0.19812097, -0.064099625, 0.11001669,
    0.018791206, -0.05913721, 2, 0.5625, 20, 0.70710677, 1.1754944e-38, 8388608, 0, 6, 3,
  ],
  16,
);

const LOG2_E: i32 = 0;
const LN2_HIGH: i32 = 1; // nine bits: its product with |k| < 2^15 is exact
const LN2_LOW: i32 = 2;
const EXP_SERIES: i32 = 3;
const ONE: i32 = 8;
const LEAST_NORMAL: i32 = 9;
const MOST_NORMAL: i32 = 10;
const LEAST: i32 = 11;
const MOST: i32 = 12;
const LOG_SERIES: i32 = 13;
const ERF_SERIES: i32 = 17;
const ERFC_SERIES: i32 = 24;
const TWO: i32 = 33;
const ERFC_CENTER: i32 = 34;
const ERF_END: i32 = 35;
const SQRT_HALF: i32 = 36;
const SMALLEST: i32 = 37; // the least normal float32
const UP: i32 = 38; // 2^23
const ZERO: i32 = 39;
const SIX: i32 = 40;
const THREE: i32 = 41;

/** A constant in every lane. */
// @ts-ignore: decorator
@inline
function constant(i: i32): v128 {
  return v128.load32_splat(POOL + ((<usize>i) << 2));
}

/** Zero in every lane. */
// @ts-ignore: decorator
@inline
export function zero4(): v128 {
  return constant(ZERO);
}

/** One in every lane. */
// @ts-ignore: decorator
@inline
export function one4(): v128 {
  return constant(ONE);
}

/** A constant plus x times what there is of a polynomial. */
// @ts-ignore: decorator
@inline
function step4(sum: v128, x: v128, i: i32): v128 {
  return f32x4.add(f32x4.mul(sum, x), constant(i));
}

/** x log2(e) plus 1.5 2^23: the low bits are k, the multiple of log 2 next to x. */
// @ts-ignore: decorator
@inline
function shifted4(x: v128): v128 {
  return f32x4.add(f32x4.mul(x, constant(LOG2_E)), roundingMagic());
}

/** exp(r) - 1, r = x - k log 2 + low. */
// @ts-ignore: decorator
@inline
function near4(x: v128, shifted: v128, low: v128): v128 {
  const k = f32x4.sub(shifted, roundingMagic());
  const high = f32x4.sub(x, f32x4.mul(k, constant(LN2_HIGH)));
  const r = f32x4.add(f32x4.sub(high, f32x4.mul(k, constant(LN2_LOW))), low);
  let p = step4(constant(EXP_SERIES + 4), r, EXP_SERIES + 3);
  p = step4(p, r, EXP_SERIES + 2);
  p = step4(p, r, EXP_SERIES + 1);
  p = step4(p, r, EXP_SERIES);
  return f32x4.add(r, f32x4.mul(f32x4.mul(r, r), p));
}

/** 2^k for -126 <= k <= 127. */
// @ts-ignore: decorator
@inline
function power4(k: v128): v128 {
  return i32x4.add(i32x4.shl(k, 23), one4());
}

/** exp(x), subnormal and infinite results included. */
export function exp4(x: v128): v128 {
  const v = clamp4(x, constant(LEAST), constant(MOST));
  const shifted = shifted4(v);
  const near = near4(v, shifted, zero4());
  const k = i32x4.sub(shifted, roundingMagic());
  const half = i32x4.shr_s(k, 1);
  return f32x4.mul(f32x4.mul(f32x4.add(near, one4()), power4(half)), power4(i32x4.sub(k, half)));
}

/** exp(x + low), x held to -87.3..88.3: a normal number. */
// @ts-ignore: decorator
@inline
function expNormal4(x: v128, low: v128): v128 {
  const v = clamp4(x, constant(LEAST_NORMAL), constant(MOST_NORMAL));
  const shifted = shifted4(v);
  const power = power4(i32x4.sub(shifted, roundingMagic()));
  return f32x4.mul(f32x4.add(near4(v, shifted, low), one4()), power);
}

/** exp(x) - 1 for x <= 0, exact near 0. */
export function expMinusOne4(x: v128): v128 {
  const v = f32x4.pmax(x, constant(LEAST_NORMAL));
  const shifted = shifted4(v);
  const power = power4(i32x4.sub(shifted, roundingMagic()));
  return f32x4.add(f32x4.mul(near4(v, shifted, zero4()), power), f32x4.sub(power, one4()));
}

/** z of the lanes where x < 0, the other of the others. */
// @ts-ignore: decorator
@inline
export function whereNegative4(x: v128, z: v128, other: v128): v128 {
  return v128.bitselect(z, other, f32x4.lt(x, zero4()));
}

/** 1 / (1 + exp(-x)). */
export function sigmoid4(x: v128): v128 {
  const z = expNormal4(f32x4.neg(f32x4.abs(x)), zero4());
  return f32x4.div(whereNegative4(x, z, one4()), f32x4.add(one4(), z));
}

/** The magnitude of y with the sign of x. */
// @ts-ignore: decorator
@inline
function signed4(y: v128, x: v128): v128 {
  return v128.bitselect(y, x, magnitudeMask());
}

export function tanh4(x: v128): v128 {
  const t = expMinusOne4(f32x4.mul(f32x4.abs(x), f32x4.neg(constant(TWO))));
  return signed4(f32x4.div(t, f32x4.add(t, constant(TWO))), x);
}

/** log((1 + s) / (1 - s)) = 2 s (1 + s^2 (1/3 + s^2/5 + ...)) for |s| <= 1/3. */
// @ts-ignore: decorator
@inline
function logOfRatio4(s: v128): v128 {
  const z = f32x4.mul(s, s);
  let p = step4(constant(LOG_SERIES + 3), z, LOG_SERIES + 2);
  p = step4(p, z, LOG_SERIES + 1);
  p = step4(p, z, LOG_SERIES);
  const twice = f32x4.add(s, s);
  return f32x4.add(twice, f32x4.mul(twice, f32x4.mul(z, p)));
}

/** log(1 + exp(x)). */
export function softplus4(x: v128): v128 {
  const z = expNormal4(f32x4.neg(f32x4.abs(x)), zero4());
  return f32x4.add(f32x4.pmax(x, zero4()), logOfRatio4(f32x4.div(z, f32x4.add(z, constant(TWO)))));
}

/** log(x): -infinity of 0, NaN of what is below. */
export function log4(x: v128): v128 {
  const small = f32x4.lt(x, constant(SMALLEST));
  const v = v128.bitselect(f32x4.mul(x, constant(UP)), x, small);
  const k = i32x4.shr_s(i32x4.sub(v, constant(SQRT_HALF)), 23);
  const m = i32x4.sub(v, i32x4.shl(k, 23));
  const e = f32x4.sub(f32x4.convert_i32x4_s(k), v128.and(f32x4.splat(23), small));
  const near = logOfRatio4(f32x4.div(f32x4.sub(m, one4()), f32x4.add(m, one4())));
  const log = f32x4.add(f32x4.mul(e, constant(LN2_HIGH)), f32x4.add(near, f32x4.mul(e, constant(LN2_LOW))));
  const infinity = f32x4.splat(Infinity);
  // 0 - infinity is -infinity; what is not above 0 otherwise is NaN, what is infinite itself
  const edge = f32x4.div(f32x4.neg(one4()), f32x4.abs(f32x4.sqrt(x)));
  const inside = v128.and(f32x4.gt(x, zero4()), f32x4.lt(x, infinity));
  return v128.bitselect(log, v128.bitselect(x, edge, f32x4.eq(x, infinity)), inside);
}

/** exp(t^2) (1 - erf(t)) for 0 <= t <= 10: a polynomial in u = 2 / (2 + t). */
// @ts-ignore: decorator
@inline
function erfcScaled4(t: v128): v128 {
  const u = f32x4.div(constant(TWO), f32x4.add(constant(TWO), t));
  const v = f32x4.sub(u, constant(ERFC_CENTER));
  let p = step4(constant(ERFC_SERIES + 8), v, ERFC_SERIES + 7);
  p = step4(p, v, ERFC_SERIES + 6);
  p = step4(p, v, ERFC_SERIES + 5);
  p = step4(p, v, ERFC_SERIES + 4);
  p = step4(p, v, ERFC_SERIES + 3);
  p = step4(p, v, ERFC_SERIES + 2);
  p = step4(p, v, ERFC_SERIES + 1);
  p = step4(p, v, ERFC_SERIES);
  return f32x4.mul(u, p);
}

/** exp(-factor x^2): x^2 is taken in two parts, the first of them exact. */
// @ts-ignore: decorator
@inline
function gaussian4(x: v128, factor: v128): v128 {
  const head = v128.and(x, i32x4.splat(-4096));
  const rest = f32x4.mul(f32x4.sub(x, head), f32x4.add(x, head));
  const high = f32x4.mul(f32x4.mul(head, head), factor);
  return expNormal4(f32x4.neg(high), f32x4.neg(f32x4.mul(rest, factor)));
}

export function erf4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), constant(ERF_END));
  const far = f32x4.sub(one4(), f32x4.mul(gaussian4(t, one4()), erfcScaled4(t)));
  const z = f32x4.mul(t, t);
  let p = step4(constant(ERF_SERIES + 6), z, ERF_SERIES + 5);
  p = step4(p, z, ERF_SERIES + 4);
  p = step4(p, z, ERF_SERIES + 3);
  p = step4(p, z, ERF_SERIES + 2);
  p = step4(p, z, ERF_SERIES + 1);
  p = step4(p, z, ERF_SERIES);
  return signed4(v128.bitselect(f32x4.mul(t, p), far, f32x4.lt(t, one4())), x);
}

/** x (1 + erf(x / sqrt(2))) / 2. */
export function gelu4(x: v128): v128 {
  const half = constant(EXP_SERIES);
  const t = f32x4.pmin(f32x4.abs(x), constant(ERF_END));
  const tail = f32x4.mul(gaussian4(t, half), erfcScaled4(f32x4.mul(t, constant(SQRT_HALF))));
  return f32x4.mul(f32x4.mul(x, half), whereNegative4(x, tail, f32x4.sub(constant(TWO), tail)));
}

/** x tanh(log(1 + exp(x))) = x n / (n + 2), n = exp(x) (exp(x) + 2). */
export function mish4(x: v128): v128 {
  const e = expNormal4(f32x4.pmin(x, constant(ERF_END)), zero4());
  const n = f32x4.mul(e, f32x4.add(e, constant(TWO)));
  return f32x4.mul(x, f32x4.div(n, f32x4.add(n, constant(TWO))));
}

/** x min(max(x + 3, 0), 6) / 6. */
// @ts-ignore: decorator
@inline
export function hardSwish4(x: v128): v128 {
  return f32x4.div(f32x4.mul(x, clamp4(f32x4.add(x, constant(THREE)), zero4(), constant(SIX))), constant(SIX));
}

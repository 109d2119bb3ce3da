// The squared error of one quantizer on many values, in one pass and without codes: what a search for the best range asks
// for again and again (docs/math.md, equation 10). Differences are float32, their squares are summed in eight float64.

import { clamp4, firstLanes, infinityBits, load4, magnitudeMask, roundingMagic } from "./lanes";

/** What four values become. `S` is only a name for static dispatch, as in walk.ts. */
abstract class Grid {
  abstract nearest4(v: v128, a: v128, b: v128, c: v128): v128;
}

/** Integers of [a, b]; c is roundingMagic(). */
class Integers extends Grid {
  // @ts-ignore: decorator
  @inline nearest4(v: v128, a: v128, b: v128, c: v128): v128 {
    return f32x4.sub(f32x4.add(clamp4(v, a, b), c), c);
  }
}

/**
 * Floats up to `a` in magnitude whose smallest normal number has the bits b; c is what to add to an exponent's bits so that
 * adding the power of two rounds to the mantissa: (23 - mantissa) << 23.
 */
class Floats extends Grid {
  // @ts-ignore: decorator
  @inline nearest4(v: v128, a: v128, b: v128, c: v128): v128 {
    const abs = v128.and(v, magnitudeMask());
    const power = i32x4.add(i32x4.max_s(v128.and(abs, infinityBits()), b), c);
    const rounded = f32x4.pmin(f32x4.sub(f32x4.add(abs, power), power), a);
    return v128.bitselect(rounded, v, magnitudeMask());
  }
}

// @ts-ignore: decorator
@inline
function squares2(d: v128): v128 {
  const wide = f64x2.promote_low_f32x4(d);
  return f64x2.mul(wide, wide);
}

// @ts-ignore: decorator
@inline
function weighted2(d: v128, weight: v128): v128 {
  return f64x2.mul(squares2(d), f64x2.promote_low_f32x4(weight));
}

/** [d0 d1 d2 d3] -> [d2 d3 d2 d3] */
// @ts-ignore: decorator
@inline
function upper(d: v128): v128 {
  return i8x16.shuffle(d, d, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
}

// @ts-ignore: decorator
@inline
function difference4<G extends Grid>(x: v128, scale: v128, a: v128, b: v128, c: v128): v128 {
  return f32x4.sub(x, f32x4.mul(changetype<G>(0).nearest4(f32x4.div(x, scale), a, b, c), scale));
}

/** Value i goes to accumulator i mod 8; a tail is filled up with zeros of weight 0. */
// @ts-ignore: decorator
@inline
function sumSquares<G extends Grid>(x: usize, weights: usize, n: i32, scale: f32, a: v128, b: v128, c: v128): f64 {
  const s = f32x4.splat(scale);
  let weight = f32x4.splat(1);
  let high = weight;
  let s0 = f64x2.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  let i: i32 = 0;
  // most of the values, without what only weights and tails need
  for (; !weights && i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    const d = difference4<G>(v128.load(x + at), s, a, b, c);
    const e = difference4<G>(v128.load(x + at, 16), s, a, b, c);
    s0 = f64x2.add(s0, squares2(d));
    s1 = f64x2.add(s1, squares2(upper(d)));
    s2 = f64x2.add(s2, squares2(e));
    s3 = f64x2.add(s3, squares2(upper(e)));
  }
  for (; i < n; i += 8) {
    const at = (<usize>i) << 2;
    const left = n - i;
    let d = difference4<G>(load4(x + at, left), s, a, b, c);
    let e = difference4<G>(load4(x + at + 16, left - 4), s, a, b, c);
    if (left < 4) d = v128.and(d, firstLanes(left));
    if (left < 8) e = v128.and(e, firstLanes(left - 4));
    if (weights) {
      weight = load4(weights + at, left);
      high = load4(weights + at + 16, left - 4);
    }
    s0 = f64x2.add(s0, weighted2(d, weight));
    s1 = f64x2.add(s1, weighted2(upper(d), upper(weight)));
    s2 = f64x2.add(s2, weighted2(e, high));
    s3 = f64x2.add(s3, weighted2(upper(e), upper(high)));
  }
  const sum = f64x2.add(f64x2.add(s0, s2), f64x2.add(s1, s3));
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** Sum of w (x - s (clamp(round(x / s), lo, hi)))^2 over n finite values; weights 0: all 1. |lo|, |hi| at most 2^22. */
export function error_f32_f64_integer(x: usize, weights: usize, n: i32, scale: f32, lo: f32, hi: f32): f64 {
  return sumSquares<Integers>(x, weights, n, scale, f32x4.splat(lo), f32x4.splat(hi), roundingMagic());
}

/** The same for a saturating float format: its mantissa, smallest normal and largest number. */
export function error_f32_f64_float(
  x: usize,
  weights: usize,
  n: i32,
  scale: f32,
  mantissa: i32,
  minNormal: f32,
  max: f32,
): f64 {
  const least = f32x4.splat(minNormal);
  return sumSquares<Floats>(x, weights, n, scale, f32x4.splat(max), least, i32x4.splat((23 - mantissa) << 23));
}

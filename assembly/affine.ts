// Affine quantization, float32 <-> integer codes: q = clamp(round(x / s) + z, lo, hi), x^ = s (q - z)
// (docs/math.md, equations 1 and 2). Division is a true float32 division, rounding is half to even.

import { Step, walk } from "./walk";
import { clamp4, loadCodes4, MAGIC_BITS, NAN_BITS, nanBits, narrow16, roundingMagic, storeCodes4 } from "./lanes";

/** One value; the same result as a vector lane. A NaN stores the lower bound and is reported by the caller. */
// @ts-ignore: decorator
@inline
function quantizeOne<T>(x: usize, q: usize, scale: f32, zero: i32, lo: i32, hi: i32): i32 {
  const v = load<f32>(x);
  if (isFloat<T>()) {
    store<f32>(q, nearest(v / scale) + <f32>zero);
    return 0;
  }
  const found = isNaN(v);
  const code = <f64>nearest(v / scale) + <f64>zero;
  store<T>(q, <T>(found ? lo : <i32>min(max(code, <f64>lo), <f64>hi)));
  return i32(found);
}

/** Four values divided, clamped and shifted to where the low mantissa bits are the rounded integer. */
// @ts-ignore: decorator
@inline
function shifted4(x: usize, scale: v128, lo: v128, hi: v128, magic: v128): v128 {
  return f32x4.add(clamp4(f32x4.div(v128.load(x), scale), lo, hi), magic);
}

/** n values that share one scale. Returns non-zero if there is a NaN among them. */
function quantizeRun<T>(x: usize, q: usize, n: i32, scale: f32, zero: i32, lo: i32, hi: i32): i32 {
  let i: i32 = 0;
  let found: i32 = 0;
  if (isInteger<T>() && sizeof<T>() < 4) {
    const s = f32x4.splat(scale);
    const low = f32x4.splat(<f32>(lo - zero));
    const high = f32x4.splat(<f32>(hi - zero));
    const magic = roundingMagic();
    const offset = i32x4.splat(MAGIC_BITS - zero);
    let seen = i32x4.splat(0);
    for (; i + 16 <= n; i += 16) {
      const from = x + ((<usize>i) << 2);
      const a = shifted4(from, s, low, high, magic);
      const b = shifted4(from + 16, s, low, high, magic);
      const c = shifted4(from + 32, s, low, high, magic);
      const d = shifted4(from + 48, s, low, high, magic);
      seen = v128.or(seen, v128.or(v128.or(a, b), v128.or(c, d)));
      const to = q + <usize>i * sizeof<T>();
      if (sizeof<T>() == 1) {
        const first = i32x4.sub(a, offset);
        const third = i32x4.sub(c, offset);
        v128.store(to, narrow16<T>(first, i32x4.sub(b, offset), third, i32x4.sub(d, offset)));
      } else {
        storeCodes4<T>(to, i32x4.sub(a, offset));
        storeCodes4<T>(to + 8, i32x4.sub(b, offset));
        storeCodes4<T>(to + 16, i32x4.sub(c, offset));
        storeCodes4<T>(to + 24, i32x4.sub(d, offset));
      }
    }
    for (; i + 4 <= n; i += 4) {
      const a = shifted4(x + ((<usize>i) << 2), s, low, high, magic);
      seen = v128.or(seen, a);
      storeCodes4<T>(q + <usize>i * sizeof<T>(), i32x4.sub(a, offset));
    }
    found = i32(v128.any_true(v128.and(seen, i32x4.splat(NAN_BITS))));
  }
  for (; i < n; i++) {
    found |= quantizeOne<T>(x + ((<usize>i) << 2), q + <usize>i * sizeof<T>(), scale, zero, lo, hi);
  }
  return found;
}

/** n values, each with its own scale and zero. */
function quantizeLanes<T>(x: usize, q: usize, n: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
  let i: i32 = 0;
  let found: i32 = 0;
  if (isInteger<T>() && sizeof<T>() < 4) {
    const low = i32x4.splat(lo);
    const high = i32x4.splat(hi);
    const magic = roundingMagic();
    const offset = i32x4.splat(MAGIC_BITS);
    let seen = i32x4.splat(0);
    for (; i + 4 <= n; i += 4) {
      const at = (<usize>i) << 2;
      const zero = v128.load(zeros + at);
      const from = f32x4.convert_i32x4_s(i32x4.sub(low, zero));
      const till = f32x4.convert_i32x4_s(i32x4.sub(high, zero));
      const a = shifted4(x + at, v128.load(scales + at), from, till, magic);
      seen = v128.or(seen, a);
      storeCodes4<T>(q + <usize>i * sizeof<T>(), i32x4.add(i32x4.sub(a, offset), zero));
    }
    found = i32(v128.any_true(v128.and(seen, i32x4.splat(NAN_BITS))));
  }
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    found |= quantizeOne<T>(x + at, q + <usize>i * sizeof<T>(), load<f32>(scales + at), load<i32>(zeros + at), lo, hi);
  }
  return found;
}

// @ts-ignore: decorator
@inline
function dequantizeOne<T>(q: usize, y: usize, scale: f32, zero: i32): void {
  if (isFloat<T>()) store<f32>(y, load<f32>(q) * scale);
  else store<f32>(y, <f32>(<i64>load<T>(q) - <i64>zero) * scale);
}

/** n codes that share one scale. */
function dequantizeRun<T>(q: usize, y: usize, n: i32, scale: f32, zero: i32): void {
  let i: i32 = 0;
  const s = f32x4.splat(scale);
  if (isFloat<T>()) {
    for (; i + 4 <= n; i += 4) v128.store(y + ((<usize>i) << 2), f32x4.mul(v128.load(q + ((<usize>i) << 2)), s));
  } else if (sizeof<T>() < 4) {
    const z = i32x4.splat(zero);
    for (; i + 16 <= n; i += 16) {
      const from = q + <usize>i * sizeof<T>();
      const to = y + ((<usize>i) << 2);
      for (let j: usize = 0; j < 4; j++) {
        const codes = i32x4.sub(loadCodes4<T>(from + j * 4 * sizeof<T>()), z);
        v128.store(to + (j << 4), f32x4.mul(f32x4.convert_i32x4_s(codes), s));
      }
    }
    for (; i + 4 <= n; i += 4) {
      const codes = i32x4.sub(loadCodes4<T>(q + <usize>i * sizeof<T>()), z);
      v128.store(y + ((<usize>i) << 2), f32x4.mul(f32x4.convert_i32x4_s(codes), s));
    }
  }
  for (; i < n; i++) dequantizeOne<T>(q + <usize>i * sizeof<T>(), y + ((<usize>i) << 2), scale, zero);
}

/** n codes, each with its own scale and zero. */
function dequantizeLanes<T>(q: usize, y: usize, n: i32, scales: usize, zeros: usize): void {
  let i: i32 = 0;
  if (isFloat<T>()) {
    for (; i + 4 <= n; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(y + at, f32x4.mul(v128.load(q + at), v128.load(scales + at)));
    }
  } else if (sizeof<T>() < 4) {
    for (; i + 4 <= n; i += 4) {
      const at = (<usize>i) << 2;
      const codes = i32x4.sub(loadCodes4<T>(q + <usize>i * sizeof<T>()), v128.load(zeros + at));
      v128.store(y + at, f32x4.mul(f32x4.convert_i32x4_s(codes), v128.load(scales + at)));
    }
  }
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    dequantizeOne<T>(q + <usize>i * sizeof<T>(), y + at, load<f32>(scales + at), load<i32>(zeros + at));
  }
}

/** v / s; NaN as the one NaN, for the sign of a NaN that arithmetic gives is the host's. */
// @ts-ignore: decorator
@inline
function divide4(v: v128, s: v128): v128 {
  const y = f32x4.div(v, s);
  return v128.bitselect(y, nanBits(), f32x4.eq(y, y));
}

// @ts-ignore: decorator
@inline
function divideOne(x: usize, y: usize, scale: f32): void {
  const v = load<f32>(x) / scale;
  store<f32>(y, isNaN(v) ? NaN : v);
}

/** y = x / s for n values that share one scale. */
function divideRun(x: usize, y: usize, n: i32, scale: f32): void {
  const s = f32x4.splat(scale);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) v128.store(y + ((<usize>i) << 2), divide4(v128.load(x + ((<usize>i) << 2)), s));
  for (; i < n; i++) divideOne(x + ((<usize>i) << 2), y + ((<usize>i) << 2), scale);
}

/** y = x / s for n values, each with its own scale. */
function divideLanes(x: usize, y: usize, n: i32, scales: usize): void {
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(y + at, divide4(v128.load(x + at), v128.load(scales + at)));
  }
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    divideOne(x + at, y + at, load<f32>(scales + at));
  }
}

/** float32 -> codes of type T; T = f32 gives the code before the clamp, as a float32. */
export class Quantize<T> extends Step {
  // @ts-ignore: decorator
  @inline get inputSize(): i32 {
    return 4;
  }
  // @ts-ignore: decorator
  @inline get outputSize(): i32 {
    return sizeof<T>();
  }
  // @ts-ignore: decorator
  @inline run(x: usize, y: usize, count: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
    if (lanes == 1) return quantizeRun<T>(x, y, count, load<f32>(scales), load<i32>(zeros), lo, hi);
    return quantizeLanes<T>(x, y, count, scales, zeros, lo, hi);
  }
}

/** Codes of type T -> float32; T = f32 multiplies decoded floats by their scales. */
export class Dequantize<T> extends Step {
  // @ts-ignore: decorator
  @inline get inputSize(): i32 {
    return sizeof<T>();
  }
  // @ts-ignore: decorator
  @inline get outputSize(): i32 {
    return 4;
  }
  // @ts-ignore: decorator
  @inline run(x: usize, y: usize, count: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
    if (lanes == 1) dequantizeRun<T>(x, y, count, load<f32>(scales), load<i32>(zeros));
    else dequantizeLanes<T>(x, y, count, scales, zeros);
    return 0;
  }
}

/** float32 divided by its scale: what a float format encodes. */
export class Divide extends Step {
  // @ts-ignore: decorator
  @inline get inputSize(): i32 {
    return 4;
  }
  // @ts-ignore: decorator
  @inline get outputSize(): i32 {
    return 4;
  }
  // @ts-ignore: decorator
  @inline run(x: usize, y: usize, count: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
    if (lanes == 1) divideRun(x, y, count, load<f32>(scales));
    else divideLanes(x, y, count, scales);
    return 0;
  }
}

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
    const offset = magic; // its own bits; a constant would be rebuilt at every use
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
function dequantized4<T>(q: usize, scale: v128, zero: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(loadCodes4<T>(q), zero)), scale);
}

/** n codes of type T as float32: all with one scale and zero (`lanes` 1), or each with its own. */
function dequantizeMany<T>(q: usize, y: usize, n: i32, lanes: i32, scales: usize, zeros: usize): void {
  let i: i32 = 0;
  let s = v128.load32_splat(scales);
  let z = v128.load32_splat(zeros);
  // four vectors a turn take a third less time; by hand, for the compilers leave a loop in place
  for (; sizeof<T>() < 4 && lanes == 1 && i + 16 <= n; i += 16) {
    const from = q + <usize>i * sizeof<T>();
    const to = y + ((<usize>i) << 2);
    v128.store(to, dequantized4<T>(from, s, z));
    v128.store(to, dequantized4<T>(from + 4 * sizeof<T>(), s, z), 16);
    v128.store(to, dequantized4<T>(from + 8 * sizeof<T>(), s, z), 32);
    v128.store(to, dequantized4<T>(from + 12 * sizeof<T>(), s, z), 48);
  }
  for (; i + 4 <= n && sizeof<T>() < 4; i += 4) {
    const at = (<usize>i) << 2;
    if (lanes != 1) {
      s = v128.load(scales + at);
      z = v128.load(zeros + at);
    }
    v128.store(y + at, dequantized4<T>(q + <usize>i * sizeof<T>(), s, z));
  }
  for (; i < n; i++) {
    const lane = lanes == 1 ? 0 : (<usize>i) << 2;
    // int32 codes and zeros may be further apart than an int32
    const steps = <i64>load<T>(q + <usize>i * sizeof<T>()) - <i64>load<i32>(zeros + lane);
    store<f32>(y + ((<usize>i) << 2), <f32>steps * load<f32>(scales + lane));
  }
}

/** v s or v / s; a NaN becomes the one NaN, for sign and payload of a NaN that arithmetic gives are the host's. */
// @ts-ignore: decorator
@inline
function scaled4(v: v128, s: v128, divide: bool): v128 {
  const y = divide ? f32x4.div(v, s) : f32x4.mul(v, s);
  return v128.bitselect(y, nanBits(), f32x4.eq(y, y));
}

/** n values times or by their scales: one for all (`lanes` 1), or one each. */
// @ts-ignore: decorator
@inline
function scaleMany(x: usize, y: usize, n: i32, lanes: i32, scales: usize, divide: bool): void {
  let s = v128.load32_splat(scales);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    if (lanes != 1) s = v128.load(scales + at);
    v128.store(y + at, scaled4(v128.load(x + at), s, divide));
  }
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    const one = v128.load32_splat(scales + (lanes == 1 ? 0 : at));
    v128.store32_lane(y + at, scaled4(v128.load32_splat(x + at), one, divide), 0);
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

/** Codes of type T -> float32. */
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
    dequantizeMany<T>(x, y, count, lanes, scales, zeros);
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
    scaleMany(x, y, count, lanes, scales, true);
    return 0;
  }
}

/** float32 times its scale: what a decoded float stands for. */
export class Multiply extends Step {
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
    scaleMany(x, y, count, lanes, scales, false);
    return 0;
  }
}

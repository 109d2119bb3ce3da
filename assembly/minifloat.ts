// float32 <-> any float of at most 19 bits, described by numbers and not by name (docs/math.md, equations 6 to 8).
//
// A code is a sign bit (highest of `width`), then exponent and mantissa; its magnitude is the code without the sign.
// `bias` 1..127, `mantissa` 0..22, or the numbers of float32; so that every finite code is a float32.

import { ROUND_AWAY, ROUND_DOWN, ROUND_EVEN, ROUND_STOCHASTIC, ROUND_UP, ROUND_ZERO } from "./abi";
import { F32_ABS, F32_INF, infinityBits, loadCodes4, magnitudeMask, nanBits, ones, storeCodes4 } from "./lanes";
import { splitMix64 } from "./random";

/** The numbers of a format and of what happens beyond them: ten 32-bit words in memory, in this order. */
@unmanaged
export class Minifloat {
  mantissa: i32;
  bias: i32;
  width: i32;
  /** The smallest positive number. */
  step: f32;
  /** Magnitude of the largest finite number. */
  max: u32;
  /** What encoders give for a larger one; `max` saturates. */
  overflow: u32;
  /** Magnitude of infinity, or -1. */
  infinity: u32;
  /** The largest magnitude that is not a NaN. */
  last: u32;
  /** The code of NaN; where there is no minus zero, its code. */
  nan: u32;
  /** Whether there is a minus zero. */
  minusZero: i32;
}

/** Whether the magnitude q + rest / 2^drop, rest < 2^drop, is rounded up. */
// @ts-ignore: decorator
@inline
function roundsUp(q: u64, rest: u64, drop: u64, negative: bool, rounding: i32, random: u64): bool {
  if (rest == 0) return false;
  const half = (<u64>1) << (drop - 1);
  if (rounding == ROUND_EVEN) return rest > half || (rest == half && (q & 1) == 1);
  if (rounding == ROUND_AWAY) return rest >= half;
  if (rounding == ROUND_UP) return !negative;
  if (rounding == ROUND_DOWN) return negative;
  if (rounding == ROUND_ZERO) return false;
  // up with the probability rest / 2^drop, in steps of 2^-32
  if (drop <= 32) return random < rest << (32 - drop);
  return random << (drop - 32) < rest;
}

/** The magnitude code of one finite float32, rounded once to a grid without an upper end. */
// @ts-ignore: decorator
@inline
function magnitude(bits: u32, mantissa: i32, bias: i32, rounding: i32, random: u64): u32 {
  const abs = bits & F32_ABS;
  const field = max(<i32>(abs >> 23), 1);
  const significand = <u64>(abs >> 23 == 0 ? abs : (abs & 0x7fffff) | 0x800000);
  const exponent = field - 127 + bias;
  // below the smallest normal number the grid keeps its step
  const drop = <u64>min(23 - mantissa + max(1 - exponent, 0), 56);
  const q = significand >> drop;
  const rest = significand & (((<u64>1) << drop) - 1);
  const up = roundsUp(q, rest, drop, bits >> 31 == 1, rounding, random);
  return <u32>q + <u32>up + ((<u32>(max(exponent, 1) - 1)) << mantissa);
}

/** Whether a finite value beyond the largest keeps to the largest in this direction of rounding. */
// @ts-ignore: decorator
@inline
function staysFinite(bits: u32, rounding: i32): bool {
  if ((bits & F32_ABS) == F32_INF) return false;
  const negative = bits >> 31 == 1;
  return rounding == ROUND_ZERO || (rounding == ROUND_UP && negative) || (rounding == ROUND_DOWN && !negative);
}

// @ts-ignore: decorator
@inline
function encodeOne(bits: u32, f: Minifloat, rounding: i32, random: u64): u32 {
  const sign = (bits >> 31) << (f.width - 1);
  if ((bits & F32_ABS) > F32_INF) return f.nan | sign;
  let code = magnitude(bits, f.mantissa, f.bias, rounding, random);
  if (code > f.max) code = staysFinite(bits, rounding) ? f.max : f.overflow;
  if (code == 0 && !f.minusZero) return 0;
  return code | sign;
}

/** Whether one of sixteen magnitudes is above `rare` (bits). */
// @ts-ignore: decorator
@inline
function anyAbove16(from: usize, rare: v128): bool {
  const mask = magnitudeMask();
  const a = i32x4.max_s(v128.and(v128.load(from), mask), v128.and(v128.load(from, 16), mask));
  const b = i32x4.max_s(v128.and(v128.load(from, 32), mask), v128.and(v128.load(from, 48), mask));
  return v128.any_true(i32x4.gt_s(i32x4.max_s(a, b), rare));
}

/** The power of two at or below a magnitude, `lowest` at least (bits): values of a binade have the same step. */
// @ts-ignore: decorator
@inline
function binade4(abs: v128, lowest: v128): v128 {
  return i32x4.max_s(v128.and(abs, infinityBits()), lowest);
}

/**
 * Magnitudes in steps of their binade, ties to even: adding 2^23 steps rounds, the low bits of the sum are the count.
 *
 *     power = binade * 2^(23 - mantissa)      abs + power  ->  [ exponent of power | count of steps ]
 */
// @ts-ignore: decorator
@inline
function steps4(abs: v128, binade: v128, lift: v128): v128 {
  const power = i32x4.add(binade, lift);
  return i32x4.sub(f32x4.add(abs, power), power);
}

/** Eight values to int16 codes: steps, 2^mantissa codes for every binade above the lowest, sign. */
// @ts-ignore: decorator
@inline
function encode8(from: usize, limit: v128, lowest: v128, lift: v128, bottom: v128, down: i32, signBit: v128): v128 {
  const v0 = v128.load(from);
  const v1 = v128.load(from, 16);
  const a0 = i32x4.min_s(v128.and(v0, magnitudeMask()), limit);
  const a1 = i32x4.min_s(v128.and(v1, magnitudeMask()), limit);
  const b0 = binade4(a0, lowest);
  const b1 = binade4(a1, lowest);
  const steps = i16x8.narrow_i32x4_s(steps4(a0, b0, lift), steps4(a1, b1, lift));
  // exponents in sixteen bits: a shift by a variable costs three instructions
  const binades = i16x8.narrow_i32x4_s(i32x4.shr_u(b0, 16), i32x4.shr_u(b1, 16));
  const codes = i16x8.add(steps, i16x8.shr_u(i16x8.sub(binades, bottom), down));
  const sign = i16x8.narrow_i32x4_s(i32x4.shr_s(v0, 31), i32x4.shr_s(v1, 31));
  return v128.or(codes, v128.and(sign, signBit));
}

/** Codes of at most 8 bits, 16 at a time; the values left over are the caller's. Returns how many were done. */
function encodeBytes(x: usize, q: usize, n: i32, f: Minifloat): i32 {
  const lowest = i32x4.splat((128 - f.bias) << 23);
  const bottom = i16x8.splat(((128 - f.bias) << 7) as i16);
  const lift = i32x4.splat((23 - f.mantissa) << 23);
  const down = 7 - f.mantissa;
  const largest = decodeOne(f.max, f);
  const limit = i32x4.splat(largest);
  const rare = i32x4.splat(f.overflow == f.max ? F32_INF : largest);
  const sign: i32 = 1 << (f.width - 1);
  const signBit = i16x8.splat(sign as i16);
  const minusCode = f.minusZero ? 0 : sign; // where there is no minus zero, its code becomes 0
  const minus = i8x16.splat(minusCode as i8);
  let i: i32 = 0;
  for (; i + 16 <= n; i += 16) {
    const from = x + ((<usize>i) << 2);
    if (anyAbove16(from, rare)) {
      encodeEach<u8>(from, q + i, 16, f, ROUND_EVEN, 0, 0);
      continue;
    }
    const low = encode8(from, limit, lowest, lift, bottom, down, signBit);
    const high = encode8(from + 32, limit, lowest, lift, bottom, down, signBit);
    const codes = i8x16.narrow_i16x8_u(low, high);
    v128.store(q + i, v128.andnot(codes, v128.and(i8x16.eq(codes, minus), minus)));
  }
  return i;
}

/** Codes of more than 8 bits, four at a time. `wide`: float32's exponents (bias 127), its bits are rounded as they are. */
// @ts-ignore: decorator
@inline
function encodeWords<T>(x: usize, q: usize, n: i32, f: Minifloat, wide: bool): i32 {
  const shift = 23 - f.mantissa;
  const half = i32x4.splat((1 << (shift - 1)) - 1);
  const lowest = i32x4.splat((128 - f.bias) << 23);
  const lift = i32x4.splat(shift << 23);
  const largest = decodeOne(f.max, f);
  const limit = i32x4.splat(largest);
  const rare = i32x4.splat(f.overflow == f.max ? F32_INF : largest);
  const signBit = i32x4.splat(1 << (f.width - 1));
  const minus = f.minusZero ? i32x4.splat(-1) : signBit;
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const from = x + ((<usize>i) << 2);
    const to = q + <usize>i * sizeof<T>();
    const v = v128.load(from);
    let abs = v128.and(v, magnitudeMask());
    if (v128.any_true(i32x4.gt_s(abs, rare))) {
      encodeEach<T>(from, to, 4, f, ROUND_EVEN, 0, 0);
      continue;
    }
    abs = i32x4.min_s(abs, limit);
    let codes: v128;
    if (wide) {
      const odd = v128.and(i32x4.shr_u(abs, shift), ones());
      codes = i32x4.shr_u(i32x4.add(i32x4.add(abs, half), odd), shift);
    } else {
      const binade = binade4(abs, lowest);
      codes = i32x4.add(steps4(abs, binade, lift), i32x4.shr_u(i32x4.sub(binade, lowest), shift));
    }
    codes = v128.or(codes, v128.and(i32x4.shr_s(v, 31), signBit));
    storeCodes4<T>(to, v128.andnot(codes, i32x4.eq(codes, minus)));
  }
  return i;
}

/** Codes one by one, in any rounding. */
function encodeEach<T>(x: usize, q: usize, n: i32, f: Minifloat, rounding: i32, seed: u64, index: u64): void {
  for (let i: i32 = 0; i < n; i++) {
    const random = rounding == ROUND_STOCHASTIC ? splitMix64(seed, index + i) >> 32 : 0;
    const bits = load<u32>(x + ((<usize>i) << 2));
    store<T>(q + <usize>i * sizeof<T>(), <T>encodeOne(bits, f, rounding, random));
  }
}

/** See the kernels encode_f32_u8, encode_f32_u16 and encode_f32_u32. */
// @ts-ignore: decorator
@inline
export function encodeMany<T>(x: usize, q: usize, n: i32, f: Minifloat, rounding: i32, seed: u64, index: u64): void {
  if (f.mantissa == 23 && f.overflow != f.max) return memory.copy(q, x, (<usize>n) << 2); // float32 itself
  let i: i32 = 0;
  // without a mantissa every significand is 1, which is odd, but the last bit of the code is the exponent's
  if (rounding == ROUND_EVEN && f.mantissa > 0 && f.mantissa < 23) {
    const highest = <i32>(f.max >> f.mantissa) - f.bias;
    const isNarrow = highest + 23 - f.mantissa <= 127; // what is added to round stays inside float32
    if (sizeof<T>() == 1) {
      if (isNarrow) i = encodeBytes(x, q, n, f);
    } else if (f.bias == 127) {
      i = encodeWords<T>(x, q, n, f, true);
    } else if (sizeof<T>() == 2 && isNarrow) {
      i = encodeWords<T>(x, q, n, f, false);
    }
  }
  encodeEach<T>(x + ((<usize>i) << 2), q + <usize>i * sizeof<T>(), n - i, f, rounding, seed, index + i);
}

/** The float32 bits of one code. */
// @ts-ignore: decorator
@inline
function decodeOne(code: u32, f: Minifloat): u32 {
  const sign = code >> (f.width - 1);
  const mag = code ^ (sign << (f.width - 1));
  if ((!f.minusZero && code == f.nan) || <i32>mag > <i32>f.last) return 0x7fc00000;
  if (mag == f.infinity) return F32_INF | (sign << 31);
  if (mag >> f.mantissa == 0) return reinterpret<u32>(<f32>mag * f.step) | (sign << 31);
  return ((mag << (23 - f.mantissa)) + ((127 - f.bias) << 23)) | (sign << 31);
}

/** See the kernels decode_u8_f32, decode_u16_f32 and decode_u32_f32. */
// @ts-ignore: decorator
@inline
export function decodeMany<T>(q: usize, y: usize, n: i32, f: Minifloat): void {
  if (f.mantissa == 23) return memory.copy(y, q, (<usize>n) << 2); // float32 itself
  let i: i32 = 0;
  const shift = 23 - f.mantissa;
  const toTop = 32 - f.width;
  const rebias = i32x4.splat((127 - f.bias) << 23);
  const steps = f32x4.splat(f.step);
  const signBit = i32x4.splat(1 << (f.width - 1));
  const firstNormal = i32x4.splat(1 << f.mantissa);
  const infinities = i32x4.splat(f.infinity);
  const last = i32x4.splat(f.last);
  const nans = i32x4.splat(f.minusZero ? -1 : f.nan);
  for (; i + 4 <= n && sizeof<T>() < 4; i += 4) {
    const code = loadCodes4<T>(q + <usize>i * sizeof<T>());
    const sign = v128.and(code, signBit);
    const mag = v128.xor(code, sign);
    const normal = i32x4.add(i32x4.shl(mag, shift), rebias);
    const subnormal = f32x4.mul(f32x4.convert_i32x4_s(mag), steps);
    let bits = v128.bitselect(subnormal, normal, i32x4.lt_s(mag, firstNormal));
    bits = v128.bitselect(infinityBits(), bits, i32x4.eq(mag, infinities));
    bits = v128.or(bits, i32x4.shl(sign, toTop));
    const isNan = v128.or(i32x4.eq(code, nans), i32x4.gt_s(mag, last));
    v128.store(y + ((<usize>i) << 2), v128.bitselect(nanBits(), bits, isNan));
  }
  for (; i < n; i++) {
    store<u32>(y + ((<usize>i) << 2), decodeOne(<u32>load<T>(q + <usize>i * sizeof<T>()), f));
  }
}

/** The power of two that stands for a magnitude: code = exponent + 127. 2^-127 is the smallest, 255 is NaN. */
// @ts-ignore: decorator
@inline
function powerOne(bits: u32, rounding: i32, saturate: i32, random: u64): u32 {
  const abs = bits & F32_ABS;
  if (abs >= F32_INF || (bits >> 31 && abs > 0)) return 255;
  if (abs <= 0x400000) return 0;
  const drop = abs < 0x800000 ? 22 : 23;
  const rest = <u64>(abs & ((1 << drop) - 1));
  const tieUp = rounding == ROUND_EVEN ? ROUND_AWAY : rounding; // no power of two is odd: ONNX sends ties up
  const code = (abs >> 23) + <u32>roundsUp(0, rest, drop, false, tieUp, random);
  return code == 255 && saturate ? 254 : code;
}

/** float8_e8m0fnu codes of n values; negative values and infinities become NaN (docs/math.md, equation 8). */
export function encode_f32_e8m0(x: usize, q: usize, n: i32, saturate: i32, rounding: i32, seed: u64, index: u64): void {
  for (let i: i32 = 0; i < n; i++) {
    const random = rounding == ROUND_STOCHASTIC ? splitMix64(seed, index + i) >> 32 : 0;
    store<u8>(q + i, <u8>powerOne(load<u32>(x + ((<usize>i) << 2)), rounding, saturate, random));
  }
}

/** Codes of a float format of 8 bits at most; `format` points to a Minifloat. */
export function encode_f32_u8(x: usize, q: usize, n: i32, format: usize, rounding: i32, seed: u64, index: u64): void {
  encodeMany<u8>(x, q, n, changetype<Minifloat>(format), rounding, seed, index);
}

/** Codes of a float format of 16 bits at most; `format` points to a Minifloat. */
export function encode_f32_u16(x: usize, q: usize, n: i32, format: usize, rounding: i32, seed: u64, index: u64): void {
  encodeMany<u16>(x, q, n, changetype<Minifloat>(format), rounding, seed, index);
}

/** Codes of a float format of 32 bits at most; `format` points to a Minifloat. */
export function encode_f32_u32(x: usize, q: usize, n: i32, format: usize, rounding: i32, seed: u64, index: u64): void {
  encodeMany<u32>(x, q, n, changetype<Minifloat>(format), rounding, seed, index);
}

/** The values of a float format's codes; `format` points to a Minifloat. */
export function decode_u8_f32(q: usize, y: usize, n: i32, format: usize): void {
  decodeMany<u8>(q, y, n, changetype<Minifloat>(format));
}

/** The values of a float format's codes; `format` points to a Minifloat. */
export function decode_u16_f32(q: usize, y: usize, n: i32, format: usize): void {
  decodeMany<u16>(q, y, n, changetype<Minifloat>(format));
}

/** The values of a float format's codes; `format` points to a Minifloat. */
export function decode_u32_f32(q: usize, y: usize, n: i32, format: usize): void {
  decodeMany<u32>(q, y, n, changetype<Minifloat>(format));
}

// float32 <-> any float of at most 19 bits, described by numbers and not by name (docs/math.md, equations 6 to 8).
//
// A code is a sign bit (highest of `width`), then exponent and mantissa; its magnitude is the code without the sign.
// `bias` 1..127, `mantissa` 0..22, or the numbers of float32; so that every finite code is a float32.

import { ROUND_AWAY, ROUND_DOWN, ROUND_EVEN, ROUND_STOCHASTIC, ROUND_UP, ROUND_ZERO } from "./abi";
import { F32_ABS, F32_INF, loadCodes4, magnitudeMask, nanBits, ones, storeCodes4, infinityBits } from "./lanes";
import { splitMix64 } from "./random";

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
  return <u32>q + <u32>up + (<u32>(max(exponent, 1) - 1) << mantissa);
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
function encodeOne(
  bits: u32, mantissa: i32, bias: i32, width: i32, max: u32, overflow: u32, nan: u32, minusZero: i32, rounding: i32,
  random: u64,
): u32 {
  const sign = (bits >> 31) << (width - 1);
  if ((bits & F32_ABS) > F32_INF) return nan | sign;
  let code = magnitude(bits, mantissa, bias, rounding, random);
  if (code > max) code = staysFinite(bits, rounding) ? max : overflow;
  if (code == 0 && !minusZero) return 0;
  return code | sign;
}

/**
 * Four values to four magnitude-and-sign codes, ties to even.
 *
 *     normal     round the float32's own bits to `mantissa` bits, rebias the exponent
 *     subnormal  add 2^k whose last place is the format's smallest number: the addition rounds, the low bits are the code
 */
// @ts-ignore: decorator
@inline
function encode4(
  bits: v128, shift: i32, roundHalf: v128, rebias: v128, magic: v128, minNormal: v128, max: v128, overflow: v128,
  nan: v128, width: i32, plusOnly: v128,
): v128 {
  const abs = v128.and(bits, magnitudeMask());
  const odd = v128.and(i32x4.shr_u(abs, shift), ones());
  const normal = i32x4.sub(i32x4.shr_u(i32x4.add(i32x4.add(abs, roundHalf), odd), shift), rebias);
  const subnormal = i32x4.sub(f32x4.add(abs, magic), magic);
  let code = v128.bitselect(subnormal, normal, i32x4.lt_s(abs, minNormal));
  code = v128.bitselect(overflow, code, i32x4.gt_s(code, max));
  const sign = i32x4.shl(i32x4.shr_u(bits, 31), width - 1);
  code = v128.bitselect(nan, code, i32x4.gt_s(abs, infinityBits()));
  return v128.or(code, v128.andnot(sign, i32x4.eq(code, plusOnly)));
}

// @ts-ignore: decorator
@inline
export function encodeMany<T>(
  x: usize, q: usize, n: i32, mantissa: i32, bias: i32, width: i32, step: f32, max: u32, overflow: u32, nan: u32,
  minusZero: i32, rounding: i32, seed: u64, index: u64,
): void {
  if (mantissa == 23) return memory.copy(q, x, <usize>n << 2); // float32 itself
  let i: i32 = 0;
  // without a mantissa every significand is 1, which is odd: the last bit of the code would be the exponent's
  if (rounding == ROUND_EVEN && mantissa > 0) {
    const shift = 23 - mantissa;
    const roundHalf = i32x4.splat((1 << (shift - 1)) - 1);
    const rebias = i32x4.splat((127 - bias) << mantissa);
    const magic = f32x4.splat(step * 8388608); // 2^23 steps: the last place of the sum is one step
    const minNormal = i32x4.splat((128 - bias) << 23);
    const largest = i32x4.splat(max);
    const beyond = i32x4.splat(overflow);
    const nans = i32x4.splat(nan);
    const plusOnly = i32x4.splat(minusZero ? -1 : 0);
    for (; i + 16 <= n && sizeof<T>() == 1; i += 16) {
      const from = x + (<usize>i << 2);
      const a = encode4(v128.load(from), shift, roundHalf, rebias, magic, minNormal, largest, beyond, nans, width, plusOnly);
      const b = encode4(v128.load(from, 16), shift, roundHalf, rebias, magic, minNormal, largest, beyond, nans, width, plusOnly);
      const c = encode4(v128.load(from, 32), shift, roundHalf, rebias, magic, minNormal, largest, beyond, nans, width, plusOnly);
      const d = encode4(v128.load(from, 48), shift, roundHalf, rebias, magic, minNormal, largest, beyond, nans, width, plusOnly);
      v128.store(q + i, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
    }
    for (; i + 4 <= n; i += 4) {
      const bits = v128.load(x + (<usize>i << 2));
      const codes = encode4(bits, shift, roundHalf, rebias, magic, minNormal, largest, beyond, nans, width, plusOnly);
      storeCodes4<T>(q + <usize>i * sizeof<T>(), codes);
    }
  }
  for (; i < n; i++) {
    const random = rounding == ROUND_STOCHASTIC ? splitMix64(seed, index + i) >> 32 : 0;
    const bits = load<u32>(x + (<usize>i << 2));
    const code = encodeOne(bits, mantissa, bias, width, max, overflow, nan, minusZero, rounding, random);
    store<T>(q + <usize>i * sizeof<T>(), <T>code);
  }
}

/** The float32 bits of one code. */
// @ts-ignore: decorator
@inline
function decodeOne(
  code: u32, mantissa: i32, bias: i32, width: i32, step: f32, infinity: u32, lastNumber: u32, nan: u32,
): u32 {
  const sign = code >> (width - 1);
  const mag = code ^ (sign << (width - 1));
  if (code == nan || <i32>mag > <i32>lastNumber) return 0x7fc00000;
  if (mag == infinity) return F32_INF | (sign << 31);
  if (mag >> mantissa == 0) return reinterpret<u32>(<f32>mag * step) | (sign << 31);
  return ((mag << (23 - mantissa)) + ((127 - bias) << 23)) | (sign << 31);
}

// @ts-ignore: decorator
@inline
export function decodeMany<T>(
  q: usize, y: usize, n: i32, mantissa: i32, bias: i32, width: i32, step: f32, infinity: u32, lastNumber: u32, nan: u32,
): void {
  if (mantissa == 23) return memory.copy(y, q, <usize>n << 2); // float32 itself
  let i: i32 = 0;
  const shift = 23 - mantissa;
  const rebias = i32x4.splat((127 - bias) << 23);
  const steps = f32x4.splat(step);
  const signBit = i32x4.splat(1 << (width - 1));
  const firstNormal = i32x4.splat(1 << mantissa);
  const infinities = i32x4.splat(infinity);
  const last = i32x4.splat(lastNumber);
  const nans = i32x4.splat(nan);
  for (; i + 4 <= n; i += 4) {
    const code = loadCodes4<T>(q + <usize>i * sizeof<T>());
    const sign = v128.and(code, signBit);
    const mag = v128.xor(code, sign);
    const normal = i32x4.add(i32x4.shl(mag, shift), rebias);
    const subnormal = f32x4.mul(f32x4.convert_i32x4_s(mag), steps);
    let bits = v128.bitselect(subnormal, normal, i32x4.lt_s(mag, firstNormal));
    bits = v128.bitselect(infinityBits(), bits, i32x4.eq(mag, infinities));
    bits = v128.or(bits, i32x4.shl(sign, 32 - width));
    const isNan = v128.or(i32x4.eq(code, nans), i32x4.gt_s(mag, last));
    v128.store(y + (<usize>i << 2), v128.bitselect(nanBits(), bits, isNan));
  }
  for (; i < n; i++) {
    const code = <u32>load<T>(q + <usize>i * sizeof<T>());
    store<u32>(y + (<usize>i << 2), decodeOne(code, mantissa, bias, width, step, infinity, lastNumber, nan));
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
    store<u8>(q + i, <u8>powerOne(load<u32>(x + (<usize>i << 2)), rounding, saturate, random));
  }
}

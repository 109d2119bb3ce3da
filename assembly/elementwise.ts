// Two tensors, code by code: add, subtract, multiply, squared difference, minimum, maximum, prelu (docs/math.md, equations
// 30 to 33). Codes of 8 and 16 bits mix freely: they are told apart once per eight values.

import { CODES_I16, CODES_I8, OPERATION_ADD, OPERATION_MAXIMUM, OPERATION_MINIMUM, OPERATION_MUL } from "./abi";
import { OPERATION_PRELU, OPERATION_SQUARED_DIFFERENCE, OPERATION_SUB } from "./abi";
import { rescale4 } from "./fixedpoint";
import { MAGIC_BITS, roundingMagic } from "./lanes";

/** The numbers of a pair of operands and its result: 32-bit words in memory, in this order. */
@unmanaged
export class Pair {
  aScale: f32;
  bScale: f32;
  scale: f32;
  aZero: i32;
  bZero: i32;
  zero: i32;
  /** The codes left by format and activation; at most 2^22 from the zero. */
  lo: i32;
  hi: i32;
  /** CODES_I8, CODES_U8 or CODES_I16. */
  aCodes: i32;
  bCodes: i32;
  codes: i32;
  /** One of OPERATION_... */
  operation: i32;
  /** Integer arithmetic: how far operands are shifted left, their multipliers and the result's, whether to round once. */
  left: i32;
  aMultiplier: i32;
  aShift: i32;
  bMultiplier: i32;
  bShift: i32;
  multiplier: i32;
  shift: i32;
  once: i32;
}

/** Codes i.. of a tensor as eight int16. */
// @ts-ignore: decorator
@inline
function loadCodes8(from: usize, i: i32, codes: i32): v128 {
  if (codes == CODES_I16) return v128.load(from + ((<usize>i) << 1));
  return codes == CODES_I8 ? v128.load8x8_s(from + i) : v128.load8x8_u(from + i);
}

// @ts-ignore: decorator
@inline
function loadCode(from: usize, i: i32, codes: i32): i32 {
  if (codes == CODES_I16) return load<i16>(from + ((<usize>i) << 1));
  return codes == CODES_I8 ? load<i8>(from + i) : load<u8>(from + i);
}

/** Eight int32 that the format holds, as codes i.. of a tensor. */
// @ts-ignore: decorator
@inline
function storeCodes8(to: usize, i: i32, codes: i32, low: v128, high: v128): void {
  const v = i16x8.narrow_i32x4_s(low, high);
  if (codes == CODES_I16) v128.store(to + ((<usize>i) << 1), v);
  else if (codes == CODES_I8) v128.store64_lane(to + i, i8x16.narrow_i16x8_s(v, v), 0);
  else v128.store64_lane(to + i, i8x16.narrow_i16x8_u(v, v), 0);
}

// @ts-ignore: decorator
@inline
function storeCode(to: usize, i: i32, codes: i32, code: v128): void {
  const v = i32x4.extract_lane(code, 0);
  if (codes == CODES_I16) store<i16>(to + ((<usize>i) << 1), <i16>v);
  else store<u8>(to + i, <u8>v);
}

/** Four pairs of real values combined (equation 30). Inlined with a constant operation, only its instructions are left. */
// @ts-ignore: decorator
@inline
function combine4(operation: i32, x: v128, y: v128): v128 {
  if (operation == OPERATION_ADD) return f32x4.add(x, y);
  if (operation == OPERATION_MUL) return f32x4.mul(x, y);
  if (operation == OPERATION_SUB) return f32x4.sub(x, y);
  if (operation == OPERATION_MINIMUM) return f32x4.pmin(x, y);
  if (operation == OPERATION_MAXIMUM) return f32x4.pmax(x, y);
  if (operation == OPERATION_PRELU) return v128.bitselect(f32x4.mul(x, y), x, i32x4.shr_s(x, 31));
  const d = f32x4.sub(x, y);
  return f32x4.mul(d, d);
}

/** Four codes less their zero, as real values. */
// @ts-ignore: decorator
@inline
function real4(codes: v128, zero: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(codes, zero)), scale);
}

/** Four values as codes: divided, clamped (a NaN becomes lo, for it fails the comparison), rounded. */
// @ts-ignore: decorator
@inline
function codes4(v: v128, scale: v128, lo: v128, hi: v128, magic: v128, offset: v128): v128 {
  const clamped = f32x4.pmin(hi, f32x4.pmax(lo, f32x4.div(v, scale)));
  return i32x4.sub(f32x4.add(clamped, magic), offset);
}

/** Sixteen int32 held to lo..hi (eight int16 each), as codes i.. of a tensor. */
// @ts-ignore: decorator
@inline
function storeCodes16(to: usize, i: i32, codes: i32, a: v128, b: v128, c: v128, d: v128, lo: v128, hi: v128): void {
  const low = i16x8.min_s(i16x8.max_s(i16x8.narrow_i32x4_s(a, b), lo), hi);
  const high = i16x8.min_s(i16x8.max_s(i16x8.narrow_i32x4_s(c, d), lo), hi);
  if (codes == CODES_I8) {
    v128.store(to + i, i8x16.narrow_i16x8_s(low, high));
  } else if (codes == CODES_I16) {
    v128.store(to + ((<usize>i) << 1), low);
    v128.store(to + ((<usize>i) << 1), high, 16);
  } else {
    v128.store(to + i, i8x16.narrow_i16x8_u(low, high));
  }
}

/** Whether every result of 8-bit operands is near enough to round without a clamp: operations are largest at the ends. */
function isNear(operation: i32, pair: Pair): bool {
  const x = f32x4.mul(f32x4(255, -255, 255, -255), f32x4.splat(pair.aScale));
  const y = f32x4.mul(f32x4(255, 255, -255, -255), f32x4.splat(pair.bScale));
  const largest = f32x4.abs(f32x4.div(combine4(operation, x, y), f32x4.splat(pair.scale)));
  return i32x4.all_true(f32x4.lt(largest, f32x4.splat(2097152)));
}

/** What turns bytes into unsigned ones. */
// @ts-ignore: decorator
@inline
function flipOf(codes: i32): v128 {
  return i8x16.splat(codes == CODES_I8 ? -128 : 0);
}

/** The zero of bytes so turned, on top of 2^23. */
// @ts-ignore: decorator
@inline
function baseOf(zero: i32, codes: i32): v128 {
  const flipped = codes == CODES_I8 ? zero + 128 : zero;
  return f32x4.splat(<f32>((1 << 23) + flipped));
}

/** The upper half of the float32 2^23 + v, v < 2^16. */
const UPPER_HALF = memory.data<u16>([0x4b00], 2);

/**
 * Four unsigned 16-bit codes as real values: under the upper half of 2^23 they are the float32 2^23 + code, with one
 * instruction.
 *
 *     v [v0 v1 v2 v3 ...]  ->  [ (v0 - zero) s | (v1 - zero) s | ... ]
 */
// @ts-ignore: decorator
@inline
function low4(v: v128, upper: v128, base: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.sub(v128.shuffle<i16>(v, upper, 0, 8, 1, 9, 2, 10, 3, 11), base), scale);
}

/** The same of the last four. */
// @ts-ignore: decorator
@inline
function high4(v: v128, upper: v128, base: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.sub(v128.shuffle<i16>(v, upper, 4, 12, 5, 13, 6, 14, 7, 15), base), scale);
}

/** Four values as codes that are yet to be clamped. */
// @ts-ignore: decorator
@inline
function rounded4(v: v128, scale: v128, magic: v128, offset: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.div(v, scale), magic), offset);
}

/**
 * combineReal for operands of 8 bits whose results are near, sixteen at a time; returns how many pairs were done. It is bound by
 * the number of its instructions (0.32 ns a pair where combineReal takes 0.47), hence the clamp in 16 bits.
 */
// @ts-ignore: decorator
@inline
function combineBytes(operation: i32, a: usize, b: usize, y: usize, n: i32, pair: Pair): i32 {
  const codes = pair.codes;
  const fa = flipOf(pair.aCodes);
  const fb = flipOf(pair.bCodes);
  const upper = v128.load16_splat(UPPER_HALF);
  const za = baseOf(pair.aZero, pair.aCodes);
  const zb = baseOf(pair.bZero, pair.bCodes);
  const sa = f32x4.splat(pair.aScale);
  const sb = f32x4.splat(pair.bScale);
  const s = f32x4.splat(pair.scale);
  const lo = i16x8.splat(<i16>pair.lo);
  const hi = i16x8.splat(<i16>pair.hi);
  const magic = roundingMagic();
  const offset = i32x4.splat(MAGIC_BITS - pair.zero);
  let i: i32 = 0;
  for (; i + 16 <= n; i += 16) {
    const p = v128.xor(v128.load(a + i), fa);
    const q = v128.xor(v128.load(b + i), fb);
    const p0 = i16x8.extend_low_i8x16_u(p);
    const q0 = i16x8.extend_low_i8x16_u(q);
    const r0 = combine4(operation, low4(p0, upper, za, sa), low4(q0, upper, zb, sb));
    const r1 = combine4(operation, high4(p0, upper, za, sa), high4(q0, upper, zb, sb));
    const p1 = i16x8.extend_high_i8x16_u(p);
    const q1 = i16x8.extend_high_i8x16_u(q);
    const r2 = combine4(operation, low4(p1, upper, za, sa), low4(q1, upper, zb, sb));
    const r3 = combine4(operation, high4(p1, upper, za, sa), high4(q1, upper, zb, sb));
    const c0 = rounded4(r0, s, magic, offset);
    const c1 = rounded4(r1, s, magic, offset);
    const c2 = rounded4(r2, s, magic, offset);
    storeCodes16(y, i, codes, c0, c1, c2, rounded4(r3, s, magic, offset), lo, hi);
  }
  return i;
}

/** Pairs from i on in float32 (equation 30). */
function combineReal(a: usize, b: usize, y: usize, i: i32, n: i32, pair: Pair): void {
  const operation = pair.operation;
  const aCodes = pair.aCodes;
  const bCodes = pair.bCodes;
  const codes = pair.codes;
  const za = i32x4.splat(pair.aZero);
  const zb = i32x4.splat(pair.bZero);
  const sa = f32x4.splat(pair.aScale);
  const sb = f32x4.splat(pair.bScale);
  const s = f32x4.splat(pair.scale);
  const lo = f32x4.splat(<f32>(pair.lo - pair.zero));
  const hi = f32x4.splat(<f32>(pair.hi - pair.zero));
  const magic = roundingMagic();
  const offset = i32x4.splat(MAGIC_BITS - pair.zero);
  for (; i + 8 <= n; i += 8) {
    const p = loadCodes8(a, i, aCodes);
    const q = loadCodes8(b, i, bCodes);
    const p0 = real4(i32x4.extend_low_i16x8_s(p), za, sa);
    const q0 = real4(i32x4.extend_low_i16x8_s(q), zb, sb);
    const p1 = real4(i32x4.extend_high_i16x8_s(p), za, sa);
    const q1 = real4(i32x4.extend_high_i16x8_s(q), zb, sb);
    const low = codes4(combine4(operation, p0, q0), s, lo, hi, magic, offset);
    storeCodes8(y, i, codes, low, codes4(combine4(operation, p1, q1), s, lo, hi, magic, offset));
  }
  for (; i < n; i++) {
    const p = real4(i32x4.splat(loadCode(a, i, aCodes)), za, sa);
    const q = real4(i32x4.splat(loadCode(b, i, bCodes)), zb, sb);
    storeCode(y, i, codes, codes4(combine4(operation, p, q), s, lo, hi, magic, offset));
  }
}

/** Four pairs of codes less their zeros, combined in integers. */
function fixed4(p: v128, q: v128, pair: Pair): v128 {
  const operation = pair.operation;
  const once = pair.once != 0;
  let v: v128;
  if (operation == OPERATION_MUL || operation == OPERATION_PRELU) {
    v = i32x4.mul(p, q);
  } else {
    const x = rescale4(i32x4.shl(p, pair.left), pair.aMultiplier, pair.aShift, once);
    const y = rescale4(i32x4.shl(q, pair.left), pair.bMultiplier, pair.bShift, once);
    if (operation == OPERATION_ADD) v = i32x4.add(x, y);
    else if (operation == OPERATION_MINIMUM) v = i32x4.min_s(x, y);
    else if (operation == OPERATION_MAXIMUM) v = i32x4.max_s(x, y);
    else v = i32x4.sub(x, y);
    if (operation == OPERATION_SQUARED_DIFFERENCE) v = i32x4.mul(v, v);
  }
  v = rescale4(v, pair.multiplier, pair.shift, once);
  if (operation == OPERATION_PRELU) {
    v = v128.bitselect(v, rescale4(p, pair.aMultiplier, pair.aShift, once), i32x4.shr_s(p, 31));
  }
  const shifted = i32x4.add(v, i32x4.splat(pair.zero));
  return i32x4.min_s(i32x4.max_s(shifted, i32x4.splat(pair.lo)), i32x4.splat(pair.hi));
}

/** y = a op b in float32 steps; `pair` points to a Pair. */
export function combine_codes_codes(a: usize, b: usize, y: usize, n: i32, pair: usize): void {
  const p = changetype<Pair>(pair);
  const operation = p.operation;
  let i: i32 = 0;
  if (p.aCodes != CODES_I16 && p.bCodes != CODES_I16 && isNear(operation, p)) {
    if (operation == OPERATION_ADD) i = combineBytes(OPERATION_ADD, a, b, y, n, p);
    else if (operation == OPERATION_MUL) i = combineBytes(OPERATION_MUL, a, b, y, n, p);
  }
  combineReal(a, b, y, i, n, p);
}

/** y = a op b in TensorFlow Lite's integers (equations 31 to 33); `pair` points to a Pair. */
export function combine_codes_codes_fixed(a: usize, b: usize, y: usize, n: i32, pair: usize): void {
  const p = changetype<Pair>(pair);
  const za = i32x4.splat(p.aZero);
  const zb = i32x4.splat(p.bZero);
  let i: i32 = 0;
  for (; i + 8 <= n; i += 8) {
    const v = loadCodes8(a, i, p.aCodes);
    const w = loadCodes8(b, i, p.bCodes);
    const v0 = i32x4.sub(i32x4.extend_low_i16x8_s(v), za);
    const w0 = i32x4.sub(i32x4.extend_low_i16x8_s(w), zb);
    const v1 = i32x4.sub(i32x4.extend_high_i16x8_s(v), za);
    const w1 = i32x4.sub(i32x4.extend_high_i16x8_s(w), zb);
    storeCodes8(y, i, p.codes, fixed4(v0, w0, p), fixed4(v1, w1, p));
  }
  for (; i < n; i++) {
    const v = i32x4.sub(i32x4.splat(loadCode(a, i, p.aCodes)), za);
    const w = i32x4.sub(i32x4.splat(loadCode(b, i, p.bCodes)), zb);
    storeCode(y, i, p.codes, fixed4(v, w, p));
  }
}

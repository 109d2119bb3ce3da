// Lane operations that the kernels share, and constants kept in memory: V8 >= 13.6 rebuilds a v128 constant at every use
// inside a loop, a value loaded from memory stays in its register.

const POOL = memory.data<u32>([0x4b400000, 0x7fffffff, 1, 0x7f800000, 0x7fc00000], 16);

/** The bits of a float32 without its sign. */
export const F32_ABS: u32 = 0x7fffffff;
/** The bits of the float32 +infinity; larger magnitudes are NaN. */
export const F32_INF: u32 = 0x7f800000;

/** 1.5 * 2^23: adding it to |v| <= 2^22 leaves round-half-even(v) in the low mantissa bits. */
// @ts-ignore: decorator
@inline
export function roundingMagic(): v128 {
  return v128.load32_splat(POOL);
}

/** F32_ABS in every lane. */
// @ts-ignore: decorator
@inline
export function magnitudeMask(): v128 {
  return v128.load32_splat(POOL, 4);
}

/** The integer 1 in every lane. */
// @ts-ignore: decorator
@inline
export function ones(): v128 {
  return v128.load32_splat(POOL, 8);
}

/** F32_INF in every lane. */
// @ts-ignore: decorator
@inline
export function infinityBits(): v128 {
  return v128.load32_splat(POOL, 12);
}

/** The one NaN that results hold, in every lane: other payloads and signs differ between hosts. */
// @ts-ignore: decorator
@inline
export function nanBits(): v128 {
  return v128.load32_splat(POOL, 16);
}

/** The bits of roundingMagic(). */
export const MAGIC_BITS: i32 = 0x4b400000;

/** Bits that are clear in every |v| <= 2^22 plus roundingMagic(), and set in every NaN. */
export const NAN_BITS: i32 = 0x34000000;

/**
 * Clamp to [lo, hi]; a NaN stays a NaN (pmin and pmax return their first operand when the comparison is false).
 *
 *     v   [ v0 | v1 | v2 | v3 ]  ->  [ min(max(v0, lo), hi) | ... ]
 */
// @ts-ignore: decorator
@inline
export function clamp4(v: v128, lo: v128, hi: v128): v128 {
  return f32x4.pmin(f32x4.pmax(v, lo), hi);
}

/**
 * Narrow four vectors of int32 to sixteen 8-bit codes, saturating.
 *
 *     a [a0 a1 a2 a3]  b [b0..b3]  c [c0..c3]  d [d0..d3]  ->  [a0 a1 a2 a3 b0 ... d3]
 */
// @ts-ignore: decorator
@inline
export function narrow16<T>(a: v128, b: v128, c: v128, d: v128): v128 {
  const low = i16x8.narrow_i32x4_s(a, b);
  const high = i16x8.narrow_i32x4_s(c, d);
  return isSigned<T>() ? i8x16.narrow_i16x8_s(low, high) : i8x16.narrow_i16x8_u(low, high);
}

/**
 * Store four int32 codes as four codes of type T, saturating to T.
 *
 *     [c0 | c1 | c2 | c3]  ->  memory: c0 c1 c2 c3, sizeof<T>() bytes each
 */
// @ts-ignore: decorator
@inline
export function storeCodes4<T>(to: usize, codes: v128): void {
  if (sizeof<T>() == 4) {
    v128.store(to, codes);
  } else if (sizeof<T>() == 2) {
    const pairs = isSigned<T>() ? i16x8.narrow_i32x4_s(codes, codes) : i16x8.narrow_i32x4_u(codes, codes);
    v128.store64_lane(to, pairs, 0);
  } else {
    v128.store32_lane(to, narrow16<T>(codes, codes, codes, codes), 0);
  }
}

/**
 * Load four codes of type T as int32.
 *
 *     memory: c0 c1 c2 c3, sizeof<T>() bytes each  ->  [c0 | c1 | c2 | c3]
 */
// @ts-ignore: decorator
@inline
export function loadCodes4<T>(from: usize): v128 {
  if (sizeof<T>() == 4) return v128.load(from);
  if (sizeof<T>() == 2) return isSigned<T>() ? v128.load16x4_s(from) : v128.load16x4_u(from);
  const bytes = v128.load32_zero(from);
  const pairs = isSigned<T>() ? i16x8.extend_low_i8x16_s(bytes) : i16x8.extend_low_i8x16_u(bytes);
  return isSigned<T>() ? i32x4.extend_low_i16x8_s(pairs) : i32x4.extend_low_i16x8_u(pairs);
}

/** The first `count` of four float32 or int32 (four if more), zeros behind them; nothing behind them is read. */
// @ts-ignore: decorator
@inline
export function load4(from: usize, count: i32): v128 {
  return count >= 4 ? v128.load(from) : loadFew(from, count);
}

function loadFew(from: usize, count: i32): v128 {
  let v = i32x4.splat(0);
  if (count > 0) v = v128.load32_lane(from, v, 0);
  if (count > 1) v = v128.load32_lane(from, v, 1, 4);
  if (count > 2) v = v128.load32_lane(from, v, 2, 8);
  return v;
}

/** Stores the first `count` of four float32 or int32 (four if more). */
// @ts-ignore: decorator
@inline
export function store4(to: usize, v: v128, count: i32): void {
  if (count >= 4) v128.store(to, v);
  else storeFew(to, v, count);
}

function storeFew(to: usize, v: v128, count: i32): void {
  if (count > 0) v128.store32_lane(to, v, 0);
  if (count > 1) v128.store32_lane(to, v, 1, 4);
  if (count > 2) v128.store32_lane(to, v, 2, 8);
}

/** The sum of four int32. */
export function total4(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

/** All bits of the first `count` lanes, none of the others. */
// @ts-ignore: decorator
@inline
export function firstLanes(count: i32): v128 {
  return i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3));
}

/**
 * The larger codes of two vectors of 8 or 16 bits.
 *
 *     a [a0 a1 ...]  b [b0 b1 ...]  ->  [max(a0, b0) max(a1, b1) ...]
 */
// @ts-ignore: decorator
@inline
export function maxCodes<T>(a: v128, b: v128): v128 {
  if (sizeof<T>() == 2) return isSigned<T>() ? i16x8.max_s(a, b) : i16x8.max_u(a, b);
  return isSigned<T>() ? i8x16.max_s(a, b) : i8x16.max_u(a, b);
}

/**
 * The smaller codes of two vectors of 8 or 16 bits.
 *
 *     a [a0 a1 ...]  b [b0 b1 ...]  ->  [min(a0, b0) min(a1, b1) ...]
 */
// @ts-ignore: decorator
@inline
export function minCodes<T>(a: v128, b: v128): v128 {
  if (sizeof<T>() == 2) return isSigned<T>() ? i16x8.min_s(a, b) : i16x8.min_u(a, b);
  return isSigned<T>() ? i8x16.min_s(a, b) : i8x16.min_u(a, b);
}

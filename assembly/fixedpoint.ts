// An int32 times multiplier * 2^(shift - 31), as TensorFlow Lite has it (docs/math.md, equations 11 and 20). Multipliers are
// not -2^31, shifts are -31..30; shifting left wraps.

const NUDGE = memory.data<u64>([1 << 30], 16);

/** a b / 2^31 to nearest, ties toward +infinity; not for a = b = -2^31. */
// @ts-ignore: decorator
@inline
export function multiplyHigh(a: i32, b: i32): i32 {
  return ((<i64>a * <i64>b + (1 << 30)) >> 31) as i32;
}

/** x / 2^exponent to nearest, ties away from zero; exponent 0..31. */
// @ts-ignore: decorator
@inline
export function divideByPowerOfTwo(x: i32, exponent: i32): i32 {
  if (exponent == 0) return x;
  return ((<i64>x + ((<i64>1) << (exponent - 1)) - i64(x < 0)) >> exponent) as i32;
}

/** Rounded twice: the product's upper half, then the shift. */
export function rescaleTwice(x: i32, multiplier: i32, shift: i32): i32 {
  return divideByPowerOfTwo(multiplyHigh(x << max(shift, 0), multiplier), max(-shift, 0));
}

/** Rounded once, ties toward +infinity. */
export function rescaleOnce(x: i32, multiplier: i32, shift: i32): i32 {
  return ((<i64>x * <i64>multiplier + ((<i64>1) << (30 - shift))) >> (31 - shift)) as i32;
}

/** rescaleOnce, or rescaleTwice. */
// @ts-ignore: decorator
@inline
export function rescale(x: i32, multiplier: i32, shift: i32, once: bool): i32 {
  return once ? rescaleOnce(x, multiplier, shift) : rescaleTwice(x, multiplier, shift);
}

/** A sum of 16-bit products, |x| < 2^47: the multiplier is first rounded to 16 bits. */
export function rescaleWide(x: i64, multiplier: i32, shift: i32): i32 {
  const reduced = multiplier < 0x7fff0000 ? (multiplier + 0x8000) >> 16 : 0x7fff;
  return ((x * <i64>reduced + ((<i64>1) << (14 - shift))) >> (15 - shift)) as i32;
}

/** The low words of two pairs of int64: [a0 | a1] [b0 | b1] -> [a0 | a1 | b0 | b1]. */
// @ts-ignore: decorator
@inline
function lowWords(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

/** What rescale4Twice multiplies by before it rounds: 2^max(shift, 0). */
// @ts-ignore: decorator
@inline
function leftFactor(shift: i32): i32 {
  return 1 << max(shift, 0);
}

/** What rescale4Twice shifts right with: -2^(31 - max(-shift, 0)), which always fits an int32. */
// @ts-ignore: decorator
@inline
function rightFactor(shift: i32): i32 {
  return -((<i64>1) << (31 - max(-shift, 0))) as i32;
}

/**
 * rescaleTwice in four lanes, each with its own factors. There is no shift by lane: x >> e is -(x * -2^(31 - e)) >> 31.
 * Shifts are logical, for only the low words are kept (V8 has no arithmetic one on 64 bits).
 */
// @ts-ignore: decorator
@inline
export function rescale4Twice(x: v128, multiplier: v128, left: v128, right: v128): v128 {
  const nudge = v128.load64_splat(NUDGE);
  const v = i32x4.mul(x, left);
  const low = i64x2.add(i64x2.extmul_low_i32x4_s(v, multiplier), nudge);
  const high = i64x2.add(i64x2.extmul_high_i32x4_s(v, multiplier), nudge);
  const t = lowWords(i64x2.shr_u(low, 31), i64x2.shr_u(high, 31));
  // a tie moves away from zero: one less than half below it
  const sign = i32x4.shr_s(t, 31);
  const first = i64x2.sub(i64x2.add(nudge, i64x2.extend_low_i32x4_s(sign)), i64x2.extmul_low_i32x4_s(t, right));
  const second = i64x2.sub(i64x2.add(nudge, i64x2.extend_high_i32x4_s(sign)), i64x2.extmul_high_i32x4_s(t, right));
  return lowWords(i64x2.shr_u(first, 31), i64x2.shr_u(second, 31));
}

/** One lane pair of rescale4Once: products shifted by 31 - shift, rounded. */
// @ts-ignore: decorator
@inline
function shiftedPair(product: v128, shifts: usize): v128 {
  const first = 31 - load<i32>(shifts);
  const second = 31 - load<i32>(shifts, 4);
  const half = i64x2((<i64>1) << (first - 1), (<i64>1) << (second - 1));
  const sum = i64x2.add(product, half);
  return v128.shuffle<i64>(i64x2.shr_s(sum, first), i64x2.shr_s(sum, second), 0, 3);
}

/** rescaleOnce in four lanes; `shifts` points to four int32. */
// @ts-ignore: decorator
@inline
export function rescale4Once(x: v128, multiplier: v128, shifts: usize): v128 {
  return lowWords(
    shiftedPair(i64x2.extmul_low_i32x4_s(x, multiplier), shifts),
    shiftedPair(i64x2.extmul_high_i32x4_s(x, multiplier), shifts + 8),
  );
}

/** rescale in four lanes with one multiplier and shift. */
export function rescale4(x: v128, multiplier: i32, shift: i32, once: bool): v128 {
  const m = i32x4.splat(multiplier);
  if (!once) return rescale4Twice(x, m, i32x4.splat(leftFactor(shift)), i32x4.splat(rightFactor(shift)));
  const half = i64x2.splat((<i64>1) << (30 - shift));
  const low = i64x2.add(i64x2.extmul_low_i32x4_s(x, m), half);
  const high = i64x2.add(i64x2.extmul_high_i32x4_s(x, m), half);
  return lowWords(i64x2.shr_s(low, 31 - shift), i64x2.shr_s(high, 31 - shift));
}

// From a range to a scale and a zero (docs/math.md, equation 9), and from a real multiplier to an integer and a
// shift (equation 11). Pure arithmetic in float32 steps, as ONNX's DynamicQuantizeLinear takes them.

const { fround } = Math;

/** The codes that a quantizer may use. */
export interface CodeRange {
  readonly lo: number;
  readonly hi: number;
}

/** What turns a real number into a code: x = scale (q - zero). */
export interface Parameters {
  readonly scale: number;
  readonly zero: number;
}

const SMALLEST = 2 ** -149;

/** v rounded to the nearest integer, ties to even. */
export function roundHalfEven(v: number): number {
  const magic = 2 ** 52 * 1.5;
  return Math.abs(v) < 2 ** 51 ? v + magic - magic : v; // float32 numbers of that size are integers
}

/** v rounded to the nearest integer, ties away from zero: TensorFlow Lite's round. */
export function roundHalfAway(v: number): number {
  return Math.sign(v) * Math.floor(Math.abs(v) + 0.5);
}

/** The codes of an integer of `bits` bits; narrow leaves out the lowest of a signed one. */
export function codeRange(bits: number, signed: boolean, narrow: boolean): CodeRange {
  const lo = signed ? -(2 ** (bits - 1)) : 0;
  const hi = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return { lo: narrow ? lo + 1 : lo, hi };
}

function quotient(numerator: number, denominator: number): number {
  // a difference of two float32 may be beyond float32; the quotient is not
  return Math.max(fround((Number.isFinite(fround(numerator)) ? fround(numerator) : numerator) / denominator), SMALLEST);
}

/** The smallest power of two that is not below a float32, 2^127 at most. */
function powerOfTwoAbove(scale: number): number {
  let power = scale < 2 ** -20 ? SMALLEST : 2 ** -20; // most scales are not far above
  while (power < scale && power < 2 ** 127) power *= 2;
  return power;
}

/** Parameters whose codes span [lo, hi] widened to hold 0; real 0 is exact. */
export function affineParameters(lo: number, hi: number, codes: CodeRange, powerOfTwo: boolean): Parameters {
  const low = Math.min(lo, 0);
  const high = Math.max(hi, 0);
  if (low === high) return { scale: 1, zero: Math.min(Math.max(0, codes.lo), codes.hi) };
  const exact = quotient(high - low, codes.hi - codes.lo);
  const scale = powerOfTwo ? powerOfTwoAbove(exact) : exact;
  const zero = roundHalfEven(fround(codes.lo - fround(low / scale)));
  return { scale, zero: Math.min(Math.max(zero, codes.lo), codes.hi) };
}

/** Parameters with zero 0 whose largest code stands for the largest magnitude; of `hi` alone where no code is negative. */
export function symmetricParameters(lo: number, hi: number, codes: CodeRange, powerOfTwo: boolean): Parameters {
  const largest = codes.lo < 0 ? Math.max(Math.abs(lo), Math.abs(hi)) : Math.max(hi, 0);
  if (largest === 0) return { scale: 1, zero: 0 };
  const exact = quotient(largest, codes.hi);
  return { scale: powerOfTwo ? powerOfTwoAbove(exact) : exact, zero: 0 };
}

/**
 * A real multiplier as multiplier * 2^(shift - 31), the multiplier's magnitude an int32 of 2^30..2^31 - 1; TensorFlow Lite's
 * QuantizeMultiplier. Below 2^-32 both are 0.
 */
export function integerMultiplier(real: number): { multiplier: number; shift: number } {
  if (real === 0) return { multiplier: 0, shift: 0 };
  if (real < 0) {
    const { multiplier, shift } = integerMultiplier(-real);
    return { multiplier: -multiplier, shift };
  }
  let shift = 0;
  let fraction = real;
  while (fraction >= 1) {
    fraction /= 2;
    shift++;
  }
  while (fraction < 0.5) {
    fraction *= 2;
    shift--;
  }
  let multiplier = Math.floor(fraction * 2 ** 31 + 0.5);
  if (multiplier === 2 ** 31) {
    multiplier /= 2;
    shift++;
  }
  return shift < -31 ? { multiplier: 0, shift: 0 } : { multiplier, shift };
}

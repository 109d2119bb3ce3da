// Scale and zero from a range, in float32 steps as ONNX's DynamicQuantizeLinear takes them.
// s = (hi - lo) / (qmax - qmin), z = clamp(round_half_even(qmin - lo / s)), the range widened to hold 0.
import { clamp, roundHalfEven } from "./affine.ts";
import { exponentOf, powerOfTwo } from "./bits.ts";

const SMALLEST = powerOfTwo(-149);

/** numerator / divisor in float32, never 0: the smallest subnormal where the quotient underflows. */
function positiveQuotient(numerator: number, divisor: number): number {
  return Math.max(Math.fround(numerator / divisor), SMALLEST);
}

/** The parameters of a format with codes qmin..qmax; scale 1 and zero 0, held to qmin..qmax, where the range is 0. */
export function affineParameters(lo: number, hi: number, qmin: number, qmax: number): { scale: number; zero: number } {
  const low = Math.min(lo, 0);
  const high = Math.max(hi, 0);
  if (low === high) return { scale: 1, zero: clamp(0, qmin, qmax) };
  const width = Math.fround(high - low);
  const scale = positiveQuotient(width === Number.POSITIVE_INFINITY ? high - low : width, Math.fround(qmax - qmin));
  const zero = roundHalfEven(Math.fround(qmin - Math.fround(low / scale)));
  return { scale, zero: clamp(zero, qmin, qmax) };
}

/** The parameters of a symmetric format whose largest code (or largest finite value) is qmax. */
export function symmetricParameters(lo: number, hi: number, qmax: number): { scale: number; zero: number } {
  const absmax = Math.max(-lo, hi, 0);
  return { scale: absmax === 0 ? 1 : positiveQuotient(absmax, qmax), zero: 0 };
}

/** The smallest power of two that is not below scale (a positive float32); at most 2^127. */
export function powerOfTwoScale(scale: number): number {
  const exponent = exponentOf(scale);
  return powerOfTwo(Math.min(powerOfTwo(exponent) === scale ? exponent : exponent + 1, 127));
}

// TensorFlow Lite's and gemmlowp's fixed-point arithmetic: a raw integer of `word` bits with m integer bits (the sign
// apart) stands for raw / 2^(word - 1 - m), written Qm. A product is round(a * b / 2^(word - 1)) of the raw integers;
// exp(-x) is a Taylor polynomial around -1/8 and a product of exp(-2^k); quotients are three Newton steps.
import { exponentOf, powerOfTwo } from "./bits.ts";

export type Word = 16 | 32;

function maxOf(word: Word): number {
  return powerOfTwo(word - 1) - 1;
}

/** v as a two's complement integer of `word` bits. */
function wrap(v: number | bigint, word: Word): number {
  return Number(BigInt.asIntN(word, BigInt(v)));
}

/** The product's upper half, doubled and rounded, ties toward +infinity; min * min saturates. */
export function roundingDoublingHighMultiply(a: number, b: number, word: Word = 32): number {
  if (a === b && a === -powerOfTwo(word - 1)) return maxOf(word);
  const product = BigInt(a) * BigInt(b);
  const half = 1n << BigInt(word - 2);
  const nudge = product >= 0n ? half : 1n - half;
  return Number((product + nudge) / (1n << BigInt(word - 1)));
}

/** x / 2^exponent rounded to the nearest integer, ties away from zero; exponent 0..31. */
export function roundingDivideByPowerOfTwo(x: number, exponent: number): number {
  const divisor = powerOfTwo(exponent);
  const below = Math.floor(x / divisor);
  const remainder = x - below * divisor;
  const threshold = Math.floor((divisor - 1) / 2) + (x < 0 ? 1 : 0);
  return below + (remainder > threshold ? 1 : 0);
}

/** x * 2^exponent held to `word` bits; exponent > 0. */
export function saturatingMultiplyByPowerOfTwo(x: number, exponent: number, word: Word = 32): number {
  const product = x * powerOfTwo(exponent);
  return Math.min(Math.max(product, -powerOfTwo(word - 1)), maxOf(word));
}

/** (a + b) / 2 rounded to the nearest integer, ties away from zero. */
export function roundingHalfSum(a: number, b: number): number {
  const sum = a + b;
  return Math.trunc((sum + (sum >= 0 ? 1 : -1)) / 2);
}

/** x * multiplier * 2^(shift - 31) rounded twice: gemmlowp's way and TFLite's default. */
export function multiplyByMultiplier(x: number, multiplier: number, shift: number): number {
  const shifted = wrap(x * powerOfTwo(Math.max(shift, 0)), 32);
  return roundingDivideByPowerOfTwo(roundingDoublingHighMultiply(shifted, multiplier), Math.max(-shift, 0));
}

/** x * multiplier * 2^(shift - 31) rounded once, ties toward +infinity. */
export function multiplyByMultiplierOnce(x: number, multiplier: number, shift: number): number {
  return roundedShift(BigInt(x) * BigInt(multiplier), 31 - shift);
}

/** The same for a 64-bit x, with the multiplier first reduced to 16 bits. */
export function multiplyByMultiplier64(x: number | bigint, multiplier: number, shift: number): number {
  const reduced = multiplier < 0x7fff0000 ? (multiplier + 0x8000) >> 16 : 0x7fff;
  return roundedShift(BigInt(x) * BigInt(reduced), 15 - shift);
}

function roundedShift(product: bigint, shift: number): number {
  const bits = BigInt(shift);
  return wrap((product + (1n << (bits - 1n))) >> bits, 32);
}

/** real = multiplier * 2^(shift - 31), multiplier in 2^30..2^31 - 1 rounded half up; (0, 0) below 2^-32 and for 0. */
export function quantizeMultiplier(real: number): { multiplier: number; shift: number } {
  if (real === 0) return { multiplier: 0, shift: 0 };
  let shift = exponentOf(real) + 1;
  let multiplier = Math.floor(real * powerOfTwo(31 - shift) + 0.5);
  if (multiplier === powerOfTwo(31)) {
    multiplier /= 2;
    shift++;
  }
  return shift < -31 ? { multiplier: 0, shift: 0 } : { multiplier, shift };
}

/** A constant given for 32 bits, for a word of 16 rounded. */
function constant(raw: number, word: Word): number {
  return roundingDivideByPowerOfTwo(raw, 32 - word);
}

/** 1 in Qm: for m = 0 the largest value below it. */
function one(integerBits: number, word: Word): number {
  return integerBits === 0 ? maxOf(word) : powerOfTwo(word - 1 - integerBits);
}

/** exp(a) in Q0 for a in Q0, -1/4 <= a < 0. */
export function expOnInterval(a: number, word: Word = 32): number {
  const multiply = (p: number, q: number): number => roundingDoublingHighMultiply(p, q, word);
  const center = constant(1895147668, word);
  const x = a + powerOfTwo(word - 4);
  const x2 = multiply(x, x);
  const x3 = multiply(x2, x);
  const quarterX4 = roundingDivideByPowerOfTwo(multiply(x2, x2), 2);
  const third = multiply(quarterX4 + x3, constant(715827883, word));
  const tail = roundingDivideByPowerOfTwo(third + x2, 1);
  return Math.min(center + multiply(center, x + tail), maxOf(word));
}

/** k and exp(-2^k) in Q0 of 32 bits. */
const EXP_OF_POWERS = [
  [-2, 1672461947],
  [-1, 1302514674],
  [0, 790015084],
  [1, 290630308],
  [2, 39332535],
  [3, 720401],
  [4, 242],
] as const;

/** exp(a) in Q0 for a <= 0 in Q`integerBits` (0..5). */
export function expOnNegative(a: number, integerBits: number, word: Word = 32): number {
  if (a === 0) return maxOf(word);
  const fractionalBits = word - 1 - integerBits;
  const quarter = powerOfTwo(fractionalBits - 2);
  const inQuarter = (a & (quarter - 1)) - quarter;
  const remainder = inQuarter - a;
  let result = expOnInterval(inQuarter * powerOfTwo(integerBits), word);
  for (const [k, factor] of EXP_OF_POWERS) {
    const isSet = Math.floor(remainder / powerOfTwo(fractionalBits + k)) % 2 === 1;
    if (k < integerBits && isSet) result = roundingDoublingHighMultiply(result, constant(factor, word), word);
  }
  return result;
}

/** 2 / (1 + a) in Q2 for a in Q0, 0 <= a <= 1, by Newton's iteration from 48/17 - 32/17 * (1 + a) / 2. */
function reciprocalOfHalfSum(a: number, word: Word): number {
  const multiply = (p: number, q: number): number => roundingDoublingHighMultiply(p, q, word);
  const halfDenominator = roundingHalfSum(a, one(0, word));
  let x = wrap(constant(1515870810, word) + multiply(halfDenominator, constant(-1010580540, word)), word);
  for (let step = 0; step < 3; step++) {
    const rest = wrap(one(2, word) - multiply(halfDenominator, x), word);
    x = wrap(x + saturatingMultiplyByPowerOfTwo(multiply(x, rest), 2, word), word);
  }
  return x;
}

/** 1 / (1 + a) in Q0 for a in Q0, 0 <= a <= 1. */
export function oneOverOnePlus(a: number, word: Word = 32): number {
  return saturatingMultiplyByPowerOfTwo(reciprocalOfHalfSum(a, word), 1, word);
}

/** (1 - a) / (1 + a) in Q0 for a in Q0, 0 <= a <= 1. */
export function oneMinusOverOnePlus(a: number, word: Word = 32): number {
  return saturatingMultiplyByPowerOfTwo(wrap(reciprocalOfHalfSum(a, word) - one(2, word), word), 2, word);
}

/** 1 / (1 + exp(-a)) in Q0 for a in Q`integerBits`. */
export function logistic(a: number, integerBits: number, word: Word = 32): number {
  if (a === 0) return powerOfTwo(word - 2);
  const positive = oneOverOnePlus(expOnNegative(-Math.abs(a), integerBits, word), word);
  return a > 0 ? positive : one(0, word) - positive;
}

/** tanh(a) in Q0 for a in Q`integerBits`: read with one integer bit more, the same raw value is 2a. */
export function tanh(a: number, integerBits: number, word: Word = 32): number {
  if (a === 0) return 0;
  const positive = oneMinusOverOnePlus(expOnNegative(-Math.abs(a), integerBits + 1, word), word);
  return a > 0 ? positive : -positive;
}

/**
 * Softmax's input scaling: beta * scale * 2^(31 - integerBits), at most 2^31 - 1, as a multiplier; and the largest
 * input difference it can take.
 */
export function softmaxScaling(
  beta: number,
  scale: number,
  integerBits: number,
): { multiplier: number; leftShift: number; inputRadius: number } {
  const real = Math.min(beta * scale * powerOfTwo(31 - integerBits), maxOf(32));
  const { multiplier, shift } = quantizeMultiplier(real);
  const largest = ((powerOfTwo(integerBits) - 1) * powerOfTwo(31 - integerBits)) / powerOfTwo(shift);
  return { multiplier, leftShift: shift, inputRadius: Math.floor(largest) };
}

/**
 * TFLite's scale and zero for a range that holds 0, in float64: the zero is taken from the end of the range where its
 * rounding error is smaller, and rounds half away from zero.
 */
export function chooseParameters(lo: number, hi: number, qmin: number, qmax: number): { scale: number; zero: number } {
  if (lo === hi) return { scale: 0, zero: 0 };
  const scale = (hi - lo) / (qmax - qmin);
  const fromLow = { zero: qmin - lo / scale, error: Math.abs(qmin) + Math.abs(lo / scale) };
  const fromHigh = { zero: qmax - hi / scale, error: Math.abs(qmax) + Math.abs(hi / scale) };
  const { zero } = fromLow.error < fromHigh.error ? fromLow : fromHigh;
  const rounded = zero < 0 ? Math.ceil(zero - 0.5) + 0 : Math.floor(zero + 0.5);
  return { scale, zero: Math.min(Math.max(rounded, qmin), qmax) };
}

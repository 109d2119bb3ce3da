// Softmax over the last axis of quantized values (docs/math.md, equations 47 and 48), row by row. Exponentials and
// logarithms are the host's: a result that another last bit of them could change is an error.
import { roundHalfEven } from "./affine.ts";
import { at } from "./at.ts";
import {
  expOnNegative,
  multiplyByMultiplier,
  oneOverOnePlus,
  quantizeMultiplier,
  roundingDivideByPowerOfTwo,
  roundingDoublingHighMultiply,
  softmaxScaling,
} from "./fixedpoint.ts";

const { fround } = Math;

/** round(v), which has to be the same for all values as near to v as a host's functions are exact. */
export function roundedSafely(v: number, round: (v: number) => number): number {
  const slack = Math.abs(v) * 2 ** -50;
  const result = round(v);
  if (round(v - slack) !== result || round(v + slack) !== result) throw new RangeError(`${v} is too near to a tie`);
  return result;
}

/** Equation 47's e(d). */
export function exponential(d: number, step: number): number {
  return roundedSafely(Math.exp(-d * step) * 2 ** 30, roundHalfEven);
}

function rowsOf<R>(codes: ArrayLike<number>, depth: number, work: (row: number[]) => R[]): R[] {
  const all = Array.from(codes);
  return Array.from({ length: depth === 0 ? 0 : all.length / depth }, (_, i) =>
    work(all.slice(i * depth, (i + 1) * depth)),
  ).flat();
}

/** Equation 47: the float32 probabilities. */
export function softmax(codes: ArrayLike<number>, depth: number, step: number): number[] {
  return rowsOf(codes, depth, (row) => {
    const largest = Math.max(...row);
    const e = row.map((code) => exponential(largest - code, step));
    const sum = fround(e.reduce((a, b) => a + b, 0));
    return e.map((each) => fround(fround(each) / sum));
  });
}

/** Equation 47: the float32 logarithms of the probabilities. */
export function logSoftmax(codes: ArrayLike<number>, depth: number, step: number): number[] {
  return rowsOf(codes, depth, (row) => {
    const largest = Math.max(...row);
    const sum = row.reduce((total, code) => total + exponential(largest - code, step), 0);
    const log = Math.log(sum / 2 ** 30);
    return row.map((code) => {
      const v = (code - largest) * step - log;
      return v === 0 ? v : roundedSafely(v, fround);
    });
  });
}

/** TensorFlow Lite's exponentials in Q0 of differences d of 8-bit codes. */
export function exponentialTflite(d: number, beta: number, scale: number): number {
  const { multiplier, leftShift, inputRadius } = softmaxScaling(beta, scale, 5);
  if (d > inputRadius) return 0;
  return expOnNegative(roundingDoublingHighMultiply(-d * 2 ** leftShift, multiplier), 5);
}

/** Codes of `bits` bits, 0 the least, of a row's exponentials in Q0. */
export function softmaxRowTflite(e: readonly number[], bits: number): number[] {
  const sum = e.reduce((total, each) => total + roundingDivideByPowerOfTwo(each, 12), 0);
  const headroom = Math.clz32(sum);
  const scale = oneOverOnePlus(sum * 2 ** headroom - 2 ** 31);
  const exponent = 12 - headroom + 31 - bits;
  return e.map((each) =>
    Math.min(roundingDivideByPowerOfTwo(roundingDoublingHighMultiply(scale, each), exponent), 2 ** bits - 1),
  );
}

/** TensorFlow Lite's softmax of 8-bit codes to codes of `bits` bits, 0 the least. */
export function softmaxTflite(codes: ArrayLike<number>, depth: number, beta: number, scale: number, bits: number) {
  return rowsOf(codes, depth, (row) => {
    const largest = Math.max(...row);
    return softmaxRowTflite(
      row.map((code) => exponentialTflite(largest - code, beta, scale)),
      bits,
    );
  });
}

function roundAway(v: number): number {
  const magnitude = Math.floor(Math.abs(v) + 0.5);
  return v < 0 ? -magnitude : magnitude;
}

/** TensorFlow Lite's table of a function on [from, till]: 513 int16 in Q15, in float32 steps. */
export function tableOf(value: (x: number) => number, from: number, till: number): number[] {
  const step = fround((till - from) / 512);
  const half = fround(step / 2);
  const sample = (x: number) => fround(value(x) * 32768);
  const place = (i: number) => fround(from + fround(i * step));
  const table = Array.from({ length: 512 }, (_, i) => {
    const first = roundAway(sample(place(i)));
    const middle = roundAway(sample(fround(place(i) + half)));
    const between = roundAway(fround(fround(sample(place(i + 1)) + first) / 2));
    const bias = roundAway((between - middle) / 2);
    return Math.min(Math.max(first - bias, -32768), 32767);
  });
  return [...table, Math.min(roundAway(sample(till)), 32767)];
}

export const expTable = tableOf((x) => (x === 0 ? 1 : roundedSafely(Math.exp(x), fround)), -10, 0);
export const inverseTable = tableOf((x) => fround(1 / fround(1 + x)), 0, 1);

/** A table's function at a code of its interval. */
export function interpolate(table: readonly number[], code: number): number {
  const index = 256 + Math.floor(code / 128);
  const base = at(table, index);
  return base + Math.floor(((at(table, index + 1) - base) * (code & 127) + 64) / 128);
}

/** TensorFlow Lite's exponentials in Q15 of differences d of 16-bit codes. */
export function exponentialTflite16(d: number, beta: number, scale: number): number {
  const { multiplier, shift } = quantizeMultiplier((scale * beta) / (10 / 65535));
  const code = multiplyByMultiplier(-d, multiplier, shift) + 32767;
  return interpolate(expTable, Math.min(Math.max(code, -32768), 32767));
}

/** Codes 0..32767 of a row's exponentials in Q15. */
export function softmaxRowTflite16(e: readonly number[]): number[] {
  const sum = e.reduce((a, b) => a + b, 0);
  const headroom = Math.clz32(sum);
  const shifted = Math.floor((sum * 2 ** (headroom - 1) + 2 ** 13) / 2 ** 14) - 3 * 2 ** 15;
  const scale = interpolate(inverseTable, Math.min(Math.max(shifted, -32768), 32767));
  const shift = 31 - headroom;
  return e.map((each) => Math.min(Math.floor((each * scale + 2 ** (shift - 1)) / 2 ** shift), 32767));
}

export function softmaxTflite16(codes: ArrayLike<number>, depth: number, beta: number, scale: number): number[] {
  return rowsOf(codes, depth, (row) => {
    const largest = Math.max(...row);
    return softmaxRowTflite16(row.map((code) => exponentialTflite16(largest - code, beta, scale)));
  });
}

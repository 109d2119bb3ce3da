// What the tests of the operators that accumulate share: sizes, seeded operands, a run in every tier, results against the
// oracle's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { useTier } from "../../src/index.ts";
import { multiply } from "../conformance/integer.product.ts";
import { assertBits, randomWords, tiers } from "../kernels/harness.ts";
import { type Accumulation, accumulated, type Multiplication, multiplied, type Operand } from "../reference/integer.ts";

/** Sizes of m, n and k: nothing, one, the tails of four, eight and sixteen, several steps and a tail. */
export const SIZES = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 257];

export const RANGES: Record<string, readonly [lo: number, hi: number]> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  int4: [-8, 7],
  uint4: [0, 15],
};

/** Operand formats of x and w that meet: 8-bit ones of either sign, and the others. */
export const PAIRS = [
  ["uint8", "int8"],
  ["int8", "int8"],
  ["uint8", "uint8"],
  ["int8", "uint8"],
  ["int16", "int8"],
  ["int16", "uint8"],
  ["uint8", "int4"],
  ["int8", "uint4"],
] as const;

export const ARITHMETICS = ["onnx", "tflite", "tflite-single"] as const;

/** Codes of a format's whole range, one in four at an end of it. */
export function randomCodes(format: string, count: number, next: () => number): number[] {
  const [lo, hi] = RANGES[format] as readonly [number, number];
  return Array.from({ length: count }, () => {
    const word = next();
    if (word % 4 === 0) return word & 4 ? lo : hi;
    return lo + ((word >>> 3) % (hi - lo + 1));
  });
}

/** An operand with seeded codes; `zero` are codes, or which ends of the format the zeros are at. */
export function operandOf(
  format: string,
  shape: readonly number[],
  seed: number,
  { zero = [0], scale = [0.05] }: { zero?: readonly (number | "lo" | "hi")[]; scale?: readonly number[] } = {},
): Operand {
  const [lo, hi] = RANGES[format] as readonly [number, number];
  const count = shape.reduce((a, b) => a * b, 1);
  const codes = randomCodes(format, count, randomWords(seed));
  const zeros = zero.map((each) => (each === "lo" ? lo : each === "hi" ? hi : each));
  return { format, shape, codes, scale: Float32Array.from(scale), zero: zeros };
}

/** `n` seeded scales of 0.01 to 0.11. */
export function randomScales(n: number, seed: number): number[] {
  const next = randomWords(seed);
  return Array.from({ length: n }, () => 0.01 + (next() % 1000) / 10000);
}

/** Registers a test that runs in every tier of this host. */
export function testTiers(name: string, run: () => void): void {
  for (const tier of tiers()) {
    test(`${name} (${tier})`, () => {
      useTier(tier);
      run();
    });
  }
}

/** What the oracle gave for operations, by the seed or name that stands for them: once for all tiers. */
const known = new Map<string, { shape: readonly number[]; codes: number[] }>();

/** Fails unless the product's result is the oracle's. */
export function assertResult(each: Multiplication, what: string, run = multiply): void {
  let wanted = known.get(what);
  if (!wanted) {
    const sums = accumulated(each);
    wanted = { shape: sums.shape, codes: multiplied(each, sums) };
    known.set(what, wanted);
  }
  const { shape, data, format, scale, zero } = run(each);
  const given = { format: each.y.format, scale: Math.fround(each.y.scale), zero: each.y.zero };
  assert.deepEqual({ format, scale: scale[0], zero: zero[0] }, given, what);
  assert.deepEqual(shape, wanted.shape, what);
  assertBits(data as Int8Array, wanted.codes, what);
}

/** An operation with a result scale at which some codes saturate and most do not, for sums of `length` terms. */
export function withResult(
  operation: Accumulation,
  length: number,
  { y = { format: "int8", scale: 1, zero: 0 }, ...given }: Partial<Multiplication> = {},
): Multiplication {
  const { x, w } = operation;
  const width = (format: string) => {
    const [lo, hi] = RANGES[format] as readonly [number, number];
    return hi - lo;
  };
  const spread = (Math.sqrt(length + 1) * width(x.format) * width(w.format)) / 6 / width(y.format);
  const scale = Math.fround(spread * (x.scale[0] as number) * (w.scale[0] as number) * y.scale);
  return { ...operation, bias: undefined, activation: undefined, arithmetic: "onnx", ...given, y: { ...y, scale } };
}

/** Slopes of either sign, and 0. */
const SLOPES = [0.1, -0.3, 0, 2.5, 1e-12];

/** The parts of a result that tests vary, by number: format, zero, bias, clamp or slopes, arithmetic. */
export function variedResult(columns: number, i: number): Partial<Multiplication> {
  const format = (["int8", "uint8", "int16"] as const)[Math.floor(i / 3) % 3] as string;
  const [lo, hi] = RANGES[format] as readonly [number, number];
  const next = randomWords(i);
  return {
    y: { format, scale: 1, zero: [0, lo, hi, 3][Math.floor(i / 5) % 4] as number },
    bias: i % 4 === 0 ? undefined : Int32Array.from({ length: columns }, () => (next() % 20001) - 10000),
    activation: i % 7 === 0 ? [-0.4, 6] : undefined,
    arithmetic: ARITHMETICS[i % 3] as Multiplication["arithmetic"],
    ...(i % 7 === 3 && { alpha: [SLOPES[i % 5] as number] }),
    ...(i % 7 === 5 && columns > 1 && { alpha: Array.from({ length: columns }, (_, c) => SLOPES[c % 5] as number) }),
  };
}

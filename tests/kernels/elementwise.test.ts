// elementwise.ts against tests/reference/elementwise.ts: every operation, mix of code types, size and arithmetic.
import { combine, combineFixed, type Operation, type Scaled, type Target } from "../reference/elementwise.ts";
import { quantizeMultiplier } from "../reference/fixedpoint.ts";
import { assertBits, type Bench, randomWords, SIZES, testKernel } from "./harness.ts";

const OPERATIONS = ["add", "sub", "mul", "squaredDifference", "minimum", "maximum", "prelu"] as const;
const KINDS = [
  { array: Int8Array, bits: 8, lo: -128, hi: 127 },
  { array: Uint8Array, bits: 8, lo: 0, hi: 255 },
  { array: Int16Array, bits: 16, lo: -32768, hi: 32767 },
] as const;

type Kind = (typeof KINDS)[number];

function codesOf({ array, lo, hi }: Kind, n: number, seed: number) {
  const next = randomWords(seed);
  const codes = new array(n);
  for (let i = 0; i < n; i++) {
    const word = next();
    codes[i] = word % 4 === 0 ? (word & 4 ? lo : hi) : lo + (next() % (hi - lo + 1));
  }
  return codes;
}

interface Sides {
  readonly a: Scaled;
  readonly b: Scaled;
  readonly result: Target;
}

function words({ a, b, result }: Sides, kinds: readonly [number, number, number], operation: number): Uint32Array {
  const buffer = new ArrayBuffer(80);
  new Float32Array(buffer).set([a.scale, b.scale, result.scale]);
  new Int32Array(buffer).set([a.zero, b.zero, result.zero, result.lo, result.hi, ...kinds, operation], 3);
  return new Uint32Array(buffer);
}

/** The words of integer arithmetic behind the others. */
function setFixed(pair: Uint32Array, { a, b, result }: Sides, operation: Operation, once: boolean): void {
  const twice = 2 * Math.max(a.scale, b.scale);
  const isSquared = operation === "squaredDifference";
  const left = isSquared ? (a.bits === 8 ? 7 : 0) : a.bits === 8 ? 20 : 15;
  const product = (a.scale * b.scale) / result.scale;
  const reals = {
    mul: [1, 1, product],
    prelu: [a.scale / result.scale, 1, product],
    squaredDifference: [a.scale / twice, b.scale / twice, (twice * twice) / (2 ** (2 * left) * result.scale)],
  }[operation as "mul"] ?? [a.scale / twice, b.scale / twice, twice / (2 ** left * result.scale)];
  const multipliers = reals.map(quantizeMultiplier).flatMap(({ multiplier, shift }) => [multiplier, shift]);
  new Int32Array(pair.buffer).set([left, ...multipliers, +once], 12);
}

const SCALES = [
  [0.1, 0.05, 0.1],
  [0.5, 0.25, 1],
  [1 / 3, 0.007, 0.02],
  [0.02, 3, 0.5],
] as const;

/** Zeros at both ends and between. */
function zeroOf({ lo, hi }: Kind, i: number): number {
  return [lo, hi, 0, Math.floor(lo / 3) + 5][i % 4] as number;
}

function scaled(kind: Kind, scale: number, zero: number): Target {
  return { scale: Math.fround(scale), zero, bits: kind.bits, lo: kind.lo, hi: kind.hi };
}

function check(
  bench: () => Bench,
  fixed: boolean,
  n: number,
  ks: readonly [number, number, number],
  turn: number,
): void {
  const [ka, kb, ky] = ks.map((k) => KINDS[k]) as [Kind, Kind, Kind];
  const p = codesOf(ka, n, n + turn);
  const q = codesOf(kb, n, n + turn + 77);
  const [sa, sb, sy] = SCALES[turn % SCALES.length] as (typeof SCALES)[number];
  // TensorFlow Lite's 16-bit codes have zero 0, and its arithmetic counts on it
  const zero = (kind: Kind, i: number) => (fixed && kind.bits === 16 ? 0 : zeroOf(kind, turn + i));
  const a = scaled(ka, sa, zero(ka, 0));
  const b = scaled(kb, sb, zero(kb, 1));
  const narrowed = turn % 3 === 1 ? { lo: ky.lo + 40, hi: ky.hi - 30 } : {};
  const result = { ...scaled(ky, sy, zero(ky, 2)), ...narrowed };
  for (const [index, operation] of OPERATIONS.entries()) {
    const once = turn % 2 === 1;
    const pair = words({ a, b, result }, ks, index);
    if (fixed) setFixed(pair, { a, b, result }, operation, once);
    const bn = bench();
    const y = bn.reserve(n * ky.array.BYTES_PER_ELEMENT);
    const run = fixed ? bn.k.combine_codes_codes_fixed : bn.k.combine_codes_codes;
    run(bn.put(p), bn.put(q), y, n, bn.put(pair));
    const expected = Array.from(p, (code, i) =>
      fixed
        ? combineFixed(operation, code, a, q[i] as number, b, result, once)
        : combine(operation, code, a, q[i] as number, b, result),
    );
    assertBits(bn.get(y, new ky.array(n)), expected, `${operation} n ${n} kinds ${ks} turn ${turn}`);
  }
}

testKernel("combine_codes_codes", (bench) => {
  let turn = 0;
  for (const n of SIZES) check(bench, false, n, [n % 3, (n >> 1) % 3, (n >> 2) % 3], turn++);
  for (const ka of [0, 1, 2]) {
    for (const kb of [0, 1, 2]) {
      for (const ky of [0, 1, 2]) check(bench, false, 257, [ka, kb, ky], turn++);
    }
  }
});

/** Results so far out that they cannot be rounded before they are clamped, and NaN. */
testKernel("combine_codes_codes beyond 2^21 steps", (bench) => {
  for (const [sa, sb, sy] of [
    [3e38, 3e38, 3e38],
    [3e38, 1, 1],
    [1, 1, 1e-6],
    [1, 0.9, 2.4e-4],
    [0.01, 0.1, 1e-30],
  ] as const) {
    const [kind] = KINDS;
    const a = scaled(kind, sa, 0);
    const b = scaled(kind, sb, -3);
    const result = scaled(kind, sy, 5);
    const p = codesOf(kind, 41, 1);
    const q = codesOf(kind, 41, 2).map((code, i) => (i % 3 === 0 ? (p[i] as number) : code));
    for (const [index, operation] of OPERATIONS.entries()) {
      const bn = bench();
      const y = bn.reserve(p.length);
      const pair = words({ a, b, result }, [0, 0, 0], index);
      bn.k.combine_codes_codes(bn.put(p), bn.put(q), y, p.length, bn.put(pair));
      const expected = Array.from(p, (code, i) => combine(operation, code, a, q[i] as number, b, result));
      assertBits(bn.get(y, new Int8Array(p.length)), expected, `${operation}, scales ${sa}, ${sb}, ${sy}`);
    }
  }
});

testKernel("combine_codes_codes_fixed", (bench) => {
  let turn = 0;
  for (const n of SIZES) {
    for (const kind of [0, 1, 2]) check(bench, true, n, [kind, kind, kind], turn++);
    check(bench, true, n, [2, 0, 2], turn++); // prelu's slope may be narrower
  }
});

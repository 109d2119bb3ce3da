// activation.ts, rescale.ts and table.ts against tests/reference/activation.ts.
import { ACTIVATIONS, activateFixed } from "../reference/activation.ts";
import type { Scaled, Target } from "../reference/elementwise.ts";
import { quantizeMultiplier } from "../reference/fixedpoint.ts";
import { assertBits, type Bench, randomWords, SIZES, testKernel } from "./harness.ts";

const NAMES = Object.keys(ACTIVATIONS);

/** Values of every size up to 8, zeros of both signs, and far ones. */
function inputs(n: number): Float32Array {
  const next = randomWords(n);
  const edges = [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.34,
    0.35,
    3,
    -3,
    6,
    1e-30,
    -1e-30,
    1e-45,
    -1e-45,
    2 ** -24,
    20,
    -20,
    88.7,
    -87,
    -103.9,
  ];
  return Float32Array.from({ length: n }, (_, i) =>
    i < edges.length ? (edges[i] as number) : (next() / 2 ** 31 - 1) * 2 ** ((next() % 12) - 8),
  );
}

for (const [index, name] of NAMES.entries()) {
  testKernel(`activate_f32_f32 ${name}`, (bench) => {
    for (const n of [...SIZES, 2048]) {
      const b = bench();
      const x = inputs(n);
      const y = b.reserve(n * 4);
      b.k.activate_f32_f32(b.put(x), y, n, index, Math.fround(0.3), 0.5);
      const real = ACTIVATIONS[name] as (x: number, alpha: number, beta: number) => number;
      // zeros of both signs are one code
      const expected = Array.from(x, (v) => real(v, Math.fround(0.3), 0.5) + 0);
      assertBits(
        Array.from(b.get(y, new Float32Array(n)), (v) => v + 0),
        expected,
        `${name}, ${n} values`,
      );
    }
  });
}

const TABLES = {
  look_up_u8_u8: [Uint8Array, Uint8Array],
  look_up_u8_u16: [Uint8Array, Uint16Array],
  look_up_u16_u8: [Uint16Array, Uint8Array],
  look_up_u16_u16: [Uint16Array, Uint16Array],
} as const;

for (const [name, [From, To]] of Object.entries(TABLES)) {
  testKernel(name, (bench) => {
    const next = randomWords(5);
    const table = new To(2 ** (8 * From.BYTES_PER_ELEMENT)).map(() => next());
    for (const n of SIZES) {
      const b = bench();
      const x = new From(n).map((_, i) => (i % 5 === 0 ? -1 : next()));
      const y = b.reserve(n * To.BYTES_PER_ELEMENT, 2);
      b.k[name as keyof typeof TABLES](b.put(x, 2), b.put(table, 2), y, n);
      assertBits(
        b.get(y, new To(n)),
        Array.from(x, (code) => table[code] as number),
        `${n} codes`,
      );
    }
  });
}

testKernel("pair_u8_u16", (bench) => {
  const b = bench();
  const table = new Uint8Array(256).map((_, i) => i * 7 + 3);
  const pairs = b.reserve(131072);
  b.k.pair_u8_u16(b.put(table), pairs);
  const expected = Array.from(
    { length: 65536 },
    (_, i) => (table[i & 255] as number) | ((table[i >> 8] as number) << 8),
  );
  assertBits(b.get(pairs, new Uint16Array(65536)), expected, "pairs");
});

const SIGNED = { 8: { lo: -128, hi: 127 }, 16: { lo: -32768, hi: 32767 }, 32: { lo: -(2 ** 31), hi: 2 ** 31 - 1 } };

function target(bits: 8 | 16 | 32, scale: number, zero: number): Target {
  return { scale: Math.fround(scale), zero, bits, ...SIGNED[bits] };
}

/** A function of codes, and the words of its kernel. */
interface FixedCase {
  readonly name: string;
  readonly step: number;
  readonly x: Scaled;
  readonly result: Target;
  readonly alpha?: number;
  readonly words: (once: boolean) => number[];
}

const { fround } = Math;

function scaleWords(real: number): number[] {
  const { multiplier, shift } = quantizeMultiplier(Math.abs(real));
  return [real < 0 ? -multiplier : multiplier, shift];
}

function rescaleCase(x: Scaled, result: Target): FixedCase {
  const words = scaleWords(x.scale / result.scale);
  return { name: "rescale", step: 0, x, result, words: () => [...words, ...words, 0] };
}

function leakyCase(x: Scaled, result: Target, alpha: number): FixedCase {
  const above = scaleWords(fround(x.scale / result.scale));
  const below = scaleWords(fround(fround(x.scale * fround(alpha)) / result.scale));
  return { name: "leaky_relu", step: 0, x, result, alpha, words: () => [...above, ...below, 0] };
}

function curve8Case(name: "sigmoid" | "tanh", scale: number, zero: number): FixedCase {
  const x = target(8, scale, zero);
  const above = scaleWords(x.scale * 2 ** 27);
  const radius = Math.floor((15 * 2 ** 27) / 2 ** (above[1] as number));
  const isSigmoid = name === "sigmoid";
  const result = target(8, isSigmoid ? 1 / 256 : 1 / 128, isSigmoid ? -128 : 0);
  return { name, step: isSigmoid ? 1 : 2, x, result, words: () => [...above, 0, 0, radius] };
}

function curve16Case(name: "sigmoid" | "tanh", scale: number, above: [number, number]): FixedCase {
  return {
    name,
    step: name === "sigmoid" ? 3 : 4,
    x: target(16, scale, 0),
    result: target(16, 1 / 32768, 0),
    words: () => [...above, 0, 0, 0],
  };
}

function half(real: number): number[] {
  const { multiplier, shift } = quantizeMultiplier(real);
  return [multiplier >= 2 ** 31 - 1 - 2 ** 15 ? 32767 : (multiplier + 2 ** 15) >> 16, shift];
}

function hardSwishCase(scale: number, zero: number, resultScale: number): FixedCase {
  const x = target(8, scale, zero);
  const result = target(8, resultScale, -100);
  const fine = fround(x.scale / 128);
  const words = [...half(fround(fine / result.scale)), ...half(fround(fine / fround(3 / 32768))), 0];
  return { name: "hard_swish", step: 5, x, result, words: () => words };
}

const FIXED: FixedCase[] = [
  rescaleCase(target(8, 0.5, -128), target(8, 0.3, 127)),
  rescaleCase(target(8, 0.1, 127), target(16, 0.0007, 5)),
  rescaleCase(target(16, 0.01, -7), target(8, 0.9, 3)),
  rescaleCase(target(8, 3, 0), target(32, 1e-5, -1000)),
  rescaleCase(target(8, 1e-12, 0), target(8, 1, 9)),
  leakyCase(target(8, 0.1, 3), target(8, 0.11, -4), 0.3),
  leakyCase(target(16, 0.1, 0), target(16, 0.07, 0), -1.7),
  curve8Case("sigmoid", 0.05, -3),
  curve8Case("sigmoid", 1, 127),
  curve8Case("sigmoid", 9, 0),
  curve8Case("tanh", 0.03, -128),
  curve8Case("tanh", 0.5, 0),
  curve16Case("sigmoid", 2 ** -12, [3, 0]),
  curve16Case("sigmoid", 2 ** -11, [24576, 12]),
  curve16Case("tanh", 2 ** -11, [6, 0]),
  curve16Case("tanh", 2 ** -12, [3, 0]),
  curve16Case("tanh", 1, [12288 * 2, 1]),
  hardSwishCase(0.0054, -58, 0.0054),
  hardSwishCase(0.06, -43, 0.04),
  hardSwishCase(1, 127, 0.9),
  hardSwishCase(0.00001, 0, 0.001),
];

function checkFixed(
  b: Bench,
  { name, step, x, result, alpha, words }: FixedCase,
  codes: Int32Array,
  once: boolean,
): void {
  const pointer = b.put(Int32Array.of(step, x.zero, result.zero, result.lo, result.hi, +once, ...words(once)));
  const y = b.reserve(codes.byteLength);
  b.k.rescale_i32_i32(b.put(codes), y, codes.length, pointer);
  const expected = Array.from(codes, (code) => activateFixed(code, name, x, result, once, alpha));
  assertBits(b.get(y, new Int32Array(codes.length)), expected, `${name} of scale ${x.scale}, once ${once}`);
}

testKernel("rescale_i32_i32", (bench) => {
  for (const each of FIXED) {
    const { lo, hi } = SIGNED[each.x.bits as 8];
    const step = each.x.bits === 16 ? 37 : 1;
    const codes = Int32Array.from({ length: Math.floor((hi - lo) / step) + 1 }, (_, i) => lo + i * step);
    for (const once of [false, true]) checkFixed(bench(), each, codes, once);
  }
  for (const n of SIZES)
    checkFixed(
      bench(),
      FIXED[0] as FixedCase,
      new Int32Array(n).map((_, i) => i - 5),
      false,
    );
});

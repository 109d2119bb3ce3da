// What the kernel tests share: sizes and values chosen on purpose, a memory with guard bytes, a run in every tier.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Engine, engine, type Tier, useTier } from "../../src/wasm/kernels.ts";

/** 0, 1, every tail of a 16-wide loop, two and more vector steps. */
export const SIZES = [...Array.from({ length: 36 }, (_, i) => i), 48, 63, 64, 65, 100, 257];

/** Float32 values at which kernels go wrong: ties, limits, infinities, zeros of both signs, subnormals. */
export const EXTREMES = [
  0,
  -0,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  126.5,
  127,
  127.5,
  -127.5,
  -128,
  -128.5,
  -129,
  255,
  255.5,
  256,
  448,
  464,
  465,
  -480,
  32767.5,
  -32768.5,
  65504,
  65519,
  65520,
  65535.5,
  2 ** 22,
  -(2 ** 23),
  2 ** 31,
  -(2 ** 31) - 512,
  3e38,
  -3e38,
  1e-45,
  -1e-45,
  1.1754942e-38,
  2 ** -126,
  2 ** -127,
  5.9e-8,
  2.98e-8,
  1e-10,
  0.1,
  1 / 3,
  Infinity,
  -Infinity,
];

/** A generator of 32-bit integers that depends on its seed only. */
export function randomWords(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** The codes that integer operators take, by the types in the names of kernels. */
export const TYPES = {
  i8: { array: Int8Array, lo: -128, hi: 127 },
  u8: { array: Uint8Array, lo: 0, hi: 255 },
  i16: { array: Int16Array, lo: -32768, hi: 32767 },
} as const;
export type Type = keyof typeof TYPES;
export const TYPE_NAMES = Object.keys(TYPES) as Type[];

/** n codes of a type's whole range, one in four at an end of it. */
export function codesOf(type: Type, n: number, seed: number) {
  const { array, lo, hi } = TYPES[type];
  const next = randomWords(seed);
  return new array(n).map(() => {
    const word = next();
    if (word % 4 === 0) return word & 4 ? lo : hi;
    return lo + ((word >>> 3) % (hi - lo + 1));
  });
}

/** n finite float32 values: extremes, then random ones of all sizes between. */
export function valuesOf(n: number, seed: number, finite = false): Float32Array {
  const next = randomWords(seed);
  const extremes = finite ? EXTREMES.filter(Number.isFinite) : EXTREMES;
  return Float32Array.from({ length: n }, () => {
    const word = next();
    if (word % 3 === 0) return extremes[next() % extremes.length] as number;
    const magnitude = 2 ** ((next() % 40) - 20);
    return ((word / 2 ** 32) * 2 - 1) * (word % 3 === 1 ? 200 : magnitude);
  });
}

type Typed = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

const GUARD = 32;
const GUARD_BYTE = 0xa5;

/** Memory of one kernel call: arrays between guard bytes, at offsets that are no multiple of 16 but of `alignment`. */
export class Bench {
  readonly k: Engine["kernels"];
  private readonly arena: Engine["arena"];
  private readonly guards: { at: number; end: number }[] = [];

  constructor({ kernels, arena }: Engine) {
    this.k = kernels;
    this.arena = arena;
  }

  /** Reserves bytes, `shift` beyond a multiple of 16. */
  reserve(bytes: number, shift = 4): number {
    const from = this.arena.reserve(bytes + 2 * GUARD + shift);
    this.arena.view(Uint8Array, from, bytes + 2 * GUARD + shift).fill(GUARD_BYTE);
    const at = from + GUARD + shift;
    this.guards.push({ at: from, end: at }, { at: at + bytes, end: at + bytes + GUARD });
    return at;
  }

  put(array: Typed, shift = 4): number {
    const at = this.reserve(array.byteLength, shift);
    this.arena.write(at, array);
    return at;
  }

  get<T extends Typed>(at: number, array: T): T {
    this.arena.read(at, array);
    return array;
  }

  /** A Place of assembly/walk.ts: `start` values into a grouping, with pointers to its scales and zeros. */
  place(start: number, g: Grouping, scales: number, zeros: number): number {
    const inGroup = (start % g.length) % g.block;
    const first = scaleIndex(start, g) - (inGroup % g.lanes);
    return this.put(Uint32Array.of(start % g.length, g.length, g.block, g.lanes, first, g.total, scales, zeros));
  }

  /** The place of n values with one scale and zero. */
  onePlace(n: number, scale: number, zero = 0): number {
    const grouping = { length: Math.max(n, 1), block: Math.max(n, 1), lanes: 1, total: 1 };
    return this.place(0, grouping, this.put(Float32Array.of(scale)), this.put(Int32Array.of(zero)));
  }

  /** Fails if a kernel wrote outside what it was given. */
  checkGuards(): void {
    for (const { at, end } of this.guards) {
      const bytes = this.arena.view(Uint8Array, at, end - at);
      assert.ok(
        bytes.every((byte) => byte === GUARD_BYTE),
        "a kernel wrote outside its arrays",
      );
    }
  }
}

/** The tiers that this host has. */
export function tiers(): Tier[] {
  try {
    useTier("relaxed");
    return ["simd", "relaxed"];
  } catch {
    return ["simd"];
  }
}

/** Registers a test of a kernel in every tier that this host has. */
export function testKernel(name: string, run: (bench: () => Bench, tier: Tier) => void): void {
  for (const tier of tiers()) {
    test(`${name} (${tier})`, () => {
      useTier(tier);
      engine().arena.scope(() => {
        const benches: Bench[] = [];
        run(() => {
          const bench = new Bench(engine());
          benches.push(bench);
          return bench;
        }, tier);
        for (const bench of benches) bench.checkGuards();
      });
    });
  }
}

/** Fails unless both hold the same bits; any NaN equals any NaN. */
export function assertBits(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  for (let i = 0; i < actual.length; i++) {
    if (!Object.is(actual[i], expected[i]))
      assert.fail(`${what}: index ${i}: expected ${expected[i]}, got ${actual[i]}`);
  }
}

/** Scales, zeros and how values meet them; the parameters of assembly/walk.ts. */
export interface Grouping {
  readonly length: number;
  readonly block: number;
  readonly lanes: number;
  readonly total: number;
}

/** Groupings of n values: one scale, rows of 7 in blocks of 3, three channels last, rows of 24 in blocks of 4 x 2 lanes. */
export function groupings(n: number): Grouping[] {
  return [
    { length: Math.max(n, 1), block: Math.max(n, 1), lanes: 1, total: 1 },
    { length: 7, block: 3, lanes: 1, total: 3 * Math.ceil((n + 7) / 7) },
    { length: 20, block: 20, lanes: 1, total: 2 },
    { length: 3, block: 3, lanes: 3, total: 3 },
    { length: 11, block: 11, lanes: 11, total: 11 },
    { length: 24, block: 8, lanes: 2, total: 6 * Math.ceil((n + 24) / 24) },
  ];
}

/** The scale that value `position` of a tensor meets. */
export function scaleIndex(position: number, { length, block, lanes, total }: Grouping): number {
  const row = Math.floor(position / length);
  const inRow = position % length;
  const group = row * Math.ceil(length / block) + Math.floor(inRow / block);
  return ((group * lanes) % total) + ((inRow % block) % lanes);
}

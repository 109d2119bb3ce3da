// minifloat.ts and random.ts against tests/reference/minifloat.ts: every format, rounding and special value, bit for bit.
import { type FloatFormat, floatCodes, floatStep, FORMATS as ROWS } from "../../src/formats.ts";
import { splitmix64, uniform24 } from "../reference/affine.ts";
import { float32FromBits } from "../reference/bits.ts";
import {
  decodeValue,
  encodeBits,
  encodeValue,
  FORMATS,
  type MiniFloat,
  maxCode,
  type Rounding,
  stochasticEncode,
} from "../reference/minifloat.ts";
import { assertBits, type Bench, randomWords, SIZES, testKernel, valuesOf } from "./harness.ts";

const ROUNDINGS = {
  even: "ROUND_EVEN",
  away: "ROUND_AWAY",
  zero: "ROUND_ZERO",
  up: "ROUND_UP",
  down: "ROUND_DOWN",
} as const;
const ARRAYS = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array };

function widthOf(bits: number): keyof typeof ARRAYS {
  return bits <= 8 ? "u8" : bits <= 16 ? "u16" : "u32";
}

const NAMES = Object.keys(FORMATS).filter((name) => name !== "float8_e8m0fnu") as (keyof typeof FORMATS)[];

/** Formats of the table, and small ones that no table has. */
const CASES: { name: string; row: FloatFormat; oracle: MiniFloat }[] = [
  ...NAMES.map((name) => ({ name, row: ROWS.get(name) as FloatFormat, oracle: FORMATS[name] })),
  ...(
    [
      [1, 1, 1, "finite"],
      [1, 3, 1, "ieee"],
      [1, 6, 1, "finite"],
      [2, 5, 1, "finite"],
      [5, 0, 15, "finite"],
      [3, 3, 3, "fn"],
      [4, 4, 8, "fnuz"],
      [8, 5, 127, "ieee"],
      [5, 2, 40, "ieee"],
      [6, 9, 31, "ieee"],
    ] as const
  ).map(([exponent, mantissa, bias, special]) => {
    const flags = { finite: special === "finite", infinity: special === "ieee", negativeZero: special !== "fnuz" };
    const bits = 1 + exponent + mantissa;
    const row: FloatFormat = { kind: "float", name: "own", bits, exponent, mantissa, bias, ...flags };
    return {
      name: `e${exponent}m${mantissa} bias ${bias} ${special}`,
      row,
      oracle: { exponent, mantissa, bias, special },
    };
  }),
];

/** Values around every boundary that a format has: codes, midpoints, their float32 neighbours; in both signs. */
function boundaries(oracle: MiniFloat): Float32Array {
  const most = maxCode(oracle);
  const codes = most <= 300 ? Array.from({ length: most + 1 }, (_, i) => i) : [0, 1, 2, 3, 1023, 1024, most - 1, most];
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  const values: number[] = [0, 1e-45, 1.1754942e-38, Infinity, 3.4028235e38];
  for (const code of codes) {
    const value = decodeValue(code, oracle);
    const next = code < most ? decodeValue(code + 1, oracle) : value + (value - decodeValue(code - 1, oracle));
    for (const middle of [value, (value + next) / 2, value * 0.75 + next * 0.25]) {
      float[0] = middle;
      const at = bits[0] as number;
      for (const pattern of [at - 1, at, at + 1])
        if (pattern >= 0 && pattern < 0x7f800000) values.push(float32FromBits(pattern));
    }
  }
  return Float32Array.from([...values, ...values.map((v) => -v)]);
}

interface Options {
  readonly saturate: boolean;
  readonly rounding: Rounding | "stochastic";
  readonly seed?: bigint;
  readonly index?: number;
}

/** A Minifloat of assembly/minifloat.ts, word by word. */
function minifloat(bench: Bench, row: FloatFormat, saturate: boolean): number {
  const { max, infinity, nan, last } = floatCodes(row);
  const beyond = infinity >= 0 ? infinity : nan;
  const overflow = saturate || beyond < 0 ? max : beyond;
  const words = Int32Array.of(row.mantissa, row.bias, row.bits, 0, max, overflow, infinity, last, nan, 1);
  if (row.negativeZero === false) words[9] = 0;
  new Float32Array(words.buffer)[3] = floatStep(row);
  return bench.put(words);
}

function encodeWith(bench: Bench, row: FloatFormat, x: Float32Array, options: Options): ArrayLike<number> {
  const { k } = bench;
  const width = widthOf(row.bits);
  const to = bench.reserve(x.length * ARRAYS[width].BYTES_PER_ELEMENT);
  const rounding = options.rounding === "stochastic" ? k.ROUND_STOCHASTIC.value : k[ROUNDINGS[options.rounding]].value;
  const { seed = 0n, index = 0 } = options;
  const format = minifloat(bench, row, options.saturate);
  k[`encode_f32_${width}`](bench.put(x), to, x.length, format, rounding, seed, BigInt(index));
  return bench.get(to, new ARRAYS[width](x.length));
}

testKernel("encode_f32_u8, encode_f32_u16, encode_f32_u32 over the boundaries of every format", (bench) => {
  for (const { name, row, oracle } of CASES) {
    const x = boundaries(oracle);
    for (const saturate of [true, false]) {
      for (const rounding of Object.keys(ROUNDINGS) as Rounding[]) {
        if (rounding !== "even" && row.mantissa === 23) continue;
        const wanted = Array.from(x, (v) => encodeValue(v, oracle, { saturate, rounding }));
        if (row.mantissa === 23 && !saturate)
          wanted.forEach((_, i) => {
            wanted[i] = new Uint32Array(x.buffer)[i] as number;
          });
        assertBits(
          encodeWith(bench(), row, x, { saturate, rounding }),
          wanted,
          `${name} ${rounding} saturate ${saturate}`,
        );
      }
    }
  }
});

testKernel("encode_f32_* over sizes, with NaN of both signs", (bench) => {
  for (const { name, row, oracle } of CASES) {
    for (const n of SIZES) {
      const x = valuesOf(n, n);
      const words = new Uint32Array(x.buffer);
      if (n > 3 && floatCodes(row).nan >= 0) [words[1], words[n - 1]] = [0x7fc00000, 0xffc00001];
      if (row.mantissa === 23) continue;
      const wanted = Array.from(words, (bits) => encodeBits(bits, oracle, { saturate: true, rounding: "even" }));
      assertBits(encodeWith(bench(), row, x, { saturate: true, rounding: "even" }), wanted, `${name} n ${n}`);
    }
  }
});

testKernel("encode_f32_* stochastic", (bench) => {
  for (const { name, row, oracle } of CASES.filter(({ row }) => row.mantissa < 23)) {
    const x = boundaries(oracle).filter(Number.isFinite).slice(0, 600);
    const wanted = Array.from(x, (v, i) => stochasticEncode(v, oracle, { saturate: true }, 99n, 1000 + i));
    const options = { saturate: true, rounding: "stochastic", seed: 99n, index: 1000 } as const;
    assertBits(encodeWith(bench(), row, x, options), wanted, name);
  }
});

testKernel("decode_u8_f32, decode_u16_f32, decode_u32_f32: every code", (bench) => {
  for (const { name, row, oracle } of CASES) {
    const b = bench();
    const width = widthOf(row.bits);
    const count = Math.min(2 ** row.bits, 2 ** 19 + 3);
    const next = randomWords(1);
    const all = row.bits <= 19;
    const codes = new ARRAYS[width](Array.from({ length: count }, (_, i) => (all ? i : next())));
    const to = b.reserve(count * 4);
    b.k[`decode_${width}_f32`](b.put(codes), to, count, minifloat(b, row, true));
    const values = b.get(to, new Float32Array(count));
    if (row.mantissa === 23) assertBits(new Uint32Array(values.buffer), codes, name);
    else
      assertBits(
        values,
        Array.from(codes, (c) => decodeValue(c, oracle)),
        name,
      );
  }
});

testKernel("decode_u8_f32 gives the one NaN", (bench) => {
  const b = bench();
  const row = ROWS.get("float8_e4m3fn") as FloatFormat;
  const to = b.reserve(20);
  b.k.decode_u8_f32(b.put(new Uint8Array(5).fill(0xff)), to, 5, minifloat(b, row, true));
  assertBits(b.get(to, new Uint32Array(5)), new Array(5).fill(0x7fc00000), "bits");
});

testKernel("encode_f32_e8m0", (bench) => {
  const patterns = [
    0, 1, 0x3fffff, 0x400000, 0x400001, 0x5fffff, 0x600000, 0x600001, 0x7fffff, 0x800000, 0x800001, 0xbfffff, 0xc00000,
    0xc00001, 0x3f800000, 0x3fbfffff, 0x3fc00000, 0x3fc00001, 0x7e800001, 0x7f000000, 0x7f000001, 0x7f400000,
    0x7f7fffff, 0x7f800000, 0x7fc00000, 0x80000000, 0x80000001, 0xbf800000, 0xff800000,
  ];
  const x = new Float32Array(Uint32Array.from(patterns).buffer);
  for (const saturate of [true, false]) {
    for (const rounding of Object.keys(ROUNDINGS) as Rounding[]) {
      const b = bench();
      const to = b.reserve(x.length);
      b.k.encode_f32_e8m0(b.put(x), to, x.length, +saturate, b.k[ROUNDINGS[rounding]].value, 0n, 0n);
      const wanted = patterns.map((bits) => encodeBits(bits, FORMATS.float8_e8m0fnu, { saturate, rounding }));
      assertBits(b.get(to, new Uint8Array(x.length)), wanted, `${rounding} saturate ${saturate}`);
    }
  }
});

testKernel("round_f32_stochastic", (bench) => {
  for (const n of SIZES) {
    const b = bench();
    const v = valuesOf(n, n + 3);
    const to = b.reserve(n * 4);
    const seed = 0xfedcba9876543210n;
    b.k.round_f32_stochastic(b.put(v), to, n, seed, 7n);
    const wanted = Array.from(v, (value, i) => {
      const whole = Math.floor(value);
      return Math.fround(uniform24(seed, 7 + i) < value - whole ? whole + 1 : whole);
    });
    assertBits(b.get(to, new Float32Array(n)), wanted, `n ${n}, first word ${splitmix64(seed, 7)}`);
  }
});

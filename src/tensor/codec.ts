// float32 <-> codes of one value each, without scales (docs/math.md, equations 6 to 8), and codes <-> packed bytes
// (equation 4).

import {
  checkArray,
  checkFlag,
  checkFloats,
  checkInteger,
  checkOptions,
  checkWord,
  nanError,
  typeError,
} from "../check.ts";
import { checkFormat } from "../check-format.ts";
import {
  type CodeArray,
  type FloatFormat,
  type Format,
  type FormatRow,
  floatCodes,
  floatStep,
  type IntegerFormat,
} from "../formats.ts";
import { codeRange, roundHalfEven } from "../quantizer.ts";
import type { Arena } from "../wasm/arena.ts";
import type { Engine } from "../wasm/kernels.ts";
import { countSpecial, eachValue, sinkOf, sourceOf } from "./values.ts";

/** Direction of rounding: to nearest with ties to even or away from zero, toward zero, toward +infinity, toward -infinity. */
export type Rounding = "even" | "away" | "zero" | "up" | "down";

/** Rounding words in the kernels' numbers. */
const ROUNDINGS = {
  even: "ROUND_EVEN",
  away: "ROUND_AWAY",
  zero: "ROUND_ZERO",
  up: "ROUND_UP",
  down: "ROUND_DOWN",
  stochastic: "ROUND_STOCHASTIC",
} as const;

/** Options of {@link encode}. */
export interface EncodeOptions {
  /**
   * Whether values beyond the largest become the largest. Else they become infinity or NaN, as the format has it (formats
   * that have neither always saturate), and integers wrap. Default: true up to 8 bits and in integers, else false.
   */
  readonly saturate?: boolean;
  /** Default `"even"`. */
  readonly rounding?: Rounding;
}

/** How a float encoder rounds: a direction, or at random with the seed's numbers. */
interface HowToRound {
  readonly saturate: boolean;
  readonly rounding: Rounding | "stochastic";
  readonly seed: bigint;
}

/** A format of powers of two. */
interface PowerFormat {
  readonly kind: "power";
  readonly name: string;
  readonly bits: number;
}

/** A format of real numbers. */
export type RealFormat = FloatFormat | PowerFormat;

/** A format whose values have codes of their own. */
type Encodable = IntegerFormat | RealFormat;

function encodable(format: Format): Encodable {
  const row: FormatRow = checkFormat(format);
  if (row.kind === "integer" || row.kind === "float") return row;
  if (row.kind === "power") return row as PowerFormat;
  throw typeError("format", "an integer or float format of at most 32 bits", row.name);
}

/** A class of unsigned arrays. */
type Unsigned = new (
  ...of: [buffer: ArrayBufferLike, at: number, length: number] | [length: number]
) => Uint8Array | Uint16Array | Uint32Array;

const UNSIGNED = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array } as unknown as Record<
  "u8" | "u16" | "u32",
  Unsigned
>;

function widthOf(bits: number): "u8" | "u16" | "u32" {
  return bits <= 8 ? "u8" : bits <= 16 ? "u16" : "u32";
}

/** Writes a Minifloat of assembly/minifloat.ts. */
function writeMinifloat(arena: Arena, f: FloatFormat, saturate: boolean): number {
  const { max, infinity, nan, last } = floatCodes(f);
  const beyond = infinity >= 0 ? infinity : nan;
  const overflow = saturate || beyond < 0 ? max : beyond;
  const minusZero = +(f.negativeZero !== false);
  const words = Int32Array.of(f.mantissa, f.bias, f.bits, 0, max, overflow, infinity, last, nan, minusZero);
  new Float32Array(words.buffer)[3] = floatStep(f);
  return arena.copy(words);
}

/** Encodes n float32 at x as a float format's codes at q; `index` is the place of the first in the whole tensor. */
export function encodeFloats(
  { kernels: k, arena }: Engine,
  f: FloatFormat,
  x: number,
  q: number,
  n: number,
  how: HowToRound,
  index: number,
) {
  const format = writeMinifloat(arena, f, how.saturate);
  k[`encode_f32_${widthOf(f.bits)}`](x, q, n, format, k[ROUNDINGS[how.rounding]].value, how.seed, BigInt(index));
}

/** Decodes n codes of a float format at q to float32 at y. */
export function decodeFloats({ kernels, arena }: Engine, f: FloatFormat, q: number, y: number, n: number): void {
  kernels[`decode_${widthOf(f.bits)}_f32`](q, y, n, writeMinifloat(arena, f, true));
}

/** Whether a float format has a code for NaN. */
export function hasNan(format: FloatFormat): boolean {
  return floatCodes(format).nan >= 0;
}

/** @throws RangeError naming the first NaN of x */
export function throwNan(x: Float32Array, name: string, format: string): never {
  throw nanError(name, x.findIndex(Number.isNaN), format);
}

/** Whether the n values at `at` hold a NaN. */
export function holdsNan(e: Engine, at: number, n: number): boolean {
  return countSpecial(e, at, n).nan > 0;
}

/** Encodes n float32 at `from` as codes at `to`, one a value. */
type Encode = (e: Engine, from: number, to: number, n: number, start: number) => void;

/** Encodes an array, a chunk at a time. */
function encodeBy(x: Float32Array, { bits }: Encodable, work: Encode): Uint8Array | Uint16Array | Uint32Array {
  const codes = new UNSIGNED[widthOf(bits)](x.length);
  eachValue(x.length, (e, start, count) => {
    sinkOf(e, codes)(start, count, (to) => work(e, sourceOf(e, x)(start, count), to, count, start));
  });
  return codes;
}

/**
 * The codes of real numbers, rounded once.
 * @throws RangeError naming the first NaN of x, where the format has none
 */
export function encodeReals(x: Float32Array, f: RealFormat, { saturate, rounding }: Required<EncodeOptions>) {
  const how = { saturate, rounding, seed: 0n };
  return encodeBy(x, f, (e, from, to, n, start) => {
    if (f.kind === "power") {
      const direction = e.kernels[ROUNDINGS[rounding]].value;
      e.kernels.encode_f32_e8m0(from, to, n, +saturate, direction, how.seed, BigInt(start));
      return;
    }
    if (!hasNan(f) && holdsNan(e, from, n)) throwNan(x, "x", f.name);
    encodeFloats(e, f, from, to, n, how, start);
  });
}

const TO_INTEGER: Record<string, (v: number) => number> = {
  even: roundHalfEven,
  away: (v) => (v < 0 ? -Math.floor(0.5 - v) : Math.floor(v + 0.5)),
  zero: Math.trunc,
  up: Math.ceil,
  down: Math.floor,
};

/** Integers as two's complement in an unsigned array. */
function encodeIntegers(x: Float32Array, f: IntegerFormat, how: Required<EncodeOptions>) {
  const { lo, hi } = codeRange(f.bits, f.signed, false);
  const round = TO_INTEGER[how.rounding] as (v: number) => number;
  const mask = f.bits < 32 ? 2 ** f.bits - 1 : -1;
  return encodeBy(x, f, (e, from, to, n) => {
    if (holdsNan(e, from, n)) throwNan(x, "x", f.name);
    const values = e.arena.view(Float32Array, from, n);
    const codes = e.arena.view(UNSIGNED[widthOf(f.bits)], to, n);
    for (let i = 0; i < n; i++) {
      const rounded = round(values[i] as number);
      const code = how.saturate ? Math.min(Math.max(rounded, lo), hi) : rounded;
      codes[i] = code & mask; // & takes it modulo 2^32
    }
  });
}

/**
 * The code of each value, rounded once from float32.
 * @param x values; NaN only in formats that have it
 * @returns one unsigned code a value, as wide as the format needs; integers in two's complement
 * @throws RangeError naming the first NaN of x, where the format has none
 */
export function encode(
  x: Float32Array,
  format: Format,
  options?: EncodeOptions,
): Uint8Array | Uint16Array | Uint32Array {
  checkFloats(x, "x");
  const row = encodable(format);
  const { saturate = row.bits <= 8 || row.kind === "integer", rounding = "even" } = checkOptions(
    options,
    ["saturate", "rounding"],
    "encode",
  );
  checkFlag(saturate, "saturate");
  checkWord(rounding, ["even", "away", "zero", "up", "down"], "rounding");
  const how = { saturate, rounding };
  return row.kind === "integer" ? encodeIntegers(x, row, how) : encodeReals(x, row, how);
}

/**
 * The value of each code.
 * @param codes one code a value, as {@link encode} returns them; signed arrays are read as two's complement
 */
export function decode(codes: CodeArray, format: Format): Float32Array {
  const row = encodable(format);
  const kind = UNSIGNED[widthOf(row.bits)];
  const signed = { u8: Int8Array, u16: Int16Array, u32: Int32Array }[widthOf(row.bits)];
  checkArray<CodeArray>(codes, [kind, signed] as never, "codes");
  return decodeCodes(codes, row);
}

/** The values of codes whose array is the format's. */
export function decodeCodes(codes: CodeArray, row: Encodable): Float32Array {
  const values = new Float32Array(codes.length);
  eachValue(codes.length, (e, start, count) => {
    const from = sourceOf(e, codes)(start, count);
    sinkOf(e, values)(start, count, (to) => decodeChunk(e, row, from, to, count));
  });
  return values;
}

function decodeChunk(e: Engine, f: Encodable, from: number, to: number, n: number): void {
  if (f.kind === "float") {
    decodeFloats(e, f, from, to, n);
    return;
  }
  const values = e.arena.view(Float32Array, to, n);
  const codes = e.arena.view(UNSIGNED[widthOf(f.bits)], from, n);
  const spare = 32 - f.bits;
  for (let i = 0; i < n; i++) {
    const code = (codes[i] as number) << spare;
    if (f.kind === "power") values[i] = codes[i] === 255 ? Number.NaN : 2 ** ((codes[i] as number) - 127);
    else values[i] = f.signed ? code >> spare : code >>> spare;
  }
}

function packable(format: Format): IntegerFormat | FloatFormat {
  const row = checkFormat(format);
  if ((row.kind === "integer" || row.kind === "float") && row.bits < 8) return row;
  throw typeError("format", "a format of less than 8 bits", row.name);
}

/**
 * Codes of less than 8 bits as one stream of bits, low bits first, as ONNX packs them; the last byte is filled with zeros.
 * @param codes one code a value; only the format's low bits are used
 */
export function pack(codes: CodeArray, format: Format): Uint8Array {
  checkArray<Uint8Array | Int8Array>(codes, [Uint8Array, Int8Array], "codes");
  return packCodes(codes, packable(format).bits);
}

/** Codes of a byte each, packed to so many bits. */
export function packCodes(codes: CodeArray, bits: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((codes.length * bits) / 8));
  eachValue(codes.length, (e, start, count) => {
    const from = e.arena.copy(codes.subarray(start, start + count));
    const at = (start * bits) / 8;
    const to = e.arena.reserve(count);
    e.kernels.pack_u8(from, to, count, bits);
    e.arena.read(to, bytes.subarray(at, at + Math.ceil((count * bits) / 8)));
  });
  return bytes;
}

/**
 * The codes of a packed stream; signed integers extended to int8.
 * @param options.length how many codes; default all that whole bytes hold
 */
export function unpack(
  bytes: Uint8Array,
  format: Format,
  options?: { readonly length?: number },
): Uint8Array | Int8Array {
  checkArray(bytes, [Uint8Array], "bytes");
  const row = packable(format);
  const most = Math.floor((bytes.length * 8) / row.bits);
  const { length = most } = checkOptions(options, ["length"], "unpack");
  checkInteger(length, 0, most, "length");
  return unpackCodes(bytes, row, length);
}

/** The first `length` codes of a packed stream. */
export function unpackCodes(
  bytes: Uint8Array,
  row: IntegerFormat | FloatFormat,
  length: number,
): Uint8Array | Int8Array {
  const signed = row.kind === "integer" && row.signed;
  const codes = signed ? new Int8Array(length) : new Uint8Array(length);
  eachValue(length, (e, start, count) => {
    const at = (start * row.bits) / 8;
    const from = e.arena.copy(bytes.subarray(at, at + Math.ceil((count * row.bits) / 8)));
    sinkOf(e, codes)(start, count, (to) => e.kernels.unpack_u8(from, to, count, row.bits, +signed));
  });
  return codes;
}

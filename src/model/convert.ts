// Values from one format to another, as ONNX's Cast has it (docs/math.md, equation 71).

import { type FloatFormat, FORMATS, type FormatName, type FormatRow } from "../formats.ts";
import {
  decodeCodes,
  decodeFloats,
  encodeFloats,
  encodeReals,
  hasNan,
  holdsNan,
  type RealFormat,
  type Rounding,
} from "../tensor/codec.ts";
import { type CodeFormat, type Tensor, type TensorArray, tensorArray } from "../tensor/tensor.ts";
import { bitsOf, floatOf } from "../tensor/values.ts";
import type { Engine } from "../wasm/kernels.ts";
import { lengthOf, type Place } from "./operator.ts";

/** What a float format does with values that it cannot hold. */
export interface HowToConvert {
  /** Whether those beyond the largest of a format of 8 bits become the largest. */
  readonly saturate: boolean;
  /** Of float8_e8m0fnu only. */
  readonly rounding: Rounding;
}

type BigInts = BigInt64Array | BigUint64Array;
type Numbers = Exclude<TensorArray, BigInts>;

/** Values in memory, in an array that holds them exactly. */
interface Exact {
  readonly kind: new (buffer: ArrayBufferLike, at: number, length: number) => TensorArray;
  readonly at: number;
}

const rowOf = (format: FormatName) => FORMATS.get(format) as FormatRow;
const widthOf = (format: FormatName) => (rowOf(format) as CodeFormat).bits;

const isBig = (values: TensorArray): values is BigInts =>
  values instanceof BigInt64Array || values instanceof BigUint64Array;

/** Codes of a byte or more each. */
function codesAt({ arena, kernels }: Engine, place: Place): number {
  const bits = widthOf(place.format);
  if (bits >= 8) return place.at;
  const row = rowOf(place.format);
  const to = arena.reserve(lengthOf(place));
  kernels.unpack_u8(place.at, to, lengthOf(place), bits, +(row.kind === "integer" && row.signed));
  return to;
}

function exactAt(engine: Engine, place: Place): Exact {
  const { arena } = engine;
  const row = rowOf(place.format);
  const n = lengthOf(place);
  const from = codesAt(engine, place);
  if (row.kind === "integer" && row.bits < 8) return { kind: row.signed ? Int8Array : Uint8Array, at: from };
  if ((row.kind !== "float" && row.kind !== "power") || row.name === "float32") {
    return { kind: tensorArray(place.format), at: from };
  }
  const at = arena.reserve(4 * n);
  if (row.kind === "float") decodeFloats(engine, row, from, at, n);
  else arena.write(at, decodeCodes(arena.view(Uint8Array, from, n), row as RealFormat));
  return { kind: Float32Array, at };
}

/** A number rounded toward zero to float32, its last bit set where that is not exact: rounding it again is rounding once. */
function roundToOdd(v: number): number {
  const near = Math.fround(v);
  if (near === v || Number.isNaN(v)) return near;
  const bits = bitsOf(near);
  return floatOf((Math.abs(near) > Math.abs(v) ? bits - 1 : bits) | 1);
}

/** The same of an integer, to float64. */
function bigToOdd(v: bigint): number {
  const near = Number(v);
  if (BigInt(near) === v) return near;
  const magnitude = v < 0n ? -v : v;
  const shift = magnitude.toString(2).length - 53;
  const odd = Number((magnitude >> BigInt(shift)) | 1n) * 2 ** shift;
  return v < 0n ? -odd : odd;
}

const toBig = (v: number) => (Number.isFinite(v) ? BigInt(Math.trunc(v)) : 0n);

/** How a value of 64-bit integers becomes one of an array of numbers. */
function fromBig(to: TensorArray): (v: bigint) => number {
  if (to instanceof Float64Array) return Number;
  return to instanceof Float32Array ? bigToOdd : (v) => Number(BigInt.asIntN(32, v));
}

/** Writes values as those of another array: integers modulo its range, floats rounded once. */
function assign(from: TensorArray, to: TensorArray): void {
  if (isBig(from) === isBig(to)) {
    (to as Numbers).set(from as Numbers);
    return;
  }
  const convert = (isBig(to) ? toBig : fromBig(to)) as (v: number | bigint) => never;
  for (let i = 0; i < from.length; i++) to[i] = convert(from[i] as number | bigint);
}

/** Pointer to n values in float32, from where rounding to less bits is rounding once. */
function float32At({ arena }: Engine, { kind, at }: Exact, n: number): number {
  if (kind === Float32Array) return at;
  const to = arena.reserve(4 * n);
  const values = arena.view(kind, at, n);
  const floats = arena.view(Float32Array, to, n);
  for (let i = 0; i < n; i++) {
    const v = values[i] as number | bigint;
    floats[i] = roundToOdd(typeof v === "bigint" ? bigToOdd(v) : v);
  }
  return to;
}

/** In a format without NaN, whose codes are bytes, a NaN becomes minus zero. */
function zeroNans({ arena }: Engine, { bits }: FloatFormat, from: number, to: number, n: number): void {
  const [values, codes] = [arena.view(Float32Array, from, n), arena.view(Uint8Array, to, n)];
  for (let i = 0; i < n; i++) if (Number.isNaN(values[i])) codes[i] = 2 ** (bits - 1);
}

/** Writes codes of a byte or more each. */
function writeCodes(engine: Engine, exact: Exact, format: FormatName, to: number, n: number, how: HowToConvert): void {
  const { arena } = engine;
  const row = rowOf(format);
  if (row.kind === "float" && format !== "float32") {
    const rounding = { saturate: how.saturate && row.bits <= 8, rounding: "even", seed: 0n } as const;
    const from = float32At(engine, exact, n);
    encodeFloats(engine, row, from, to, n, rounding, 0);
    if (!hasNan(row) && holdsNan(engine, from, n)) zeroNans(engine, row, from, to, n);
  } else if (row.kind === "power") {
    const floats = arena.view(Float32Array, float32At(engine, exact, n), n);
    arena.write(to, encodeReals(floats.slice(), row as RealFormat, how));
  } else {
    const from = arena.view(exact.kind, exact.at, n);
    if (format === "bool") {
      const flags = arena.view(Uint8Array, to, n);
      for (let i = 0; i < n; i++) flags[i] = +(Number(from[i]) !== 0);
    } else assign(from, arena.view(row.kind === "integer" && row.bits < 8 ? Uint8Array : tensorArray(format), to, n));
  }
}

/** Writes the values at one place to another, in its format. */
export function convert(engine: Engine, from: Place, to: Place, how: HowToConvert): void {
  const n = lengthOf(from);
  const bits = widthOf(to.format);
  engine.arena.scope(() => {
    const codes = bits < 8 ? engine.arena.reserve(n) : to.at;
    writeCodes(engine, exactAt(engine, from), to.format, codes, n, how);
    if (bits < 8) engine.kernels.pack_u8(codes, to.at, n, bits);
  });
}

const isEncoded = (format: FormatName) => {
  const { kind } = rowOf(format);
  return (kind === "float" && format !== "float32") || kind === "power";
};

/** The code of a number in a format's array. */
export function codeOf(format: FormatName, v: number): number | bigint {
  const row = rowOf(format) as RealFormat;
  const how = { saturate: row.bits <= 8, rounding: "even" } as const;
  if (isEncoded(format)) return encodeReals(Float32Array.of(v), row, how)[0] as number;
  return widthOf(format) === 64 && format !== "float64" ? toBig(v) : v;
}

/** The numbers of a tensor, of a format that is not packed. */
export function realsOf({ format, data }: Tensor): number[] {
  const row = rowOf(format as FormatName) as RealFormat;
  if (isEncoded(format as FormatName)) return Array.from(decodeCodes(data as Uint8Array, row));
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

// How accumulators become results: the multipliers of equations 19 and 20 in docs/math.md, as assembly/requantize.ts reads them.

import { rangeError } from "../check.ts";
import { codeType } from "../formats.ts";
import type { Take } from "../wasm/arena.ts";
import type { Engine } from "../wasm/kernels.ts";
import { CODE_CONSTANTS } from "./operand.ts";
import { ARITHMETIC_CONSTANTS, type Result } from "./result.ts";

const { fround } = Math;

/** Scales of an accumulator: the activations', and the weights', one or one a column. */
export interface AccumulatorScales {
  readonly x: number;
  readonly w: Float32Array;
  /** Whether their product is a float32 in TensorFlow Lite: in matrix products with one scale, not in convolutions. */
  readonly isFloat32: boolean;
}

/** What accumulators become: codes, float32 numbers, or what they are. */
export type Output = Result | "float32" | "sums" | "wide-sums";

/** Bytes of a table: a number a column, and three more that vectors read. */
export const tableBytes = (columns: number) => (columns + 3) * 4;

/** Where tables are written. */
export interface Target {
  readonly engine: Engine;
  readonly take: Take;
}

/** Writes a table, and that of negative accumulators behind it. */
export function writeTable<T extends Float32Array | Int32Array>(
  { engine: { arena }, take }: Target,
  kind: new (buffer: ArrayBufferLike, at: number, length: number) => T,
  own: ArrayLike<number>,
  below?: ArrayLike<number>,
): number {
  const bytes = tableBytes(own.length);
  const at = take(below ? 2 * bytes : bytes);
  arena.view(kind, at, own.length).set(own);
  if (below) arena.view(kind, at + bytes, below.length).set(below);
  return at;
}

/** The error of a multiplier that is too large. */
export function largeMultiplier(exponent: number, real: number): RangeError {
  return rangeError("scale", `x.scale * w.scale / scale below 2^${exponent}`, real);
}

/** The first number that rounds to a float32 infinity. */
const INFINITE = 2 ** 128 - 2 ** 103;

/** Writes "onnx" multipliers, all there is to most products: as multipliersOf, straight into the table. */
function writeFloats(
  { engine: { arena }, take }: Target,
  { x, w }: AccumulatorScales,
  divisor: number,
  columns: number,
): number {
  const at = take(tableBytes(columns));
  const table = arena.view(Float32Array, at, columns);
  const step = w.length === 1 ? 0 : 1;
  for (let i = 0; i < columns; i++) {
    const real = fround(x * (w[i * step] as number)) / divisor;
    if (real >= INFINITE) throw largeMultiplier(128, real);
    table[i] = real;
  }
  return at;
}

/** Writes the tables of a result: pointers to multipliers, lefts and rights, and the distance to those of negative sums. */
export type Tables = (target: Target, output: Result, factors: Factors, wide: boolean) => number[];

/** What accumulators are multiplied by. */
export interface Factors {
  readonly scales: AccumulatorScales;
  /** What writes the tables; absent: they are of "onnx" multipliers. */
  readonly tables?: Tables | undefined;
  /** What is added to float32 results, one a column. */
  readonly offsets?: Float32Array | undefined;
  readonly columns: number;
}

/** Pointers to the tables of a Rescale, and the distance to those of negative accumulators. */
function writeFactors(target: Target, output: Result | "float32", factors: Factors, wide: boolean): number[] {
  const { scales, tables, offsets, columns } = factors;
  if (output === "float32") {
    return [writeFloats(target, scales, 1, columns), offsets ? writeTable(target, Float32Array, offsets) : 0, 0, 0];
  }
  if (tables) return tables(target, output, factors, wide);
  return [writeFloats(target, scales, output.scale, columns), 0, 0, 0];
}

/** Writes a Rescale of assembly/requantize.ts into memory that `take` gives; `wide`: sums of 16-bit activations. */
export function writeRescale(engine: Engine, output: Output, factors: Factors, wide: boolean, take: Take): number {
  const { kernels: k, arena } = engine;
  if (output === "sums" || output === "wide-sums") {
    const { value } = output === "sums" ? k.RESULT_I32 : k.RESULT_I64;
    return arena.copy(Uint32Array.of(value, 0, 0, 0, 0, 0, 0, 0, 0), take);
  }
  const tables = writeFactors({ engine, take }, output, factors, wide);
  if (output === "float32") return arena.copy(Uint32Array.of(k.RESULT_F32.value, 0, 0, 0, 0, ...tables), take);
  const { codes, arithmetic, zero, range } = output;
  const kind = wide && arithmetic !== "onnx" ? k.ARITHMETIC_TFLITE_WIDE : k[ARITHMETIC_CONSTANTS[arithmetic]];
  const result = k[CODE_CONSTANTS[codeType(codes) as "i8"]];
  return arena.copy(Uint32Array.of(result.value, kind.value, zero, range.lo, range.hi, ...tables), take);
}

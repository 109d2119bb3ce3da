// How accumulators become results: the multipliers of equations 19 and 20 in docs/math.md, as assembly/requantize.ts reads them.

import { rangeError } from "../check.ts";
import { codeType } from "../formats.ts";
import { integerMultiplier } from "../quantizer.ts";
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

/** The real multipliers of a result: one a column. */
function multipliersOf(scales: AccumulatorScales, output: Result, columns: number): Float64Array {
  const { x, w } = scales;
  const multipliers = new Float64Array(columns);
  const isOnnx = output.arithmetic === "onnx";
  const isRounded = isOnnx || scales.isFloat32;
  for (let i = 0; i < columns; i++) {
    const product = x * (w[w.length === 1 ? 0 : i] as number);
    const real = (isRounded ? fround(product) : product) / output.scale;
    multipliers[i] = isOnnx ? fround(real) : real;
  }
  return multipliers;
}

/** The multipliers of negative accumulators: a leaky relu's, or a parametric one's of each column. */
function slopedMultipliers(multipliers: Float64Array, slopes: ArrayLike<number>, output: Result): Float64Array {
  const isOnnx = output.arithmetic === "onnx";
  return multipliers.map((m, i) => {
    const sloped = m * fround(slopes[slopes.length === 1 ? 0 : i] as number);
    return isOnnx ? fround(sloped) : sloped;
  });
}

/** Multipliers of all accumulators, and of negative ones where they have others. */
interface Multipliers {
  readonly own: Float64Array;
  readonly below?: Float64Array | undefined;
}

/** Bytes of a table: a number a column, and three more that vectors read. */
const tableBytes = (columns: number) => (columns + 3) * 4;

/** Where tables are written. */
interface Target {
  readonly engine: Engine;
  readonly take: Take;
}

/** Writes a table, and that of negative accumulators behind it. */
function writeTable<T extends Float32Array | Int32Array>(
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

function largeMultiplier(exponent: number, real: number): RangeError {
  return rangeError("scale", `x.scale * w.scale / scale below 2^${exponent}`, real);
}

/** Fails where a multiplier is not below 2^exponent, rounded to 31 bits or not. */
function checkMultipliers(multipliers: Float64Array, exponent: number): void {
  const most = 2 ** exponent * (1 - 2 ** -32);
  for (let i = 0; i < multipliers.length; i++) {
    const real = multipliers[i] as number;
    if (!(real < most && real > -most)) throw largeMultiplier(exponent, real);
  }
}

/** A multiplier as integers: itself, and what shifts left and right. */
interface IntegerFactors {
  readonly own: number[];
  readonly left: number[];
  readonly right: number[];
}

/** The integer multipliers of real ones; `shifts`: the right factors are plain shifts. */
function factorsOf(multipliers: Float64Array, shifts: boolean): IntegerFactors {
  const pairs = Array.from(multipliers, integerMultiplier);
  return {
    own: pairs.map(({ multiplier }) => multiplier),
    left: pairs.map(({ shift }) => 2 ** Math.max(shift, 0)),
    right: pairs.map(({ shift }) => (shifts ? shift : -(2 ** (31 - Math.max(-shift, 0))))),
  };
}

/** Pointers to multipliers, lefts and rights of a Rescale. */
function writeTables(target: Target, output: Result, { own, below }: Multipliers, wide: boolean): number[] {
  const isFloat = output.arithmetic === "onnx";
  const exponent = isFloat ? 128 : wide ? 14 : 30;
  for (const each of below ? [own, below] : [own]) checkMultipliers(each, exponent);
  if (isFloat) return [writeTable(target, Float32Array, own, below), 0, 0];
  const shifts = wide || output.arithmetic === "tflite-single";
  const above = factorsOf(own, shifts);
  const other = below && factorsOf(below, shifts);
  return [
    writeTable(target, Int32Array, above.own, other?.own),
    writeTable(target, Int32Array, above.left, other?.left),
    writeTable(target, Int32Array, above.right, other?.right),
  ];
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

/** What accumulators are multiplied by: their scales, and the slopes of negative ones, where there are such. */
export interface Factors {
  readonly scales: AccumulatorScales;
  readonly slopes?: ArrayLike<number> | undefined;
  /** What is added to float32 results, one a column. */
  readonly offsets?: Float32Array | undefined;
  readonly columns: number;
}

/** Pointers to the tables of a Rescale, and the distance to those of negative accumulators. */
function writeFactors(target: Target, output: Result | "float32", factors: Factors, wide: boolean): number[] {
  const { scales, slopes, offsets, columns } = factors;
  if (output === "float32") {
    return [writeFloats(target, scales, 1, columns), offsets ? writeTable(target, Float32Array, offsets) : 0, 0, 0];
  }
  if (output.arithmetic === "onnx" && !slopes) return [writeFloats(target, scales, output.scale, columns), 0, 0, 0];
  const own = multipliersOf(scales, output, columns);
  const below = slopes && slopedMultipliers(own, slopes, output);
  return [...writeTables(target, output, { own, below }, wide), below ? tableBytes(columns) : 0];
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

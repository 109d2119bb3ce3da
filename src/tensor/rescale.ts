// How accumulators become results: the multipliers of equations 19 and 20 in docs/math.md, as assembly/requantize.ts reads them.

import { rangeError } from "../check.ts";
import { integerMultiplier } from "../quantizer.ts";
import type { Engine } from "../wasm/kernels.ts";
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

const RESULT_CONSTANTS = { int8: "RESULT_I8", uint8: "RESULT_U8", int16: "RESULT_I16" } as const;

/** A table read by vectors: a number a column, and three more. */
function table<T extends Float32Array | Int32Array>(kind: new (n: number) => T, of: ArrayLike<number>): T {
  const numbers = new kind(of.length + 3);
  numbers.set(of);
  return numbers;
}

/** The real multipliers of a result: one a column. */
export function multipliersOf(scales: AccumulatorScales, output: Result | "float32", columns: number): Float64Array {
  const { x, w } = scales;
  const multipliers = new Float64Array(columns);
  const divisor = output === "float32" ? 1 : output.scale;
  const isOnnx = output === "float32" || output.arithmetic === "onnx";
  const isRounded = isOnnx || scales.isFloat32;
  for (let i = 0; i < columns; i++) {
    const product = x * (w[w.length === 1 ? 0 : i] as number);
    const real = (isRounded ? fround(product) : product) / divisor;
    multipliers[i] = isOnnx ? fround(real) : real;
  }
  return multipliers;
}

/** The multipliers of negative accumulators: a leaky relu's, or a parametric one's of each column. */
export function slopedMultipliers(multipliers: Float64Array, slopes: ArrayLike<number>, output: Output): Float64Array {
  const isOnnx = typeof output !== "object" || output.arithmetic === "onnx";
  return multipliers.map((m, i) => {
    const sloped = m * fround(slopes[slopes.length === 1 ? 0 : i] as number);
    return isOnnx ? fround(sloped) : sloped;
  });
}

/** Writes a Rescale of assembly/requantize.ts. `below`: multipliers of negative accumulators, where they have others. */
export function writeRescale(
  { kernels: k, arena }: Engine,
  output: Output,
  multipliers: Float64Array,
  wide: boolean,
  below?: Float64Array,
): number {
  if (output === "sums" || output === "wide-sums") {
    const { value } = output === "sums" ? k.RESULT_I32 : k.RESULT_I64;
    return arena.copy(Uint32Array.of(value, 0, 0, 0, 0, 0, 0, 0, 0));
  }
  const tables = (of: Float64Array) => tablesOf(output, of, wide);
  const own = tables(multipliers);
  const other = below && tables(below);
  const at = own.map((each, i) => {
    const from = arena.copy(each);
    if (other) arena.copy(other[i] as Int32Array);
    return from;
  });
  const [from = 0, lefts = 0, rights = 0] = at;
  const distance = other ? Math.ceil((own[0] as Int32Array).byteLength / 16) * 16 : 0;
  if (output === "float32") return arena.copy(Uint32Array.of(k.RESULT_F32.value, 0, 0, 0, 0, from, 0, 0, distance));
  const { codes, arithmetic, zero, range } = output;
  const kind = wide && arithmetic !== "onnx" ? k.ARITHMETIC_TFLITE_WIDE : k[ARITHMETIC_CONSTANTS[arithmetic]];
  const result = k[RESULT_CONSTANTS[codes.name as "int8"]];
  return arena.copy(Uint32Array.of(result.value, kind.value, zero, range.lo, range.hi, from, lefts, rights, distance));
}

/** Fails where a multiplier is not below 2^exponent, rounded to 31 bits or not. */
function checkMultipliers(multipliers: Float64Array, exponent: number): void {
  const most = 2 ** exponent * (1 - 2 ** -32);
  const beyond = multipliers.find((real) => !(Math.abs(real) < most));
  if (beyond !== undefined) throw rangeError("scale", `x.scale * w.scale / scale below 2^${exponent}`, beyond);
}

/** Multipliers, lefts and rights of a Rescale. */
function tablesOf(output: Result | "float32", multipliers: Float64Array, wide: boolean) {
  const isFloat = output === "float32" || output.arithmetic === "onnx";
  if (output !== "float32") checkMultipliers(multipliers, isFloat ? 128 : wide ? 14 : 30);
  if (isFloat) return [table(Float32Array, multipliers)];
  const pairs = Array.from(multipliers, integerMultiplier);
  const own = table(
    Int32Array,
    pairs.map(({ multiplier }) => multiplier),
  );
  const shifts = pairs.map(({ shift }) => shift);
  if (wide || output.arithmetic === "tflite-single") return [own, table(Int32Array, []), table(Int32Array, shifts)];
  const lefts = shifts.map((shift) => 2 ** Math.max(shift, 0));
  const rights = shifts.map((shift) => -(2 ** (31 - Math.max(-shift, 0))));
  return [own, table(Int32Array, lefts), table(Int32Array, rights)];
}

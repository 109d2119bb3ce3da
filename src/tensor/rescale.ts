// How accumulators become results: the multipliers of equations 19 and 20 in docs/math.md, as assembly/requantize.ts reads them.

import { integerMultiplier } from "../quantizer.ts";
import type { Engine } from "../wasm/kernels.ts";
import { ARITHMETIC_CONSTANTS, type Result } from "./result.ts";

const { fround } = Math;

/** Scales of an accumulator: the activations', and the weights', one or one a column. */
export interface AccumulatorScales {
  readonly x: number;
  readonly w: Float32Array;
}

/** What accumulators become: codes, float32 numbers, or what they are. */
export type Output = Result | "float32" | "sums" | "wide-sums";

const RESULT_CONSTANTS = { int8: "RESULT_I8", uint8: "RESULT_U8", int16: "RESULT_I16" } as const;

/** A table read by vectors: a number a column, and three more. */
function table<T extends Float32Array | Int32Array>(kind: new (n: number) => T, of: readonly number[]): T {
  const numbers = new kind(of.length + 3);
  numbers.set(of);
  return numbers;
}

/** The real multipliers of a result: one a column. */
export function multipliersOf(scales: AccumulatorScales, output: Result | "float32", columns: number): number[] {
  const real = (w: number) => {
    if (output === "float32") return fround(scales.x * w);
    if (output.arithmetic === "onnx") return fround(fround(scales.x * w) / output.scale);
    // TensorFlow Lite multiplies two scales per tensor as the float32 they are, and one per channel in double
    return (scales.w.length === 1 ? fround(scales.x * w) : scales.x * w) / output.scale;
  };
  const { w } = scales;
  if (w.length === 1) return new Array(columns).fill(real(w[0] as number));
  return Array.from(w, real);
}

/** Writes a Rescale of assembly/requantize.ts. `below`: multipliers of negative accumulators, where they have others. */
export function writeRescale(
  { kernels: k, arena }: Engine,
  output: Output,
  multipliers: readonly number[],
  wide: boolean,
  below?: readonly number[],
): number {
  if (output === "sums" || output === "wide-sums") {
    const { value } = output === "sums" ? k.RESULT_I32 : k.RESULT_I64;
    return arena.copy(Uint32Array.of(value, 0, 0, 0, 0, 0, 0, 0, 0));
  }
  const tables = (of: readonly number[]) => tablesOf(output, of, wide);
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

/** Multipliers, lefts and rights of a Rescale. */
function tablesOf(output: Result | "float32", multipliers: readonly number[], wide: boolean) {
  if (output === "float32" || output.arithmetic === "onnx") return [table(Float32Array, multipliers)];
  const pairs = multipliers.map(integerMultiplier);
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

// The operators that accumulate, whole: sums of gemm.ts or conv.ts, then bias, multiplier, activation and clamp of
// requantize.ts, from operands as plain objects.
import { at } from "./at.ts";
import { convolutionSums, type Geometry, transposedSums } from "./conv.ts";
import { linearSums, type Sums } from "./gemm.ts";
import { type Arithmetic, clampCodes, requantizeSums } from "./requantize.ts";

/** A quantized operand; `codes` are signed as the format is, unpacked. */
export interface Operand {
  readonly format: string;
  readonly shape: readonly number[];
  readonly codes: readonly number[];
  /** One, or one an output channel, as float32. */
  readonly scale: Float32Array;
  readonly zero: readonly number[];
}

/** Operands and geometry: weights [..., n, k], or [o, kh, kw, c / groups] with x channels last. */
export interface Accumulation extends Geometry {
  readonly operator: "linear" | "convolution" | "transposed";
  readonly x: Operand;
  readonly w: Operand;
  /** Of a transposed convolution, [h, w]. */
  readonly outputPads?: readonly [number, number] | undefined;
}

/** An accumulation with a quantized result. */
export interface Multiplication extends Accumulation {
  readonly bias: Int32Array | BigInt64Array | Float32Array | undefined;
  readonly y: { readonly format: string; readonly scale: number; readonly zero: number };
  readonly activation: readonly [lo: number, hi: number] | undefined;
  readonly arithmetic: Arithmetic;
  /** Of a leaky relu, or one an output channel. */
  readonly alpha?: readonly number[];
}

const RANGES: Record<string, { lo: number; hi: number }> = {
  int8: { lo: -128, hi: 127 },
  uint8: { lo: 0, hi: 255 },
  int16: { lo: -32768, hi: 32767 },
};

/** The exact sums. */
export function accumulated({ operator, x, w, outputPads, ...geometry }: Accumulation): Sums {
  if (operator === "linear") return linearSums(x, w);
  return operator === "convolution" ? convolutionSums(x, w, geometry) : transposedSums(x, w, geometry, outputPads);
}

/** The codes of the result, given the exact sums. */
export function multiplied(each: Multiplication, { shape, sums } = accumulated(each)): number[] {
  const { operator, x, w, y, bias, arithmetic, activation, alpha } = each;
  const all = RANGES[y.format] as { lo: number; hi: number };
  const codes = activation ? clampCodes(activation, y.scale, y.zero, all, arithmetic) : all;
  const single = operator === "linear" && w.scale.length === 1;
  const scales = { x: at(x.scale, 0), w: w.scale, y: y.scale, single };
  const target = { arithmetic, zero: y.zero, ...codes, ...(alpha && { alpha }) };
  return requantizeSums(sums, at(shape, shape.length - 1), bias, scales, target, x.format === "int16");
}

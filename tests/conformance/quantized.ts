// A quantized tensor of a case, with one scale, as plain numbers and as the product has it.
import type { FormatName, QTensor } from "../../src/index.ts";

/** A quantized tensor; a result's codes are what is expected. */
export interface Quantized {
  readonly format: string;
  readonly shape: number[];
  readonly codes: number[];
  readonly scale: number;
  readonly zero: number;
}

const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, int32: Int32Array };

/** The product's tensor. */
export function tensorOf({ format, shape, codes, scale, zero }: Quantized): QTensor {
  const data = ARRAYS[format as keyof typeof ARRAYS].from(codes);
  return { format: format as FormatName, shape, data, scale: Float32Array.of(scale), zero: Int32Array.of(zero) };
}

/** The options of an operator whose result is quantized so. */
export function resultOf({ format, scale, zero }: Quantized) {
  return { format: format as "int8", scale, zero };
}

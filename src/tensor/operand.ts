// What integer operators ask of an operand: one scale, one zero, codes of 8 or 16 bits.

import { rangeError } from "../check.ts";
import type { IntegerFormat } from "../formats.ts";
import type { CodeRange } from "../quantizer.ts";
import { OPERAND_FORMATS, type Result, type ResultOptions, resultOf } from "./result.ts";
import { checkTensor, codeBytes, type QTensor } from "./tensor.ts";

/** A checked operand. */
export interface Operand {
  readonly codes: IntegerFormat;
  /** Of a kernel's name. */
  readonly type: "i8" | "u8" | "i16";
  readonly scale: number;
  readonly zero: number;
  readonly range: CodeRange;
  readonly length: number;
  /** Bytes of a code. */
  readonly bytes: number;
}

const TYPES = { int8: "i8", uint8: "u8", int16: "i16" } as const;

/** The ABI constant of a type. */
export const CODE_CONSTANTS = { i8: "CODE_I8", u8: "CODE_U8", i16: "CODE_I16" } as const;

/** Checks that a tensor is int8, uint8 or int16 with one scale and zero. */
export function checkOperand(x: QTensor, name: string): Operand {
  const { codes, range, grain, length } = checkTensor(x, name);
  if (codes.kind !== "integer" || !(OPERAND_FORMATS as readonly string[]).includes(x.format as string)) {
    throw rangeError(`${name}.format`, OPERAND_FORMATS.map((each) => `"${each}"`).join(" or "), x.format);
  }
  if (grain.count !== 1) throw rangeError(`${name}.scale`, "one scale for the whole tensor", x.scale);
  const type = TYPES[codes.name as keyof typeof TYPES];
  const [scale, zero] = [x.scale[0] as number, x.zero[0] as number];
  return { codes, type, scale, zero, range, length, bytes: codeBytes(codes) };
}

/** A tensor with other codes and the same parameters. */
export function withCodes(x: QTensor, shape: readonly number[], data: QTensor["data"]): QTensor {
  const { format, bits, narrow } = x;
  return {
    format,
    shape,
    data,
    scale: x.scale.slice(),
    zero: x.zero.slice(),
    ...(bits !== undefined && { bits }),
    ...(narrow !== undefined && { narrow }),
  };
}

/** What a result is, by default with the parameters of the input. */
export function resultLike(options: Partial<ResultOptions>, input: Operand): Result {
  const zero = options.format === undefined || options.format === input.codes.name ? input.zero : 0;
  return resultOf({ ...options, scale: options.scale ?? input.scale, zero: options.zero ?? zero }, input.codes);
}

/** Equation 41's M: what the steps of `count` values are multiplied by. */
export function multiplierOf(input: Operand, scale: number, count: number): number {
  const multiplier = Math.fround(input.scale / Math.fround(scale * count));
  if (multiplier < Infinity) return multiplier;
  throw rangeError("scale", "a scale by which x's can be divided in float32", scale);
}

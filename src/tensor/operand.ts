// What integer operators ask of an operand: codes of 8 or 16 bits with one scale and zero.

import { checkWord, rangeError } from "../check.ts";
import { type CodeArray, codeType, type IntegerFormat } from "../formats.ts";
import type { CodeRange, Parameters } from "../quantizer.ts";
import { OPERAND_FORMATS, type Result, type ResultOptions, resultOf } from "./result.ts";
import { sizeOf } from "./shape.ts";
import { checkTensor, codeBytes, type QTensor, rangeOf } from "./tensor.ts";

/** What an operand is, wherever its codes are. */
export interface Operand {
  /** The codes' format. */
  readonly codes: IntegerFormat;
  /** The codes used of it. */
  readonly range: CodeRange;
  readonly scale: number;
  readonly zero: number;
  readonly shape: readonly number[];
  readonly length: number;
  /** The codes' type in the names of kernels. */
  readonly type: "i8" | "u8" | "i16";
  /** Bytes of a code. */
  readonly bytes: number;
}

/** A checked operand whose codes are in an array. */
export interface ArrayOperand extends Operand {
  readonly data: CodeArray;
}

/** The operand of some codes with one scale and zero. */
export function operandOf(
  codes: IntegerFormat,
  shape: readonly number[],
  { scale, zero }: Parameters,
  range: CodeRange = rangeOf(codes),
): Operand {
  const type = codeType(codes) as Operand["type"];
  return { codes, range, scale, zero, shape, length: sizeOf(shape), type, bytes: codeBytes(codes) };
}

/** The ABI constant of a type. */
export const CODE_CONSTANTS = { i8: "CODES_I8", u8: "CODES_U8", i16: "CODES_I16" } as const;

/** Checks an operand: one of `formats`, one scale and zero. */
export function checkOperand(x: QTensor, name: string, formats: readonly string[] = OPERAND_FORMATS): ArrayOperand {
  // a known format is told before what the data of that format would be
  if (x !== null && typeof x === "object" && "format" in x) checkWord(x.format, formats, `${name}.format`);
  const { row, range, grain } = checkTensor(x, name);
  if (grain.count !== 1) throw rangeError(`${name}.scale`, "one scale for the whole tensor", x.scale);
  const parameters = { scale: x.scale[0] as number, zero: x.zero[0] as number };
  return { ...operandOf(row as IntegerFormat, x.shape, parameters, range), data: x.data };
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

// What integer operators ask of an operand: codes of 8 or 16 bits with one scale and zero.

import { rangeError } from "../check.ts";
import type { CodeArray, IntegerFormat } from "../formats.ts";
import type { CodeRange } from "../quantizer.ts";
import { OPERAND_FORMATS, type Result, type ResultOptions, resultOf } from "./result.ts";
import { checkTensor, type QTensor } from "./tensor.ts";

/** A checked operand. */
export interface Operand {
  /** The codes' format. */
  readonly codes: IntegerFormat;
  /** The codes used of it. */
  readonly range: CodeRange;
  readonly scale: number;
  readonly zero: number;
  readonly shape: readonly number[];
  readonly length: number;
  readonly data: CodeArray;
}

/** Checks an operand: one of `formats`, one scale and zero. */
export function checkOperand(x: QTensor, name: string, formats: readonly string[] = OPERAND_FORMATS): Operand {
  const { codes, range, grain, length } = checkTensor(x, name);
  if (codes.kind !== "integer" || !formats.includes(x.format as string)) {
    throw rangeError(`${name}.format`, formats.map((format) => `"${format}"`).join(" or "), x.format);
  }
  if (grain.count !== 1) throw rangeError(`${name}.scale`, "one scale for the whole tensor", x.scale);
  const [scale, zero] = [x.scale[0] as number, x.zero[0] as number];
  return { codes, range, scale, zero, shape: x.shape, length, data: x.data };
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

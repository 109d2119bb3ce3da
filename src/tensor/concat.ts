// Quantized tensors side by side, and padded: codes are moved, and rescaled where scales differ.

import { checkAxis, checkInteger, checkIntegers, checkOptions, rangeError, typeError } from "../check.ts";
import type { CodeArray } from "../formats.ts";
import { fixedStep, integerScale, isAlike, mapCodes, realStep } from "./codemap.ts";
import { type ArrayOperand, checkOperand, type Operand, resultLike } from "./operand.ts";
import { RESULT_KEYS, type Result, type ResultOptions, resultOf, resultTensor } from "./result.ts";
import { sizeOf } from "./shape.ts";
import { codeArray, type QTensor } from "./tensor.ts";

/** Options of {@link concat}. */
export interface ConcatOptions extends Omit<ResultOptions, "scale"> {
  /** Along which tensors are joined; default 0. */
  readonly axis?: number;
  /** Of the result; default the first tensor's, and its zero. */
  readonly scale?: number | Float32Array;
}

/** The codes of an operand as the result has them. */
function rescaled(x: ArrayOperand, result: Result): CodeArray {
  if (isAlike(x, result)) return x.data;
  const step =
    result.arithmetic === "onnx"
      ? realStep(x, result, () => {})
      : fixedStep(x, result, { step: "RESCALE", above: integerScale(x.scale / result.scale) });
  return mapCodes(x, result.codes, step);
}

/** The shape of tensors joined along an axis. */
function joinedShape(operands: readonly Operand[], axis: number): number[] {
  const [first] = operands as [Operand];
  const shape = [...first.shape];
  for (const [i, operand] of operands.entries()) {
    if (i === 0) continue;
    const fits = operand.shape.length === shape.length && shape.every((n, j) => j === axis || n === operand.shape[j]);
    if (!fits) {
      const wanted = first.shape.map((extent, j) => (j === axis ? "any" : extent)).join(", ");
      throw rangeError(`tensors[${i}].shape`, `[${wanted}]`, operand.shape);
    }
    shape[axis] = (shape[axis] as number) + (operand.shape[axis] as number);
  }
  return shape;
}

/**
 * Joins quantized tensors along an axis. Codes of other scales are requantized: with arithmetic `"onnx"` dequantized and
 * quantized (equations 2 and 1), with the others as TensorFlow Lite's QUANTIZE of integers (equation 34).
 * @param tensors one or more, int8, uint8 or int16 with one scale each, of the same shape but for `axis`
 * @throws RangeError where shapes do not fit
 */
export function concat(tensors: readonly QTensor[], options: ConcatOptions = {}): QTensor {
  const { axis: given = 0, ...others } = checkOptions(options, ["axis", ...RESULT_KEYS], "concat");
  if (!Array.isArray(tensors)) throw typeError("tensors", "an array of quantized tensors", tensors);
  if (tensors.length === 0) throw rangeError("tensors", "at least one tensor", tensors);
  const operands = tensors.map((tensor, i) => checkOperand(tensor, `tensors[${i}]`));
  const [first] = operands as [ArrayOperand, ...ArrayOperand[]];
  const axis = checkAxis(given, first.shape);
  const result = resultLike(others, first);
  const shape = joinedShape(operands, axis);
  const data = new (codeArray(result.codes))(sizeOf(shape));
  const row = sizeOf(shape.slice(axis));
  let at = 0;
  for (const operand of operands) {
    const codes = rescaled(operand, result);
    const part = sizeOf(operand.shape.slice(axis));
    for (let from = 0, to = at; from < codes.length; from += part, to += row) {
      data.set(codes.subarray(from, from + part), to);
    }
    at += part;
  }
  return resultTensor(result, shape, data);
}

/** Options of {@link pad}. */
export interface PadOptions {
  /** Values before each axis, then values behind each axis: twice as many numbers as axes, none negative. */
  readonly pads: readonly number[];
  /** The code that fills; default the tensor's zero, which stands for 0. */
  readonly value?: number;
}

/**
 * A quantized tensor with a border.
 * @param x int8, uint8 or int16 with one scale; the result has its format, scale and zero
 */
export function pad(x: QTensor, options: PadOptions): QTensor {
  const { pads: given, value } = checkOptions(options, ["pads", "value"], "pad");
  const operand = checkOperand(x, "x");
  const { codes, scale, zero, shape, data } = operand;
  const rank = shape.length;
  const pads = checkIntegers(given, 2 * rank, 0, "pads");
  const result = resultOf({ scale, zero }, codes);
  const fill = value === undefined ? zero : checkInteger(value, result.range.lo, result.range.hi, "value");
  const padded = shape.map((extent, axis) => extent + (pads[axis] as number) + (pads[axis + rank] as number));
  const all = new (codeArray(codes))(sizeOf(padded)).fill(fill);
  const copy = (axis: number, from: number, to: number): void => {
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = sizeOf(padded.slice(axis + 1));
    const extent = shape[axis] as number;
    const start = to + (pads[axis] as number) * outer;
    if (axis >= rank - 1) all.set(data.subarray(from, from + extent), start);
    else for (let i = 0; i < extent; i++) copy(axis + 1, from + i * inner, start + i * outer);
  };
  if (rank === 0) all.set(data);
  else if (data.length > 0) copy(0, 0, 0);
  return resultTensor(result, padded, all);
}

// What the result of an integer operator is quantized to: format, scale, zero, and the clamp that a fused activation is
// (docs/math.md, equation 21).

import { checkScales, checkWord, checkZeros, rangeError, typeError } from "../check.ts";
import { checkFormat } from "../check-format.ts";
import type { CodeArray, FormatName, IntegerFormat } from "../formats.ts";
import { type CodeRange, codeRange, roundHalfAway, roundHalfEven } from "../quantizer.ts";
import type { QTensor } from "./tensor.ts";

/**
 * How an accumulator becomes a code: `"onnx"` multiplies in float32 and rounds half to even, `"tflite"` multiplies by an
 * integer and rounds twice, `"tflite-single"` once.
 */
export type Arithmetic = "onnx" | "tflite" | "tflite-single";

/** A fused activation that is a clamp; numbers are real values, -Infinity and Infinity among them. */
export type Clamp = "relu" | "relu6" | "relu_n1_to_1" | readonly [lo: number, hi: number];

/** Options that all integer operators share. */
export interface ResultOptions {
  /** Of the result: one positive finite number. */
  readonly scale: number | Float32Array;
  /** Of the result, a code of its format; default 0. */
  readonly zero?: number | Int32Array;
  /** `"int8"`, `"uint8"` or `"int16"`; default the first operand's. */
  readonly format?: "int8" | "uint8" | "int16";
  readonly activation?: Clamp;
  /** Default `"onnx"`. */
  readonly arithmetic?: Arithmetic;
}

/** The keys of {@link ResultOptions}. */
export const RESULT_KEYS = ["scale", "zero", "format", "activation", "arithmetic"] as const;

/** Checked {@link ResultOptions}. */
export interface Result {
  readonly codes: IntegerFormat;
  readonly scale: number;
  readonly zero: number;
  /** The codes left by format and activation. */
  readonly range: CodeRange;
  readonly arithmetic: Arithmetic;
}

/** All arithmetics. */
export const ARITHMETICS = ["onnx", "tflite", "tflite-single"] as const;

/** The ABI constant of an arithmetic's name. */
export const ARITHMETIC_CONSTANTS = {
  onnx: "ARITHMETIC_ONNX",
  tflite: "ARITHMETIC_TFLITE",
  "tflite-single": "ARITHMETIC_TFLITE_SINGLE",
} as const;

const CLAMPS = { relu: [0, Infinity], relu6: [0, 6], relu_n1_to_1: [-1, 1] } as const;

/** The activations that are a clamp and have a name. */
export const CLAMP_NAMES = ["relu", "relu6", "relu_n1_to_1"] as const;

/** The formats that integer operators read and write. */
export const OPERAND_FORMATS = ["int8", "uint8", "int16"] as const;

/** Checks what an operator's result is to be; `fallback` is the format of its first operand. */
export function resultOf(options: ResultOptions, fallback: IntegerFormat): Result {
  const row = (options.format === undefined ? fallback : checkFormat(options.format)) as IntegerFormat;
  checkWord(row.name, OPERAND_FORMATS, "format");
  const arithmetic = checkWord(options.arithmetic ?? "onnx", ARITHMETICS, "arithmetic");
  const all = codeRange(row.bits, row.signed, false);
  const [scale] = checkScales(options.scale, 1) as unknown as [number];
  const [zero] = checkZeros(options.zero, 1, all.lo, all.hi, row.name) as unknown as [number];
  return { codes: row, scale, zero, range: clampOf(options.activation, all, scale, zero, arithmetic), arithmetic };
}

/** The codes that an activation leaves: its ends quantized as the arithmetic rounds. */
function clampOf(
  activation: Clamp | undefined,
  all: CodeRange,
  scale: number,
  zero: number,
  arithmetic: Arithmetic,
): CodeRange {
  if (activation === undefined) return all;
  const [lo, hi] = intervalOf(activation);
  const round = arithmetic === "onnx" ? roundHalfEven : roundHalfAway;
  const code = (v: number) => Math.min(Math.max(round(Math.fround(v / scale)) + zero, all.lo), all.hi);
  return { lo: code(Math.fround(lo)), hi: code(Math.fround(hi)) };
}

function intervalOf(activation: Clamp): readonly [number, number] {
  if (typeof activation === "string") {
    return CLAMPS[checkWord(activation, CLAMP_NAMES, "activation")];
  }
  if (!Array.isArray(activation) || activation.length !== 2) {
    throw typeError("activation", `"relu", "relu6", "relu_n1_to_1" or [lo, hi]`, activation);
  }
  const [lo, hi] = activation as [number, number];
  if (typeof lo !== "number" || typeof hi !== "number" || !(lo <= hi)) {
    throw rangeError("activation", "[lo, hi] with lo <= hi", activation);
  }
  return [lo, hi];
}

/** A result's tensor. */
export function resultTensor({ codes, scale, zero }: Result, shape: readonly number[], data: CodeArray): QTensor {
  return { format: codes.name as FormatName, shape, data, scale: Float32Array.of(scale), zero: Int32Array.of(zero) };
}

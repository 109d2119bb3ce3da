// Layer normalization of quantized tensors (docs/math.md, equation 49).

import {
  checkAxis,
  checkCount,
  checkFiniteFloats,
  checkFloats,
  checkOptions,
  checkPositive,
  rangeError,
} from "../check.ts";
import { engine } from "../wasm/kernels.ts";
import { checkOperand } from "./operand.ts";
import { type ResultOptions, resultOf, resultTensor } from "./result.ts";
import { mapRows, quantizeRows } from "./rows.ts";
import { sizeOf, splitAt } from "./shape.ts";
import type { QTensor } from "./tensor.ts";

/** Options of {@link layerNorm}. */
export interface LayerNormOptions extends Pick<ResultOptions, "scale" | "zero" | "format" | "activation"> {
  /** The first of the axes that are normalized together; default the last. */
  readonly axis?: number;
  /** Factors, one per value of a row; default 1. */
  readonly gamma?: Float32Array;
  /** Summands, one per value of a row; default 0. */
  readonly beta?: Float32Array;
  /** Added to the variance; a positive number, default 1e-5. */
  readonly epsilon?: number;
}

const KEYS = ["axis", "gamma", "beta", "epsilon", "scale", "zero", "format", "activation"];

/** Values of a row whose exact moments fit an int64. */
const MOST = { 8: 2 ** 23, 16: 65536 };

function checkRow(given: unknown, depth: number, fallback: number, name: string): Float32Array {
  if (given === undefined) return new Float32Array(depth).fill(fallback);
  return checkFiniteFloats(checkCount(checkFloats(given, name), depth, "a place of a row", name), name);
}

/**
 * (x - mean) / sqrt(variance + epsilon) * gamma + beta over the axes from `axis` on, quantized. Mean and variance are exact;
 * the rest is float32 in the order of equation 49.
 * @param x int8, uint8 or int16 with one scale; rows of at most 2^23 values of 8 bits, 65,536 of 16
 * @throws RangeError where scale / sqrt(epsilon) is beyond float32
 */
export function layerNorm(x: QTensor, given: LayerNormOptions): QTensor {
  const options = checkOptions(given, KEYS, "layerNorm");
  const input = checkOperand(x, "x");
  const axis = checkAxis(options.axis ?? x.shape.length - 1, x.shape);
  const depth = sizeOf(x.shape.slice(axis));
  const rows = splitAt(x.shape, axis, x.shape.length);
  const most = MOST[input.codes.bits as 8 | 16];
  if (depth > most) throw rangeError("x.shape", `at most ${most} values a row of ${input.codes.name}`, depth);
  const { epsilon = 1e-5 } = options;
  checkPositive(epsilon, "epsilon");
  if (!Number.isFinite(Math.fround(input.scale / Math.sqrt(epsilon)))) {
    throw rangeError("epsilon", "a number whose square root divides x's scale to a float32", epsilon);
  }
  const gamma = checkRow(options.gamma, depth, 1, "gamma");
  const beta = checkRow(options.beta, depth, 0, "beta");
  const result = resultOf(options, input.codes);
  const running = engine();
  const { kernels, arena } = running;
  return arena.scope(() => {
    const weights = [arena.copy(gamma), arena.copy(beta)] as const;
    const data = mapRows(running, input, rows, result, (at, count, length, to) => {
      kernels.normalize_f32_f32(at, at, ...weights, count, length, input.scale, epsilon);
      quantizeRows(running, at, result, to, count * length);
    });
    return resultTensor(result, x.shape.slice(), data);
  });
}

// What becomes of the sums of a product: bias, fused activation, and the parameters of the result.

import { checkArray, checkCount, checkFloats, checkNumber, conflict, rangeError } from "../check.ts";
import type { IntegerFormat } from "../formats.ts";
import { roundHalfEven } from "../quantizer.ts";
import type { Output, Tables } from "./multipliers.ts";
import type { Operand } from "./operand.ts";
import type { Steps } from "./product.ts";
import { type Clamp, RESULT_KEYS, type ResultOptions, resultOf } from "./result.ts";
import { tablesWith } from "./tables.ts";

/** A bias: int32 (int64 for 16-bit activations) in steps of x.scale * w.scale, or float32. */
export type Bias = Int32Array | BigInt64Array | Float32Array;

/** Checks that the rows of x [..., k] meet the columns of a weight [n, k], and returns k. */
export function checkDepth(x: readonly number[], w: readonly number[]): number {
  const k = x.at(-1);
  if (k === undefined) throw rangeError("x.shape", "[..., k]", x);
  if (k !== w[1]) throw rangeError("w.shape", `[n, ${k}] for "x" of shape [${x.join(", ")}]`, w);
  return k;
}

/** A bias as a product takes it: in the accumulator's steps, or added to float32 results. */
interface CheckedBias {
  readonly bias: Steps | undefined;
  readonly offsets?: Float32Array;
}

/** A float32 bias in the accumulator's steps: half to even (docs/math.md, equation 53). */
function biasSteps(bias: Float32Array, x: Operand, scale: Float32Array): number[] {
  const most = 2 ** (x.codes.bits > 8 ? 53 : 31);
  return Array.from(bias, (b, i) => {
    const step = Math.fround(x.scale * (scale[scale.length === 1 ? 0 : i] as number));
    const steps = roundHalfEven(b / step);
    if (!(Math.abs(steps) < most)) throw rangeError(`bias[${i}]`, `a number within int32 steps of ${step}`, b);
    return steps;
  });
}

/** Checks a bias of `count` numbers. */
export function checkBias({ bias, output }: Finish, count: number, x: Operand, scale: Float32Array): CheckedBias {
  if (bias === undefined) return { bias };
  const kinds = [Int32Array, Float32Array, ...(x.codes.bits > 8 ? [BigInt64Array] : [])];
  checkArray(bias, kinds as never, "bias");
  checkCount(bias, count, "an output", "bias");
  if (bias instanceof BigInt64Array || bias instanceof Int32Array) return { bias };
  const floats = bias as Float32Array;
  return output === "float32" ? { bias: undefined, offsets: floats } : { bias: biasSteps(floats, x, scale) };
}

/** Options of the operators that accumulate. */
export interface ProductOptions extends Omit<ResultOptions, "activation"> {
  /** One number an output: integers in steps of x.scale * w.scale, or float32. */
  readonly bias?: Bias;
  /** A clamp, or a slope for negative sums, given as `alpha`. */
  readonly activation?: Clamp | "leaky_relu" | "prelu";
  /** The factor of negative sums: a number of `"leaky_relu"` (default 0.01), one an output of `"prelu"`. */
  readonly alpha?: number | Float32Array;
}

/** The keys of {@link ProductOptions}. */
export const PRODUCT_KEYS = ["bias", "alpha", ...RESULT_KEYS] as const;

const LEAK = 0.01;

/** Splits a fused activation into a clamp and slopes: one, or one an output. */
function checkActivation(options: ProductOptions, outputs: number): { clamp?: Clamp; slopes?: ArrayLike<number> } {
  const { activation, alpha } = options;
  if (activation === "prelu") {
    return { slopes: checkCount(checkFloats(alpha, "alpha"), outputs, "an output", "alpha") };
  }
  if (activation === "leaky_relu") return { slopes: [checkNumber(alpha ?? LEAK, "alpha")] };
  if (alpha !== undefined) throw conflict("alpha", "activation", `only "leaky_relu" and "prelu" have a slope`);
  return activation === undefined ? {} : { clamp: activation };
}

/** Checks what a product becomes: its parameters, and what writes its tables. */
export function checkProduct(options: ProductOptions, fallback: IntegerFormat, outputs: number) {
  const { clamp, slopes } = checkActivation(options, outputs);
  const { activation: _, ...rest } = options;
  const output = resultOf({ ...rest, ...(clamp && { activation: clamp }) }, fallback);
  return { output, tables: slopes || output.arithmetic !== "onnx" ? tablesWith(slopes) : undefined };
}

/** What becomes of the sums of a product. */
export interface Finish {
  readonly bias?: Bias | undefined;
  readonly output: Output;
  readonly tables?: Tables | undefined;
}

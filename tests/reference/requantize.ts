// From sums to codes (docs/math.md, equations 19 to 21): bias, multiplier, zero, clamp, in three arithmetics.
import { clamp, roundHalfEven } from "./affine.ts";
import {
  multiplyByMultiplier,
  multiplyByMultiplier64,
  multiplyByMultiplierOnce,
  quantizeMultiplier,
} from "./fixedpoint.ts";
import { ofChannel } from "./gemm.ts";

export type Arithmetic = "onnx" | "tflite" | "tflite-single";

/** Scales of the operands: x's, w's (one, or one an output channel), the result's. */
export interface Scales {
  readonly x: number;
  readonly w: ArrayLike<number>;
  readonly y: number;
  /**
   * Whether "tflite" multipliers take x's scale times w's in float32 first: TensorFlow Lite does so in fully_connected and
   * batch_matmul with one scale (GetQuantizedConvolutionMultipler), and not in convolutions or with a scale a channel
   * (PopulateConvolutionQuantizationParams). The recorded cases cannot tell: in one the multipliers differ, no output does.
   */
  readonly single?: boolean;
}

/** What the codes of a result are: zero, clamp, and how they are rounded. */
export interface Target {
  readonly arithmetic: Arithmetic;
  readonly zero: number;
  readonly lo: number;
  readonly hi: number;
  /** Of a leaky relu (one) or a prelu (one an output channel): what a negative sum is multiplied by besides. */
  readonly alpha?: ArrayLike<number>;
}

/** The real multiplier of a channel; alpha's, if given, is one step more. */
export function realMultiplier(
  { x, w, y, single }: Scales,
  channel: number,
  arithmetic: Arithmetic,
  alpha = 1,
): number {
  const scale = ofChannel(w, channel);
  if (arithmetic === "onnx") {
    return Math.fround(Math.fround(Math.fround(x * scale) / y) * Math.fround(alpha));
  }
  return ((single ? Math.fround(x * scale) : x * scale) / y) * Math.fround(alpha);
}

/** An integer multiplier of either sign: that of the magnitude, negated. */
function signedMultiplier(real: number): { multiplier: number; shift: number } {
  const { multiplier, shift } = quantizeMultiplier(Math.abs(real));
  return { multiplier: real < 0 ? -multiplier : multiplier, shift };
}

const INT32 = { lo: -(2 ** 31), hi: 2 ** 31 - 1 };

/** A sum times a real multiplier, rounded. `wide` sums are TensorFlow Lite's 64-bit ones. */
export function rescale(sum: number, real: number, arithmetic: Arithmetic, wide: boolean): number {
  if (arithmetic === "onnx") return roundHalfEven(Math.fround(Math.fround(sum) * real));
  const { multiplier, shift } = signedMultiplier(real);
  if (wide) return multiplyByMultiplier64(sum, multiplier, shift);
  const held = clamp(sum, INT32.lo, INT32.hi);
  const multiply = arithmetic === "tflite" ? multiplyByMultiplier : multiplyByMultiplierOnce;
  return multiply(held, multiplier, shift);
}

/** The code of a sum that has its bias. */
export function requantizeSum(sum: number, channel: number, scales: Scales, target: Target, wide: boolean): number {
  const alpha = sum < 0 && target.alpha ? ofChannel(target.alpha, channel) : 1;
  const real = realMultiplier(scales, channel, target.arithmetic, alpha);
  return clamp(rescale(sum, real, target.arithmetic, wide) + target.zero, target.lo, target.hi);
}

/** A bias as the sums have it: integers as they are, floats in steps of the float32 product of the scales, half to even. */
export function biasAt(
  bias: ArrayLike<number | bigint> | undefined,
  channel: number,
  scales: Pick<Scales, "x" | "w">,
): number {
  if (bias === undefined) return 0;
  const value = Number(bias[channel]);
  if (!(bias instanceof Float32Array)) return value;
  return roundHalfEven(value / Math.fround(scales.x * ofChannel(scales.w, channel)));
}

/** The codes of sums whose last axis is `channels` long. */
export function requantizeSums(
  sums: ArrayLike<number>,
  channels: number,
  bias: ArrayLike<number | bigint> | undefined,
  scales: Scales,
  target: Target,
  wide: boolean,
): number[] {
  return Array.from(sums, (sum, i) => {
    const channel = i % channels;
    return requantizeSum(sum + biasAt(bias, channel, scales), channel, scales, target, wide);
  });
}

function roundHalfAway(v: number): number {
  return v < 0 ? -Math.floor(0.5 - v) : Math.floor(v + 0.5);
}

/** The codes lo..hi of a format cut to those of a real interval. */
export function clampCodes(
  [low, high]: readonly [number, number],
  scale: number,
  zero: number,
  { lo, hi }: { lo: number; hi: number },
  arithmetic: Arithmetic,
): { lo: number; hi: number } {
  const round = arithmetic === "onnx" ? roundHalfEven : roundHalfAway;
  const code = (v: number): number => clamp(round(Math.fround(Math.fround(v) / scale)) + zero, lo, hi);
  return { lo: code(low), hi: code(high) };
}

// Batch norm folded into the linear operator or convolution before or after it (docs/math.md, equations 22 and 23): float64
// arithmetic, float32 results.

import {
  checkCount,
  checkFiniteFloats,
  checkFlag,
  checkFloats,
  checkInteger,
  checkOptions,
  checkShape,
  checkWord,
  conflict,
  rangeError,
  typeError,
} from "../check.ts";
import { type Channels, eachChannelRun, scaleChannels } from "./channels.ts";

/** The weight and bias of a linear operator or convolution. */
export interface FloatWeight {
  /** Row-major, of `shape`. */
  readonly weight: Float32Array;
  /** One an output; absent is 0. */
  readonly bias?: Float32Array;
  /**
   * [o, i] or [o, i / groups, ...spatial]; transposed [i, o] or [i, o / groups, ...spatial]; channels last
   * [o, ...spatial, i / groups], of a transposed convolution too.
   */
  readonly shape: readonly number[];
  /** Default 1. */
  readonly groups?: number;
  /** Of a transposed convolution, in ONNX's layout or channels last; and of ONNX's Gemm without transB. */
  readonly transposed?: boolean;
  /** Whether the input channels are the last axis, as in {@link conv2d} and {@link convTranspose2d}. */
  readonly channelsLast?: boolean;
}

/** Batch norm in inference: gamma (x - mean) / sqrt(variance + epsilon) + beta, a number a channel each. */
export interface BatchNorm {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** Default 1e-5. */
  readonly epsilon?: number;
}

/** Options of {@link foldBatchNorm}. */
export interface FoldOptions {
  /** Whether the batch norm comes after the operator (the default) or before it. */
  readonly direction?: "after" | "before";
  /** The convolution's padding, any number of sizes; only "before" asks for it. Default none. */
  readonly pads?: readonly number[];
}

/** A checked weight, and where its channels are. */
interface Layer {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly outputs: Channels;
  readonly inputs: Channels;
  readonly spatial: boolean;
  readonly transposed: boolean;
}

/** What a batch norm does to a channel: x scale + shift. */
interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

const LAYER_KEYS = ["weight", "bias", "shape", "groups", "transposed", "channelsLast"];
const NORM_KEYS = ["gamma", "beta", "mean", "variance", "epsilon"];

/** How many channels an axis stands for. */
function countOf({ shape, axis, groups = 1 }: Channels): number {
  return (shape[axis] as number) * groups;
}

function checkLayer(layer: FloatWeight): Layer {
  if (layer === undefined) throw typeError("layer", "{ weight, shape, ... }", layer);
  const { groups: g = 1, transposed, channelsLast } = checkOptions(layer, LAYER_KEYS, "foldBatchNorm's weight");
  const weight = checkFloats(layer.weight, "weight");
  const shape = checkShape(layer.shape, "shape", weight.length);
  if (shape.length < 2) throw rangeError("shape", "at least two sizes, [outputs, inputs]", shape);
  checkFlag(transposed, "transposed");
  checkFlag(channelsLast, "channelsLast");
  if (channelsLast && transposed && shape.length === 2) {
    throw conflict("channelsLast", "transposed", "a matrix whose last axis is the inputs is not transposed");
  }
  const isTurned = transposed === true && !channelsLast;
  const groups = checkInteger(g, 1, Math.max(shape[0] as number, 1), "groups");
  if ((shape[0] as number) % groups !== 0) throw rangeError("groups", `a divisor of ${shape[0]}`, groups);
  const first = { shape, axis: 0 };
  const second = { shape, axis: channelsLast ? shape.length - 1 : 1, groups };
  const [outputs, inputs] = isTurned ? [second, first] : [first, second];
  const count = countOf(outputs);
  const bias = layer.bias === undefined ? new Float32Array(count) : checkChannels(layer.bias, count, "bias");
  return { weight, bias, outputs, inputs, spatial: shape.length > 2, transposed: transposed === true };
}

function checkChannels(value: unknown, count: number, name: string): Float32Array {
  return checkCount(checkFloats(value, name), count, "a channel", name);
}

function checkNorm(norm: BatchNorm, channels: number): Affine {
  if (norm === undefined) throw typeError("norm", "{ gamma, beta, mean, variance }", norm);
  const { epsilon = 1e-5 } = checkOptions(norm, NORM_KEYS, "foldBatchNorm's batch norm");
  const [gamma, beta, mean, variance] = (["gamma", "beta", "mean", "variance"] as const).map((name) =>
    checkFiniteFloats(checkChannels(norm[name], channels, name), name),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  if (typeof epsilon !== "number") throw typeError("epsilon", "a number", epsilon);
  if (!(epsilon >= 0 && epsilon < Infinity)) throw rangeError("epsilon", "a finite number >= 0", epsilon);
  const scale = Float64Array.from(gamma, (g, c) => {
    const spread = (variance[c] as number) + epsilon;
    if (!(spread > 0))
      throw rangeError(`variance[${c}]`, "a variance that is positive with epsilon added", variance[c]);
    return g / Math.sqrt(spread);
  });
  return { scale, shift: scale.map((a, c) => (beta[c] as number) - (mean[c] as number) * a) };
}

/** Whether folding a batch norm into the operator behind it would change values at borders. */
function checkBorders({ spatial, transposed }: Layer, pads: readonly number[], { shift }: Affine): void {
  if (!spatial || shift.every((each) => each === 0)) return;
  if (transposed) {
    throw conflict(
      "direction",
      "transposed",
      "its outputs meet different numbers of kernel taps, so that no one bias holds the batch norm's shift",
    );
  }
  if (pads.some((pad) => pad !== 0)) {
    throw conflict(
      "direction",
      "pads",
      "zero padding comes behind the batch norm, so that its shift does not reach the border",
    );
  }
}

function checkPads(pads: readonly number[]): readonly number[] {
  if (!Array.isArray(pads)) throw typeError("pads", "an array of sizes", pads);
  for (const [i, pad] of pads.entries()) checkInteger(pad, 0, 2 ** 31, `pads[${i}]`);
  return pads;
}

/** What the shifts of the inputs add up to in each output, in float64, a run of one channel's weights at a time. */
function shiftedBias({ weight, bias, inputs, outputs }: Layer, shift: Float64Array): Float32Array {
  const sums = Float64Array.from(bias);
  const isTurned = outputs.axis > 0;
  const rowLength = weight.length / (outputs.shape[0] as number);
  // a run along the later axis is of one index of the first
  eachChannelRun(isTurned ? outputs : inputs, (channel, from, length) => {
    const row = Math.floor(from / rowLength);
    const [output, input] = isTurned ? [channel, row] : [row, channel];
    let sum = 0;
    for (let i = from; i < from + length; i++) sum += weight[i] as number;
    sums[output] = (sums[output] as number) + sum * (shift[input] as number);
  });
  return Float32Array.from(sums);
}

/**
 * The weight and bias of one operator that does what an operator and a batch norm do.
 * @param layer a linear operator or convolution of any number of spatial axes; grouped, depthwise, transposed
 * @param norm one number an output channel ("after") or input channel ("before"); gamma may be 0 or negative
 * @throws TypeError where folding a batch norm that comes before is not exact: with zero padding, or into a transposed
 *   convolution, unless every shift is 0
 */
export function foldBatchNorm(
  layer: FloatWeight,
  norm: BatchNorm,
  options?: FoldOptions,
): { weight: Float32Array; bias: Float32Array } {
  const { direction = "after", pads = [] } = checkOptions(options, ["direction", "pads"], "foldBatchNorm");
  checkWord(direction, ["after", "before"], "direction");
  checkPads(pads);
  const checked = checkLayer(layer);
  const { weight, bias, outputs, inputs } = checked;
  const channels = direction === "after" ? outputs : inputs;
  const affine = checkNorm(norm, countOf(channels));
  const { scale, shift } = affine;
  const scaled = scaleChannels(weight, channels, scale);
  if (direction === "before") {
    checkBorders(checked, pads, affine);
    return { weight: scaled, bias: shiftedBias(checked, shift) };
  }
  const { beta, mean } = norm;
  const folded = bias.map((b, c) => (beta[c] as number) + (scale[c] as number) * (b - (mean[c] as number)));
  return { weight: scaled, bias: folded };
}

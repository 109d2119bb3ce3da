// Batch norm folded into weights (docs/math.md, equations 22 and 23), index by index in float64.
import { at } from "./at.ts";

/** A weight [o, i / g, ...], transposed [i, o / g, ...], or channels last [o, ..., i / g]. */
export interface Layer {
  weight: ArrayLike<number>;
  bias: ArrayLike<number> | undefined;
  shape: readonly number[];
  groups: number;
  layout: "first" | "last" | "transposed";
}

export interface Norm {
  gamma: ArrayLike<number>;
  beta: ArrayLike<number>;
  mean: ArrayLike<number>;
  variance: ArrayLike<number>;
  epsilon: number;
}

/** The output and input channel of weight i. */
export function channelsOf(i: number, { shape, groups, layout }: Layer): { output: number; input: number } {
  const size = (extents: readonly number[]) => extents.reduce((a, b) => a * b, 1);
  const axis = layout === "last" ? shape.length - 1 : 1;
  const row = Math.floor(i / size(shape.slice(1)));
  const within = Math.floor(i / size(shape.slice(axis + 1))) % at(shape, axis);
  const group = Math.floor(row / (at(shape, 0) / groups));
  const other = group * at(shape, axis) + within;
  return layout === "transposed" ? { output: other, input: row } : { output: row, input: other };
}

export function outputCount({ shape, groups, layout }: Layer): number {
  return layout === "transposed" ? at(shape, 1) * groups : at(shape, 0);
}

function factor({ gamma, variance, epsilon }: Norm, c: number): number {
  return at(gamma, c) / Math.sqrt(at(variance, c) + epsilon);
}

/** Equation 22. */
export function foldAfter(layer: Layer, norm: Norm): { weight: Float32Array; bias: Float32Array } {
  const { weight, bias } = layer;
  const a = (c: number) => factor(norm, c);
  return {
    weight: Float32Array.from(weight, (w, i) => w * a(channelsOf(i, layer).output)),
    bias: Float32Array.from({ length: outputCount(layer) }, (_, o) => {
      return at(norm.beta, o) + a(o) * ((bias ? at(bias, o) : 0) - at(norm.mean, o));
    }),
  };
}

/** Equation 23. */
export function foldBefore(layer: Layer, norm: Norm): { weight: Float32Array; bias: Float32Array } {
  const { weight, bias } = layer;
  const sums = Float64Array.from({ length: outputCount(layer) }, (_, o) => (bias ? at(bias, o) : 0));
  const shift = (c: number) => at(norm.beta, c) - at(norm.mean, c) * factor(norm, c);
  let taps = 0;
  for (let i = 0; i < weight.length; i++) {
    const { output, input } = channelsOf(i, layer);
    const next = i + 1 < weight.length ? channelsOf(i + 1, layer) : undefined;
    taps += at(weight, i);
    if (next?.output === output && next.input === input) continue;
    sums[output] = at(sums, output) + taps * shift(input);
    taps = 0;
  }
  return {
    weight: Float32Array.from(weight, (w, i) => w * factor(norm, channelsOf(i, layer).input)),
    bias: Float32Array.from(sums),
  };
}

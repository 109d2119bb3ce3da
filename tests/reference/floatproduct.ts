// Products of float32 matrices and convolutions of float32 images, channels second, by docs/math.md, equations 54 to 57.
import { at } from "./at.ts";

const { fround } = Math;

/** (54): one value, from its factors in their order. */
export function floatDot(init: number, pairs: Iterable<readonly [number, number]>): number {
  let sum = fround(init);
  for (const [a, b] of pairs) sum = fround(sum + fround(fround(a) * fround(b)));
  return sum;
}

/** What a fused activation is made of. */
export interface FloatFinish {
  readonly slope?: number;
  readonly lo?: number;
  readonly hi?: number;
}

/** (57) */
export function floatFinish(
  sum: number,
  z: number | undefined,
  { slope = 1, lo = -Infinity, hi = Infinity }: FloatFinish,
) {
  let v = z === undefined ? sum : fround(sum + z);
  if (v < 0) v = fround(fround(slope) * v);
  if (v < fround(lo)) v = fround(lo);
  if (v > fround(hi)) v = fround(hi);
  return v;
}

/** An image's axis and the kernel along it. */
export interface FloatAxis {
  readonly input: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly output: number;
}

export interface FloatConvolution {
  readonly images: number;
  readonly channels: number;
  readonly outputs: number;
  readonly groups: number;
  readonly axes: readonly FloatAxis[];
}

/** All places of a shape, the last axis fastest. */
function* places(extents: readonly number[]): Generator<number[]> {
  const count = extents.reduce((all, extent) => all * extent, 1);
  for (let i = 0; i < count; i++) {
    let rest = i;
    const place: number[] = [];
    for (const extent of [...extents].reverse()) {
      place.unshift(rest % extent);
      rest = Math.floor(rest / extent);
    }
    yield place;
  }
}

const flat = (place: readonly number[], extents: readonly number[]) =>
  place.reduce((all, each, i) => all * at(extents, i) + each, 0);

/** The pixel that a tap meets; undefined where it adds nothing. */
type Meet = (axis: FloatAxis, output: number, tap: number) => number | undefined;

const slide: Meet = ({ stride, before, dilation }, output, tap) => output * stride - before + tap * dilation;

const spread: Meet = ({ stride, before, dilation }, output, tap) => {
  const pixel = (output + before - tap * dilation) / stride;
  return Number.isInteger(pixel) ? pixel : undefined;
};

/** Where a weight is: of an output channel and a channel of its group. */
type WeightAt = (output: number, channel: number) => number;

function convolve(
  { images, channels, outputs, groups, axes }: FloatConvolution,
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | undefined,
  meet: Meet,
  weightAt: WeightAt,
): Float32Array {
  const inputs = axes.map(({ input }) => input);
  const kernels = axes.map(({ kernel }) => kernel);
  const [pixels, taps] = [inputs, kernels].map((extents) => extents.reduce((all, extent) => all * extent, 1));
  const depth = channels / groups;
  const y: number[] = [];
  function* pairs(image: number, output: number, place: readonly number[]): Generator<[number, number]> {
    for (let channel = 0; channel < depth; channel++) {
      const from = image * channels + Math.floor(output / (outputs / groups)) * depth + channel;
      for (const tap of places(kernels)) {
        const met = axes.map((axis, i) => meet(axis, at(place, i), at(tap, i)));
        if (met.includes(undefined)) continue;
        const pixel = met as number[];
        const inside = pixel.every((each, i) => each >= 0 && each < at(inputs, i));
        const value = inside ? at(x, from * (pixels as number) + flat(pixel, inputs)) : 0;
        yield [at(w, weightAt(output, channel) * (taps as number) + flat(tap, kernels)), value];
      }
    }
  }
  for (let image = 0; image < images; image++) {
    for (let output = 0; output < outputs; output++) {
      for (const place of places(axes.map((axis) => axis.output))) {
        y.push(floatDot(bias ? at(bias, output) : 0, pairs(image, output, place)));
      }
    }
  }
  return Float32Array.from(y);
}

/** (55); w [outputs, channels / groups, ...kernel] */
export function floatConvolution(c: FloatConvolution, x: Float32Array, w: Float32Array, bias?: Float32Array) {
  const depth = c.channels / c.groups;
  return convolve(c, x, w, bias, slide, (output, channel) => output * depth + channel);
}

/** (56); w [channels, outputs / groups, ...kernel] */
export function floatTransposed(c: FloatConvolution, x: Float32Array, w: Float32Array, bias?: Float32Array) {
  const [depth, rows] = [c.channels / c.groups, c.outputs / c.groups];
  return convolve(c, x, w, bias, spread, (output, channel) => {
    return (Math.floor(output / rows) * depth + channel) * rows + (output % rows);
  });
}

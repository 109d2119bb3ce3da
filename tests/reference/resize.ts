// Resizing of x [n, h, w, c] to nearest pixels or by two-way interpolation (docs/math.md, equations 44 to 46).
import { roundHalfEven } from "./affine.ts";
import { at } from "./at.ts";

const { fround } = Math;

export type Alignment = "half_pixel" | "pytorch_half_pixel" | "align_corners" | "asymmetric";
export type Rounding = "round_prefer_floor" | "round_prefer_ceil" | "floor" | "ceil";

export interface ResizeCase {
  readonly shape: readonly number[];
  readonly codes: ArrayLike<number>;
  readonly size: readonly [number, number];
  readonly alignment: Alignment;
}

/** Equation 44: where place i of `output` places lies among `input` places, in float32 steps. */
export function coordinate(i: number, input: number, output: number, alignment: Alignment): number {
  if (alignment === "align_corners") return output === 1 ? 0 : fround(fround(i * (input - 1)) / fround(output - 1));
  const scale = fround(output / input);
  if (alignment === "asymmetric") return fround(i / scale);
  if (alignment === "pytorch_half_pixel" && output === 1) return 0;
  return fround(fround(fround(i + 0.5) / scale) - 0.5);
}

/** A coordinate as a place, by ONNX's nearest_mode. */
function place(v: number, input: number, rounding: Rounding): number {
  const below = Math.floor(v);
  const up = {
    round_prefer_floor: v - below > 0.5,
    round_prefer_ceil: v - below >= 0.5,
    floor: false,
    ceil: v > below,
  }[rounding];
  return Math.min(Math.max(below + (up ? 1 : 0), 0), input - 1);
}

/** TensorFlow Lite's nearest place. */
function placeTflite(i: number, input: number, output: number, alignment: Alignment): number {
  const corners = alignment === "align_corners";
  const scale = corners && output > 1 ? fround((input - 1) / fround(output - 1)) : fround(input / fround(output));
  const v = fround(fround(i + (alignment === "half_pixel" ? 0.5 : 0)) * scale);
  return Math.max(Math.min(corners ? Math.floor(v + 0.5) : Math.floor(v), input - 1), 0);
}

type Pick = (image: number, row: number, column: number, channel: number) => number;

function each(
  { shape, codes, size }: ResizeCase,
  value: (code: Pick, n: number, y: number, x: number, c: number) => number,
) {
  const [n = 0, height = 0, width = 0, channels = 0] = shape;
  const code: Pick = (image, row, column, channel) =>
    at(codes, ((image * height + row) * width + column) * channels + channel);
  const values: number[] = [];
  for (let image = 0; image < n; image++)
    for (let y = 0; y < size[0]; y++)
      for (let x = 0; x < size[1]; x++)
        for (let channel = 0; channel < channels; channel++) values.push(value(code, image, y, x, channel));
  return values;
}

export function resizeNearest(given: ResizeCase, rounding: Rounding | "tflite"): number[] {
  const [, height = 0, width = 0] = given.shape;
  const { size, alignment } = given;
  const source = (i: number, input: number, output: number) =>
    rounding === "tflite"
      ? placeTflite(i, input, output, alignment)
      : place(coordinate(i, input, output, alignment), input, rounding);
  return each(given, (code, image, y, x, channel) =>
    code(image, source(y, height, size[0]), source(x, width, size[1]), channel),
  );
}

/** Equation 45: the places around a coordinate, and the weight of the upper one. */
function around(i: number, input: number, output: number, alignment: Alignment) {
  const v = Math.min(Math.max(coordinate(i, input, output, alignment), 0), input - 1);
  const lower = Math.floor(v);
  return { lower, upper: Math.min(lower + 1, input - 1), weight: fround(v - lower) };
}

export function resizeBilinear(given: ResizeCase): number[] {
  const [, height = 0, width = 0] = given.shape;
  const { size, alignment } = given;
  const mix = (a: number, b: number, t: number) => fround(fround(a * fround(1 - t)) + fround(b * t));
  return each(given, (code, image, y, x, channel) => {
    const down = around(y, height, size[0], alignment);
    const across = around(x, width, size[1], alignment);
    const row = (r: number) =>
      mix(code(image, r, across.lower, channel), code(image, r, across.upper, channel), across.weight);
    return roundHalfEven(mix(row(down.lower), row(down.upper), down.weight)) + 0;
  });
}

/** Equation 46: TensorFlow Lite's places around a coordinate that has ten fractional bits. */
function aroundTflite(i: number, input: number, output: number, alignment: Alignment) {
  const corners = alignment === "align_corners" && output > 1;
  const [from, to] = corners ? [input - 1, output - 1] : [input, output];
  const scale = Math.floor((1024 * from + Math.floor(to / 2)) / to);
  const v = alignment === "half_pixel" ? i * scale + Math.floor(scale / 2) - 512 : i * scale;
  // TensorFlow Lite does not hold `lower` to the input, and reads behind it where the rounded scale leads there
  const lower = Math.min(Math.max(Math.trunc(v / 1024), 0), input - 1);
  return { lower, upper: Math.min(Math.trunc((v + 1023) / 1024), input - 1), weight: v - 1024 * lower };
}

export function resizeBilinearTflite(given: ResizeCase): number[] {
  const [, height = 0, width = 0] = given.shape;
  const { size, alignment } = given;
  return each(given, (code, image, y, x, channel) => {
    const down = aroundTflite(y, height, size[0], alignment);
    const across = aroundTflite(x, width, size[1], alignment);
    const sum =
      code(image, down.lower, across.lower, channel) * (1024 - down.weight) * (1024 - across.weight) +
      code(image, down.upper, across.lower, channel) * down.weight * (1024 - across.weight) +
      code(image, down.lower, across.upper, channel) * (1024 - down.weight) * across.weight +
      code(image, down.upper, across.upper, channel) * down.weight * across.weight;
    return Math.trunc((sum + (sum > 0 ? 1 : -1) * 2 ** 19) / 2 ** 20) + 0;
  });
}

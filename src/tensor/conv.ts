// Convolutions of quantized images in integers, channels last (docs/math.md, equations 50 to 52).

import { checkIntegers, checkOptions, rangeError } from "../check.ts";
import type { CodeArray } from "../formats.ts";
import { checkBias, checkProduct, type Finish, PRODUCT_KEYS, type ProductOptions } from "./finish.ts";
import { outputArray } from "./matmul.ts";
import type { Output } from "./multipliers.ts";
import { type ArrayOperand, checkOperand, type Operand } from "./operand.ts";
import { type PackedWeight, type PreparedWeight, withWeight } from "./prepare.ts";
import { type Geometry, movesOf, multiplier, type Pair, type Results, runArrays } from "./product.ts";
import { resultTensor } from "./result.ts";
import { reachOf } from "./sliding.ts";
import type { QTensor } from "./tensor.ts";

/** Where the kernel of a convolution goes. */
export interface Placement {
  /** [height, width], in one dimension a number; default 1 each. */
  readonly strides?: number | readonly number[];
  /** Rows and columns of zero points around the image: [top, left, bottom, right], in one dimension [left, right]; default 0. */
  readonly pads?: readonly number[];
  /** [height, width], in one dimension a number; default 1 each. */
  readonly dilations?: number | readonly number[];
  /** Default 1; as many as channels: a depthwise convolution. */
  readonly groups?: number;
}

/** Options of {@link conv2d} and {@link conv1d}. */
export interface ConvOptions extends ProductOptions, Placement {}

/** Options of {@link convTranspose2d}. */
export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns more at the bottom and the right: [height, width]; default 0. */
  readonly outputPads?: readonly number[];
}

/** The keys of {@link Placement}. */
export const PLACEMENT_KEYS = ["strides", "pads", "dilations", "groups"] as const;

const KEYS = [...PLACEMENT_KEYS, ...PRODUCT_KEYS];
const TRANSPOSE_KEYS = [...KEYS, "outputPads"];

/** Integers not less than what they are by default. */
function extentsOf(value: unknown, count: number, fallback: number, name: string): number[] {
  if (value === undefined) return new Array(count).fill(fallback);
  return checkIntegers(count === 1 && typeof value === "number" ? [value] : value, count, fallback, name);
}

/** A placement in two dimensions; one of one dimension is one line high. */
interface Placed {
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly before: Pair;
  readonly after: Pair;
}

function placementOf(options: Placement, dimensions: 1 | 2): Placed {
  const missing = dimensions === 1;
  const pair = (extents: number[], fallback: number) => (missing ? [fallback, ...extents] : extents) as unknown as Pair;
  const strides = pair(extentsOf(options.strides, dimensions, 1, "strides"), 1);
  const dilations = pair(extentsOf(options.dilations, dimensions, 1, "dilations"), 1);
  const pads = extentsOf(options.pads, 2 * dimensions, 0, "pads");
  return { strides, dilations, before: pair(pads.slice(0, dimensions), 0), after: pair(pads.slice(dimensions), 0) };
}

/** An image's extents: [n, h, w, c], or [n, w, c] as one line high. */
function imageOf(shape: readonly number[], dimensions: 1 | 2, name: "x" | "w"): [number, Pair, number] {
  const wanted = `[${name === "x" ? "images" : "outputs"}, ${dimensions === 1 ? "" : "height, "}width, channels]`;
  if (shape.length !== dimensions + 2) throw rangeError(`${name}.shape`, wanted, shape);
  const [first = 0, ...rest] = dimensions === 1 ? [shape[0] as number, 1, ...shape.slice(1)] : shape;
  return [first, [rest[0], rest[1]] as unknown as Pair, rest[2] as number];
}

/** The geometry of a convolution; `transposed` swaps the parts of input and output. */
function geometryOf(x: Operand, w: PackedWeight, placed: Placed, dimensions: 1 | 2, transposed?: Pair): Geometry {
  const [images, input, channels] = imageOf(x.shape, dimensions, "x");
  const [, kernel, depth] = imageOf(w.weight.shape, dimensions, "w");
  const { groups } = w.weight;
  if (depth * groups !== channels) {
    throw rangeError(
      "w.shape",
      `the last axis to be ${channels} channels of "x" in ${groups} group${groups === 1 ? "" : "s"}`,
      w.weight.shape,
    );
  }
  const { strides, dilations, before, after } = placed;
  const reaches = kernel.map((taps, i) =>
    reachOf({ kernel: taps, dilation: dilations[i] as number }),
  ) as unknown as Pair;
  const at = (i: 0 | 1) => (transposed ? spreadExtent(i) : slideExtent(i));
  const slideExtent = (i: 0 | 1) => {
    const padded = input[i] + before[i] + after[i];
    if (kernel[i] < 1 || reaches[i] > padded) {
      throw rangeError(
        "w.shape",
        `a kernel of 1..${padded}, the padded input's extent, where it spans ${reaches[i]}`,
        w.weight.shape,
      );
    }
    return Math.floor((padded - reaches[i]) / strides[i]) + 1;
  };
  const spreadExtent = (i: 0 | 1) => {
    const extent = (input[i] - 1) * strides[i] + reaches[i] + (transposed as Pair)[i] - before[i] - after[i];
    if (extent < 0 || kernel[i] < 1) throw rangeError("pads", "less than the output's extent", [...before, ...after]);
    return input[i] === 0 ? 0 : extent;
  };
  const output: Pair = [at(0), at(1)];
  return { images, input, channels, kernel, output, ...movesOf(placed, transposed !== undefined) };
}

/** The sums of a convolution, as `output` wants them. */
function convolve(x: ArrayOperand, w: PackedWeight, geometry: Geometry, finish: Finish): Results {
  const checked = checkBias(finish, w.weight.columns, x, w.weight.scale);
  const { images, output: extents } = geometry;
  const data = outputArray(finish.output, images * extents[0] * extents[1] * w.weight.columns);
  const product = { ...finish, ...checked, x, w, geometry };
  runArrays(w.engine, (take) => multiplier(product, take), x.data, data);
  return data;
}

function run(x: QTensor, w: QTensor | PreparedWeight, options: ConvOptions, dimensions: 1 | 2, more?: Pair): QTensor {
  const operand = checkOperand(x, "x");
  const finish = checkProduct(options, operand.codes, w?.shape?.[0] ?? 0);
  return withWeight(w, options.groups ?? 1, (packed) => {
    const geometry = geometryOf(operand, packed, placementOf(options, dimensions), dimensions, more);
    const data = convolve(operand, packed, geometry, { bias: options.bias, ...finish });
    const extents = geometry.output.slice(2 - dimensions);
    return resultTensor(finish.output, [geometry.images, ...extents, packed.weight.columns], data as CodeArray);
  });
}

/**
 * Convolution of images, requantized.
 * @param x int8, uint8 or int16 of shape [n, h, w, c], one scale and zero
 * @param w int8, uint8, int4 or uint4 of shape [o, kh, kw, c / groups], one scale and zero or one of each per output; or prepared
 * @returns shape [n, oh, ow, o]; oh = floor((h + top + bottom - dilation (kh - 1) - 1) / stride) + 1
 * @throws RangeError where shapes do not fit, or the kernel is larger than the padded image
 */
export function conv2d(x: QTensor, w: QTensor | PreparedWeight, options: ConvOptions): QTensor {
  return run(x, w, checkOptions(options, KEYS, "conv2d"), 2);
}

/** {@link conv2d} in one dimension: x [n, w, c], w [o, kw, c / groups]; strides and dilations are numbers, pads [left, right]. */
export function conv1d(x: QTensor, w: QTensor | PreparedWeight, options: ConvOptions): QTensor {
  return run(x, w, checkOptions(options, KEYS, "conv1d"), 1);
}

/**
 * Transposed convolution of images, requantized: what is at pixel p of the input meets the outputs from `p stride - pad` on.
 * @param w shape [o, kh, kw, c / groups]
 * @returns shape [n, oh, ow, o]; oh = (h - 1) stride + dilation (kh - 1) + 1 + outputPad - top - bottom
 */
export function convTranspose2d(x: QTensor, w: QTensor | PreparedWeight, options: ConvTransposeOptions): QTensor {
  const { outputPads, ...rest } = checkOptions(options, TRANSPOSE_KEYS, "convTranspose2d");
  return run(x, w, rest, 2, extentsOf(outputPads, 2, 0, "outputPads") as unknown as Pair);
}

/** The sums of a convolution in two dimensions, before any requantization. */
export function accumulateConv(
  x: ArrayOperand,
  w: QTensor | PreparedWeight,
  options: Placement,
  output: Output,
): Results {
  return withWeight(w, options.groups ?? 1, (packed) => {
    return convolve(x, packed, geometryOf(x, packed, placementOf(options, 2), 2), { output });
  });
}

// Convolutions of codes, with the sums as they are or requantized. ONNX has channels second; the integer kernels have them last, as
// nodes have them that say `channels_last`.

import type { FormatName } from "../../formats.ts";
import { movesOf, multiplier, type Pair, type Product, resultBytes } from "../../tensor/product.ts";
import { sizeOf } from "../../tensor/shape.ts";
import type { Axis } from "../../tensor/sliding.ts";
import type { Take } from "../../wasm/arena.ts";
import { intOf } from "../attributes.ts";
import { imagesOf } from "../convolution.ts";
import type { Call, Known, Operator, Place, Site } from "../operator.ts";
import {
  biasOf,
  checkBias,
  checkOperand,
  codesOf,
  exchanged,
  exchangedTo,
  INTEGERS,
  imageOf,
  type Operands,
  outputOf,
  type Plane,
  programRow,
  QUANTIZED,
  resultFormat,
  weightsOf,
} from "../quantized.ts";
import { input } from "../site.ts";
import { slidingAxes, threeAxes } from "../windows.ts";
import { spreadingAxes } from "./conv-transpose.ts";
import { OWN } from "./quantizer.ts";

/** Where the operands of a convolution are among a node's inputs. */
interface Convolution extends Operands {
  readonly bias?: number;
  readonly isTransposed?: boolean;
}

/** A convolution's images and its axes. */
function geometryOf(site: Site, { a, b, bias, isTransposed }: Convolution) {
  const [first = 0, second = 0] = input(site, b.codes).shape;
  const w = checkOperand(site, b, isTransposed ? second * intOf(site.node, "group", 1) : first);
  const x = checkOperand(site, a);
  const { isLast, images: count, channels, extents, shaped } = imageOf(site, x);
  const images = imagesOf(site, { ...x, shape: [count, channels, ...extents] }, w, 2, isTransposed);
  if (bias !== undefined) checkBias(site, bias, "int32", images.outputs);
  const axes = isTransposed ? spreadingAxes(site, images) : slidingAxes(site, images.inputs, images.kernels);
  return { images, isLast, axes, shaped };
}

/** What is known of the result. */
function inferConvolution(site: Site, at: Convolution, format: FormatName): Known[] {
  const { images, axes, shaped } = geometryOf(site, at);
  const extents = axes.map(({ output }) => output);
  return [{ format, shape: shaped(extents, images.outputs) }];
}

/** What computes a convolution. */
function convolution(
  call: Call,
  y: Place,
  at: Convolution,
  finish: Pick<Product, "bias" | "output" | "tables">,
  take: Take,
) {
  const { images: of, isLast, axes } = geometryOf(call, at);
  const { images, channels, outputs, groups } = of;
  const [, rows, columns] = threeAxes(axes);
  const pair = (field: keyof Axis): Pair => [rows[field], columns[field]];
  const { isTransposed = false } = at;
  const depth = channels / groups;
  const kernel = pair("kernel");
  const taps = sizeOf(kernel);
  const from: Plane = isTransposed ? [groups, depth, (outputs / groups) * taps] : [outputs, depth, taps];
  const arrangement = { shape: [outputs, ...kernel, depth], groups, from };
  const [w] = weightsOf(call, at.b, arrangement, take);
  const geometry = {
    ...{ images, channels, kernel, input: pair("input"), output: pair("output") },
    ...movesOf({ strides: pair("stride"), dilations: pair("dilation"), before: pair("before") }, isTransposed),
  };
  const operand = codesOf(call, at.a, [images, ...geometry.input, channels]);
  const run = w && multiplier({ ...finish, x: operand, w, geometry }, take);
  const { engine } = call.store;
  const x = input(call, at.a.codes);
  if (isLast) return () => run?.(x.at, y.at);
  const [pixels, results] = [sizeOf(geometry.input), sizeOf(geometry.output)];
  return () => {
    const from = exchanged(engine, [images, channels, pixels], x.at);
    exchangedTo(engine, [images, results, outputs], resultBytes(finish.output), y.at, (to) => run?.(from, to));
  };
}

const ConvInteger = programRow(
  (site) => inferConvolution(site, INTEGERS, "int32"),
  (call, y, take) => convolution(call, y, INTEGERS, { output: "sums", bias: undefined }, take),
);

/** A convolution whose result is requantized, or float32 where it has no scale. */
function quantizedConvolution(isTransposed: boolean): Operator {
  const at = { ...QUANTIZED, bias: 8, isTransposed };
  return programRow(
    (site) => inferConvolution(site, at, site.inputs[6] ? resultFormat(site, 6, 7) : "float32"),
    (call, y, take) => {
      const finish = { ...outputOf(call, y, 6, 7), bias: biasOf<Int32Array>(call, 8) };
      return convolution(call, y, at, finish, take);
    },
  );
}

const QLinearConv = quantizedConvolution(false);

export const QUANTIZED_CONVOLUTIONS: Readonly<Record<string, Operator>> = {
  ConvInteger,
  QLinearConv,
  "com.microsoft:QLinearConv": QLinearConv,
  [`${OWN}:QLinearConvTranspose`]: quantizedConvolution(true),
};

// Convolutions of codes, with the sums as they are or requantized. ONNX has channels second; the integer kernels have them last, as
// nodes have them that say `channels_last`.

import type { FormatName } from "../../formats.ts";
import { multiplier, type Pair, type Product, resultBytes } from "../../tensor/product.ts";
import { sizeOf } from "../../tensor/shape.ts";
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
  type Operands,
  outputOf,
  programRow,
  QUANTIZED,
  resultFormat,
  weightsOf,
} from "../quantized.ts";
import { input } from "../site.ts";
import { type Axis, slidingAxes, threeAxes } from "../windows.ts";

/** Where the operands of a convolution are among a node's inputs. */
interface Convolution extends Operands {
  readonly bias?: number;
}

/** A convolution's images and its axes. */
function geometryOf(site: Site, { a, b, bias }: Convolution) {
  const w = checkOperand(site, b, input(site, b.codes).shape[0]);
  const x = checkOperand(site, a);
  const isLast = intOf(site.node, "channels_last", 0) !== 0;
  const [count = 0, ...rest] = x.shape;
  const shape = isLast && rest.length > 0 ? [count, rest.at(-1) as number, ...rest.slice(0, -1)] : x.shape;
  const images = imagesOf(site, { ...x, shape }, w, 2);
  if (bias !== undefined) checkBias(site, bias, "int32", images.outputs);
  return { images, isLast, axes: slidingAxes(site, images.inputs, images.kernels) };
}

/** What is known of the result. */
function inferConvolution(site: Site, at: Convolution, format: FormatName): Known[] {
  const { images, isLast, axes } = geometryOf(site, at);
  const extents = axes.map(({ output }) => output);
  const pixels = isLast ? [...extents, images.outputs] : [images.outputs, ...extents];
  return [{ format, shape: [images.images, ...pixels] }];
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
  const depth = channels / groups;
  const kernel = pair("kernel");
  const arrangement = {
    shape: [outputs, ...kernel, depth],
    groups,
    from: [outputs, depth, sizeOf(kernel)] as const,
  };
  const [w] = weightsOf(call, at.b, arrangement, take);
  const geometry = {
    ...{ images, channels, kernel, input: pair("input"), output: pair("output") },
    ...{ strides: pair("stride"), dilations: pair("dilation"), before: pair("before"), spread: [1, 1] as const },
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

const CONVOLUTION: Convolution = { ...QUANTIZED, bias: 8 };

const QLinearConv = programRow(
  (site) => inferConvolution(site, CONVOLUTION, site.inputs[6] ? resultFormat(site, 6, 7) : "float32"),
  (call, y, take) => {
    const finish = { ...outputOf(call, y, 6, 7), bias: biasOf<Int32Array>(call, 8) };
    return convolution(call, y, CONVOLUTION, finish, take);
  },
);

export const QUANTIZED_CONVOLUTIONS: Readonly<Record<string, Operator>> = {
  ConvInteger,
  QLinearConv,
  "com.microsoft:QLinearConv": QLinearConv,
};

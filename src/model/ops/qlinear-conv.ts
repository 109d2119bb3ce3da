// Convolutions of codes, with the sums as they are or requantized. ONNX has channels second, the integer kernels have them last.

import { nodeError } from "../../check.ts";
import { multiplier, type Pair, type Product, resultBytes } from "../../tensor/product.ts";
import { sizeOf } from "../../tensor/shape.ts";
import type { Take } from "../../wasm/arena.ts";
import { intOf } from "../attributes.ts";
import type { Call, Operator, Place, Site } from "../operator.ts";
import {
  biasOf,
  checkBias,
  checkOperand,
  codesOf,
  exchanged,
  exchangedTo,
  INTEGERS,
  type Operands,
  programRow,
  QUANTIZED,
  resultFormat,
  resultOf,
  weightsOf,
} from "../quantized.ts";
import { input } from "../site.ts";
import { type Axis, slidingAxes, threeAxes } from "../window.ts";

/** Where the operands of a convolution are among a node's inputs. */
interface Convolution extends Operands {
  readonly bias?: number;
}

/** Images and kernels of a convolution in one or two dimensions. */
interface Images {
  readonly images: number;
  readonly channels: number;
  readonly outputs: number;
  readonly groups: number;
  readonly axes: readonly Axis[];
  /** Of the result. */
  readonly shape: readonly number[];
}

function imagesOf(site: Site, { a, b, bias }: Convolution): Images {
  const { node } = site;
  const x = checkOperand(site, a);
  const w = checkOperand(site, b, input(site, b.codes).shape[0]);
  const groups = intOf(node, "group", 1);
  const [images = 0, channels = 0, ...extents] = x.shape;
  const [outputs = 0, depth = 0, ...kernel] = w.shape;
  if (extents.length < 1 || extents.length > 2 || kernel.length !== extents.length) {
    throw nodeError(node, `expected images of one or two axes and such a kernel, got [${x.shape}] and [${w.shape}]`);
  }
  if (groups < 1 || depth * groups !== channels || outputs % groups !== 0) {
    throw nodeError(node, `expected ${channels} channels and ${outputs} outputs in ${groups} groups, got [${w.shape}]`);
  }
  if (bias !== undefined) checkBias(site, bias, "int32", outputs);
  const axes = slidingAxes(site, extents, kernel);
  return { images, channels, outputs, groups, axes, shape: [images, outputs, ...axes.map(({ output }) => output)] };
}

/** What computes a convolution. */
function convolution(call: Call, y: Place, at: Convolution, finish: Pick<Product, "bias" | "output">, take: Take) {
  const { images, channels, outputs, groups, axes } = imagesOf(call, at);
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
  const [pixels, results] = [sizeOf(geometry.input), sizeOf(geometry.output)];
  return () => {
    const from = exchanged(engine, [images, channels, pixels], x.at);
    exchangedTo(engine, [images, results, outputs], resultBytes(finish.output), y.at, (to) => run?.(from, to));
  };
}

const ConvInteger = programRow(
  (site) => [{ format: "int32", shape: imagesOf(site, INTEGERS).shape }],
  (call, y, take) => convolution(call, y, INTEGERS, { output: "sums", bias: undefined }, take),
);

const CONVOLUTION: Convolution = { ...QUANTIZED, bias: 8 };

const QLinearConv = programRow(
  (site) => [{ format: resultFormat(site, 6, 7), shape: imagesOf(site, CONVOLUTION).shape }],
  (call, y, take) => {
    const finish = { output: resultOf(call, y, 6, 7), bias: biasOf<Int32Array>(call, 8) };
    return convolution(call, y, CONVOLUTION, finish, take);
  },
);

export const QUANTIZED_CONVOLUTIONS: Readonly<Record<string, Operator>> = { ConvInteger, QLinearConv };

// Convolutions of codes, with the sums as they are or requantized. ONNX has channels second, the integer kernels have them last.

import { nodeError } from "../../check.ts";
import type { CodeArray } from "../../formats.ts";
import { accumulate } from "../../tensor/accumulate.ts";
import { conv2d } from "../../tensor/conv.ts";
import { sizeOf } from "../../tensor/shape.ts";
import type { QTensor } from "../../tensor/tensor.ts";
import { intOf } from "../attributes.ts";
import type { Call, Operator, Site } from "../operator.ts";
import {
  arrayRow,
  biasOf,
  checkBias,
  checkOperand,
  exchanged,
  INTEGERS,
  type Operands,
  operandOf,
  QUANTIZED,
  resultFormat,
  resultOf,
  weightOf,
} from "../quantized.ts";
import { input } from "../site.ts";
import { lined, type Windows, windowsOf } from "../windows.ts";

/** Where the operands of a convolution are among a node's inputs. */
interface Convolution extends Operands {
  readonly bias?: number;
}

/** Images and kernels of a convolution in two dimensions; those of one dimension are one line high. */
interface Images {
  readonly shape: readonly number[];
  readonly channels: number;
  readonly pixels: number;
  readonly kernel: readonly number[];
  readonly groups: number;
  readonly windows: Windows;
  readonly output: readonly number[];
}

function imagesOf(site: Site, { a, b, bias }: Convolution): Images {
  const x = checkOperand(site, a);
  const w = checkOperand(site, b, input(site, b.codes).shape[0]);
  const groups = intOf(site.node, "group", 1);
  const [images = 0, channels = 0, ...extents] = x.shape;
  const [outputs = 0, depth = 0, ...kernel] = w.shape;
  if (extents.length < 1 || extents.length > 2 || kernel.length !== extents.length) {
    throw nodeError(
      site.node,
      `expected images of one or two axes and such a kernel, got [${x.shape}] and [${w.shape}]`,
    );
  }
  if (groups < 1 || depth * groups !== channels || outputs % groups !== 0) {
    throw nodeError(
      site.node,
      `expected ${channels} channels and ${outputs} outputs in ${groups} groups, got [${w.shape}]`,
    );
  }
  if (bias !== undefined) checkBias(site, bias, "int32", outputs);
  const windows = windowsOf(site, extents, kernel);
  const [height, width] = lined(extents, 1);
  return {
    ...{ channels, groups, windows },
    shape: [images, height, width, channels],
    pixels: sizeOf(extents),
    kernel: [outputs, ...lined(kernel, 1), depth],
    output: [images, outputs, ...windows.output],
  };
}

/** Both operands of a convolution, channels last, and its placement. */
function convolutionOf(call: Call, convolution: Convolution) {
  const { shape, channels, pixels, kernel, groups, windows, output } = imagesOf(call, convolution);
  const operand = operandOf(call, convolution.a);
  const x = (): QTensor => {
    const { data, ...rest } = operand();
    return { ...rest, shape, data: exchanged(call, data, shape[0] as number, channels, pixels) };
  };
  const taps = (kernel[1] as number) * (kernel[2] as number);
  const w = weightOf(
    call,
    convolution.b,
    `channels last in ${groups} groups`,
    ({ format, data }) => {
      const moved = exchanged(call, data as CodeArray, kernel[0] as number, kernel[3] as number, taps);
      return { weight: { format, shape: kernel, data: moved }, axis: 0 };
    },
    groups,
  );
  const { strides, dilations, before, after } = windows;
  const placement = {
    strides: lined(strides, 1),
    dilations: lined(dilations, 1),
    pads: [...lined(before, 0), ...lined(after, 0)],
    groups,
  };
  const [images = 0, outputs = 0, ...extents] = output;
  /** Results with channels second. */
  const back = <A extends CodeArray>(data: A): A => exchanged(call, data, images, sizeOf(extents), outputs);
  return { x, w, placement, back };
}

const ConvInteger = arrayRow(
  (site) => [{ format: "int32", shape: imagesOf(site, INTEGERS).output }],
  (call) => {
    const { x, w, placement, back } = convolutionOf(call, INTEGERS);
    return () => back(accumulate(x(), w(), placement) as Int32Array);
  },
);

const CONVOLUTION: Convolution = { ...QUANTIZED, bias: 8 };

const QLinearConv = arrayRow(
  (site) => [{ format: resultFormat(site, 6, 7), shape: imagesOf(site, CONVOLUTION).output }],
  (call) => {
    const { x, w, placement, back } = convolutionOf(call, CONVOLUTION);
    const [y, bias] = [resultOf(call, 6, 7), biasOf<Int32Array>(call, 8)];
    return () => back(conv2d(x(), w(), { ...placement, ...y(), ...bias() }).data);
  },
);

export const QUANTIZED_CONVOLUTIONS: Readonly<Record<string, Operator>> = { ConvInteger, QLinearConv };

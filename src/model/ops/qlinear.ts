// Functions of codes that give codes: elementwise, pools, softmax, concatenation.

import { nodeError } from "../../check.ts";
import type { CodeArray } from "../../formats.ts";
import { activate } from "../../tensor/activate.ts";
import { add, mul } from "../../tensor/binary.ts";
import { expand } from "../../tensor/broadcast.ts";
import { concat } from "../../tensor/concat.ts";
import { averagePool2d } from "../../tensor/pool.ts";
import { requantize } from "../../tensor/quantize.ts";
import { reduceMean } from "../../tensor/reduce.ts";
import { broadcastShape, runsOf, sizeOf } from "../../tensor/shape.ts";
import { softmax } from "../../tensor/softmax.ts";
import type { QTensor, Tensor } from "../../tensor/tensor.ts";
import { floatOf, intOf, intsOf } from "../attributes.ts";
import type { Call, Known, Operator, Site } from "../operator.ts";
import {
  arrayRow,
  checkOperand,
  exchanged,
  type Operand,
  operandOf,
  QUANTIZED,
  type ResultParameters,
  resultFormat,
  resultOf,
  tensorOf,
} from "../quantized.ts";
import { axisOf, checkFormats, input } from "../site.ts";
import { lined, windowsOf } from "../windows.ts";

const { a: A, b: B } = QUANTIZED;

const sameShape = (_: Site, { shape }: Known) => shape;

/** A function of one tensor whose result is quantized as inputs 3 and 4 say. */
function single(
  compute: (x: QTensor, y: ResultParameters, call: Call) => QTensor,
  shapeOf: (site: Site, x: Known) => readonly number[] = sameShape,
): Operator {
  return arrayRow(
    (site) => [{ format: resultFormat(site, 3, 4), shape: shapeOf(site, checkOperand(site, A)) }],
    (call) => {
      const [x, y] = [operandOf(call, A), resultOf(call, 3, 4)];
      return () => compute(x(), y(), call).data;
    },
  );
}

/** A function of two tensors that broadcast. */
function pair(compute: (a: QTensor, b: QTensor, y: ResultParameters) => QTensor): Operator {
  return arrayRow(
    (site) => {
      const [a, b] = [checkOperand(site, A), checkOperand(site, B)];
      const shape = broadcastShape(a.shape, b.shape);
      if (!shape) throw nodeError(site.node, `expected shapes that broadcast, got [${a.shape}] and [${b.shape}]`);
      return [{ format: resultFormat(site, 6, 7), shape }];
    },
    (call) => {
      const [a, b, y] = [operandOf(call, A), operandOf(call, B), resultOf(call, 6, 7)];
      return () => compute(a(), b(), y()).data;
    },
  );
}

/** Before opset 13 a softmax took all axes from its own on for one. */
function softmaxOf(x: QTensor, y: ResultParameters, site: Site): QTensor {
  const { shape } = x;
  const axis = axisOf(site, intOf(site.node, "axis", -1), shape.length);
  if (intOf(site.node, "opset", 13) >= 13) return softmax(x, { ...y, axis });
  const rows = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))];
  return { ...softmax({ ...x, shape: rows }, y), shape };
}

/** An image's channels and spatial axes, wherever its channels are. */
function imageOf({ node }: Site, { shape }: Known) {
  if (shape.length < 3) throw nodeError(node, `expected images of three axes or more, got [${shape}]`);
  const isLast = intOf(node, "channels_last", 0) !== 0;
  const [images = 0, ...rest] = shape;
  const channels = (isLast ? rest.pop() : rest.shift()) as number;
  const shaped = (extents: readonly number[]) =>
    isLast ? [images, ...extents, channels] : [images, channels, ...extents];
  return { isLast, images, channels, extents: rest, shaped };
}

function globalMean(x: QTensor, y: ResultParameters, site: Site): QTensor {
  const { isLast, extents } = imageOf(site, x as Known);
  const axes = extents.map((_, i) => i + (isLast ? 1 : 2));
  return reduceMean(x, { ...y, axes, keepDims: true });
}

function pooledWindows(site: Site, x: Known) {
  const image = imageOf(site, x);
  if (image.extents.length > 2) throw nodeError(site.node, `expected images of one or two axes, got [${x.shape}]`);
  return { ...image, windows: windowsOf(site, image.extents) };
}

function averagePool(x: QTensor, y: ResultParameters, call: Call): QTensor {
  const { isLast, images, channels, extents, windows } = pooledWindows(call, x as Known);
  const { kernel, strides, dilations, before, after, ceil, output } = windows;
  const shape = [images, ...lined(extents, 1), channels];
  const data = isLast ? x.data : exchanged(call, x.data, images, channels, sizeOf(extents));
  const pooled = averagePool2d(
    { ...x, shape, data },
    {
      ...y,
      kernel: lined(kernel, 1),
      strides: lined(strides, 1),
      dilations: lined(dilations, 1),
      pads: [...lined(before, 0), ...lined(after, 0)],
      ceil,
      countIncludePad: intOf(call.node, "count_include_pad", 0) !== 0,
    },
  );
  return isLast ? pooled : { ...pooled, data: exchanged(call, pooled.data, images, sizeOf(output), channels) };
}

/** The axes of a mean: all, where none are named. */
function meanAxes(site: Site, { shape }: Known): number[] {
  const axes = intsOf(site.node, "axes", []).map((axis) => axisOf(site, axis, shape.length));
  return axes.length === 0 ? [...shape.keys()] : axes;
}

const keepsDims = ({ node }: Site) => intOf(node, "keepdims", 1) !== 0;

const QLinearReduceMean = single(
  (x, y, site) => reduceMean(x, { ...y, axes: meanAxes(site, x as Known), keepDims: keepsDims(site) }),
  (site, x) => {
    const axes = meanAxes(site, x);
    const left = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    return keepsDims(site) ? left : left.filter((_, axis) => !axes.includes(axis));
  },
);

/** The tensors of a QLinearConcat: codes, scale and zero each, behind the result's scale and zero. */
function parts(site: Site): Operand[] {
  const count = site.inputs.length - 2;
  if (count < 3 || count % 3 !== 0) {
    throw nodeError(site.node, `expected 2 inputs and 3 for every tensor, got ${site.inputs.length}`);
  }
  return Array.from({ length: count / 3 }, (_, i) => ({ codes: 3 * i + 2, scale: 3 * i + 3, zero: 3 * i + 4 }));
}

function concatAxis(site: Site): number {
  const axis = intOf(site.node, "axis", undefined);
  if (axis === undefined) throw nodeError(site.node, `expected an attribute "axis", got none`);
  return axisOf(site, axis, input(site, 2).shape.length);
}

const QLinearConcat = arrayRow(
  (site) => {
    const tensors = parts(site).map((part) => checkOperand(site, part));
    const axis = concatAxis(site);
    const shape = [...input(site, 2).shape];
    shape[axis] = 0;
    for (const { shape: own } of tensors) {
      const fits = own.length === shape.length && own.every((extent, i) => i === axis || extent === shape[i]);
      if (!fits) throw nodeError(site.node, `expected shapes that differ along axis ${axis} alone, got [${own}]`);
      shape[axis] = (shape[axis] as number) + (own[axis] as number);
    }
    return [{ format: resultFormat(site, 0, 1, 2), shape }];
  },
  (call) => {
    const tensors = parts(call).map((part) => operandOf(call, part));
    const y = resultOf(call, 0, 1);
    const axis = concatAxis(call);
    return () =>
      concat(
        tensors.map((tensor) => tensor()),
        { ...y(), axis },
      ).data;
  },
);

const CHOICE = { a: { codes: 1, scale: 2, zero: 3 }, b: { codes: 4, scale: 5, zero: 6 } } as const;

/** The shape of a QLinearWhere's result. */
function choiceShape(site: Site): number[] {
  checkFormats(site, 0, ["bool"]);
  const shapes = [input(site, 0), checkOperand(site, CHOICE.a), checkOperand(site, CHOICE.b)].map(({ shape }) => shape);
  const shape = shapes.reduce<number[] | undefined>((all, own) => all && broadcastShape(all, own), []);
  if (shape) return shape;
  throw nodeError(site.node, `expected shapes that broadcast, got ${shapes.map((own) => `[${own}]`).join(" and ")}`);
}

/** A tensor's codes, broadcast. */
function broadcast({ shape: own, data }: Tensor, shape: readonly number[]): CodeArray {
  const all = new (data.constructor as new (length: number) => CodeArray)(sizeOf(shape));
  expand(all, data as CodeArray, runsOf(own, shape), 0);
  return all;
}

const QLinearWhere = arrayRow(
  (site) => [{ format: resultFormat(site, 7, 8, 1), shape: choiceShape(site) }],
  (call) => {
    const shape = choiceShape(call);
    const [a, b, y] = [operandOf(call, CHOICE.a), operandOf(call, CHOICE.b), resultOf(call, 7, 8)];
    return () => {
      const condition = broadcast(tensorOf(call, input(call, 0)), shape);
      const [chosen, other] = [broadcast(requantize(a(), y()), shape), broadcast(requantize(b(), y()), shape)];
      for (let i = 0; i < condition.length; i++) if (!condition[i]) chosen[i] = other[i] as number;
      return chosen;
    };
  },
);

const ROWS: Readonly<Record<string, Operator>> = {
  QLinearAdd: pair(add),
  QLinearMul: pair(mul),
  QLinearSigmoid: single((x, y) => activate(x, "sigmoid", y)),
  QLinearLeakyRelu: single((x, y, { node }) =>
    activate(x, "leaky_relu", { ...y, alpha: floatOf(node, "alpha", 0.01) }),
  ),
  QLinearSoftmax: single(softmaxOf, (site, x) => {
    axisOf(site, intOf(site.node, "axis", -1), x.shape.length);
    return x.shape;
  }),
  QLinearGlobalAveragePool: single(globalMean, (site, x) => {
    const { extents, shaped } = imageOf(site, x);
    return shaped(extents.map(() => 1));
  }),
  QLinearAveragePool: single(averagePool, (site, x) => {
    const { shaped, windows } = pooledWindows(site, x);
    return shaped(windows.output);
  }),
  QLinearReduceMean,
  QLinearConcat,
  QLinearWhere,
};

/** All of them are onnxruntime's. */
export const QUANTIZED_FUNCTIONS: Readonly<Record<string, Operator>> = Object.fromEntries(
  Object.entries(ROWS).map(([name, row]) => [`com.microsoft:${name}`, row]),
);

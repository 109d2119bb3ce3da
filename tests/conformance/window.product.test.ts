// Holds the product's pooling, reduction, resizing and softmax to the same conformance cases as the oracle.
import {
  averagePool2d,
  type Clamp,
  globalAveragePool,
  maxPool2d,
  type QTensor,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  resize,
  softmax,
} from "../../src/index.ts";
import { resultOf, tensorOf } from "./quantized.ts";
import { padsOf, testWindows, type WindowCase } from "./window.cases.ts";

function reduceCase({ input, expected, parameters }: WindowCase): QTensor {
  const x = tensorOf(input);
  const axes = { axes: parameters.axis as number[], keepDims: parameters.keep_dims === 1 };
  if (parameters.variant === "max") return reduceMax(x, axes);
  if (parameters.variant === "min") return reduceMin(x, axes);
  const arithmetic = parameters.single ? "tflite-single" : "tflite";
  return (parameters.variant === "sum" ? reduceSum : reduceMean)(x, { ...axes, ...resultOf(expected), arithmetic });
}

type Pair = [number, number];

testWindows("the product", {
  QLinearAveragePool: ({ input, expected, parameters }) =>
    averagePool2d(tensorOf(input), {
      kernel: parameters.kernel_shape as Pair,
      strides: parameters.strides as Pair,
      pads: parameters.pads as [number, number, number, number],
      countIncludePad: parameters.count_include_pad === 1,
      ...resultOf(expected),
    }).data,
  QLinearGlobalAveragePool: ({ input, expected }) => globalAveragePool(tensorOf(input), resultOf(expected)).data,
  QLinearSoftmax: ({ input, expected }) => softmax(tensorOf(input), resultOf(expected)).data,
  pooling: (each) => {
    const { input, expected, parameters } = each;
    const options = {
      kernel: [parameters.filter_h, parameters.filter_w] as Pair,
      strides: [parameters.stride_h, parameters.stride_w] as Pair,
      pads: padsOf(each),
      arithmetic: "tflite",
      ...(parameters.activation !== "none" && { activation: parameters.activation as Clamp }),
    } as const;
    if (parameters.variant === "max") return maxPool2d(tensorOf(input), options).data;
    return averagePool2d(tensorOf(input), { ...options, ...resultOf(expected) }).data;
  },
  reduce: (each) => reduceCase(each).data,
  // the data's scale is negative, which no tensor of ours has; resizing does not look at it
  resize_bilinear: ({ input, parameters }) =>
    resize(tensorOf({ ...input, scale: 1 }), {
      size: parameters.size as Pair,
      mode: "bilinear",
      alignment: "asymmetric",
      arithmetic: "tflite",
    }).data,
  softmax: ({ input, expected, parameters }) =>
    softmax(tensorOf(input), { beta: parameters.beta as number, arithmetic: "tflite", ...resultOf(expected) }).data,
});

// Proves the oracle's pooling, reduction, resizing and softmax against the conformance data.
import { clamp, quantizeValue } from "../reference/affine.ts";
import { averagePool, maxPool } from "../reference/pool.ts";
import { type ReduceCase, reduce } from "../reference/reduce.ts";
import { resizeBilinearTflite } from "../reference/resize.ts";
import { softmax, softmaxTflite, softmaxTflite16 } from "../reference/softmax.ts";
import type { Quantized } from "./quantized.ts";
import { padsOf, testWindows, type WindowCase } from "./window.cases.ts";

const RANGES: Record<string, readonly [number, number]> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
};

function rangeOf({ format }: Quantized): { lo: number; hi: number } {
  const [lo, hi] = RANGES[format] as [number, number];
  return { lo, hi };
}

const CLAMPS: Record<string, readonly [number, number]> = { relu: [0, Infinity], relu6: [0, 6], relu_n1_to_1: [-1, 1] };

/** The codes that TensorFlow Lite's fused activation leaves (equation 21); its cases have no ties. */
function activated(activation: unknown, output: Quantized): { lo: number; hi: number } {
  const { lo, hi } = rangeOf(output);
  const [from, till] = CLAMPS[activation as string] ?? [-Infinity, Infinity];
  const code = (v: number) => clamp(Math.round(v / output.scale) + output.zero, lo, hi);
  return { lo: code(from), hi: code(till) };
}

function outputOf({ scale, zero }: Quantized) {
  return { outputScale: scale, outputZero: zero };
}

const PLAIN = { pads: [0, 0, 0, 0], dilations: [1, 1], ceil: false, countIncludePad: false, tflite: false } as const;

function contributedPool({ input, expected, parameters }: WindowCase): number[] {
  const whole = input.shape.slice(1, 3);
  return averagePool({
    ...PLAIN,
    ...input,
    kernel: (parameters.kernel_shape ?? whole) as [number, number],
    strides: (parameters.strides ?? [1, 1]) as [number, number],
    pads: (parameters.pads ?? PLAIN.pads) as [number, number, number, number],
    countIncludePad: parameters.count_include_pad === 1,
    ...outputOf(expected),
    ...rangeOf(expected),
  }).codes;
}

function reduceCase({ input, expected, parameters }: WindowCase): number[] {
  return reduce({
    ...input,
    kind: parameters.variant as ReduceCase["kind"],
    axes: parameters.axis as number[],
    arithmetic: parameters.single ? "tflite-single" : "tflite",
    ...outputOf(expected),
    ...rangeOf(expected),
  });
}

testWindows("the oracle", {
  QLinearAveragePool: contributedPool,
  QLinearGlobalAveragePool: contributedPool,
  QLinearSoftmax: ({ input, expected }) => {
    const { lo, hi } = rangeOf(expected);
    const depth = input.shape.at(-1) as number;
    return softmax(input.codes, depth, input.scale).map((p) => quantizeValue(p, expected.scale, expected.zero, lo, hi));
  },
  pooling: (each) => {
    const { input, expected, parameters } = each;
    const pool = {
      ...PLAIN,
      ...input,
      kernel: [parameters.filter_h, parameters.filter_w] as [number, number],
      strides: [parameters.stride_h, parameters.stride_w] as [number, number],
      pads: padsOf(each),
      ...activated(parameters.activation, expected),
      ...outputOf(expected),
    };
    return (parameters.variant === "max" ? maxPool(pool) : averagePool({ ...pool, tflite: true })).codes;
  },
  reduce: reduceCase,
  resize_bilinear: ({ input, parameters }) =>
    resizeBilinearTflite({ ...input, size: parameters.size as [number, number], alignment: "asymmetric" }),
  softmax: ({ input, expected, parameters }) => {
    const depth = input.shape.at(-1) as number;
    const beta = parameters.beta as number;
    if (input.format === "int16") return softmaxTflite16(input.codes, depth, beta, input.scale);
    const codes = softmaxTflite(input.codes, depth, beta, input.scale, expected.format === "int16" ? 16 : 8);
    return codes.map((code) => code + rangeOf(expected).lo);
  },
});

// Proves the oracle of the operators that accumulate (tests/reference/gemm.ts, conv.ts, requantize.ts) against the data.

import { at } from "../reference/at.ts";
import { convolutionSums, transposedSums } from "../reference/conv.ts";
import { linearSums, type Sums, wrap32 } from "../reference/gemm.ts";
import { clampCodes, requantizeSums } from "../reference/requantize.ts";
import type { IntegerImplementation, ProductCase, SumsCase } from "./integer.cases.ts";
import { testOnnxIntegers } from "./integer-onnx.cases.ts";
import { testTfliteIntegers } from "./integer-tflite.cases.ts";

const SUMS: Record<SumsCase["operator"], (each: SumsCase) => Sums> = {
  linear: ({ x, w }) => linearSums(x, w),
  convolution: (each) => convolutionSums(each.x, each.w, each),
  transposed: (each) => transposedSums(each.x, each.w, each),
};

const RANGES: Record<string, { lo: number; hi: number }> = {
  int8: { lo: -128, hi: 127 },
  uint8: { lo: 0, hi: 255 },
  int16: { lo: -32768, hi: 32767 },
};

function multiply(each: ProductCase): number[] {
  const { x, w, y, bias, arithmetic, activation, operator } = each;
  const { shape, sums } = SUMS[operator](each);
  const all = RANGES[y.format] as { lo: number; hi: number };
  const codes = activation ? clampCodes(activation, y.scale, y.zero, all, arithmetic) : all;
  const single = operator === "linear" && w.scale.length === 1;
  const scales = { x: at(x.scale, 0), w: w.scale, y: y.scale, single };
  const target = { arithmetic, zero: y.zero, ...codes };
  return requantizeSums(sums, at(shape, shape.length - 1), bias, scales, target, x.format === "int16");
}

const oracle: IntegerImplementation = {
  accumulate: (each) => Array.from(SUMS[each.operator](each).sums, wrap32),
  multiply,
};

testOnnxIntegers("the oracle", oracle);
testTfliteIntegers("the oracle", oracle);

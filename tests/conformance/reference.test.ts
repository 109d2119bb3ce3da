// Proves the oracle (tests/reference) against the conformance data: every number format, the float32 cases of ONNX's
// quantize operators, every fixed-point row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dequantizeValue, parameterIndex, quantizeValue } from "../reference/affine.ts";
import { at } from "../reference/at.ts";
import { decodeMxBlock, encodeMxBlock } from "../reference/block.ts";
import { floatBlocks } from "../reference/blocks.ts";
import * as fixed from "../reference/fixedpoint.ts";
import { foldAfter, foldBefore } from "../reference/fold.ts";
import { minMax } from "../reference/measure.ts";
import { castE8m0, decodeValue, encodeBits, encodeValue, formatNamed, isFloatFormat } from "../reference/minifloat.ts";
import { packCodes, signExtend, unpackCodes } from "../reference/pack.ts";
import { affineParameters } from "../reference/range.ts";
import {
  type AffineImplementation,
  operatorCounts,
  type Parameters,
  packedTensors,
  testAffine,
} from "./affine.cases.ts";
import { assertCount, packedBytes, skip } from "./data.ts";
import { type FixedPointImplementation, testFixedPoint } from "./fixedpoint.cases.ts";
import { testFold } from "./fold.cases.ts";
import { assertSame, castCases, type FormatImplementation, testFormats } from "./formats.cases.ts";
import { testBlockMatmul } from "./nbits.cases.ts";

const formats: FormatImplementation = {
  encode: (bits, format, options) => Array.from(bits, (each) => encodeBits(each, formatNamed(format), options)),
  decode: (codes, format) => codes.map((code) => decodeValue(code, formatNamed(format))),
  encodeBlock: (x, { element }) => encodeMxBlock(x, element),
  decodeBlock: (scaleCode, codes, { element }) => decodeMxBlock(scaleCode, codes, element),
};

function integerRange(format: string): { lo: number; hi: number } {
  const [, unsigned, bits] = /^(u?)int(\d+)$/.exec(format) as RegExpExecArray;
  const codes = 2 ** Number(bits);
  return unsigned === "u" ? { lo: 0, hi: codes - 1 } : { lo: -codes / 2, hi: codes / 2 - 1 };
}

function parametersAt(i: number, { shape, scale, zero, axis, block }: Parameters): { scale: number; zero: number } {
  const index = parameterIndex(i, shape, axis, block);
  return { scale: at(scale, index), zero: at(zero, index) };
}

const affine: AffineImplementation = {
  quantize: (each) => {
    const options = { saturate: each.saturate, rounding: "even" } as const;
    return Array.from(each.x, (x, i) => {
      const { scale, zero } = parametersAt(i, each);
      if (isFloatFormat(each.format)) return encodeValue(Math.fround(x / scale), formatNamed(each.format), options);
      const { lo, hi } = integerRange(each.format);
      return quantizeValue(x, scale, zero, lo, hi);
    });
  },
  dequantize: (each) => {
    return each.codes.map((code, i) => {
      const { scale, zero } = parametersAt(i, each);
      const q = isFloatFormat(each.format) ? decodeValue(code, formatNamed(each.format)) : code;
      return dequantizeValue(q, scale, zero);
    });
  },
  quantizeDynamically: ({ x }) => {
    const { min, max } = minMax(x);
    const { scale, zero } = affineParameters(min, max, 0, 255);
    return { codes: Array.from(x, (value) => quantizeValue(value, scale, zero, 0, 255)), scale, zero };
  },
};

const fixedPoint: FixedPointImplementation = {
  srdhm: (a, b) => [fixed.roundingDoublingHighMultiply(a, b)],
  srdhm16: (a, b) => [fixed.roundingDoublingHighMultiply(a, b, 16)],
  rdbpot: (x, exponent) => [fixed.roundingDivideByPowerOfTwo(x, exponent)],
  rounding_half_sum: (a, b) => [fixed.roundingHalfSum(a, b)],
  mbqm: (x, multiplier, shift) => [
    fixed.multiplyByMultiplier(x, multiplier, shift),
    fixed.multiplyByMultiplierOnce(x, multiplier, shift),
  ],
  mbqm_i64: (x, multiplier, shift) => [fixed.multiplyByMultiplier64(x, multiplier, shift)],
  quantize_multiplier: (real) => {
    const { multiplier, shift } = fixed.quantizeMultiplier(real);
    return [multiplier, shift];
  },
  exp_interval_q0_31: (a) => [fixed.expOnInterval(a)],
  exp_neg_q5_26: (a) => [fixed.expOnNegative(a, 5)],
  exp_neg_q2_29: (a) => [fixed.expOnNegative(a, 2)],
  logistic_q4_27: (a) => [fixed.logistic(a, 4)],
  tanh_q4_27: (a) => [fixed.tanh(a, 4)],
  one_over_one_plus_x_q0_31: (a) => [fixed.oneOverOnePlus(a)],
  one_minus_x_over_one_plus_x_q0_31: (a) => [fixed.oneMinusOverOnePlus(a)],
  logistic_q3_12_i16: (a) => [fixed.logistic(a, 3, 16)],
  tanh_q3_12_i16: (a) => [fixed.tanh(a, 3, 16)],
  smulbpot3_sat: (x) => [fixed.saturatingMultiplyByPowerOfTwo(x, 3)],
  smulbpot1_sat: (x) => [fixed.saturatingMultiplyByPowerOfTwo(x, 1)],
  softmax_preprocess: (beta, scale, integerBits) => {
    const { multiplier, leftShift, inputRadius } = fixed.softmaxScaling(beta, scale, integerBits);
    return [multiplier, leftShift, inputRadius];
  },
  choose_params_u8: (lo, hi) => Object.values(fixed.chooseParameters(lo, hi, 0, 255)),
  choose_params_i8: (lo, hi) => Object.values(fixed.chooseParameters(lo, hi, -128, 127)),
};

testFormats("the oracle", formats);
testAffine("the oracle", affine);
testFixedPoint("the oracle", fixedPoint);
testBlockMatmul("the oracle", ({ x, codes, scale, zero, m, n, k, block }) => {
  const blocks = Math.ceil(k / block);
  return Array.from({ length: m * n }, (_, i) => {
    const [row, j] = [Math.floor(i / n), i % n];
    const own = [j * blocks, (j + 1) * blocks] as const;
    const column = {
      codes: codes.slice(j * k, (j + 1) * k),
      scale: scale.slice(...own),
      zero: zero.slice(...own),
      block,
    };
    return floatBlocks(x.subarray(row * k, (row + 1) * k), column);
  });
});
testFold("the oracle", ({ direction, transposed, ...each }) => {
  const layer = { ...each, layout: transposed ? ("transposed" as const) : ("first" as const) };
  return direction === "after" ? foldAfter(layer, each) : foldBefore(layer, each);
});

test("the oracle has every fixed-point function", () => {
  assert.equal(Object.keys(fixedPoint).length, 21);
});

test("the oracle casts to float8_e8m0fnu as ONNX does", { skip }, () => {
  let cases = 0;
  for (const { name, bits, saturate, rounding, expected } of castCases()) {
    assertSame(
      Array.from(bits, (each) => castE8m0(each, { saturate, rounding })),
      expected,
      name,
    );
    cases++;
  }
  assertCount(cases, 6, "conversions");
});

test("the oracle packs and unpacks as ONNX stores sub-byte tensors", { skip }, () => {
  let tensors = 0;
  for (const tensor of packedTensors()) {
    const values = tensor.values as number[];
    const bits = Number(/\d/.exec(tensor.dtype)?.[0]);
    const unsigned = Array.from(unpackCodes(packedBytes(tensor), bits, values.length));
    const isSigned = tensor.dtype.startsWith("int");
    assertSame(packCodes(values, bits), packedBytes(tensor), `${tensor.name}: bytes`);
    assertSame(isSigned ? unsigned.map((code) => signExtend(code, bits)) : unsigned, values, tensor.name);
    tensors++;
  }
  assertCount(tensors, 169, "packed tensors");
});

test("the quantized operators' data is complete", { skip }, () => {
  assert.deepEqual(operatorCounts(), { published: 66, generated: 319 });
});

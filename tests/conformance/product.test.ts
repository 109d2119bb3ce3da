// Holds the product to the same conformance cases as the oracle.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decode,
  dequantize,
  encode,
  type Format,
  foldBatchNorm,
  matmul,
  pack,
  type QTensor,
  quantize,
  unpack,
} from "../../src/index.ts";
import { affineParameters, integerMultiplier } from "../../src/quantizer.ts";

import {
  type AffineImplementation,
  type DequantizeCase,
  type Parameters,
  packedTensors,
  type QuantizeCase,
  testAffine,
} from "./affine.cases.ts";
import { assertCount, packedBytes, skip } from "./data.ts";
import { fixedPointCases } from "./fixedpoint.cases.ts";
import { testFold } from "./fold.cases.ts";
import { assertSame, type FormatImplementation, testFormats } from "./formats.cases.ts";
import { testBlockMatmul } from "./nbits.cases.ts";

function codesOf(q: QTensor): number[] {
  const isPacked = /(int2|int4|float4|float6|mxfp4|mxfp6)/.test(q.format as string);
  const length = q.shape.reduce((a, b) => a * b, 1);
  return Array.from(isPacked ? unpack(q.data as Uint8Array, elementOf(q.format as string), { length }) : q.data);
}

function elementOf(format: string): Format {
  const elements: Record<string, Format> = {
    mxfp4: "float4_e2m1fn",
    mxfp6_e2m3: "float6_e2m3fn",
    mxfp6_e3m2: "float6_e3m2fn",
  };
  return elements[format] ?? (format as Format);
}

/** The data of a tensor whose codes are known: packed, or in the array of its format. */
function dataOf(codes: readonly number[], format: string): QTensor["data"] {
  if (/(int2|int4|float4|float6)/.test(format)) return pack(Uint8Array.from(codes), format as Format);
  const kinds = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array };
  return (kinds[format as "int8"] ?? Uint8Array).from(codes);
}

const BLOCKS: Record<string, Format> = {
  mxfp8_e4m3: "mxfp8_e4m3",
  mxfp8_e5m2: "mxfp8_e5m2",
  mxfp6_e2m3: "mxfp6_e2m3",
  mxfp6_e3m2: "mxfp6_e3m2",
  mxfp4: "mxfp4",
};

const formats: FormatImplementation = {
  encode: (bits, format, options) =>
    encode(new Float32Array(bits.buffer, bits.byteOffset, bits.length), format as Format, options),
  decode: (codes, format) => {
    const wide = format === "float16" ? Uint16Array : Uint8Array;
    return decode(wide.from(codes), format as Format);
  },
  encodeBlock: (x, { format }) => {
    const q = quantize(x, { format: BLOCKS[format] as Format });
    return { scaleCode: Math.log2(q.scale[0] as number) + 127, codes: codesOf(q) };
  },
  decodeBlock: (scaleCode, codes, { format }) => {
    const data = dataOf(codes, elementOf(format) as string);
    const scale = Float32Array.of(2 ** (scaleCode - 127));
    return dequantize({
      format: format as Format,
      shape: [codes.length],
      data,
      scale,
      zero: Int32Array.of(0),
      block: 32,
    });
  },
};

function granularity({ axis, block }: Parameters) {
  return { ...(axis !== undefined && { axis }), ...(block !== undefined && { block }) };
}

function quantizeCase(each: QuantizeCase): number[] {
  const { x, shape, scale, zero, format } = each;
  return codesOf(quantize(x, { format: format as Format, shape, scale, zero, ...granularity(each) }));
}

function dequantizeCase(each: DequantizeCase): Float32Array {
  const { codes, shape, scale, zero, format } = each;
  const data = dataOf(codes, format);
  return dequantize({
    format: format as Format,
    shape,
    data,
    scale,
    zero: Int32Array.from(zero),
    ...granularity(each),
  });
}

const affine: AffineImplementation = {
  quantize: quantizeCase,
  dequantize: dequantizeCase,
  quantizeDynamically: ({ x, shape }) => {
    const q = quantize(x, { format: "uint8", shape });
    return { codes: codesOf(q), scale: q.scale[0] as number, zero: q.zero[0] as number };
  },
};

testFormats("the product", formats);
testAffine("the product", affine);
testBlockMatmul("the product", ({ x, codes, scale, zero, bits, m, n, k, block }) => {
  const format = bits === 4 ? "uint4" : "uint8";
  const w = { format, shape: [n, k], data: dataOf(codes, format), scale, zero: Int32Array.from(zero), block } as const;
  return matmul({ format: "float32", shape: [m, k], data: x }, w).data;
});
testFold("the product", ({ weight, bias, shape, groups, transposed, direction, ...each }) => {
  const { gamma, beta, mean, variance, epsilon } = each;
  const layer = { weight, ...(bias && { bias }), shape, groups, transposed };
  return foldBatchNorm(layer, { gamma, beta, mean, variance, epsilon }, { direction });
});

test("the product's integer multipliers are TensorFlow Lite's", { skip }, () => {
  let rows = 0;
  for (const { name, index, arguments: inputs, expected } of fixedPointCases()) {
    if (name !== "quantize_multiplier") continue;
    const { multiplier, shift } = integerMultiplier(inputs[0] as number);
    assertSame([multiplier, shift], expected, `${name} row ${index}`);
    rows++;
  }
  assertCount(rows, 182, "rows");
});

test("the product's affine parameters are TensorFlow Lite's, to a float32", { skip }, () => {
  const codes = { choose_params_u8: { lo: 0, hi: 255 }, choose_params_i8: { lo: -128, hi: 127 } };
  let rows = 0;
  for (const { name, index, arguments: inputs, expected } of fixedPointCases()) {
    const range = codes[name as "choose_params_u8"];
    if (range === undefined) continue;
    const [lo, hi] = inputs.map(Math.fround) as [number, number];
    const { scale, zero } = affineParameters(lo, hi, range, false);
    const [wantedScale = 0, wantedZero = 0] = expected;
    // TensorFlow Lite computes in float64 and nudges a zero half way up; ours follows ONNX in float32
    assert.ok(
      Math.abs(scale - wantedScale) <= wantedScale * 2 ** -22,
      `${name} row ${index}: scale ${scale}, expected ${wantedScale}`,
    );
    assert.ok(Math.abs(zero - wantedZero) <= 1, `${name} row ${index}: zero ${zero}, expected ${wantedZero}`);
    rows++;
  }
  assertCount(rows, 99, "rows");
});

test("the product packs and unpacks as ONNX stores sub-byte tensors", { skip }, () => {
  let tensors = 0;
  for (const tensor of packedTensors()) {
    const values = tensor.values as number[];
    const format = (tensor.dtype === "float4e2m1" ? "float4_e2m1fn" : tensor.dtype) as Format;
    assertSame(pack(Uint8Array.from(values), format), packedBytes(tensor), `${tensor.name}: bytes`);
    assertSame(unpack(packedBytes(tensor), format, { length: values.length }), values, tensor.name);
    tensors++;
  }
  assertCount(tensors, 169, "packed tensors");
});

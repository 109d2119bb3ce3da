// TensorFlow Lite's conv, depthwise_conv, transpose_conv, fully_connected and batch_matmul, and gemmlowp's two products, as
// cases of the operators that accumulate. Every TensorFlow Lite case is there twice, rounded twice and once.
import { at } from "../reference/at.ts";
import { type Geometry, geometryOf } from "../reference/conv.ts";
import type { Accumulation, Operand } from "../reference/integer.ts";
import { signExtend, unpackCodes } from "../reference/pack.ts";
import { decodeBase64, decodeInt64, jsonFiles, packedBytes, readJson, type StoredTensor } from "./data.ts";
import { type IntegerImplementation, type ProductCase, type SumsCase, testCases, transpose } from "./integer.cases.ts";

interface QuantizedTensor extends StoredTensor {
  role: string;
  quant: { scale: number[]; zero_point: number[] };
}

interface StoredKernel {
  name: string;
  op: string;
  params: Record<string, number | string>;
  inputs: (QuantizedTensor | null)[];
  outputs: [QuantizedTensor];
  outputs_single_rounding?: [QuantizedTensor];
}

function codesOf(tensor: QuantizedTensor): number[] {
  if (tensor.dtype !== "int4") return Array.from(decodeBase64(tensor.data, tensor.dtype));
  // a filter's `values` may stop short of its shape, where the upstream test does; its bytes are all there
  const length = tensor.shape.reduce((a, b) => a * b, 1);
  return Array.from(unpackCodes(packedBytes(tensor), 4, length), (code) => signExtend(code, 4));
}

function operandOf(tensor: QuantizedTensor): Operand {
  const { dtype: format, shape, quant } = tensor;
  return { format, shape, codes: codesOf(tensor), scale: Float32Array.from(quant.scale), zero: quant.zero_point };
}

function transposed(operand: Operand, order: readonly number[]): Operand {
  const { shape, codes } = operand;
  return { ...operand, shape: order.map((axis) => shape[axis] as number), codes: transpose(codes, shape, order) };
}

function roleOf({ name, inputs }: StoredKernel, ...roles: string[]): QuantizedTensor {
  const tensor = inputs.find((each) => each !== null && roles.includes(each.role));
  if (!tensor) throw new RangeError(`${name} has no ${roles.join(" or ")}`);
  return tensor;
}

function biasOf({ inputs }: StoredKernel): Int32Array | BigInt64Array | undefined {
  const tensor = inputs.find((each) => each?.role === "bias");
  if (!tensor) return undefined;
  return tensor.dtype === "int64" ? decodeInt64(tensor.data) : (decodeBase64(tensor.data, "int32") as Int32Array);
}

/**
 * The pads of one axis before and after, as ComputePaddingHeightWidth has them ("same" puts the odd one after), and as
 * many after as the output's extent asks for: an output larger than "valid" gives sees zeros beyond the input.
 */
function padsOf(padding: unknown, input: number, output: number, reach: number, stride: number): [number, number] {
  const all = Math.max((output - 1) * stride + reach - input, 0);
  const before = padding === "same" ? Math.floor(all / 2) : 0;
  return [before, all - before];
}

/** The geometry of a convolution; of a transposed one that of the convolution it transposes. */
function paddedGeometry(
  params: StoredKernel["params"],
  input: readonly number[],
  w: readonly number[],
  output: readonly number[],
): Geometry {
  const { padding, stride_h, stride_w, dilation_h = 1, dilation_w = 1 } = params;
  const strides = [stride_h, stride_w] as [number, number];
  const dilations = [dilation_h, dilation_w] as [number, number];
  const pads = ([0, 1] as const).map((axis) => {
    const reach = dilations[axis] * (at(w, 1 + axis) - 1) + 1;
    return padsOf(padding, at(input, 1 + axis), at(output, 1 + axis), reach, strides[axis]);
  });
  const [[top, bottom], [left, right]] = pads as [[number, number], [number, number]];
  return geometryOf({ strides, dilations, pads: [top, left, bottom, right] });
}

/** By the data's name of an operator: its operands in the project's layout. */
const OPERANDS: Record<string, (kernel: StoredKernel) => Accumulation> = {
  conv: (kernel) => {
    const [x, w] = [operandOf(roleOf(kernel, "input")), operandOf(roleOf(kernel, "filter"))];
    return {
      operator: "convolution",
      x,
      w,
      ...paddedGeometry(kernel.params, x.shape, w.shape, kernel.outputs[0].shape),
    };
  },
  depthwise_conv: (kernel) => {
    const x = operandOf(roleOf(kernel, "input"));
    const w = transposed(operandOf(roleOf(kernel, "filter")), [3, 1, 2, 0]);
    const geometry = paddedGeometry(kernel.params, x.shape, w.shape, kernel.outputs[0].shape);
    return { operator: "convolution", x, w, ...geometry, groups: at(x.shape, 3) };
  },
  transpose_conv: (kernel) => {
    const [x, w] = [operandOf(roleOf(kernel, "input")), operandOf(roleOf(kernel, "filter"))];
    const geometry = paddedGeometry(kernel.params, kernel.outputs[0].shape, w.shape, x.shape);
    return { operator: "transposed", x, w, ...geometry };
  },
  fully_connected: (kernel) => {
    const [x, w] = [operandOf(roleOf(kernel, "input")), operandOf(roleOf(kernel, "filter"))];
    return { operator: "linear", x, w, ...geometryOf() };
  },
  batch_matmul: (kernel) => {
    const [x, w] = [operandOf(roleOf(kernel, "lhs")), transposed(operandOf(roleOf(kernel, "rhs")), [1, 0])];
    return { operator: "linear", x, w, ...geometryOf() };
  },
};

const ACTIVATIONS: Record<string, [number, number] | undefined> = {
  none: undefined,
  relu: [0, Number.POSITIVE_INFINITY],
  relu6: [0, 6],
};

function* productCases(op: string): Generator<ProductCase> {
  for (const file of jsonFiles("tflite", "kernels", op)) {
    const kernel = readJson<StoredKernel>("tflite", "kernels", op, file);
    const [output] = kernel.outputs;
    const [scale = Number.NaN] = output.quant.scale;
    const [zero = Number.NaN] = output.quant.zero_point;
    for (const arithmetic of ["tflite", "tflite-single"] as const) {
      const [expected] = arithmetic === "tflite" ? kernel.outputs : (kernel.outputs_single_rounding ?? kernel.outputs);
      yield {
        name: `${kernel.name} ${arithmetic}`,
        ...(OPERANDS[op] as (each: StoredKernel) => Accumulation)(kernel),
        bias: biasOf(kernel),
        y: { format: output.dtype, scale: Math.fround(scale), zero },
        activation: ACTIVATIONS[kernel.params.activation ?? "none"],
        arithmetic,
        expected: codesOf(expected),
      };
    }
  }
}

interface StoredGemm {
  name: string;
  M: number;
  N: number;
  lhs: StoredTensor & { offset_added: number | number[] };
  rhs_t: StoredTensor & { offset_added: number };
  c_offset?: number[];
  c_mult?: number[];
  result: StoredTensor;
  acc_int32: StoredTensor;
}

/** gemmlowp's right side is x and its left side, which has a zero a row, the weights: the result is transposed. */
function* gemmlowpCases(): Generator<{ stored: StoredGemm; operands: Accumulation & { name: string } }> {
  for (const file of ["gemmlowp_real_gemm.json", "gemmlowp_small_per_channel.json"]) {
    const stored = readJson<StoredGemm>("tflite", file);
    const operand = (tensor: StoredTensor, offsets: number[], scale: number[]): Operand => ({
      format: tensor.dtype,
      shape: tensor.shape,
      codes: Array.from(decodeBase64(tensor.data, tensor.dtype)),
      scale: Float32Array.from(scale),
      zero: offsets.map((offset) => 0 - offset),
    });
    // ((acc + offset) mult + 2^20) >> 21 is one rounding, ties upward, of (acc + offset) times the scale mult / 2^21
    const multipliers = (stored.c_mult ?? [3401]).map((mult) => mult / 2 ** 21);
    const x = operand(stored.rhs_t, [stored.rhs_t.offset_added], [1]);
    const w = operand(stored.lhs, [stored.lhs.offset_added].flat(), multipliers);
    yield { stored, operands: { name: stored.name, operator: "linear", x, w, ...geometryOf() } };
  }
}

function resultOf({ M, N }: StoredGemm, tensor: StoredTensor): number[] {
  return transpose(Array.from(decodeBase64(tensor.data, tensor.dtype)), [M, N], [1, 0]);
}

function* gemmlowpSums(): Generator<SumsCase> {
  for (const { stored, operands } of gemmlowpCases()) {
    yield { ...operands, expected: resultOf(stored, stored.acc_int32) };
  }
}

function* gemmlowpProducts(): Generator<ProductCase> {
  for (const { stored, operands } of gemmlowpCases()) {
    yield {
      ...operands,
      bias: Int32Array.from(stored.c_offset ?? new Array(stored.M).fill(74980)),
      y: { format: "uint8", scale: 1, zero: 0 },
      activation: undefined,
      arithmetic: "tflite-single",
      expected: resultOf(stored, stored.result),
    };
  }
}

/** Registers the tests that hold `implementation` to the cases: all of them, exactly, rounded twice and once. */
export function testTfliteIntegers(name: string, { accumulate, multiply }: IntegerImplementation): void {
  const counts = { conv: 10, depthwise_conv: 7, transpose_conv: 1, fully_connected: 6, batch_matmul: 1 };
  for (const [op, count] of Object.entries(counts)) {
    testCases(`${name} computes TensorFlow Lite's ${op}`, () => productCases(op), 2 * count, multiply);
  }
  testCases(`${name} accumulates as gemmlowp`, gemmlowpSums, 2, accumulate);
  testCases(`${name} multiplies as gemmlowp`, gemmlowpProducts, 2, multiply);
}

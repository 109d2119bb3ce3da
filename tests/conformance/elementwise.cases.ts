// Elementwise operators, onnxruntime's contributed ones and TensorFlow Lite's, as plain objects, and the tests that hold an
// implementation to them. onnxruntime's may differ by a step; no case needs it.
import { test } from "node:test";
import {
  assertCount,
  decodeBase64,
  jsonFiles,
  readJson,
  type StoredOperation,
  skip,
  tensorAt,
  tensorNumbers,
} from "./data.ts";
import { assertSame } from "./formats.cases.ts";
import type { Quantized } from "./quantized.ts";

export type Arithmetic = "onnx" | "tflite" | "tflite-single";

export interface ElementwiseImplementation {
  combine(op: string, a: Quantized, b: Quantized, result: Quantized, how: How): ArrayLike<number>;
  activate(name: string, x: Quantized, result: Quantized, how: How): ArrayLike<number>;
  concat(tensors: Quantized[], axis: number, result: Quantized, how: How): ArrayLike<number>;
  pad(x: Quantized, pads: number[]): ArrayLike<number>;
  requantize(x: Quantized, result: Quantized, how: How): ArrayLike<number>;
  quantize(x: Float32Array, result: Quantized): ArrayLike<number>;
  dequantize(x: Quantized): ArrayLike<number>;
}

export interface How {
  arithmetic: Arithmetic;
  activation?: "relu" | "relu6" | "relu_n1_to_1";
  alpha?: number;
}

// onnxruntime ------------------------------------------------------------------------------------------------------

function contributed(op: string): StoredOperation[] {
  return jsonFiles("ort-contrib", op).map((file) => readJson("ort-contrib", op, file));
}

/** Three neighbouring inputs: codes, scale, zero. */
function tripleAt({ inputs }: StoredOperation, at: number): Quantized {
  const tensor = tensorAt(inputs, at);
  const [scale = Number.NaN] = tensorNumbers(tensorAt(inputs, at + 1));
  const [zero = Number.NaN] = tensorNumbers(tensorAt(inputs, at + 2));
  return { codes: tensorNumbers(tensor), shape: tensor.shape, format: tensor.dtype, scale, zero };
}

/** The output, with the inputs that are its scale and zero. */
function outputAt({ inputs, outputs }: StoredOperation, at: number): Quantized {
  const tensor = tensorAt(outputs, 0);
  const [scale = Number.NaN] = tensorNumbers(tensorAt(inputs, at));
  const [zero = Number.NaN] = tensorNumbers(tensorAt(inputs, at + 1));
  return { codes: tensorNumbers(tensor), shape: tensor.shape, format: tensor.dtype, scale, zero };
}

type Run = (implementation: ElementwiseImplementation, each: StoredOperation) => [ArrayLike<number>, Quantized];

const ONNX = { arithmetic: "onnx" } as const;

const CONTRIBUTED: Record<string, { count: number; run: Run }> = {
  QLinearAdd: { count: 8, run: binary("add") },
  QLinearMul: { count: 8, run: binary("mul") },
  QLinearConcat: {
    count: 5,
    run: (implementation, each) => {
      const tensors = [];
      for (let at = 2; at < each.inputs.length; at += 3) tensors.push(tripleAt(each, at));
      const result = outputAt(each, 0);
      return [implementation.concat(tensors, each.attributes.axis as number, result, ONNX), result];
    },
  },
  QLinearSigmoid: { count: 5, run: unary("sigmoid") },
  QLinearLeakyRelu: { count: 5, run: unary("leaky_relu") },
};

function binary(op: string): Run {
  return (implementation, each) => {
    const result = outputAt(each, 6);
    return [implementation.combine(op, tripleAt(each, 0), tripleAt(each, 3), result, ONNX), result];
  };
}

function unary(name: string): Run {
  return (implementation, each) => {
    const result = outputAt(each, 3);
    const { alpha } = each.attributes;
    const how = alpha === undefined ? ONNX : { ...ONNX, alpha };
    return [implementation.activate(name, tripleAt(each, 0), result, how), result];
  };
}

function testContributed(name: string, implementation: ElementwiseImplementation): void {
  for (const [op, { count, run }] of Object.entries(CONTRIBUTED)) {
    test(`${name} computes ${op} as onnxruntime`, { skip }, () => {
      const cases = contributed(op);
      for (const each of cases) {
        const [codes, result] = run(implementation, each);
        assertSame(codes, result.codes, each.name);
      }
      assertCount(cases.length, count, `${op} cases`);
    });
  }
}

// TensorFlow Lite --------------------------------------------------------------------------------------------------

interface StoredLite {
  role: string;
  dtype: string;
  shape: number[];
  data: string;
  quant?: { scale: number[]; zero_point: number[] };
}

interface LiteCase {
  name: string;
  variant?: string;
  params: { activation?: string; alpha?: number; axis?: number };
  inputs: StoredLite[];
  outputs: StoredLite[];
  single_rounding_differs?: boolean;
  outputs_single_rounding?: StoredLite[];
}

function lite(op: string): LiteCase[] {
  return jsonFiles("tflite", "kernels", op).map((file) => readJson("tflite", "kernels", op, file));
}

/** The data writes float32 scales with nine digits. */
function quantized({ dtype, shape, data, quant }: StoredLite): Quantized {
  const [scale = Number.NaN] = quant?.scale ?? [];
  const [zero = Number.NaN] = quant?.zero_point ?? [];
  return { codes: Array.from(decodeBase64(data, dtype)), shape, format: dtype, scale: Math.fround(scale), zero };
}

function inputAt({ inputs }: LiteCase, i: number): StoredLite {
  const tensor = inputs[i];
  if (tensor === undefined) throw new RangeError(`no input ${i}`);
  return tensor;
}

type LiteRun = (
  implementation: ElementwiseImplementation,
  each: LiteCase,
  result: Quantized,
  how: How,
) => ArrayLike<number>;

function liteBinary(op: string): LiteRun {
  return (implementation, each, result, how) =>
    implementation.combine(op, quantized(inputAt(each, 0)), quantized(inputAt(each, 1)), result, how);
}

function liteUnary(name: string): LiteRun {
  return (implementation, each, result, how) => implementation.activate(name, quantized(inputAt(each, 0)), result, how);
}

const LITE: Record<string, { count: number; run: LiteRun }> = {
  activations: {
    count: 2,
    run: (implementation, each, result, how) =>
      implementation.activate(each.variant as string, quantized(inputAt(each, 0)), result, how),
  },
  add: { count: 18, run: liteBinary("add") },
  sub: { count: 17, run: liteBinary("sub") },
  mul: { count: 2, run: liteBinary("mul") },
  concatenation: {
    count: 2,
    run: (implementation, each, result, how) =>
      implementation.concat(each.inputs.map(quantized), each.params.axis as number, result, how),
  },
  dequantize: {
    count: 2,
    run: (implementation, each) => implementation.dequantize(quantized(inputAt(each, 0))),
  },
  hard_swish: { count: 3, run: liteUnary("hard_swish") },
  leaky_relu: { count: 2, run: liteUnary("leaky_relu") },
  logistic: { count: 2, run: liteUnary("sigmoid") },
  maximum_minimum: {
    count: 2,
    run: (implementation, each, result, how) => liteBinary(each.variant as string)(implementation, each, result, how),
  },
  pad: {
    count: 2,
    run: (implementation, each) => {
      const pairs = decodeBase64(inputAt(each, 1).data, "int32");
      const sides = [0, 1].flatMap((side) => Array.from(pairs).filter((_, i) => i % 2 === side));
      return implementation.pad(quantized(inputAt(each, 0)), sides);
    },
  },
  prelu: { count: 1, run: liteBinary("prelu") },
  quantize: {
    count: 11,
    run: (implementation, each, result, how) => {
      const x = inputAt(each, 0);
      if (x.dtype !== "float32") return implementation.requantize(quantized(x), result, how);
      return implementation.quantize(decodeBase64(x.data, "float32") as Float32Array, result);
    },
  },
  squared_difference: { count: 12, run: liteBinary("squaredDifference") },
  tanh: { count: 1, run: liteUnary("tanh") },
};

function howOf({ params }: LiteCase, arithmetic: Arithmetic): How {
  const { activation, alpha } = params;
  const clamps = activation !== undefined && activation !== "none";
  return {
    arithmetic,
    ...(clamps && { activation: activation as "relu" }),
    ...(alpha !== undefined && { alpha }),
  };
}

function testLite(name: string, implementation: ElementwiseImplementation): void {
  for (const [op, { count, run }] of Object.entries(LITE)) {
    test(`${name} computes ${op} as TensorFlow Lite`, { skip }, () => {
      const cases = lite(op);
      for (const each of cases) {
        const double = quantized(each.outputs[0] as StoredLite);
        assertSame(run(implementation, each, double, howOf(each, "tflite")), double.codes, each.name);
        if (each.single_rounding_differs === undefined) continue;
        const single = quantized((each.outputs_single_rounding ?? each.outputs)[0] as StoredLite);
        const codes = run(implementation, each, single, howOf(each, "tflite-single"));
        assertSame(codes, single.codes, `${each.name}, rounded once`);
      }
      assertCount(cases.length, count, `${op} cases`);
    });
  }
}

/** Registers the tests that hold `implementation` to onnxruntime's and TensorFlow Lite's elementwise operators. */
export function testElementwise(name: string, implementation: ElementwiseImplementation): void {
  testContributed(name, implementation);
  testLite(name, implementation);
}

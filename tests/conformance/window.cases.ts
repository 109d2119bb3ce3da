// Pooling, reduction, resizing and softmax: onnxruntime's contributed operators (NCHW, here turned to channels last) and
// TensorFlow Lite's kernels, as plain objects, and the tests that hold an implementation to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assertCount,
  decodeFloat32,
  jsonFiles,
  readJson,
  type StoredOperation,
  type StoredTensor,
  skip,
  tensorNumbers,
} from "./data.ts";
import { assertSame } from "./formats.cases.ts";
import type { Quantized } from "./quantized.ts";

/** A case: what the operator takes, and the tensor it has to give, to so many steps. */
export interface WindowCase {
  name: string;
  op: string;
  input: Quantized;
  expected: Quantized;
  tolerance: number;
  /** The data's own names of attributes. */
  parameters: Record<string, unknown>;
}

interface TfliteTensor extends StoredTensor {
  role: string;
  quant?: { scale: number[]; zero_point: number[] } | null;
}

interface TfliteCase {
  name: string;
  variant?: string;
  params: Record<string, unknown>;
  inputs: (TfliteTensor | null)[];
  outputs: TfliteTensor[];
  outputs_single_rounding?: TfliteTensor[];
}

/** Channels to the last axis and back. */
function transposed(shape: number[], codes: number[]): { shape: number[]; codes: number[] } {
  const [n = 0, c = 0, h = 0, w = 0] = shape;
  const moved = Array.from({ length: codes.length }, (_, i) => {
    const [channel, pixel, image] = [i % c, Math.floor(i / c) % (h * w), Math.floor(i / (c * h * w))];
    return codes[(image * c + channel) * h * w + pixel] as number;
  });
  return { shape: [n, h, w, c], codes: moved };
}

function contributed(operation: StoredOperation & { tolerance_lsb?: number }): WindowCase {
  const [x, scale, zero, outputScale, outputZero] = operation.inputs as [StoredTensor, ...StoredTensor[]];
  const images = operation.op.includes("Pool");
  const tensor = (stored: StoredTensor, s?: StoredTensor, z?: StoredTensor): Quantized => {
    const [shape, codes] = [stored.shape, tensorNumbers(stored)];
    const parameters = {
      scale: decodeFloat32(s?.data ?? "")[0] as number,
      zero: tensorNumbers(z as StoredTensor)[0] as number,
    };
    return { format: stored.dtype, ...(images ? transposed(shape, codes) : { shape, codes }), ...parameters };
  };
  return {
    name: operation.name,
    op: operation.op,
    input: tensor(x, scale, zero),
    expected: tensor(operation.outputs[0] as StoredTensor, outputScale, outputZero),
    tolerance: operation.tolerance_lsb ?? 0,
    parameters: operation.attributes,
  };
}

function tfliteCases(op: string, file: string): WindowCase[] {
  const each = readJson<TfliteCase>("tflite", "kernels", op, file);
  const tensor = (stored: TfliteTensor): Quantized => ({
    format: stored.dtype,
    shape: stored.shape,
    codes: tensorNumbers(stored),
    scale: Math.fround(stored.quant?.scale[0] as number),
    zero: stored.quant?.zero_point[0] as number,
  });
  const [x, second] = each.inputs as [TfliteTensor, TfliteTensor?];
  const parameters = { ...each.params, variant: each.variant, ...(second && { [second.role]: tensorNumbers(second) }) };
  const name = `tflite ${each.name}`;
  const common = { op, input: tensor(x), tolerance: 0 };
  const rounded = [{ ...common, name, parameters, expected: tensor(each.outputs[0] as TfliteTensor) }];
  const single = each.outputs_single_rounding?.[0];
  if (!single) return rounded;
  return [
    ...rounded,
    { ...common, name: `${name}, rounded once`, parameters: { ...parameters, single: true }, expected: tensor(single) },
  ];
}

const CONTRIBUTED = ["QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearSoftmax"];
const TFLITE = ["pooling", "reduce", "resize_bilinear", "softmax"];

/** How many cases there are of each operator; one of reduce is answered for both roundings. */
const COUNTS: Record<string, number> = {
  QLinearAveragePool: 5,
  QLinearGlobalAveragePool: 5,
  QLinearSoftmax: 5,
  pooling: 12,
  reduce: 15,
  resize_bilinear: 3,
  softmax: 6,
};

function windowCases(): WindowCase[] {
  return [
    ...CONTRIBUTED.flatMap((op) =>
      jsonFiles("ort-contrib", op).map((file) => contributed(readJson("ort-contrib", op, file))),
    ),
    ...TFLITE.flatMap((op) => jsonFiles("tflite", "kernels", op).flatMap((file) => tfliteCases(op, file))),
  ];
}

/**
 * TensorFlow Lite's pads (top, left, bottom, right) of a pooling case, from the shapes: the file of one case with padding
 * SAME says "valid".
 */
export function padsOf({ input, expected, parameters }: WindowCase): [number, number, number, number] {
  const total = (axis: 1 | 2, letter: "h" | "w") => {
    const [stride, filter] = [parameters[`stride_${letter}`], parameters[`filter_${letter}`]] as [number, number];
    return Math.max(((expected.shape[axis] as number) - 1) * stride + filter - (input.shape[axis] as number), 0);
  };
  const [down, across] = [total(1, "h"), total(2, "w")];
  return [down >> 1, across >> 1, down - (down >> 1), across - (across >> 1)];
}

/** By operator: the result's codes, channels last. */
export type WindowImplementation = Record<string, (each: WindowCase) => ArrayLike<number>>;

/** Registers a test for every operator of the data. */
export function testWindows(name: string, implementation: WindowImplementation): void {
  for (const [op, count] of Object.entries(COUNTS)) {
    test(`${name} computes ${op}`, { skip }, () => {
      const cases = windowCases().filter((each) => each.op === op);
      for (const each of cases) {
        const codes = Array.from((implementation[op] as WindowImplementation[string])(each));
        if (each.tolerance === 0) assertSame(codes, each.expected.codes, each.name);
        else assertNear(codes, each.expected.codes, each);
      }
      assertCount(cases.length, count, `cases of ${op}`);
    });
  }
}

function assertNear(codes: number[], expected: number[], { name, tolerance }: WindowCase): void {
  assert.equal(codes.length, expected.length, `${name}: length`);
  for (const [i, code] of codes.entries()) {
    const wanted = expected[i] as number;
    assert.ok(Math.abs(code - wanted) <= tolerance, `${name}, index ${i}: expected ${wanted}, got ${code}`);
  }
}

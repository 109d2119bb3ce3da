// ONNX's MatMulInteger, ConvInteger, QLinearMatMul and QLinearConv, and onnxruntime's QGemm, as cases of the operators that
// accumulate. ONNX has channels second and the weights of a product as [k, n].
import { type Geometry, geometryOf } from "../reference/conv.ts";
import type { Operand } from "../reference/integer.ts";
import { decodeValue, FORMATS } from "../reference/minifloat.ts";
import {
  decodeBase64,
  jsonFiles,
  operations,
  readJson,
  type StoredOperation,
  type StoredTensor,
  tensorAt,
  tensorNumbers,
} from "./data.ts";
import { type IntegerImplementation, type ProductCase, type SumsCase, testCases, transpose } from "./integer.cases.ts";

const CHANNELS_LAST = [0, 2, 3, 1];

/** An operation's input by its position in the node; undefined where it is omitted. */
type Input = (position: number) => StoredTensor | undefined;

function inputsOf({ node_inputs, inputs }: StoredOperation): Input {
  return (position) => {
    const name = node_inputs[position];
    return name ? inputs.find((tensor) => tensor.name === name) : undefined;
  };
}

function numbersOf(tensor: StoredTensor | undefined, absent: number[]): number[] {
  if (tensor === undefined) return absent;
  if (tensor.dtype !== "float16") return tensorNumbers(tensor);
  return Array.from(decodeBase64(tensor.data, "uint16"), (code) => decodeValue(code, FORMATS.float16));
}

/** An operand with its axes in another order. */
function operandOf(
  tensor: StoredTensor,
  order: readonly number[],
  zero: StoredTensor | undefined,
  scale?: StoredTensor,
): Operand {
  return {
    format: tensor.dtype,
    shape: order.map((axis) => tensor.shape[axis] as number),
    codes: transpose(tensorNumbers(tensor), tensor.shape, order),
    scale: Float32Array.from(numbersOf(scale, [1])),
    zero: numbersOf(zero, [0]),
  };
}

/** The axes of a tensor in order, the last two exchanged if asked for. */
function axesOf({ shape }: StoredTensor, exchanged: boolean): number[] {
  const axes = shape.map((_, axis) => axis);
  const [last, before] = [shape.length - 1, shape.length - 2];
  return exchanged ? [...axes.slice(0, before), last, before] : axes;
}

function given(tensor: StoredTensor | undefined, name: string): StoredTensor {
  if (tensor === undefined) throw new RangeError(`${name}: an input is missing`);
  return tensor;
}

/** The geometry that a convolution's attributes give. */
function attributesOf({ attributes }: StoredOperation): Geometry {
  const { strides, pads, dilations, group } = attributes as unknown as Partial<Geometry> & { group?: number };
  return geometryOf({
    ...(strides && { strides }),
    ...(pads && { pads }),
    ...(dilations && { dilations }),
    ...(group && { groups: group }),
  });
}

function convIntegerCase(operation: StoredOperation): SumsCase {
  const { name, outputs } = operation;
  const input = inputsOf(operation);
  const output = tensorAt(outputs, 0);
  return {
    name,
    operator: "convolution",
    x: operandOf(given(input(0), name), CHANNELS_LAST, input(2)),
    w: operandOf(given(input(1), name), CHANNELS_LAST, input(3)),
    ...attributesOf(operation),
    expected: transpose(tensorNumbers(output), output.shape, CHANNELS_LAST),
  };
}

function matMulIntegerCase(operation: StoredOperation): SumsCase {
  const { name, outputs } = operation;
  const input = inputsOf(operation);
  const [a, b] = [given(input(0), name), given(input(1), name)];
  return {
    name,
    operator: "linear",
    x: operandOf(a, axesOf(a, false), input(2)),
    w: operandOf(b, axesOf(b, true), input(3)),
    ...geometryOf(),
    expected: tensorNumbers(tensorAt(outputs, 0)),
  };
}

/** What a quantized result is, from its scale and zero. */
function resultOf(output: StoredTensor, scale: StoredTensor | undefined, zero: StoredTensor | undefined) {
  const [s = Number.NaN] = numbersOf(scale, []);
  const [z = 0] = numbersOf(zero, []);
  return { y: { format: output.dtype, scale: s, zero: z }, activation: undefined, arithmetic: "onnx" as const };
}

function biasOf(tensor: StoredTensor | undefined): Int32Array | undefined {
  return tensor && Int32Array.from(tensorNumbers(tensor));
}

function qLinearConvCase(operation: StoredOperation): ProductCase {
  const { name, outputs } = operation;
  const input = inputsOf(operation);
  const output = tensorAt(outputs, 0);
  return {
    name,
    operator: "convolution",
    x: operandOf(given(input(0), name), CHANNELS_LAST, input(2), input(1)),
    w: operandOf(given(input(3), name), CHANNELS_LAST, input(5), input(4)),
    ...attributesOf(operation),
    bias: biasOf(input(8)),
    ...resultOf(output, input(6), input(7)),
    expected: transpose(tensorNumbers(output), output.shape, CHANNELS_LAST),
  };
}

/** QLinearMatMul, and with a bias in between QGemm; `transB` tells that the weights are [n, k] already. */
function qLinearMatMulCase(operation: StoredOperation, bias?: number): ProductCase {
  const { name, outputs, attributes } = operation;
  const input = inputsOf(operation);
  const [a, b] = [given(input(0), name), given(input(3), name)];
  const output = tensorAt(outputs, 0);
  const next = bias === undefined ? 6 : bias + 1;
  return {
    name,
    operator: "linear",
    x: operandOf(a, axesOf(a, false), input(2), input(1)),
    w: operandOf(b, axesOf(b, attributes.transB !== 1), input(5), input(4)),
    ...geometryOf(),
    bias: bias === undefined ? undefined : biasOf(input(bias)),
    ...resultOf(output, input(next), input(next + 1)),
    expected: tensorNumbers(output),
  };
}

function qGemmOperations(): StoredOperation[] {
  return jsonFiles("ort-contrib", "QGemm").map((file) => readJson("ort-contrib", "QGemm", file));
}

/** Registers the tests that hold `implementation` to the five operators' cases: all of them, exactly. */
export function testOnnxIntegers(name: string, { accumulate, multiply }: IntegerImplementation): void {
  const each =
    <C>(op: string, make: (operation: StoredOperation) => C) =>
    (): C[] =>
      operations(op).map((o) => make(o));
  testCases(`${name} accumulates as MatMulInteger`, each("MatMulInteger", matMulIntegerCase), 21, accumulate);
  testCases(`${name} accumulates as ConvInteger`, each("ConvInteger", convIntegerCase), 16, accumulate);
  testCases(
    `${name} multiplies as QLinearMatMul`,
    each("QLinearMatMul", (o) => qLinearMatMulCase(o)),
    25,
    multiply,
  );
  testCases(`${name} convolves as QLinearConv`, each("QLinearConv", qLinearConvCase), 20, multiply);
  testCases(`${name} multiplies as QGemm`, () => qGemmOperations().map((o) => qLinearMatMulCase(o, 6)), 5, multiply);
}

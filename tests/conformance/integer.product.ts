// The product's operators that accumulate, called with the operands of the oracle's (tests/reference/integer.ts).
import {
  accumulate,
  conv2d,
  convTranspose2d,
  type Format,
  matmul,
  type PreparedWeight,
  type ProductOptions,
  pack,
  prepare,
  type QTensor,
} from "../../src/index.ts";
import type { Accumulation, Multiplication, Operand } from "../reference/integer.ts";
import type { IntegerImplementation } from "./integer.cases.ts";

const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array };

/** The tensor of an operand: with as many scales as zeros where there is one a channel of `axis`. */
export function tensorOf({ format, shape, codes, scale, zero }: Operand, axis: number): QTensor {
  const data = format.endsWith("int4")
    ? pack(Uint8Array.from(codes), format as Format)
    : ARRAYS[format as keyof typeof ARRAYS].from(codes);
  const many = Math.max(scale.length, zero.length);
  const each = <T extends number>(values: ArrayLike<T>): T[] =>
    values.length === many ? Array.from(values) : new Array<T>(many).fill(values[0] as T);
  const parameters = { scale: Float32Array.from(each(scale)), zero: Int32Array.from(each(zero)) };
  return { format: format as Format, shape, data, ...parameters, ...(many !== 1 && { axis }) };
}

/** The weight's tensor; one scale and zero an output channel. */
export function weightOf({ operator, w }: Pick<Accumulation, "operator" | "w">): QTensor {
  return tensorOf(w, operator === "linear" ? w.shape.length - 2 : 0);
}

/** The options of a convolution. */
export function geometryOf({ operator, strides, pads, dilations, groups, outputPads }: Accumulation) {
  if (operator === "linear") return {};
  return { strides, pads, dilations, groups, ...(outputPads && { outputPads }) };
}

/** A bias as the product takes it: of 64 bits where activations have 16. */
function biasOf({ bias, x }: Multiplication) {
  if (!(bias instanceof Int32Array) || x.format !== "int16") return bias;
  return BigInt64Array.from(bias, BigInt);
}

/** A leaky relu's one slope, or a prelu's. */
function slopesOf({ alpha }: Multiplication) {
  if (!alpha) return {};
  const [slope] = alpha;
  return alpha.length === 1
    ? { activation: "leaky_relu", alpha: slope }
    : { activation: "prelu", alpha: Float32Array.from(alpha) };
}

/** The options that say what the result is. */
export function resultOptions(each: Multiplication) {
  const { y, arithmetic, activation } = each;
  const bias = biasOf(each);
  const chosen = { ...(bias && { bias }), ...(activation && { activation }), ...slopesOf(each) };
  return { ...y, arithmetic, ...chosen } as ProductOptions;
}

const OPERATORS = { linear: matmul, convolution: conv2d, transposed: convTranspose2d };

/** The quantized result. */
export function multiply(each: Multiplication, weight: QTensor | PreparedWeight = weightOf(each)): QTensor {
  return OPERATORS[each.operator](tensorOf(each.x, 0), weight, { ...geometryOf(each), ...resultOptions(each) });
}

/** The sums, as numbers. */
export function accumulateSums(each: Accumulation, weight: QTensor | PreparedWeight = weightOf(each)): number[] {
  return Array.from(accumulate(tensorOf(each.x, 0), weight, geometryOf(each) as never), Number);
}

/** What a weight that was prepared before gives; a batch of weights cannot be. */
function withPrepared<R>(each: Accumulation, run: (weight: QTensor | PreparedWeight) => R): R {
  if (each.operator === "linear" && each.w.shape.length > 2) return run(weightOf(each));
  const weight = prepare(weightOf(each), each.operator === "linear" ? {} : { groups: each.groups });
  try {
    return run(weight);
  } finally {
    weight.dispose();
  }
}

export const product: IntegerImplementation = {
  accumulate: (each) => accumulateSums(each),
  multiply: (each) => multiply(each).data as Int8Array,
};

/** The product with weights that are packed beforehand. */
export const preparedProduct: IntegerImplementation = {
  accumulate: (each) => withPrepared(each, (weight) => accumulateSums(each, weight)),
  multiply: (each) => withPrepared(each, (weight) => multiply(each, weight).data as Int8Array),
};

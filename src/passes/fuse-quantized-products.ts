// Products between quantizers as products of codes: Conv, Gemm and MatMul.

import { FORMATS, type IntegerFormat } from "../formats.ts";
import { type Node, withAttributes } from "../model/graph.ts";
import { OWN } from "../model/ops/quantizer.ts";
import { isPlain, quantizableOf } from "../model/quantizable.ts";
import { roundHalfEven } from "../quantizer.ts";
import { tensorArray } from "../tensor/tensor.ts";
import type { Edit } from "./edit.ts";
import {
  type Codes,
  dequantized,
  inputsOf,
  isActivation,
  isByte,
  numbersOf,
  replaceUntil,
  type Target,
  targetOf,
  targetParameters,
} from "./fuse-quantized-values.ts";
import { rankOf } from "./outline.ts";

/** The inputs of an operator of codes, by what they belong to. */
interface Inputs {
  readonly x: readonly string[];
  readonly w: readonly string[];
  /** The result's scale and zero, left out where it is float32. */
  readonly y: readonly string[];
  readonly bias: string;
}

/** An operator of codes. */
interface Made {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
}

type Make = (inputs: Inputs, isFloat: boolean, portable: boolean) => Made | undefined;

const MICROSOFT = "com.microsoft";

const PRODUCTS = new Map(
  Object.entries<Make>({
    Conv({ x, w, y, bias }, isFloat, portable) {
      if (isFloat && portable) return undefined;
      return { op: "QLinearConv", domain: portable ? "" : MICROSOFT, inputs: [...x, ...w, ...y, bias] };
    },
    ConvTranspose({ x, w, y, bias }, _, portable) {
      return portable ? undefined : { op: "QLinearConvTranspose", domain: OWN, inputs: [...x, ...w, ...y, bias] };
    },
    Gemm: ({ x, w, y, bias }) => ({ op: "QGemm", domain: MICROSOFT, inputs: [...x, ...w, bias, ...y] }),
    MatMul({ x, w, y }, isFloat) {
      if (!isFloat) return { op: "QLinearMatMul", domain: "", inputs: [...x, ...w, ...y] };
      const pairs = [0, 1, 2].flatMap((i) => [x[i] as string, w[i] as string]);
      return { op: "MatMulIntegerToFloat", domain: MICROSOFT, inputs: pairs };
    },
  }),
);

/** How far a bias's scale may be from the product of the operands', in parts of it. */
const TOLERANCE = 1e-6;

/** Whether codes are int32 of these steps. */
function hasSteps({ format, scales, zeros }: Codes, steps: Float32Array): boolean {
  const isNear = (step: number, i: number) =>
    Math.abs((scales[scales.length === 1 ? 0 : i] as number) - step) <= TOLERANCE * step;
  return format === "int32" && Array.from(zeros).every((zero) => zero === 0) && steps.every(isNear);
}

/** The numbers of a constant, dequantized or not. */
function realsOf(edit: Edit, name: string, codes: Codes | undefined): ArrayLike<number> | undefined {
  const constant = edit.constant(codes?.name ?? name);
  if (!constant || !codes) return constant?.format === "float32" ? (constant.data as Float32Array) : undefined;
  const { scales, zeros } = codes;
  const of = (list: ArrayLike<number>, i: number) => list[list.length === 1 ? 0 : i] ?? 0;
  return Array.from(numbersOf(constant), (code, i) => (code - of(zeros, i)) * of(scales, i));
}

/** Name of a bias in steps of the sums, a number an output; "" if there is none, undefined if it cannot be had. */
function biasOf(edit: Edit, name: string | undefined, x: Codes, w: Codes): string | undefined {
  if (!name) return "";
  const codes = dequantized(edit, name);
  const reals = realsOf(edit, name, codes);
  const shape = edit.constant(codes?.name ?? name)?.shape ?? [];
  const count = Math.max(reals?.length ?? 0, w.scales.length);
  // one number a row, or a number for every sum, is no bias
  if (!reals || (shape.at(-1) ?? 1) !== reals.length || (reals.length !== 1 && reals.length !== count))
    return undefined;
  const scale = (i: number) => (x.scales[0] as number) * (w.scales[w.scales.length === 1 ? 0 : i] as number);
  const steps = Float32Array.from({ length: count }, (_, i) => scale(i));
  if (codes && reals.length === count && hasSteps(codes, steps)) return codes.name;
  const data = Array.from(steps, (step, i) => roundHalfEven((reals[reals.length === 1 ? 0 : i] as number) / step));
  if (!data.every((value) => Math.abs(value) < 2 ** 31)) return undefined;
  return edit.addConstant(`${name}_steps`, Int32Array.from(data), [count], "int32");
}

/** Whether a product is one of matrices, or of images of one or two axes, with its outputs along the axis of a weight's scales. */
function fits(edit: Edit, node: Node, w: Codes): boolean {
  const rank = edit.constant(w.name)?.shape.length ?? rankOf(edit.outline(node.inputs[1] ?? ""));
  const isImage = rank === 3 || rank === 4;
  if (rank === undefined || !isPlain(node) || (node.op.startsWith("Conv") && !isImage)) return false;
  return w.axis === undefined || (w.axis < 0 ? w.axis + rank : w.axis) === quantizableOf(node)?.channels?.(node, rank);
}

/** Names of a weight's codes in bytes, its scale and its zero; undefined where they are wider. */
function weightInputs(edit: Edit, w: Codes): string[] | undefined {
  if (isByte(w)) return inputsOf(edit, w);
  const constant = edit.constant(w.name);
  const { bits, signed } = FORMATS.get(w.format) as IntegerFormat;
  if (!constant || bits > 8) return undefined;
  const format = signed ? "int8" : "uint8";
  const bytes = (data: ArrayLike<number>) => new (tensorArray(format) as typeof Int8Array)(data);
  const { shape } = edit.constant(w.node.inputs[1]) as { shape: readonly number[] };
  const zeros = w.zeros.length > 0 ? w.zeros : new Uint8Array(w.scales.length);
  return [
    edit.addConstant(`${w.name}_bytes`, bytes(numbersOf(constant)), constant.shape, format),
    w.node.inputs[1] as string,
    edit.addConstant(`${w.name}_bytes_zero`, bytes(zeros), shape, format),
  ];
}

/** Whether onnxruntime has a kernel for the operands. */
function isPortable(x: Codes, w: Codes, target: Target | undefined): boolean {
  const fits = x.format === "uint8" || w.format === "int8";
  const isOne = Array.from(w.zeros).every((zero) => zero === w.zeros[0]);
  return isByte(w) && fits && isOne && (!target || (target.codes.format === x.format && !target.clamp));
}

/** Makes a product of dequantized operands one of codes; whether it could. */
export function fuseProduct(edit: Edit, node: Node, portable: boolean): boolean {
  const make = PRODUCTS.get(node.op);
  const [x, w] = node.inputs.map((name) => dequantized(edit, name));
  if (!make || !isActivation(x) || !w || !fits(edit, node, w)) return false;
  const target = targetOf(edit, node);
  if (portable && !isPortable(x, w, target)) return false;
  const weight = weightInputs(edit, w);
  const bias = biasOf(edit, node.inputs[2], x, w);
  if (!weight || bias === undefined) return false;
  const inputs = { x: inputsOf(edit, x), w: weight, y: targetParameters(edit, target), bias };
  const made = make(inputs, !target, portable);
  const { attributes } = withAttributes(node, { beta: undefined }); // it is 1, and QGemm has none
  if (made) replaceUntil(edit, node, target, { ...made, attributes });
  return made !== undefined;
}

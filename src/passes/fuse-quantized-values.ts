// What QuantizeLinear and DequantizeLinear say of codes, and what quantizes a value.

import type { FormatName } from "../formats.ts";
import { FORMATS, type IntegerFormat } from "../formats.ts";
import { intOf } from "../model/attributes.ts";
import { type Constant, type Node, withAttributes } from "../model/graph.ts";
import { BYTES } from "../model/quantized.ts";
import { unpackCodes } from "../tensor/codec.ts";
import { type Clamp, resultOf } from "../tensor/result.ts";
import { sizeOf } from "../tensor/shape.ts";
import { tensorArray } from "../tensor/tensor.ts";
import type { Edit } from "./edit.ts";
import { boundsOf } from "./match.ts";

/** Codes and what they stand for. */
export interface Codes {
  /** The node that says it. */
  readonly node: Node;
  readonly name: string;
  readonly format: FormatName;
  readonly scales: Float32Array;
  /** Empty: all are 0. */
  readonly zeros: ArrayLike<number>;
  /** Where there is a scale for each index of an axis. */
  readonly axis: number | undefined;
}

type Quantizing = "QuantizeLinear" | "DequantizeLinear";

const DOMAINS = ["", "com.microsoft"];

/** ONNX's number of float32, and what stands for "not said". */
const FLOAT32 = [0, 1];

/** Whether all that a node says is said by its scale, its zero and its axis. */
function isPlain(node: Node, op: Quantizing): boolean {
  const numbers = op === "QuantizeLinear" ? "precision" : "output_dtype";
  return intOf(node, "block_size", 0) === 0 && FLOAT32.includes(intOf(node, numbers, 0));
}

/** The codes of a constant, one a number. */
export function numbersOf({ format, data, shape }: Constant): ArrayLike<number> {
  const row = FORMATS.get(format) as IntegerFormat;
  return row.bits < 8 ? unpackCodes(data as Uint8Array, row, sizeOf(shape)) : (data as Int32Array);
}

/** What a quantizer with constant parameters says of its codes. */
export function codesOf(edit: Edit, node: Node | undefined, op: Quantizing): Codes | undefined {
  if (node?.op !== op || !DOMAINS.includes(node.domain) || !isPlain(node, op)) return undefined;
  const name = (op === "QuantizeLinear" ? node.outputs : node.inputs)[0] ?? "";
  const [scale, zero] = [1, 2].map((i) => edit.constant(node.inputs[i]));
  const format = zero?.format ?? edit.constant(name)?.format ?? edit.outline(name)?.format;
  if (scale?.format !== "float32" || !format || FORMATS.get(format)?.kind !== "integer") return undefined;
  if (node.inputs[2] && zero?.data.length === 0) return undefined;
  const scales = scale.data as Float32Array;
  if (!scales.every((each) => each > 0 && each < Infinity)) return undefined;
  const axis = scales.length === 1 ? undefined : intOf(node, "axis", 1);
  return { node, name, format, scales, zeros: zero ? numbersOf(zero) : [], axis };
}

export function isByte({ format }: Codes): boolean {
  return BYTES.includes(format);
}

/** Whether codes are of 8 bits, with one scale. */
export function isActivation(codes: Codes | undefined): codes is Codes {
  return codes !== undefined && codes.axis === undefined && isByte(codes);
}

/** The codes that a value is dequantized from. */
export function dequantized(edit: Edit, name: string | undefined): Codes | undefined {
  return codesOf(edit, edit.maker(name ?? ""), "DequantizeLinear");
}

/** Names of the scale and the zero of codes. */
export function parametersOf(edit: Edit, codes: Codes): [scale: string, zero: string] {
  const [, scale = "", zero] = codes.node.inputs;
  const { format, name, scales } = codes;
  const { shape } = edit.constant(scale) as Constant;
  return [scale, zero || edit.addConstant(`${name}_zero`, new (tensorArray(format))(scales.length), shape, format)];
}

/** Names of codes, their scale and their zero: three inputs of an operator. */
export function inputsOf(edit: Edit, codes: Codes): string[] {
  return [codes.name, ...parametersOf(edit, codes)];
}

/** The code of a number, and what an activation leaves of all codes. */
export function rangeOf(codes: Codes, activation: Clamp): { lo: number; hi: number } {
  const options = { scale: codes.scales[0] as number, zero: codes.zeros[0] ?? 0, format: codes.format as "int8" };
  return resultOf({ ...options, activation }, FORMATS.get(codes.format) as IntegerFormat).range;
}

/** The quantizer of a result. */
export interface Target {
  readonly codes: Codes;
  /** The codes that an activation before it leaves, where it does not leave all. */
  readonly clamp: readonly bigint[] | undefined;
}

/** The one node that takes a value, as its first input. */
function onlyTaker(edit: Edit, name: string): Node | undefined {
  const [taker] = edit.takersOf(name);
  return taker?.inputs.indexOf(name) === 0 && edit.isOnlyFor(name, [taker]) ? taker : undefined;
}

/** The ends of what an activation leaves; undefined where it is no clamp to constants. */
function clampOf(edit: Edit, node: Node | undefined): readonly [number, number] | undefined {
  if (node?.domain !== "") return undefined;
  if (node.op === "Relu") return [0, Infinity];
  return node.op === "Clip" ? boundsOf(edit, node) : undefined;
}

/** What quantizes the one output of a node, if nothing else takes it. */
export function targetOf(edit: Edit, node: Node): Target | undefined {
  const taker = onlyTaker(edit, node.outputs[0] ?? "");
  const clamp = clampOf(edit, taker);
  const quantizer = clamp ? onlyTaker(edit, taker?.outputs[0] ?? "") : taker;
  const codes = codesOf(edit, quantizer, "QuantizeLinear");
  if (!isActivation(codes)) return undefined;
  const [all, left] = [rangeOf(codes, [-Infinity, Infinity]), rangeOf(codes, clamp ?? [-Infinity, Infinity])];
  const isWhole = all.lo === left.lo && all.hi === left.hi;
  return { codes, clamp: isWhole ? undefined : [left.lo, left.hi].map(BigInt) };
}

/** Names of a result's scale and zero, left out where it is float32. */
export function targetParameters(edit: Edit, target: Target | undefined): string[] {
  return target ? parametersOf(edit, target.codes) : ["", ""];
}

/** What an operator of codes is, beside what its node was. */
interface Made {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly attributes?: Node["attributes"];
}

/** Puts an operator of codes in the place of a node, and of what stands from it to the quantizer of its result. */
export function replaceUntil(edit: Edit, node: Node, target: Target | undefined, made: Made): void {
  const outputs = target ? [target.codes.name] : node.outputs;
  const inputs = made.inputs.slice(0, made.inputs.map(Boolean).lastIndexOf(true) + 1);
  const clamped = withAttributes({ ...node, ...made, inputs, outputs }, { clamp: target?.clamp });
  edit.replace(target?.codes.node ?? node, clamped);
}

// ONNX's numbers of element types, as attributes such as Cast's `to` have them.

import { nodeError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import type { Node } from "./graph.ts";

/** Formats by ONNX's TensorProto.DataType; undefined: of no numbers (0), strings (8), complex numbers (14, 15). */
export const DATA_TYPES: readonly (FormatName | undefined)[] = [
  undefined,
  "float32",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  undefined,
  "bool",
  "float16",
  "float64",
  "uint32",
  "uint64",
  undefined,
  undefined,
  "bfloat16",
  "float8_e4m3fn",
  "float8_e4m3fnuz",
  "float8_e5m2",
  "float8_e5m2fnuz",
  "uint4",
  "int4",
  "float4_e2m1fn",
  "float8_e8m0fnu",
  "uint2",
  "int2",
];

const NUMBERS = new Map(DATA_TYPES.map((format, number) => [format, number]));

/** The number of a format's type; undefined where ONNX has none. */
export function typeOfFormat(format: FormatName): number | undefined {
  return NUMBERS.get(format);
}

/** The format that an attribute names by number. */
export function formatOfType(node: Node, name: string, type: number): FormatName {
  const format = DATA_TYPES[type];
  if (!format) throw nodeError(node, `attribute "${name}" expected the type of a tensor of numbers, got ${type}`);
  return format;
}

// ONNX's numbers of data types.

import type { FormatName } from "../formats.ts";

const FORMATS_BY_NUMBER: Readonly<Record<number, FormatName>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
  17: "float8_e4m3fn",
  18: "float8_e4m3fnuz",
  19: "float8_e5m2",
  20: "float8_e5m2fnuz",
  21: "uint4",
  22: "int4",
  23: "float4_e2m1fn",
  24: "float8_e8m0fnu",
  25: "uint2",
  26: "int2",
};

/** The format that a number of a data type stands for; undefined where octavo has none. */
export function formatOfType(number: number): FormatName | undefined {
  return FORMATS_BY_NUMBER[number];
}

const NUMBERS = new Map(Object.entries(FORMATS_BY_NUMBER).map(([number, format]) => [format, Number(number)]));

/** The number of a format's data type; undefined where ONNX has none. */
export function typeOfFormat(format: FormatName): number | undefined {
  return NUMBERS.get(format);
}

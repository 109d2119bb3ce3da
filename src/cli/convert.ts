// Tensors of files as a model's inputs, and its outputs as tensors that files can hold.

import { rangeError } from "../check.ts";
import { bitsPerValue, type CodeArray, FORMATS, type FormatName, type FormatRow } from "../formats.ts";
import { decode, encode, type Tensor, type TensorArray, unpack } from "../index.ts";
import { tensorArray } from "../tensor/tensor.ts";

type Numbers = ArrayLike<number | bigint> & Iterable<number | bigint>;

const NUMPY_FLOATS: readonly FormatName[] = ["float16", "float32"];

const isFloat = (format: FormatName) => format === "float64" || FORMATS.get(format)?.kind === "float";

/** The numbers as those of an integer format or bool; each has to be one. */
function integers(numbers: Numbers, format: FormatName, name: string): TensorArray {
  const kind = tensorArray(format);
  const data = new kind(numbers.length);
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i] as number | bigint;
    const isInteger = typeof value === "bigint" || Number.isInteger(value);
    if (isInteger) data[i] = (big ? BigInt(value) : Number(value)) as number & bigint;
    const most = format === "bool" ? 1 : Infinity;
    if (!isInteger || Number(data[i]) !== Number(value) || value > most) {
      throw rangeError(name, `${format} numbers`, `${value} at index ${i}`);
    }
  }
  return data;
}

/**
 * The same numbers in another format, floats rounded to it.
 * @throws RangeError for a number that an integer format does not have
 */
export function convert(tensor: Tensor, format: FormatName, name: string): Tensor {
  const { shape, data } = tensor;
  const numbers = (tensor.format === "float16" ? decode(data as Uint16Array, "float16") : data) as Numbers;
  if (!isFloat(format)) return { format, shape, data: integers(numbers, format, name) };
  if (format === "float64") return { format, shape, data: Float64Array.from(numbers, Number) };
  const floats = Float32Array.from(numbers, Number);
  return { format, shape, data: format === "float32" ? floats : encode(floats, format) };
}

/** The same numbers in a format that numpy has: packed codes each for itself, floats that it has not as float32. */
export function unfold(tensor: Tensor): Tensor {
  const { format, shape, data } = tensor;
  const row = FORMATS.get(format as string) as FormatRow;
  const bits = bitsPerValue(row);
  const length = shape.reduce((a, b) => a * b, 1);
  const codes = bits < 8 ? unpack(data as Uint8Array, format, { length }) : (data as CodeArray);
  if (row.kind === "power" || (row.kind === "float" && !NUMPY_FLOATS.includes(format as FormatName))) {
    return { format: "float32", shape, data: decode(codes, format) };
  }
  return bits < 8 ? { format: codes instanceof Int8Array ? "int8" : "uint8", shape, data: codes } : tensor;
}

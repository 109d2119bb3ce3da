// Arrays in numpy's .npy files: a header of text that says format, order and shape, then the numbers (numpy.lib.format,
// versions 1 to 3).

import { checkArray, checkShape, rangeError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import { sizeOf } from "../tensor/shape.ts";
import { type Tensor, type TensorArray, type TypedTensor, tensorArray } from "../tensor/tensor.ts";
import { checkBytes } from "./bytes.ts";

/** Formats as numpy names them, behind the letter of the byte order. */
const TYPES: ReadonlyMap<string, string> = new Map<FormatName, string>([
  ["bool", "b1"],
  ["int8", "i1"],
  ["uint8", "u1"],
  ["int16", "i2"],
  ["uint16", "u2"],
  ["int32", "i4"],
  ["uint32", "u4"],
  ["int64", "i8"],
  ["uint64", "u8"],
  ["float16", "f2"],
  ["float32", "f4"],
  ["float64", "f8"],
]);

const MAGIC = [0x93, ...Array.from("NUMPY", (letter) => letter.charCodeAt(0))];

/** The numbers begin at a multiple of this. */
const ALIGNMENT = 64;

/** numpy reads no longer ones either. */
const LONGEST_HEADER = 10_000;

/** numpy has no more either. */
const MOST_AXES = 64;

const DICTIONARY = /^\s*\{(.*)\}\s*$/s;
const ENTRY = /\s*(['"])(\w+)\1\s*:\s*(?:(['"])(.*?)\3|(True|False)|\(([^()]*)\))\s*(?:,\s*|$)/y;

/** The words, flags and tuples of a dictionary as Python writes it; undefined if it is anything else. */
function parseDictionary(text: string): Map<string, string> | undefined {
  const body = DICTIONARY.exec(text)?.[1];
  const entries = new Map<string, string>();
  ENTRY.lastIndex = 0;
  while (body !== undefined && ENTRY.lastIndex < body.length) {
    const match = ENTRY.exec(body);
    if (!match) return undefined;
    entries.set(match[2] as string, match[4] ?? match[5] ?? match[6] ?? "");
  }
  return entries;
}

/** What a header says. */
interface Header {
  readonly format: FormatName;
  readonly bigEndian: boolean;
  /** Whether the first axis is the one that runs fastest. */
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` */
function parseHeader(text: string): Header {
  const entries = parseDictionary(text);
  const type = entries?.get("descr");
  const order = entries?.get("fortran_order");
  const shape = entries?.get("shape");
  if (entries?.size !== 3 || type === undefined || order === undefined || shape === undefined) {
    throw rangeError("npy header", '"descr", "fortran_order" and "shape" of numbers', text.trim());
  }
  const format = Array.from(TYPES).find(([, name]) => name === type.slice(1))?.[0];
  if (!format || !/^[<>|]/.test(type))
    throw rangeError("npy descr", `< or > or | and ${[...TYPES.values()].join(", ")}`, type);
  const extents = shape.split(",").map((extent) => extent.trim().replace(/^(\d+)L$/, "$1")); // Python 2 wrote 3L
  if (extents.at(-1) === "") extents.pop();
  if (extents.length > MOST_AXES) throw rangeError("npy shape", `at most ${MOST_AXES} axes`, extents);
  const numbers = extents.map((extent) => (/^\d+$/.test(extent) ? Number(extent) : Number.NaN));
  return {
    format: format as FormatName,
    bigEndian: type.startsWith(">"),
    fortran: order === "True",
    shape: checkShape(numbers, "npy shape"),
  };
}

/** The text of the header, and where it ends. */
function readHeader(bytes: Uint8Array): { text: string; end: number } {
  const version = bytes[MAGIC.length] ?? 0;
  if (!MAGIC.every((byte, i) => bytes[i] === byte) || version < 1 || version > 3) {
    throw rangeError(
      "npy",
      'a file that begins with "\\x93NUMPY" and a version of 1 to 3',
      Array.from(bytes.subarray(0, 8)),
    );
  }
  const start = version === 1 ? 10 : 12;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (start > bytes.length) throw rangeError("npy", "the length of its header", bytes);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const end = start + length;
  if (length > LONGEST_HEADER || end > bytes.length) {
    throw rangeError("npy header", `at most ${Math.min(LONGEST_HEADER, bytes.length - start)} bytes`, length);
  }
  return { text: new TextDecoder().decode(bytes.subarray(start, end)), end };
}

/** Turns the bytes of every number around. */
function swap(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) {
    for (let low = at, high = at + size - 1; low < high; low++, high--) {
      const byte = bytes[low] as number;
      bytes[low] = bytes[high] as number;
      bytes[high] = byte;
    }
  }
}

/** Values whose first axis runs fastest, in row-major order. */
function rowMajor(data: TensorArray, shape: readonly number[]): TensorArray {
  const result = data.slice();
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    result[to] = data[from] as number & bigint;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      if (index[axis] !== shape[axis]) break;
      from -= (strides[axis] as number) * (shape[axis] as number);
      index[axis] = 0;
    }
  }
  return result;
}

/**
 * The array of a .npy file. Big-endian numbers and Fortran's order are turned into a tensor's.
 * @throws RangeError where the file is none, is cut off, or holds what no format stands for (text, complex numbers, records)
 */
export function readNpy(bytes: Uint8Array | ArrayBuffer): TypedTensor {
  const file = checkBytes(bytes, "bytes");
  const { text, end } = readHeader(file);
  const { format, bigEndian, fortran, shape } = parseHeader(text);
  const kind = tensorArray(format);
  const wanted = sizeOf(shape) * kind.BYTES_PER_ELEMENT;
  if (file.length - end !== wanted) {
    throw rangeError("npy", `${wanted} bytes of ${format} [${shape.join(", ")}] behind its header`, file.length - end);
  }
  const numbers = new Uint8Array(file.subarray(end)); // a copy of a Buffer's too
  if (bigEndian) swap(numbers, kind.BYTES_PER_ELEMENT);
  const data = new kind(numbers.buffer, 0, sizeOf(shape));
  return { format, shape, data: fortran ? rowMajor(data, shape) : data } as TypedTensor;
}

/**
 * A .npy file of a tensor, as numpy writes it.
 * @throws RangeError for formats that numpy has no name for
 */
export function writeNpy({ format, shape, data }: Tensor): Uint8Array {
  const type = TYPES.get(format as string);
  if (type === undefined) throw rangeError("format", `one of ${[...TYPES.keys()].join(", ")}`, format);
  checkArray(data, [tensorArray(format as FormatName)], "data");
  checkShape(shape, "shape", data.length);
  const order = type.endsWith("1") ? "|" : "<";
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '${order}${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const start = MAGIC.length + 4;
  const length = Math.ceil((start + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT - start;
  const header = `${dictionary.padEnd(length - 1)}\n`;
  const file = new Uint8Array(start + length + data.byteLength);
  file.set([...MAGIC, 1, 0, length & 255, length >> 8]);
  file.set(new TextEncoder().encode(header), start);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start + length);
  return file;
}

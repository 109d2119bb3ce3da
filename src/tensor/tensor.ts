// Plain data: a tensor, a quantized tensor, and the array that a format's codes live in.

import {
  checkArray,
  checkAxis,
  checkInteger,
  checkScales,
  checkShape,
  checkZeros,
  rangeError,
  typeError,
} from "../check.ts";
import { checkFormat } from "../check-format.ts";
import {
  type CodeArray,
  codeType,
  element,
  type FloatFormat,
  FORMATS,
  type Format,
  type FormatName,
  type FormatRow,
  type IntegerFormat,
} from "../formats.ts";
import { type CodeRange, codeRange } from "../quantizer.ts";
import { type Grain, grainOf } from "./grain.ts";
import { sizeOf } from "./shape.ts";

/** The arrays that tensors' data are in: numbers in the array of their format, bools in a Uint8Array, other codes by their width. */
export type TensorArray = CodeArray | Float32Array | Float64Array | BigInt64Array | BigUint64Array;

/** An array of numbers with a shape. Plain data: structuredClone and postMessage take it. */
export interface Tensor {
  readonly format: Format;
  readonly shape: readonly number[];
  /** Row-major. Codes of less than 8 bits are packed, low bits first, with no gap between rows. */
  readonly data: TensorArray;
}

/** The array of a format's data. */
type ArrayOf<F extends FormatName> = F extends "float32"
  ? Float32Array
  : F extends "float64"
    ? Float64Array
    : F extends "int64"
      ? BigInt64Array
      : F extends "uint64"
        ? BigUint64Array
        : CodeArray;

/** A tensor whose array TypeScript knows once its format is looked at: `if (y.format === "float32") y.data` is a Float32Array. */
export type TypedTensor = {
  readonly [F in FormatName]: { readonly format: F; readonly shape: readonly number[]; readonly data: ArrayOf<F> };
}[FormatName];

/** A tensor of float32 numbers. */
export interface FloatTensor {
  readonly format: "float32";
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** A quantized tensor: x = scale (code - zero), times `tensorScale` where there is one. */
export interface QTensor extends Tensor {
  readonly data: CodeArray;
  /** One per tensor, per index of `axis`, or per block: then of the shape with its last extent (or `axis`) divided. */
  readonly scale: Float32Array;
  /** As many as scales; 0 in float formats. */
  readonly zero: Int32Array;
  /** The axis whose indices have a scale each; with `block`, the axis that is cut into blocks (default: the last). */
  readonly axis?: number;
  /** Values per scale along the axis. */
  readonly block?: number;
  /** Bits used of an integer format, where fewer than it has. */
  readonly bits?: number;
  /** Whether the lowest code of a signed format is left out. */
  readonly narrow?: boolean;
  /** The scale of the scales (nvfp4). */
  readonly tensorScale?: number;
  /** How many infinities a searched range passed over, where there were any. */
  readonly infinite?: number;
}

/** A format that tensors can be quantized to. */
export type CodeFormat = IntegerFormat | FloatFormat;

const ARRAYS = { i8: Int8Array, u8: Uint8Array, i16: Int16Array, u16: Uint16Array, i32: Int32Array, u32: Uint32Array };

/** A class of arrays: of a length, or of a part of a buffer. */
interface ArrayClass<A> {
  new (length: number): A;
  new (buffer: ArrayBufferLike, at: number, length: number): A;
  readonly BYTES_PER_ELEMENT: number;
}

/** The array class that holds one code of a format a place. */
export function codeArray(format: CodeFormat): ArrayClass<CodeArray> {
  return ARRAYS[codeType(format)];
}

const NUMBER_ARRAYS: Partial<Record<FormatName, ArrayClass<TensorArray>>> = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
};

/** The array class of a tensor's data; codes of less than 8 bits are packed in bytes. */
export function tensorArray(format: FormatName): ArrayClass<TensorArray> {
  const row = FORMATS.get(format) as CodeFormat;
  return NUMBER_ARRAYS[format] ?? (row.bits < 8 ? Uint8Array : ARRAYS[codeType(row)]);
}

/** Elements of a tensor's array for so many values: packed below 8 bits. */
export function storedLength(format: FormatName, values: number): number {
  return Math.ceil((values * Math.min((FORMATS.get(format) as CodeFormat).bits, 8)) / 8);
}

/** Bytes of one code in memory. */
export function codeBytes(format: CodeFormat): number {
  return ARRAYS[codeType(format)].BYTES_PER_ELEMENT;
}

/** A quantized tensor whose fields were checked, and what follows from them. */
export interface Checked {
  readonly row: FormatRow;
  /** The format of the codes: the row itself, or a block format's element. */
  readonly codes: CodeFormat;
  readonly range: CodeRange;
  readonly grain: Grain;
  readonly length: number;
  readonly packed: boolean;
}

/** The codes' format of a row that can be quantized to. */
export function codeFormat(row: FormatRow, name = "format"): CodeFormat {
  if (row.kind === "block") return element(row);
  if (row.kind === "integer" || row.kind === "float") return row;
  throw typeError(name, "a format that values are quantized to", row.name);
}

/** The integer codes that a format uses; a float format's are its own affair. */
export function rangeOf(format: CodeFormat, bits = format.bits, narrow = false): CodeRange {
  return format.kind === "integer" ? codeRange(bits, format.signed, narrow) : { lo: 0, hi: 0 };
}

/** Checks the fields of a quantized tensor against each other. */
export function checkTensor(q: QTensor, name: string): Checked {
  if (q === null || typeof q !== "object" || !("format" in q)) throw typeError(name, "a quantized tensor", q);
  const row = checkFormat(q.format, `${name}.format`);
  const codes = codeFormat(row, `${name}.format`);
  const length = sizeOf(checkShape(q.shape, `${name}.shape`));
  const packed = codes.bits < 8;
  const data = checkArray(q.data, [packed ? Uint8Array : codeArray(codes)] as never, `${name}.data`) as CodeArray;
  const wanted = packed ? Math.ceil((length * codes.bits) / 8) : length;
  if (data.length !== wanted) {
    throw rangeError(`${name}.data`, `${wanted} elements for shape [${q.shape.join(", ")}]`, data.length);
  }
  const axis = q.axis === undefined ? undefined : checkAxis(q.axis, q.shape);
  const block = q.block === undefined ? undefined : checkInteger(q.block, 1, 2 ** 31, `${name}.block`);
  const grain = grainOf(q.shape, axis, row.kind === "block" ? row.block : block);
  const bits = q.bits === undefined ? undefined : checkInteger(q.bits, 2, codes.bits, `${name}.bits`);
  const range = rangeOf(codes, bits, q.narrow);
  checkScales(checkArray(q.scale, [Float32Array], `${name}.scale`), grain.count, `${name}.scale`);
  if (row.kind === "block" && row.tensorScale) checkScales(q.tensorScale, 1, `${name}.tensorScale`);
  checkZeros(
    checkArray(q.zero, [Int32Array], `${name}.zero`),
    grain.count,
    range.lo,
    range.hi,
    row.name,
    `${name}.zero`,
  );
  return { row, codes, range, grain, length, packed };
}

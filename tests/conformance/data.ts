// The conformance data: answers this project did not write, in ../shared/data/conformance beside the project's root.
// Locates the folder, reads its JSON, decodes its base64 tensors. Tests skip, saying so, where the folder is absent.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { FormatName, Tensor, TensorArray } from "../../src/index.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "shared", "data", "conformance");

/** false where the data is at hand, else the reason for which a test is skipped: node:test's `skip`. */
export const skip: false | string = existsSync(join(FOLDER, "README.md"))
  ? false
  : "conformance data absent: expected ../shared/data/conformance beside the project's root";

/** A tensor as the files hold it; `values` of sub-byte types are unpacked codes. */
export interface StoredTensor {
  name: string;
  dtype: string;
  shape: number[];
  data: string;
  values?: number[];
}

/** A case of format onnx-op-case/1. */
export interface StoredOperation {
  name: string;
  op: string;
  opset: number;
  node_inputs: string[];
  node_outputs: string[];
  domain: string;
  attributes: Record<string, number>;
  inputs: StoredTensor[];
  outputs: StoredTensor[];
  /** How far codes, and floats, may be from what is expected; absent: not at all. */
  tolerance_lsb?: number;
  rtol?: number;
  atol?: number;
}

/** A JSON file of the data; the caller names its type. */
export function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(FOLDER, ...path), "utf8")) as T;
}

/** The names of a folder's JSON files, sorted; none where the data is absent. */
export function jsonFiles(...path: string[]): string[] {
  if (skip !== false) return [];
  return readdirSync(join(FOLDER, ...path))
    .filter((name) => name.endsWith(".json"))
    .sort();
}

/** An operation's input (in the order given) or output; throws where it is missing. */
export function tensorAt(tensors: StoredTensor[], i: number): StoredTensor {
  const tensor = tensors[i];
  if (tensor === undefined) throw new RangeError(`no tensor ${i}`);
  return tensor;
}

/** All cases of one folder of onnx-quant. */
export function operations(op: string): StoredOperation[] {
  return jsonFiles("onnx-quant", op).map((file) => readJson("onnx-quant", op, file));
}

/** The bytes of a base64 string, in a buffer of their own. */
function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(base64, "base64")).buffer;
}

type Typed = Float32Array | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;

const ARRAYS: Record<string, new (buffer: ArrayBuffer) => Typed> = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
};

/** Decodes base64 of a dtype: floats of 8 bits give their codes; sub-byte types have `values` instead. */
export function decodeBase64(base64: string, dtype: string): Typed {
  const Constructor = dtype.startsWith("float8") ? Uint8Array : ARRAYS[dtype];
  if (Constructor === undefined) throw new RangeError(`no array for dtype ${dtype}`);
  return new Constructor(bytesOf(base64));
}

export function decodeFloat32(base64: string): Float32Array {
  return new Float32Array(bytesOf(base64));
}

/** The packed bytes of a tensor, as stored. */
export function packedBytes(tensor: StoredTensor): Uint8Array {
  return new Uint8Array(bytesOf(tensor.data));
}

/** The numbers of a tensor: integers signed as their type is, floats under 32 bits as unsigned codes. */
export function tensorNumbers(tensor: StoredTensor): number[] {
  return tensor.values ?? Array.from(decodeBase64(tensor.data, tensor.dtype));
}

const SPELLINGS: Record<string, string> = {
  tf32: "tfloat32",
  float8e3m4: "float8_e3m4",
  float8e4m3: "float8_e4m3",
  float8e4m3fn: "float8_e4m3fn",
  float8e4m3fnuz: "float8_e4m3fnuz",
  float8e4m3b11fnuz: "float8_e4m3b11fnuz",
  float8e5m2: "float8_e5m2",
  float8e5m2fnuz: "float8_e5m2fnuz",
  float8e8m0: "float8_e8m0fnu",
  float6e2m3: "float6_e2m3fn",
  float6e3m2: "float6_e3m2fn",
  float4e2m1: "float4_e2m1fn",
};

const WIDE: Record<string, new (buffer: ArrayBuffer) => TensorArray> = {
  ...ARRAYS,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float64: Float64Array,
  int64: BigInt64Array,
};

/** The data's name of a format in ml_dtypes spelling. */
export function formatName(dtype: string): string {
  return SPELLINGS[dtype] ?? dtype;
}

/** A tensor as the product has it: codes of less than 8 bits stay packed. */
export function modelTensor({ dtype, shape, data }: StoredTensor): Tensor & { format: FormatName } {
  return { format: formatName(dtype) as FormatName, shape, data: new (WIDE[dtype] ?? Uint8Array)(bytesOf(data)) };
}

/** Fails where fewer cases were met than the data's README counts: a vanished file is no pass. */
export function assertCount(met: number, counted: number, what: string): void {
  assert.ok(met >= counted, `expected at least ${counted} ${what}, met ${met}`);
}

/** Base64 of int64. */
export function decodeInt64(base64: string): BigInt64Array {
  return new BigInt64Array(bytesOf(base64));
}

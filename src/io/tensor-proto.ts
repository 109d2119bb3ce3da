// Constants as ONNX files have them: typed or raw data, in the file or beside it.

import { constantError, modelError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import { checkConstant } from "../model/check-model.ts";
import { DATA_TYPES, typeOfFormat } from "../model/data-types.ts";
import type { Constant, OpaqueConstant } from "../model/graph.ts";
import { sizeOf } from "../tensor/shape.ts";
import { storedLength, type TensorArray, tensorArray } from "../tensor/tensor.ts";
import { externalBytes, type Files } from "./external.ts";
import { DataLocation, TensorProto } from "./onnx-schema.ts";
import { countOf, decode, encode, integers, type Message, type Parts, unpack } from "./wire.ts";

type TypedData = "float_data" | "double_data" | "int32_data" | "int64_data" | "uint64_data";

/** The fields that typed data is in, where it is not that of int32. */
const TYPED: Partial<Record<FormatName, TypedData>> = {
  float32: "float_data",
  float64: "double_data",
  int64: "int64_data",
  uint64: "uint64_data",
  uint32: "uint64_data",
};

/** The fields but its name: that is where the tensor is, not what it is. */
const { 8: NAME, ...UNNAMED } = TensorProto;

/** A tensor of a file; in an attribute it has no name that counts. */
export type TensorMessage = Message<typeof UNNAMED>;

/** The extents of a shape. */
function shapeOf(tensor: TensorMessage, name: string): number[] {
  return integers(tensor.dims).map((extent) => {
    if (extent < 0n || extent > Number.MAX_SAFE_INTEGER) throw constantError(name, "extents >= 0", extent);
    return Number(extent);
  });
}

/**
 * An array on a copy of the bytes; on those of a file beside the model themselves, where they are aligned. In a model's file most are not:
 * once all its constants are copied, nothing holds on to it.
 */
function onBytes(format: FormatName, bytes: Uint8Array, length: number, isExternal: boolean): TensorArray {
  const kind = tensorArray(format);
  const isAligned = isExternal && bytes.byteOffset % kind.BYTES_PER_ELEMENT === 0;
  // not slice(): a Buffer's is no copy
  return isAligned
    ? new kind(bytes.buffer, bytes.byteOffset, length)
    : new kind(new Uint8Array(bytes).buffer, 0, length);
}

/** What makes a constant's array when it is wanted; that it can be made is checked here. */
function maker(tensor: TensorMessage, name: string, format: FormatName, shape: number[], files?: Files) {
  const length = storedLength(format, sizeOf(shape));
  const wanted = length * tensorArray(format).BYTES_PER_ELEMENT;
  const isExternal = tensor.data_location === DataLocation.EXTERNAL;
  const field = TYPED[format] ?? "int32_data";
  const typed = tensor[field];
  const isTyped = !isExternal && !tensor.raw_data?.length;
  if (isTyped && field !== "float_data" && field !== "double_data") {
    const count = countOf(typed);
    if (count !== length) throw constantError(name, `${length} numbers of ${format} in shape [${shape}]`, count);
    return () => unpack(typed, new (tensorArray(format))(length));
  }
  const inside = isTyped ? typed : (tensor.raw_data as Uint8Array);
  const bytes = isExternal ? externalBytes(tensor, name, wanted, files) : inside;
  if (!bytes) return () => new (tensorArray(format))(0);
  if (bytes.length !== wanted) {
    throw constantError(name, `${wanted} bytes of ${format} in shape [${shape}]`, bytes.length);
  }
  return () => onBytes(format, bytes, length, isExternal);
}

/** A constant whose array is made on first use: what is copied of the file is copied then, not before. */
function lazily(format: FormatName, shape: number[], make: () => TensorArray, extra?: Uint8Array): Constant {
  let data: TensorArray | (() => TensorArray) = make;
  return {
    format,
    shape,
    get data() {
      if (typeof data === "function") data = data();
      return data;
    },
    ...(extra && { extra }),
  };
}

/** A constant that the fields of a tensor make; undefined if octavo has no format for it. */
function constantOf(tensor: TensorMessage, name: string, files?: Files): Constant | undefined {
  const format = DATA_TYPES[tensor.data_type ?? 0];
  if (!format) return undefined;
  const shape = shapeOf(tensor, name);
  return lazily(format, shape, maker(tensor, name, format, shape, files), tensor.extra);
}

/** A tensor that is not known by its name; `name` is what errors call it. */
export function readTensor(bytes: Uint8Array, name: string, files?: Files): Constant | OpaqueConstant {
  return constantOf(decode(UNNAMED, bytes), name, files) ?? { opaque: bytes };
}

/** A tensor and its name. */
export function readInitializer(bytes: Uint8Array, files?: Files): [string, Constant | OpaqueConstant] {
  const tensor = decode(TensorProto, bytes);
  const { name = "" } = tensor;
  if (name === "") throw modelError("a constant of the graph has no name");
  const constant = constantOf(tensor, name, files);
  return [name, constant ?? { opaque: decode({ 8: NAME }, bytes).extra ?? new Uint8Array(0) }];
}

/** A tensor as a message; its numbers as raw data. */
export function writeTensor(constant: Constant | OpaqueConstant, name?: string): Parts {
  if ("opaque" in constant) return encode({ 8: NAME }, { name }, constant.opaque);
  const { format, shape, data, extra } = constant;
  checkConstant(constant, name ?? "");
  const data_type = typeOfFormat(format);
  const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return encode(TensorProto, { dims: shape.map(BigInt), data_type, name, raw_data }, extra);
}

// What is said of values: names, formats and shapes of tensors, and all else as it is.

import { modelError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import { DATA_TYPES, typeOfFormat } from "../model/data-types.ts";
import type { Extent, Value } from "../model/graph.ts";
import { Dimension, Tensor, TensorShapeProto, TypeProto, ValueInfoProto } from "./onnx-schema.ts";
import { decode, encode, type Parts } from "./wire.ts";

const { 1: NAME } = ValueInfoProto;

/** What octavo knows of a type, and whether that is all of it. */
interface Type {
  readonly format?: FormatName;
  readonly shape?: readonly Extent[];
  readonly isWhole: boolean;
}

/** An extent: some exporters write -1 for one that is not known. */
function readExtent(bytes: Uint8Array, name: string): { extent: Extent; isWhole: boolean } {
  const { dim_value, dim_param = "", extra } = decode(Dimension, bytes);
  if (dim_value === undefined || dim_value < 0n) return { extent: dim_param, isWhole: !extra };
  if (dim_value > Number.MAX_SAFE_INTEGER) throw modelError(`value "${name}" has an extent of ${dim_value}`);
  return { extent: Number(dim_value), isWhole: !extra };
}

function readType(bytes: Uint8Array, name: string): Type {
  const type = decode(TypeProto, bytes);
  if (!type.tensor_type) return { isWhole: !type.extra };
  const { elem_type, shape, extra } = decode(Tensor, type.tensor_type);
  const format = DATA_TYPES[elem_type ?? 0];
  if (!format && elem_type) return { isWhole: false };
  const isWhole = !type.extra && !extra;
  if (!shape) return { ...(format && { format }), isWhole };
  const dims = decode(TensorShapeProto, shape);
  const extents = dims.dim.map((each) => readExtent(each, name));
  return {
    ...(format && { format }),
    shape: extents.map(({ extent }) => extent),
    isWhole: isWhole && !dims.extra && extents.every((each) => each.isWhole),
  };
}

/** A value. A type that is more than a format and a shape is kept, too. */
export function readValue(bytes: Uint8Array): Value {
  const { name = "", type, extra } = decode(ValueInfoProto, bytes);
  const { isWhole, ...known } = type ? readType(type, name) : { isWhole: true };
  const kept = isWhole ? extra : decode({ 1: NAME }, bytes).extra;
  return { name, ...known, ...(kept && { extra: kept }) };
}

function writeExtent(extent: Extent, name: string): Parts {
  if (typeof extent === "string") return encode(Dimension, { dim_param: extent || undefined });
  if (!Number.isSafeInteger(extent) || extent < 0) throw modelError(`value "${name}" has an extent of ${extent}`);
  return encode(Dimension, { dim_value: BigInt(extent) });
}

function writeType({ name, format, shape }: Value): Parts | undefined {
  if (!format && !shape) return undefined;
  const elem_type = format && typeOfFormat(format);
  if (format && elem_type === undefined) throw modelError(`value "${name}" has a format that ONNX has not: ${format}`);
  const extents = shape?.map((extent) => writeExtent(extent, name));
  const tensor = { elem_type, shape: extents && encode(TensorShapeProto, { dim: extents }) };
  return encode(TypeProto, { tensor_type: encode(Tensor, tensor) });
}

/** A value as a message. A type that was kept is written, unless the value has become another. */
export function writeValue(value: Value): Parts {
  const { name, format, shape, extra } = value;
  const kept = extra && decode(ValueInfoProto, extra);
  const type = kept?.type && readType(kept.type, name);
  const isStill = type && type.format === format && String(type.shape) === String(shape);
  if (isStill) return encode(ValueInfoProto, { name }, extra);
  return encode(ValueInfoProto, { name, type: writeType(value) }, kept?.extra);
}

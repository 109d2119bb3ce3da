// Fields of ONNX's messages that octavo reads and writes, by number. Made by tools/onnx-schema.mjs from tools/onnx.proto.

export const ModelProto = {
  1: ["ir_version", "int64"],
  7: ["graph", "message"],
  8: ["opset_import", "message[]"],
  14: ["metadata_props", "message[]"],
} as const;

export const OperatorSetIdProto = {
  1: ["domain", "string"],
  2: ["version", "int64"],
} as const;

export const StringStringEntryProto = {
  1: ["key", "string"],
  2: ["value", "string"],
} as const;

export const GraphProto = {
  1: ["node", "message[]"],
  2: ["name", "string"],
  5: ["initializer", "message[]"],
  11: ["input", "message[]"],
  12: ["output", "message[]"],
  13: ["value_info", "message[]"],
} as const;

export const NodeProto = {
  1: ["input", "string[]"],
  2: ["output", "string[]"],
  3: ["name", "string"],
  4: ["op_type", "string"],
  5: ["attribute", "message[]"],
  7: ["domain", "string"],
} as const;

export const AttributeProto = {
  1: ["name", "string"],
  2: ["f", "float"],
  3: ["i", "int64"],
  4: ["s", "bytes"],
  5: ["t", "message"],
  6: ["g", "message"],
  7: ["floats", "float[]"],
  8: ["ints", "int64[]"],
  9: ["strings", "bytes[]"],
  11: ["graphs", "message[]"],
  20: ["type", "int32"],
  21: ["ref_attr_name", "string"],
} as const;

export const TensorProto = {
  1: ["dims", "int64[]"],
  2: ["data_type", "int32"],
  4: ["float_data", "float[]"],
  5: ["int32_data", "int32[]"],
  7: ["int64_data", "int64[]"],
  8: ["name", "string"],
  9: ["raw_data", "bytes"],
  10: ["double_data", "double[]"],
  11: ["uint64_data", "uint64[]"],
  13: ["external_data", "message[]"],
  14: ["data_location", "int32"],
} as const;

export const ValueInfoProto = {
  1: ["name", "string"],
  2: ["type", "message"],
} as const;

export const TypeProto = {
  1: ["tensor_type", "message"],
} as const;

export const Tensor = {
  1: ["elem_type", "int32"],
  2: ["shape", "message"],
} as const;

export const TensorShapeProto = {
  1: ["dim", "message[]"],
} as const;

export const Dimension = {
  1: ["dim_value", "int64"],
  2: ["dim_param", "string"],
} as const;

export const AttributeType = {
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  SPARSE_TENSOR: 11,
  TYPE_PROTO: 13,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSORS: 12,
  TYPE_PROTOS: 14,
} as const;

export const DataLocation = {
  DEFAULT: 0,
  EXTERNAL: 1,
} as const;

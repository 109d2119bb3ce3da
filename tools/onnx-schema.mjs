// Makes src/io/onnx-schema.ts from the official schema: the fields of ONNX's messages that octavo reads and writes.
//   node tools/onnx-schema.mjs [--print]

import { readFileSync, writeFileSync } from "node:fs";

const PROTO = new URL("onnx.proto", import.meta.url);
const OUT = new URL("../src/io/onnx-schema.ts", import.meta.url);

/** All that octavo knows; other fields are kept as they are. */
const KNOWN = {
  ModelProto: "ir_version opset_import graph metadata_props",
  OperatorSetIdProto: "domain version",
  StringStringEntryProto: "key value",
  GraphProto: "node name initializer input output value_info",
  NodeProto: "input output name op_type domain attribute",
  AttributeProto: "name ref_attr_name type f i s t g floats ints strings graphs",
  TensorProto:
    "dims data_type float_data int32_data int64_data name raw_data double_data uint64_data external_data data_location",
  ValueInfoProto: "name type",
  TypeProto: "tensor_type",
  Tensor: "elem_type shape",
  TensorShapeProto: "dim",
  Dimension: "dim_value dim_param",
};

/** Enumerations that octavo knows. */
const ENUMERATIONS = ["AttributeType", "DataLocation"];

const SCALARS = ["double", "float", "int32", "int64", "uint64", "string", "bytes"];

/** What follows `message Name {` or `enum Name {` up to its own closing brace, without what is nested in it. */
function bodyOf(proto, kind, name) {
  let depth = 0;
  let body = "";
  for (const line of proto.slice(proto.search(new RegExp(`\\b${kind} ${name} \\{`))).split("\n")) {
    if (line.endsWith("{")) depth++;
    else if (line.trim() === "}") depth--;
    else if (depth === 1) body += `${line}\n`;
    if (depth === 0) break;
  }
  return body;
}

function typeOf(type, isEnumeration) {
  if (SCALARS.includes(type)) return type;
  return isEnumeration(type) ? "int32" : "message";
}

/** The table of a message: a row [name, type] by field number. */
function message(proto, name) {
  const known = KNOWN[name].split(" ");
  const isEnumeration = (type) => new RegExp(`\\benum ${type.split(".").at(-1)} \\{`).test(proto);
  const rows = Array.from(bodyOf(proto, "message", name).matchAll(/(repeated )?([\w.]+) (\w+) = (\d+)/g), (found) => {
    const [, repeated, type, field, number] = found;
    return { field, number: Number(number), type: typeOf(type, isEnumeration) + (repeated ? "[]" : "") };
  }).filter(({ field }) => known.includes(field));
  if (rows.length !== known.length) throw new Error(`${name} has not all of ${known}`);
  const lines = rows
    .sort((a, b) => a.number - b.number)
    .map(({ field, number, type }) => `  ${number}: ["${field}", "${type}"],\n`);
  return `export const ${name} = {\n${lines.join("")}} as const;\n`;
}

function enumeration(proto, name) {
  const lines = Array.from(
    bodyOf(proto, "enum", name).matchAll(/(\w+) = (\d+)/g),
    ([, key, value]) => `  ${key}: ${value},\n`,
  );
  return `export const ${name} = {\n${lines.join("")}} as const;\n`;
}

const proto = readFileSync(PROTO, "utf8").replace(/oneof \w+ \{([^}]*)\}/g, "$1");
const text = [
  "// Fields of ONNX's messages that octavo reads and writes, by number. Made by tools/onnx-schema.mjs from tools/onnx.proto.\n",
  ...Object.keys(KNOWN).map((name) => message(proto, name)),
  ...ENUMERATIONS.map((name) => enumeration(proto, name)),
].join("\n");
if (process.argv.includes("--print")) process.stdout.write(text);
else writeFileSync(OUT, text);

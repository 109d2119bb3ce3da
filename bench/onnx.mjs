// ONNX models of a few nodes, for the rivals.

import { writeOnnx } from "../build/octavo.js";

const OPSETS = new Map([
  ["", 21],
  ["com.microsoft", 1],
]);
const IR_VERSION = 10;

/** Formats by array class. */
const FORMATS = new Map([
  [Float32Array, "float32"],
  [Uint8Array, "uint8"],
  [Int8Array, "int8"],
  [Int32Array, "int32"],
]);

const valueInfoOf = ({ name, type, shape }) => ({ name, format: FORMATS.get(type), ...(shape && { shape }) });

const constantOf = ({ data, shape }) => ({ format: FORMATS.get(data.constructor), shape, data });

function attributeOf(value) {
  if (typeof value === "number") return { kind: "int", value: BigInt(value) };
  return { kind: "ints", value: value.map(BigInt) };
}

const mapOf = (object, make) => new Map(Object.entries(object).map(([name, value]) => [name, make(value)]));

function nodeOf({ op, domain = "", inputs, outputs, attributes = {} }) {
  return { name: "", op, domain, inputs, outputs, attributes: mapOf(attributes, attributeOf) };
}

/**
 * A model.
 * @param nodes { op, domain, inputs (names, "" for one that is left out), outputs (names), attributes } each
 * @param inputs { name, type (an array class), shape } each; without a shape any will do
 * @param outputs the same
 * @param constants { name: { data, shape } }
 */
export function model({ nodes, inputs, outputs, constants = {} }) {
  const graph = {
    name: "graph",
    nodes: nodes.map(nodeOf),
    inputs: inputs.map(valueInfoOf),
    outputs: outputs.map(valueInfoOf),
    values: [],
    constants: mapOf(constants, constantOf),
  };
  return writeOnnx({ graph, opsets: OPSETS, ir: IR_VERSION, metadata: new Map() });
}

/**
 * A model of one node.
 * @param input { name, type (an array class), shape }
 * @param outputs the same of each output
 * @param constants { name: { data, shape } } in the order of the node's further inputs
 * @param attributes integers, or lists of them, by name
 */
export function oneNode(op, { domain, input, outputs, constants = {}, attributes }) {
  const inputs = [input.name, ...Object.keys(constants)];
  const names = outputs.map(({ name }) => name);
  return model({ nodes: [{ op, domain, inputs, outputs: names, attributes }], inputs: [input], outputs, constants });
}

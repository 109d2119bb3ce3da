// Bytes of ONNX models: just enough of protobuf's wire format, field numbers of onnx.proto3.

const OPSETS = { "": 21, "com.microsoft": 1 };
const IR_VERSION = 10;
/** TensorProto.DataType by array class. */
const TYPES = new Map([
  [Float32Array, 1],
  [Uint8Array, 2],
  [Int8Array, 3],
  [Int32Array, 6],
]);
const INT_ATTRIBUTE = 2;
const INTS_ATTRIBUTE = 7;

function varint(value) {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** One field: a number as a varint (wire type 0), text, bytes or a message with its length before it (wire type 2). */
function field(number, value) {
  if (typeof value === "number") return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

const message = (...fields) => Buffer.concat(fields);

function tensor(name, { data, shape }) {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const dims = shape.map((extent) => field(1, extent));
  return message(...dims, field(2, TYPES.get(data.constructor)), field(8, name), field(9, raw));
}

/** Type and, where it is given, shape of an input or output. */
function valueInfo({ name, type, shape }) {
  const dims = shape?.map((extent) => field(1, field(1, extent)));
  const tensorType = [field(1, TYPES.get(type)), ...(dims ? [field(2, message(...dims))] : [])];
  return message(field(1, name), field(2, field(1, message(...tensorType))));
}

function attribute([name, value]) {
  if (typeof value === "number") return field(5, message(field(1, name), field(3, value), field(20, INT_ATTRIBUTE)));
  const ints = value.map((one) => field(8, one));
  return field(5, message(field(1, name), ...ints, field(20, INTS_ATTRIBUTE)));
}

function node({ op, domain = "", inputs, outputs, attributes = {} }) {
  return message(
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, op),
    ...Object.entries(attributes).map(attribute),
    field(7, domain),
  );
}

/**
 * A model.
 * @param nodes { op, domain, inputs (names, "" for one that is left out), outputs (names), attributes } each
 * @param inputs { name, type (an array class), shape } each; without a shape any will do
 * @param outputs the same
 * @param constants { name: { data, shape } }
 */
export function model({ nodes, inputs, outputs, constants = {} }) {
  const graph = message(
    ...nodes.map((one) => field(1, node(one))),
    field(2, "graph"),
    ...Object.entries(constants).map(([name, value]) => field(5, tensor(name, value))),
    ...inputs.map((input) => field(11, valueInfo(input))),
    ...outputs.map((output) => field(12, valueInfo(output))),
  );
  const opsets = Object.entries(OPSETS).map(([domain, version]) =>
    field(8, message(field(1, domain), field(2, version))),
  );
  return new Uint8Array(message(field(1, IR_VERSION), ...opsets, field(7, graph)));
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

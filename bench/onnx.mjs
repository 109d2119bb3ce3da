// Bytes of ONNX models of one node, for the rival: just enough of protobuf's wire format, field numbers of onnx.proto3.

const OPSET = 21;
const IR_VERSION = 10;
/** TensorProto.DataType by array class. */
const TYPES = new Map([
  [Float32Array, 1],
  [Uint8Array, 2],
  [Int8Array, 3],
]);
const INT_ATTRIBUTE = 2;
const INTS_ATTRIBUTE = 7;

function varint(value) {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** One field: a number as a varint (wire type 0), text, bytes or a message with its length before it (wire type 2). */
function field(number, value) {
  if (typeof value === "number") return [...varint(number << 3), ...varint(value)];
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes];
}

const message = (...fields) => fields.flat();

function tensor(name, data, shape) {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const dims = shape.map((extent) => field(1, extent));
  return message(...dims, field(2, TYPES.get(data.constructor)), field(8, name), field(9, raw));
}

function valueInfo({ name, type, shape }) {
  const dims = shape.map((extent) => field(1, field(1, extent)));
  return message(field(1, name), field(2, field(1, message(field(1, TYPES.get(type)), field(2, message(...dims))))));
}

function attribute(name, value) {
  if (typeof value === "number") return message(field(1, name), field(3, value), field(20, INT_ATTRIBUTE));
  return message(field(1, name), ...value.map((each) => field(8, each)), field(20, INTS_ATTRIBUTE));
}

function node(op, inputs, outputs, attributes, domain) {
  const fields = Object.entries(attributes).map(([name, value]) => field(5, attribute(name, value)));
  return message(
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, op),
    ...fields,
    field(7, domain),
  );
}

/**
 * A model of one node.
 * @param input { name, type (an array class), shape }
 * @param outputs the same of each output
 * @param constants { name: { data, shape } } in the order of the node's further inputs
 * @param attributes integers and arrays of them by name
 * @param domain "" is ONNX's own
 */
export function oneNode(op, { input, outputs, constants = {}, attributes = {}, domain = "" }) {
  const names = [input.name, ...Object.keys(constants)];
  const graph = message(
    field(
      1,
      node(
        op,
        names,
        outputs.map((output) => output.name),
        attributes,
        domain,
      ),
    ),
    field(2, op),
    ...Object.entries(constants).map(([name, { data, shape }]) => field(5, tensor(name, data, shape))),
    field(11, valueInfo(input)),
    ...outputs.map((output) => field(12, valueInfo(output))),
  );
  const opsets = [field(8, message(field(1, ""), field(2, OPSET)))];
  if (domain !== "") opsets.push(field(8, message(field(1, domain), field(2, 1))));
  return Uint8Array.from(message(field(1, IR_VERSION), ...opsets, field(7, graph)));
}

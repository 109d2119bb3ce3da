// Protobuf made by hand: what the writer of the library would not write.

/** An integer of any length, as it is in messages. */
export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** A field: an integer, or text, bytes or a message with its length before it. */
export function field(number: number, value: number | bigint | string | Uint8Array): Buffer {
  if (typeof value === "number" || typeof value === "bigint")
    return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

/** A message of fields. */
export function message(...fields: Uint8Array[]): Buffer {
  return Buffer.concat(fields);
}

/** A field of four or eight bytes. */
export function fixed(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | (bytes.length === 4 ? 5 : 1)), bytes]);
}

/** A model file of a graph's fields. */
export function file(graph: Uint8Array, ...more: Uint8Array[]): Buffer {
  const opset = field(8, field(2, 13));
  return message(field(1, 8), opset, field(7, graph), ...more);
}

/** A model file whose one constant, and output, is three float32 of a file beside it. */
export function modelAt(location: string): Buffer {
  const entry = field(13, message(field(1, "location"), field(2, location)));
  const constant = message(field(1, 3), field(2, 1), field(8, "w"), field(14, 1), entry);
  const node = message(field(1, "w"), field(2, "y"), field(4, "Identity"));
  return file(message(field(1, node), field(5, constant), field(12, field(1, "y"))));
}

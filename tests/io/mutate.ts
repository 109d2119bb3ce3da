// Damaged protobuf: bytes changed, cut and put in anywhere, or fields of messages in messages with the lengths around them
// put right, so that the damage is found by those who read the fields.

/** Draws from a seed. */
export class Draws {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  /** Of 0..1, without 1 (splitmix32). */
  private uniform(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** An integer of 0..n - 1 (0 for n = 0). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** A field: tag and value as they are, or a tag and what a length stands before. */
type Field = { raw: Buffer } | { tag: Buffer; body: Buffer };

function varintEnd(bytes: Buffer, at: number): number {
  let end = at;
  while (end < bytes.length && (bytes[end] as number) >= 128) end++;
  return end + 1;
}

function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function numberAt(bytes: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = end - 1; i >= at; i--) value = value * 128 + ((bytes[i] as number) & 127);
  return value;
}

/** The fields of a message; undefined if the bytes cannot be one. */
function parse(bytes: Buffer): Field[] | undefined {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tagEnd = varintEnd(bytes, at);
    const tag = numberAt(bytes, at, tagEnd);
    const wire = tag & 7;
    if (tag < 8 || tag > 8 * 64) return undefined;
    let end = tagEnd;
    if (wire === 0) end = varintEnd(bytes, tagEnd);
    else if (wire === 1) end += 8;
    else if (wire === 5) end += 4;
    else if (wire === 2) {
      const start = varintEnd(bytes, tagEnd);
      end = start + numberAt(bytes, tagEnd, start);
      if (end <= bytes.length) fields.push({ tag: bytes.subarray(at, tagEnd), body: bytes.subarray(start, end) });
    } else return undefined;
    if (end > bytes.length) return undefined;
    if (wire !== 2) fields.push({ raw: bytes.subarray(at, end) });
    at = end;
  }
  return fields;
}

function build(fields: readonly Field[]): Buffer {
  const parts = fields.map((field) =>
    "raw" in field ? [field.raw] : [field.tag, varint(field.body.length), field.body],
  );
  return Buffer.concat(parts.flat());
}

/** Changes, cuts or puts in bytes. */
function bytewise(bytes: Buffer, other: Buffer, draws: Draws): Buffer {
  const at = draws.below(bytes.length + 1);
  const from = draws.below(other.length);
  const taken = other.subarray(from, from + draws.below(40));
  const changed = Buffer.from(bytes);
  switch (draws.below(5)) {
    case 0:
      for (let i = draws.below(4); i >= 0; i--) changed[draws.below(bytes.length)] = draws.below(256);
      return changed;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), taken, bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), taken, bytes.subarray(at + taken.length)]);
    default:
      // a number made large: a length, an extent, a type
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from([255, 255, 255, 255, draws.below(16)]),
        bytes.subarray(at + 1),
      ]);
  }
}

/** Drops, doubles, moves or renumbers a field. */
function fieldwise(fields: readonly Field[], draws: Draws): Field[] {
  const i = draws.below(fields.length);
  const chosen = fields[i] as Field;
  const rest = fields.filter((_, k) => k !== i);
  switch (draws.below(4)) {
    case 0:
      return rest;
    case 1:
      return [...fields, chosen];
    case 2:
      return [chosen, ...rest];
    default: {
      const number = varint(8 * (1 + draws.below(30)) + draws.below(6));
      return [
        ...rest,
        "raw" in chosen ? { raw: Buffer.concat([number, chosen.raw.subarray(1)]) } : { ...chosen, tag: number },
      ];
    }
  }
}

/** The bytes of a message, damaged somewhere in it. */
export function mutate(bytes: Buffer, other: Buffer, draws: Draws): Buffer {
  const fields = draws.below(8) > 0 && bytes.length > 0 ? parse(bytes) : undefined;
  if (!fields) return bytewise(bytes, other, draws);
  const within = draws.pick(fields);
  if ("raw" in within || draws.below(6) === 0) return build(fieldwise(fields, draws));
  const body = mutate(within.body, other, draws);
  return build(fields.map((field) => (field === within ? { ...within, body } : field)));
}

// Protobuf messages by a table of their fields: what the table has not is kept as it is, in order.

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { fileError, ModelError, modelError } from "../check.ts";
import type { TensorArray } from "../tensor/tensor.ts";

type Scalar = "double" | "float" | "int32" | "int64" | "uint64" | "string" | "bytes" | "message";

/** Names and types of a message's fields, by number. */
export type Fields = Readonly<Record<number, readonly [name: string, type: Scalar | `${Scalar}[]`]>>;

/** What a type is in JavaScript: a message is its bytes; repeated numbers are as they are when packed. */
interface Decoded {
  double: number;
  float: number;
  int32: number;
  int64: bigint;
  uint64: bigint;
  string: string;
  bytes: Uint8Array;
  message: Uint8Array;
  "string[]": string[];
  "bytes[]": Uint8Array[];
  "message[]": Uint8Array[];
}

type DecodedAs<T extends string> = T extends keyof Decoded ? Decoded[T] : Uint8Array;

type NameOf<Field> = Field extends readonly [infer N extends string, string] ? N : never;
type TypeOf<Field> = Field extends readonly [string, infer T extends string] ? T : never;

/** A message that was read: repeated fields are there even if they are empty. */
export type Message<F extends Fields> = {
  -readonly [K in keyof F as NameOf<F[K]>]: TypeOf<F[K]> extends `${string}[]`
    ? DecodedAs<TypeOf<F[K]>>
    : DecodedAs<TypeOf<F[K]>> | undefined;
} & {
  /** All other fields, as they are in the file; undefined if there are none. */
  extra: Uint8Array | undefined;
};

/** The largest message that protobuf has. */
const LARGEST = 2 ** 31 - 1;

const WIRE = {
  double: WireType.Bit64,
  float: WireType.Bit32,
  int32: WireType.Varint,
  int64: WireType.Varint,
  uint64: WireType.Varint,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  message: WireType.LengthDelimited,
} as const;

/** Bytes that come in parts: one part stays where it is, more are copied together. */
class Gathered {
  private part: Uint8Array = new Uint8Array(0);
  private length = 0;

  add(part: Uint8Array): void {
    const length = this.length + part.length;
    if (this.length === 0) {
      this.part = part;
    } else if (this.part.byteOffset + this.length === part.byteOffset && this.part.buffer === part.buffer) {
      this.part = new Uint8Array(part.buffer, this.part.byteOffset, length);
    } else {
      if (length > this.part.length || this.part.buffer === part.buffer) {
        const larger = new Uint8Array(Math.max(length, 2 * this.length));
        larger.set(this.part.subarray(0, this.length));
        this.part = larger;
      }
      this.part.set(part, this.length);
    }
    this.length = length;
  }

  get bytes(): Uint8Array {
    return this.part.subarray(0, this.length);
  }
}

const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 as text; undefined if it is none. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return TEXT.decode(bytes);
  } catch {
    return undefined;
  }
}

function stringOf(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text === undefined) throw fileError("text that is not UTF-8");
  return text;
}

/** A value that is not gathered from parts. */
function single(reader: BinaryReader, type: Scalar): unknown {
  if (type === "string") return stringOf(reader.bytes());
  if (type === "message") return reader.bytes();
  const value = reader[type]();
  return type === "int64" || type === "uint64" ? BigInt(value as bigint) : value;
}

const isCounted = (type: Scalar) => WIRE[type] === WireType.LengthDelimited;

/** What a message holds so far. */
type Found = Record<string, unknown>;

/** Reads a field into what was found; false if its wire type is not the table's. */
function take(reader: BinaryReader, [name, type]: Fields[number], wire: WireType, found: Found): boolean {
  const each = type.replace("[]", "") as Scalar;
  const isPacked = wire === WireType.LengthDelimited && each !== type;
  if (wire !== WIRE[each] && !isPacked) return false;
  if (isCounted(each) && each !== type) (found[name] as unknown[]).push(single(reader, each));
  else if (type !== each || type === "message") {
    found[name] ??= new Gathered();
    (found[name] as Gathered).add(isCounted(each) || isPacked ? reader.bytes() : reader.skip(wire));
  } else found[name] = single(reader, each);
  return true;
}

/** Says which messages of a repeated field are kept whole, too, as they are in the file. */
type Keeps = (name: string, message: Uint8Array) => boolean;

function walk(fields: Fields, bytes: Uint8Array, found: Found, keeps?: Keeps): void {
  const reader = new BinaryReader(bytes);
  const extra = new Gathered();
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    const field = fields[number];
    if (field && take(reader, field, wire, found)) {
      const list = found[field[0]];
      if (!Array.isArray(list) || !keeps?.(field[0], list.at(-1))) continue;
    } else reader.skip(wire, number);
    extra.add(bytes.subarray(start, reader.pos));
  }
  found.extra = extra;
}

/**
 * Reads a message. As protobuf has it, of a number that comes twice the last one counts, and messages are merged.
 * @param keeps may add messages to `extra`
 * @throws ModelError if the bytes are no message
 */
export function decode<const F extends Fields>(fields: F, bytes: Uint8Array, keeps?: Keeps): Message<F> {
  const found: Found = {};
  for (const [name, type] of Object.values(fields)) {
    if (type.endsWith("[]")) found[name] = isCounted(type.slice(0, -2) as Scalar) ? [] : new Gathered();
  }
  try {
    walk(fields, bytes, found, keeps);
  } catch (error) {
    throw error instanceof ModelError ? error : fileError("a field that is none, or is cut off");
  }
  for (const [name, value] of Object.entries(found)) if (value instanceof Gathered) found[name] = value.bytes;
  if ((found.extra as Uint8Array).length === 0) found.extra = undefined;
  return found as Message<F>;
}

/** How many numbers packed bytes hold; NaN if they do not end with one. */
export function countOf(packed: Uint8Array): number {
  let count = 0;
  let length = 0;
  for (const byte of packed) {
    length++;
    if (byte < 128) {
      count++;
      length = 0;
    } else if (length === 10) return Number.NaN;
  }
  return length === 0 ? count : Number.NaN;
}

/** Packed integers. */
export function integers(packed: Uint8Array): bigint[] {
  const count = countOf(packed);
  if (Number.isNaN(count)) throw fileError("an integer that does not end");
  const reader = new BinaryReader(packed);
  return Array.from({ length: count }, () => BigInt(reader.int64()));
}

/** Fills an array with packed integers; bits that its numbers do not have are left out. */
export function unpack(packed: Uint8Array, array: TensorArray): TensorArray {
  const reader = new BinaryReader(packed);
  const isBig = array instanceof BigInt64Array || array instanceof BigUint64Array;
  for (let i = 0; i < array.length; i++) array[i] = isBig ? BigInt(reader.int64()) : reader.uint32();
  return array;
}

/** Packed floats. */
export function floats(packed: Uint8Array): number[] {
  if (packed.length % 4 !== 0) throw fileError("a float that does not end");
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  return Array.from({ length: packed.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** Bytes to be written: in parts, so that large ones are copied once. */
export interface Parts {
  readonly length: number;
  readonly parts: readonly (Uint8Array | Parts)[];
}

/** What a type is written from. */
interface Written extends Omit<Decoded, "message" | `${Scalar}[]`> {
  message: Parts | Uint8Array;
  "message[]": readonly (Parts | Uint8Array)[];
  "string[]": readonly string[];
  "bytes[]": readonly Uint8Array[];
  "int64[]": readonly bigint[];
  "float[]": readonly number[];
}

/** A message to be written. */
export type Content<F extends Fields> = {
  readonly [K in keyof F as NameOf<F[K]>]?: TypeOf<F[K]> extends keyof Written
    ? Written[TypeOf<F[K]>] | undefined
    : never;
};

function checkLength(length: number): number {
  if (length > LARGEST) throw modelError("is larger than 2 GB, which an ONNX file cannot be");
  return length;
}

/** What has been written of a message: numbers and text together, bytes and messages each for themselves. */
class Draft {
  private readonly writer = new BinaryWriter();
  private readonly parts: (Uint8Array | Parts)[] = [];

  field(number: number, type: Scalar, value: unknown): void {
    this.writer.tag(number, WIRE[type]);
    if (type !== "bytes" && type !== "message") {
      this.writer[type](value as never);
      return;
    }
    this.writer.uint32(checkLength((value as Parts).length));
    this.add(value as Uint8Array | Parts);
  }

  add(part: Uint8Array | Parts): void {
    this.parts.push(this.writer.finish(), part);
  }

  finish(): Parts {
    this.parts.push(this.writer.finish());
    return { parts: this.parts, length: this.parts.reduce((sum, { length }) => sum + length, 0) };
  }
}

/** Writes a message: its fields by number, those that are undefined left out, then others as they are. */
export function encode<const F extends Fields>(fields: F, content: Content<F>, extra?: Uint8Array): Parts {
  const draft = new Draft();
  for (const [number, [name, type]] of Object.entries(fields as Fields)) {
    const value = (content as Record<string, unknown>)[name];
    if (value === undefined) continue;
    const each = type.replace("[]", "") as Scalar;
    for (const one of each === type ? [value] : (value as unknown[])) draft.field(Number(number), each, one);
  }
  if (extra) draft.add(extra);
  return draft.finish();
}

/** The parts, one behind the other. */
export function join(whole: Parts): Uint8Array {
  const bytes = new Uint8Array(checkLength(whole.length));
  let at = 0;
  const copy = (part: Uint8Array | Parts) => {
    if (!("parts" in part)) {
      bytes.set(part, at);
      at += part.length;
    } else part.parts.forEach(copy);
  };
  copy(whole);
  return bytes;
}

// The kernels' modules, packed as text (tools/packer.mjs): a small module of its own unpacks them. As served they are a quarter smaller
// than gzip alone would make them.

import { lengths, packed, unpacker } from "../../build/modules.ts";
import { exportsOf } from "./shared.ts";

const PAGE = 65536;

/** The first character of the text's 64; none of them is a quote or a backslash. */
const FIRST = 61;
const BACKSLASH = 92;

interface Unpacker {
  /** Bytes that it works in, from 0 on. */
  readonly ROOM: WebAssembly.Global;
  unpack(digits: number, to: number, end: number): void;
}

/** Bytes of two hexadecimal digits each. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

/** Writes six bits of each character. The loop is short, for it runs before engines make it fast. */
function write(text: string, digits: Uint8Array): void {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    digits[i] = code - FIRST - (code > BACKSLASH ? 1 : 0);
  }
}

/** Bytes from `from` to `till` of what was packed. */
function unpack(from: number, till: number): Uint8Array<ArrayBuffer> {
  const memory = new WebAssembly.Memory({ initial: 0 });
  const { ROOM, unpack } = exportsOf(bytesOf(unpacker), memory) as unknown as Unpacker;
  const digits = ROOM.value;
  // the byte before the first one is zero
  const to = digits + packed.length + 1;
  memory.grow(Math.ceil((to + till) / PAGE));
  write(packed, new Uint8Array(memory.buffer, digits));
  unpack(digits, to, to + till);
  return new Uint8Array(memory.buffer.slice(to + from, to + till));
}

/** The bytes of a module. */
export function moduleOf(tier: "simd" | "relaxed"): Uint8Array<ArrayBuffer> {
  const [simd, relaxed] = lengths;
  return tier === "simd" ? unpack(0, simd) : unpack(simd, simd + relaxed);
}

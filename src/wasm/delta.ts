// A file made from another and what they differ in (tools/delta.mjs): one wasm module is most of the other.

import { fromHex } from "./hex.ts";

/** Bytes in hexadecimal, then `length` bytes of the other file from `start` on. */
export type Delta = readonly (readonly [literal: string, start: number, length: number])[];

/** The file that `delta` makes of `base`. */
export function applyDelta(base: Uint8Array, delta: Delta): Uint8Array<ArrayBuffer> {
  const size = delta.reduce((sum, [literal, , length]) => sum + literal.length / 2 + length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const [literal, start, length] of delta) {
    bytes.set(fromHex(literal), at);
    at += literal.length / 2;
    bytes.set(base.subarray(start, start + length), at);
    at += length;
  }
  return bytes;
}

// A file made from another and what they differ in (tools/delta.mjs): one wasm module is most of the other.

import { fromBase64 } from "../host.ts";

/** Bytes in base64, then `length` bytes of the other file from `start` on. */
export type Delta = readonly (readonly [literal: string, start: number, length: number])[];

/** The file that `delta` makes of `base`. */
export function applyDelta(base: Uint8Array, delta: Delta): Uint8Array<ArrayBuffer> {
  const bytes = delta.flatMap(([literal, start, length]) => [
    ...fromBase64(literal),
    ...base.subarray(start, start + length),
  ]);
  return Uint8Array.from(bytes);
}

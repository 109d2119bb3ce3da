// A file made from another and what they differ in (tools/delta.mjs): one wasm module is most of the other.

/** Copies: so many bytes of its own, then `length` bytes of the other file from `start` on. */
export type Copies = readonly (readonly [own: number, start: number, length: number])[];

/** The file that `copies` make of `base` and what it has of its own. */
export function applyDelta(base: Uint8Array, own: Uint8Array, copies: Copies): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(copies.reduce((sum, [count, , length]) => sum + count + length, 0));
  let [at, taken] = [0, 0];
  for (const [count, start, length] of copies) {
    bytes.set(own.subarray(taken, taken + count), at);
    bytes.set(base.subarray(start, start + length), at + count);
    taken += count;
    at += count + length;
  }
  return bytes;
}

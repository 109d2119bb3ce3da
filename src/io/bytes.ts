// Files as their bytes.

import { checkArray, typeError } from "../check.ts";

/** Checks bytes: an ArrayBuffer or a Uint8Array, and gives them as a plain Uint8Array. */
export function checkBytes(value: unknown, name: string): Uint8Array {
  if (Object.prototype.toString.call(value) === "[object ArrayBuffer]") return new Uint8Array(value as ArrayBuffer);
  if (!ArrayBuffer.isView(value)) throw typeError(name, "an ArrayBuffer or a Uint8Array", value);
  const { buffer, byteOffset, byteLength } = checkArray(value, [Uint8Array], name);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

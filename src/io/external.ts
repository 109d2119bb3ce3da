// Data of constants in files beside the model.

import { checkArray, constantError, modelError } from "../check.ts";
import { StringStringEntryProto } from "./onnx-schema.ts";
import { decode } from "./wire.ts";

/** Gives the bytes of a file beside the model, by the name that the model has for it. */
export type External = (name: string) => Uint8Array;

/** Paths that are absolute, or lead out of the model's folder, or would once they are decoded. */
const OUTSIDE = /^$|^\/|(^|\/)\.\.(\/|$)|[\\:\0]|%(00|25|2e|2f|3a|5c)/i;

/** The same, with each file fetched once. */
export function fetchedOnce(external: External): External {
  const files = new Map<string, Uint8Array>();
  return (name) => {
    const file = files.get(name) ?? checkArray(external(name), [Uint8Array], `external("${name}")`);
    files.set(name, file);
    return file;
  };
}

/** A number of bytes, which the file has as text. */
function numberOf(text: string | undefined, name: string, what: string): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw constantError(name, `a number of bytes as "${what}" of its external data`, text);
  return value;
}

/** The part of a file beside the model that a constant is. */
export function externalBytes(
  { external_data }: { readonly external_data: readonly Uint8Array[] },
  name: string,
  wanted: number,
  external: External | undefined,
): Uint8Array {
  const decoded = external_data.map((bytes) => decode(StringStringEntryProto, bytes));
  const entries = new Map(decoded.map(({ key = "", value = "" }) => [key, value]));
  const location = entries.get("location") ?? "";
  if (OUTSIDE.test(location)) throw constantError(name, "external data in the folder of the model", location);
  if (!external) throw modelError(`constant "${name}" is in the file "${location}", which "external" has to give`);
  const offset = numberOf(entries.get("offset"), name, "offset") ?? 0;
  const length = numberOf(entries.get("length"), name, "length") ?? wanted;
  const file = external(location);
  if (!(offset + length <= file.length)) {
    throw constantError(name, `bytes ${offset} to ${offset + length} of "${location}"`, file);
  }
  return new Uint8Array(file.buffer, file.byteOffset + offset, length);
}

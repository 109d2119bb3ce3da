// Data of constants in files beside the model.

import { constantError, externalError, modelError, typeError } from "../check.ts";
import { checkBytes } from "./bytes.ts";
import { StringStringEntryProto } from "./onnx-schema.ts";
import { decode } from "./wire.ts";

/** Gives the bytes of a file beside the model, by the name that the model has for it; at once, not a promise of them. */
export type External = (name: string) => Uint8Array | ArrayBuffer;

/** A file beside a model, for a constant that is in it; undefined from one who only wants to know which files there are. */
export type Files = (name: string, constant: string) => Uint8Array | undefined;

/** Paths that are absolute, or lead out of the model's folder, or would once they are decoded. */
const OUTSIDE = /^$|^\/|(^|\/)\.\.(\/|$)|[\\:\0]|%(00|25|2e|2f|3a|5c)/i;

const SYNCHRONOUS = "bytes rather than a promise, as it has to be synchronous: externalFiles lists what to fetch first";

/** The same, with each file fetched once. */
export function fetchedOnce(external: External): Files {
  const files = new Map<string, Uint8Array>();
  return (name, constant) => {
    const file = files.get(name) ?? fetchFile(external, name, constant);
    files.set(name, file);
    return file;
  };
}

function fetchFile(external: External, name: string, constant: string): Uint8Array {
  const call = `external("${name}")`;
  let given: unknown;
  try {
    given = external(name);
  } catch (error) {
    throw externalError(constant, name, error);
  }
  if (!(given instanceof Promise)) return checkBytes(given, call);
  given.catch(() => {}); // nobody else waits for it
  throw typeError(call, SYNCHRONOUS, given);
}

/** A number of bytes, which the file has as text. */
function numberOf(text: string | undefined, name: string, what: string): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw constantError(name, `a number of bytes as "${what}" of its external data`, text);
  return value;
}

/** The part of a file beside the model that a constant is; undefined where nobody wants the file. */
export function externalBytes(
  { external_data }: { readonly external_data: readonly Uint8Array[] },
  name: string,
  wanted: number,
  files: Files | undefined,
): Uint8Array | undefined {
  const decoded = external_data.map((bytes) => decode(StringStringEntryProto, bytes));
  const entries = new Map(decoded.map(({ key = "", value = "" }) => [key, value]));
  const location = entries.get("location") ?? "";
  if (OUTSIDE.test(location)) throw constantError(name, "external data in the folder of the model", location);
  if (!files) throw modelError(`constant "${name}" is in the file "${location}", which "external" has to give`);
  const offset = numberOf(entries.get("offset"), name, "offset") ?? 0;
  const length = numberOf(entries.get("length"), name, "length") ?? wanted;
  const file = files(location, name);
  if (!file) return undefined;
  if (!(offset + length <= file.length)) {
    throw constantError(name, `bytes ${offset} to ${offset + length} of "${location}"`, file);
  }
  return new Uint8Array(file.buffer, file.byteOffset + offset, length);
}

// Checks of arguments. Every error sentence is made here: it names what was expected and what came.

/** Any array that a caller may hand over as numbers. */
type Numbers = ArrayLike<number>;

/** A short text for a value in an error sentence. */
function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (ArrayBuffer.isView(value)) return `${tagOf(value)}(${(value as unknown as Numbers).length ?? value.byteLength})`;
  if (value instanceof Promise) return "a promise";
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map(describe).join(", ");
    return `[${shown}${value.length > 8 ? ", ..." : ""}]`;
  }
  if (value !== null && typeof value === "object") return "an object"; // a minified class has no name worth telling
  return String(value);
}

/** Words in an error sentence. */
function oneOf(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(" or ");
}

/** `"name" expected wanted, got value`, as a TypeError. */
export function typeError(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`"${name}" expected ${wanted}, got ${describe(value)}`);
}

/** `"name" expected wanted, got value`, as a RangeError. */
export function rangeError(name: string, wanted: string, value: unknown): RangeError {
  return new RangeError(`"${name}" expected ${wanted}, got ${describe(value)}`);
}

/** The error of a NaN where no NaN can be. */
export function nanError(name: string, index: number, format: string): RangeError {
  return new RangeError(`"${name}" holds NaN at index ${index}, which ${format} cannot represent`);
}

/** The error of a wasm memory that cannot grow. */
export function memoryError(bytes: number, used: number): RangeError {
  return new RangeError(`out of wasm memory: ${bytes} bytes more were asked for, ${used} are in use`);
}

/** The error of something that was disposed and is used. */
export function disposedError(name: string, what = "a prepared weight"): TypeError {
  return new TypeError(`"${name}" expected ${what} that is in memory, got one that was disposed`);
}

/** What a host says of a file, in words. */
const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  ENOTDIR: "there is no such file or folder",
  EEXIST: "there is a file where a folder has to be",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "permission denied",
  ENOSPC: "there is no space left",
};

/** The error of a file or address that cannot be read or written; `why` is text or the host's own error. */
export function accessError(what: "read" | "write", name: string, why: unknown): Error {
  if (typeof why === "string") return new Error(`cannot ${what} ${describe(name)}: ${why}`);
  const { code = "", message = String(why), cause } = Object(why) as { code?: string; message?: string; cause?: Error };
  const reason = cause?.message || (cause as { code?: string } | undefined)?.code;
  const text = FILE_ERRORS[code] ?? (reason ? `${message} (${reason})` : message);
  return new Error(`cannot ${what} ${describe(name)}: ${text}`, { cause: why });
}

/** An error about what is in a file, with the file's name. */
export function inFile(file: string, error: Error): Error {
  return new Error(`${file}: ${error.message.replace(/^model: /, "")}`, { cause: error });
}

/** An error about one of many samples, with its number. */
export function inSample(index: number, error: Error): Error {
  return new Error(`sample ${index}: ${error.message.replace(/^model: /, "")}`, { cause: error });
}

/** The error of a session that is called from inside its own run. */
export function runningError(call: string): TypeError {
  return new TypeError(`"${call}" expected a session that is not running, got one whose "observe" is being called`);
}

/** The error of a kernel that failed in a worker. */
export function threadError(kernel: string): Error {
  return new Error(`${kernel} failed in a worker`);
}

/** The error of a combination of options. */
export function conflict(name: string, other: string, why: string): TypeError {
  return new TypeError(`"${name}" and "${other}" exclude each other: ${why}`);
}

/** Checks that `options` is a plain object with known keys only, and returns it. */
export function checkOptions<T extends object>(options: T | undefined, known: readonly string[], of: string): T {
  if (options === undefined) return {} as T;
  if (options === null || typeof options !== "object" || Array.isArray(options) || ArrayBuffer.isView(options)) {
    throw typeError("options", `an object for ${of}`, options);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(
        `unknown option "${key}" of ${of}; expected ${known.map((k) => `"${k}"`).join(", ") || "none"}`,
      );
    }
  }
  return options;
}

/** Checks one of a few words. */
export function checkWord<const W extends string>(value: unknown, words: readonly W[], name: string): W {
  if (words.includes(value as W)) return value as W;
  throw rangeError(name, oneOf(words), value);
}

/** Checks an optional boolean. */
export function checkFlag(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== "boolean") throw typeError(name, "true or false", value);
}

/** Checks a function. */
export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== "function") throw typeError(name, "a function", value);
}

/** Checks a finite number. */
export function checkNumber(value: unknown, name: string): number {
  if (typeof value !== "number") throw typeError(name, "a number", value);
  if (!Number.isFinite(value)) throw rangeError(name, "a finite number", value);
  return value;
}

/** Checks a positive finite number. */
export function checkPositive(value: unknown, name: string): number {
  if (typeof value !== "number") throw typeError(name, "a positive finite number", value);
  if (!(value > 0 && value < Infinity)) throw rangeError(name, "a positive finite number", value);
  return value;
}

/** Checks an integer of lo..hi. */
export function checkInteger(value: unknown, lo: number, hi: number, name: string): number {
  if (typeof value !== "number") throw typeError(name, `an integer of ${lo}..${hi}`, value);
  if (!Number.isInteger(value) || value < lo || value > hi) throw rangeError(name, `an integer of ${lo}..${hi}`, value);
  return value;
}

/** Checks an array of `count` integers, none less than `lo`. */
export function checkIntegers(value: unknown, count: number, lo: number, name: string): number[] {
  if (!Array.isArray(value)) throw typeError(name, `${count} integers`, value);
  if (value.length !== count) throw rangeError(name, `${count} integers`, value);
  return value.map((each, i) => checkInteger(each, lo, 2 ** 31 - 1, `${name}[${i}]`));
}

/** Checks that a typed array is one of `kinds` and that its buffer is still there. */
export function checkArray<T extends ArrayBufferView>(
  value: unknown,
  kinds: readonly { new (length: number): T; name: string }[],
  name: string,
): T {
  const wanted = kinds.map(({ name }) => `${name.startsWith("I") ? "an" : "a"} ${name}`).join(" or ");
  if (!kinds.some((kind) => kind.name === tagOf(value))) throw typeError(name, wanted, value);
  const array = value as T;
  if (array.byteLength === 0 && isDetached(array)) {
    throw new TypeError(`"${name}" expected ${wanted} with its buffer, got one whose buffer is detached or has shrunk`);
  }
  return array;
}

/** The class of a typed array, also of one from another realm (a vm, an iframe); undefined for anything else. */
function tagOf(value: unknown): string | undefined {
  return ArrayBuffer.isView(value) ? (value as unknown as Record<symbol, string>)[Symbol.toStringTag] : undefined;
}

/** An array without its buffer looks empty; only its methods tell. */
function isDetached(array: ArrayBufferView): boolean {
  try {
    (array as Uint8Array).keys();
    return false;
  } catch {
    return true;
  }
}

/** Checks a Float32Array. */
export function checkFloats(value: unknown, name: string): Float32Array {
  return checkArray(value, [Float32Array], name);
}

/** Checks how many numbers an array has: one for each of something. */
export function checkCount<A extends ArrayLike<number | bigint>>(
  array: A,
  count: number,
  each: string,
  name: string,
): A {
  if (array.length !== count) throw rangeError(name, `${count} numbers, one ${each}`, array);
  return array;
}

/** Checks that a Float32Array holds finite numbers only. */
export function checkFiniteFloats(array: Float32Array, name: string): Float32Array {
  const at = array.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw rangeError(`${name}[${at}]`, "a finite number", array[at]);
  return array;
}

/** Checks a shape, of `length` values where that is known, and returns a copy. */
export function checkShape(shape: unknown, name: string, length?: number): readonly number[] {
  if (!Array.isArray(shape)) throw typeError(name, "an array of sizes", shape);
  let size = 1;
  for (const extent of shape) {
    if (!Number.isInteger(extent) || extent < 0) throw rangeError(name, "sizes that are integers >= 0", shape);
    size *= extent;
  }
  if (length !== undefined && size !== length) {
    throw new RangeError(`"${name}" expected ${length} values in all, got ${describe(shape)} (${size} values)`);
  }
  return shape.slice();
}

/** Checks an axis of a shape. */
export function checkAxis(axis: unknown, shape: readonly number[]): number {
  const wanted = shape.length === 0 ? "no axis" : `0..${shape.length - 1}`;
  if (typeof axis !== "number") throw typeError("axis", wanted, axis);
  if (!Number.isInteger(axis) || axis < 0 || axis >= shape.length) {
    throw new RangeError(`"axis" expected ${wanted} for shape ${describe(shape)}, got ${axis}`);
  }
  return axis;
}

/** Checks scales: `count` positive finite numbers, given as a number (for each) or an array. */
export function checkScales(scale: unknown, count: number, name = "scale"): Float32Array {
  const scales = toNumbers(scale, count, name);
  const array = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    array[i] = scales(i);
    const value = array[i] as number;
    if (!(value > 0 && value < Infinity)) {
      throw new RangeError(`"${name}" expected positive finite float32 numbers, got ${scales(i)} at index ${i}`);
    }
  }
  return array;
}

/** Checks zeros: `count` integers of lo..hi, given as a number (for each) or an array; absent is 0. */
export function checkZeros(
  zero: unknown,
  count: number,
  lo: number,
  hi: number,
  format: string,
  name = "zero",
): Int32Array {
  const zeros = toNumbers(zero ?? 0, count, name);
  const array = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const value = zeros(i);
    if (!Number.isInteger(value) || value < lo || value > hi) {
      throw new RangeError(`"${name}" expected integers of ${lo}..${hi} for ${format}, got ${value} at index ${i}`);
    }
    array[i] = value;
  }
  return array;
}

function toNumbers(value: unknown, count: number, name: string): (index: number) => number {
  if (typeof value === "number") return () => value;
  if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && "length" in value)) {
    throw typeError(name, "a number or an array of numbers", value);
  }
  const array = value as unknown as Numbers;
  if (array.length !== count) {
    throw new RangeError(`"${name}" expected ${count} number${count === 1 ? "" : "s"}, got ${array.length}`);
  }
  return (index) => {
    const element = array[index];
    if (typeof element !== "number") throw typeError(name, "numbers", element);
    return element;
  };
}

/** A command line that means nothing. */
export class UsageError extends Error {}

/** The end that the user asked for. */
export class CancelError extends Error {}

/** The error of work that its user has ended. */
export function cancelError(): CancelError {
  return new CancelError("cancelled; nothing was written");
}

/** The error of a command line: `what expected wanted, got value`. */
export function usageError(what: string, wanted: string, value: unknown): UsageError {
  return new UsageError(`${what} expected ${wanted}, got ${describe(value)}`);
}

/** An error about what was asked for on the command line. */
export function wrongUsage({ message }: Error): UsageError {
  return new UsageError(message);
}

/** What is wrong with a model, and the node that it is wrong with, where it is one. */
export class ModelError extends Error {
  override readonly name = "ModelError";
  /** The node's name, or its first output where it has none. */
  readonly node: string | undefined;
  /** The node's operator. */
  readonly op: string | undefined;

  constructor(message: string, node?: string, op?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.node = node;
    this.op = op;
  }
}

/** `model: text`. */
export function modelError(text: string, cause?: unknown): ModelError {
  return new ModelError(`model: ${text}`, undefined, undefined, cause);
}

/** The error of bytes that are no ONNX file. */
export function fileError(what: string): ModelError {
  return modelError(`expected an ONNX file, got bytes that are damaged or something else (${what})`);
}

/** `model: constant "name" expected wanted, got value`. */
export function constantError(name: string, wanted: string, value: unknown): ModelError {
  return modelError(`constant "${name}" expected ${wanted}, got ${describe(value)}`);
}

/** The error of a constant whose file cannot be had; `why` is what was thrown. */
export function externalError(name: string, file: string, why: unknown): ModelError {
  const text = why instanceof Error ? why.message : String(why);
  return modelError(`constant "${name}" is in the file "${file}": ${text}`, why);
}

/** A node as errors tell of it. */
interface NamedNode {
  readonly name: string;
  readonly op: string;
  readonly outputs: readonly string[];
}

/** `node "name" (Op): text`. */
export function nodeError(node: NamedNode, text: string): ModelError {
  const name = node.name || node.outputs[0] || "";
  return new ModelError(`node "${name}" (${node.op}): ${text}`, name, node.op);
}

/** `node "name" (Op): "what" expected wanted, got value`. */
export function nodeRangeError(node: NamedNode, what: string, wanted: string, value: unknown): ModelError {
  return nodeError(node, `"${what}" expected ${wanted}, got ${describe(value)}`);
}

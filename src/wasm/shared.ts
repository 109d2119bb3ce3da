// Modules run on a memory that they are given, their only import. One module serves both kinds of memory: whether the one that it
// imports is shared between threads is a byte of it.

import { rangeError } from "../check.ts";

const IMPORT_SECTION = 2;
const MEMORY_IMPORT = 2;

/** Limits of an imported memory: with a maximum, and shared as well. */
const BOUNDED = 1;
const SHARED = 3;

/** What a module exports, running on a memory. */
export function exportsOf(module: Uint8Array<ArrayBuffer>, memory: WebAssembly.Memory): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory } }).exports;
}

/** The number at `at` (LEB128), and where it ends. */
function readNumber(bytes: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    value |= (byte & 127) << shift;
    if (byte < 128) return [value, at];
  }
}

/** Where a section's content begins. */
function findSection(module: Uint8Array, wanted: number): number {
  for (let at = 8; at < module.length; ) {
    const [size, content] = readNumber(module, at + 1);
    if (module[at] === wanted) return content;
    at = content + size;
  }
  return -1;
}

/**
 * A module whose only import is a memory with a maximum, importing a shared one instead.
 * @throws RangeError if the module is another one
 */
export function withSharedMemory(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(module);
  const [count, first] = readNumber(copy, findSection(copy, IMPORT_SECTION));
  let at = first;
  for (let names = 0; names < 2; names++) {
    const [length, text] = readNumber(copy, at);
    at = text + length;
  }
  if (count !== 1 || copy[at] !== MEMORY_IMPORT || copy[at + 1] !== BOUNDED) {
    throw rangeError("module", "one that imports nothing but a memory with a maximum", module);
  }
  copy[at + 1] = SHARED;
  return copy;
}

// Scoped scratch memory of one engine: a stack of bytes behind the module's static data, grown when needed and given back
// when the scope ends, whatever happens inside it.

import { memoryError } from "../check.ts";

const PAGE = 65536;
const ALIGNMENT = 16;

/** Any array whose bytes can be copied. */
type Bytes = Pick<Uint8Array, "buffer" | "byteOffset" | "byteLength">;

function bytesOf(array: Bytes): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The scratch memory. Pointers are byte offsets, multiples of 16, good until the scope that reserved them ends. */
export class Arena {
  private top: number;
  private readonly memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory;
    this.top = Math.ceil(base / ALIGNMENT) * ALIGNMENT;
  }

  /** Runs `work` and then releases everything it reserved. */
  scope<R>(work: () => R): R {
    const mark = this.top;
    try {
      return work();
    } finally {
      this.top = mark;
    }
  }

  /** Reserves bytes; their content is undefined. */
  reserve(bytes: number): number {
    const from = this.top;
    const end = Math.ceil((from + bytes) / ALIGNMENT) * ALIGNMENT;
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) this.grow(Math.ceil(missing / PAGE), bytes);
    this.top = end;
    return from;
  }

  private grow(pages: number, bytes: number): void {
    try {
      this.memory.grow(pages);
    } catch {
      throw memoryError(bytes, this.memory.buffer.byteLength);
    }
  }

  /** Reserves bytes for a copy of an array. */
  copy(array: Bytes): number {
    const at = this.reserve(array.byteLength);
    this.write(at, array);
    return at;
  }

  /** Reserves bytes and fills them with zeros. */
  zeros(bytes: number): number {
    const at = this.reserve(bytes);
    new Uint8Array(this.memory.buffer, at, bytes).fill(0);
    return at;
  }

  /** Copies an array into the memory. */
  write(at: number, array: Bytes): void {
    new Uint8Array(this.memory.buffer, at, array.byteLength).set(bytesOf(array));
  }

  /** Copies memory into an array. */
  read(at: number, array: Bytes): void {
    bytesOf(array).set(new Uint8Array(this.memory.buffer, at, array.byteLength));
  }

  /** The memory as an array of a type; good until the next reservation. */
  view<T>(type: new (buffer: ArrayBufferLike, at: number, length: number) => T, at: number, length: number): T {
    return new type(this.memory.buffer, at, length);
  }
}

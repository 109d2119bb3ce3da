// Scoped scratch memory of one engine: a stack of bytes in segments of the heap, taken when needed and given back when the
// scope ends, whatever happens inside it.

import { aligned, type Heap } from "./heap.ts";

/** The least size of a segment: a chunk of a tensor and its results fit. */
const SEGMENT = 1 << 19;

/** Any array whose bytes can be copied. */
type Bytes = Pick<Uint8Array, "buffer" | "byteOffset" | "byteLength">;

function bytesOf(array: Bytes): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Takes memory for so many bytes: scratch of the current scope, or what lasts. */
export type Take = (bytes: number) => number;

/** A stretch of the heap, filled from its beginning. */
interface Segment {
  readonly at: number;
  readonly bytes: number;
  used: number;
}

/** The scratch memory. Pointers are byte offsets, multiples of 16, good until the scope that reserved them ends. */
export class Arena {
  private readonly heap: Heap;
  private readonly memory: WebAssembly.Memory;
  /** The last one is being filled; the first one stays. */
  private readonly segments: Segment[] = [];
  /** {@link reserve}. */
  readonly scratch: Take = (bytes) => this.reserve(bytes);

  constructor(heap: Heap) {
    this.heap = heap;
    this.memory = heap.memory;
  }

  /** Runs `work` and then releases everything it reserved. */
  scope<R>(work: () => R): R {
    const depth = this.segments.length;
    const used = this.segments.at(-1)?.used ?? 0;
    try {
      return work();
    } finally {
      while (this.segments.length > Math.max(depth, 1)) this.drop();
      const last = this.segments.at(-1);
      if (last) last.used = used;
    }
  }

  private drop(): void {
    const { at, bytes } = this.segments.pop() as Segment;
    this.heap.give(at, bytes);
  }

  /** Reserves bytes; their content is undefined. */
  reserve(bytes: number): number {
    const size = aligned(bytes);
    let last = this.segments.at(-1) ?? this.push(SEGMENT);
    if (last.used + size > last.bytes) last = this.push(Math.max(bytes, SEGMENT));
    const at = last.at + last.used;
    last.used += size;
    return at;
  }

  private push(bytes: number): Segment {
    const segment = { at: this.heap.take(bytes), bytes: aligned(bytes), used: 0 };
    this.segments.push(segment);
    return segment;
  }

  /** Copies an array into memory that is reserved, or taken. */
  copy(array: Bytes, take: Take = this.scratch): number {
    const at = take(array.byteLength);
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

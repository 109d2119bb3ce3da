// The memory behind a module's static data: blocks that are taken and given back in any order, first fit.

import { memoryError } from "../check.ts";

const PAGE = 65536;

/** Blocks begin and end at multiples of this. */
const ALIGNMENT = 16;

/** Bytes that kernels may read behind the values they work on. */
export const SLACK = 32;

/** A free stretch of memory. */
interface Gap {
  at: number;
  bytes: number;
}

/** Rounds bytes up to whole alignment units. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** The blocks of one memory. Pointers are byte offsets, multiples of 16. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  /** Free stretches in the order of their addresses; no two touch. */
  private readonly gaps: Gap[];

  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory;
    const at = aligned(base);
    this.gaps = [{ at, bytes: memory.buffer.byteLength - at }];
  }

  /**
   * Takes a block; its content is undefined.
   * @throws RangeError if the memory cannot grow so far
   */
  take(bytes: number): number {
    const size = aligned(bytes);
    const gap = this.gaps.find((each) => each.bytes >= size) ?? this.grow(size, bytes);
    const { at } = gap;
    gap.at += size;
    gap.bytes -= size;
    if (gap.bytes === 0) this.gaps.splice(this.gaps.indexOf(gap), 1);
    return at;
  }

  /** Gives a block back: the bytes it was taken with. */
  give(at: number, bytes: number): void {
    const size = aligned(bytes);
    const next = this.gaps.findIndex((gap) => gap.at > at);
    this.gaps.splice(next < 0 ? this.gaps.length : next, 0, { at, bytes: size });
    this.join(next < 0 ? this.gaps.length - 1 : next);
  }

  /** Joins a gap with those it touches. */
  private join(index: number): void {
    for (const first of [index, index - 1]) {
      const [gap, next] = [this.gaps[first], this.gaps[first + 1]];
      if (gap && next && gap.at + gap.bytes === next.at) {
        gap.bytes += next.bytes;
        this.gaps.splice(first + 1, 1);
      }
    }
  }

  /** Grows the memory until its last gap has `size` bytes. */
  private grow(size: number, asked: number): Gap {
    const end = this.memory.buffer.byteLength;
    const last = this.gaps.at(-1);
    const free = last && last.at + last.bytes === end ? last.bytes : 0;
    const pages = Math.ceil((size - free) / PAGE);
    try {
      this.memory.grow(pages);
    } catch {
      throw memoryError(asked, end);
    }
    this.give(end, this.memory.buffer.byteLength - end);
    return this.gaps.at(-1) as Gap;
  }
}

// Values without scales: the walk over them in chunks, what is counted of them, and a float32's bits.

import type { CodeArray } from "../formats.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import { CHUNK } from "./grain.ts";

/** Bytes of a tensor that are worked on at a time where rows stay whole: they stay in the L2 cache. */
export const PIECE = 262144;

/** Walks `length` values in chunks; scratch memory is released after each. */
export function eachValue(
  length: number,
  work: (engine: Engine, start: number, count: number) => void,
  running: Engine = engine(),
): void {
  for (let start = 0; start < length; start += CHUNK) {
    running.arena.scope(() => work(running, start, Math.min(CHUNK, length - start)));
  }
}

/** Gives a pointer to `count` values from `start` on, good in the current scope. */
export type Source = (start: number, count: number) => number;

/** Has `count` values from `start` on written where it says. */
export type Sink = (start: number, count: number, write: (to: number) => void) => void;

/** Values and results where they are in memory, `bytes` each. */
export function inMemory(at: number, bytes: number): { source: Source; sink: Sink } {
  const place = (start: number) => at + start * bytes;
  return { source: place, sink: (start, _, write) => write(place(start)) };
}

/** The values of an array, copied into memory when they are asked for. */
export function sourceOf({ arena }: Engine, data: CodeArray | Float32Array): Source {
  return (start, count) => arena.copy(data.subarray(start, start + count));
}

/** Results copied out of memory into an array. */
export function sinkOf({ arena }: Engine, data: CodeArray | Float32Array): Sink {
  return (start, count, write) => {
    const to = arena.reserve(count * data.BYTES_PER_ELEMENT);
    write(to);
    arena.read(to, data.subarray(start, start + count));
  };
}

/** Walks values in chunks, each in memory at `at`. */
export function eachPiece(
  x: Float32Array,
  work: (engine: Engine, at: number, start: number, count: number) => void,
): void {
  eachValue(x.length, (engine, start, count) => {
    work(engine, engine.arena.copy(x.subarray(start, start + count)), start, count);
  });
}

/** How many of the n float32 at `at` are infinite, and how many NaN. */
export function countSpecial({ kernels, arena }: Engine, at: number, n: number): { infinite: number; nan: number } {
  const counts = arena.zeros(8);
  kernels.count_f32_u32(at, counts, n);
  const [infinite = 0, nan = 0] = arena.view(Uint32Array, counts, 2);
  return { infinite, nan };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of a number's float32. */
export function bitsOf(v: number): number {
  float[0] = v;
  return bits[0] as number;
}

/** The float32 with these bits. */
export function floatOf(pattern: number): number {
  bits[0] = pattern;
  return float[0] as number;
}

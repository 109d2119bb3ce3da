// Values without scales: the walk over them in chunks, what is counted of them, and a float32's bits.

import { type Engine, engine } from "../wasm/kernels.ts";
import { CHUNK } from "./grain.ts";

/** Bytes of a tensor that are worked on at a time where rows stay whole: they stay in the L2 cache. */
export const PIECE = 262144;

/** Walks `length` values in chunks; scratch memory is released after each. */
export function eachValue(length: number, work: (engine: Engine, start: number, count: number) => void): void {
  const running = engine();
  for (let start = 0; start < length; start += CHUNK) {
    running.arena.scope(() => work(running, start, Math.min(CHUNK, length - start)));
  }
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

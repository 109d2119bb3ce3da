// Words that tell kernels what to do, for each thread its own: they stay in memory, and are written again when pointers in them change.

import type { Take } from "../wasm/arena.ts";
import type { Engine } from "../wasm/kernels.ts";
import { threadsOf } from "../wasm/threads.ts";

/** What scratch memory of threads begins at: lines of the caches are not shared. */
const LINE = 64;

/** What words are made of: where they begin, the pointers of a run, and pieces of scratch memory for each thread. */
export type Words = (at: number, source: number, output: number, scratch: readonly (readonly number[])[]) => number[];

/**
 * Keeps words in memory that `take` gives.
 * @param sizes bytes of each piece of scratch memory that a thread needs
 * @returns what gives a pointer to the words for a run, whose scratch memory is reserved then
 */
export function keepJobs(
  engine: Engine,
  take: Take,
  sizes: readonly number[],
  words: Words,
): (source: number, output: number) => number {
  const { arena } = engine;
  const rounded = sizes.map((bytes) => Math.ceil(bytes / LINE) * LINE);
  const ends = rounded.map((_, i) => rounded.slice(0, i + 1).reduce((a, b) => a + b, 0));
  const bytes = ends.at(-1) ?? 0;
  const threads = Array.from({ length: threadsOf(engine) }, (_, thread) => thread);
  const piecesAt = (base: number) =>
    threads.map((thread) => ends.map((end, i) => base + thread * bytes + end - (rounded[i] as number)));
  const at = take(words(0, 0, 0, piecesAt(0)).length * 4);
  let known: readonly number[] = [];
  return (source, output) => {
    const base = arena.reserve(threads.length * bytes);
    if (known[0] !== source || known[1] !== output || known[2] !== base) {
      arena.write(at, Uint32Array.from(words(at, source, output, piecesAt(base))));
      known = [source, output, base];
    }
    return at;
  };
}

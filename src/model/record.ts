// Records of the kernels: words in memory that say what a kernel is to do.

import type { Store } from "./store.ts";

/** The word of a float32. */
export function floatWord(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}

/** Words that stay in memory as long as the store. */
export function keepWords(store: Store, words: ArrayLike<number>): number {
  return store.keepCopy(Uint32Array.from(words));
}

/** Zeros that stay in memory as long as the store. */
export function keepZeros(store: Store, count: number): number {
  return keepWords(store, new Uint32Array(count));
}

// Tensors of integers and of what else is small, computed exactly by loops over views; results wrap as their format does.

import { FORMATS, type FormatName } from "../formats.ts";
import type { TensorArray } from "../tensor/tensor.ts";
import { forEachRow, type JointRun } from "./broadcast.ts";
import { bytesOf, type Call, type Place } from "./operator.ts";

/** A function of numbers, and the same of bigints for formats of 64 bits. */
export interface Exact<A extends 1 | 2 = 2> {
  readonly number: A extends 1 ? (a: number) => number : (a: number, b: number) => number;
  readonly bigint?: A extends 1 ? (a: bigint) => bigint : (a: bigint, b: bigint) => bigint;
}

/** An array of either kind, as one. Its function has to be of the array's kind. */
export type Elements = { [i: number]: number; readonly length: number };
type Function2 = (a: number, b: number) => number;

/** What all formats that values are stored in have. */
type Bits = { readonly bits: number };

/** Formats whose arrays hold one value a place and wrap on their own. */
export const INTEGERS: readonly FormatName[] = Object.freeze(
  [8, 16, 32, 64].flatMap((bits) => [`int${bits}`, `uint${bits}`] as FormatName[]),
);

export const FLOATS: readonly FormatName[] = Object.freeze(["float32", "float16", "bfloat16", "float64"]);

/** A view's elements. */
export function elementsOf(array: TensorArray): Elements {
  return array as unknown as Elements;
}

/**
 * The elements at places. All pointers are taken first: a constant goes to memory when it is asked for, which may grow the memory
 * and end the views on it.
 */
export function viewsOf<const P extends readonly Place[]>({ store }: Call, places: P): { [K in keyof P]: Elements } {
  const pointers = places.map(({ at }) => at);
  return places.map((place, i) => elementsOf(store.view(place, pointers[i] as number))) as { [K in keyof P]: Elements };
}

/** Copies what is at a place to another of its format. */
export function copyElements({ store }: Call, from: Place, to: Place): void {
  const { arena } = store.engine;
  const at = from.at;
  arena.view(Uint8Array, to.at, bytesOf(from)).set(arena.view(Uint8Array, at, bytesOf(from)));
}

/** The function for a format's arrays. */
export function exactOf<F extends Exact<1> | Exact<2>>(exact: F, format: FormatName): F["number"] {
  return (format === "int64" || format === "uint64" ? exact.bigint : exact.number) as F["number"];
}

/** y = f(a, b), broadcast; `runs` are those of a and b. */
export function combineElements(y: Elements, a: Elements, b: Elements, runs: readonly JointRun[], f: Function2): void {
  let i = 0;
  forEachRow(runs, ([p = 0, q = 0], { extent, strides: [s = 0, t = 0] }) => {
    for (let k = 0; k < extent; k++) y[i++] = f(a[p + k * s] as number, b[q + k * t] as number);
  });
}

const isUnsigned = (format: FormatName) => format === "bool" || format.startsWith("u");

/** The least integer of a format. */
export function leastOf(format: FormatName): number {
  return isUnsigned(format) ? 0 : -(2 ** ((FORMATS.get(format) as Bits).bits - 1));
}

/** The largest integer of a format. */
export function mostOf(format: FormatName): number {
  if (format === "bool") return 1;
  return 2 ** ((FORMATS.get(format) as Bits).bits - (isUnsigned(format) ? 0 : 1)) - 1;
}

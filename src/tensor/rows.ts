// Rows along an axis of a tensor: what softmax and layer normalization walk over.

import type { CodeArray } from "../formats.ts";
import type { Engine } from "../wasm/kernels.ts";
import { writePlace } from "./grain.ts";
import type { Result } from "./result.ts";
import { codeArray, codeBytes } from "./tensor.ts";

/** A tensor as [outer, depth, inner], its rows along the middle. */
export interface Rows {
  readonly outer: number;
  readonly depth: number;
  readonly inner: number;
}

export function rowsAlong(shape: readonly number[], axis: number): Rows {
  const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
  const depth = shape[axis] as number;
  return { outer: product(shape.slice(0, axis)), depth, inner: product(shape.slice(axis + 1)) };
}

/** Values worked on at a time, unless a row has more. */
const PIECE = 32768;

/** The two last axes of [outer, a, b] exchanged. */
function exchanged<A extends CodeArray>(data: A, outer: number, a: number, b: number): A {
  const moved = data.slice() as A;
  for (let i = 0, at = 0; i < outer; i++) {
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < a; k++) moved[at++] = data[(i * a + k) * b + j] as number;
    }
  }
  return moved;
}

/**
 * Copies rows into memory a piece at a time; `work` writes the codes of the `rows` rows of `depth` at `at`.
 * @returns the codes of all rows in the tensor's own order
 */
export function eachRowPiece(
  { arena }: Engine,
  data: CodeArray,
  { outer, depth, inner }: Rows,
  result: Result,
  work: (at: number, rows: number, depth: number, codes: CodeArray) => void,
): CodeArray {
  const from = inner === 1 ? data : exchanged(data, outer, depth, inner);
  const to = new (codeArray(result.codes))(data.length);
  const most = Math.max(Math.floor(PIECE / Math.max(depth, 1)), 1) * depth;
  for (let start = 0; start < data.length; start += most) {
    const piece = from.subarray(start, start + most);
    arena.scope(() => work(arena.copy(piece), piece.length / depth, depth, to.subarray(start, start + most)));
  }
  return inner === 1 ? to : exchanged(to, outer, inner, depth);
}

/** Quantizes the float32 values at `from` to codes (equation 1); they hold no NaN. */
export function quantizeRows({ kernels, arena }: Engine, from: number, result: Result, codes: CodeArray): void {
  const n = codes.length;
  const grain = { length: n, block: n, lanes: 1, count: 1 };
  const at = [arena.copy(Float32Array.of(result.scale)), arena.copy(Int32Array.of(result.zero))] as const;
  const place = writePlace(arena, grain, 0, 0, 1, at);
  const to = arena.reserve(n * codeBytes(result.codes));
  const type = { int8: "i8", uint8: "u8", int16: "i16" }[result.codes.name] as "i8";
  kernels[`quantize_f32_${type}`](from, to, n, place, result.range.lo, result.range.hi);
  arena.read(to, codes);
}

// Rows along an axis of a tensor: what softmax and layer normalization walk over.

import { type CodeArray, codeType } from "../formats.ts";
import type { Engine } from "../wasm/kernels.ts";
import { CHUNK, onePlace } from "./grain.ts";
import type { Operand } from "./operand.ts";
import type { Result } from "./result.ts";
import { sizeOf } from "./shape.ts";
import { codeArray, codeBytes } from "./tensor.ts";

/** A tensor as [outer, depth, inner], its rows along the middle. */
export interface Rows {
  readonly outer: number;
  readonly depth: number;
  readonly inner: number;
}

/** A tensor's rows along an axis. */
export function rowsAlong(shape: readonly number[], axis: number): Rows {
  const depth = shape[axis] as number;
  return { outer: sizeOf(shape.slice(0, axis)), depth, inner: sizeOf(shape.slice(axis + 1)) };
}

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
 * Copies rows into memory a piece at a time, as float32; `work` writes the codes of the `rows` rows of `depth` codes at `at`.
 * @returns the codes of all rows in the tensor's own order
 */
export function eachRowPiece(
  running: Engine,
  data: CodeArray,
  { type }: Operand,
  { outer, depth, inner }: Rows,
  result: Result,
  work: (at: number, rows: number, depth: number, codes: CodeArray) => void,
): CodeArray {
  const { kernels, arena } = running;
  const from = inner === 1 ? data : exchanged(data, outer, depth, inner);
  const to = new (codeArray(result.codes))(data.length);
  const most = Math.max(Math.floor(CHUNK / Math.max(depth, 1)), 1) * depth;
  for (let start = 0; start < data.length; start += most) {
    const piece = from.subarray(start, start + most);
    const n = piece.length;
    arena.scope(() => {
      const at = arena.reserve(n * 4);
      kernels[`dequantize_${type}_f32`](arena.copy(piece), at, n, onePlace(arena, n, { scale: 1, zero: 0 }), 0, 0);
      work(at, n / depth, depth, to.subarray(start, start + most));
    });
  }
  return inner === 1 ? to : exchanged(to, outer, inner, depth);
}

/** Quantizes the float32 values at `from` to codes (equation 1); they hold no NaN. */
export function quantizeRows(running: Engine, from: number, result: Result, codes: CodeArray): void {
  const { kernels, arena } = running;
  const n = codes.length;
  const to = arena.reserve(n * codeBytes(result.codes));
  const type = codeType(result.codes) as "i8";
  const place = onePlace(arena, n, result);
  kernels[`quantize_f32_${type}`](from, to, n, place, result.range.lo, result.range.hi);
  arena.read(to, codes);
}

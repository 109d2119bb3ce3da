// Rows along an axis of a tensor: what softmax and layer normalization walk over.

import { type CodeArray, codeType } from "../formats.ts";
import type { Engine } from "../wasm/kernels.ts";
import { writePlace } from "./grain.ts";
import type { Operand } from "./operand.ts";
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

/** One scale and zero for n values: a Place of assembly/walk.ts. */
function placeOf({ arena }: Engine, n: number, scale: number, zero: number): number {
  const at = [arena.copy(Float32Array.of(scale)), arena.copy(Int32Array.of(zero))] as const;
  return writePlace(arena, { length: n, block: n, lanes: 1, count: 1 }, 0, 0, 1, at);
}

/**
 * Copies rows into memory a piece at a time, as float32; `work` writes the codes of the `rows` rows of `depth` codes at `at`.
 * @returns the codes of all rows in the tensor's own order
 */
export function eachRowPiece(
  machine: Engine,
  data: CodeArray,
  { type }: Operand,
  { outer, depth, inner }: Rows,
  result: Result,
  work: (at: number, rows: number, depth: number, codes: CodeArray) => void,
): CodeArray {
  const { kernels, arena } = machine;
  const from = inner === 1 ? data : exchanged(data, outer, depth, inner);
  const to = new (codeArray(result.codes))(data.length);
  const most = Math.max(Math.floor(PIECE / Math.max(depth, 1)), 1) * depth;
  for (let start = 0; start < data.length; start += most) {
    const piece = from.subarray(start, start + most);
    const n = piece.length;
    arena.scope(() => {
      const at = arena.reserve(n * 4);
      kernels[`dequantize_${type}_f32`](arena.copy(piece), at, n, placeOf(machine, n, 1, 0), 0, 0);
      work(at, n / depth, depth, to.subarray(start, start + most));
    });
  }
  return inner === 1 ? to : exchanged(to, outer, inner, depth);
}

/** Quantizes the float32 values at `from` to codes (equation 1); they hold no NaN. */
export function quantizeRows(machine: Engine, from: number, result: Result, codes: CodeArray): void {
  const { kernels, arena } = machine;
  const n = codes.length;
  const to = arena.reserve(n * codeBytes(result.codes));
  const type = codeType(result.codes) as "i8";
  const place = placeOf(machine, n, result.scale, result.zero);
  kernels[`quantize_f32_${type}`](from, to, n, place, result.range.lo, result.range.hi);
  arena.read(to, codes);
}

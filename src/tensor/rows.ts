// Rows along an axis of a tensor: what softmax and layer normalization walk over.

import { type CodeArray, codeType } from "../formats.ts";
import type { Engine } from "../wasm/kernels.ts";
import { CHUNK, onePlace } from "./grain.ts";
import type { ArrayOperand, Operand } from "./operand.ts";
import type { Result } from "./result.ts";
import type { Split } from "./shape.ts";
import { codeArray } from "./tensor.ts";
import { type Sink, type Source, sinkOf, sourceOf } from "./values.ts";

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

/** Turns `rows` rows of `depth` codes, as float32 at `at`, into codes at `to`. */
export type RowWork = (at: number, rows: number, depth: number, to: number) => void;

/** Works on neighbouring rows of `depth` codes, a piece at a time. */
export function eachRowPiece(
  { kernels, arena }: Engine,
  { type, length }: Operand,
  depth: number,
  source: Source,
  sink: Sink,
  work: RowWork,
): void {
  const most = Math.max(Math.floor(CHUNK / Math.max(depth, 1)), 1) * depth;
  for (let start = 0; start < length; start += most) {
    const n = Math.min(most, length - start);
    arena.scope(() => {
      const at = arena.reserve(n * 4);
      kernels[`dequantize_${type}_f32`](source(start, n), at, n, onePlace(arena, n, { scale: 1, zero: 0 }), 0, 0);
      sink(start, n, (to) => work(at, n / depth, depth, to));
    });
  }
}

/** The codes of an array's rows, in the tensor's own order. */
export function mapRows(
  running: Engine,
  x: ArrayOperand,
  { outer, n, inner }: Split,
  result: Result,
  work: RowWork,
): CodeArray {
  const from = inner === 1 ? x.data : exchanged(x.data, outer, n, inner);
  const to = new (codeArray(result.codes))(x.length);
  eachRowPiece(running, x, n, sourceOf(running, from), sinkOf(running, to), work);
  return inner === 1 ? to : exchanged(to, outer, inner, n);
}

/** Quantizes n float32 values at `from` to codes at `to` (equation 1); they hold no NaN. */
export function quantizeRows(
  { kernels, arena }: Engine,
  from: number,
  { codes, scale, zero, range }: Result,
  to: number,
  n: number,
): void {
  const place = onePlace(arena, n, { scale, zero });
  kernels[`quantize_f32_${codeType(codes) as "i8"}`](from, to, n, place, range.lo, range.hi);
}

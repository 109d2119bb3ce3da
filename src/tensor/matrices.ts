// Products of matrices from pointers: with one weight, or with one for each of a batch (docs/math.md, equations 19 to 21, 50 and 51).

import type { Take } from "../wasm/arena.ts";
import type { Operand } from "./operand.ts";
import type { PackedWeight } from "./prepare.ts";
import { type Geometry, multiplier, type Product, type Run, resultBytes } from "./product.ts";
import { broadcastShape, offsetOf, runsOf, sizeOf } from "./shape.ts";

const ONES = [1, 1] as const;

/** A matrix of `rows` by `channels` as an image. */
function matrix(rows: number, channels: number): Geometry {
  const single = { kernel: ONES, strides: ONES, dilations: ONES, spread: ONES, before: [0, 0] as const };
  return { images: 1, input: [1, rows], channels, output: [1, rows], ...single };
}

/** What becomes of the sums. */
export type MatrixFinish = Pick<Product, "bias" | "offsets" | "output" | "tables">;

/** x [..., m, k] times weights [n, k], as many as `lead` has; the axes before m broadcast with `lead`. */
export function matrixMultiplier(
  x: Operand,
  weights: readonly PackedWeight[],
  lead: readonly number[],
  finish: MatrixFinish,
  take: Take,
): Run {
  const [first] = weights;
  const k = x.shape.at(-1) as number;
  if (!first) return () => {};
  const product = (w: PackedWeight, rows: number) => multiplier({ ...finish, x, w, geometry: matrix(rows, k) }, take);
  if (sizeOf(lead) === 1) return product(first, sizeOf(x.shape.slice(0, -1)));
  const [m, own] = [x.shape.at(-2) as number, x.shape.slice(0, -2)];
  const batch = broadcastShape(own, lead) as number[];
  const [xRuns, wRuns] = [runsOf(own, batch), runsOf(lead, batch)];
  const runs = weights.map((w) => product(w, m));
  const results = m * first.weight.columns * resultBytes(finish.output);
  const { arena } = first.engine;
  return (source, output) => {
    for (let i = 0; i < sizeOf(batch); i++) {
      const from = source + offsetOf(xRuns, i) * m * k * x.bytes;
      arena.scope(() => runs[offsetOf(wRuns, i)]?.(from, output + i * results));
    }
  };
}

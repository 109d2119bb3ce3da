// Values taken from places along each axis: what a result's index stands for in the source.

import { sizeOf } from "../tensor/shape.ts";
import { tensorArray } from "../tensor/tensor.ts";
import type { Call, Place } from "./operator.ts";
import { stridesOf } from "./transpose.ts";

/** For every axis, the source's index of each index of the result. */
export type Tables = readonly ArrayLike<number>[];

const isIdentity = (table: ArrayLike<number>, extent: number) =>
  table.length === extent && Array.from(table).every((from, to) => from === to);

/** Offsets of the rows before an axis, in the order of the result. */
function rowOffsets(tables: Tables, strides: readonly number[]): number[] {
  let offsets = [0];
  tables.forEach((table, axis) => {
    const stride = strides[axis] as number;
    offsets = offsets.flatMap((offset) => Array.from(table, (from) => offset + from * stride));
  });
  return offsets;
}

/** Prepares taking the values that tables name from x to y; what follows the last axis that is not as it was is taken whole. */
export function taking({ store }: Call, x: Place, y: Place, tables: Tables): () => void {
  const bytes = tensorArray(x.format).BYTES_PER_ELEMENT;
  const strides = stridesOf(x.shape).map((stride) => stride * bytes);
  const moved = tables.map((table, axis) => !isIdentity(table, x.shape[axis] as number));
  const last = Math.max(moved.lastIndexOf(true), 0);
  const run = sizeOf(x.shape.slice(last + 1)) * bytes;
  const rows = rowOffsets(tables.slice(0, last), strides);
  const columns = Int32Array.from(tables[last] ?? [0], (from) => from * run);
  const { kernels, arena } = store.engine;
  return () => {
    const table = arena.copy(columns);
    rows.forEach((offset, row) => {
      kernels.resize_nearest(x.at + offset, y.at + row * columns.length * run, table, columns.length, run);
    });
  };
}

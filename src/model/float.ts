// The kernels of float32 tensors, as the rows of operators call them: shapes are settled when a node is compiled.

import { type Split, sizeOf, splitAt } from "../tensor/shape.ts";
import type { Kernels } from "../wasm/kernels.ts";
import { jointRuns } from "./broadcast.ts";
import type { Store } from "./store.ts";

/** Names of what kernels are told by number. */
export type FunctionName = Extract<keyof Kernels, `${"ACTIVATION" | "FUNCTION"}_${string}`>;
export type OperationName = Extract<keyof Kernels, `OPERATION_${string}`>;
export type ReductionName = Extract<keyof Kernels, `REDUCTION_${string}`>;

/** y = f(x) for n values; y may be x. */
export function mapFloats(
  store: Store,
  name: FunctionName,
  x: number,
  y: number,
  n: number,
  alpha = 0,
  beta = 0,
): void {
  const { kernels } = store.engine;
  kernels.map_f32_f32(x, y, n, kernels[name].value, alpha, beta);
}

/** What computes y = a op b from pointers, a and b of these shapes broadcast to `shape`. */
export function combiner(
  store: Store,
  name: OperationName,
  a: readonly number[],
  b: readonly number[],
  shape: readonly number[],
): (a: number, b: number, y: number) => void {
  const runs = jointRuns([a, b], shape);
  const words = Int32Array.from(runs.flatMap(({ extent, strides }) => [extent, ...strides]));
  const { kernels, arena } = store.engine;
  const operation = kernels[name].value;
  return (p, q, y) => {
    kernels.combine_f32_f32(p, q, y, arena.copy(words), runs.length, operation);
  };
}

/** The passes that reduce some axes, the innermost first. Without axes: one over every value by itself. */
function passesOf(shape: readonly number[], axes: readonly number[]): Split[] {
  const extents = shape.slice();
  const passes: Split[] = [];
  for (let end = shape.length; end > 0; end--) {
    if (!axes.includes(end - 1)) continue;
    let first = end - 1;
    while (axes.includes(first - 1)) first--;
    passes.push(splitAt(extents, first, end));
    extents.fill(1, first, end);
    end = first + 1;
  }
  return passes.length > 0 ? passes : [{ outer: sizeOf(shape), n: 1, inner: 1 }];
}

/** What reduces a tensor of a shape along axes, from x to y. */
export function reducer(
  store: Store,
  name: ReductionName,
  shape: readonly number[],
  axes: readonly number[],
): (x: number, y: number) => void {
  const passes = passesOf(shape, axes);
  const { kernels, arena } = store.engine;
  const isSum = name === "REDUCTION_SQUARES" || name === "REDUCTION_MAGNITUDES";
  const later = isSum ? "REDUCTION_SUM" : name; // terms are taken once
  return (x, y) => {
    let from = x;
    passes.forEach(({ outer, n, inner }, i) => {
      const to = i === passes.length - 1 ? y : arena.reserve(outer * inner * 4);
      kernels.reduce_f32_f32(from, to, outer, n, inner, kernels[i === 0 ? name : later].value);
      from = to;
    });
  };
}

// Copies along axes of any order, direction and distance, from place to place (docs/math.md, equation 70).

import type { Engine } from "../wasm/kernels.ts";

/** An axis that is walked along; 0 repeats, a negative number goes backward. */
export interface Stride {
  readonly extent: number;
  /** How far apart neighbours are in the source and in the result. */
  readonly from: number;
  readonly to: number;
}

/** A copy made ready: runs of bytes along axes, the outermost first. */
export interface Walk {
  /** Distances in bytes. */
  readonly axes: readonly Stride[];
  readonly bytes: number;
}

/** Values between neighbours along each axis of a row-major tensor. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 1; axis > 0; axis--) {
    strides[axis - 1] = (strides[axis] as number) * (shape[axis] as number);
  }
  return strides;
}

/** The axes along which a tensor, repeated where it broadcasts, fills a shape row by row. */
export function broadcastAxes(own: readonly number[], shape: readonly number[]): Stride[] {
  const [from, to] = [stridesOf(own), stridesOf(shape)];
  const missing = shape.length - own.length;
  return shape.map((extent, i) => ({
    extent,
    from: i < missing || own[i - missing] === 1 ? 0 : (from[i - missing] as number),
    to: to[i] as number,
  }));
}

/** Axes without those of one index, neighbours joined that are crossed alike. */
function joined(axes: readonly Stride[]): Stride[] {
  const kept: Stride[] = [];
  for (const inner of axes.filter(({ extent }) => extent !== 1)) {
    const outer = kept.at(-1);
    if (outer && outer.from === inner.from * inner.extent && outer.to === inner.to * inner.extent) {
      kept[kept.length - 1] = { ...inner, extent: outer.extent * inner.extent };
    } else kept.push(inner);
  }
  return kept;
}

/** The two axes last along which source and result have their neighbours: the kernel transposes such a plane in blocks. */
function planeLast(axes: readonly Stride[], bytes: number): readonly Stride[] {
  const down = axes.find(({ from }) => from === bytes);
  const across = axes.find(({ to }) => to === bytes);
  if (!down || !across || down === across) return axes;
  return [...axes.filter((axis) => axis !== down && axis !== across), down, across];
}

/** A copy along axes, whose distances are in values of `bytes` bytes; what can be copied at once is. */
export function walkOf(axes: readonly Stride[], bytes: number): Walk {
  const inBytes = axes.map(({ extent, from, to }) => ({ extent, from: from * bytes, to: to * bytes }));
  const kept = joined(inBytes);
  const last = kept.at(-1);
  if (last?.from === bytes && last.to === bytes) return { axes: kept.slice(0, -1), bytes: bytes * last.extent };
  return { axes: planeLast(kept, bytes), bytes };
}

/** The copy that makes axis a of the result axis order[a] of a tensor of values of `bytes` bytes. */
export function transposition(shape: readonly number[], order: readonly number[], bytes: number): Walk {
  const from = stridesOf(shape);
  const extents = order.map((axis) => shape[axis] as number);
  const to = stridesOf(extents);
  const axes = extents.map((extent, i) => ({
    extent,
    from: from[order[i] as number] as number,
    to: to[i] as number,
  }));
  return walkOf(axes, bytes);
}

/** Copies from x to y, pointers to the first values. */
export function copyAlong({ kernels, arena }: Engine, { axes, bytes }: Walk, x: number, y: number): void {
  arena.scope(() => {
    const words = arena.copy(Int32Array.from(axes.flatMap(({ extent, from, to }) => [extent, from, to])));
    kernels.copy_axes(x, y, words, axes.length, bytes);
  });
}

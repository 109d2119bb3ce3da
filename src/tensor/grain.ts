// Which values share a scale, in the words of assembly/walk.ts, and the walk over a tensor in chunks: values are copied into
// wasm memory a cache-sized piece at a time, so that no tensor is too large for it.

import type { Parameters } from "../quantizer.ts";
import type { Arena, Take } from "../wasm/arena.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import { sizeOf } from "./shape.ts";

/** How the values of a tensor share `count` scales. */
export interface Grain {
  /** Values of a row. */
  readonly length: number;
  /** Values of a group; the last of a row may have fewer. */
  readonly block: number;
  /** Scales of a group: 1 for all its values, or one a value, repeating. */
  readonly lanes: number;
  /** Scales in all. */
  readonly count: number;
}

/**
 * One scale per tensor (no axis, no block), per index of an axis, or per `block` values along an axis (default the last).
 * A tensor of shape [..., d, inner...] has ceil(d / block) * inner scales a row.
 */
export function grainOf(shape: readonly number[], axis?: number, wanted?: number): Grain {
  if (axis === undefined && wanted === undefined) {
    return { length: Math.max(sizeOf(shape), 1), block: Math.max(sizeOf(shape), 1), lanes: 1, count: 1 };
  }
  const along = axis ?? Math.max(shape.length - 1, 0);
  const extent = shape[along] ?? 1;
  const inner = Math.max(sizeOf(shape.slice(along + 1)), 1);
  if (wanted === undefined) {
    if (inner > 1) return { length: inner, block: inner, lanes: 1, count: extent };
    return { length: Math.max(extent, 1), block: Math.max(extent, 1), lanes: extent || 1, count: extent };
  }
  const block = Math.min(wanted, Math.max(extent, 1));
  const count = sizeOf(shape.slice(0, along)) * Math.ceil(extent / block) * sizeOf(shape.slice(along + 1));
  return { length: Math.max(extent * inner, 1), block: block * inner, lanes: inner, count };
}

/** Scales and zeros of a grain. */
export interface Scales {
  readonly scale: Float32Array;
  readonly zero: Int32Array;
}

/** Values of a chunk: two float32 arrays and the codes stay in the L2 cache. A multiple of 16, for packed codes and sums. */
export const CHUNK = 32768;

/** More scales than this are copied into wasm memory a chunk at a time. */
const SCALES = 65536;

/** One stretch of a tensor, and the engine to work on it. */
export interface Chunk extends Engine {
  readonly start: number;
  readonly count: number;
  /** Pointer to a Place of assembly/walk.ts. */
  readonly place: number;
}

/** Few channels, last: their scales repeated make rows that are worth a vector loop. */
const WIDE_ENOUGH = 64;

function widened(grain: Grain, scales: Scales): [Grain, Scales] {
  const { length, lanes, count } = grain;
  if (lanes === 1 || lanes >= WIDE_ENOUGH || length !== lanes || count !== lanes) return [grain, scales];
  const wide = lanes * Math.ceil(WIDE_ENOUGH / lanes);
  const scale = Float32Array.from({ length: wide }, (_, i) => scales.scale[i % lanes] as number);
  const zero = Int32Array.from({ length: wide }, (_, i) => scales.zero[i % lanes] as number);
  return [
    { length: wide, block: wide, lanes: wide, count: wide },
    { scale, zero },
  ];
}

/** Runs something on every chunk of a tensor, scales in place; scratch memory is released after each. */
export type ChunkWalk = (work: (chunk: Chunk) => void) => void;

/** The walk over `length` values; their scales, if they are not too many, are in memory that `take` gives. */
export function chunkWalk(length: number, narrow: Grain, given: Scales, take: Take, running: Engine): ChunkWalk {
  const { arena } = running;
  const [grain, scales] = widened(narrow, given);
  const resident = grain.count <= SCALES ? copyScales(arena, scales, 0, grain.count, take) : undefined;
  return (work) => {
    for (let start = 0; start < length; start += CHUNK) {
      const count = Math.min(CHUNK, length - start);
      arena.scope(() =>
        work({ ...running, start, count, place: placeOf(arena, grain, scales, start, count, resident) }),
      );
    }
  };
}

/** Runs `work` on every chunk of a tensor of `length` values. */
export function eachChunk(length: number, grain: Grain, scales: Scales, work: (chunk: Chunk) => void): void {
  const running = engine();
  const { arena } = running;
  arena.scope(() => chunkWalk(length, grain, scales, arena.scratch, running)(work));
}

function copyScales(arena: Arena, { scale, zero }: Scales, from: number, till: number, take: Take): Pointers {
  return [arena.copy(scale.subarray(from, till), take), arena.copy(zero.subarray(from, till), take)];
}

/** The number of the group that value `at` of a tensor is in. */
function groupAt({ length, block }: Grain, at: number): number {
  const position = at % length;
  return ((at - position) / length) * Math.ceil(length / block) + Math.floor(position / block);
}

/** The first scale that values start..start + count - 1 meet, and how many in a row, beginning again after the last. */
export function scalesMet(grain: Grain, start: number, count: number): { first: number; met: number } {
  const group = groupAt(grain, start);
  const groups = groupAt(grain, start + count - 1) - group + 1;
  return { first: (group * grain.lanes) % grain.count, met: Math.min(groups * grain.lanes, grain.count) };
}

/** Pointers to scales and zeros. */
type Pointers = readonly [scales: number, zeros: number];

/** Writes a Place of assembly/walk.ts: where values begin in a grain's rows, and the scales they meet. */
export function writePlace(
  arena: Arena,
  grain: Grain,
  start: number,
  index: number,
  total: number,
  at: Pointers,
): number {
  const { length, block, lanes } = grain;
  return arena.copy(Uint32Array.of(start % length, length, block, lanes, index, total, ...at));
}

/** A Place for `count` values with one scale and zero. */
export function onePlace(arena: Arena, count: number, { scale, zero }: Parameters): number {
  const at = [arena.copy(Float32Array.of(scale)), arena.copy(Int32Array.of(zero))] as const;
  return writePlace(arena, grainOf([count]), 0, 0, 1, at);
}

function placeOf(
  arena: Arena,
  grain: Grain,
  scales: Scales,
  start: number,
  count: number,
  resident?: Pointers,
): number {
  const { first, met } = scalesMet(grain, start, count);
  const total = grain.count;
  if (resident) return writePlace(arena, grain, start, first, total, resident);
  const fits = first + met <= total;
  const at = fits
    ? copyScales(arena, scales, first, first + met, arena.scratch)
    : copyWrapped(arena, scales, first, first + met - total);
  return writePlace(arena, grain, start, 0, met, at);
}

/** The scales from `first` on and, after the last one, `more` from the beginning. */
function copyWrapped(arena: Arena, { scale, zero }: Scales, first: number, more: number): Pointers {
  const join = (array: Float32Array | Int32Array) => {
    const tail = array.length - first;
    const at = arena.reserve((tail + more) * 4);
    arena.write(at, array.subarray(first));
    arena.write(at + tail * 4, array.subarray(0, more));
    return at;
  };
  return [join(scale), join(zero)];
}

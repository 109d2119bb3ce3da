// Operators that take values from places that other values name, or put them there.

import { nodeError, nodeRangeError } from "../../check.ts";
import { sizeOf } from "../../tensor/shape.ts";
import { type TensorArray, tensorArray } from "../../tensor/tensor.ts";
import { intOf, stringOf } from "../attributes.ts";
import { inFloat32 } from "../float-row.ts";
import { type Call, choosing, type Known, type Operator, type Place, type Site, viewOf } from "../operator.ts";
import { inBytes } from "../packed-row.ts";
import { axisIn, checkedShape, checkFormats, input } from "../site.ts";
import { stridesOf } from "../transpose.ts";

type Indices = ArrayLike<number | bigint>;

/** How an operator finds places in its data: runs of `run` values, at the offsets that indices name. */
interface Addressing {
  readonly run: number;
  offsets(indices: Indices): Int32Array;
}

type Address = (site: Site) => Addressing;

/** An index as a place along an axis; negative ones count from its end. */
function placeAlong(site: Site, index: number | bigint | undefined, extent: number): number {
  const given = Number(index);
  const place = given < 0 ? given + extent : given;
  if (place >= 0 && place < extent) return place;
  throw nodeRangeError(site.node, "indices", `integers of ${-extent}..${extent - 1}`, given);
}

/** Whole slices across an axis. */
const slices: Address = (site) => {
  const { shape } = input(site, 0);
  const axis = axisIn(site);
  const extent = shape[axis] as number;
  const outer = sizeOf(shape.slice(0, axis));
  const run = sizeOf(shape.slice(axis + 1));
  const offsets = (indices: Indices) => {
    const places = Int32Array.from(indices as number[], (index) => placeAlong(site, index, extent));
    const count = places.length;
    return new Int32Array(outer * count).map(
      (_, i) => (Math.floor(i / count) * extent + (places[i % count] as number)) * run,
    );
  };
  return { run, offsets };
};

/** A value for each index, which has its own place but along an axis. */
const elements: Address = (site) => {
  const { shape } = input(site, 0);
  const axis = axisIn(site);
  const from = stridesOf(shape);
  const stride = from[axis] as number;
  const extents = input(site, 1).shape;
  const to = stridesOf(extents);
  const base = (i: number) =>
    extents.reduce((sum, extent, a) => {
      return a === axis ? sum : sum + (Math.floor(i / (to[a] as number)) % extent) * (from[a] as number);
    }, 0);
  const offsets = (indices: Indices) =>
    Int32Array.from(
      indices as number[],
      (index, i) => base(i) + placeAlong(site, index, shape[axis] as number) * stride,
    );
  return { run: 1, offsets };
};

/** A slice for each tuple of indices along the last axis, within a batch. */
const tuples: Address = (site) => {
  const { shape } = input(site, 0);
  const own = input(site, 1).shape;
  const batch = intOf(site.node, "batch_dims", 0);
  const depth = own.at(-1) ?? 0;
  const strides = stridesOf(shape);
  const each = sizeOf(own.slice(batch, -1));
  const offsets = (indices: Indices) =>
    new Int32Array(sizeOf(own.slice(0, -1))).map((_, i) => {
      let offset = batch > 0 ? Math.floor(i / each) * (strides[batch - 1] as number) : 0;
      for (let j = 0; j < depth; j++) {
        offset += placeAlong(site, indices[i * depth + j], shape[batch + j] as number) * (strides[batch + j] as number);
      }
      return offset;
    });
  return { run: sizeOf(shape.slice(batch + depth)), offsets };
};

/** The offsets of a call: once where the indices are constant. */
function offsetting(call: Call, { offsets }: Addressing): () => Int32Array {
  const indices = input(call, 1);
  if (!indices.value) return () => offsets(viewOf(call, indices) as unknown as Indices);
  const once = offsets(indices.value.data as unknown as Indices);
  return () => once;
}

/** An operator that takes runs from its first input. */
function gathering(address: Address, shapeOf: (x: Known, indices: Known, site: Site) => readonly number[]): Operator {
  return inBytes({
    infer(site) {
      const x = input(site, 0);
      checkFormats(site, 1, ["int32", "int64"]);
      return [{ format: x.format, shape: checkedShape(site, shapeOf(x, input(site, 1), site), x.format) }];
    },
    compile(call) {
      const x = input(call, 0);
      const [y] = call.outputs as [Place];
      const addressing = address(call);
      const bytes = tensorArray(x.format).BYTES_PER_ELEMENT;
      const offsets = offsetting(call, addressing);
      const { kernels, arena } = call.store.engine;
      return () => {
        const table = offsets().map((offset) => offset * bytes);
        kernels.resize_nearest(x.at, y.at, arena.copy(table), table.length, addressing.run * bytes);
      };
    },
  });
}

function sliceShape({ shape }: Known, indices: Known, site: Site): number[] {
  const axis = axisIn(site);
  return [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)];
}

function elementShape({ shape }: Known, indices: Known, site: Site): readonly number[] {
  checkElements(site, indices, shape);
  return indices.shape;
}

/** Fails unless indices lie within the data's extents, but for their axis. */
function checkElements(site: Site, indices: Known, shape: readonly number[]): void {
  const axis = axisIn(site);
  const fits = indices.shape.every((extent, a) => a === axis || extent <= (shape[a] as number));
  if (indices.shape.length !== shape.length || !fits) {
    throw nodeError(site.node, `expected indices of at most [${shape}] but for axis ${axis}, got [${indices.shape}]`);
  }
}

/** Fails unless tuples are of at least one index, and of no more than there are axes. */
function checkTuples(site: Site, { shape }: Known, indices: Known): { batch: number; depth: number } {
  const batch = intOf(site.node, "batch_dims", 0);
  const depth = indices.shape.at(-1) ?? 0;
  const isSame = indices.shape.slice(0, batch).every((extent, axis) => extent === shape[axis]);
  if (depth < 1 || batch < 0 || batch >= indices.shape.length || batch + depth > shape.length || !isSame) {
    throw nodeError(
      site.node,
      `expected tuples of indices into [${shape}], got [${indices.shape}] in ${batch} batch axes`,
    );
  }
  return { batch, depth };
}

function tupleShape(x: Known, indices: Known, site: Site): number[] {
  const { batch, depth } = checkTuples(site, x, indices);
  return [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)];
}

type Combine = (old: number, update: number) => number;

const COMBINE: Readonly<Record<"none" | "add" | "mul" | "min" | "max", Combine>> = {
  none: (_, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  min: (old, update) => (update < old || Number.isNaN(update) ? update : old),
  max: (old, update) => (update > old || Number.isNaN(update) ? update : old),
};

/** Puts runs of updates where the offsets say, in their order. */
function scatter(values: TensorArray, updates: TensorArray, offsets: Int32Array, run: number, combine: Combine): void {
  const [to, from] = [values as Float64Array, updates as Float64Array];
  offsets.forEach((offset, i) => {
    for (let j = 0; j < run; j++) to[offset + j] = combine(to[offset + j] as number, from[i * run + j] as number);
  });
}

/** An operator that puts runs into a copy of its first input. */
function scattering(address: Address, check: (site: Site, x: Known, indices: Known) => Known["shape"]): Operator {
  const plain: Operator = {
    infer(site) {
      const { format, shape } = input(site, 0);
      checkFormats(site, 1, ["int32", "int64"]);
      checkFormats(site, 2, [format]);
      const expected = check(site, input(site, 0), input(site, 1));
      if (input(site, 2).shape.join() !== expected.join()) {
        throw nodeError(site.node, `expected updates [${expected}], got [${input(site, 2).shape}]`);
      }
      return [{ format, shape }];
    },
    compile(call) {
      const [x, updates] = [input(call, 0), input(call, 2)];
      const [y] = call.outputs as [Place];
      const addressing = address(call);
      const offsets = offsetting(call, addressing);
      const combine = COMBINE[reductionOf(call)];
      return () => {
        const values = viewOf(call, y);
        values.set(viewOf(call, x) as never);
        scatter(values, viewOf(call, updates), offsets(), addressing.run, combine);
      };
    },
  };
  const arithmetic = inFloat32(plain);
  const moving = inBytes(plain);
  return choosing(plain, (site) => (reductionOf(site) === "none" ? moving : arithmetic));
}

function reductionOf({ node }: Site): keyof typeof COMBINE {
  return stringOf(node, "reduction", "none", ["none", "add", "mul", "min", "max"]);
}

const SCATTER_ELEMENTS = scattering(elements, (site, x, indices) => {
  checkElements(site, indices, x.shape);
  return indices.shape;
});

export const GATHERS: Readonly<Record<string, Operator>> = {
  Gather: gathering(slices, sliceShape),
  GatherElements: gathering(elements, elementShape),
  GatherND: gathering(tuples, tupleShape),
  Scatter: SCATTER_ELEMENTS,
  ScatterElements: SCATTER_ELEMENTS,
  ScatterND: scattering(tuples, (site, x, indices) => tupleShape(x, indices, site)),
};

// What operators' rules ask of their inputs.

import { nodeError, nodeRangeError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import { sizeOf } from "../tensor/shape.ts";
import { storedLength, type Tensor, tensorArray } from "../tensor/tensor.ts";
import { intOf, intsOf } from "./attributes.ts";
import type { Known, Site } from "./operator.ts";

/** An input that has to be there. */
export function input<I extends Known>(site: Site<I>, i: number): I {
  const found = site.inputs[i];
  if (!found) throw nodeError(site.node, `expected input ${i}, got ${site.inputs.length} inputs`);
  return found;
}

/** Fails unless an input, where it is there, is of one of some formats. */
export function checkFormats(site: Site, i: number, formats: readonly FormatName[]): void {
  const found = site.inputs[i];
  if (found && !formats.includes(found.format)) {
    throw nodeError(site.node, `input ${i} expected ${formats.join(" or ")}, got ${found.format}`);
  }
}

/** An axis, counted from the end where it is negative. */
export function axisOf(site: Site, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(at) && at >= 0 && at < rank) return at;
  throw nodeError(site.node, `"axis" expected ${-rank}..${rank - 1}, got ${axis}`);
}

/** The axis that a node names, counted from the end where it is negative. */
export function axisIn(site: Site, otherwise = 0, rank = input(site, 0).shape.length): number {
  return axisOf(site, intOf(site.node, "axis", otherwise), rank);
}

/** A known input's value as it is; undefined where the input is left out. For inputs that the row lists in `values`. */
export function knownValue(site: Site, i: number): Tensor | undefined {
  return site.inputs[i]?.value;
}

/** A known input's numbers; undefined where the input is left out. Integers beyond 2^53 are rounded. */
export function numbersOf(site: Site, i: number): number[] | undefined {
  const value = knownValue(site, i);
  return value && Array.from(value.data as ArrayLike<number | bigint>, Number);
}

/** The axes that an input or an attribute lists, counted from the front and in order; undefined where neither is there. */
export function axesOf(site: Site, i: number, name: string, rank: number): number[] | undefined {
  const listed = numbersOf(site, i) ?? intsOf(site.node, name, undefined);
  const axes = listed?.map((axis) => axisOf(site, axis, rank)).sort((a, b) => a - b);
  if (axes && new Set(axes).size < axes.length) throw nodeRangeError(site.node, "axes", "each axis once", listed);
  return axes;
}

/** Bytes that wasm can hold. */
const MOST_BYTES = 2 ** 32;

/** A shape that follows from numbers in a model, held to what memory can hold. */
export function checkedShape(site: Site, shape: readonly number[], format: FormatName): number[] {
  const fits = shape.every((extent) => Number.isInteger(extent) && extent >= 0);
  if (!fits || storedLength(format, sizeOf(shape)) * tensorArray(format).BYTES_PER_ELEMENT > MOST_BYTES) {
    throw nodeRangeError(site.node, "shape", "extents >= 0 of at most 4 GiB in all", shape);
  }
  return [...shape];
}

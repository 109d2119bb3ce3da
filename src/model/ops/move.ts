// Operators that copy values along axes (docs/math.md, equation 70), of any format.

import { nodeError, nodeRangeError } from "../../check.ts";
import { broadcastShape, sizeOf, withExtent } from "../../tensor/shape.ts";
import { tensorArray } from "../../tensor/tensor.ts";
import { intOf, intsOf, stringOf } from "../attributes.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import { inBytes } from "../packed-row.ts";
import { axisIn, axisOf, checkedShape, input, numbersOf } from "../site.ts";
import { broadcastAxes, copyAlong, type Stride, stridesOf, walkOf } from "../transpose.ts";

/** Values copied along axes, from one of the source and to one of the result on. */
interface Copy {
  readonly axes: readonly Stride[];
  readonly from?: number;
  readonly to?: number;
}

/** Makes a copy between two places ready. */
export function copying({ store }: Call, x: Place, y: Place, { axes, from = 0, to = 0 }: Copy): () => void {
  const bytes = tensorArray(x.format).BYTES_PER_ELEMENT;
  const walk = walkOf(axes, bytes);
  return () => copyAlong(store.engine, walk, x.at + from * bytes, y.at + to * bytes);
}

/** What an operator makes of its first input. */
interface Moved extends Copy {
  readonly shape: readonly number[];
}

/** An operator that is one copy. */
function moving(move: (x: Known, site: Site) => Moved, values: readonly number[] = []): Operator {
  return inBytes({
    values,
    infer(site) {
      const x = input(site, 0);
      return [{ format: x.format, shape: checkedShape(site, move(x, site).shape, x.format) }];
    },
    compile(call) {
      const x = input(call, 0);
      return copying(call, x, call.outputs[0] as Place, move(x, call));
    },
  });
}

/** The copy that fills a shape row by row, crossing the source in strides. */
function filling(shape: readonly number[], from: readonly number[], start = 0): Moved {
  const to = stridesOf(shape);
  const axes = shape.map((extent, i) => ({ extent, from: from[i] as number, to: to[i] as number }));
  return { shape, axes, from: start };
}

/** The copy that makes axis a of the result axis order[a] of the source. */
function permuted(shape: readonly number[], order: readonly number[]): Moved {
  const strides = stridesOf(shape);
  const take = (numbers: readonly number[]) => order.map((axis) => numbers[axis] as number);
  return filling(take(shape), take(strides));
}

function transposed({ shape }: Known, { node }: Site): Moved {
  const order = intsOf(node, "perm", shape.map((_, i) => i).reverse());
  if ([...order].sort((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== shape.length) {
    throw nodeRangeError(node, "perm", `each of ${shape.length} axes once`, order);
  }
  return permuted(shape, order);
}

function expanded({ shape }: Known, site: Site): Moved {
  const target = checkedShape(site, numbersOf(site, 1) ?? [], "bool");
  const result = broadcastShape(shape, target);
  if (!result) throw nodeRangeError(site.node, "shape", `one that [${shape}] broadcasts to`, target);
  return { shape: result, axes: broadcastAxes(shape, result), from: 0 };
}

function tiled({ shape }: Known, site: Site): Moved {
  const repeats = checkedShape(site, numbersOf(site, 1) ?? [], "bool");
  if (repeats.length !== shape.length) throw nodeRangeError(site.node, "repeats", `${shape.length} numbers`, repeats);
  const strides = stridesOf(shape);
  const filled = filling(
    shape.flatMap((extent, axis) => [repeats[axis] as number, extent]),
    strides.flatMap((stride) => [0, stride]),
  );
  return { ...filled, shape: shape.map((extent, axis) => extent * (repeats[axis] as number)) };
}

/** The first of a slice, and how many there are, of an axis; beyond its ends there is nothing. */
function sliceOf(extent: number, start: number, end: number, step: number): { first: number; count: number } {
  if (extent === 0) return { first: 0, count: 0 };
  const place = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + extent : at, low), high);
  const first = step > 0 ? place(start, 0, extent) : place(start, 0, extent - 1);
  const last = step > 0 ? place(end, 0, extent) : place(end, -1, extent - 1);
  return { first, count: Math.max(Math.ceil((last - first) / step), 0) };
}

function sliced({ shape }: Known, site: Site): Moved {
  const { node } = site;
  const starts = numbersOf(site, 1) ?? intsOf(node, "starts", []);
  const ends = numbersOf(site, 2) ?? intsOf(node, "ends", []);
  const listed = numbersOf(site, 3) ?? intsOf(node, "axes", undefined) ?? starts.map((_, i) => i);
  const steps = numbersOf(site, 4) ?? starts.map(() => 1);
  if ([ends, listed, steps].some(({ length }) => length !== starts.length)) {
    throw nodeError(
      node,
      `expected ${starts.length} ends, axes and steps, got ${ends.length}, ${listed.length}, ${steps.length}`,
    );
  }
  const [result, strides] = [[...shape], stridesOf(shape)];
  let from = 0;
  listed.forEach((given, i) => {
    const axis = axisOf(site, given, shape.length);
    const [start, end, step] = [starts[i], ends[i], steps[i]] as [number, number, number];
    if (step === 0) throw nodeRangeError(node, "steps", "numbers that are not 0", steps);
    const { first, count } = sliceOf(shape[axis] as number, start, end, step);
    from += first * (strides[axis] as number);
    result[axis] = count;
    strides[axis] = (strides[axis] as number) * step;
  });
  return filling(result, strides, from);
}

/** Extents of images and a block: [n, channels, height, width, block]. */
function blocksOf({ shape }: Known, { node }: Site): [number, number, number, number, number] {
  const block = intOf(node, "blocksize", 0);
  if (shape.length !== 4 || block < 1) {
    throw nodeError(node, `expected [n, c, h, w] and a "blocksize" of at least 1, got [${shape}] and ${block}`);
  }
  return [...shape, block] as [number, number, number, number, number];
}

function depthToSpace(x: Known, site: Site): Moved {
  const [n, c, h, w, b] = blocksOf(x, site);
  const depth = c / b / b;
  const isColumnRow = stringOf(site.node, "mode", "DCR", ["DCR", "CRD"]) === "CRD";
  const move = isColumnRow
    ? permuted([n, depth, b, b, h, w], [0, 1, 4, 2, 5, 3])
    : permuted([n, b, b, depth, h, w], [0, 3, 4, 1, 5, 2]);
  return { ...move, shape: [n, depth, h * b, w * b] };
}

function spaceToDepth(x: Known, site: Site): Moved {
  const [n, c, h, w, b] = blocksOf(x, site);
  const move = permuted([n, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4]);
  return { ...move, shape: [n, c * b * b, h / b, w / b] };
}

/** The copies of parts that lie side by side along an axis of a whole, into it. */
function joinings(whole: readonly number[], axis: number, extents: readonly number[]): Required<Copy>[] {
  const rows = sizeOf(whole.slice(0, axis));
  const inner = sizeOf(whole.slice(axis + 1));
  const stride = (whole[axis] as number) * inner;
  let to = 0;
  return extents.map((extent) => {
    const axes = [
      { extent: rows, from: extent * inner, to: stride },
      { extent: extent * inner, from: 1, to: 1 },
    ];
    const copy = { axes, from: 0, to };
    to += extent * inner;
    return copy;
  });
}

/** The same copy the other way round. */
function reversed({ axes, from, to }: Required<Copy>): Copy {
  return { axes: axes.map(({ extent, from, to }) => ({ extent, from: to, to: from })), from: to, to: from };
}

const inTurn = (copies: readonly (() => void)[]) => () => {
  for (const copy of copies) copy();
};

const CONCAT: Operator = inBytes({
  infer(site) {
    const parts = site.inputs.map((_, i) => input(site, i));
    const { format, shape } = input(site, 0);
    const axis = axisIn(site, 1);
    for (const part of parts) {
      const fits = part.shape.length === shape.length && part.shape.every((e, i) => i === axis || e === shape[i]);
      if (!fits || part.format !== format) {
        throw nodeError(
          site.node,
          `expected ${format} [${shape}] but for axis ${axis}, got ${part.format} [${part.shape}]`,
        );
      }
    }
    const extent = parts.reduce((sum, part) => sum + (part.shape[axis] as number), 0);
    return [{ format, shape: checkedShape(site, withExtent(shape, axis, extent), format) }];
  },
  compile(call) {
    const [y] = call.outputs as [Place];
    const axis = axisIn(call, 1);
    const parts = call.inputs.map((_, i) => input(call, i));
    const copies = joinings(
      y.shape,
      axis,
      parts.map(({ shape }) => shape[axis] as number),
    );
    return inTurn(parts.map((x, i) => copying(call, x, y, copies[i] as Copy)));
  },
});

/** Extents of the parts: listed, or as even as they go. */
function partsOf(site: Site, extent: number): number[] {
  const listed = numbersOf(site, 1) ?? intsOf(site.node, "split", undefined);
  const count = site.node.outputs.length;
  const each = Math.ceil(extent / count);
  const isEven = extent % count === 0 || site.node.attributes.has("num_outputs");
  const even = Array.from({ length: count }, (_, i) => Math.max(Math.min(each, extent - i * each), 0));
  const parts = listed ?? even;
  if (parts.length !== count || parts.reduce((a, b) => a + b, 0) !== extent || !(listed || isEven)) {
    throw nodeRangeError(site.node, "split", `${count} parts of ${extent}`, listed);
  }
  return parts;
}

const SPLIT: Operator = inBytes({
  values: [1],
  infer(site) {
    const { format, shape } = input(site, 0);
    const axis = axisIn(site);
    const parts = partsOf(site, shape[axis] as number);
    return parts.map((part) => ({ format, shape: checkedShape(site, withExtent(shape, axis, part), format) }));
  },
  compile(call) {
    const x = input(call, 0);
    const axis = axisIn(call);
    const copies = joinings(x.shape, axis, partsOf(call, x.shape[axis] as number)).map(reversed);
    return inTurn(call.outputs.map((y, i) => (y ? copying(call, x, y, copies[i] as Copy) : () => {})));
  },
});

/** The values on one side of a diagonal, k above the main one, and zeros. */
const TRILU: Operator = inBytes({
  values: [1],
  infer(site) {
    const { format, shape } = input(site, 0);
    if (shape.length < 2) throw nodeError(site.node, `expected at least two axes, got [${shape}]`);
    return [{ format, shape }];
  },
  compile(call) {
    const x = input(call, 0);
    const [y] = call.outputs as [Place];
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    const isUpper = intOf(call.node, "upper", 1) !== 0;
    const k = numbersOf(call, 1)?.[0] ?? 0;
    const copy = copying(call, x, y, { axes: [{ extent: lengthOf(x), from: 1, to: 1 }] });
    return () => {
      copy();
      const values = call.store.view(y, y.at);
      for (let row = 0; row * columns < values.length; row++) {
        const edge = Math.min(Math.max((row % rows) + k + (isUpper ? 0 : 1), 0), columns);
        const [first, end] = isUpper ? [0, edge] : [edge, columns];
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength).fill(
          0,
          (row * columns + first) * values.BYTES_PER_ELEMENT,
          (row * columns + end) * values.BYTES_PER_ELEMENT,
        );
      }
    };
  },
});

export const MOVES: Readonly<Record<string, Operator>> = {
  Concat: CONCAT,
  DepthToSpace: moving(depthToSpace),
  Expand: moving(expanded, [1]),
  Slice: moving(sliced, [1, 2, 3, 4]),
  SpaceToDepth: moving(spaceToDepth),
  Split: SPLIT,
  Tile: moving(tiled, [1]),
  Transpose: moving(transposed),
  Trilu: TRILU,
};

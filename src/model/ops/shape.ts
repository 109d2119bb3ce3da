// Operators that give data another shape and leave it as it is, and those that tell shapes.

import { nodeError, nodeRangeError } from "../../check.ts";
import { sizeOf } from "../../tensor/shape.ts";
import { intOf, intsOf } from "../attributes.ts";
import { codeOf } from "../convert.ts";
import { type Known, lengthOf, type Operator, type Site } from "../operator.ts";
import { axesOf, axisOf, input, numbersOf } from "../site.ts";

/** An operator that only says what the shape is. */
function reshaping(shapeOf: (x: Known, site: Site) => number[], values: number[] = [1]): Operator {
  return {
    values,
    alias: true,
    infer(site) {
      const x = input(site, 0);
      const shape = shapeOf(x, site);
      if (sizeOf(shape) !== lengthOf(x) || !shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
        throw nodeError(site.node, `expected a shape of ${lengthOf(x)} values for [${x.shape}], got [${shape}]`);
      }
      return [{ format: x.format, shape }];
    },
    compile: () => () => {},
  };
}

/** The target of a Reshape: 0 keeps an extent, -1 is what remains. */
function reshaped(x: Known, site: Site): number[] {
  const target = numbersOf(site, 1) ?? intsOf(site.node, "shape", []);
  const keepsZero = intOf(site.node, "allowzero", 0) !== 0;
  const shape = target.map((extent, axis) => (extent === 0 && !keepsZero ? (x.shape[axis] ?? 0) : extent));
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = sizeOf(shape.filter((_, axis) => axis !== open));
    shape[open] = rest === 0 ? 0 : lengthOf(x) / rest;
  }
  return shape;
}

/** Two axes: all before one, and all from it on. */
function flattened({ shape }: Known, site: Site): number[] {
  const given = intOf(site.node, "axis", 1);
  const axis = given === shape.length ? given : axisOf(site, given, shape.length);
  return [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))];
}

/** Without axes of one index: those that are listed, or all. */
function squeezed({ shape }: Known, site: Site): number[] {
  const axes = axesOf(site, 1, "axes", shape.length);
  return shape.filter((extent, axis) => (axes ? !axes.includes(axis) : extent !== 1));
}

/** With axes of one index, at their places in the result. */
function unsqueezed({ shape }: Known, site: Site): number[] {
  const listed = numbersOf(site, 1) ?? intsOf(site.node, "axes", []);
  const axes = axesOf(site, 1, "axes", shape.length + listed.length) ?? [];
  const result = [...shape];
  for (const axis of axes) result.splice(axis, 0, 1);
  return result;
}

const IDENTITY = reshaping(({ shape }) => [...shape], []);

/** At inference: what it gets; the mask says that everything is kept. */
const DROPOUT: Operator = {
  ...IDENTITY,
  values: [1, 2],
  infer(site) {
    if (numbersOf(site, 2)?.[0]) throw nodeRangeError(site.node, "training_mode", "false", true);
    const [y] = IDENTITY.infer(site) as [Known];
    return [y, { ...y, format: site.version < 10 ? y.format : "bool" }];
  },
  compile({ outputs: [, mask], store }) {
    return () => {
      if (mask) store.view(mask, mask.at).fill(codeOf(mask.format, 1) as never);
    };
  },
};

/** An operator whose output is known from its input's shape: int64 numbers. */
function telling(numbers: (x: Known, site: Site) => { shape: number[]; values: readonly number[] }): Operator {
  return {
    infer(site) {
      const { shape, values } = numbers(input(site, 0), site);
      const known = { format: "int64" as const, shape };
      return [{ ...known, value: { ...known, data: BigInt64Array.from(values, BigInt) } }];
    },
    compile: () => () => {},
  };
}

/** The extents from `start` to `end`. */
function toldShape({ shape }: Known, { node }: Site): { shape: number[]; values: number[] } {
  const end = intOf(node, "end", undefined);
  const values = shape.slice(intOf(node, "start", 0), end);
  return { shape: [values.length], values };
}

export const SHAPES: Readonly<Record<string, Operator>> = {
  Dropout: DROPOUT,
  Flatten: reshaping(flattened, []),
  Identity: IDENTITY,
  Reshape: reshaping(reshaped),
  Shape: telling(toldShape),
  Size: telling((x) => ({ shape: [], values: [lengthOf(x)] })),
  Squeeze: reshaping(squeezed),
  Unsqueeze: reshaping(unsqueezed),
};

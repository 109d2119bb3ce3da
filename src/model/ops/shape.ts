// Operators that give data another shape and leave it as it is.

import { nodeError } from "../../check.ts";
import { sizeOf } from "../../tensor/shape.ts";
import { intOf, intsOf } from "../attributes.ts";
import { type Known, lengthOf, type Operator, type Site } from "../operator.ts";
import { input, numbersOf } from "../site.ts";

/** An operator that only says what the shape is. */
function reshaping(shapeOf: (x: Known, site: Site) => number[], values: number[] = [1]): Operator {
  return {
    values,
    alias: true,
    infer(site) {
      const x = input(site, 0);
      const shape = shapeOf(x, site);
      if (sizeOf(shape) !== lengthOf(x)) {
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

export const SHAPES: Readonly<Record<string, Operator>> = {
  Identity: reshaping(({ shape }) => [...shape], []),
  Reshape: reshaping(reshaped),
};

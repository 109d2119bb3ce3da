// Every operator that octavo runs: one row each, by family.

import type { Node } from "../graph.ts";
import type { Operator } from "../operator.ts";
import { ACTIVATIONS } from "./activation.ts";
import { CONVOLUTIONS } from "./conv.ts";
import { TRANSPOSED } from "./conv-transpose.ts";
import { PRODUCTS } from "./product.ts";
import { SHAPES } from "./shape.ts";

/** Rows by name; those of other domains than ONNX's own are named `domain:name`. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  Object.entries({ ...ACTIVATIONS, ...CONVOLUTIONS, ...PRODUCTS, ...TRANSPOSED, ...SHAPES }),
);

/** The row of a node's operator. */
export function operatorOf({ domain, op }: Node): Operator | undefined {
  return OPERATORS.get(domain === "" ? op : `${domain}:${op}`);
}

/** Names of all operators that octavo runs. */
export function operatorNames(): string[] {
  return [...OPERATORS.keys()].sort();
}

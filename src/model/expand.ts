// Operators that stand for other nodes, which take their place where shapes (and of an If the condition) are known.

import { type Branch, expandIf } from "./branch.ts";
import { expandEinsum } from "./einsum.ts";
import type { Site } from "./operator.ts";

/** A row of the table of such operators. */
export interface Expansion {
  /** Inputs whose values have to be known. */
  readonly values?: readonly number[];
  /** The nodes, in order, and their constants; the last ones give what the node gives. */
  expand(site: Site): Branch;
}

/** Rows by name, as those of operators. */
export const EXPANSIONS: ReadonlyMap<string, Expansion> = new Map(
  Object.entries<Expansion>({ Einsum: { expand: expandEinsum }, If: { values: [0], expand: expandIf } }),
);

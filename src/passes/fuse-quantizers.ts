// DequantizeLinear, an operator and QuantizeLinear as one operator of codes: products, functions that onnxruntime has for codes, moves,
// and every other function of one value as a table (docs/math.md, equations 19 and 35).

import { foldConstants } from "../model/fold-constants.ts";
import type { Model, Node } from "../model/graph.ts";
import { type Edit, rewrite } from "./edit.ts";
import { fuseFunction } from "./fuse-quantized-functions.ts";
import { measureCodes, moveCodes } from "./fuse-quantized-moves.ts";
import { fuseProduct } from "./fuse-quantized-products.ts";
import { tabulate } from "./fuse-quantized-tables.ts";

/** Options of {@link fuseQuantizers}. */
export interface FuseQuantizersOptions {
  /** Whether only operators are made that onnxruntime has. */
  readonly portable?: boolean;
}

const RULES = [fuseProduct, fuseFunction, moveCodes, measureCodes];

function fuse(edit: Edit, node: Node, portable: boolean): void {
  const isFused = node.domain === "" && RULES.some((rule) => rule(edit, node, portable));
  if (!isFused) tabulate(edit, node, portable);
}

/**
 * The same model with operators of codes. A product whose result is quantized differs from the sum in float by what float32 rounds:
 * its codes by one at most; moves and tables give the same codes.
 */
export function fuseQuantizers(model: Model, { portable = false }: FuseQuantizersOptions = {}): Model {
  const isQuantized = model.graph.nodes.some(({ op }) => op === "DequantizeLinear");
  return isQuantized ? rewrite(foldConstants(model), (edit, node) => fuse(edit, node, portable)) : model;
}

// Every operator that octavo runs: one row each, by family.

import { EXPANSIONS } from "../expand.ts";
import type { Node } from "../graph.ts";
import type { Operator } from "../operator.ts";
import { ACTIVATIONS } from "./activation.ts";
import { ATTENTIONS } from "./attention.ts";
import { CASTS } from "./cast.ts";
import { CONVOLUTIONS } from "./conv.ts";
import { TRANSPOSED } from "./conv-transpose.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { GATHERS } from "./gather.ts";
import { LOOK_UPS } from "./look-up.ts";
import { MAKERS } from "./make.ts";
import { MOVES } from "./move.ts";
import { BLOCK_PRODUCTS } from "./nbits.ts";
import { NORMALIZATIONS } from "./normalize.ts";
import { PADS } from "./pad.ts";
import { POOLS } from "./pool.ts";
import { PRODUCTS } from "./product.ts";
import { QUANTIZED_FUNCTIONS } from "./qlinear.ts";
import { QUANTIZED_CONVOLUTIONS } from "./qlinear-conv.ts";
import { QUANTIZED_PRODUCTS } from "./qlinear-product.ts";
import { QUANTIZERS } from "./quantize.ts";
import { SIMULATED } from "./quantizer.ts";
import { RECURRENTS } from "./recurrent.ts";
import { REDUCES } from "./reduce.ts";
import { RESIZES } from "./resize.ts";
import { ROTATIONS } from "./rotary.ts";
import { SHAPES } from "./shape.ts";
import { SOFTMAXES } from "./softmax.ts";

/** Rows by name; those of other domains than ONNX's own are named `domain:name`. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    ...ACTIVATIONS,
    ...ATTENTIONS,
    ...BLOCK_PRODUCTS,
    ...CASTS,
    ...CONVOLUTIONS,
    ...ELEMENTWISE,
    ...GATHERS,
    ...LOOK_UPS,
    ...MAKERS,
    ...MOVES,
    ...NORMALIZATIONS,
    ...PADS,
    ...PRODUCTS,
    ...POOLS,
    ...QUANTIZED_CONVOLUTIONS,
    ...QUANTIZED_FUNCTIONS,
    ...QUANTIZED_PRODUCTS,
    ...QUANTIZERS,
    ...RECURRENTS,
    ...RESIZES,
    ...REDUCES,
    ...ROTATIONS,
    ...SHAPES,
    ...SIMULATED,
    ...TRANSPOSED,
    ...SOFTMAXES,
  }),
);

/** A node's operator, with its domain in front where that is not ONNX's own. */
export function operatorName({ domain, op }: Node): string {
  return domain === "" ? op : `${domain}:${op}`;
}

/** The row of a node's operator. */
export function operatorOf(node: Node): Operator | undefined {
  return OPERATORS.get(operatorName(node));
}

/** Names of all operators that octavo runs. */
export function operatorNames(): string[] {
  return [...OPERATORS.keys(), ...EXPANSIONS.keys()].sort();
}

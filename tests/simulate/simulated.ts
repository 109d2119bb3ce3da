// Simulated models made by hand: nodes, and quantizers with their parameters.
import { type Constant, type Graph, type Model, makeNode, type Node } from "../../src/model/graph.ts";
import { OWN } from "../../src/model/ops/quantizer.ts";
import { modelOf } from "../model/models.ts";

export interface Codes {
  readonly format?: string;
  readonly lo: number;
  readonly hi: number;
  readonly axis?: number;
  readonly scale?: readonly number[];
  readonly zero?: readonly number[];
}

export const UINT8 = { format: "uint8", lo: 0, hi: 255 } as const;
export const INT8 = { format: "int8", lo: -127, hi: 127 } as const;

/** A quantizer from x to y, as a node and its constants. */
export function quantizer(x: string, y: string, { format = "uint8", lo, hi, axis, scale, zero }: Codes) {
  const parameters = [scale ? `${y}_s` : "", zero ? `${y}_z` : ""];
  while (parameters.at(-1) === "") parameters.pop();
  const along = axis === undefined ? {} : { axis: BigInt(axis) };
  const shape = axis === undefined ? [] : [scale?.length ?? 0];
  const constants = new Map<string, Constant>();
  if (scale) constants.set(`${y}_s`, { format: "float32", shape, data: Float32Array.from(scale) });
  if (zero) constants.set(`${y}_z`, { format: "int32", shape, data: Int32Array.from(zero) });
  const codes = { format, lo: BigInt(lo), hi: BigInt(hi), ...along };
  return { node: makeNode("Quantizer", [x, ...parameters], [y], codes, OWN), constants };
}

type Part = Node | ReturnType<typeof quantizer>;

/** A model of parts. */
export function simulated(parts: readonly Part[], graph: Partial<Graph> = {}, opset = 13): Model {
  const nodes = parts.map((part) => ("op" in part ? part : part.node));
  const constants = new Map(graph.constants);
  for (const part of parts) if (!("op" in part)) for (const [name, each] of part.constants) constants.set(name, each);
  return modelOf(nodes, { ...graph, constants }, opset);
}

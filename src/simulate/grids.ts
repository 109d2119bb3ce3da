// How the values of a simulated model become codes: as its quantizers say, and as what moves them without changing them leaves them.

import { nodeError, nodeRangeError } from "../check.ts";
import { FORMATS, type FormatName } from "../formats.ts";
import { intOf, stringOf } from "../model/attributes.ts";
import { typeOfFormat } from "../model/data-types.ts";
import { type Constant, constantOf, type Graph, inOrder, type Node } from "../model/graph.ts";
import { quantizableOf } from "../model/quantizable.ts";
import type { CodeRange } from "../quantizer.ts";
import type { QuantizeOptions } from "../tensor/quantize.ts";
import { type CodeFormat, rangeOf } from "../tensor/tensor.ts";
import { isQuantizer } from "./observe-model.ts";

/** How values become codes. */
export interface Grid {
  readonly format: FormatName;
  readonly range: CodeRange;
  readonly scale: Float32Array;
  readonly zero: Int32Array;
  readonly axis: number | undefined;
  /** What is quantized, where that is a constant, and its name. */
  readonly source: Constant | undefined;
  readonly name: string;
}

/** Grids of values by name. */
export type Grids = ReadonlyMap<string, Grid>;

/** A format that ONNX's quantizers know. */
function formatOf(node: Node): FormatName {
  const name = stringOf(node, "format", "") as FormatName;
  const row = FORMATS.get(name);
  const isCode = row?.kind === "integer" || (row?.kind === "float" && row.bits <= 8);
  if (isCode && typeOfFormat(name) !== undefined) return name;
  throw nodeRangeError(node, "format", "a format that QuantizeLinear has", name);
}

function gridOf(graph: Graph, node: Node): Grid {
  const [name = "", scaleName = "", zeroName = ""] = node.inputs;
  const scale = constantOf(graph, scaleName)?.data as Float32Array | undefined;
  if (!scale) throw nodeError(node, "expected a quantizer with a scale, got one that is not calibrated");
  const zero = constantOf(graph, zeroName)?.data as Int32Array | undefined;
  return {
    format: formatOf(node),
    range: { lo: intOf(node, "lo", 0), hi: intOf(node, "hi", 0) },
    scale: scale.slice(),
    zero: zero ?? new Int32Array(scale.length),
    axis: intOf(node, "axis", undefined),
    source: constantOf(graph, name),
    name,
  };
}

/** The outputs of a node that are values of its first input. */
export function movedBy(graph: Graph, node: Node): readonly string[] {
  const row = quantizableOf(node);
  if (row?.kind !== "moves" || row.refuses?.(node, (name) => constantOf(graph, name ?? ""))) return [];
  return node.op === "Split" ? node.outputs : node.outputs.slice(0, 1);
}

/**
 * Grids by what `has` says are quantizers; default all.
 * @throws ModelError for a quantizer that is not calibrated, or of a format that ONNX does not have
 */
export function gridsOf(graph: Graph, has: (node: Node) => boolean = isQuantizer): Map<string, Grid> {
  const grids = new Map<string, Grid>();
  for (const node of inOrder(graph)) {
    const [x = ""] = node.inputs;
    const grid = has(node) ? gridOf(graph, node) : grids.get(x);
    // what is moved has its channels elsewhere
    if (has(node)) grids.set(node.outputs[0] as string, grid as Grid);
    else if (grid && grid.axis === undefined) for (const name of movedBy(graph, node)) grids.set(name, grid);
  }
  return grids;
}

export function isInteger(format: string): boolean {
  return FORMATS.get(format)?.kind === "integer";
}

/** Grids of integers, by the quantizers that are calibrated. */
export function integerGrids(graph: Graph): Map<string, Grid> {
  const isCalibrated = ({ inputs }: Node) => graph.constants.has(inputs[1] ?? "");
  return gridsOf(graph, (node) => isQuantizer(node) && isCalibrated(node) && isInteger(stringOf(node, "format", "")));
}

/** Whether a grid leaves out codes of its format. */
export function isNarrowed({ format, range }: Grid): boolean {
  const { lo, hi } = rangeOf(FORMATS.get(format) as CodeFormat);
  return range.lo !== lo || range.hi !== hi;
}

/** A grid as options of {@link quantize}. */
export function optionsOf(grid: Grid): QuantizeOptions & { readonly format: FormatName } {
  const { format, range, scale, zero, axis } = grid;
  const options = { format, scale, zero, ...(axis !== undefined && { axis }) };
  if (!isNarrowed(grid)) return options;
  return { ...options, bits: 32 - Math.clz32(range.hi - range.lo), narrow: range.lo === -range.hi };
}

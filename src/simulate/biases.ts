// Biases as integers: codes at the scale of the sums that they are added to.

import { type Constant, constantOf, type Graph, type Model, type Node } from "../model/graph.ts";
import { isPlain, quantizableOf } from "../model/quantizable.ts";
import { rewrite } from "../passes/edit.ts";
import { fakeQuantize } from "../tensor/quantize.ts";
import { sizeOf } from "../tensor/shape.ts";
import { type Grid, type Grids, integerGrids, isInteger } from "./grids.ts";

/** A bias, and the scales of its codes: one, or one a number. */
export interface Bias {
  readonly name: string;
  readonly constant: Constant;
  readonly scale: Float32Array;
}

/** A bias whose scales are not known yet. */
interface Found {
  readonly node: Node;
  readonly name: string;
  readonly constant: Constant;
  readonly x: Grid;
  readonly weight: Grid;
}

/** The largest magnitude of a bias's codes: half of int32, so that there is room for the sums. */
const MOST = 2 ** 30;

/** Smaller scales have fewer bits. */
const SMALLEST_NORMAL = 2 ** -126;

/** Keeps what rounding to float32 may take away. */
const MARGIN = 1 + 2 ** -20;

/** A node's bias, where it is a constant that is added to sums of codes, one number an output channel. */
function biasOf(graph: Graph, grids: Grids, node: Node): Found | undefined {
  const row = quantizableOf(node);
  if (row?.kind !== "linear") return undefined;
  const [x, weight, bias] = node.inputs.map((name) => grids.get(name));
  const name = bias?.name ?? node.inputs[2] ?? "";
  const constant = constantOf(graph, name);
  if (!x || !weight?.source || constant?.format !== "float32") return undefined;
  const { shape } = weight.source;
  const channels = row.channels?.(node, shape.length);
  const count = node.op === "ConvTranspose" ? constant.data.length : shape[channels as number];
  const isOfSums = x.axis === undefined && (weight.axis === undefined || weight.axis === channels);
  const areCodes = isInteger(x.format) && isInteger(weight.format);
  return isPlain(node) && constant.data.length === count && isOfSums && areCodes
    ? { node, name, constant, x, weight }
    : undefined;
}

/** Whether the weights that share a scale are all 0. */
function isEmpty({ source, axis }: Grid, channel: number): boolean {
  const { shape, data } = source as Constant;
  const inner = axis === undefined ? 1 : sizeOf(shape.slice(axis + 1));
  const isOther = (at: number) => axis !== undefined && Math.floor(at / inner) % (shape[axis] as number) !== channel;
  return (data as Float32Array).every((value, at) => value === 0 || isOther(at));
}

/**
 * Enlarges the scales of weights whose bias would have codes beyond int32, or a scale that float32 does not have. Weights of 0, whose
 * scale is 1 for want of another, get the one that their bias is finest with.
 */
function makeRoom({ constant, x, weight }: Found): void {
  const { scale } = weight;
  for (const [i, value] of (constant.data as Float32Array).entries()) {
    const at = scale.length === 1 ? 0 : i;
    const needed = (Math.max(Math.abs(value) / MOST, SMALLEST_NORMAL) * MARGIN) / (x.scale[0] as number);
    const least = scale[at] === 1 && isEmpty(weight, at) ? 0 : (scale[at] as number);
    if (Number.isFinite(needed)) scale[at] = Math.max(least, needed);
  }
}

/** The biases of a model that become integers, by their nodes. Grids of weights are made coarser where a bias needs it. */
export function biasesOf(graph: Graph, grids: Grids): Map<Node, Bias> {
  const found = graph.nodes.flatMap((node) => biasOf(graph, grids, node) ?? []);
  for (const each of found) makeRoom(each);
  const scaled = ({ node, name, constant, x, weight }: Found) => {
    const scale = weight.scale.map((each) => each * (x.scale[0] as number));
    return [node, { name, constant, scale }] as const;
  };
  return new Map(found.map(scaled));
}

/** A calibrated model with its biases on the grids that they have as integers: it computes what these do. */
export function withRoundedBiases(model: Model): Model {
  const biases = biasesOf(model.graph, integerGrids(model.graph));
  return rewrite(model, (edit, node) => {
    const { name = "", constant, scale } = biases.get(node) ?? {};
    const [x = "", weight = "", taken] = node.inputs;
    if (!constant || !scale || taken !== name) return;
    const axis = scale.length > 1 ? { axis: 0 } : {};
    const rounded = fakeQuantize(constant.data as Float32Array, { format: "int32", scale, ...axis });
    edit.replace(node, { ...node, inputs: [x, weight, edit.changeConstant(name, node, rounded, constant.shape)] });
  });
}

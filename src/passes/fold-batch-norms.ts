// Batch norms, and products and sums with a number a channel, folded into the linear node before or behind them (docs/math.md,
// equations 22, 23 and 78). What cannot be folded becomes a product and a sum with a number a channel.

import { floatOf, intOf } from "../model/attributes.ts";
import { type Model, makeNode, type Node } from "../model/graph.ts";
import { type BatchNorm, foldBatchNorm } from "../tensor/fold.ts";
import { type Edit, rewrite } from "./edit.ts";
import { LINEAR_NAMES, type Linear, linearOf, withWeight } from "./linear.ts";
import { rankOf } from "./outline.ts";

/** A batch norm that is folded into no other node. */
export interface KeptBatchNorm {
  readonly node: Node;
  /** Why not. */
  readonly reason: string;
}

/** The first version in which operands broadcast as in numpy. */
const NUMPY_BROADCAST = 7;

type Pair = [Float32Array, Float32Array];

const PARAMETERS = ["gamma", "beta", "mean", "variance"] as const;

const allFinite = (values: Float32Array) => values.every(Number.isFinite);

/** What a BatchNormalization does, or why that is not known. */
function normOf(edit: Edit, node: Node): BatchNorm | string {
  const trains = intOf(node, "training_mode", 0) !== 0 || node.outputs.slice(1).some(Boolean);
  if (trains) return "it is in training mode";
  if (intOf(node, "spatial", 1) === 0) return "it has a mean for every place, not every channel";
  const norm: Record<string, Float32Array> = {};
  for (const [i, parameter] of PARAMETERS.entries()) {
    const name = node.inputs[i + 1] ?? "";
    const found = edit.constant(name);
    if (!found) return `its ${parameter} "${name}" is not constant`;
    if (found.format !== "float32") return `its ${parameter} "${name}" is ${found.format}, not float32`;
    if (!allFinite(found.data as Float32Array)) return `its ${parameter} "${name}" is not finite everywhere`;
    norm[parameter] = found.data as Float32Array;
  }
  const epsilon = floatOf(node, "epsilon", 1e-5);
  const at = norm.variance?.findIndex((variance) => !(variance + epsilon > 0)) ?? -1;
  if (at >= 0)
    return `its variance of channel ${at} is ${norm.variance?.[at]}, which is not positive with epsilon added`;
  return { ...(norm as unknown as BatchNorm), epsilon };
}

/** Why a batch norm cannot be folded into a linear node, of its sizes and where it stands. */
function obstacle(error: unknown, { layer }: Linear, { gamma }: BatchNorm): string {
  if (!(error instanceof TypeError)) return `its ${gamma.length} channels are not those of the weight`;
  return layer.transposed
    ? "outputs of the ConvTranspose behind it meet different numbers of kernel taps, so that no one bias holds its shift"
    : "the Conv behind it pads with zeros, so that its shift does not reach the border";
}

/** The weight and bias with a batch norm in them, or why they cannot be had. */
function fold(linear: Linear, norm: BatchNorm, direction: "after" | "before") {
  const { layer, pads } = linear;
  try {
    const folded = foldBatchNorm(layer, norm, { direction, pads });
    return allFinite(folded.weight) && allFinite(folded.bias) ? folded : "the folded weights would not be finite";
  } catch (error) {
    return obstacle(error, linear, norm);
  }
}

/** A linear node and how it is seen. */
interface Maker {
  readonly maker: Node;
  readonly linear: Linear;
}

/** The linear node that gives a value to this node alone, or why there is none. */
function makerFor(edit: Edit, node: Node, x: string): Maker | string {
  const maker = edit.maker(x);
  if (!maker) return edit.constant(x) ? `"${x}" is a constant` : `"${x}" is an input of the model`;
  const linear = linearOf(edit, maker);
  if (linear === undefined) return `${maker.op} gives "${x}", none of ${LINEAR_NAMES}`;
  if (typeof linear === "string") return linear;
  return edit.isOnlyFor(x, [node]) ? { maker, linear } : `"${x}" is taken elsewhere too`;
}

/** Folds a batch norm into the node before it; returns why not. */
function foldBackward(edit: Edit, node: Node, found: Maker | string, norm: BatchNorm): string | undefined {
  if (typeof found === "string") return found;
  const { maker, linear } = found;
  const folded = fold(linear, norm, "after");
  if (typeof folded === "string") return folded;
  edit.replace(node, { ...withWeight(edit, maker, linear.layer, folded), outputs: node.outputs.slice(0, 1) });
  return undefined;
}

/** Folds a batch norm into the node behind it; returns why not. */
function foldForward(edit: Edit, node: Node, norm: BatchNorm): string | undefined {
  const [y = ""] = node.outputs;
  const [taker, ...others] = edit.takersOf(y);
  if (!taker || others.length > 0 || !edit.isOnlyFor(y, [taker])) return `no one node takes "${y}"`;
  const linear = linearOf(edit, taker);
  if (linear === undefined) return `${taker.op} takes "${y}", none of ${LINEAR_NAMES}`;
  if (typeof linear === "string") return linear;
  if (taker.inputs.lastIndexOf(y) > 0 || intOf(taker, "transA", 0) !== 0)
    return `${taker.op} does not take "${y}" by rows`;
  const folded = fold(linear, norm, "before");
  if (typeof folded === "string") return folded;
  const { inputs, ...rest } = withWeight(edit, taker, linear.layer, folded);
  edit.replace(taker, { ...rest, inputs: [node.inputs[0] ?? "", ...inputs.slice(1)] });
  return undefined;
}

/** A layer that leaves channels as they are. */
function unchanged(channels: number): Linear {
  const layer = { weight: new Float32Array(channels).fill(1), shape: [channels, 1] };
  return { layer, channels, spatial: 0, pads: [] };
}

/** Puts a Mul and an Add in the place of a batch norm of float32 with a known number of axes. */
function scaleChannels(edit: Edit, node: Node, norm: BatchNorm): void {
  const [x = ""] = node.inputs;
  const [y = ""] = node.outputs;
  const outline = edit.outline(x);
  const rank = rankOf(outline) ?? 0;
  const folded = fold(unchanged(norm.gamma.length), norm, "after");
  if (outline?.format !== "float32" || rank < 2 || typeof folded === "string") return;
  const isOld = edit.version(node) < NUMPY_BROADCAST;
  const shape = [norm.gamma.length, ...new Array<number>(isOld ? 0 : rank - 2).fill(1)];
  const attributes = isOld ? { broadcast: 1n, axis: 1n } : {};
  const scale = edit.addConstant(`${y}_scale`, folded.weight, shape);
  const shift = edit.addConstant(`${y}_shift`, folded.bias, shape);
  const scaled = edit.freshName(`${y}_scaled`);
  const sum = makeNode("Add", [scaled, shift], [y], attributes);
  edit.replace(node, makeNode("Mul", [x, scale], [scaled], attributes), { ...sum, name: node.name });
}

/** Operators that scale and shift by a constant: gamma and beta; undefined where the constant on the left makes them something else. */
const SCALINGS = new Map(
  Object.entries<(c: number, isLeft: boolean) => readonly [number, number] | undefined>({
    Mul: (c) => [c, 0],
    Add: (c) => [1, c],
    Sub: (c, isLeft) => (isLeft ? [-1, c] : [1, -c]),
    Div: (c, isLeft) => (isLeft ? undefined : [1 / c, 0]),
  }),
);

/** The numbers of a float32 constant, one a channel; undefined where it is none. */
function channelNumbers(edit: Edit, name: string, { channels, spatial }: Linear): Float32Array | undefined {
  const { format, shape, data } = edit.constant(name) ?? {};
  if (format !== "float32" || (shape as number[]).length > spatial + 2) return undefined;
  if (data?.length === 1) return new Float32Array(channels).fill(data[0] as number);
  return data?.length === channels && shape?.at(-1 - spatial) === channels ? (data as Float32Array) : undefined;
}

/** Folds a product or sum with a number a channel into the node before it. */
function foldScaling(edit: Edit, node: Node): undefined {
  const scaling = node.domain === "" ? SCALINGS.get(node.op) : undefined;
  if (!scaling || edit.version(node) < NUMPY_BROADCAST) return;
  for (const [i, x] of node.inputs.entries()) {
    const found = makerFor(edit, node, x);
    if (typeof found === "string") continue;
    const numbers = channelNumbers(edit, node.inputs[1 - i] ?? "", found.linear);
    const pairs = numbers && Array.from(numbers, (c) => scaling(c, i === 1));
    if (!pairs?.every((pair) => pair !== undefined)) continue;
    const [gamma, beta] = [0, 1].map((k) => Float32Array.from(pairs, (pair) => pair[k] as number)) as Pair;
    const mean = new Float32Array(gamma.length);
    foldBackward(edit, node, found, { gamma, beta, mean, variance: mean.map(() => 1), epsilon: 0 });
    return;
  }
}

/** Folds a batch norm where it can be; returns why it cannot. */
function foldNorm(edit: Edit, node: Node): string | undefined {
  const norm = normOf(edit, node);
  if (typeof norm === "string") return norm;
  const before = foldBackward(edit, node, makerFor(edit, node, node.inputs[0] ?? ""), norm);
  const behind = before && foldForward(edit, node, norm);
  if (before === undefined || behind === undefined) return undefined;
  scaleChannels(edit, node, norm);
  return `${before}; ${behind}`;
}

function foldAll(model: Model, kept: KeptBatchNorm[]): Model {
  return rewrite(model, (edit, node) => {
    const isNorm = node.op === "BatchNormalization" && node.domain === "";
    const reason = isNorm ? foldNorm(edit, node) : foldScaling(edit, node);
    if (reason !== undefined) kept.push({ node, reason });
  });
}

/**
 * The model with its batch norms in the weights of the linear node before them, or behind them where that is exact. One that cannot be
 * folded becomes a product and a sum ({@link keptBatchNorms} says why). Products and sums with a constant a channel behind a linear
 * node are folded as well. Outputs stay the same within 1e-5 of their largest.
 */
export function foldBatchNorms(model: Model): Model {
  return foldAll(model, []);
}

/** The batch norms that {@link foldBatchNorms} folds into no other node. */
export function keptBatchNorms(model: Model): KeptBatchNorm[] {
  const kept: KeptBatchNorm[] = [];
  foldAll(model, kept);
  return kept;
}

// Images of codes with their channels last, as the integer kernels have them: transpositions at the borders of integer parts only.

import { intOf, intsOf } from "../model/attributes.ts";
import { type Constant, type Model, makeNode, type Node, withAttributes } from "../model/graph.ts";
import { operatorName } from "../model/ops/index.ts";
import { OWN } from "../model/ops/quantizer.ts";
import { BYTES } from "../model/quantized.ts";
import { type Edit, rewrite } from "./edit.ts";
import { rankOf } from "./outline.ts";
import { removeIdentities } from "./remove-identities.ts";

const MICROSOFT = "com.microsoft";

/** Operators on images of codes, and the domain of their form with channels last. */
const IMAGES: Readonly<Record<string, string>> = {
  QLinearConv: MICROSOFT,
  [`${MICROSOFT}:QLinearConv`]: MICROSOFT,
  [`${OWN}:QLinearConvTranspose`]: OWN,
  [`${MICROSOFT}:QLinearAveragePool`]: MICROSOFT,
  [`${MICROSOFT}:QLinearGlobalAveragePool`]: MICROSOFT,
  MaxPool: OWN,
};

const last = (rank: number) => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
const first = (rank: number) => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];

function transpose(from: string, to: string, order: readonly number[]): Node {
  return makeNode("Transpose", [from], [to], { perm: order.map(BigInt) });
}

/** A value's transposition that is there already. */
function turned(edit: Edit, name: string, order: readonly number[]): string | undefined {
  const isTurned = (node: Node) =>
    operatorName(node) === "Transpose" && intsOf(node, "perm", []).join() === order.join();
  return edit.takersOf(name).find(isTurned)?.outputs[0];
}

/** An image operator between transpositions. */
function turn(edit: Edit, node: Node): void {
  const domain = IMAGES[operatorName(node)];
  const [x = "", ...others] = node.inputs;
  const [y = "", ...more] = node.outputs;
  const outline = edit.outline(x);
  const rank = rankOf(outline) ?? 0;
  const isImage = outline && BYTES.includes(outline.format) && (rank === 3 || rank === 4) && !more.some(Boolean);
  if (domain === undefined || !isImage || intOf(node, "channels_last", 0) !== 0) return;
  const known = turned(edit, x, last(rank));
  const [from, to] = [known ?? edit.freshName(`${x}.last`), edit.freshName(`${y}.last`)];
  edit.replace(
    node,
    ...(known ? [] : [transpose(x, from, last(rank))]),
    { ...withAttributes(node, { channels_last: 1n }), domain, inputs: [from, ...others], outputs: [to] },
    transpose(to, y, first(rank)),
  );
}

/** What an operator that does not mind is when axis a of its operands was axis order[a]. */
interface Indifferent {
  /** Which of a node's inputs are tensors to transpose. */
  readonly operands: (node: Node) => readonly number[];
  /** What else changes: the node then; undefined if it cannot be told. */
  readonly change?: (edit: Edit, node: Node, order: readonly number[]) => Node | undefined;
}

const unary: Indifferent = { operands: () => [0] };
const pair: Indifferent = { operands: () => [0, 3] };
const all: Indifferent = { operands: ({ inputs }) => [...inputs.keys()] };

const isOne = (constant: Constant | undefined) => constant !== undefined && constant.data.length === 1;

/** The same operator with another number for its axis. */
function changeAxis(_: Edit, node: Node, order: readonly number[]): Node | undefined {
  const axis = intOf(node, "axis", undefined);
  const value = order.at(axis ?? order.length);
  return value === undefined ? undefined : withAttributes(node, { axis: BigInt(value) });
}

/** A quantizer of one scale. */
function keepScale(edit: Edit, node: Node): Node | undefined {
  return isOne(edit.constant(node.inputs[1])) ? node : undefined;
}

/** Pads of other axes. */
function changePads(edit: Edit, node: Node, order: readonly number[]): Node | undefined {
  const [x = "", pads = "", fill = "", axes = ""] = node.inputs;
  const listed = edit.constant(pads);
  const given = listed ? Array.from(listed.data as BigInt64Array) : intsOf(node, "pads", undefined)?.map(BigInt);
  const rank = order.length;
  if (axes || given?.length !== 2 * rank) return undefined;
  const value = new BigInt64Array(2 * rank);
  order.forEach((axis, a) => {
    value[axis] = given[a] as bigint;
    value[axis + rank] = given[a + rank] as bigint;
  });
  if (!listed) return withAttributes(node, { pads: [...value] });
  return { ...node, inputs: [x, edit.addConstant(pads, value, [2 * rank], "int64"), fill] };
}

const INDIFFERENT: Readonly<Record<string, Indifferent>> = {
  [`${MICROSOFT}:QLinearAdd`]: pair,
  [`${MICROSOFT}:QLinearMul`]: pair,
  [`${MICROSOFT}:QLinearSigmoid`]: unary,
  [`${MICROSOFT}:QLinearLeakyRelu`]: unary,
  [`${OWN}:LookUp`]: unary,
  [`${MICROSOFT}:QLinearConcat`]: {
    operands: ({ inputs }) => [...inputs.keys()].filter((i) => i >= 2 && i % 3 === 2),
    change: changeAxis,
  },
  Concat: { ...all, change: changeAxis },
  QuantizeLinear: { ...unary, change: keepScale },
  Relu: unary,
  Clip: unary,
  Pad: { ...unary, change: changePads },
};

/** The order of a transposition that moves the channels of an image to their place in ONNX. */
function orderOf(node: Node | undefined): readonly number[] | undefined {
  if (node?.op !== "Transpose" || node.domain !== "") return undefined;
  const order = intsOf(node, "perm", []);
  return order.length > 2 && order.join() === first(order.length).join() ? order : undefined;
}

/** An operand in another order: what a transposition was made from, or transposed; undefined if it cannot be. */
function operandIn(edit: Edit, name: string, order: readonly number[]): { name: string; nodes: Node[] } | undefined {
  const maker = edit.maker(name);
  if (orderOf(maker)?.length === order.length) return { name: maker?.inputs[0] as string, nodes: [] };
  const constant = edit.constant(name);
  if (isOne(constant)) return { name, nodes: [] };
  const missing = order.length - (constant?.shape.length ?? rankOf(edit.outline(name)) ?? Infinity);
  if (missing < 0 || (missing > 0 && !constant)) return undefined;
  const to = edit.freshName(`${name}.last`);
  const shape = [...new Array<number>(missing).fill(1), ...(constant?.shape ?? [])];
  const from = constant ? edit.add(name, { ...constant, shape }) : name;
  return { name: to, nodes: [transpose(from, to, last(order.length))] };
}

/** Pushes the transpositions before a node behind it. */
function push(edit: Edit, node: Node): void {
  const indifferent = INDIFFERENT[operatorName(node)];
  const places = indifferent?.operands(node) ?? [];
  const [y = "", ...more] = node.outputs;
  const orders = places.map((i) => orderOf(edit.maker(node.inputs[i] ?? "")));
  const order = orders.find(Boolean);
  const others = places.filter((i, at) => !orders[at] && !edit.constant(node.inputs[i]));
  // every other operand is transposed for one transposition that goes
  if (!indifferent || !order || more.some(Boolean) || 2 * others.length > places.length) return;
  const operands = places.map((i) => operandIn(edit, node.inputs[i] as string, order));
  const to = edit.freshName(`${y}.last`);
  const inputs = node.inputs.map((name, i) => operands[places.indexOf(i)]?.name ?? name);
  const changed = { ...node, inputs, outputs: [to] };
  const moved = indifferent.change ? indifferent.change(edit, changed, order) : changed;
  if (!moved || operands.some((operand) => !operand)) return;
  const before = operands.flatMap((operand) => operand?.nodes ?? []);
  edit.replace(node, ...before, moved, transpose(to, y, order));
}

/** A transposition that moves axes of one index only, as a reshaping: that costs nothing. */
function flatten(edit: Edit, node: Node): void {
  const [x = "", y = ""] = [node.inputs[0], node.outputs[0]];
  const [shape, other] = edit.outline(x)?.shapes ?? [];
  if (operatorName(node) !== "Transpose" || !shape || !other) return;
  const order = intsOf(node, "perm", [...shape.keys()].reverse());
  const kept = order.filter((axis) => shape[axis] !== 1 || other[axis] !== 1);
  const target = order.map((axis) => (shape[axis] === other[axis] ? BigInt(shape[axis] as number) : -1n));
  const isMoved = kept.some((axis, i) => i > 0 && axis < (kept[i - 1] as number));
  if (isMoved || target.filter((extent) => extent < 0n).length > 1) return;
  const name = edit.addConstant(`${y}.shape`, BigInt64Array.from(target), [target.length], "int64");
  edit.replace(node, makeNode("Reshape", [x, name], [y]));
}

/** The same model; between transpositions, images of codes have their channels last. */
export function channelsLast(model: Model): Model {
  const between = rewrite(model, turn);
  if (between === model) return model;
  return rewrite(removeIdentities(rewrite(between, push)), flatten);
}

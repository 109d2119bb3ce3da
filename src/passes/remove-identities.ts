// Nodes that give what they take, moved data that can be moved at once, and what nothing takes.

import { intOf, intsOf } from "../model/attributes.ts";
import { type Constant, type Model, type Node, withoutUnused } from "../model/graph.ts";
import { Edit } from "./edit.ts";
import { haveSameShape, rankOf } from "./outline.ts";

/** Whether a node gives its first input as it is. */
type Check = (edit: Edit, node: Node) => boolean;

const firstInput = (node: Node) => node.inputs[0] ?? "";
const firstOutput = (node: Node) => node.outputs[0] ?? "";

const keepsShape: Check = (edit, node) =>
  haveSameShape(edit.outline(firstInput(node)), edit.outline(firstOutput(node)));

const hasOneInput: Check = (_, node) => node.inputs.length === 1;

/** A dropout passes its input on unless it trains; its mask may be asked for all the same. */
const dropsNothing: Check = (edit, node) => {
  if (node.outputs.slice(1).some((name) => edit.isTaken(name))) return false;
  if (edit.version(node) < 7) return intOf(node, "is_test", 0) !== 0;
  return !node.inputs[2] || edit.constant(node.inputs[2])?.data[0] === 0;
};

/** Casts are told by what they give. A cast to a float of few bits of its own format does not saturate anything either. */
const keepsFormat: Check = (edit, node) => {
  const [from, to] = [edit.outline(firstInput(node)), edit.outline(firstOutput(node))];
  return from !== undefined && from.format === to?.format;
};

/** Where each axis of a transposition comes from; undefined where that is not known, or not each axis once. */
function permutation(edit: Edit, node: Node): readonly number[] | undefined {
  const rank = rankOf(edit.outline(firstInput(node)));
  const reversed = rank === undefined ? undefined : Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const axes = intsOf(node, "perm", reversed);
  return axes?.every((_, axis) => axes.includes(axis)) ? axes : undefined;
}

const keepsOrder: Check = (edit, node) => permutation(edit, node)?.every((from, axis) => from === axis) ?? false;

/** Numbers that leave the other operand as it is, bit for bit: -0 + 0 is 0, so that only -0 is one for a sum of floats. */
const NEUTRAL = new Map(
  Object.entries({
    Add: { float: -0, int: 0, commutes: true },
    Sub: { float: 0, int: 0, commutes: false },
    Mul: { float: 1, int: 1, commutes: true },
    Div: { float: 1, int: 1, commutes: false },
  }),
);

const FLOATS = ["float32", "float64"];
const INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"];

function isAll({ format, data }: Constant, { float, int }: { float: number; int: number }): boolean {
  if (FLOATS.includes(format)) return (data as Float32Array).every((value) => Object.is(value, float));
  return INTEGERS.includes(format) && (data as Int32Array).every((value) => Number(value) === int);
}

/** The operand that an arithmetic node gives as it is. */
function unchangedOperand(edit: Edit, node: Node): string | undefined {
  const neutral = NEUTRAL.get(node.op);
  return node.inputs.find((name, i) => {
    const other = edit.constant(node.inputs[1 - i]);
    if (!neutral || !other || (i === 1 && !neutral.commutes) || !isAll(other, neutral)) return false;
    return other.shape.length === 0 || haveSameShape(edit.outline(name), edit.outline(firstOutput(node)));
  });
}

/** Operators that may give their first input as it is. A slice or a squeeze of extents unknown is never known to. */
const IDENTITIES = new Map(
  Object.entries<Check>({
    Identity: () => true,
    Dropout: dropsNothing,
    Cast: keepsFormat,
    CastLike: keepsFormat,
    Reshape: keepsShape,
    Flatten: keepsShape,
    Expand: keepsShape,
    Transpose: keepsOrder,
    Concat: hasOneInput,
    Sum: hasOneInput,
    Max: hasOneInput,
    Min: hasOneInput,
    Mean: hasOneInput,
  }),
);

/** Operators that leave the order of the data as it is. */
const RESHAPING = ["Reshape", "Flatten", "Squeeze", "Unsqueeze"];

/** A node that moves the data at once to where two would have moved it. */
function joined(edit: Edit, node: Node): Node | undefined {
  const before = edit.maker(firstInput(node));
  if (before?.domain !== "") return undefined;
  const inputs = [firstInput(before), ...node.inputs.slice(1)];
  if (node.op === "Reshape" && RESHAPING.includes(before.op)) {
    const target = edit.constant(node.inputs[1])?.data as BigInt64Array | undefined;
    const isWhole = target && (intOf(node, "allowzero", 0) !== 0 || !target.includes(0n));
    return isWhole ? { ...node, inputs } : undefined;
  }
  if (node.op !== "Transpose" || before.op !== "Transpose") return undefined;
  const [first, second] = [permutation(edit, before), permutation(edit, node)];
  if (first?.length === undefined || first.length !== second?.length) return undefined;
  const value = second.map((axis) => BigInt(first[axis] as number));
  return { ...node, inputs, attributes: new Map([["perm", { kind: "ints", value }]]) };
}

function rule(edit: Edit, node: Node): void {
  if (node.domain !== "") return;
  const source = IDENTITIES.get(node.op)?.(edit, node) ? firstInput(node) : unchangedOperand(edit, node);
  const other = source === undefined ? joined(edit, node) : undefined;
  if (source !== undefined) edit.bypass(node, source);
  else if (other) edit.replace(node, other);
}

/** The model without nodes that change nothing, without what nothing takes, and with moves of the same data joined. Outputs stay the same. */
export function removeIdentities(model: Model): Model {
  const edit = new Edit(model);
  edit.sweep();
  edit.each(rule);
  const { model: edited } = edit;
  const pruned = withoutUnused(edited);
  return pruned.graph.constants.size < edited.graph.constants.size ? pruned : edited;
}

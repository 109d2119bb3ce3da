// Patterns: trees of operators that may be found in a graph, from the last of their nodes backwards.

import { floatOf } from "../model/attributes.ts";
import type { Node } from "../model/graph.ts";
import type { Edit } from "./edit.ts";

/** What a value has to be made of. */
export type Pattern =
  /** Any value: the same wherever the name occurs. */
  | string
  /** A constant of one value, this one. */
  | number
  /** A constant of one value, that is asked for by the name. */
  | { readonly scalar: string }
  /** Any float32 constant. */
  | { readonly constant: string }
  | { readonly either: readonly Pattern[] }
  | { readonly op: string; readonly operands: readonly Pattern[] };

/** What was found. */
export interface Match {
  readonly values: ReadonlyMap<string, string>;
  readonly scalars: ReadonlyMap<string, number>;
  readonly nodes: readonly Node[];
  /** The most axes that a constant of one value has. */
  readonly rank: number;
}

const NOTHING: Match = { values: new Map(), scalars: new Map(), nodes: [], rank: 0 };

/** How far a constant of a file may be from the number that it stands for, in parts of it. */
const TOLERANCE = 1e-6;

const COMMUTATIVE = ["Add", "Mul", "Max", "Min"];

/** Operands that are attributes, in every version or in old ones, behind a node's inputs; with what they are where they are left out. */
const ATTRIBUTES = new Map(
  Object.entries<Readonly<Record<string, number>>>({
    Clip: { min: -Infinity, max: Infinity },
    HardSigmoid: { alpha: 0.2, beta: 0.5 },
  }),
);

/** A name of a value, or a number. */
type Operand = string | number;

/** A node's operands. Axes of a reduction are none: they are to be looked at by who finds the pattern. */
function operandsOf(edit: Edit, node: Node): Operand[] {
  const operands: Operand[] = node.op === "ReduceMean" ? node.inputs.slice(0, 1) : [...node.inputs];
  for (const [i, [name, otherwise]] of Object.entries(ATTRIBUTES.get(node.op) ?? {}).entries()) {
    operands[i + 1] ||= floatOf(node, name, otherwise);
  }
  // the one operand that may be an integer beside a float
  if (node.op === "Pow") operands[1] = scalarOf(edit, operands[1] ?? "", ["float32", "int32", "int64"])?.value ?? "";
  return operands;
}

/** The value of a constant of one value. */
function scalarOf(edit: Edit, operand: Operand, formats = ["float32"]): { value: number; rank: number } | undefined {
  if (typeof operand === "number") return { value: operand, rank: 0 };
  const { format = "", data, shape } = edit.constant(operand) ?? {};
  if (data?.length !== 1 || !formats.includes(format)) return undefined;
  return { value: Number(data[0]), rank: shape?.length ?? 0 };
}

/** The least and the most that a Clip leaves; undefined where they are not constant, or out of order. */
export function boundsOf(edit: Edit, node: Node): readonly [number, number] | undefined {
  const [, low = Number.NaN, high = Number.NaN] = operandsOf(edit, node).map((each) => scalarOf(edit, each)?.value);
  return low <= high ? [low, high] : undefined;
}

function isNear(value: number, wanted: number): boolean {
  return value === wanted || Math.abs(value - wanted) <= TOLERANCE * Math.abs(wanted);
}

function* matchScalar(edit: Edit, operand: Operand, wanted: number | string, so: Match): Generator<Match> {
  const found = scalarOf(edit, operand);
  if (!found) return;
  const rank = Math.max(so.rank, found.rank);
  if (typeof wanted === "string") yield { ...so, rank, scalars: new Map([...so.scalars, [wanted, found.value]]) };
  else if (isNear(found.value, wanted)) yield { ...so, rank };
}

function* matchValue(operand: Operand, name: string, so: Match): Generator<Match> {
  if (typeof operand === "number" || operand === "") return;
  const bound = so.values.get(name);
  if (bound === undefined) yield { ...so, values: new Map([...so.values, [name, operand]]) };
  else if (bound === operand) yield so;
}

function* matchAll(
  edit: Edit,
  operands: readonly Operand[],
  patterns: readonly Pattern[],
  so: Match,
): Generator<Match> {
  const [pattern, ...rest] = patterns;
  if (pattern === undefined) return yield so;
  for (const match of matches(edit, operands[0] ?? "", pattern, so)) {
    yield* matchAll(edit, operands.slice(1), rest, match);
  }
}

function* matchNode(
  edit: Edit,
  node: Node | undefined,
  op: string,
  patterns: readonly Pattern[],
  so: Match,
): Generator<Match> {
  if (node?.op !== op || node.domain !== "") return;
  const operands = operandsOf(edit, node);
  if (operands.length !== patterns.length) return;
  const found = { ...so, nodes: [...so.nodes, node] };
  yield* matchAll(edit, operands, patterns, found);
  if (COMMUTATIVE.includes(op)) yield* matchAll(edit, [...operands].reverse(), patterns, found);
}

/** All ways in which a value is what the pattern says, given what was found before. */
function* matches(edit: Edit, operand: Operand, pattern: Pattern, so: Match): Generator<Match> {
  if (typeof pattern === "number") yield* matchScalar(edit, operand, pattern, so);
  else if (typeof pattern === "string") yield* matchValue(operand, pattern, so);
  else if ("scalar" in pattern) yield* matchScalar(edit, operand, pattern.scalar, so);
  else if ("either" in pattern) for (const each of pattern.either) yield* matches(edit, operand, each, so);
  else if (typeof operand === "number") return;
  else if ("op" in pattern) yield* matchNode(edit, edit.maker(operand), pattern.op, pattern.operands, so);
  else if (edit.constant(operand)?.format === "float32") yield* matchValue(operand, pattern.constant, so);
}

/** Whether only the nodes of a match, whose first is the last to run, take what the others give. */
function isClosed(edit: Edit, nodes: readonly Node[]): boolean {
  const [root, ...inner] = nodes;
  const others = new Set(inner.filter((node) => node !== root));
  return [...others].every(({ outputs }) => outputs.every((name) => edit.isOnlyFor(name, nodes)));
}

/** The first way in which a node's first output is what the pattern says, if nothing else takes what is computed on the way. */
export function match(edit: Edit, root: Node, pattern: Pattern): Match | undefined {
  for (const found of matches(edit, root.outputs[0] ?? "", pattern, NOTHING)) {
    if (isClosed(edit, found.nodes)) return found;
  }
  return undefined;
}

// What a pass may know of values whose extents are known only when the model runs: the model is inferred for two lengths of all
// dynamic extents, without computing anything large. What is the same in both holds for every length.

import type { FormatName } from "../formats.ts";
import { evaluate } from "../model/evaluate.ts";
import { constantOf, inOrder, type Model, type Node, type Value, versionOf } from "../model/graph.ts";
import { bytesOf, type Known, knownOf } from "../model/operator.ts";
import { operatorOf } from "../model/ops/index.ts";

/** Lengths with many divisors, within what models have tables of positions for. */
const LENGTHS = [120, 240];

/** Bytes of a value that is worth computing: those of shapes. */
const MOST_BYTES = 1024;

/** A value's format, and its shape for each of the lengths. */
export interface Outline {
  readonly format: FormatName;
  readonly shapes: readonly (readonly number[])[];
}

type Knowns = Map<string, Known>;

function saidOf({ format, shape }: Value, length: number): Known | undefined {
  return format && shape && { format, shape: shape.map((extent) => (typeof extent === "number" ? extent : length)) };
}

/** What is known of a node's outputs; nothing where octavo does not know the operator or cannot tell. */
function outputsOf(model: Model, knowns: Knowns, node: Node): readonly Known[] {
  const operator = operatorOf(node);
  const inputs = node.inputs.map((name) => knowns.get(name));
  const isMissing = inputs.some((input, i) => node.inputs[i] !== "" && !input);
  if (!operator || isMissing || operator.values?.some((i) => inputs[i] && !inputs[i].value)) return [];
  const site = { node, version: versionOf(model, node), inputs };
  try {
    const outputs = operator.infer(site);
    const isSmall = [...inputs, ...outputs].every((each) => !each || bytesOf(each) <= MOST_BYTES);
    if (!isSmall || !inputs.every((input) => !input || input.value)) return outputs;
    return evaluate(operator, site).map(knownOf);
  } catch {
    return []; // it does not fit this length, or never: running it will tell
  }
}

function knownsOf(model: Model, length: number): Knowns {
  const { graph } = model;
  const knowns: Knowns = new Map();
  for (const value of [...graph.inputs, ...graph.values, ...graph.outputs]) {
    const said = saidOf(value, length);
    if (said) knowns.set(value.name, said);
  }
  for (const name of graph.constants.keys()) {
    const value = constantOf(graph, name);
    if (value) knowns.set(name, knownOf(value));
  }
  for (const node of inOrder(graph)) {
    outputsOf(model, knowns, node).forEach((known, i) => {
      if (node.outputs[i]) knowns.set(node.outputs[i], known);
    });
  }
  return knowns;
}

/** Outlines of all values of which anything is known. */
export function outlinesOf(model: Model): Map<string, Outline> {
  const [first, ...others] = LENGTHS.map((length) => knownsOf(model, length)) as [Knowns, ...Knowns[]];
  const outlines = new Map<string, Outline>();
  for (const [name, { format, shape }] of first) {
    const shapes = [shape, ...others.map((knowns) => knowns.get(name)?.shape)];
    if (shapes.every((each) => each !== undefined)) outlines.set(name, { format, shapes });
  }
  return outlines;
}

const isSame = (a: readonly number[] | undefined, b: readonly number[] | undefined) =>
  a?.length === b?.length && a?.every((extent, axis) => extent === b?.[axis]) === true;

/** Whether two values are known to have the same shape. */
export function haveSameShape(a: Outline | undefined, b: Outline | undefined): boolean {
  return a !== undefined && b !== undefined && a.shapes.every((shape, i) => isSame(shape, b.shapes[i]));
}

/** How many axes a value has. */
export function rankOf(outline: Outline | undefined): number | undefined {
  return outline?.shapes[0]?.length;
}

/** Whether a value is known to end in these extents. */
export function endsIn(outline: Outline | undefined, extents: readonly number[]): boolean {
  const ends = outline?.shapes.map((shape) => shape.slice(Math.max(shape.length - extents.length, 0)));
  return ends?.every((end) => isSame(extents, end)) ?? false;
}

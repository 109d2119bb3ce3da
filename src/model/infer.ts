// What is known of every value before a model runs: shapes by the operators' rules, and values where all that they are made of is
// known.

import { modelError, nodeError } from "../check.ts";
import { nodesInside } from "./branch.ts";
import { evaluate } from "./evaluate.ts";
import { EXPANSIONS, type Expansion } from "./expand.ts";
import { type Extent, type Graph, inOrder, type Model, type Node, type Value, versionOf } from "./graph.ts";
import { type Known, knownOf, type Operator, type Site } from "./operator.ts";
import { operatorName, operatorOf } from "./ops/index.ts";

/** A node that is left to run. */
export interface Step {
  readonly operator: Operator;
  readonly site: Site;
  /** What is known of its outputs; undefined where nobody asks for one. */
  readonly outputs: readonly (Known | undefined)[];
}

/** What is known of a model's values. */
export interface Inference {
  readonly known: ReadonlyMap<string, Known>;
  /** The nodes whose outputs are not known beforehand, in order. */
  readonly steps: readonly Step[];
  /** Graph inputs whose values have to be known before the rest can be inferred; none: all is inferred. */
  readonly wanted: ReadonlySet<string>;
}

/** What octavo cannot run of a node: itself, or what it stands for. */
export function unsupportedIn(node: Node): Node[] {
  if (EXPANSIONS.has(operatorName(node))) return nodesInside(node).flatMap(unsupportedIn);
  return operatorOf(node) ? [] : [node];
}

/** Operators of a model that octavo cannot run, with their nodes: a line each, the domain in front where it is not ONNX's. */
export function unsupported(model: Model): Map<string, Node[]> {
  const found = new Map<string, Node[]>();
  for (const node of model.graph.nodes.flatMap(unsupportedIn)) {
    const name = operatorName(node);
    found.set(name, [...(found.get(name) ?? []), node]);
  }
  return found;
}

/** @throws ModelError that names all operators octavo cannot run, with counts */
export function checkSupported(model: Model): void {
  const found = unsupported(model);
  if (found.size === 0) return;
  const list = Array.from(found, ([name, nodes]) => `${name} (${nodes.length})`).join(", ");
  throw modelError(`operators that octavo cannot run: ${list}`);
}

/** The graph inputs that values depend on. */
type Sources = Map<string, ReadonlySet<string>>;

/** What the walk over a model's nodes gathers. */
export interface Walk {
  readonly model: Model;
  readonly known: Map<string, Known>;
  readonly sources: Sources;
  readonly steps: Step[];
}

function siteOf({ model, known }: Walk, node: Node): Site {
  const inputs = node.inputs.map((name) => {
    if (name === "") return undefined;
    const found = known.get(name);
    if (!found) throw nodeError(node, `takes "${name}", a constant of a type that octavo does not compute with`);
    return found;
  });
  return { node, version: versionOf(model, node), inputs };
}

/** Inputs whose values the operator wants and nobody knows yet. */
function missingValues({ values = [] }: Operator | Expansion, { node, inputs }: Site): string[] {
  return values.filter((i) => inputs[i] && !inputs[i].value).map((i) => node.inputs[i] as string);
}

const isKnown = ({ inputs }: Site) => inputs.every((input) => input === undefined || input.value !== undefined);

/** Infers the outputs of the nodes that a node stands for, as {@link step}. */
function stepInside(walk: Walk, node: Node, expansion: Expansion): string[] {
  const site = siteOf(walk, node);
  const unknown = missingValues(expansion, site);
  if (unknown.length > 0) return unknown;
  const { nodes, constants } = expansion.expand(site);
  learnConstants(walk.known, constants);
  for (const each of nodes) {
    const missing = step(walk, each);
    if (missing.length > 0) return missing;
  }
  return [];
}

/** Infers a node's outputs; gives the names of the inputs that have to be known first. */
export function step(walk: Walk, node: Node): string[] {
  const expansion = EXPANSIONS.get(operatorName(node));
  if (expansion) return stepInside(walk, node, expansion);
  const operator = operatorOf(node) as Operator;
  const site = siteOf(walk, node);
  const missing = missingValues(operator, site);
  if (missing.length > 0) return missing;
  const whole = isKnown(site);
  const inferred: Known[] = whole ? evaluate(operator, site).map(knownOf) : operator.infer(site);
  const outputs = node.outputs.map((name, i) => {
    if (name === "") return undefined;
    if (!inferred[i]) throw nodeError(node, `gives ${node.outputs.length} outputs, expected ${inferred.length}`);
    walk.known.set(name, inferred[i]);
    return inferred[i];
  });
  const sources = new Set(node.inputs.flatMap((name) => [...(walk.sources.get(name) ?? [])]));
  for (const name of node.outputs) walk.sources.set(name, sources);
  // an output may be known of unknown inputs: a shape
  if (!outputs.every((output) => !output || output.value)) walk.steps.push({ operator, site, outputs });
  return [];
}

function learnConstants(known: Map<string, Known>, constants: Graph["constants"]): void {
  for (const [name, value] of constants) {
    if ("data" in value) known.set(name, knownOf(value));
  }
}

/** A walk that has not begun: constants and feeds are known. */
export function begin(model: Model, feeds: ReadonlyMap<string, Known>): Walk {
  const known = new Map<string, Known>();
  learnConstants(known, model.graph.constants);
  for (const [name, each] of feeds) known.set(name, each);
  const sources: Sources = new Map(Array.from(feeds.keys(), (name) => [name, new Set([name])]));
  return { model, known, sources, steps: [] };
}

/**
 * Infers all that follows from what is known of the inputs of a graph whose operators are supported.
 * @param feeds what is known of the inputs that are fed; an input that is a constant may be left out
 * @throws ModelError where shapes contradict each other
 */
export function infer(model: Model, feeds: ReadonlyMap<string, Known>): Inference {
  const walk = begin(model, feeds);
  const { known, steps, sources } = walk;
  for (const node of inOrder(model.graph)) {
    const missing = step(walk, node);
    if (missing.length === 0) continue;
    return { known, steps, wanted: new Set(missing.flatMap((name) => [...(sources.get(name) ?? [])])) };
  }
  for (const output of model.graph.outputs) checkOutput(output, known.get(output.name));
  return { known, steps, wanted: new Set() };
}

/** Fails where an output is not what the model says it is. */
function checkOutput({ name, format, shape }: Value, known: Known | undefined): void {
  if (!known) throw modelError(`output "${name}" is a constant of a type that octavo does not compute with`);
  const sameShape = !shape || (shape.length === known.shape.length && shape.every(fits));
  if ((format === undefined || format === known.format) && sameShape) return;
  const said = `${format ?? ""} [${shape?.join(", ") ?? ""}]`;
  throw modelError(`output "${name}" is said to be ${said}, but it is ${known.format} [${known.shape.join(", ")}]`);

  function fits(extent: Extent, axis: number): boolean {
    return typeof extent === "string" || extent === known?.shape[axis];
  }
}

// What follows from constants alone, computed once.

import { evaluate } from "./evaluate.ts";
import {
  type Constant,
  constantOf,
  inOrder,
  type Model,
  type Node,
  versionOf,
  withGraph,
  withoutUnused,
} from "./graph.ts";
import { bytesOf, type Known, knownOf, type Operator, type Site } from "./operator.ts";
import { operatorOf } from "./ops/index.ts";

/** Bytes that a model may grow by where a node is folded. */
const MOST_GROWTH = 1 << 16;

type Constants = Map<string, Constant>;

/** A node all of whose inputs are constants; undefined if they are not, or if there is no row for it. */
function siteOf(model: Model, constants: Constants, node: Node): Site | undefined {
  const known = (name: string): Known | undefined => {
    const value = constants.get(name);
    return value && knownOf(value);
  };
  const inputs = node.inputs.map(known);
  if (inputs.some((input, i) => !input && node.inputs[i] !== "")) return undefined;
  return { node, version: versionOf(model, node), inputs };
}

/** Whether folding a node is worth it: codes stay codes, and results are not much larger than what they are made of. */
function isWorthwhile(operator: Operator, site: Site): boolean {
  if (["DequantizeLinear", "Quantizer"].includes(site.node.op)) return false;
  if (site.node.op === "Constant") return true;
  const bytes = (values: readonly (Known | undefined)[]) =>
    values.reduce((sum, each) => sum + (each ? bytesOf(each) : 0), 0);
  return bytes(operator.infer(site)) <= bytes(site.inputs) + MOST_GROWTH;
}

/** Says which nodes are folded. */
type Choice = (operator: Operator, site: Site) => boolean;

/** The outputs of a node that can be folded. */
function folded(model: Model, constants: Constants, node: Node, choice: Choice): Constant[] | undefined {
  const operator = operatorOf(node);
  const site = operator && siteOf(model, constants, node);
  if (!site || !choice(operator, site)) return undefined;
  return evaluate(operator, site);
}

/** The same model with constants in the place of nodes that take constants only. */
function fold(model: Model, choice: Choice): Model {
  const { graph } = model;
  const constants: Constants = new Map();
  for (const name of graph.constants.keys()) {
    const value = constantOf(graph, name);
    if (value) constants.set(name, value);
  }
  const made = new Map(graph.constants);
  const nodes = inOrder(graph).filter((node) => {
    const values = folded(model, constants, node, choice);
    values?.forEach((value, i) => {
      const name = node.outputs[i];
      if (!name) return;
      constants.set(name, value);
      made.set(name, value);
    });
    return !values;
  });
  return nodes.length === graph.nodes.length ? model : withoutUnused(withGraph(model, { nodes, constants: made }));
}

/** The same model with constants in the place of nodes that take constants only; it does not become much larger by it. */
export function foldConstants(model: Model): Model {
  return fold(model, isWorthwhile);
}

/** The same model for running it: with all constants in the place of nodes, dequantized weights too. */
export function foldAllConstants(model: Model): Model {
  return fold(model, () => true);
}

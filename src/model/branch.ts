// If: the branch that its condition takes, as nodes among those around it.

import { nodeError, nodeRangeError } from "../check.ts";
import { type Attribute, type Graph, graphsOf, inOrder, makeNode, type Node, takenBy } from "./graph.ts";
import type { Known, Site } from "./operator.ts";
import { input } from "./site.ts";

/** The nodes inside a node's subgraphs. */
export function nodesInside({ attributes }: Node): Node[] {
  return [...attributes.values()].flatMap(graphsOf).flatMap(({ nodes }) => nodes);
}

/** Nodes and constants that are to stand in the place of another node. */
export type Branch = Pick<Graph, "nodes" | "constants">;

/** An attribute with other names inside. */
function withNamesInside(attribute: Attribute, nameOf: (name: string) => string): Attribute {
  if (attribute.kind === "graph") return { ...attribute, value: withNames(attribute.value, nameOf) };
  if (attribute.kind !== "graphs") return attribute;
  return { ...attribute, value: attribute.value.map((graph) => withNames(graph, nameOf)) };
}

/** A graph with other names for its values, those that subgraphs take included. */
function withNames(graph: Graph, nameOf: (name: string) => string): Graph {
  const attributesOf = ({ attributes }: Node) =>
    new Map(Array.from(attributes, ([name, each]) => [name, withNamesInside(each, nameOf)]));
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(nameOf),
      outputs: node.outputs.map(nameOf),
      attributes: attributesOf(node),
    })),
    outputs: graph.outputs.map((output) => ({ ...output, name: nameOf(output.name) })),
    constants: new Map(Array.from(graph.constants, ([name, each]) => [nameOf(name), each])),
  };
}

/** The graph that a condition takes. */
function takenGraph(node: Node, { value, format }: Known): Graph {
  const data = value?.data ?? [];
  if (format !== "bool" || data.length !== 1)
    throw nodeRangeError(node, "cond", "one bool", `${data.length} ${format}`);
  const name = data[0] ? "then_branch" : "else_branch";
  const branch = node.attributes.get(name);
  if (branch?.kind !== "graph") throw nodeRangeError(node, name, "a graph", branch?.kind);
  if (branch.value.outputs.length < node.outputs.length) {
    throw nodeError(node, `"${name}" gives ${branch.value.outputs.length} outputs, expected ${node.outputs.length}`);
  }
  return branch.value;
}

/**
 * What an If stands for where its condition is known: the nodes of a branch, in order, and an Identity for each output. Branches may
 * share names with each other; here each has its own.
 */
export function expandIf(site: Site): Branch {
  const { node } = site;
  const graph = takenGraph(node, input(site, 0));
  const own = new Set([...graph.constants.keys(), ...graph.nodes.flatMap(({ outputs }) => outputs)]);
  own.delete("");
  const place = node.outputs.find(Boolean);
  const branch = withNames(graph, (name) => (own.has(name) ? `${name} in ${place}` : name));
  const around = takenBy(node).map((name) => ({ name }));
  const ends = node.outputs.flatMap((name, i) =>
    name === "" ? [] : [makeNode("Identity", [branch.outputs[i]?.name as string], [name])],
  );
  return { nodes: [...inOrder({ ...branch, inputs: around }), ...ends], constants: branch.constants };
}

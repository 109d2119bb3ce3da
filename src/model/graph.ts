// What a model is: plain data, in ONNX's words. A graph of nodes that take and give named values, each given once.

import { modelError, nodeError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The extent of an axis: a number, the name of one that is known only when the model runs, or "" for one without a name. */
export type Extent = number | string;

/** What is said of a value. */
export interface Value {
  readonly name: string;
  /** Absent: not said, or no tensor of numbers (`extra` has its type then). */
  readonly format?: FormatName;
  /** Absent: not said. */
  readonly shape?: readonly Extent[];
  /** Fields of the file that octavo has no use for, as they were. */
  readonly extra?: Uint8Array;
}

/** A constant: a tensor. */
export interface Constant extends Tensor {
  readonly format: FormatName;
  /** As in {@link Value}. */
  readonly extra?: Uint8Array;
}

/** A constant of a type that octavo has no format for (strings, complex numbers): as it is in the file. */
export interface OpaqueConstant {
  readonly opaque: Uint8Array;
}

/** An attribute of a node. Integers are of 64 bits. */
export type Attribute = (
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "ints"; readonly value: readonly bigint[] }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: Constant | OpaqueConstant }
  | { readonly kind: "graph"; readonly value: Graph }
  | { readonly kind: "graphs"; readonly value: readonly Graph[] }
  /** Anything else, as it is in the file. */
  | { readonly kind: "other"; readonly value: Uint8Array }
) & {
  /** As in {@link Value}. */
  readonly extra?: Uint8Array;
};

/** An operator at work. */
export interface Node {
  /** May be empty. */
  readonly name: string;
  readonly op: string;
  /** "" is ONNX's own. */
  readonly domain: string;
  /** Names of values; "" for one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** As in {@link Value}. */
  readonly extra?: Uint8Array;
}

/** Nodes between inputs and outputs. */
export interface Graph {
  readonly name: string;
  /** In any order that no value is taken in before it is given, as ONNX has it. */
  readonly nodes: readonly Node[];
  /** May name constants, as old files do: these are not fed. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** What is said of other values. */
  readonly values: readonly Value[];
  readonly constants: ReadonlyMap<string, Constant | OpaqueConstant>;
  /** As in {@link Value}. */
  readonly extra?: Uint8Array;
}

/** A model. Plain data: structuredClone and postMessage take it. */
export interface Model {
  readonly graph: Graph;
  /** Versions of the operator sets, by domain; "" is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Version of the file format. */
  readonly ir: number;
  readonly metadata: ReadonlyMap<string, string>;
  /** As in {@link Value}. */
  readonly extra?: Uint8Array;
}

/** The versions of ONNX's own operators that octavo knows. */
export const OLDEST = 6;
export const NEWEST = 28;

/** @throws ModelError if octavo does not know the version of the operators, or there is none and ONNX's own are in the graph */
export function checkOpsets({ graph, opsets }: Model): void {
  const version = opsets.get("");
  if (version === undefined && !graph.nodes.some(({ domain }) => domain === "")) return;
  if (Number.isInteger(version) && Number(version) >= OLDEST && Number(version) <= NEWEST) return;
  throw modelError(`expected operators of an opset of ${OLDEST}..${NEWEST}, got ${version ?? "none"}`);
}

/** The first version of the file format in which a constant is not listed among the inputs. */
export const IR_OF_CONSTANTS = 4;

/** A model with another graph. */
export function withGraph(model: Model, graph: Partial<Graph>): Model {
  return { ...model, graph: { ...model.graph, ...graph } };
}

/** The version of the operator set that a node is of; 1 where the model does not say. */
export function versionOf(model: Model, node: Node): number {
  return model.opsets.get(node.domain) ?? 1;
}

/** A constant that is a tensor of numbers; undefined if the name is no constant's. */
export function constantOf({ constants }: Pick<Graph, "constants">, name: string | undefined): Constant | undefined {
  const constant = constants.get(name ?? "");
  return constant && "data" in constant ? constant : undefined;
}

/** Tensors among a node's attributes, those of its subgraphs included. */
export function constantsIn({ attributes }: Node): (Constant | OpaqueConstant)[] {
  return [...attributes.values()].flatMap((attribute) =>
    attribute.kind === "tensor" ? [attribute.value] : graphsOf(attribute).flatMap(allConstants),
  );
}

/** The constants of a graph, those in its nodes included. */
export function allConstants({ constants, nodes }: Graph): (Constant | OpaqueConstant)[] {
  return [...constants.values(), ...nodes.flatMap(constantsIn)];
}

/** The inputs that have to be fed: those that are no constants. */
export function feedsOf(graph: Graph): readonly Value[] {
  return graph.inputs.filter(({ name }) => !graph.constants.has(name));
}

/** The subgraphs that an attribute holds. */
export function graphsOf(attribute: Attribute): readonly Graph[] {
  if (attribute.kind === "graph") return [attribute.value];
  return attribute.kind === "graphs" ? attribute.value : [];
}

/** Every name that a graph has for a value, those inside its nodes' subgraphs included. */
export function namesOf(graph: Graph, names = new Set<string>()): Set<string> {
  for (const { name } of graph.inputs) names.add(name);
  for (const name of graph.constants.keys()) names.add(name);
  for (const node of graph.nodes) {
    for (const name of node.outputs) names.add(name);
    for (const inner of [...node.attributes.values()].flatMap(graphsOf)) namesOf(inner, names);
  }
  return names;
}

/** Names that are taken. */
export class Names {
  private readonly taken: Set<string>;
  /** How many names there are that are like one. */
  private readonly counts = new Map<string, number>();

  constructor(taken: Set<string>) {
    this.taken = taken;
  }

  /** A name that was not taken until now: the one that is wanted, or one like it. */
  fresh(wanted: string): string {
    let name = wanted;
    while (this.taken.has(name)) {
      const count = (this.counts.get(wanted) ?? 1) + 1;
      this.counts.set(wanted, count);
      name = `${wanted}_${count}`;
    }
    this.taken.add(name);
    return name;
  }
}

/** Names of what the subgraphs of a node take from around it. */
export function captured(node: Node): string[] {
  return [...node.attributes.values()].flatMap(graphsOf).flatMap((graph) => {
    const own = new Set([...graph.inputs.map(({ name }) => name), ...graph.constants.keys()]);
    for (const { outputs } of graph.nodes) for (const name of outputs) own.add(name);
    const taken = [...graph.nodes.flatMap(takenBy), ...graph.outputs.map(({ name }) => name)];
    return taken.filter((name) => !own.has(name));
  });
}

/** Names of the values that a node takes, those of its subgraphs included. */
export function takenBy(node: Node): string[] {
  return [...node.inputs.filter(Boolean), ...captured(node)];
}

/** How often each value is taken, by nodes and as an output of the graph. */
export function usesOf(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>();
  const taken = [...graph.nodes.flatMap(takenBy), ...graph.outputs.map(({ name }) => name)];
  for (const name of taken) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

/** Names of values that are there before any node runs. */
function given(graph: Graph): Set<string> {
  return new Set([...graph.inputs.map(({ name }) => name), ...graph.constants.keys()]);
}

/**
 * The nodes in an order in which every value is given before it is taken; the file's, where that is one.
 * @throws ModelError if a value is given twice, never, or only by nodes in a cycle
 */
export function inOrder(graph: Graph): Node[] {
  const makers = makersOf(graph);
  const waiting = new Set<Node>();
  const order = new Set<Node>();
  const known = given(graph);
  for (const root of graph.nodes) visit(root);
  for (const { name } of graph.outputs) {
    if (!known.has(name) && !makers.has(name)) throw modelError(`no node gives the output "${name}"`);
  }
  return [...order];

  /** Nodes that a node needs first, then the node; without recursion, for graphs are as deep as they are long. */
  function visit(root: Node): void {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack.at(-1) as Node;
      const next = order.has(node) ? undefined : firstNeeded(node);
      if (next) {
        waiting.add(node);
        if (waiting.has(next)) throw nodeError(next, "takes what it gives: the graph has a cycle");
        stack.push(next);
      } else {
        order.add(node);
        waiting.delete(node);
        stack.pop();
      }
    }
  }

  function firstNeeded(node: Node): Node | undefined {
    for (const name of takenBy(node)) {
      const maker = makers.get(name);
      if (!maker && !known.has(name)) throw nodeError(node, `takes "${name}", which nothing gives`);
      if (maker && !order.has(maker)) return maker;
    }
    return undefined;
  }
}

/** The node that gives each value. */
export function makersOf(graph: Graph): Map<string, Node> {
  const makers = new Map<string, Node>();
  const known = given(graph);
  for (const node of graph.nodes) {
    for (const name of node.outputs.filter(Boolean)) {
      if (makers.has(name) || known.has(name)) throw nodeError(node, `gives "${name}", which is there already`);
      makers.set(name, node);
    }
  }
  return makers;
}

/** Nodes whose names are their own, where they have any: others refuse a model with two of the same. */
function namedApart(nodes: readonly Node[]): Node[] {
  const names = new Names(new Set(nodes.map(({ name }) => name)));
  const met = new Set<string>();
  return nodes.map((node) => {
    const isFirst = node.name === "" || !met.has(node.name);
    met.add(node.name);
    return isFirst ? node : { ...node, name: names.fresh(node.name) };
  });
}

/** The model without constants that nothing takes, and without what is said of values that are not there; its nodes named apart. */
export function withoutUnused(model: Model): Model {
  const { graph } = model;
  const uses = usesOf(graph);
  const kept = new Set([...graph.inputs.map(({ name }) => name), ...uses.keys()]);
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const constants = new Map([...graph.constants].filter(([name]) => kept.has(name)));
  const values = graph.values.filter(({ name }) => made.has(name));
  return withGraph(model, { nodes: namedApart(graph.nodes), constants, values });
}

/** An attribute's value as a literal has it: numbers are floats, bigints integers. */
type Literal = bigint | number | string | readonly bigint[] | readonly number[] | Constant;

function attributeOf(value: Literal): Attribute {
  if (typeof value === "bigint") return { kind: "int", value };
  if (typeof value === "number") return { kind: "float", value };
  if (typeof value === "string") return { kind: "string", value };
  if ("data" in value) return { kind: "tensor", value };
  const isFloats = (list: readonly unknown[]): list is readonly number[] => typeof list[0] === "number";
  return isFloats(value) ? { kind: "floats", value } : { kind: "ints", value };
}

/** A node with other attributes: those that are undefined go. */
export function withAttributes(node: Node, changes: Readonly<Record<string, Literal | undefined>>): Node {
  const attributes = new Map(node.attributes);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) attributes.delete(name);
    else attributes.set(name, attributeOf(value));
  }
  return { ...node, attributes };
}

/** A node made here. */
export function makeNode(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Literal>> = {},
  domain = "",
): Node {
  return withAttributes({ name: outputs[0] ?? "", op, domain, inputs, outputs, attributes: new Map() }, attributes);
}

// Raises the version of a model's operators, step by step: what changed meaning is said anew, so that the model computes the same.

import { checkInteger, modelError, nodeError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import {
  type Attribute,
  type Constant,
  constantOf,
  type Graph,
  IR_OF_CONSTANTS,
  type Model,
  Names,
  NEWEST,
  type Node,
  namesOf,
  OLDEST,
  type OpaqueConstant,
  usesOf,
} from "../model/graph.ts";
import { inferSome } from "../model/infer-some.ts";
import type { Known } from "../model/operator.ts";
import { CONVERTERS } from "./converters.ts";
import { irOf, sinceOf, versionNeeded } from "./operator-versions.ts";
import { decode } from "./wire.ts";

/** Stands for extents that are known only when the model runs: ranks and formats are asked for, not extents. */
const ANY_EXTENT = 8;

/** What else in a file has nodes of the model's operator sets, or of its own that have to agree with them. */
const OTHER_NODES = { 20: ["training_info", "message[]"], 25: ["functions", "message[]"] } as const;

/** What is known of the values of a model without running it. */
function knownValues(model: Model): ReadonlyMap<string, Known> {
  const { inputs, outputs, values, constants } = model.graph;
  const said = new Map<string, Known>();
  for (const { name, format, shape } of [...values, ...outputs, ...inputs]) {
    if (!format || !shape) continue;
    said.set(name, { format, shape: shape.map((extent) => (typeof extent === "number" ? extent : ANY_EXTENT)) });
  }
  const feeds = inputs.flatMap(({ name }) => {
    const known = said.get(name);
    return known && !constants.has(name) ? [[name, known] as const] : [];
  });
  return new Map([...said, ...inferSome(model, new Map(feeds), said).known]);
}

/** What all graphs of a model share while it is raised. */
class Raised {
  readonly names: Names;
  private readonly model: Model;
  private values: ReadonlyMap<string, Known> | undefined;

  constructor(model: Model) {
    this.model = model;
    this.names = new Names(namesOf(model.graph));
  }

  known(name: string): Known | undefined {
    this.values ??= knownValues(this.model);
    return this.values.get(name);
  }
}

/** A graph that is being raised, as converters see it. */
export class Raising {
  readonly constants: Map<string, Constant | OpaqueConstant>;
  private readonly graph: Graph;
  private readonly shared: Raised;
  private uses: ReadonlyMap<string, number> | undefined;

  constructor(graph: Graph, shared: Raised) {
    this.graph = graph;
    this.shared = shared;
    this.constants = new Map(graph.constants);
  }

  /** A name that no value has yet. */
  freshName(wanted: string): string {
    return this.shared.names.fresh(wanted);
  }

  /** Adds a constant; gives its name. */
  add(wanted: string, constant: Constant): string {
    const name = this.freshName(wanted);
    this.constants.set(name, constant);
    return name;
  }

  /** A constant of the graph. */
  constant(name: string | undefined): Constant | undefined {
    return constantOf(this, name);
  }

  isTaken(name: string): boolean {
    this.uses ??= usesOf(this.graph);
    return this.uses.has(name);
  }

  /** How many axes a value has; undefined if that is not known. */
  rank(name: string | undefined): number | undefined {
    return (this.constant(name) ?? this.shared.known(name ?? ""))?.shape.length;
  }

  /** The format of a value; undefined if it is not known. */
  format(name: string | undefined): FormatName | undefined {
    return (this.constant(name) ?? this.shared.known(name ?? ""))?.format;
  }
}

/** A node in the next version, with what has to stand before and behind it. */
function raiseNode(node: Node, version: number, raising: Raising): Node[] {
  if (node.domain !== "") return [node];
  const since = sinceOf(node);
  if (since === undefined) throw nodeError(node, `octavo does not know whether opset ${version} has it, and as what`);
  // what is too new for the model's version is of the version in which it came
  const convert = since < version ? CONVERTERS.get(node.op)?.[version] : undefined;
  return convert ? [convert(node, raising)].flat() : [node];
}

function raiseAttribute(attribute: Attribute, raise: (graph: Graph) => Graph): Attribute {
  if (attribute.kind === "graph") return { ...attribute, value: raise(attribute.value) };
  return attribute.kind === "graphs" ? { ...attribute, value: attribute.value.map(raise) } : attribute;
}

/** A node whose subgraphs are raised. */
function raiseInside(node: Node, raise: (graph: Graph) => Graph): Node {
  const attributes = Array.from(node.attributes, ([name, each]) => [name, raiseAttribute(each, raise)] as const);
  return { ...node, attributes: new Map(attributes) };
}

function raiseGraph(graph: Graph, from: number, to: number, shared: Raised): Graph {
  const raising = new Raising(graph, shared);
  let nodes = graph.nodes.map((node) => raiseInside(node, (inner) => raiseGraph(inner, from, to, shared)));
  for (let version = from + 1; version <= to; version++) {
    nodes = nodes.flatMap((node) => raiseNode(node, version, raising));
  }
  const raised = { ...graph, nodes, constants: raising.constants };
  const [before, after] = [usesOf(graph), usesOf(raised)];
  const kept = new Set(graph.inputs.map(({ name }) => name));
  for (const name of graph.constants.keys()) if (!before.has(name)) kept.add(name);
  // what was taken once, before it was raised or in between, and is no more
  const isWanted = (name: string) => after.has(name) || kept.has(name);
  return { ...raised, constants: new Map([...raised.constants].filter(([name]) => isWanted(name))) };
}

/** The graph in the file format of today: a constant is an input only if it may be fed. */
function withoutConstantInputs(graph: Graph): Graph {
  return { ...graph, inputs: graph.inputs.filter(({ name }) => !graph.constants.has(name)) };
}

function checkOtherNodes({ extra }: Model): void {
  const { training_info, functions } = decode(OTHER_NODES, extra ?? new Uint8Array(0));
  const what = functions.length > 0 ? "functions" : training_info.length > 0 ? "training" : undefined;
  if (what) throw modelError(`has ${what} of its own, whose operators octavo cannot raise to another opset`);
}

/**
 * The model with ONNX's own operators in a higher version, computing the same; as it is, if it has that version or a higher one.
 * @throws ModelError that names a node which the higher version cannot express
 */
export function raiseOpset(model: Model, version: number): Model {
  checkInteger(version, OLDEST, NEWEST, "version");
  const from = model.opsets.get("") ?? OLDEST;
  if (from >= version) return model;
  checkOtherNodes(model);
  const raised = raiseGraph(model.graph, from, version, new Raised(model));
  const ir = Math.max(model.ir, irOf(version), IR_OF_CONSTANTS);
  const graph = model.ir < IR_OF_CONSTANTS ? withoutConstantInputs(raised) : raised;
  return { ...model, graph, ir, opsets: new Map(model.opsets).set("", version) };
}

/** The model in the lowest version, not below its own, that has all of its nodes as they are. */
export function raiseAsNeeded(model: Model): Model {
  const needed = versionNeeded(model.graph);
  return needed > OLDEST ? raiseOpset(model, needed) : model;
}

// What a model is made of, as plain data: its values, its nodes with shapes, parameters and work, what octavo cannot run.

import { checkOptions, checkShape, ModelError, rangeError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import { decode } from "../io/wire.ts";
import { checkModel } from "../model/check-model.ts";
import { foldConstants } from "../model/fold-constants.ts";
import {
  allConstants,
  type Constant,
  constantsIn,
  type Extent,
  feedsOf,
  type Model,
  type Node,
  type OpaqueConstant,
  type Value,
} from "../model/graph.ts";
import { unsupported } from "../model/infer.ts";
import { inferSome } from "../model/infer-some.ts";
import { macsOf } from "../model/macs.ts";
import { bytesOf, type Known } from "../model/operator.ts";
import { operatorName } from "../model/ops/index.ts";
import { keptBatchNorms } from "../passes/fold-batch-norms.ts";
import { sizeOf } from "../tensor/shape.ts";

/** What is known of a value. */
export interface InspectedValue {
  readonly name: string;
  readonly format?: FormatName;
  readonly shape?: readonly Extent[];
}

/** A node and what it costs. */
export interface InspectedNode {
  /** That of its first output, where it has none. */
  readonly name: string;
  /** With the domain in front where it is not ONNX's own: `com.microsoft:QGemm`. */
  readonly operator: string;
  /** Names are left out that are; dynamic extents are as in {@link Inspection.extents}, where they could be inferred. */
  readonly outputs: readonly InspectedValue[];
  /** Values of constants that no node before it takes, without those that are shapes or indices (int64, bool). */
  readonly parameters: number;
  /** Bytes of the same constants, shapes and indices included. */
  readonly bytes: number;
  /** Multiplications with addition of products, convolutions and recurrences; undefined where shapes are unknown. */
  readonly macs?: number;
  /** Why its outputs cannot be inferred, though octavo has the operator and the inputs are known. */
  readonly problem?: string;
}

/** What {@link inspect} finds. */
export interface Inspection {
  readonly name: string;
  readonly ir: number;
  readonly opsets: Readonly<Record<string, number>>;
  /** The program that made the file, and its version. */
  readonly producer?: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly InspectedValue[];
  readonly outputs: readonly InspectedValue[];
  /** What dynamic extents were taken for; those without a name are `input[axis]`. */
  readonly extents: Readonly<Record<string, number>>;
  readonly nodes: readonly InspectedNode[];
  /** How many nodes each operator has, the most frequent first. */
  readonly operators: Readonly<Record<string, number>>;
  /** Operators that octavo cannot run, with counts. */
  readonly unsupported: Readonly<Record<string, number>>;
  /** Batch norms that are not folded into another node's weights, and why not. */
  readonly batchNorms: readonly { readonly node: string; readonly reason: string }[];
  readonly parameters: number;
  /** Bytes of constants by format; "other" for what octavo has no format for. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Of those nodes whose shapes are known. */
  readonly macs: number;
}

/** Shapes of inputs by name. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

type Extents = Map<string, number>;

/** The name of an extent: its own, or its place's. */
const extentName = (value: Value, axis: number) => (value.shape?.[axis] as string) || `${value.name}[${axis}]`;

/** Learns from a shape that is given what the dynamic extents of a value are. */
function bindShape(value: Value, shape: readonly number[], extents: Extents): void {
  const wanted = value.shape ?? shape;
  const fits = (extent: number, axis: number) => {
    const said = wanted[axis];
    if (typeof said === "number") return said === extent;
    const name = extentName(value, axis);
    if (!extents.has(name)) extents.set(name, extent);
    return extents.get(name) === extent;
  };
  if (wanted.length !== shape.length || !shape.every(fits)) {
    throw rangeError(`shapes.${value.name}`, `[${wanted.map((each) => each || "?").join(", ")}]`, shape);
  }
}

/** What is known of the inputs: dynamic extents are as given, 1 otherwise. */
function knownInputs(values: readonly Value[], given: Shapes, extents: Extents): Map<string, Known> {
  const shapes = new Map(Object.entries(given));
  for (const value of values) {
    const shape = shapes.get(value.name);
    if (shape !== undefined) bindShape(value, checkShape(shape, `shapes.${value.name}`), extents);
  }
  const known = new Map<string, Known>();
  for (const value of values) {
    value.shape?.forEach((extent, axis) => {
      const name = extentName(value, axis);
      if (typeof extent === "string" && !extents.has(name)) extents.set(name, 1);
    });
    const { format } = value;
    const shape = value.shape ? numeric(value, extents) : shapes.get(value.name);
    if (format && shape) known.set(value.name, { format, shape });
  }
  return known;
}

/** A value's shape in numbers; undefined where an extent is unknown. */
function numeric(value: Value, extents: Extents): number[] | undefined {
  const shape = value.shape?.map((extent, axis) =>
    typeof extent === "number" ? extent : extents.get(extentName(value, axis)),
  );
  return shape?.includes(undefined) ? undefined : (shape as number[] | undefined);
}

/** Formats of what says how values are arranged rather than what they are. */
const ARRANGING: readonly FormatName[] = ["int64", "bool"];

const isTensor = (constant: Constant | OpaqueConstant): constant is Constant => "data" in constant;

/** What constants hold. */
function weigh(constants: readonly (Constant | OpaqueConstant)[]) {
  const bytes: Record<string, number> = {};
  let parameters = 0;
  for (const constant of constants) {
    const format = isTensor(constant) ? constant.format : "other";
    const size = isTensor(constant) ? bytesOf(constant) : constant.opaque.length;
    bytes[format] = (bytes[format] ?? 0) + size;
    if (isTensor(constant) && !ARRANGING.includes(constant.format)) parameters += sizeOf(constant.shape);
  }
  return { parameters, bytes };
}

function counts(names: readonly string[]): Record<string, number> {
  const found = new Map<string, number>();
  for (const name of names) found.set(name, (found.get(name) ?? 0) + 1);
  return Object.fromEntries([...found].sort((a, b) => b[1] - a[1]));
}

function plainValue(name: string, format: FormatName | undefined, shape: readonly Extent[] | undefined) {
  return { name, ...(format && { format }), ...(shape && { shape: [...shape] }) };
}

/** What octavo only shows: it stays in a model's `extra`. */
const Producer = { 2: ["name", "string"], 3: ["version", "string"] } as const;

function producerOf({ extra }: Model): string | undefined {
  const { name, version } = decode(Producer, extra ?? new Uint8Array(0));
  return [name, version].filter(Boolean).join(" ") || undefined;
}

const nameOf = ({ name, outputs }: Node) => name || outputs[0] || "";

/** Batch norms that stay. Where shapes contradict each other nothing is folded, and the nodes say why. */
function batchNormsOf(model: Model): Inspection["batchNorms"] {
  if (!model.graph.nodes.some(({ op }) => op === "BatchNormalization")) return [];
  try {
    return keptBatchNorms(foldConstants(model)).map(({ node, reason }) => ({ node: nameOf(node), reason }));
  } catch (error) {
    if (error instanceof ModelError || error instanceof RangeError) return [];
    throw error;
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/**
 * What a model is made of. Works on models that octavo cannot run: what cannot be inferred is left out, and says why.
 * @param shapes of inputs, where extents are dynamic; extents that follow from none are taken for 1
 * @throws ModelError where the graph is none: a cycle, a value that nothing gives
 * @throws RangeError for a shape that the model does not allow
 */
export function inspect(model: Model, shapes?: Shapes): Inspection {
  checkModel(model);
  const { graph } = model;
  const feeds = feedsOf(graph);
  const names = feeds.map(({ name }) => name);
  const extents: Extents = new Map();
  const given = knownInputs(feeds, checkOptions(shapes, names, "shapes"), extents);
  const said = new Map([...graph.values, ...graph.outputs].map((value) => [value.name, value]));
  const declared = new Map<string, Known>();
  for (const [name, value] of said) {
    const shape = numeric(value, extents);
    if (value.format && shape) declared.set(name, { format: value.format, shape });
  }
  const { known, problems } = inferSome(model, given, declared);
  const producer = producerOf(model);
  const taken = new Set<string>();

  function inspectNode(node: Node): InspectedNode {
    const fresh = new Set(node.inputs.filter((name) => graph.constants.has(name) && !taken.has(name)));
    for (const name of fresh) taken.add(name);
    const constants = Array.from(fresh, (name) => graph.constants.get(name) as Constant | OpaqueConstant);
    const { parameters, bytes } = weigh([...constants, ...constantsIn(node)]);
    const outputs = node.outputs.filter(Boolean).map((name) => {
      const { format, shape } = known.get(name) ?? said.get(name) ?? {};
      return plainValue(name, format, shape);
    });
    const macs = macsOf(node, known);
    const problem = problems.get(node);
    return {
      name: nameOf(node),
      operator: operatorName(node),
      outputs,
      parameters,
      bytes: sum(Object.values(bytes)),
      ...(macs !== undefined && { macs }),
      ...(problem !== undefined && { problem }),
    };
  }

  const nodes = graph.nodes.map(inspectNode);
  return {
    name: graph.name,
    ir: model.ir,
    opsets: Object.fromEntries(model.opsets),
    ...(producer !== undefined && { producer }),
    metadata: Object.fromEntries(model.metadata),
    inputs: feeds.map(({ name, format, shape }) => plainValue(name, format, shape)),
    outputs: graph.outputs.map(({ name, format, shape }) => plainValue(name, format, shape)),
    extents: Object.fromEntries(extents),
    nodes,
    operators: counts(nodes.map(({ operator }) => operator)),
    unsupported: Object.fromEntries(Array.from(unsupported(model), ([name, each]) => [name, each.length])),
    batchNorms: batchNormsOf(model),
    ...weigh(allConstants(graph)),
    macs: sum(nodes.map(({ macs = 0 }) => macs)),
  };
}

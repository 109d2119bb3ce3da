// A graph that is being written: names that nothing else has, constants, and the operator sets of the nodes that are made.

import type { FormatName } from "../formats.ts";
import type { TensorArray } from "../tensor/tensor.ts";
import {
  type Constant,
  constantOf,
  feedsOf,
  IR_OF_CONSTANTS,
  type Model,
  Names,
  type Node,
  namesOf,
  type OpaqueConstant,
  withGraph,
  withoutUnused,
} from "./graph.ts";

/** What takes the place of a model's constants and operator sets. */
export class Writing {
  protected readonly before: Model;
  readonly constants: Map<string, Constant | OpaqueConstant>;
  protected readonly opsets: Map<string, number>;
  private readonly free: readonly string[];
  private names: Names | undefined;

  /** @param free names that are to be free, of values that are left out */
  constructor(model: Model, free: readonly string[] = []) {
    this.before = model;
    this.constants = new Map(model.graph.constants);
    this.opsets = new Map(model.opsets);
    this.free = free;
  }

  /** A constant that is a tensor of numbers. */
  constant(name: string | undefined): Constant | undefined {
    return constantOf(this, name ?? "");
  }

  /** A name that no value has yet: the one that is wanted, or one like it. */
  freshName(wanted: string): string {
    if (!this.names) {
      const taken = namesOf(this.before.graph);
      for (const name of this.free) taken.delete(name);
      this.names = new Names(taken);
    }
    return this.names.fresh(wanted);
  }

  /** Adds a constant; returns its name. */
  add(wanted: string, constant: Constant): string {
    const name = this.freshName(wanted);
    this.constants.set(name, constant);
    return name;
  }

  /** Adds a constant of numbers; returns its name. */
  addConstant(wanted: string, data: TensorArray, shape: readonly number[], format: FormatName = "float32"): string {
    return this.add(wanted, { format, shape, data });
  }

  /** The model with nodes in the place of its own. */
  protected with(nodes: readonly Node[]): Model {
    const { constants, opsets } = this;
    for (const { domain } of nodes) if (domain !== "" && !opsets.has(domain)) opsets.set(domain, 1);
    const { graph, ir } = this.before;
    // a constant that is listed as an input is one that could be fed, and an old file lists all: now none can
    const made = withGraph(this.before, { nodes, constants, inputs: feedsOf(graph) });
    return withoutUnused({ ...made, opsets, ir: Math.max(ir, IR_OF_CONSTANTS) });
  }
}

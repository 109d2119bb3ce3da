// A graph being rewritten: what gives and what takes each value stays true through every change. Every pass is a rule that looks at
// one node after the other and changes what is around it.

import { captured, inOrder, type Model, type Node, takenBy, versionOf } from "../model/graph.ts";
import { operatorOf } from "../model/ops/index.ts";
import { Writing } from "../model/writing.ts";
import { type Outline, outlinesOf } from "./outline.ts";

/** Whether a node does not take a value inside a subgraph. */
function takesOutside(node: Node, name: string): boolean {
  return !captured(node).includes(name);
}

const renamed = (names: readonly string[], from: string, to: string) =>
  names.map((name) => (name === from ? to : name));

/** A model's graph that can be changed; `model` is what has become of it. */
export class Edit extends Writing {
  /** The nodes, where they stand: one that is made stands where the one that it replaces stood. */
  private readonly slots: Set<Node>[] = [];
  private readonly slotOf = new Map<Node, Set<Node>>();
  private readonly makers = new Map<string, Node>();
  private readonly takers = new Map<string, Set<Node>>();
  private readonly outputs: ReadonlySet<string>;
  private outlines: ReadonlyMap<string, Outline> | undefined;
  private changed = false;

  constructor(model: Model) {
    super(model);
    this.outputs = new Set(model.graph.outputs.map(({ name }) => name));
    for (const node of inOrder(model.graph)) {
      const slot = new Set<Node>();
      this.slots.push(slot);
      this.insert(node, slot);
    }
  }

  private insert(node: Node, slot: Set<Node>): void {
    slot.add(node);
    this.slotOf.set(node, slot);
    for (const name of node.outputs.filter(Boolean)) this.makers.set(name, node);
    for (const name of takenBy(node)) {
      const takers = this.takers.get(name) ?? new Set();
      this.takers.set(name, takers.add(node));
    }
  }

  private remove(node: Node): void {
    this.changed = true;
    this.slotOf.get(node)?.delete(node);
    this.slotOf.delete(node);
    for (const name of node.outputs) this.makers.delete(name);
    for (const name of takenBy(node)) this.takers.get(name)?.delete(node);
  }

  /** Shows every node to the rule, in order; of nodes that are made at or behind the one it looks at, these as well. */
  each(rule: (edit: Edit, node: Node) => void): void {
    for (const slot of this.slots) for (const node of slot) rule(this, node);
  }

  /** The node that gives a value. */
  maker(name: string): Node | undefined {
    return this.makers.get(name);
  }

  /** The nodes that take a value. */
  takersOf(name: string): readonly Node[] {
    return [...(this.takers.get(name) ?? [])];
  }

  isOutput(name: string): boolean {
    return this.outputs.has(name);
  }

  isTaken(name: string): boolean {
    return this.isOutput(name) || (this.takers.get(name)?.size ?? 0) > 0;
  }

  /** Whether only these nodes take a value, and not inside their subgraphs. */
  isOnlyFor(name: string, nodes: readonly Node[]): boolean {
    if (this.isOutput(name) || (this.takers.get(name)?.size ?? 0) > nodes.length) return false;
    return this.takersOf(name).every((node) => nodes.includes(node) && takesOutside(node, name));
  }

  /** What is known of a value of the model as it was. */
  outline(name: string): Outline | undefined {
    this.outlines ??= outlinesOf(this.before);
    return this.outlines.get(name);
  }

  version(node: Node): number {
    return versionOf(this.before, node);
  }

  /** The name of another constant for a node that takes this one: the same, if nothing else takes it. */
  changeConstant(name: string, node: Node, data: Float32Array, shape: readonly number[]): string {
    if (!this.isOnlyFor(name, [node])) return this.addConstant(name, data, shape);
    this.constants.set(name, { ...this.constants.get(name), format: "float32", shape, data });
    return name;
  }

  /** Puts nodes in the place of a node; nodes that only it needed go with it. */
  replace(node: Node, ...made: Node[]): void {
    const slot = this.slotOf.get(node) as Set<Node>;
    this.remove(node);
    for (const each of made) this.insert(each, slot);
    this.sweep(takenBy(node));
  }

  /** Removes what gives these values if nothing takes them; nodes that octavo does not know stay, for they may do more. */
  sweep(names: Iterable<string> = [...this.makers.keys()]): void {
    const pending = [...names];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const node = this.maker(name);
      if (!node || !operatorOf(node) || node.outputs.some((output) => this.isTaken(output))) continue;
      this.remove(node);
      pending.push(...takenBy(node));
    }
  }

  /** Removes a node whose first output is the same as one of its inputs; leaves it where a name of the graph's forbids it. */
  bypass(node: Node, source: string): void {
    const [target = ""] = node.outputs;
    const [from, to] = this.isOutput(target) ? [source, target] : [target, source];
    // an output keeps its name: what makes the source makes the output then
    const maker = this.maker(from);
    if (!maker || this.isOutput(from)) return;
    const takers = this.takersOf(from).filter((taker) => taker !== node);
    if (!takers.every((taker) => takesOutside(taker, from))) return;
    this.remove(node);
    if (maker !== node) this.swap(maker, { ...maker, outputs: renamed(maker.outputs, from, to) });
    for (const taker of takers) this.swap(taker, { ...taker, inputs: renamed(taker.inputs, from, to) });
    this.sweep(takenBy(node));
  }

  private swap(node: Node, other: Node): void {
    const slot = this.slotOf.get(node) as Set<Node>;
    this.remove(node);
    this.insert(other, slot);
  }

  /** The model as it is now; the one that it was if nothing was changed. */
  get model(): Model {
    return this.changed ? this.with(this.slots.flatMap((slot) => [...slot])) : this.before;
  }
}

/** A model after a rule has seen all its nodes; the same model where the rule changed nothing. */
export function rewrite(model: Model, rule: (edit: Edit, node: Node) => void): Model {
  const edit = new Edit(model);
  edit.each(rule);
  return edit.model;
}

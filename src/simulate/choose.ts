// Which nodes of a model are quantized, and why the others are not (docs/math.md has no equation for it: the white paper's placement).
// Products with weights always are; other functions only between values that are quantized anyway.

import { FORMATS } from "../formats.ts";
import type { Model, Node } from "../model/graph.ts";
import { operatorName } from "../model/ops/index.ts";
import { argumentOf, checkFloat, type Quantizable, quantizableOf } from "../model/quantizable.ts";
import { Edit } from "../passes/edit.ts";
import { type ChosenNode, chooserOf, type Scheme } from "./scheme.ts";

/** What becomes of a node. */
export type Decision =
  | { readonly kind: "quantized"; readonly row: Quantizable; readonly chosen: ChosenNode }
  /** It is computed with the node before it, and what it gives is quantized as that one's result. */
  | { readonly kind: "part" }
  /** It moves values, quantized or not. */
  | { readonly kind: "moves" }
  | { readonly kind: "float"; readonly reason: string };

const float = (reason: string): Decision => ({ kind: "float", reason });

/** What is asked of a model's values while it is decided which are quantized. */
export class Choice {
  readonly edit: Edit;
  readonly nodes: readonly Node[];
  readonly decisions = new Map<Node, Decision>();

  constructor(model: Model, scheme: Scheme | undefined) {
    this.edit = new Edit(model);
    const nodes: Node[] = [];
    this.edit.each((_, node) => nodes.push(node));
    this.nodes = nodes;
    const chosenFor = chooserOf(scheme, nodes);
    for (const node of nodes) this.decisions.set(node, this.decide(node, chosenFor(node)));
    for (const node of [...nodes].reverse()) this.reconsider(node);
  }

  /** The decision for the node that gives a value; undefined: none does. */
  private makers(name: string): Decision | undefined {
    const maker = this.edit.maker(name);
    return maker && this.decisions.get(maker);
  }

  /** Inputs of a node that are quantized as activations. */
  operandsOf(node: Node): number[] {
    const row = quantizableOf(node);
    if (node.op === "MatMul" && !this.weightOf(node)) return [0, 1];
    return row?.operands?.(node) ?? [0];
  }

  /** A linear node's constant weight. */
  weightOf(node: Node) {
    const weight = this.edit.constant(node.inputs[1]);
    return weight?.format === "float32" ? weight : undefined;
  }

  /** Where a value comes from through nodes that move it: its name, and the node and input by which it is taken there. */
  rootOf(node: Node, operand: number): { root: string; taker: Node; index: number } {
    let [root, taker, index] = [node.inputs[operand] as string, node, operand];
    for (let maker = this.edit.maker(root); maker; maker = this.edit.maker(root)) {
      const [source = ""] = maker.inputs;
      if (this.decisions.get(maker)?.kind !== "moves" || this.edit.constant(source)) break;
      [root, taker, index] = [source, maker, 0];
    }
    return { root, taker, index };
  }

  /** Whether a value that a node takes is quantized anyway, or can be at no cost: an input of the graph, or a constant. */
  private isReady(node: Node, operand: number): boolean {
    const { root } = this.rootOf(node, operand);
    const maker = this.makers(root);
    if (maker) return this.isQuantized(root);
    return (this.edit.constant(root) ?? this.edit.outline(root))?.format === "float32";
  }

  /** Whether a value is the quantized result of a node. */
  isQuantized(root: string): boolean {
    const decision = this.makers(root);
    return decision?.kind === "part" || (decision?.kind === "quantized" && decision.chosen.activations !== undefined);
  }

  private decide(node: Node, chosen: ChosenNode): Decision {
    const row = quantizableOf(node);
    if (chosen.skip) return float("the scheme leaves it in float");
    if (!row) return float(`${operatorName(node)} stays in float`);
    if (this.isPart(node, chosen)) return { kind: "part" };
    const refused = row.refuses?.(node, (name) => this.edit.constant(name));
    if (refused) return float(refused);
    if (row.kind === "moves") return { kind: "moves" };
    const reason = row.kind === "linear" ? this.linearReason(node) : this.valuesReason(node, chosen);
    return reason === undefined ? { kind: "quantized", row, chosen } : float(reason);
  }

  /** Whether a node is a bias or an activation of the node before it, or goes on with a function of one value. */
  private isPart(node: Node, chosen: ChosenNode): boolean {
    const x = node.inputs.find((name) => name && !this.edit.constant(name)) ?? "";
    const head = this.headOf(x);
    const decision = head && this.decisions.get(head);
    if (!head || decision?.kind !== "quantized" || !this.edit.isOnlyFor(x, [node])) return false;
    if (this.isFunction(head)) return this.isFunction(node) && decision.chosen.activations === chosen.activations;
    const maker = this.edit.maker(x) as Node;
    if (maker === head && this.isBias(node, head)) return true;
    const isRectifier = ["Relu", "Clip"].includes(operatorName(node)) && this.isFunction(node);
    return isRectifier && decision.row.fuses === true && (maker === head || this.isBias(maker, head));
  }

  /** Whether a node adds to each column of a product with a weight a number of its own. */
  private isBias(node: Node, product: Node): boolean {
    const columns = operatorName(product) === "MatMul" ? this.weightOf(product)?.shape.at(-1) : undefined;
    const [bias] = node.inputs.flatMap((name) => this.edit.constant(name) ?? []);
    const isOne = columns !== undefined && bias?.data.length === columns && bias.shape.at(-1) === columns;
    return isOne && operatorName(node) === "Add";
  }

  private isFunction(node: Node): boolean {
    return argumentOf(node, (name) => this.edit.constant(name)) !== undefined;
  }

  /** The node as whose part a value is computed. */
  private headOf(name: string): Node | undefined {
    const maker = this.edit.maker(name);
    if (!maker || this.decisions.get(maker)?.kind !== "part") return maker;
    return this.headOf(maker.inputs.find((input) => input && !this.edit.constant(input)) ?? "");
  }

  private linearReason(node: Node): string | undefined {
    if (this.weightOf(node)) return undefined;
    if (node.op !== "MatMul") return `its weight "${node.inputs[1]}" is not a float32 constant`;
    const strange = node.inputs.find((name) => this.edit.outline(name)?.format !== "float32");
    return strange && `its input "${strange}" is not known to be float32`;
  }

  private valuesReason(node: Node, { activations }: ChosenNode): string | undefined {
    if (!activations) return "the scheme leaves activations in float";
    const float = this.operandsOf(node).find((i) => !this.isReady(node, i));
    return float === undefined ? undefined : `its input "${node.inputs[float]}" is in float`;
  }

  /** What nothing quantized takes is worth more in float. */
  private reconsider(node: Node): void {
    const decision = this.decisions.get(node);
    if (decision?.kind !== "quantized" || decision.row.kind !== "values") return;
    if (node.outputs.some((name) => this.isWanted(name))) return;
    const left = float("nothing that is quantized takes its result");
    for (let each: Node | undefined = node; each; each = this.partOf(each)) this.decisions.set(each, left);
  }

  /** Whether a quantized node takes a value, moved or not. */
  isWanted(name: string): boolean {
    return this.edit.takersOf(name).some((taker) => {
      const decision = this.decisions.get(taker);
      if (decision?.kind === "quantized") return this.operandsOf(taker).some((i) => taker.inputs[i] === name);
      if (decision?.kind === "moves" && taker.inputs[0] !== name) return false;
      return decision?.kind !== "float" && taker.outputs.some((output) => this.isWanted(output));
    });
  }

  /** The node behind one that is part of it. */
  private partOf(node: Node): Node | undefined {
    return this.edit.takersOf(node.outputs[0] as string).find((taker) => this.decisions.get(taker)?.kind === "part");
  }

  /** The node whose first output is a node's result: itself, or the last that is part of it. */
  lastOf(node: Node): Node {
    const part = this.partOf(node);
    return part ? this.lastOf(part) : node;
  }
}

/** A node that stays in float. */
export interface FloatNode {
  readonly node: Node;
  readonly reason: string;
}

/** What becomes of a model's nodes. */
export interface QuantizationPlan {
  /** Those that compute with codes, or move them. */
  readonly quantized: readonly Node[];
  /** Those that compute with floats. */
  readonly float: readonly FloatNode[];
}

/**
 * The nodes that {@link simulate} quantizes, those that it does not, and why. For those that `quantizeModel` does, give it what
 * `prepareModel` makes of the model: batch norms that are not folded stay in float, and so does what is behind them.
 * @throws as {@link simulate}
 */
export function planQuantization(model: Model, scheme?: Scheme): QuantizationPlan {
  checkFloat(model);
  const choice = new Choice(model, scheme);
  const quantized: Node[] = [];
  const float: FloatNode[] = [];
  for (const node of choice.nodes) {
    const decision = choice.decisions.get(node) as Decision;
    const format = choice.edit.outline(node.outputs.find(Boolean) ?? "")?.format ?? "float32";
    if (decision.kind !== "float") {
      if (decision.kind !== "moves" || choice.isQuantized(choice.rootOf(node, 0).root)) quantized.push(node);
    } else if (FORMATS.get(format)?.kind === "float") float.push({ node, reason: decision.reason });
  }
  return { quantized, float };
}

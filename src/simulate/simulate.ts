// A float model with quantizers where it would be quantized: in front of weights, on inputs, behind what nodes compute together with
// their activation. What moves values shares their parameters.

import { checkModel } from "../model/check-model.ts";
import { type Constant, type Model, makeNode, type Node } from "../model/graph.ts";
import { OWN } from "../model/ops/quantizer.ts";
import { checkFloat } from "../model/quantizable.ts";
import type { Edit } from "../passes/edit.ts";
import { Choice, type Decision } from "./choose.ts";
import { quantizeConstant } from "./draft.ts";
import { SCHEME } from "./observe-model.ts";
import { codesOf as weightCodes } from "./products.ts";
import type { ActivationScheme, Chosen, Scheme, TensorScheme, WeightScheme } from "./scheme.ts";

type Quantized = Extract<Decision, { kind: "quantized" }>;

/** Attributes of a quantizer's codes. */
function codesOf({ target: { codes, range } }: Chosen<TensorScheme>, axis?: number): Record<string, string | bigint> {
  const { name } = codes;
  const along = axis === undefined ? {} : { axis: BigInt(axis) };
  return { format: name, lo: BigInt(range.lo), hi: BigInt(range.hi), ...along };
}

/** The attribute by which calibration finds the parameters of an activation. */
const searchOf = ({ scheme }: Chosen<ActivationScheme>) => ({ [SCHEME]: JSON.stringify(scheme) });

/** A model into which quantizers are put. */
class Insertion {
  private readonly choice: Choice;
  private readonly edit: Edit;
  private readonly bias: boolean;
  /** What is put in front of each node, and the inputs that it takes then. */
  private readonly before = new Map<Node, Node[]>();
  private readonly inputs = new Map<Node, string[]>();
  /** The quantizer behind a node's first output. */
  private readonly behind = new Map<Node, Chosen<ActivationScheme>>();
  /** Names of values that are quantized for those who take them, by what they are quantized from and how. */
  private readonly quantized = new Map<string, string>();

  constructor(choice: Choice, bias: boolean) {
    this.choice = choice;
    this.edit = choice.edit;
    this.bias = bias;
    for (const node of choice.nodes) {
      const decision = choice.decisions.get(node);
      if (decision?.kind === "quantized") this.visit(node, decision);
    }
    for (const node of choice.nodes) this.put(node);
  }

  private visit(node: Node, { row, chosen: { weights, activations } }: Quantized): void {
    const weight = row.kind === "linear" && weights ? this.choice.weightOf(node) : undefined;
    const axis = weight && weights?.scheme.perChannel ? row.channels?.(node, weight.shape.length) : undefined;
    if (weight && weights) this.quantizeConstant(node, 1, weights, axis);
    if (!activations) return;
    for (const i of this.choice.operandsOf(node)) this.quantizeOperand(node, i, activations);
    if (weight && weights && this.bias && node.inputs[2]) this.quantizeBias(node, axis !== undefined);
    this.behind.set(this.choice.lastOf(node), activations);
  }

  private take(node: Node, index: number, name: string): void {
    const inputs = this.inputs.get(node) ?? [...node.inputs];
    inputs[index] = name;
    this.inputs.set(node, inputs);
  }

  /** Has a node take a value quantized; the quantizer stands before the first that does. */
  private quantizeInput(node: Node, index: number, key: string, make: (name: string) => Node): void {
    const source = node.inputs[index] as string;
    const known = this.quantized.get(`${source} ${key}`);
    const name = known ?? this.edit.freshName(`${source}_quantized`);
    this.take(node, index, name);
    if (known !== undefined) return;
    this.quantized.set(`${source} ${key}`, name);
    this.before.set(node, [...(this.before.get(node) ?? []), make(name)]);
  }

  private quantizeOperand(node: Node, operand: number, chosen: Chosen<ActivationScheme>): void {
    const { root, taker, index } = this.choice.rootOf(node, operand);
    if (this.edit.constant(root)) {
      const { range: _, ...scheme } = chosen.scheme;
      this.quantizeConstant(node, operand, { ...chosen, scheme });
    } else if (!this.choice.isQuantized(root))
      this.quantizeInput(taker, index, "", (name) => this.quantizer(root, name, codesOf(chosen), searchOf(chosen)));
  }

  private quantizeConstant(node: Node, index: number, chosen: Chosen<WeightScheme>, axis?: number): void {
    const source = node.inputs[index] as string;
    const codes = codesOf(chosen, axis);
    this.quantizeInput(node, index, JSON.stringify([chosen.scheme, axis]), (name) => {
      const constant = this.edit.constant(source) as Constant;
      const { scale, zero } = quantizeConstant(source, constant, weightCodes(chosen.scheme, axis));
      const shape = axis === undefined ? [] : [scale.length];
      const parameters = [
        this.edit.addConstant(`${source}_scale`, scale, shape),
        this.edit.addConstant(`${source}_zero`, zero, shape, "int32"),
      ];
      return this.quantizer(source, name, codes, {}, parameters);
    });
  }

  /** A bias has the scale of the sums that it is added to; calibration knows it. */
  private quantizeBias(node: Node, perChannel: boolean): void {
    const source = node.inputs[2] as string;
    const { shape = [] } = this.edit.constant(source) ?? {};
    const axis = perChannel ? { axis: BigInt(shape.length - 1) } : {};
    const codes = { format: "int32", lo: BigInt(-(2 ** 31)), hi: BigInt(2 ** 31 - 1), ...axis };
    if (this.edit.constant(source))
      this.quantizeInput(node, 2, node.outputs[0] as string, (name) => this.quantizer(source, name, codes));
  }

  private quantizer(
    x: string,
    name: string,
    codes: Record<string, string | bigint>,
    search = {},
    parameters: string[] = [],
  ): Node {
    return makeNode("Quantizer", [x, ...parameters], [name], { ...codes, ...search }, OWN);
  }

  /** Puts a node's quantizers into the graph. What is quantized keeps its name; what it is quantized from has a new one. */
  private put(node: Node): void {
    const [before = [], inputs = node.inputs, chosen] = [
      this.before.get(node),
      this.inputs.get(node),
      this.behind.get(node),
    ];
    const [result = "", ...others] = node.outputs;
    if (chosen) {
      const raw = this.edit.freshName(`${result}_float`);
      const quantizer = this.quantizer(raw, result, codesOf(chosen), searchOf(chosen));
      this.edit.replace(node, ...before, { ...node, inputs, outputs: [raw, ...others] }, quantizer);
    } else if (inputs !== node.inputs) this.edit.replace(node, ...before, { ...node, inputs });
  }
}

/**
 * A model whose values are rounded where they would be in integers: float32 that `run` computes. Activations are rounded once
 * {@link calibrate} has found their ranges; until then they pass as they are.
 * @param scheme default: int8 weights with a scale a channel, uint8 activations
 * @throws ModelError for a model that is quantized already, or a weight that holds NaN
 * @throws TypeError or RangeError for a scheme that is none
 */
export function simulate(model: Model, scheme?: Scheme): Model {
  checkModel(model);
  checkFloat(model);
  const choice = new Choice(model, scheme);
  new Insertion(choice, scheme?.bias ?? false);
  return choice.edit.model;
}

// What becomes of a model's nodes when it is quantized: which are, which are not, and why.

import { type Model, ModelError, planQuantization, prepareModel, type Scheme } from "../index.ts";
import { countsOf, many, operatorOf, table, tally } from "./text.ts";

/** Of a model as it is quantized: batch norms are folded then, and constants. */
export interface Outcome {
  /** How many nodes of each operator are quantized. */
  readonly quantized: Readonly<Record<string, number>>;
  /** Those that stay in float. */
  readonly float: readonly { readonly node: string; readonly operator: string; readonly reason: string }[];
}

export function outcomeOf(model: Model, scheme?: Scheme): Outcome {
  const plan = planQuantization(prepareModel(model), scheme);
  const float = plan.float.map(({ node, reason }) => {
    return { node: node.name || (node.outputs.find(Boolean) as string), operator: operatorOf(node), reason };
  });
  return { quantized: countsOf(plan.quantized.map(operatorOf)), float };
}

/** The same for a model of which it may be that it cannot be quantized; then why. */
export function outcomeOrReason(model: Model, scheme?: Scheme): Outcome | { readonly quantizable: string } {
  try {
    return outcomeOf(model, scheme);
  } catch (error) {
    if (error instanceof ModelError) return { quantizable: error.message };
    throw error;
  }
}

/** An outcome as lines. */
export function describeOutcome({ quantized, float }: Outcome, verb = ""): string[] {
  const count = Object.values(quantized).reduce((a, b) => a + b, 0);
  const reasons = float.map(({ node, operator, reason }) => [`  ${node}`, operator, reason]);
  return [
    `${many(count, "node")} ${verb}quantized${count > 0 ? `: ${tally(quantized)}` : ""}`,
    `${many(float.length, "node")} ${verb}left in float${float.length > 0 ? `:\n${table(reasons)}` : ""}`,
  ];
}

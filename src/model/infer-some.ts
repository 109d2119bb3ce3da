// What is known of the values of a model that octavo cannot run, or not with what is known of its inputs.

import { ModelError } from "../check.ts";
import { inOrder, type Model, type Node } from "./graph.ts";
import { begin, step, type Walk } from "./infer.ts";
import type { Known } from "./operator.ts";
import { operatorOf } from "./ops/index.ts";

/** Infers a node's outputs; says why where they cannot be inferred. */
function attempt(walk: Walk, node: Node): string | undefined {
  if (!operatorOf(node)) return "octavo cannot run this operator";
  const unknown = node.inputs.filter((name) => name && !walk.known.has(name));
  if (unknown.length > 0) return `nothing is known of ${unknown.map((name) => `"${name}"`).join(", ")}`;
  try {
    const missing = step(walk, node);
    return missing.length > 0 ? `depends on the values of ${missing.map((name) => `"${name}"`).join(", ")}` : undefined;
  } catch (error) {
    if (error instanceof ModelError || error instanceof RangeError) return error.message;
    throw error;
  }
}

/**
 * As {@link infer}, as far as it goes: outputs of a node that cannot be inferred are what `declared` says of them.
 * @returns what is known, and why some nodes could not be inferred
 * @throws ModelError for a cycle, or a value that nothing gives
 */
export function inferSome(
  model: Model,
  feeds: ReadonlyMap<string, Known>,
  declared: ReadonlyMap<string, Known>,
): { known: ReadonlyMap<string, Known>; problems: ReadonlyMap<Node, string> } {
  const walk = begin(model, feeds);
  const problems = new Map<Node, string>();
  for (const node of inOrder(model.graph)) {
    const problem = attempt(walk, node);
    if (problem === undefined) continue;
    problems.set(node, problem);
    for (const name of node.outputs) {
      const said = declared.get(name);
      if (said) walk.known.set(name, said);
    }
  }
  return { known: walk.known, problems };
}

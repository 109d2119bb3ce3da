// What is known of the values of a model that octavo cannot run, or not with what is known of its inputs.

import { ModelError } from "../check.ts";
import { inOrder, type Model, type Node, takenBy } from "./graph.ts";
import { begin, step, unsupportedIn, type Walk } from "./infer.ts";
import type { Known } from "./operator.ts";

/** Infers a node's outputs; says why where they cannot be inferred though the inputs are known. */
function attempt(walk: Walk, node: Node): string | undefined {
  if (!isReady(walk, node)) return undefined;
  try {
    const missing = step(walk, node);
    return missing.length > 0 ? `depends on the values of ${missing.map((name) => `"${name}"`).join(", ")}` : undefined;
  } catch (error) {
    if (error instanceof ModelError || error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Whether octavo can run a node, and what it takes is known. */
function isReady({ known }: Walk, node: Node): boolean {
  return unsupportedIn(node).length === 0 && takenBy(node).every((name) => known.has(name));
}

/**
 * As {@link infer}, as far as it goes: outputs of a node that cannot be inferred are what `declared` says of them.
 * @returns what is known, and what is wrong with nodes that octavo has a row for and whose inputs are known
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
    if (problem !== undefined) problems.set(node, problem);
    for (const name of node.outputs) {
      const said = declared.get(name);
      if (said && !walk.known.has(name)) walk.known.set(name, said);
    }
  }
  return { known: walk.known, problems };
}

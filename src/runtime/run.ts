// A model run once.

import { checkOptions } from "../check.ts";
import type { Model } from "../model/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Feeds } from "./feeds.ts";
import type { Observe } from "./plan.ts";
import { SESSION_KEYS, Session, type SessionOptions } from "./session.ts";

/** Options of {@link run}. */
export interface RunOptions extends SessionOptions {
  /** Is told every value as it is computed, the inputs first; those that were folded or fused away are not computed. */
  readonly observe?: Observe;
}

/**
 * Runs a model once: plans, runs and gives everything back.
 * @param feeds as {@link Session.run} takes them
 * @returns the outputs, by name
 */
export function run(model: Model, feeds: Feeds, options?: RunOptions): Record<string, Tensor> {
  const { observe, ...rest } = checkOptions(options, [...SESSION_KEYS, "observe"], "run");
  const session = new Session(model, rest);
  try {
    return session.run(feeds, observe && { observe });
  } finally {
    session.dispose();
  }
}

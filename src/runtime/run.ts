// A model run once.

import type { Model } from "../model/graph.ts";
import type { TypedTensor } from "../tensor/tensor.ts";
import type { Feeds } from "./feeds.ts";
import { type RunOptions, Session } from "./session.ts";

/**
 * Runs a model once: plans, runs and gives everything back.
 * @param feeds as {@link Session.run} takes them
 * @returns the outputs, by name
 */
export function run(model: Model, feeds: Feeds, options?: RunOptions): Record<string, TypedTensor> {
  const session = new Session(model);
  try {
    return session.run(feeds, options);
  } finally {
    session.dispose();
  }
}

// What is done to every model before it runs: the passes in their order.

import { foldConstants } from "../model/fold-constants.ts";
import type { Model } from "../model/graph.ts";

/** The same model with less to compute: what follows from constants is a constant. */
export function optimize(model: Model): Model {
  return foldConstants(model);
}

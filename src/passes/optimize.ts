// What is done to every model before it runs: the passes in their order.

import { foldConstants } from "../model/fold-constants.ts";
import type { Model } from "../model/graph.ts";
import { foldBatchNorms } from "./fold-batch-norms.ts";
import { fuseActivations } from "./fuse-activations.ts";
import { fusePatterns } from "./fuse-patterns.ts";
import { removeIdentities } from "./remove-identities.ts";

/** Patterns want constants and no identity in between; batch norms must not take an Add that is part of a pattern. */
const PASSES = [foldConstants, removeIdentities, fusePatterns, foldBatchNorms, fuseActivations];

/** The same model with less to compute: outputs stay the same within 1e-5 of their largest. */
export function optimize(model: Model): Model {
  return PASSES.reduce((done, pass) => pass(done), model);
}

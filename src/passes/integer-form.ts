// The form in which a quantized model runs: operators of codes in the place of float operators between quantizers, images with their
// channels last.

import type { Model } from "../model/graph.ts";
import { channelsLast } from "./channels-last.ts";
import { fuseQuantizers } from "./fuse-quantizers.ts";

/** The same model, with as much of it in integers as can be. */
export function integerForm(model: Model): Model {
  return channelsLast(fuseQuantizers(model));
}

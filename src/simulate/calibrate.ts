// Ranges of activations, from samples: a simulated model's quantizers get their parameters.

import { checkOptions, rangeError } from "../check.ts";
import { checkModel } from "../model/check-model.ts";
import type { Model, Node } from "../model/graph.ts";
import type { Interval } from "../tensor/mse.ts";
import type { Range } from "../tensor/range.ts";
import { withRoundedBiases } from "./biases.ts";
import { intervalOf, schemeOf, withIntervals } from "./intervals.ts";
import { type Observations, observeModel, waiting } from "./observe-model.ts";
import { type JobOptions, KeptSamples, type Samples } from "./samples.ts";
import { searchRanges } from "./search-ranges.ts";

/** Options of {@link calibrate}. */
export interface CalibrateOptions extends JobOptions {
  /** Default: the scheme's, for each activation. */
  readonly range?: Range | "auto";
}

/**
 * Finds the ranges of a simulated model's activations. Biases are rounded to what int32 at the scale of their sums can hold.
 * @param samples feeds of the model; each may be a batch. Or what {@link observeModel} saw of them, merged from several of its calls
 * where the samples were shared out: then no range can be `"auto"`
 * @throws RangeError without samples; an Error that names the sample where one does not fit the model, or has it compute NaN
 */
export async function calibrate(
  model: Model,
  samples: Samples | Observations,
  options?: CalibrateOptions,
): Promise<Model> {
  const { range, ...job } = checkOptions(options, ["range", "signal", "onProgress"], "calibrate");
  checkModel(model);
  const kept = samples instanceof KeptSamples ? samples : new KeptSamples(samples as Samples);
  const observations = samples instanceof Map ? (samples as Observations) : await observeModel(model, kept, job);
  const intervals = new Map<string, Interval>();
  const open: Node[] = [];
  for (const node of waiting(model)) {
    const method = range ?? schemeOf(node).range ?? "auto";
    if (method === "auto") open.push(node);
    else intervals.set(node.outputs[0] as string, intervalOf(node, observations, method));
  }
  if (open.length === 0) return withRoundedBiases(withIntervals(model, intervals));
  if (kept.count === 0) throw rangeError("range", `a method other than "auto", which needs samples`, "auto");
  const found = await searchRanges(model, open, intervals, observations, kept, job);
  return withRoundedBiases(withIntervals(model, found));
}

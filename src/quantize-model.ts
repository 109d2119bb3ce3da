// The recipe: from a float model to a quantized one.

import { checkOptions, rangeError } from "./check.ts";
import { raiseOpset } from "./io/opset.ts";
import { foldConstants } from "./model/fold-constants.ts";
import type { Model } from "./model/graph.ts";
import { checkFloat } from "./model/quantizable.ts";
import { foldBatchNorms } from "./passes/fold-batch-norms.ts";
import { fusePatterns } from "./passes/fuse-patterns.ts";
import { removeIdentities } from "./passes/remove-identities.ts";
import { calibrate } from "./simulate/calibrate.ts";
import { type ConvertOptions, checkForm, convert, OPSET } from "./simulate/convert.ts";
import { correctBias } from "./simulate/correct-bias.ts";
import { needsNoData, quantizeWeights } from "./simulate/quantize-weights.ts";
import { type JobOptions, KeptSamples, type Samples } from "./simulate/samples.ts";
import { SCHEME_KEYS, type Scheme } from "./simulate/scheme.ts";
import { simulate } from "./simulate/simulate.ts";

/** Options of {@link quantizeModel}: a scheme, and what it needs. */
export interface QuantizeModelOptions extends Scheme, JobOptions, ConvertOptions {
  /** Feeds from which ranges of activations are found. */
  readonly calibration?: Samples;
}

const PASSES = [foldConstants, removeIdentities, fusePatterns, foldBatchNorms];

/** A model as it is best quantized: with as few nodes and values as possible. */
export function prepareModel(model: Model): Model {
  return PASSES.reduce((done, pass) => pass(done), raiseOpset(model, OPSET));
}

/**
 * Quantizes a model. A scheme whose activations stay in float, or are `"dynamic"`, needs no calibration data and runs nothing.
 * @throws ModelError for a model that is quantized already, or whose weights hold NaN
 * @throws TypeError or RangeError for a scheme that is none, or without calibration data where it takes some
 */
export async function quantizeModel(model: Model, options?: QuantizeModelOptions): Promise<Model> {
  const { calibration, signal, onProgress, form, ...scheme } = checkOptions(
    options,
    [...SCHEME_KEYS, "calibration", "signal", "onProgress", "form"],
    "quantizeModel",
  );
  checkForm(form);
  checkFloat(model);
  if (needsNoData(scheme)) return quantizeWeights(foldBatchNorms(foldConstants(model)), scheme);
  const simulated = simulate(prepareModel(model), scheme);
  if (!calibration) {
    throw rangeError(
      "calibration",
      `samples to find ranges from (or activations: "dynamic", which need none)`,
      calibration,
    );
  }
  const job = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
  const samples = new KeptSamples(calibration);
  const calibrated = await calibrate(simulated, samples, job);
  const corrected = await correctBias(calibrated, samples.some(), job);
  return convert(corrected, { ...(form && { form }) });
}

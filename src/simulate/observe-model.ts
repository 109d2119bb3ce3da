// What a simulated model's values are on samples: streamed through the model in float, an observer a quantizer.

import { modelError } from "../check.ts";
import type { Model, Node } from "../model/graph.ts";
import { lengthOf } from "../model/operator.ts";
import { OWN } from "../model/ops/quantizer.ts";
import { rewrite } from "../passes/edit.ts";
import { fuseActivations } from "../passes/fuse-activations.ts";
import { runSession, Session } from "../runtime/session.ts";
import { type Observer, observe } from "../tensor/observe.ts";
import { inMemory } from "../tensor/values.ts";
import { eachSample, type JobOptions, type Samples } from "./samples.ts";

/** What was seen of each value that is to be quantized, by its name. Observers of the same name merge. */
export type Observations = ReadonlyMap<string, Observer>;

export const isQuantizer = ({ op, domain }: Node) => op === "Quantizer" && domain === OWN;

/** The attribute that a quantizer which waits for its range has: how the activation is quantized, as JSON. */
export const SCHEME = "scheme";

/** Quantizers of activations that wait for their ranges. */
export function waiting({ graph }: Model): Node[] {
  return graph.nodes.filter((node) => isQuantizer(node) && node.attributes.has(SCHEME));
}

/** A simulated model without quantizers, or without those of constants only. */
export function withoutQuantizers(model: Model, which: "all" | "constants" = "all"): Model {
  return rewrite(model, (edit, node) => {
    const [x = ""] = node.inputs;
    if (isQuantizer(node) && (which === "all" || edit.constant(x))) edit.bypass(node, x);
  });
}

/**
 * Observes all values of a simulated model that wait for calibration, in constant memory a value.
 * @param samples feeds of the model; each may be a batch
 * @throws RangeError without samples; an Error that names the sample where one does not fit the model, or has it compute NaN
 */
export async function observeModel(model: Model, samples: Samples, options: JobOptions = {}): Promise<Observations> {
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  const observations = new Map<string, Observer>();
  const observed = new Map<string, Observer[]>();
  for (const {
    inputs,
    outputs: [name = ""],
  } of waiting(model)) {
    const source = outputs.has(name) ? name : (inputs[0] as string);
    const observer = observe();
    observations.set(name, observer);
    observed.set(source, [...(observed.get(source) ?? []), observer]);
  }
  const session = new Session(fuseActivations(withoutQuantizers(model)));
  try {
    await eachSample(samples, "observe", options, (feeds) => {
      runSession(session, feeds, (name, place) => {
        for (const observer of observed.get(name) ?? []) {
          observer.addFrom(lengthOf(place), inMemory(place.at, 4).source);
          if (observer.nan > 0) throw modelError(`"${name}" holds NaN`);
        }
      });
    });
  } finally {
    session.dispose();
  }
  return observations;
}

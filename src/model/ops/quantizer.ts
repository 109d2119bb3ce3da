// The node that simulation puts where a value would be quantized: x on its quantizer's grid (docs/math.md, equation 1), in float32.

import { nodeError, nodeRangeError } from "../../check.ts";
import { FORMATS, type FormatName } from "../../formats.ts";
import type { CodeRange } from "../../quantizer.ts";
import { chunkWalk, type Grain, grainOf } from "../../tensor/grain.ts";
import { fakeChunk } from "../../tensor/steps.ts";
import type { CodeFormat } from "../../tensor/tensor.ts";
import { intOf, stringOf } from "../attributes.ts";
import { lengthOf, type Operator, type Site } from "../operator.ts";
import { parametersOf, programRow } from "../quantized.ts";
import { axisOf, checkFormats, input } from "../site.ts";

/** octavo's own domain: nodes of simulated models, and of models in the form that integers run in. */
export const OWN = "octavo";

/** Scales are one, or one an index of an axis. */
function grainFor(site: Site): Grain {
  const { shape } = input(site, 0);
  const axis = intOf(site.node, "axis", undefined);
  const grain = axis === undefined ? grainOf(shape) : grainOf(shape, axisOf(site, axis, shape.length));
  for (const i of [1, 2]) {
    const given = site.inputs[i];
    if (given && lengthOf(given) !== grain.count) {
      throw nodeError(site.node, `input ${i} expected ${grain.count} numbers, got [${given.shape}]`);
    }
  }
  return grain;
}

/** The format of the codes, and those that are used of it. */
function codesOf(site: Site): { codes: CodeFormat; range: CodeRange } {
  const { node } = site;
  const name = stringOf(node, "format", "");
  const codes = FORMATS.get(name as FormatName);
  if (codes?.kind !== "integer" && codes?.kind !== "float") {
    throw nodeRangeError(node, "format", "an integer or a float format", name);
  }
  return { codes, range: { lo: intOf(node, "lo", 0), hi: intOf(node, "hi", 0) } };
}

/**
 * Inputs: x, float32; scale, float32; zero, int32. Without a scale it is not calibrated yet, and gives x as it is.
 * Attributes: `format`, the codes' format by name; `lo` and `hi`, the codes that are used of it; `axis`, where there is a scale for
 * each index of one; `scheme`, what calibration is to know of an activation, as JSON.
 */
const Quantizer: Operator = programRow(
  (site) => {
    const { format, shape } = input(site, 0);
    checkFormats(site, 0, ["float32"]);
    checkFormats(site, 1, ["float32"]);
    checkFormats(site, 2, ["int32"]);
    grainFor(site);
    codesOf(site);
    return [{ format, shape }];
  },
  (call, y, take) => {
    const x = input(call, 0);
    const { engine } = call.store;
    const length = lengthOf(x);
    if (!call.inputs[1])
      return () => engine.arena.view(Uint8Array, y.at, length * 4).set(engine.arena.view(Uint8Array, x.at, length * 4));
    const step = codesOf(call);
    const walk = chunkWalk(length, grainFor(call), parametersOf(call, { scale: 1, zero: 2 }), take, engine);
    return () =>
      walk((chunk) => {
        const at = chunk.start * 4;
        if (fakeChunk(chunk, step, x.at + at, y.at + at)) {
          throw nodeError(call.node, `input 0 holds NaN, which ${step.codes.name} cannot represent`);
        }
      });
  },
);

export const SIMULATED: Readonly<Record<string, Operator>> = { [`${OWN}:Quantizer`]: Quantizer };

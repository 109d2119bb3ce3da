// Ranges of a simulated model's activations, and their quantizers with the parameters that belong to them.

import { rangeError } from "../check.ts";
import { FORMATS } from "../formats.ts";
import { stringOf } from "../model/attributes.ts";
import { type Model, type Node, withAttributes } from "../model/graph.ts";
import { type Edit, rewrite } from "../passes/edit.ts";
import type { Parameters } from "../quantizer.ts";
import type { Interval } from "../tensor/mse.ts";
import { parametersOf, targetOf } from "../tensor/parameters.ts";
import type { Range } from "../tensor/range.ts";
import type { CodeFormat } from "../tensor/tensor.ts";
import { type Grids, integerGrids } from "./grids.ts";
import { isQuantizer, type Observations, SCHEME } from "./observe-model.ts";
import type { ActivationScheme } from "./scheme.ts";

/** The interval of each activation, by its name. */
export type Intervals = ReadonlyMap<string, Interval>;

/** How the activation of a quantizer that waits is quantized. */
export const schemeOf = (node: Node) => JSON.parse(stringOf(node, SCHEME, "")) as ActivationScheme;

/** The interval that a range method finds for an activation. */
export function intervalOf(node: Node, observations: Observations, range: Range): Interval {
  const [name = ""] = node.outputs;
  const observer = observations.get(name);
  if (!observer) throw rangeError("samples", `observations of "${name}"`, [...observations.keys()]);
  return observer.range({ ...schemeOf(node), range });
}

/** The parameters of a quantizer for an interval. */
export function parametersFor(node: Node, interval: Interval): Parameters {
  const { format, ...options } = schemeOf(node);
  return parametersOf(interval, targetOf(FORMATS.get(format) as CodeFormat, options));
}

/** The model with the parameters that belong to intervals. */
export function withIntervals(model: Model, intervals: Intervals): Model {
  const activations = rewrite(model, (edit, node) => {
    const interval = node.attributes.has(SCHEME) && intervals.get(node.outputs[0] as string);
    if (!interval) return;
    const { scale, zero } = parametersFor(node, interval);
    calibrateNode(edit, node, Float32Array.of(scale), Int32Array.of(zero), []);
  });
  const grids = integerGrids(activations.graph);
  return rewrite(activations, (edit, node) => calibrateBias(edit, node, grids));
}

/** Gives a quantizer its parameters. */
function calibrateNode(edit: Edit, node: Node, scale: Float32Array, zero: Int32Array, shape: readonly number[]): void {
  const [x = ""] = node.inputs;
  const [y = ""] = node.outputs;
  const inputs = [x, edit.addConstant(`${y}_scale`, scale, shape), edit.addConstant(`${y}_zero`, zero, shape, "int32")];
  edit.replace(node, { ...withAttributes(node, { [SCHEME]: undefined }), inputs });
}

/** A bias has the scales of the sums that it is added to. */
function calibrateBias(edit: Edit, node: Node, grids: Grids): void {
  const [y = ""] = node.outputs;
  const [taker] = edit.takersOf(y);
  if (!isQuantizer(node) || node.inputs[1] || node.attributes.has(SCHEME) || !taker) return;
  const [x, weight] = taker.inputs.map((name) => grids.get(name));
  if (!x || !weight) return;
  const scale = weight.scale.map((each) => Math.max(Math.fround(each * (x.scale[0] as number)), 2 ** -149));
  calibrateNode(edit, node, scale, new Int32Array(scale.length), node.attributes.has("axis") ? [scale.length] : []);
}

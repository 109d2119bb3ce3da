// What the rounding of weights shifts the results of a layer by, on average, is taken off its bias (docs/math.md, equation 89).

import { checkOptions } from "../check.ts";
import { floatOf, intOf } from "../model/attributes.ts";
import { checkModel } from "../model/check-model.ts";
import { evaluate } from "../model/evaluate.ts";
import { type Constant, constantOf, type Model, makeNode, type Node, withGraph } from "../model/graph.ts";
import { knownOf, type Operator } from "../model/operator.ts";
import { operatorOf } from "../model/ops/index.ts";
import { type Edit, rewrite } from "../passes/edit.ts";
import { Session } from "../runtime/session.ts";
import type { TypedTensor } from "../tensor/tensor.ts";
import { withRoundedBiases } from "./biases.ts";
import { isQuantizer, withoutQuantizers } from "./observe-model.ts";
import { eachSample, type JobOptions, type Samples } from "./samples.ts";

/** A layer whose bias can take a shift: its weights, and the quantizer that rounds them. */
interface Layer {
  readonly node: Node;
  readonly weight: Constant;
  readonly quantizer: Node;
}

function layersOf({ graph }: Model): Layer[] {
  const quantizers = new Map(graph.nodes.filter(isQuantizer).map((node) => [node.outputs[0], node]));
  return graph.nodes.flatMap((node) => {
    const isLayer = node.domain === "" && (node.op === "Conv" || (node.op === "Gemm" && !intOf(node, "transA", 0)));
    const quantizer = quantizers.get(node.inputs[1] ?? "");
    const weight = constantOf(graph, quantizer?.inputs[0] ?? "");
    return isLayer && quantizer && weight ? [{ node, weight, quantizer }] : [];
  });
}

/** The weights of a layer as they are rounded. */
function roundedOf(model: Model, { quantizer: node }: Layer): Float32Array {
  const inputs = node.inputs.map((name) => knownOf(constantOf(model.graph, name) as Constant));
  const [rounded] = evaluate(operatorOf(node) as Operator, { node, version: 1, inputs });
  return rounded?.data as Float32Array;
}

/** Where the mean of an image's channels is; rows of a Gemm are what they are. */
const meansName = ({ op, inputs: [x = ""] }: Node) => (op === "Conv" ? `octavo:means:${x}` : x);

/** A sum over rows, and how many there are. */
interface Sum {
  readonly sums: Float64Array;
  rows: number;
}

function addRows(sum: Sum | undefined, { shape, data }: TypedTensor): Sum {
  const channels = shape[1] as number;
  const { sums, rows } = sum ?? { sums: new Float64Array(channels), rows: 0 };
  data.forEach((value: number | bigint, i: number) => {
    sums[i % channels] = (sums[i % channels] as number) + Number(value);
  });
  return { sums, rows: rows + (shape[0] as number) };
}

/** Sums over samples of the means of each input channel of layers, by the names of these means. */
async function sumsOf(model: Model, layers: readonly Layer[], samples: Samples, job: JobOptions) {
  const names = new Set(layers.map(({ node }) => meansName(node)));
  const made = new Set<string>();
  const ofLayers = new Set(layers.map(({ node }) => node.outputs[0]));
  const nodes = model.graph.nodes.flatMap((node) => {
    const [x = ""] = node.inputs;
    if (node.op !== "Conv" || !ofLayers.has(node.outputs[0]) || made.has(x)) return [node];
    made.add(x);
    return [makeNode("GlobalAveragePool", [x], [meansName(node)]), node];
  });
  const outputs = Array.from(names, (name) => ({ name }));
  const session = new Session(withGraph(model, { nodes, outputs }));
  const sums = new Map<string, Sum>();
  try {
    await eachSample(samples, "correct", job, (feeds) => {
      for (const [name, means] of Object.entries(session.run(feeds))) sums.set(name, addRows(sums.get(name), means));
    });
  } finally {
    session.dispose();
  }
  return sums;
}

/** What rounding adds to each output of a layer, on average (equation 89). */
function shiftOf(model: Model, layer: Layer, { sums, rows }: Sum): Float64Array {
  const { node, weight } = layer;
  const isTurned = node.op === "Gemm" && !intOf(node, "transB", 0);
  const [first = 0, second = 0] = weight.shape;
  const [outputs, inputs] = isTurned ? [second, first] : [first, second];
  const taps = weight.data.length / Math.max(outputs * inputs, 1);
  const groups = node.op === "Conv" ? intOf(node, "group", 1) : 1;
  const factor = node.op === "Gemm" ? floatOf(node, "alpha", 1) / rows : 1 / rows;
  const shift = new Float64Array(outputs);
  const [before, after] = [weight.data as Float32Array, roundedOf(model, layer)];
  for (let o = 0; o < outputs; o++) {
    const channel = Math.floor((o * groups) / outputs) * inputs;
    for (let i = 0; i < inputs; i++) {
      const at = (isTurned ? i * outputs + o : o * inputs + i) * taps;
      let difference = 0;
      for (let tap = at; tap < at + taps; tap++) difference += (after[tap] as number) - (before[tap] as number);
      shift[o] = (shift[o] as number) + difference * (sums[channel + i] as number) * factor;
    }
  }
  return shift;
}

/** Takes a shift off the bias of a layer; a layer whose bias is none a channel stays as it is. */
function takeOff(edit: Edit, node: Node, shift: Float64Array): void {
  const [x = "", weight = "", bias = ""] = node.inputs;
  if (!shift.every(Number.isFinite) || floatOf(node, "beta", 1) !== 1) return;
  const quantizer = edit.maker(bias);
  const taker = quantizer && isQuantizer(quantizer) ? quantizer : node;
  const name = taker === node ? bias : (taker.inputs[0] as string);
  const found = edit.constant(name);
  if (bias && (found?.format !== "float32" || found.data.length !== shift.length)) return;
  const data = Float32Array.from(shift, (each, i) => Number(found?.data[i] ?? 0) - each);
  const changed = found
    ? edit.changeConstant(name, taker, data, found.shape)
    : edit.addConstant(`${weight}_bias`, data, [data.length]);
  const inputs = taker === node ? [x, weight, changed] : [changed, ...taker.inputs.slice(1)];
  edit.replace(taker, { ...taker, inputs });
}

/**
 * Takes off the biases of a calibrated model what the rounding of weights adds to the results of its convolutions and products, on
 * average over samples.
 * @throws as {@link observeModel}
 */
export async function correctBias(model: Model, samples: Samples, options?: JobOptions): Promise<Model> {
  const job = checkOptions(options, ["signal", "onProgress"], "correctBias");
  checkModel(model);
  const layers = layersOf(model);
  if (layers.length === 0) return model;
  const sums = await sumsOf(withoutQuantizers(model, "constants"), layers, samples, job);
  const shifts = new Map(
    layers.map((layer) => [layer.node.outputs[0], shiftOf(model, layer, sums.get(meansName(layer.node)) as Sum)]),
  );
  const corrected = rewrite(model, (edit, node) => {
    const shift = shifts.get(node.outputs[0]);
    if (!shift) return;
    shifts.delete(node.outputs[0]);
    takeOff(edit, node, shift);
  });
  return withRoundedBiases(corrected);
}

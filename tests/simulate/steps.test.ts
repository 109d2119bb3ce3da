// Layer by layer, on the same inputs: what a simulated layer gives and what it gives in integers are at most a step apart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { calibrate, convert, type Model, type Node, readOnnx, run, Session, simulate } from "../../src/index.ts";
import { constantOf, makersOf, withGraph, withoutUnused } from "../../src/model/graph.ts";
import { prepareModel } from "../../src/quantize-model.ts";
import { batchesOf, bytesOf, PICTURES, SPEECH, skipModels } from "../conformance/networks.ts";

type Values = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** Whether a node rounds an activation. */
const isRounded = ({ op, inputs: [x = ""] }: Node, { graph }: Model) => op === "Quantizer" && !graph.constants.has(x);

/** The nodes of a layer: from its quantizer back to those of its inputs, which it has too. */
function layerOf(model: Model, last: Node) {
  const makers = makersOf(model.graph);
  const nodes = new Set<Node>();
  const sources = new Set<Node>();
  const visit = (node: Node) => {
    if (node !== last && isRounded(node, model)) return sources.add(node);
    nodes.add(node);
    for (const name of node.inputs) {
      const maker = makers.get(name);
      if (maker) visit(maker);
    }
    return nodes;
  };
  visit(last);
  return { nodes: [...nodes].reverse(), sources: [...sources] };
}

/** A layer as a model of its own, fed what its inputs are. */
function modelOf(model: Model, last: Node): { layer: Model; feeds: ReadonlyMap<string, string> } {
  const { nodes, sources } = layerOf(model, last);
  const feeds = new Map(sources.map(({ outputs: [name = ""] }) => [`${name}_fed`, name]));
  const inputs = [...feeds.keys()].map((name) => ({ name, format: "float32" }) as const);
  const rounded = sources.map((node) => ({ ...node, inputs: [`${node.outputs[0]}_fed`, ...node.inputs.slice(1)] }));
  const outputs = [{ name: last.outputs[0] as string }];
  return { layer: withoutUnused(withGraph(model, { nodes: [...rounded, ...nodes], inputs, outputs })), feeds };
}

/** How many steps of its scale a layer's results are apart. */
function stepsOf(model: Model, last: Node, values: Values): number[] {
  const { layer, feeds } = modelOf(model, last);
  const fed = Array.from(feeds, ([name, from]) => [name, { format: "float32", ...values.get(from) }]);
  const [name = ""] = last.outputs;
  const session = new Session(convert(layer));
  const found = session.run(Object.fromEntries(fed))[name]?.data as Float32Array;
  session.dispose();
  const expected = values.get(name)?.data as Float32Array;
  const scale = constantOf(model.graph, last.inputs[1] as string)?.data[0] as number;
  assert.equal(found.length, expected.length);
  return Array.from(found, (value, i) => Math.round(Math.abs(value - (expected[i] as number)) / scale));
}

for (const [file, data] of [
  ["kws_float_bn.onnx", SPEECH],
  ["resnet8_bn.onnx", PICTURES],
] as const) {
  test(`${file}: layers in integers are at most a step from simulated ones`, { skip: skipModels }, async (context) => {
    const [first] = batchesOf(data);
    const input = first as NonNullable<typeof first>;
    const simulated = await calibrate(simulate(prepareModel(readOnnx(bytesOf(data.folder, file)))), [{ input }]);
    const values = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    run(
      simulated,
      { input },
      { observe: (name, { shape, data }) => values.set(name, { shape, data: data as Float32Array }) },
    );
    const layers = simulated.graph.nodes.filter((node) => isRounded(node, simulated) && node.inputs[0] !== "input");
    const steps = layers.flatMap((last) => stepsOf(simulated, last, values));
    const largest = steps.reduce((most, each) => Math.max(most, each), 0);
    const mean = steps.reduce((sum, each) => sum + each, 0) / steps.length;
    context.diagnostic(
      `${layers.length} layers, ${steps.length} values: ${largest} at most, ${mean.toExponential(2)} on average`,
    );
    assert.ok(layers.length > 5 && largest <= 1, `${largest} steps`);
  });
}

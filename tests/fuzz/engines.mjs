// onnxruntime, native and in WebAssembly, on one thread: independent engines for the same nodes.

import * as node from "onnxruntime-node";
import * as web from "onnxruntime-web";
import { model } from "../../bench/onnx.mjs";

web.env.wasm.numThreads = 1;
web.env.logLevel = "error";

const TYPE_NAMES = new Map([
  [Uint8Array, "uint8"],
  [Int8Array, "int8"],
]);

/** Nodes as they are: nothing fused, nothing computed beforehand. */
const OPTIONS = { graphOptimizationLevel: "disabled", intraOpNumThreads: 1, logSeverityLevel: 4 };

/** Runs configurations as the nodes of one model, and resolves to their outputs, { data, shape } each. */
function runnerOf(ort, provider) {
  return async (configurations) => {
    const { bytes, feeds } = modelOf(configurations);
    const session = await ort.InferenceSession.create(bytes, { ...OPTIONS, executionProviders: [provider] });
    const tensors = Object.entries(feeds).map(([name, { data, shape }]) => {
      return [name, new ort.Tensor(TYPE_NAMES.get(data.constructor), data, shape)];
    });
    const outputs = await session.run(Object.fromEntries(tensors));
    const results = configurations.map((_, i) => ({ data: outputs[`y${i}`].data, shape: [...outputs[`y${i}`].dims] }));
    await session.release();
    return results;
  };
}

function modelOf(configurations) {
  const [constants, feeds, nodes] = [{}, {}, []];
  for (const [i, { op, domain, attributes, inputs }] of configurations.entries()) {
    const names = inputs.map((input, j) => (input ? `x${i}_${j}` : ""));
    for (const [j, input] of inputs.entries()) if (input) (input.constant ? constants : feeds)[names[j]] = input;
    nodes.push({ op, domain, attributes, inputs: names, outputs: [`y${i}`] });
  }
  const inputs = Object.entries(feeds).map(([name, { data, shape }]) => ({ name, type: data.constructor, shape }));
  const outputs = configurations.map(({ type }, i) => ({ name: `y${i}`, type }));
  return { bytes: model({ nodes, inputs, outputs, constants }), feeds };
}

const LENGTH = 64;

/** A row of the largest codes times columns of them: kernels that add pairs of products in 16 bits saturate. */
function probe(aType, bType) {
  const most = (type) => (type === Uint8Array ? 255 : 127);
  const a = { data: new aType(LENGTH).fill(most(aType)), shape: [1, LENGTH] };
  const b = { data: new bType(16 * LENGTH).fill(most(bType)), shape: [LENGTH, 16], constant: true };
  return { op: "MatMulInteger", inputs: [a, b], type: Int32Array, wanted: LENGTH * most(aType) * most(bType) };
}

/** A pair of array classes as text. */
export const pairName = (pair) => pair.map(({ name }) => name).join(" ");

/** The pairs of types whose products an engine does not add exactly. */
async function inexactPairs(run) {
  const types = [Uint8Array, Int8Array];
  const pairs = types.flatMap((a) => types.map((b) => [a, b]));
  const probes = pairs.map(([a, b]) => probe(a, b));
  const results = await run(probes);
  const inexact = pairs.filter((_, i) => results[i].data.some((sum) => sum !== probes[i].wanted));
  return new Set(inexact.map(pairName));
}

/** { name, version, run, inexact } of each engine. */
export async function openEngines() {
  const runs = { "onnxruntime-node": runnerOf(node, "cpu"), "onnxruntime-web": runnerOf(web, "wasm") };
  const versions = { "onnxruntime-node": node.env.versions.node, "onnxruntime-web": web.env.versions.web };
  const engines = [];
  for (const [name, run] of Object.entries(runs)) {
    engines.push({ name, version: versions[name], run, inexact: await inexactPairs(run) });
  }
  return engines;
}

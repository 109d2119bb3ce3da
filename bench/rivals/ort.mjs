// The rival: onnxruntime-web on one thread. A model is one node; a run takes a typed array and gives a typed array.

import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export const version = ort.env.versions.web;

/** A session on a model's bytes: `run` takes the one input's data and resolves to the outputs' data, in order. */
export async function open(model, { type, shape }) {
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const [input] = session.inputNames;
  const run = async (data) => {
    const outputs = await session.run({ [input]: new ort.Tensor(type, data, shape) });
    return session.outputNames.map((name) => outputs[name].data);
  };
  return { run, close: () => session.release() };
}

// The rival: onnxruntime-web on one thread. A model is one node; a run takes a typed array and gives a typed array.

import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export const version = ort.env.versions.web;

/** A session on a model's bytes: `run` takes the inputs' data, of one type, and resolves to the outputs' data, in order. */
export async function open(model, { type, shape }) {
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const run = async (...data) => {
    const feeds = session.inputNames.map((name, i) => [name, new ort.Tensor(type, data[i], shape)]);
    const outputs = await session.run(Object.fromEntries(feeds));
    return session.outputNames.map((name) => outputs[name].data);
  };
  return { run, close: () => session.release() };
}

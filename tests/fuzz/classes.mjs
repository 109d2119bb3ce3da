// The classes that quantized networks find, beside those that onnxruntime finds with the same files on all rows of their data.

import * as ort from "onnxruntime-node";
import { batchesOf, bytesOf, classesOf, largest, QUANTIZED, same } from "../conformance/networks.ts";

/** Rows of 200 that may differ: a step apart is another class where two are as likely. */
const MOST = 1 / 200;

async function theirs(file, data) {
  const session = await ort.InferenceSession.create(bytesOf(data.folder, file), { intraOpNumThreads: 1 });
  const found = [];
  for (const { shape, data: values } of batchesOf(data)) {
    const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", values, shape) });
    found.push(...largest(outputs[session.outputNames[0]].data, data.classes));
  }
  await session.release();
  return found;
}

/** How many rows agree, a sentence for each network, and those of them that are faults. */
export async function classFaults() {
  const [faults, told] = [[], []];
  for (const [file, data] of QUANTIZED) {
    const [ours, wanted] = [classesOf(file, data), await theirs(file, data)];
    const agreeing = same(ours, wanted);
    const sentence = `${file}: ${agreeing} of ${wanted.length} rows have onnxruntime's class`;
    if (agreeing < wanted.length * (1 - MOST)) faults.push(sentence);
    told.push(sentence);
  }
  return { faults, told };
}

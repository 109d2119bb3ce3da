// ONNX files that octavo writes, in onnxruntime: what was read and written computes what it did, raised to higher opsets as
// well, quantized it computes what octavo does, and onnxruntime warns of nothing that it does not warn of in the file as it was.
//   node --import tsx tests/fuzz/onnx.mjs check     says what is wrong; the last line is `N passed, N failed`
//   node --import tsx tests/fuzz/onnx.mjs load      only loads the files as they were: what is on standard error is their own

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { uniformFrom } from "../../bench/data.mjs";
import { readOnnx, writeOnnx } from "../../src/io/onnx.ts";
import { raiseOpset } from "../../src/io/opset.ts";
import { optimize } from "../../src/passes/optimize.ts";
import { run as runModel } from "../../src/runtime/run.ts";
import { ARCHITECTURES, feedsOf } from "../architectures.mjs";
import { archive, tensorFile } from "../conformance/archive.ts";
import { classFaults } from "./classes.mjs";
import { FORMS } from "./forms.mjs";
import { quantizedModels } from "./written.mjs";

// where a newer Node has an array of float16, onnxruntime's tensors are made of it, and its binding cannot read them
delete globalThis.Float16Array;

const SHARED = join(import.meta.dirname, "..", "..", "..", "shared", "data");

/** Opsets to raise to: those in which much changed, up to one that this onnxruntime has. */
const VERSIONS = [7, 9, 10, 11, 13, 16, 18, 20, 21, 23];

const OPTIONS = { graphOptimizationLevel: "disabled", intraOpNumThreads: 1, logSeverityLevel: 2 };

/** How onnxruntime says that it knows an operator, but not in so new a version. */
const NOT_THERE = "Could not find an implementation for";

/** Differences that another order of the same operations may make. */
const CLOSE = { rtol: 1e-5, atol: 1e-6 };

/** What octavo's outputs may differ by from onnxruntime's, in parts of the largest. */
const NEAR = 2e-5;

/** A model's outputs, { data, shape } each. */
async function run(bytes, feeds) {
  const session = await ort.InferenceSession.create(bytes, OPTIONS);
  try {
    const tensors = Object.entries(feeds).map(([name, { format, shape, data }]) => [
      name,
      new ort.Tensor(format, data, shape),
    ]);
    const wanted = tensors.filter(([name]) => session.inputNames.includes(name));
    const results = await session.run(Object.fromEntries(wanted));
    return session.outputNames.map((name) => ({ data: results[name].data, shape: [...results[name].dims] }));
  } finally {
    await session.release();
  }
}

function isClose(ours, wanted, { rtol, atol }) {
  if (ours.shape.join() !== wanted.shape.join()) return false;
  return Array.from(ours.data, Number).every((value, i) => {
    const other = Number(wanted.data[i]);
    return Object.is(value, other) || value === other || Math.abs(value - other) <= atol + rtol * Math.abs(other);
  });
}

/** What is wrong with a model as it is written, and as it is written when it is raised: a sentence each. */
async function faultsOf(name, model, feeds, wanted, tolerance) {
  const faults = [];
  const versions = VERSIONS.filter((version) => version > (model.opsets.get("") ?? 0));
  for (const version of [undefined, ...versions]) {
    const what = version === undefined ? name : `${name} raised to opset ${version}`;
    try {
      const outputs = await run(writeOnnx(version === undefined ? model : raiseOpset(model, version)), feeds);
      if (!wanted.every((each, i) => isClose(outputs[i], each, tolerance))) faults.push(`${what} gives something else`);
    } catch (error) {
      if (!error.message.includes(NOT_THERE)) faults.push(`${what}: ${error.message}`);
    }
  }
  return faults;
}

/** Cases of the conformance data that onnxruntime passes: what the index says of them, and their files. */
function* conformanceFiles() {
  const { cases } = JSON.parse(readFileSync(join(SHARED, "conformance", "onnx-float.index.json"), "utf8"));
  const files = archive("onnx-float.tar.gz");
  for (const each of cases) {
    if (each.opset >= 6 && (each.ort === "exact" || each.ort === "pass")) yield { ...each, files };
  }
}

function* conformance() {
  for (const { name, dir, rtol, atol, files } of conformanceFiles()) {
    const folder = `onnx-float/${dir}`;
    const tensors = (kind) => {
      const all = Array.from({ length: 64 }, (_, i) => files.get(`${folder}/test_data_set_0/${kind}_${i}.pb`));
      return all.filter(Boolean).map(tensorFile);
    };
    const model = readOnnx(files.get(`${folder}/model.onnx`));
    const feeds = Object.fromEntries(tensors("input").map((tensor, i) => [model.graph.inputs[i].name, tensor]));
    yield { name, model, feeds, wanted: tensors("output"), tolerance: { rtol, atol } };
  }
}

/** Names and bytes of networks, those of the conformance data included. */
function networkFiles() {
  const folder = join(SHARED, "models");
  const paths = readdirSync(folder, { recursive: true }).map((path) => [path, () => readFileSync(join(folder, path))]);
  const nets = Array.from(archive("onnx-qdq.tar.gz"), ([path, bytes]) => [path, () => bytes]);
  return [...paths, ...nets].filter(([path]) => path.endsWith(".onnx")).map(([path, read]) => [path, read()]);
}

/** Networks, beside what onnxruntime makes of the files as they are. */
async function* networks() {
  const uniform = uniformFrom(3);
  for (const [name, bytes] of networkFiles()) {
    const model = readOnnx(bytes);
    const feeds = feedsOf(model, uniform);
    yield { name, model, feeds, wanted: await run(bytes, feeds), tolerance: CLOSE };
  }
}

/** Forms of nodes that became others, beside what onnxruntime makes of them. */
async function* forms() {
  for (const { name, model, feeds } of FORMS) {
    yield { name, model, feeds, wanted: await run(writeOnnx(model), feeds), tolerance: CLOSE };
  }
}

/** Whether two lists of numbers are the same but for a part of their largest. */
function isNear({ data, shape }, wanted) {
  const numbers = Array.from(wanted.data, Number);
  const most = numbers.reduce((largest, each) => Math.max(largest, Math.abs(each)), 0);
  const near = (value, i) => Math.abs(Number(value) - numbers[i]) <= NEAR * most;
  return shape.join() === wanted.shape.join() && Array.from(data).every(near);
}

/** Architectures as exporters write them; octavo gives what onnxruntime does, before and after its passes. */
async function* architectures() {
  const uniform = uniformFrom(7);
  for (const { name, make, extents } of ARCHITECTURES) {
    const model = make();
    const feeds = feedsOf(model, uniform, extents);
    const wanted = await run(writeOnnx(model), feeds);
    const faults = [model, optimize(model)].flatMap((each, i) => {
      const outputs = Object.values(runModel(each, feeds));
      const isSame = wanted.every((output, at) => isNear(outputs[at], output));
      return isSame ? [] : [`octavo gives something else for ${name}${i === 0 ? "" : ", optimized"}`];
    });
    const theirs = await run(writeOnnx(optimize(model)), feeds);
    if (!wanted.every((output, at) => isNear(theirs[at], output))) faults.push(`${name} is another when optimized`);
    yield { name, faults };
  }
}

/** Runs every case; prints what is wrong. */
async function checkAll() {
  let [passed, failed] = [0, 0];
  for (const cases of [forms(), conformance(), networks()]) {
    for await (const { name, model, feeds, wanted, tolerance } of cases) {
      const faults = await faultsOf(name, model, feeds, wanted, tolerance);
      for (const fault of faults) console.log(fault);
      if (faults.length > 0) failed++;
      else passed++;
    }
  }
  for (const models of [architectures(), quantizedModels()]) {
    for await (const { faults } of models) {
      for (const fault of faults) console.log(fault);
      if (faults.length > 0) failed++;
      else passed++;
    }
  }
  const { faults, told } = await classFaults();
  for (const sentence of told) console.log(`told: ${sentence}`);
  for (const fault of faults) console.log(fault);
  console.log(`${passed + told.length - faults.length} passed, ${failed + faults.length} failed`);
}

/** Loads the files as they are. */
async function loadAll() {
  const cases = Array.from(conformanceFiles(), ({ dir, files }) => files.get(`onnx-float/${dir}/model.onnx`));
  for (const bytes of [...cases, ...networkFiles().map(([, bytes]) => bytes)])
    await (await ort.InferenceSession.create(bytes, OPTIONS)).release();
}

const [, , part] = process.argv;
await { load: loadAll, check: checkAll }[part]();

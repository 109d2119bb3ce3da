// Models that octavo quantizes, in onnxruntime: they load, and give what octavo gives. Real networks with their data where they are
// there, architectures with seeded weights.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { uniformFrom } from "../../bench/data.mjs";
import { quantizeModel, readOnnx, run, writeOnnx } from "../../src/index.ts";
import { ARCHITECTURES, feedsOf } from "../architectures.mjs";

const MODELS = join(import.meta.dirname, "..", "..", "..", "shared", "data", "models");

/** Float networks, by path. */
const NETWORKS = [
  "kws_dscnn/kws_float_bn.onnx",
  "resnet8_cifar10/resnet8_bn.onnx",
  "ultraface_slim/version-slim-320_without_postprocessing.onnx",
];

const static8 = { activations: { format: "uint8", range: "minmax" } };

/**
 * Schemes, whether they round activations, and how onnxruntime is to run what they make: it would else round activations of products
 * with dequantized weights.
 */
const SCHEMES = [
  { name: "qdq", scheme: static8, level: "all", rounds: true },
  {
    name: "qdq per tensor",
    scheme: { ...static8, weights: { format: "int8", perChannel: false } },
    level: "all",
    rounds: true,
  },
  { name: "qoperator", scheme: { ...static8, form: "qoperator" }, level: "all", rounds: true },
  {
    name: "int8 activations",
    scheme: { activations: { format: "int8", range: "minmax" } },
    level: "all",
    rounds: true,
  },
  {
    name: "int16 activations",
    scheme: { activations: { format: "int16", range: "minmax" } },
    level: "disabled",
    rounds: true,
  },
  { name: "int8 weights", scheme: { activations: "float32" }, level: "disabled" },
  { name: "int4 blocks", scheme: { weights: { format: "int4", block: 32 } }, level: "all" },
  { name: "uint4 blocks", scheme: { weights: { format: "uint4", block: 16 } }, level: "all" },
  { name: "uint8 blocks", scheme: { weights: { format: "uint8", block: 64 } }, level: "all" },
  { name: "dynamic", scheme: { activations: "dynamic" }, level: "disabled", rounds: true },
  {
    name: "dynamic, uint8 weights",
    scheme: { weights: "uint8", activations: "dynamic" },
    level: "disabled",
    rounds: true,
  },
  { name: "float8", scheme: { weights: "float8_e4m3fn" }, level: "disabled" },
  { name: "float16", scheme: { weights: "float16" }, level: "all" },
  { name: "bfloat16", scheme: { weights: "bfloat16" }, level: "all" },
];

/** What outputs may be apart, in parts of them. */
const NEAR = 1e-5;

/**
 * What they may be apart where activations are rounded, in parts of what quantization takes from them: where a value lies between two
 * codes, the last bit of a sum says which it becomes, and what follows from it is noise as large as the rounding's own.
 */
const MOST = 1.5;

function* models() {
  for (const path of NETWORKS.map((path) => join(MODELS, path)).filter(existsSync)) {
    yield { name: path.slice(MODELS.length + 1), model: readOnnx(readFileSync(path)) };
  }
  for (const { name, make, extents } of ARCHITECTURES) yield { name, model: make(), extents };
}

async function theirsOf(bytes, feeds, graphOptimizationLevel) {
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel,
    intraOpNumThreads: 1,
    logSeverityLevel: 2,
  });
  const wanted = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
  const tensors = wanted.map(([name, { format, data, shape }]) => [name, new ort.Tensor(format, data, shape)]);
  const results = await session.run(Object.fromEntries(tensors));
  await session.release();
  return results;
}

/** The distance of two lists of numbers, in parts of the first's length. */
function distance(a, b) {
  let [apart, length] = [0, 0];
  for (const [i, value] of a.entries()) {
    apart += (value - b[i]) ** 2;
    length += value ** 2;
  }
  return Math.sqrt(apart / length);
}

/** What is wrong with a model as it is quantized: a sentence, or nothing. */
async function faultOf(model, feeds, float, { scheme, level, rounds }) {
  const quantized = await quantizeModel(model, { ...scheme, calibration: [feeds] });
  const bytes = writeOnnx(quantized);
  const [ours, theirs] = [run(readOnnx(bytes), feeds), await theirsOf(bytes, feeds, level)];
  const names = Object.keys(ours).filter((name) => ours[name].format === "float32");
  const far = names.find((name) => {
    const [between, taken] = [
      distance(ours[name].data, theirs[name].data),
      distance(float[name].data, ours[name].data),
    ];
    return !(between <= (rounds ? MOST * taken : 0) + NEAR);
  });
  return far && `onnxruntime gives another ${far}`;
}

/** Models as they are quantized: { name, faults } of each. */
export async function* quantizedModels() {
  const uniform = uniformFrom(5);
  for (const { name, model, extents } of models()) {
    const feeds = feedsOf(model, uniform, extents);
    const float = run(model, feeds);
    for (const scheme of SCHEMES) {
      const what = `${name}, ${scheme.name}`;
      const fault = await faultOf(model, feeds, float, scheme).catch(({ message }) => message);
      yield { name: what, faults: fault ? [`${what}: ${fault}`] : [] };
    }
  }
}

// Real networks: the float models of ../shared/data/models give what onnxruntime gave, as they are and after every pass.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  foldBatchNorms,
  fuseActivations,
  fusePatterns,
  keptBatchNorms,
  type Model,
  optimize,
  readOnnx,
  removeIdentities,
  run,
} from "../../src/index.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { floats } from "../model/models.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "shared", "data", "models");
const skip = existsSync(FOLDER) ? false : "model data absent: expected ../shared/data/models beside the project's root";

/** How far an output may be from the golden one, in parts of it and a tenth of the largest. */
const TOLERANCE = 1e-4;

const read = (name: string) => readFileSync(join(FOLDER, name));

function floatsOf(name: string): Float32Array {
  const bytes = read(name);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** Images of interleaved channels as planes. */
function planes(
  pixels: Uint8Array,
  [count, height, width]: readonly [number, number, number],
  of: (pixel: number) => number,
) {
  const area = height * width;
  const values = Array.from({ length: count * 3 * area }, (_, i) => {
    const [image, channel, place] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3, i % area];
    return of(pixels[(image * area + place) * 3 + channel] as number);
  });
  return floats([count, 3, height, width], values);
}

/** A network, inputs, one a run, and what comes of all of them. */
interface Network {
  readonly file: string;
  readonly norms: number;
  /** The operators that are left when all passes are done. */
  readonly left: readonly string[];
  inputs(): Tensor[];
  readonly goldens: readonly string[];
}

const NETWORKS: readonly Network[] = [
  {
    file: "kws_dscnn/kws_float_bn.onnx",
    norms: 9,
    left: ["Flatten", "FusedConv", "Gemm", "GlobalAveragePool", "Softmax"],
    inputs() {
      const codes = new Int8Array(read("kws_dscnn/x.i8")).subarray(0, 20 * 490);
      return [
        floats(
          [20, 1, 49, 10],
          Array.from(codes, (code) => (code - 83) * 0.5847029089927673),
        ),
      ];
    },
    goldens: ["kws_dscnn/golden_float_prob.f32"],
  },
  {
    file: "resnet8_cifar10/resnet8_bn.onnx",
    norms: 7,
    left: ["Add", "AveragePool", "Conv", "Flatten", "FusedConv", "Gemm", "Relu", "Softmax"],
    inputs: () => [planes(read("resnet8_cifar10/cifarjpg_x.u8"), [10, 32, 32], (pixel) => pixel)],
    goldens: ["resnet8_cifar10/golden_cifarjpg_float_prob.f32"],
  },
  {
    file: "ultraface_slim/version-slim-320_without_postprocessing.onnx",
    norms: 25,
    left: ["Concat", "Conv", "FusedConv", "Gather", "Reshape", "Shape", "Softmax", "Transpose", "Unsqueeze"],
    inputs() {
      const pixels = read("ultraface_slim/faces.u8");
      const image = (i: number) => pixels.subarray(i * 240 * 320 * 3);
      return [0, 1].map((i) => planes(image(i), [1, 240, 320], (pixel) => (pixel - 127) / 128));
    },
    goldens: ["ultraface_slim/golden_float_scores.f32", "ultraface_slim/golden_float_boxes.f32"],
  },
];

/** Runs all inputs; how far outputs are from the golden ones at most, in parts of them. */
function distance(model: Model, inputs: readonly Tensor[], goldens: readonly Float32Array[]): number {
  const name = model.graph.inputs[0]?.name as string;
  const runs = inputs.map((input) => Object.values(run(model, { [name]: input })));
  const apart = goldens.map((golden, i) => {
    const given = runs.flatMap((outputs) => Array.from(outputs[i]?.data as Float32Array));
    const largest = golden.subarray(0, given.length).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const parts = given.map((value, at) => {
      const wanted = golden[at] as number;
      return Math.abs(value - wanted) / (Math.abs(wanted) + largest / 10);
    });
    return parts.reduce((most, part) => Math.max(most, part), 0);
  });
  return Math.max(...apart);
}

const PASSES = { removeIdentities, fusePatterns, foldBatchNorms, fuseActivations, optimize };

for (const { file, norms, left, inputs, goldens } of NETWORKS) {
  test(`${file} gives its golden outputs before and after the passes`, { skip }, (context) => {
    const model = readOnnx(read(file));
    const isNorm = ({ op }: { op: string }) => op === "BatchNormalization";
    assert.equal(model.graph.nodes.filter(isNorm).length, norms);
    assert.deepEqual(keptBatchNorms(model), []);
    const steps = Object.entries(PASSES).map(([name, pass]) => [name, pass(model)] as const);
    const optimized = steps.at(-1)?.[1] as Model;
    assert.deepEqual([...new Set(optimized.graph.nodes.map(({ op }) => op))].sort(), left);
    const [fed, wanted] = [inputs(), goldens.map(floatsOf)];
    for (const [name, each] of [["as it is", model] as const, ...steps]) {
      const apart = distance(each, fed, wanted);
      context.diagnostic(`${name}: off by ${apart.toExponential(1)}`);
      assert.ok(apart <= TOLERANCE, `${name}: ${apart}`);
    }
  });
}

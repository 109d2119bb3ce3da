// Networks whose operators stand between DequantizeLinear and QuantizeLinear: those of the conformance data within one step of their
// output, and trained ones beside the figures that onnxruntime reaches.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Model, readOnnx, run, Session } from "../../src/index.ts";
import { constantOf, makersOf } from "../../src/model/graph.ts";
import { archive, tensorFile } from "./archive.ts";
import { assertCount, skip } from "./data.ts";

/** The step of a model's output: the scale of the DequantizeLinear that it comes from. */
function outputStep({ graph }: Model): number {
  const makers = makersOf(graph);
  let node = makers.get(graph.outputs[0]?.name ?? "");
  while (node?.op === "Identity") node = makers.get(node.inputs[0] as string);
  assert.equal(node?.op, "DequantizeLinear");
  return Number(constantOf(graph, node.inputs[1] as string)?.data[0]);
}

test("quantized networks give their results, to one step", { skip }, () => {
  const files = archive("onnx-qdq.tar.gz");
  const paths = [...files.keys()].filter((path) => path.endsWith("model.onnx"));
  for (const path of paths) {
    const model = readOnnx(files.get(path) as Buffer);
    const data = (name: string) =>
      tensorFile(files.get(path.replace("model.onnx", `test_data_set_0/${name}.pb`)) as Buffer);
    const [x, expected] = [data("input_0"), data("output_0")];
    const y = run(model, { [model.graph.inputs[0]?.name as string]: x })[model.graph.outputs[0]?.name as string];
    assert.deepEqual(y?.shape, expected.shape, path);
    const most = outputStep(model) * 1.0001;
    for (const [i, wanted] of (expected.data as Float32Array).entries()) {
      const got = y?.data[i] as number;
      assert.ok(Math.abs(got - wanted) <= most, `${path}, index ${i}: expected ${wanted}, got ${got}`);
    }
  }
  assertCount(paths.length, 15, "quantized networks");
});

const MODELS = join(import.meta.dirname, "..", "..", "..", "shared", "data", "models");

const skipModels: false | string = existsSync(join(MODELS, "README.md"))
  ? false
  : "trained models absent: expected ../shared/data/models beside the project's root";

const bytesOf = (...path: string[]): Uint8Array<ArrayBuffer> => Uint8Array.from(readFileSync(join(MODELS, ...path)));

/** A trained network's data. */
interface Data {
  readonly folder: string;
  readonly labels: string;
  /** The float network's probabilities. */
  readonly golden: string;
  readonly classes: number;
  /** Values of one image, by its number. */
  readonly imagesOf: () => Float32Array;
  readonly shape: readonly number[];
}

const SPEECH: Data = {
  folder: "kws_dscnn",
  labels: "y.u8",
  golden: "golden_float_prob.f32",
  classes: 12,
  imagesOf: () =>
    Float32Array.from(new Int8Array(bytesOf("kws_dscnn", "x.i8").buffer), (q) => (q - 83) * 0.5847029089927673),
  shape: [1, 49, 10],
};

const PICTURES: Data = {
  folder: "resnet8_cifar10",
  labels: "cifarjpg_y.u8",
  golden: "golden_cifarjpg_float_prob.f32",
  classes: 10,
  imagesOf() {
    const pixels = bytesOf("resnet8_cifar10", "cifarjpg_x.u8");
    const size = 32 * 32;
    return Float32Array.from({ length: pixels.length }, (_, i) => {
      const [image, channel, pixel] = [Math.floor(i / (3 * size)), Math.floor(i / size) % 3, i % size];
      return pixels[(image * size + pixel) * 3 + channel] as number;
    });
  },
  shape: [3, 32, 32],
};

/** The place of the largest number of each row. */
function largest(values: Float32Array, classes: number): number[] {
  return Array.from({ length: values.length / classes }, (_, row) => {
    const scores = values.subarray(row * classes, (row + 1) * classes);
    return scores.indexOf(Math.max(...scores));
  });
}

const BATCH = 50;

/** The classes that a network finds, a batch at a time. */
function classesOf(file: string, { folder, imagesOf, shape, classes }: Data): number[] {
  const model = readOnnx(bytesOf(folder, file));
  const [input, output] = [model.graph.inputs[0]?.name as string, model.graph.outputs[0]?.name as string];
  const session = new Session(model);
  const images = imagesOf();
  const size = shape.reduce((a, b) => a * b, 1);
  const found: number[] = [];
  for (let at = 0; at < images.length; at += BATCH * size) {
    const data = images.subarray(at, at + BATCH * size);
    const y = session.run({ [input]: { format: "float32", shape: [data.length / size, ...shape], data } })[output];
    found.push(...largest(y?.data as Float32Array, classes));
  }
  session.dispose();
  return found;
}

const same = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).filter((each, i) => each === b[i]).length;

/** What onnxruntime reaches: right answers, and answers that are the float network's. */
const FIGURES: [file: string, data: Data, right: number, agreeing: number][] = [
  ["kws_qdq_pc.onnx", SPEECH, 911, 990],
  ["kws_qdq_pt.onnx", SPEECH, 913, 989],
  ["resnet8_qdq_pc.onnx", PICTURES, 1539, 1954],
  ["resnet8_qdq_pt.onnx", PICTURES, 1532, 1894],
];

for (const [file, data, right, agreeing] of FIGURES) {
  test(`${file} is as good as with onnxruntime`, { skip: skipModels }, () => {
    const found = classesOf(file, data);
    const labels = bytesOf(data.folder, data.labels);
    const golden = largest(new Float32Array(bytesOf(data.folder, data.golden).buffer), data.classes);
    assert.equal(found.length, labels.length);
    // answers may differ in one row of 200
    const most = labels.length / 200;
    assert.ok(Math.abs(same(found, labels) - right) <= most, `${same(found, labels)} right, expected ${right}`);
    assert.ok(Math.abs(same(found, golden) - agreeing) <= most, `${same(found, golden)} agree, expected ${agreeing}`);
  });
}

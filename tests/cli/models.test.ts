// The command line on trained networks: what it prints of them, and that it writes what onnxruntime gave.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readNpy } from "../../src/index.ts";
import { folder, octavo, writeArray } from "./command.ts";

const MODELS = join(import.meta.dirname, "..", "..", "..", "shared", "data", "models");
const skip = existsSync(MODELS) ? false : "model data absent: expected ../shared/data/models beside the project's root";

/** The first images of a file of interleaved channels, as planes. */
function planes(name: string, count: number, height: number, width: number): Uint8Array {
  const pixels = readFileSync(join(MODELS, name));
  const area = height * width;
  return Uint8Array.from({ length: count * 3 * area }, (_, i) => {
    const [image, channel, place] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3, i % area];
    return pixels[(image * area + place) * 3 + channel] as number;
  });
}

function floatsOf(name: string, length: number): Float32Array {
  const { buffer, byteOffset } = readFileSync(join(MODELS, name));
  return new Float32Array(buffer.slice(byteOffset, byteOffset + length * 4));
}

/** Fails unless a file that was written holds the numbers, within 1e-4 of the largest. */
function checkFile(name: string, shape: readonly number[], golden: Float32Array): void {
  const tensor = readNpy(readFileSync(join(folder, name)));
  assert.deepEqual([tensor.format, tensor.shape], ["float32", shape]);
  const largest = golden.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = golden.reduce((most, value, i) => Math.max(most, Math.abs(value - Number(tensor.data[i]))), 0);
  assert.ok(worst <= 1e-4 * largest, `${name}: off by ${worst}, the largest is ${largest}`);
}

test("images as bytes through a network of dynamic batch", { skip }, () => {
  writeArray("pixels.npy", {
    format: "uint8",
    shape: [50, 3, 32, 32],
    data: planes("resnet8_cifar10/cifarjpg_x.u8", 50, 32, 32),
  });
  const model = join(MODELS, "resnet8_cifar10/resnet8_bn.onnx");
  const { code, out, error } = octavo("run", model, "--data", "pixels.npy", "-o", "prob.npy");
  assert.deepEqual([code, error], [0, ""]);
  assert.match(out, /^input {3}"input" float32 \[50, 3, 32, 32\] from pixels.npy, converted from uint8$/m);
  assert.match(out, /^ {2}row 0 {2}8: 0\.98/m);
  checkFile("prob.npy", [50, 10], floatsOf("resnet8_cifar10/golden_cifarjpg_float_prob.f32", 500));
});

test("a batch through a network of one image, with two outputs", { skip }, () => {
  const pixels = planes("ultraface_slim/faces.u8", 2, 240, 320);
  const data = Float32Array.from(pixels, (pixel) => (pixel - 127) / 128);
  writeArray("faces.npy", { format: "float32", shape: [2, 3, 240, 320], data });
  const model = join(MODELS, "ultraface_slim/version-slim-320_without_postprocessing.onnx");
  const { code, out, error } = octavo("run", model, "--data", "faces.npy", "-o", "faces");
  assert.deepEqual([code, error], [0, ""]);
  assert.match(out, /^run in 2 slices/m);
  checkFile("faces/scores.npy", [2, 4420, 2], floatsOf("ultraface_slim/golden_float_scores.f32", 2 * 4420 * 2));
  checkFile("faces/boxes.npy", [2, 4420, 4], floatsOf("ultraface_slim/golden_float_boxes.f32", 2 * 4420 * 4));
});

test("quantize and compare: ResNet8 becomes a third of itself and says the same of images", { skip }, () => {
  const model = join(MODELS, "resnet8_cifar10/resnet8_bn.onnx");
  const data = planes("resnet8_cifar10/cifarjpg_x.u8", 400, 32, 32);
  const file = (name: string, from: number, till: number) =>
    writeArray(name, { format: "uint8", shape: [till - from, 3, 32, 32], data: data.slice(from * 3072, till * 3072) });
  file("calibration.npy", 0, 100);
  file("evaluation.npy", 100, 400);
  const { code, out, error } = octavo("quantize", model, "-o", "resnet8.onnx", "--data", "calibration.npy", "--json");
  assert.deepEqual([code, error], [0, ""]);
  const { bytes, float, samples } = JSON.parse(out);
  assert.deepEqual([samples, float.map(({ operator }: { operator: string }) => operator)], [100, ["Softmax"]]);
  assert.ok(bytes.after < 0.34 * bytes.before, `${bytes.before} to ${bytes.after}`);
  const compared = octavo("compare", model, "resnet8.onnx", "--data", "evaluation.npy", "--json");
  const { outputs, layers } = JSON.parse(compared.out);
  assert.ok(outputs[0].agreed >= 288 && outputs[0].rows === 300, JSON.stringify(outputs));
  assert.ok(layers.length > 15 && layers.every(({ sqnr }: { sqnr: number | null }) => sqnr === null || sqnr > 15));
});

test("inspect: what is known of ResNet8 and DS-CNN from elsewhere", { skip }, () => {
  const resnet = JSON.parse(octavo("inspect", join(MODELS, "resnet8_cifar10/resnet8_bn.onnx"), "--json").out);
  assert.deepEqual([resnet.parameters, resnet.macs], [78_666, 12_501_632]);
  const kws = JSON.parse(octavo("inspect", join(MODELS, "kws_dscnn/kws_float_bn.onnx"), "--json").out);
  assert.deepEqual([kws.parameters, kws.macs], [24_908, 2_656_768]);
  assert.deepEqual([resnet.batchNorms, resnet.unsupported], [[], {}]);
});

test("inspect: every shape of every network is known", { skip }, () => {
  const files = readdirSync(MODELS, { recursive: true }).map(String);
  const models = files.filter((name) => name.endsWith(".onnx"));
  assert.ok(models.length >= 5);
  for (const name of models) {
    const found = JSON.parse(octavo("inspect", join(MODELS, name), "--json").out);
    assert.deepEqual(found.unsupported, {}, name);
    for (const { name: node, problem, outputs } of found.nodes) {
      assert.equal(problem, undefined, `${name}: ${node}`);
      for (const { shape } of outputs) assert.ok(shape?.every(Number.isInteger), `${name}: ${node}`);
    }
  }
});

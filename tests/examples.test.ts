// The examples run, and what the network of digits was made with is what it is said to be.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeDigits, PIXELS } from "../examples/digits/data.ts";
import { type Computed, clip, convolve, multiply, normalize, pool, windowsOf } from "../examples/digits/layers.ts";
import { type Model, readOnnx, run } from "../src/index.ts";

const MODEL = "examples/digits/digits.onnx";

/** The digits that a model sees in images. */
function found(model: Model, images: Float32Array): number[] {
  const { logits } = run(model, { image: images });
  return Array.from({ length: images.length / PIXELS }, (_, i) => {
    const scores = Array.from(logits?.data.slice(i * 10, i * 10 + 10) as Float32Array);
    return scores.indexOf(Math.max(...scores));
  });
}

/** How many of the first are the same as the second. */
function agreement(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).filter((value, i) => value === b[i]).length / a.length;
}

test("digits are the same in every host", () => {
  const { images, labels, count } = makeDigits(50, 7);
  assert.deepEqual([count, labels.length, images.length], [50, 50, 50 * PIXELS]);
  const codes = Uint8Array.from(images, (ink) => Math.round(ink * 255));
  assert.equal(
    createHash("sha256").update(codes).digest("hex"),
    "b84c12d9a6b3ecc0993ca49ca61d6faf130bc1f6459fdc2dc0912d3b04fb293b",
  );
  assert.notDeepEqual(makeDigits(50, 8).images, images);
});

test("the network has norms, clips, a depthwise and a residual block, and knows digits", () => {
  const bytes = readFileSync(MODEL);
  assert.ok(bytes.length <= 500_000);
  const model = readOnnx(bytes);
  const ops = model.graph.nodes.map(({ op }) => op);
  assert.deepEqual(
    ["BatchNormalization", "Clip", "Conv", "Add", "Gemm"].map((op) => ops.filter((each) => each === op).length),
    [10, 7, 10, 1, 1],
  );
  const { images, labels } = makeDigits(500, 7);
  const right = agreement(found(model, images), labels);
  assert.ok(right >= 0.97 && right < 1, `right of 500: ${right}`);
});

test("npm start quantizes the network, prints what that does, and writes a model", () => {
  const folder = mkdtempSync(join(tmpdir(), "octavo-examples-"));
  try {
    const file = join(folder, "digits.int8.onnx");
    const printed = execFileSync(process.execPath, ["--import", "tsx", "examples/quantize-digits.ts", file]).toString();
    assert.match(printed, /size of the file.*right of 1000 images.*an image takes.*digits\.int8\.onnx/s);
    const bytes = readFileSync(file);
    assert.ok(bytes.length < readFileSync(MODEL).length / 2, `${bytes.length} bytes`);
    const { images } = makeDigits(500, 8);
    const [float, int8] = [readFileSync(MODEL), bytes].map((each) => found(readOnnx(each), images)) as [
      number[],
      number[],
    ];
    assert.ok(agreement(float, int8) >= 0.99, `agreement ${agreement(float, int8)}`);
    const names = readOnnx(bytes).graph.nodes.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length, "nodes have names of their own");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Numbers about 0. */
function wave(length: number, phase = 0): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(1 + phase + i * i));
}

function parameterOf(length: number): { value: Float32Array; gradient: Float32Array } {
  return { value: wave(length, 2), gradient: new Float32Array(length) };
}

/** Holds a gradient to what small changes of the numbers change: of the outputs' sum, each weighed. */
function checkGradient(compute: () => Computed, numbers: Float32Array, gradientOf: (dx: Float32Array) => Float32Array) {
  const { y, back } = compute();
  const weights = wave(y.length, 3);
  const total = () => compute().y.reduce((sum, value, i) => sum + value * (weights[i] as number), 0);
  const gradient = gradientOf(back(weights)).slice();
  numbers.forEach((value, i) => {
    const [above, below] = [value + 1e-2, value - 1e-2].map((changed) => {
      numbers[i] = changed;
      return total();
    }) as [number, number];
    numbers[i] = value;
    const slope = (above - below) / 2e-2;
    assert.ok(Math.abs(slope - (gradient[i] as number)) < 1e-2, `${i}: ${slope}, got ${gradient[i]}`);
  });
}

test("gradients of the layers are slopes", () => {
  const layer = { name: "", kernel: 3, inputs: 1, outputs: 2, stride: 2 } as const;
  const windows = windowsOf(2, 4, layer);
  const [images, weight] = [wave(2 * 16), parameterOf(18)];
  checkGradient(
    () => convolve(images, weight, windows, layer),
    weight.value,
    () => weight.gradient,
  );
  const [maps, own] = [wave(2 * 16 * 2), parameterOf(18)];
  const depthwise = () => convolve(maps, own, windows, { ...layer, inputs: 2, isDepthwise: true });
  checkGradient(depthwise, maps, (dx) => dx);
  checkGradient(depthwise, own.value, () => own.gradient);
  const [rows, matrix] = [wave(5 * 3), parameterOf(3 * 2)];
  checkGradient(
    () => multiply(rows, matrix, 3, 2),
    rows,
    (dx) => dx,
  );
  const norm = {
    gamma: parameterOf(2),
    beta: parameterOf(2),
    mean: new Float32Array(2),
    variance: new Float32Array(2),
  };
  checkGradient(
    () => normalize(maps, norm),
    maps,
    (dx) => dx,
  );
  for (const one of [norm.gamma, norm.beta])
    checkGradient(
      () => normalize(maps, norm),
      one.value,
      () => one.gradient,
    );
  checkGradient(
    () => pool(maps, 16, 2),
    maps,
    (dx) => dx,
  );
  const wide = maps.map((value) => 5 * value + 3);
  checkGradient(
    () => clip(wide),
    wide,
    (dx) => dx,
  );
});

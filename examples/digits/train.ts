// Trains the network on digits as data.ts makes them and writes digits.onnx beside this file, the same one every time:
//   node --import tsx examples/digits/train.ts

import { save, writeOnnx } from "octavo";
import { makeDigits, randomFrom, SIDE } from "./data.ts";
import {
  add,
  type Computed,
  clip,
  convolve,
  lossOf,
  multiply,
  normalize,
  type Parameter,
  pool,
  totals,
  windowsOf,
} from "./layers.ts";
import { CLASSES, FEATURES, LAYERS, type Layer, networkOf } from "./network.ts";

const SEED = 1;
const STEPS = 1000;
const BATCH = 50;
const RATE = 4e-3;

/** A parameter, and the running mean and running square of its gradient. */
interface Trained extends Parameter {
  readonly mean: Float32Array;
  readonly square: Float32Array;
}

const random = randomFrom(SEED);
const parameters = new Map<string, Trained>();

/** Running means and variances of batch norms. */
const statistics = new Map<string, Float32Array>();

/** Adds a parameter: random numbers about a middle. */
function addParameter(name: string, length: number, { middle = 0, variance = 0 }): void {
  const spread = Math.sqrt(3 * variance);
  const value = Float32Array.from({ length }, () => middle + random(-spread, spread));
  const [gradient, mean, square] = [new Float32Array(length), new Float32Array(length), new Float32Array(length)];
  parameters.set(name, { value, gradient, mean, square });
}

function addLayer({ name, kernel, inputs, outputs, isDepthwise }: Layer): void {
  const met = kernel * kernel * (isDepthwise ? 1 : inputs);
  addParameter(`${name}.weight`, met * outputs, { variance: 2 / met });
  addParameter(`${name}.gamma`, outputs, { middle: 1 });
  addParameter(`${name}.beta`, outputs, {});
  statistics.set(`${name}.mean`, new Float32Array(outputs));
  statistics.set(`${name}.variance`, new Float32Array(outputs).fill(1));
}

function parameter(name: string): Parameter {
  return parameters.get(name) as Parameter;
}

/** A layer at work. */
function compute(x: Float32Array, layer: Layer, windows: Int32Array): Computed {
  const { name } = layer;
  const statistic = (what: string) => statistics.get(`${name}.${what}`) as Float32Array;
  const sum = convolve(x, parameter(`${name}.weight`), windows, layer);
  const learned = { gamma: parameter(`${name}.gamma`), beta: parameter(`${name}.beta`) };
  const norm = { ...learned, mean: statistic("mean"), variance: statistic("variance") };
  const normed = normalize(sum.y, norm);
  const clipped = layer.isClipped ? clip(normed.y) : { y: normed.y, back: (dy: Float32Array) => dy };
  return { y: clipped.y, back: (dy) => sum.back(normed.back(clipped.back(dy))) };
}

/** All layers at work. */
function computeAll(images: Float32Array, windows: readonly Int32Array[]): Computed {
  const values = new Map<string, Float32Array>();
  let x = images;
  const computed = LAYERS.map((layer, i) => {
    const one = compute(x, layer, windows[i] as Int32Array);
    x = layer.residual ? add(one.y, values.get(layer.residual) as Float32Array) : one.y;
    values.set(layer.name, x);
    return one;
  });
  const back = (dy: Float32Array) => {
    const residuals = new Map<string, Float32Array>();
    return computed.reduceRight((gradient, one, i) => {
      const { name, residual } = LAYERS[i] as Layer;
      const added = residuals.get(name);
      const all = added ? add(gradient, added) : gradient;
      if (residual) residuals.set(residual, all);
      return one.back(all);
    }, dy);
  };
  return { y: x, back };
}

/** Logits of images. */
function logitsOf(images: Float32Array, windows: readonly Int32Array[]): Computed {
  const maps = computeAll(images, windows);
  const pooled = pool(maps.y, maps.y.length / (BATCH * FEATURES), FEATURES);
  const classes = multiply(pooled.y, parameter("classes.weight"), FEATURES, CLASSES);
  const bias = parameter("classes.bias");
  const back = (dy: Float32Array) => {
    bias.gradient.set(totals(dy, CLASSES));
    return maps.back(pooled.back(classes.back(dy)));
  };
  return { y: classes.y.map((value, i) => value + (bias.value[i % CLASSES] as number)), back };
}

/** Moves every parameter against its gradient (Adam); steps are counted from 1. */
function move(rate: number, step: number): void {
  const [keepMean, keepSquare] = [0.9, 0.999];
  const size = (rate * Math.sqrt(1 - keepSquare ** step)) / (1 - keepMean ** step);
  for (const { value, gradient, mean, square } of parameters.values()) {
    gradient.forEach((slope, i) => {
      const newMean = keepMean * (mean[i] as number) + (1 - keepMean) * slope;
      const newSquare = keepSquare * (square[i] as number) + (1 - keepSquare) * slope * slope;
      value[i] = (value[i] as number) - (size * newMean) / (Math.sqrt(newSquare) + 1e-8);
      mean[i] = newMean;
      square[i] = newSquare;
    });
  }
}

/** The windows of every layer, where it has any. */
function allWindows(): Int32Array[] {
  let side = SIDE;
  return LAYERS.map((layer) => {
    const windows = windowsOf(layer.kernel === 1 ? 0 : BATCH, side, layer);
    side /= layer.stride ?? 1;
    return windows;
  });
}

/** Every step sees new images. */
function train(): void {
  const windows = allWindows();
  let mean = Math.log(CLASSES);
  for (let step = 1; step <= STEPS; step++) {
    const { images, labels } = makeDigits(BATCH, SEED + step);
    const logits = logitsOf(images, windows);
    const { loss, gradient } = lossOf(logits.y, [...labels]);
    logits.back(gradient);
    move(RATE * (1 - (step - 1) / STEPS), step);
    mean += (loss - mean) / 50;
    if (step % 50 === 0) console.log(`step ${step} of ${STEPS}: loss ${mean.toFixed(4)}`);
  }
}

/** What the network takes: weights with their outputs first. */
function allTrained(): Map<string, Float32Array> {
  const trained = new Map([...statistics].map(([name, values]) => [name, Float32Array.from(values)]));
  for (const [name, { value }] of parameters) trained.set(name, Float32Array.from(value));
  for (const { name, outputs } of [...LAYERS, { name: "classes", outputs: CLASSES }]) {
    const { value } = parameter(`${name}.weight`);
    const inputs = value.length / outputs;
    trained.set(
      `${name}.weight`,
      value.map((_, i) => value[(i % inputs) * outputs + Math.floor(i / inputs)] as number),
    );
  }
  return trained;
}

for (const layer of LAYERS) addLayer(layer);
addParameter("classes.weight", FEATURES * CLASSES, { variance: 1 / FEATURES });
addParameter("classes.bias", CLASSES, {});
train();
await save(new URL("digits.onnx", import.meta.url), writeOnnx(networkOf(allTrained())));

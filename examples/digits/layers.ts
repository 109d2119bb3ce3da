// What layers compute, and how gradients go back through them. Activations are [pixels of all images, channels]; their
// products octavo computes.

import { type Attribute, type Model, Session, type Value } from "octavo";
import { EPSILON, type Layer } from "./network.ts";

/** Values computed, and the gradient of what they were computed from by theirs. */
export interface Computed {
  readonly y: Float32Array;
  readonly back: (dy: Float32Array) => Float32Array;
}

/** Numbers that are trained, and their gradient, which layers set. */
export interface Parameter {
  readonly value: Float32Array;
  readonly gradient: Float32Array;
}

/** What a batch norm has: what is trained, and running means and variances, which follow the batches'. */
export interface Norm {
  readonly gamma: Parameter;
  readonly beta: Parameter;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** A matrix. */
interface Matrix {
  readonly data: Float32Array;
  readonly shape: readonly [rows: number, columns: number];
}

/** How much of a running mean a batch leaves. */
const MOMENTUM = 0.98;

type Triple = [number, number, number];
type Turned = "neither" | "transA" | "transB";

/** Sessions by what they multiply. */
const sessions = new Map<string, Session>();

/** A model that multiplies matrices, one of them turned perhaps. */
function productModel(turned: Turned): Model {
  const attributes = new Map<string, Attribute>(turned === "neither" ? [] : [[turned, { kind: "int", value: 1n }]]);
  const matrix = (name: string): Value => ({ name, format: "float32", shape: ["", ""] });
  const nodes = [{ name: "", op: "Gemm", domain: "", inputs: ["a", "b"], outputs: ["y"], attributes }];
  const graph = {
    name: "product",
    nodes,
    inputs: [matrix("a"), matrix("b")],
    outputs: [matrix("y")],
    values: [],
    constants: new Map(),
  };
  return { graph, opsets: new Map([["", 13]]), ir: 8, metadata: new Map() };
}

/** The product of two matrices. */
function product(a: Matrix, b: Matrix, turned: Turned = "neither"): Float32Array {
  const key = [turned, a.shape, b.shape].join();
  const session = sessions.get(key) ?? new Session(productModel(turned));
  sessions.set(key, session);
  return session.run({ a: { format: "float32", ...a }, b: { format: "float32", ...b } }).y?.data as Float32Array;
}

/** Rows of k numbers times a weight [k, n]. */
export function multiply(x: Float32Array, { value, gradient }: Parameter, k: number, n: number): Computed {
  const rows = x.length / k;
  const [from, weight] = [{ data: x, shape: [rows, k] } as const, { data: value, shape: [k, n] } as const];
  const back = (dy: Float32Array) => {
    const to = { data: dy, shape: [rows, n] } as const;
    gradient.set(product(from, to, "transA"));
    return product(to, weight, "transB");
  };
  return { y: product(from, weight), back };
}

/** What the windows of images meet: triples of a pixel of the output, one of the input, and the place in the window. */
export function windowsOf(images: number, side: number, { kernel, stride = 1 }: Layer): Int32Array {
  const small = side / stride;
  const triples: number[] = [];
  for (let row = 0; row < images * small; row++) {
    const image = Math.floor(row / small);
    for (let column = 0; column < small; column++) {
      for (let tap = 0; tap < kernel * kernel; tap++) {
        const y = (row % small) * stride + Math.floor(tap / kernel) - 1;
        const x = column * stride + (tap % kernel) - 1;
        if (y < 0 || y >= side || x < 0 || x >= side) continue;
        triples.push(row * small + column, (image * side + y) * side + x, tap);
      }
    }
  }
  return Int32Array.from(triples);
}

/** A triple, where a pixel has so many numbers. */
function tripleAt(windows: Int32Array, i: number, size: number): Triple {
  return [(windows[i] as number) * size, (windows[i + 1] as number) * size, (windows[i + 2] as number) * size];
}

/** Each channel by a kernel of its own: weight [kernel * kernel, channels]. */
function depthwise(x: Float32Array, { value, gradient }: Parameter, windows: Int32Array, layer: Layer): Computed {
  const c = layer.outputs;
  const y = new Float32Array(x.length / (layer.stride ?? 1) ** 2);
  for (let i = 0; i < windows.length; i += 3) {
    const [to, from, tap] = tripleAt(windows, i, c);
    for (let j = 0; j < c; j++)
      y[to + j] = (y[to + j] as number) + (x[from + j] as number) * (value[tap + j] as number);
  }
  const back = (dy: Float32Array) => {
    const dx = new Float32Array(x.length);
    gradient.fill(0);
    for (let i = 0; i < windows.length; i += 3) {
      const [to, from, tap] = tripleAt(windows, i, c);
      for (let j = 0; j < c; j++) {
        const slope = dy[to + j] as number;
        gradient[tap + j] = (gradient[tap + j] as number) + (x[from + j] as number) * slope;
        dx[from + j] = (dx[from + j] as number) + (value[tap + j] as number) * slope;
      }
    }
    return dx;
  };
  return { y, back };
}

/** The windows of images of one channel, a row each. */
function gathered(x: Float32Array, windows: Int32Array, { kernel, stride = 1 }: Layer): Float32Array {
  const taps = kernel * kernel;
  const rows = new Float32Array((x.length / (stride * stride)) * taps);
  for (let i = 0; i < windows.length; i += 3) {
    const [to, from, tap] = tripleAt(windows, i, 1);
    rows[to * taps + tap] = x[from] as number;
  }
  return rows;
}

/** A convolution; back through one over the images themselves goes no gradient that anybody could use. */
export function convolve(x: Float32Array, weight: Parameter, windows: Int32Array, layer: Layer): Computed {
  if (layer.isDepthwise) return depthwise(x, weight, windows, layer);
  const rows = layer.kernel === 1 ? x : gathered(x, windows, layer);
  return multiply(rows, weight, layer.kernel * layer.kernel * layer.inputs, layer.outputs);
}

/** Sums of every channel of products at the same place. */
function sums(a: Float32Array, b: Float32Array, channels: number): Float32Array {
  const sum = new Float64Array(channels);
  for (let i = 0; i < a.length; i += channels) {
    for (let j = 0; j < channels; j++) sum[j] = (sum[j] as number) + (a[i + j] as number) * (b[i + j] as number);
  }
  return Float32Array.from(sum);
}

/** The sums of every channel. */
export function totals(x: Float32Array, channels: number): Float32Array {
  return sums(x, new Float32Array(x.length).fill(1), channels);
}

/** Each channel scaled, then shifted. */
function linear(x: Float32Array, scale: Float32Array, shift: Float32Array): Float32Array {
  const y = new Float32Array(x.length);
  for (let i = 0; i < x.length; i += scale.length) {
    for (let j = 0; j < scale.length; j++)
      y[i + j] = (x[i + j] as number) * (scale[j] as number) + (shift[j] as number);
  }
  return y;
}

/** The sum of two arrays. */
export function add(a: Float32Array, b: Float32Array): Float32Array {
  const y = new Float32Array(a.length);
  for (let i = 0; i < y.length; i++) y[i] = (a[i] as number) + (b[i] as number);
  return y;
}

function follow(running: Float32Array, now: Float32Array): void {
  now.forEach((value, i) => {
    running[i] = MOMENTUM * (running[i] as number) + (1 - MOMENTUM) * value;
  });
}

/** Batch norm by the batch's own means and variances. */
export function normalize(x: Float32Array, { gamma, beta, ...running }: Norm): Computed {
  const channels = gamma.value.length;
  const rows = x.length / channels;
  const mean = totals(x, channels).map((sum) => sum / rows);
  const centred = linear(
    x,
    mean.map(() => 1),
    mean.map((value) => -value),
  );
  const variance = sums(centred, centred, channels).map((sum) => sum / rows);
  follow(running.mean, mean);
  follow(running.variance, variance);
  const inverse = variance.map((value) => 1 / Math.sqrt(value + EPSILON));
  const normal = linear(
    centred,
    inverse,
    mean.map(() => 0),
  );
  const back = (dy: Float32Array) => {
    const [shift, scale] = [totals(dy, channels), sums(dy, normal, channels)];
    beta.gradient.set(shift);
    gamma.gradient.set(scale);
    // what moves the mean and the variance moves every value of the channel
    const common = linear(
      normal,
      scale.map((sum) => -sum / rows),
      shift.map((sum) => -sum / rows),
    );
    const factor = gamma.value.map((value, j) => value * (inverse[j] as number));
    return linear(
      add(dy, common),
      factor,
      mean.map(() => 0),
    );
  };
  return { y: linear(normal, gamma.value, beta.value), back };
}

/** ReLU6. */
export function clip(x: Float32Array): Computed {
  const y = x.map((value) => Math.max(0, Math.min(6, value)));
  return { y, back: (dy) => dy.map((value, i) => (x[i] === y[i] ? value : 0)) };
}

/** The means of images of so many pixels. */
export function pool(x: Float32Array, pixels: number, channels: number): Computed {
  const size = pixels * channels;
  const images = Array.from({ length: x.length / size }, (_, i) => x.subarray(i * size, (i + 1) * size));
  const y = Float32Array.from(
    images.flatMap((image) => [...totals(image, channels)]),
    (sum) => sum / pixels,
  );
  const back = (dy: Float32Array) =>
    x.map((_, i) => (dy[Math.floor(i / size) * channels + (i % channels)] as number) / pixels);
  return { y, back };
}

/** The mean cross-entropy of a softmax over classes, and its gradient by the logits. */
export function lossOf(logits: Float32Array, labels: readonly number[]): { loss: number; gradient: Float32Array } {
  const classes = logits.length / labels.length;
  const gradient = new Float32Array(logits.length);
  const losses = labels.map((label, i) => {
    const powers = logits.slice(i * classes, (i + 1) * classes).map(Math.exp);
    const total = powers.reduce((a, b) => a + b);
    powers.forEach((power, j) => {
      gradient[i * classes + j] = (power / total - (j === label ? 1 : 0)) / labels.length;
    });
    return -Math.log((powers[label] as number) / total);
  });
  return { loss: losses.reduce((a, b) => a + b) / labels.length, gradient };
}

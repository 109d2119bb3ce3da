// Batch norm folding through the public API: every layout and direction against the oracle bit for bit, folding against
// computing both operators, and bad input. Channel scaling beside it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FloatWeight, foldBatchNorm } from "../../src/index.ts";
import { channelRanges, scaleChannels } from "../../src/tensor/channels.ts";
import { assertBits, valuesOf } from "../kernels/harness.ts";
import { channelsOf, foldAfter, foldBefore, type Layer, outputCount } from "../reference/fold.ts";
import { anything, type Sentence, testSentences } from "./sentences.ts";

const LAYOUTS: [shape: number[], groups: number, layout: Layer["layout"]][] = [
  [[5, 7], 1, "first"],
  [[7, 5], 1, "transposed"],
  [[6, 5], 3, "transposed"],
  [[6, 2, 3], 3, "first"],
  [[6, 3, 2], 3, "last"],
  [[4, 3, 3, 2], 1, "first"],
  [[4, 3, 2, 3], 2, "last"],
  [[8, 1, 3, 3], 8, "first"],
  [[8, 3, 3, 1], 4, "last"],
  [[6, 2, 3, 3], 2, "transposed"],
  [[4, 1, 3, 3], 4, "transposed"],
  [[4, 2, 2, 2, 3], 2, "first"],
  [[1, 1, 1, 1], 1, "first"],
  [[0, 3], 1, "first"],
  [[3, 0], 1, "first"],
];

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Tame values: of -4..4, with zeros and negative ones among them. */
const tame = (n: number, seed: number) => valuesOf(n, seed, true).map((v) => (Math.abs(v) < 1000 ? v / 50 : 0));

function normOf(channels: number, seed: number) {
  return {
    gamma: tame(channels, seed).map((v, i) => (i === 0 ? 0 : v)),
    beta: tame(channels, seed + 1),
    mean: tame(channels, seed + 2),
    variance: tame(channels, seed + 3).map(Math.abs),
    epsilon: 1e-3,
  };
}

function layerOf({ shape, groups, layout, weight, bias }: Layer): FloatWeight {
  const turned = { transposed: layout === "transposed", channelsLast: layout === "last" };
  return { weight: weight as Float32Array, ...(bias && { bias: bias as Float32Array }), shape, groups, ...turned };
}

for (const [shape, groups, layout] of LAYOUTS) {
  test(`foldBatchNorm of [${shape}] in ${groups} groups, channels ${layout}`, () => {
    const bare: Layer = { weight: tame(sizeOf(shape), 1), bias: undefined, shape, groups, layout };
    const outputs = outputCount(bare);
    for (const layer of [bare, { ...bare, bias: tame(outputs, 2) }]) {
      const after = normOf(outputs, 3);
      const folded = foldBatchNorm(layerOf(layer), after);
      assertBits(folded.weight, foldAfter(layer, after).weight, "after: weight");
      assertBits(folded.bias, foldAfter(layer, after).bias, "after: bias");
      if (layout === "transposed" && shape.length > 2) continue;
      const inputs =
        layout === "transposed"
          ? (shape[0] as number)
          : (layout === "last" ? (shape.at(-1) as number) : (shape[1] as number)) * groups;
      const before = normOf(inputs, 4);
      const other = foldBatchNorm(layerOf(layer), before, { direction: "before", pads: [0, 0] });
      assertBits(other.weight, foldBefore(layer, before).weight, "before: weight");
      assertBits(other.bias, foldBefore(layer, before).bias, "before: bias");
    }
  });
}

/** y [o, steps] of x [i, steps of it] and a 1-D convolution without padding: weight [o, i / g, taps], transposed [i, o / g, taps]. */
function convolve(
  x: Float64Array[],
  weight: Float32Array,
  bias: Float32Array,
  shape: number[],
  groups: number,
  transposed: boolean,
): number[][] {
  const [first = 0, second = 0, taps = 0] = shape;
  const width = x[0]?.length ?? 0;
  const y = Array.from(bias, (b) => new Array<number>(transposed ? width + taps - 1 : width - taps + 1).fill(b));
  for (let row = 0; row < first; row++) {
    const group = Math.floor((row * groups) / first);
    for (let j = 0; j < second; j++) {
      const [o, i] = transposed ? [group * second + j, row] : [row, group * second + j];
      for (let tap = 0; tap < taps; tap++) {
        const w = weight[(row * second + j) * taps + tap] as number;
        for (let at = 0; at < width; at++) {
          const to = transposed ? at + tap : at - tap;
          const line = y[o] as number[];
          if (line[to] !== undefined) line[to] += w * ((x[i] as Float64Array)[at] as number);
        }
      }
    }
  }
  return y;
}

test("a folded operator gives what the operator and its batch norm give", () => {
  for (const [shape, groups, transposed] of [
    [[6, 4, 3], 1, false],
    [[6, 2, 3], 3, false],
    [[4, 1, 2], 4, false],
    [[6, 4, 3], 1, true],
    [[6, 2, 3], 3, true],
  ] as const) {
    for (const direction of ["after", "before"] as const) {
      if (transposed && direction === "before") continue;
      const [outputs, inputs] = transposed ? [shape[1] * groups, shape[0]] : [shape[0], shape[1] * groups];
      const weight = tame(sizeOf(shape), 20);
      const bias = tame(outputs, 21);
      const x = Array.from({ length: inputs }, (_, i) => Float64Array.from(tame(9, 22 + i)));
      const norm = normOf(direction === "after" ? outputs : inputs, 40);
      const normalize = (line: ArrayLike<number>, c: number) => {
        const a = (norm.gamma[c] as number) / Math.sqrt((norm.variance[c] as number) + norm.epsilon);
        return Float64Array.from(line, (v) => (v - (norm.mean[c] as number)) * a + (norm.beta[c] as number));
      };
      const folded = foldBatchNorm({ weight, bias, shape, groups, transposed }, norm, { direction });
      const run = (input: Float64Array[], w: Float32Array, b: Float32Array) =>
        convolve(input, w, b, [...shape], groups, transposed);
      const expected =
        direction === "after" ? run(x, weight, bias).map(normalize) : run(x.map(normalize), weight, bias);
      for (const [o, line] of run(x, folded.weight, folded.bias).entries()) {
        line.forEach((got, at) => {
          const wanted = expected[o]?.[at] as number;
          assert.ok(
            Math.abs(got - wanted) <= 1e-3 + 1e-5 * Math.abs(wanted),
            `${direction} [${shape}]: ${got}, expected ${wanted}`,
          );
        });
      }
    }
  }
});

test("a batch norm before is folded where its shift is 0, whatever the padding", () => {
  const norm = {
    gamma: Float32Array.of(2, -1),
    beta: Float32Array.of(0, 0),
    mean: Float32Array.of(0, 0),
    variance: Float32Array.of(4, 1),
    epsilon: 0,
  };
  const layer = { weight: Float32Array.of(1, 2, 3, 4), shape: [2, 2, 1, 1] };
  const folded = foldBatchNorm(layer, norm, { direction: "before", pads: [1, 1, 1, 1] });
  assert.deepEqual(folded, { weight: Float32Array.of(1, -2, 3, -4), bias: Float32Array.of(0, 0) });
  const turned = foldBatchNorm({ ...layer, transposed: true }, norm, { direction: "before" });
  assert.deepEqual(turned.weight, Float32Array.of(1, 2, -3, -4));
});

test("channels are scaled, and their magnitudes found", () => {
  for (const [shape, groups, layout] of LAYOUTS) {
    const layer: Layer = { weight: valuesOf(sizeOf(shape), 9, true), bias: undefined, shape, groups, layout };
    const weight = layer.weight as Float32Array;
    const axis = layout === "last" ? shape.length - 1 : 1;
    const channels = { shape, axis, groups };
    const channelOf = (i: number) => channelsOf(i, layer)[layout === "transposed" ? "output" : "input"];
    const count = (shape[axis] as number) * groups;
    const factors = valuesOf(count, 10, true);
    assertBits(
      scaleChannels(weight, channels, factors),
      weight.map((w, i) => w * (factors[channelOf(i)] as number)),
      `[${shape}] scaled`,
    );
    const ranges = new Float32Array(count);
    weight.forEach((w, i) => {
      ranges[channelOf(i)] = Math.max(ranges[channelOf(i)] as number, Math.abs(w));
    });
    assertBits(channelRanges(weight, channels), ranges, `[${shape}] ranges`);
  }
});

const layer = { weight: new Float32Array(24), shape: [4, 2, 3] };
const floats = (n: number, value = 1) => new Float32Array(n).fill(value);
const norm = { gamma: floats(4), beta: floats(4), mean: floats(4), variance: floats(4) };
const pair = { gamma: floats(2), beta: floats(2), mean: floats(2), variance: floats(2) };

const SENTENCES: readonly Sentence[] = [
  [
    () => foldBatchNorm(anything({ ...layer, weight: [1] }), norm),
    'TypeError: "weight" expected a Float32Array, got [1]',
  ],
  [
    () => foldBatchNorm({ ...layer, shape: [4, 2] }, norm),
    'RangeError: "shape" expected 24 values in all, got [4, 2] (8 values)',
  ],
  [
    () => foldBatchNorm(anything({ weight: floats(4) }), norm),
    'TypeError: "shape" expected an array of sizes, got undefined',
  ],
  [
    () => foldBatchNorm({ weight: floats(4), shape: [4] }, norm),
    'RangeError: "shape" expected at least two sizes, [outputs, inputs], got [4]',
  ],
  [() => foldBatchNorm({ ...layer, groups: 3 }, norm), 'RangeError: "groups" expected a divisor of 4, got 3'],
  [() => foldBatchNorm({ ...layer, groups: 0 }, norm), 'RangeError: "groups" expected an integer of 1..4, got 0'],
  [
    () => foldBatchNorm(anything({ ...layer, transposed: 1 }), norm),
    'TypeError: "transposed" expected true or false, got 1',
  ],
  [
    () => foldBatchNorm(anything({ ...layer, group: 1 }), norm),
    'TypeError: unknown option "group" of foldBatchNorm\'s weight; expected "weight", "bias", "shape", "groups", "transposed", "channelsLast"',
  ],
  [
    () => foldBatchNorm({ weight: floats(4), shape: [2, 2], transposed: true, channelsLast: true }, pair),
    'TypeError: "channelsLast" and "transposed" exclude each other: a matrix whose last axis is the inputs is not transposed',
  ],
  [
    () => foldBatchNorm({ ...layer, bias: floats(3) }, norm),
    'RangeError: "bias" expected 4 numbers, one a channel, got Float32Array(3)',
  ],
  [
    () => foldBatchNorm(layer, { ...norm, gamma: floats(2) }),
    'RangeError: "gamma" expected 4 numbers, one a channel, got Float32Array(2)',
  ],
  [
    () => foldBatchNorm(layer, { ...norm, mean: Float32Array.of(0, NaN, 0, 0) }),
    'RangeError: "mean[1]" expected a finite number, got NaN',
  ],
  [
    () => foldBatchNorm(layer, { ...norm, variance: floats(4, 0), epsilon: 0 }),
    'RangeError: "variance[0]" expected a variance that is positive with epsilon added, got 0',
  ],
  [() => foldBatchNorm(layer, { ...norm, epsilon: -1 }), 'RangeError: "epsilon" expected a finite number >= 0, got -1'],
  [() => foldBatchNorm(layer, { ...norm, epsilon: anything("1") }), 'TypeError: "epsilon" expected a number, got "1"'],
  [
    () => foldBatchNorm(layer, pair, { direction: "before", pads: [1, 1] }),
    'TypeError: "direction" and "pads" exclude each other: zero padding comes behind the batch norm, so that its shift does not reach the border',
  ],
  [
    () => foldBatchNorm({ ...layer, transposed: true }, norm, { direction: "before" }),
    'TypeError: "direction" and "transposed" exclude each other: its outputs meet different numbers of kernel taps, so that no one bias holds the batch norm\'s shift',
  ],
  [
    () => foldBatchNorm(layer, norm, { direction: anything("behind") }),
    'RangeError: "direction" expected "after" or "before", got "behind"',
  ],
  [() => foldBatchNorm(layer, norm, { pads: anything(1) }), 'TypeError: "pads" expected an array of sizes, got 1'],
  [
    () => foldBatchNorm(layer, norm, { pads: [-1] }),
    'RangeError: "pads[0]" expected an integer of 0..2147483648, got -1',
  ],
];

testSentences(SENTENCES);

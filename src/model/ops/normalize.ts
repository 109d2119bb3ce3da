// Values less a mean, times a factor: over rows, groups, channels (docs/math.md, equation 66).

import { nodeError, nodeRangeError } from "../../check.ts";
import { type Split, sizeOf, splitAt, withExtent } from "../../tensor/shape.ts";
import { floatOf, intOf, intsOf } from "../attributes.ts";
import { combiner, mapFloats, reducer } from "../float.ts";
import { inFloat32 } from "../float-row.ts";
import { FLOATS, viewsOf } from "../integers.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import { axisIn, axisOf, checkFormats, input } from "../site.ts";

/** Inputs that are floats; the first is what the first output is like. */
function inferLike(site: Site): Known {
  site.inputs.forEach((_, i) => {
    checkFormats(site, i, FLOATS);
  });
  const { format, shape } = input(site, 0);
  return { format, shape };
}

/** Fails unless an input that is there has as many values as there are of something. */
function checkLength(site: Site, i: number, length: number, each: string): void {
  const found = site.inputs[i];
  if (found && lengthOf(found) !== length) {
    throw nodeRangeError(site.node, `input ${i}`, `${length} numbers, one ${each}`, found.shape);
  }
}

/** Images [n, c, ...] by channels. */
function channelsOf(site: Site): Split {
  const { shape } = input(site, 0);
  if (shape.length < 2) throw nodeRangeError(site.node, "input 0", "a shape [n, c, ...]", shape);
  return splitAt(shape, 1);
}

/** Floats at a pointer, of scratch memory. */
function scratch(call: Call, length: number): Place {
  return { format: "float32", shape: [length], at: call.store.engine.arena.reserve(length * 4) };
}

/** Before opset 9 numbers may be given for each value of an image. */
function batchSplit(site: Site): Split {
  const { shape } = input(site, 0);
  if (shape.length === 1) return { outer: shape[0] as number, n: 1, inner: 1 };
  const { outer, n, inner } = channelsOf(site);
  const isWhole = site.version < 9 && intOf(site.node, "spatial", 1) === 0;
  return isWhole ? { outer, n: n * inner, inner: 1 } : { outer, n, inner };
}

const BATCH: Operator = inFloat32({
  infer(site) {
    const trains = site.version < 7 ? intOf(site.node, "is_test", 0) === 0 : intOf(site.node, "training_mode", 0) !== 0;
    if (trains) throw nodeError(site.node, `expected inference, got training ("is_test" 0 or "training_mode" 1)`);
    const { n } = batchSplit(site);
    for (const i of [1, 2, 3, 4]) {
      input(site, i);
      checkLength(site, i, n, "a channel");
    }
    return [inferLike(site)];
  },
  compile(call) {
    const [x, gamma, beta, mean] = [0, 1, 2, 3].map((i) => input(call, i)) as [Place, Place, Place, Place];
    const [y, variance] = [call.outputs[0] as Place, input(call, 4)];
    const { outer, n, inner } = batchSplit(call);
    const epsilon = floatOf(call.node, "epsilon", 1e-5);
    return () => {
      const factor = scratch(call, n);
      const [factors, gammas, variances] = viewsOf(call, [factor, gamma, variance]);
      for (let i = 0; i < n; i++) factors[i] = (gammas[i] as number) / Math.sqrt((variances[i] as number) + epsilon);
      const run = call.store.engine.kernels.standardize_f32_f32;
      run(x.at, y.at, outer * n, inner, mean.at, factor.at, beta.at, n);
    };
  },
});

/** Groups of channels, each with its own mean and factor; gamma and beta of a channel, or of a group. */
function compileGroups(call: Call, groups: number): () => void {
  const [x, gamma, beta, y] = [input(call, 0), input(call, 1), input(call, 2), call.outputs[0] as Place];
  const { outer, n, inner } = channelsOf(call);
  const epsilon = floatOf(call.node, "epsilon", 1e-5);
  const rows = outer * groups;
  const [inGroup, shared] = [n / Math.max(groups, 1), n / Math.max(lengthOf(gamma), 1)];
  const { kernels } = call.store.engine;
  return () => {
    const [mean, factor] = [scratch(call, rows), scratch(call, rows)];
    const [means, factors, shifts] = [scratch(call, outer * n), scratch(call, outer * n), scratch(call, outer * n)];
    kernels.moments_f32_f32(x.at, mean.at, factor.at, rows, inGroup * inner, epsilon, true);
    const [m, f, gammas, betas] = viewsOf(call, [mean, factor, gamma, beta]);
    const [to, times, plus] = viewsOf(call, [means, factors, shifts]);
    for (let i = 0; i < outer * n; i++) {
      const [group, channel] = [Math.floor(i / inGroup), Math.floor((i % n) / shared)];
      to[i] = m[group] as number;
      times[i] = (f[group] as number) * (gammas[channel] as number);
      plus[i] = betas[channel] as number;
    }
    kernels.standardize_f32_f32(x.at, y.at, outer * n, inner, means.at, factors.at, shifts.at, outer * n);
  };
}

const INSTANCE: Operator = inFloat32({
  infer(site) {
    const { n } = channelsOf(site);
    for (const i of [1, 2]) checkLength(site, i, n, "a channel");
    return [inferLike(site)];
  },
  compile: (call) => compileGroups(call, channelsOf(call).n),
});

/** How many groups there are: they divide the channels. */
function groupsOf(site: Site): number {
  const { n } = channelsOf(site);
  const groups = intOf(site.node, "num_groups", 0);
  if (groups < 1 || n % groups !== 0) throw nodeRangeError(site.node, "num_groups", `a divisor of ${n}`, groups);
  return groups;
}

const GROUP: Operator = inFloat32({
  infer(site) {
    const groups = groupsOf(site);
    const isByGroup = site.version < 21;
    for (const i of [1, 2]) {
      checkLength(site, i, isByGroup ? groups : channelsOf(site).n, isByGroup ? "a group" : "a channel");
    }
    return [inferLike(site)];
  },
  compile: (call) => compileGroups(call, groupsOf(call)),
});

/** How a row of the table of layer normalizations reads its node. */
interface Layer {
  /** Whether the mean is taken away. */
  readonly centered: boolean;
  /** Inputs: the scale, the shift, and what is added to input 0 before, skip and bias. */
  readonly gamma: number;
  readonly beta?: number;
  readonly added?: readonly number[];
  /** Which outputs are the means, the factors and the sums. */
  readonly outputs?: Readonly<{ mean: number; factor: number; sum?: number }>;
  readonly axis?: number;
}

function inferLayer(site: Site, layer: Layer): Known[] {
  const y = inferLike(site);
  const first = axisIn(site, layer.axis ?? -1);
  for (const i of [layer.gamma, layer.beta ?? layer.gamma]) checkBroadcast(site, i, y.shape.slice(first));
  for (const i of layer.added ?? []) checkBroadcast(site, i, y.shape);
  const { mean, factor, sum } = layer.outputs ?? {};
  const outputs = [y];
  const ones = y.shape.map((extent, axis) => (axis < first ? extent : 1));
  for (const i of [mean, factor]) if (i !== undefined) outputs[i] = { format: "float32", shape: ones };
  if (sum !== undefined) outputs[sum] = y;
  return outputs;
}

/** Fails unless an input, where it is there, broadcasts to a shape. */
function checkBroadcast(site: Site, i: number, shape: readonly number[]): void {
  const own = site.inputs[i]?.shape;
  if (
    own &&
    !(own.length <= shape.length && own.every((extent, k) => extent === 1 || extent === shape.at(k - own.length)))
  ) {
    throw nodeRangeError(site.node, `input ${i}`, `a shape that broadcasts to [${shape}]`, own);
  }
}

/** What puts a tensor that is added to one of a shape, or zeros, where it is read value by value. */
function spreading(call: Call, place: Place | undefined, shape: readonly number[]): () => number {
  const n = sizeOf(shape);
  const { arena } = call.store.engine;
  if (place && lengthOf(place) === n) return () => place.at;
  const add = combiner(call.store, "OPERATION_ADD", place?.shape ?? [], [], shape);
  return () => {
    const [to, zero] = [arena.reserve(n * 4), arena.zeros(16)];
    add(place?.at ?? zero, zero, to);
    return to;
  };
}

/** What adds inputs to input 0; where there is none, input 0 is the sum. */
function adding(call: Call, { added = [], outputs }: Layer): () => number {
  const x = input(call, 0);
  const terms = added.map((i) => call.inputs[i]).filter((place) => place !== undefined);
  const adds = terms.map(({ shape }) => combiner(call.store, "OPERATION_ADD", x.shape, shape, x.shape));
  const given = outputs?.sum === undefined ? undefined : call.outputs[outputs.sum];
  if (terms.length === 0) return () => x.at;
  return () => {
    const to = given?.at ?? scratch(call, lengthOf(x)).at;
    adds.forEach((add, i) => {
      add(i === 0 ? x.at : to, (terms[i] as Place).at, to);
    });
    return to;
  };
}

function compileLayer(call: Call, layer: Layer): () => void {
  const x = input(call, 0);
  const first = axisIn(call, layer.axis ?? -1);
  const shape = x.shape.slice(first);
  const [rows, n] = [sizeOf(x.shape.slice(0, first)), sizeOf(shape)];
  const epsilon = floatOf(call.node, "epsilon", layer.added ? 1e-12 : 1e-5);
  const sum = adding(call, layer);
  const gamma = spreading(call, input(call, layer.gamma), shape);
  const beta = spreading(call, layer.beta === undefined ? undefined : call.inputs[layer.beta], shape);
  const output = (i: number | undefined) => (i === undefined ? undefined : call.outputs[i]);
  const { kernels } = call.store.engine;
  return () => {
    const from = sum();
    const y = (output(0) ?? scratch(call, rows * n)).at;
    const mean = (output(layer.outputs?.mean) ?? scratch(call, rows)).at;
    const factor = (output(layer.outputs?.factor) ?? scratch(call, rows)).at;
    kernels.moments_f32_f32(from, mean, factor, rows, n, epsilon, layer.centered);
    kernels.standardize_f32_f32_columns(from, y, rows, n, mean, factor, gamma(), beta());
  };
}

function layering(layer: Layer): Operator {
  return inFloat32({ infer: (site) => inferLayer(site, layer), compile: (call) => compileLayer(call, layer) });
}

/** Numbers that are divided by: where they are 0, so is what is divided. */
function withoutZeros(call: Call, at: number, length: number): void {
  const [values] = viewsOf(call, [{ format: "float32", shape: [length], at }]);
  for (let i = 0; i < length; i++) values[i] = values[i] || 1;
}

/** Values divided by the norm along an axis. */
const NORM: Operator = inFloat32({
  infer(site) {
    axisIn(site, -1);
    const p = intOf(site.node, "p", 2);
    if (p !== 1 && p !== 2) throw nodeRangeError(site.node, "p", "1 or 2", p);
    return [inferLike(site)];
  },
  compile(call) {
    const [x, y] = [input(call, 0), call.outputs[0] as Place];
    const axis = axisIn(call, -1);
    const isSum = intOf(call.node, "p", 2) === 1;
    const one = withExtent(x.shape, axis, 1);
    const length = sizeOf(one);
    const reduce = reducer(call.store, isSum ? "REDUCTION_MAGNITUDES" : "REDUCTION_SQUARES", x.shape, [axis]);
    const divide = combiner(call.store, "OPERATION_DIV", x.shape, one, x.shape);
    return () => {
      const { at } = scratch(call, length);
      reduce(x.at, at);
      if (!isSum) mapFloats(call.store, "ACTIVATION_SQRT", at, at, length);
      withoutZeros(call, at, length);
      divide(x.at, at, y.at);
    };
  },
});

/** (x - mean) / (standard deviation + 1e-9) over axes. */
const MEAN_VARIANCE: Operator = inFloat32({
  infer(site) {
    const { length } = input(site, 0).shape;
    for (const axis of intsOf(site.node, "axes", [0, 2, 3])) axisOf(site, axis, length);
    return [inferLike(site)];
  },
  compile(call) {
    const [x, y] = [input(call, 0), call.outputs[0] as Place];
    const axes = intsOf(call.node, "axes", [0, 2, 3]).map((axis) => axisOf(call, axis, x.shape.length));
    const one = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    const [n, length] = [lengthOf(x), sizeOf(one)];
    const mean = reducer(call.store, "REDUCTION_MEAN", x.shape, axes);
    const subtract = combiner(call.store, "OPERATION_SUB", x.shape, one, x.shape);
    const divide = combiner(call.store, "OPERATION_DIV", x.shape, one, x.shape);
    return () => {
      const [numbers, squares] = [scratch(call, length).at, scratch(call, n).at];
      mean(x.at, numbers);
      subtract(x.at, numbers, y.at);
      mapFloats(call.store, "FUNCTION_SQUARE", y.at, squares, n);
      mean(squares, numbers);
      mapFloats(call.store, "ACTIVATION_SQRT", numbers, numbers, length);
      mapFloats(call.store, "FUNCTION_LINEAR", numbers, numbers, length, 1, 1e-9);
      divide(y.at, numbers, y.at);
    };
  },
});

/** x / (bias + alpha / size times the sum of squares of neighbouring channels)^beta. */
const LOCAL: Operator = inFloat32({
  infer(site) {
    channelsOf(site);
    const size = intOf(site.node, "size", 0);
    if (!(size >= 1 && size <= 65535)) throw nodeRangeError(site.node, "size", "1..65535", size);
    return [inferLike(site)];
  },
  compile(call) {
    const [x, y] = [input(call, 0), call.outputs[0] as Place];
    const { outer, n, inner } = channelsOf(call);
    const [size, length] = [intOf(call.node, "size", 1), lengthOf(x)];
    const [alpha, beta] = [floatOf(call.node, "alpha", 1e-4), floatOf(call.node, "beta", 0.75)];
    const bias = floatOf(call.node, "bias", 1);
    const axes = Int32Array.of(n, n, size, 1, 1, Math.floor((size - 1) / 2), inner, inner, 1, 1, 1, 0);
    const raise = combiner(call.store, "OPERATION_POW", [length], [], [length]);
    const divide = combiner(call.store, "OPERATION_DIV", [length], [length], [length]);
    const { kernels, arena } = call.store.engine;
    return () => {
      const [squares, sums] = [scratch(call, length).at, scratch(call, length).at];
      mapFloats(call.store, "FUNCTION_SQUARE", x.at, squares, length);
      kernels.pool_f32_f32(squares, sums, outer, arena.copy(axes), 2, false);
      mapFloats(call.store, "FUNCTION_LINEAR", sums, sums, length, alpha / size, bias);
      raise(sums, arena.copy(Float32Array.of(beta)), sums);
      divide(x.at, sums, y.at);
    };
  },
});

export const NORMALIZATIONS: Readonly<Record<string, Operator>> = {
  BatchNormalization: BATCH,
  GroupNormalization: GROUP,
  InstanceNormalization: INSTANCE,
  LRN: LOCAL,
  LayerNormalization: layering({ centered: true, gamma: 1, beta: 2, outputs: { mean: 1, factor: 2 } }),
  LpNormalization: NORM,
  MeanVarianceNormalization: MEAN_VARIANCE,
  RMSNormalization: layering({ centered: false, gamma: 1 }),
  SimplifiedLayerNormalization: layering({ centered: false, gamma: 1 }),
  "com.microsoft:SkipLayerNormalization": layering({
    centered: true,
    gamma: 2,
    beta: 3,
    added: [1, 4],
    outputs: { mean: 1, factor: 2, sum: 3 },
  }),
};

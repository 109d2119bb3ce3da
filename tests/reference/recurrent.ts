// LSTM, GRU and RNN as ONNX writes them down (docs/math.md, equation 74), in float64: one sequence, one direction at a time.
import { at } from "./at.ts";

type Numbers = ArrayLike<number>;

/** Functions of ONNX's list. */
export const FUNCTIONS: Readonly<Record<string, (x: number, alpha: number, beta: number) => number>> = {
  Affine: (x, a, b) => a * x + b,
  Elu: (x, a) => (x < 0 ? a * (Math.exp(x) - 1) : x),
  HardSigmoid: (x, a, b) => Math.min(Math.max(a * x + b, 0), 1),
  LeakyRelu: (x, a) => (x < 0 ? a * x : x),
  Relu: (x) => Math.max(x, 0),
  ScaledTanh: (x, a, b) => a * Math.tanh(b * x),
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Softplus: (x) => Math.log(1 + Math.exp(x)),
  Softsign: (x) => x / (1 + Math.abs(x)),
  Tanh: Math.tanh,
  ThresholdedRelu: (x, a) => (x > a ? x : 0),
};

export type Activation = (x: number) => number;

/** Weights of one direction, gates first. */
export interface Weights {
  readonly hidden: number;
  readonly depth: number;
  /** [gates, hidden, depth] and [gates, hidden, hidden]. */
  readonly w: Numbers;
  readonly r: Numbers;
  /** [2, gates, hidden]: of the input, of the recurrence. */
  readonly b: Numbers;
  /** [3, hidden]: of the input, output and forget gates. */
  readonly p: Numbers;
  readonly clip: number;
  readonly functions: readonly Activation[];
  readonly inputForget: boolean;
  readonly linearBeforeReset: boolean;
}

/** States: h, and c of an LSTM. */
export type States = { h: number[]; c: number[] };

type Step = (x: Numbers, states: States, weights: Weights) => States;

const clipped = (v: number, limit: number) => Math.min(Math.max(v, -limit), limit);

function dot(weights: Numbers, start: number, values: Numbers): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += at(weights, start + k) * at(values, k);
  return sum;
}

/** Gate g of unit j before its function: of the input, of the state, their biases. */
function gate(g: number, j: number, x: Numbers, h: Numbers, { w, r, b, hidden, depth }: Weights) {
  const row = g * hidden + j;
  const gates = b.length / 2 / hidden;
  return {
    input: dot(w, row * depth, x) + at(b, row),
    state: dot(r, row * hidden, h) + at(b, gates * hidden + row),
  };
}

const units = (weights: Weights, f: (j: number) => number) => Array.from({ length: weights.hidden }, (_, j) => f(j));

export const lstmStep: Step = (x, { h, c }, weights) => {
  const { p, clip, hidden, inputForget } = weights;
  const [f, g, k] = weights.functions as [Activation, Activation, Activation];
  const sum = (which: number, j: number) => {
    const { input, state } = gate(which, j, x, h, weights);
    return input + state;
  };
  const i = units(weights, (j) => f(clipped(sum(0, j) + at(p, j) * at(c, j), clip)));
  const forget = units(weights, (j) => {
    return inputForget ? 1 - at(i, j) : f(clipped(sum(2, j) + at(p, 2 * hidden + j) * at(c, j), clip));
  });
  const cell = units(weights, (j) => at(forget, j) * at(c, j) + at(i, j) * g(clipped(sum(3, j), clip)));
  const o = units(weights, (j) => f(clipped(sum(1, j) + at(p, hidden + j) * at(cell, j), clip)));
  return { h: units(weights, (j) => at(o, j) * k(at(cell, j))), c: cell };
};

export const gruStep: Step = (x, { h, c }, weights) => {
  const { clip, linearBeforeReset } = weights;
  const [f, g] = weights.functions as [Activation, Activation];
  const of = (which: number, state: Numbers) =>
    units(weights, (j) => {
      const parts = gate(which, j, x, state, weights);
      return f(clipped(parts.input + parts.state, clip));
    });
  const [z, r] = [of(0, h), of(1, h)];
  const reset = h.map((v, j) => v * at(r, j));
  const next = units(weights, (j) => {
    const late = gate(2, j, x, h, weights);
    const early = gate(2, j, x, reset, weights);
    return g(clipped(linearBeforeReset ? late.input + at(r, j) * late.state : early.input + early.state, clip));
  });
  return { h: units(weights, (j) => (1 - at(z, j)) * at(next, j) + at(z, j) * at(h, j)), c };
};

export const rnnStep: Step = (x, { h, c }, weights) => {
  const [f] = weights.functions as [Activation];
  const next = units(weights, (j) => {
    const { input, state } = gate(0, j, x, h, weights);
    return f(clipped(input + state, weights.clip));
  });
  return { h: next, c };
};

/** One sequence through one direction: outputs by step, 0 behind its end, and the states at its end. */
export function runSequence(
  step: Step,
  xs: readonly Numbers[],
  length: number,
  isReverse: boolean,
  begin: States,
  weights: Weights,
): { y: number[][]; end: States } {
  const y = xs.map(() => new Array<number>(weights.hidden).fill(0));
  let states = begin;
  for (let i = 0; i < length; i++) {
    const t = isReverse ? length - 1 - i : i;
    states = step(xs[t] as Numbers, states, weights);
    y[t] = states.h;
  }
  return { y, end: states };
}

// LSTM, GRU and RNN as rows, against tests/reference/recurrent.ts: directions, layouts, lengths, states, functions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attribute, makeNode } from "../../../src/model/graph.ts";
import { run } from "../../../src/runtime/run.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { randomWords } from "../../kernels/harness.ts";
import { FUNCTIONS, gruStep, lstmStep, rnnStep, runSequence, type Weights } from "../../reference/recurrent.ts";
import { floats, modelOf } from "../models.ts";

const KINDS = {
  LSTM: { gates: 4, step: lstmStep, functions: ["Sigmoid", "Tanh", "Tanh"] },
  GRU: { gates: 3, step: gruStep, functions: ["Sigmoid", "Tanh"] },
  RNN: { gates: 1, step: rnnStep, functions: ["Tanh"] },
} as const;

/** A case: the operator, its sizes, and what it does not leave as it is by default. */
interface Case {
  readonly op: keyof typeof KINDS;
  readonly batch: number;
  readonly steps: number;
  readonly hidden: number;
  readonly direction?: "forward" | "reverse" | "bidirectional";
  readonly isBatchFirst?: boolean;
  readonly lengths?: readonly number[];
  readonly isBare?: boolean;
  readonly clip?: number;
  readonly flag?: "input_forget" | "linear_before_reset";
  readonly activations?: readonly (readonly [name: string, alpha: number, beta: number])[];
  readonly isFed?: boolean;
}

const DEPTH = 5;

const CASES: readonly Case[] = [
  { op: "LSTM", batch: 1, steps: 4, hidden: 3, isBare: true },
  { op: "LSTM", batch: 2, steps: 3, hidden: 9 },
  { op: "LSTM", batch: 2, steps: 3, hidden: 8, direction: "reverse", lengths: [2, 3] },
  { op: "LSTM", batch: 3, steps: 4, hidden: 5, direction: "bidirectional", lengths: [4, 1, 0] },
  { op: "LSTM", batch: 2, steps: 3, hidden: 4, direction: "bidirectional", isBatchFirst: true, isFed: true },
  { op: "LSTM", batch: 1, steps: 3, hidden: 4, clip: 0.3, flag: "input_forget" },
  { op: "LSTM", batch: 1, steps: 0, hidden: 4 },
  {
    op: "LSTM",
    batch: 2,
    steps: 3,
    hidden: 4,
    activations: [
      ["HardSigmoid", 0.3, 0.4],
      ["ScaledTanh", 0.7, 1.2],
      ["Affine", 0.5, 0.1],
    ],
  },
  { op: "GRU", batch: 1, steps: 4, hidden: 3, isBare: true },
  { op: "GRU", batch: 2, steps: 3, hidden: 9, direction: "bidirectional", lengths: [3, 2] },
  { op: "GRU", batch: 3, steps: 4, hidden: 8, flag: "linear_before_reset", direction: "reverse" },
  { op: "GRU", batch: 1, steps: 4, hidden: 5, flag: "linear_before_reset", isBatchFirst: true, clip: 0.5 },
  {
    op: "GRU",
    batch: 2,
    steps: 3,
    hidden: 4,
    direction: "bidirectional",
    activations: [
      ["Sigmoid", 0, 0],
      ["Softsign", 0, 0],
      ["Elu", 0.9, 0],
      ["Softplus", 0, 0],
    ],
  },
  { op: "RNN", batch: 1, steps: 5, hidden: 3, isBare: true },
  { op: "RNN", batch: 2, steps: 3, hidden: 7, direction: "bidirectional", isFed: true },
  { op: "RNN", batch: 2, steps: 3, hidden: 4, isBatchFirst: true, activations: [["LeakyRelu", 0.2, 0]] },
  { op: "RNN", batch: 2, steps: 2, hidden: 4, activations: [["ThresholdedRelu", 0.1, 0]] },
  { op: "RNN", batch: 2, steps: 2, hidden: 4, activations: [["Relu", 0, 0]] },
];

/** Functions that take numbers of their own. */
const TAKES_ALPHA = ["Affine", "Elu", "HardSigmoid", "LeakyRelu", "ScaledTanh", "ThresholdedRelu"];
const TAKES_BETA = ["Affine", "HardSigmoid", "ScaledTanh"];

function attributesOf({ hidden, direction, isBatchFirst, clip, flag, activations }: Case): Map<string, Attribute> {
  const map = new Map<string, Attribute>([["hidden_size", { kind: "int", value: BigInt(hidden) }]]);
  if (direction) map.set("direction", { kind: "string", value: direction });
  if (isBatchFirst) map.set("layout", { kind: "int", value: 1n });
  if (clip) map.set("clip", { kind: "float", value: clip });
  if (flag) map.set(flag, { kind: "int", value: 1n });
  if (activations) {
    const numbers = (names: readonly string[], i: 1 | 2) =>
      activations.filter(([name]) => names.includes(name)).map((each) => each[i]);
    map.set("activations", { kind: "strings", value: activations.map(([name]) => name) });
    map.set("activation_alpha", { kind: "floats", value: numbers(TAKES_ALPHA, 1) });
    map.set("activation_beta", { kind: "floats", value: numbers(TAKES_BETA, 2) });
  }
  return map;
}

type Named = Record<string, Tensor>;

function tensorsOf(each: Case): Named {
  const { op, batch, steps, hidden, isBare, lengths } = each;
  const directions = each.direction === "bidirectional" ? 2 : 1;
  const { gates } = KINDS[op];
  const next = randomWords(batch * 100 + hidden);
  const tensor = (...shape: number[]) =>
    floats(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next() / 2 ** 31 - 1),
    );
  const state = each.isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  const found: Named = {
    x: each.isBatchFirst ? tensor(batch, steps, DEPTH) : tensor(steps, batch, DEPTH),
    w: tensor(directions, gates * hidden, DEPTH),
    r: tensor(directions, gates * hidden, hidden),
  };
  if (!isBare) Object.assign(found, { b: tensor(directions, 2 * gates * hidden), h: tensor(...state) });
  if (!isBare && op === "LSTM") Object.assign(found, { c: tensor(...state), p: tensor(directions, 3 * hidden) });
  if (lengths) found.lengths = { format: "int32", shape: [batch], data: Int32Array.from(lengths) };
  return found;
}

const numbersOf = (tensor: Tensor | undefined, length: number) =>
  tensor ? (tensor.data as Float32Array) : new Float32Array(length);

/** What the oracle says of all sequences and directions: by [direction][sequence]. */
function expected(each: Case, tensors: Named) {
  const { op, batch, steps, hidden } = each;
  const { gates, step, functions } = KINDS[op];
  const directions = each.direction === "bidirectional" ? 2 : 1;
  const x = numbersOf(tensors.x, 0);
  const part = (name: string, size: number, d: number) =>
    numbersOf(tensors[name], directions * size).subarray(d * size, (d + 1) * size);
  return Array.from({ length: directions }, (_, d) => {
    const own = each.activations?.slice(d * functions.length) ?? functions.map((name) => [name, 0, 0] as const);
    const weights: Weights = {
      hidden,
      depth: DEPTH,
      w: part("w", gates * hidden * DEPTH, d),
      r: part("r", gates * hidden * hidden, d),
      b: part("b", 2 * gates * hidden, d),
      p: part("p", 3 * hidden, d),
      clip: each.clip ?? Number.POSITIVE_INFINITY,
      functions: own.map(
        ([name, a, b]) =>
          (v: number) =>
            FUNCTIONS[name]?.(v, a, b) ?? Number.NaN,
      ),
      inputForget: each.flag === "input_forget",
      linearBeforeReset: each.flag === "linear_before_reset",
    };
    return Array.from({ length: batch }, (_, b) => {
      const rows = Array.from({ length: steps }, (_, t) => {
        const row = each.isBatchFirst ? b * steps + t : t * batch + b;
        return x.subarray(row * DEPTH, (row + 1) * DEPTH);
      });
      const place = each.isBatchFirst ? b * directions + d : d * batch + b;
      const begin = (name: string) =>
        Array.from(
          numbersOf(tensors[name], directions * batch * hidden).subarray(place * hidden, (place + 1) * hidden),
        );
      const isReverse = d > 0 || each.direction === "reverse";
      return runSequence(step, rows, each.lengths?.[b] ?? steps, isReverse, { h: begin("h"), c: begin("c") }, weights);
    });
  });
}

function assertNear(actual: ArrayLike<number>, i: number, wanted: readonly number[], what: string): void {
  wanted.forEach((v, j) => {
    const got = actual[i + j] as number;
    assert.ok(Math.abs(got - v) <= 2e-6 * (1 + Math.abs(v)), `${what} ${j}: expected ${v}, got ${got}`);
  });
}

for (const each of CASES) {
  test(`recurrent: ${JSON.stringify(each)}`, () => {
    const { op, batch, steps, hidden, isBatchFirst } = each;
    const tensors = tensorsOf(each);
    const named = (name: string) => (tensors[name] ? name : "");
    const inputs = ["x", "w", "r", named("b"), named("lengths"), named("h"), named("c"), named("p")];
    const outputs = op === "LSTM" ? ["y", "last", "cell"] : ["y", "last"];
    const node = { ...makeNode(op, inputs, outputs), attributes: attributesOf(each) };
    const weights = Object.entries(tensors).filter(([name]) => !each.isFed && "wrbp".includes(name));
    const constants = new Map(weights.map(([name, tensor]) => [name, tensor as never]));
    const fed = Object.fromEntries(Object.entries(tensors).filter(([name]) => !constants.has(name)));
    const graph = {
      constants,
      inputs: Object.keys(fed).map((name) => ({ name })),
      outputs: outputs.map((name) => ({ name })),
    };
    const result = run(modelOf([node], graph), fed);
    const wanted = expected(each, tensors);
    const directions = wanted.length;
    const numbers = (name: string) => result[name]?.data as Float32Array;
    const shape = isBatchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
    assert.deepEqual(result.y?.shape, shape);
    wanted.forEach((sequences, d) => {
      sequences.forEach(({ y, end }, b) => {
        y.forEach((row, t) => {
          const at = isBatchFirst ? (b * steps + t) * directions + d : (t * directions + d) * batch + b;
          assertNear(numbers("y"), at * hidden, row, `y of step ${t}, sequence ${b}, direction ${d},`);
        });
        const at = (isBatchFirst ? b * directions + d : d * batch + b) * hidden;
        assertNear(numbers("last"), at, end.h, `state of sequence ${b}, direction ${d},`);
        if (op === "LSTM") assertNear(numbers("cell"), at, end.c, `cell of sequence ${b}, direction ${d},`);
      });
    });
  });
}

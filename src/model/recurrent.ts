// What LSTM, GRU and RNN share: their sizes and functions, and the walk over steps, directions and sequences (docs/math.md,
// equation 74).

import { nodeError, nodeRangeError } from "../check.ts";
import { floatOf, floatsOf, intOf, stringOf, stringsOf } from "./attributes.ts";
import { type FunctionName, mapFloats } from "./float.ts";
import { multiples, packPanels, prepareProduct } from "./float-product.ts";
import { type Call, type Place, type Site, viewOf } from "./operator.ts";
import { floatWord, keepWords } from "./record.ts";
import { input } from "./site.ts";
import { copyAlong, transposition } from "./transpose.ts";

/** The inputs that all have, by what they are. */
export const INPUTS = { x: 0, weight: 1, recurrence: 2, bias: 3, lengths: 4, state: 5 } as const;

/** Extents. `gates`: matrices of weights for each direction. */
export interface Sizes {
  readonly steps: number;
  readonly batch: number;
  readonly depth: number;
  readonly hidden: number;
  readonly directions: number;
  readonly gates: number;
}

/** Whether the batch is the first axis of what goes in and out. */
export const isBatchFirst = ({ node }: Site) => intOf(node, "layout", 0) !== 0;

const wayOf = ({ node }: Site) => stringOf(node, "direction", "forward", ["forward", "reverse", "bidirectional"]);

/** Fails unless an input, where it is there, has a shape. */
export function checkInput(site: Site, i: number, shape: readonly number[]): void {
  const found = site.inputs[i];
  if (found && found.shape.join() !== shape.join()) {
    throw nodeError(site.node, `input ${i} expected [${shape}], got [${found.shape}]`);
  }
}

/** The extents of a node, its inputs held to them. */
export function sizesOf(site: Site, gates: number): Sizes {
  const { node } = site;
  const [x, w] = [input(site, INPUTS.x).shape, input(site, INPUTS.weight).shape];
  const directions = wayOf(site) === "bidirectional" ? 2 : 1;
  if (x.length !== 3 || w.length !== 3 || (w[1] as number) % gates > 0) {
    throw nodeError(node, `expected x and weights of three axes for ${gates} gates, got [${x}] and [${w}]`);
  }
  const [first, second, depth] = x as [number, number, number];
  const [steps, batch] = isBatchFirst(site) ? [second, first] : [first, second];
  const hidden = (w[1] as number) / gates;
  const named = intOf(node, "hidden_size", hidden);
  if (named !== hidden) throw nodeRangeError(node, "hidden_size", `${hidden}, as the weights have it`, named);
  checkInput(site, INPUTS.weight, [directions, gates * hidden, depth]);
  checkInput(site, INPUTS.recurrence, [directions, gates * hidden, hidden]);
  checkInput(site, INPUTS.bias, [directions, 2 * gates * hidden]);
  checkInput(site, INPUTS.lengths, [batch]);
  return { steps, batch, depth, hidden, directions, gates };
}

/** The shape of a state. */
export function stateShape(site: Site, { batch, hidden, directions }: Sizes): number[] {
  return isBatchFirst(site) ? [batch, directions, hidden] : [directions, batch, hidden];
}

/** A function of n values; y may be x. */
export type Apply = (x: number, y: number, n: number) => void;

/** A function of ONNX's list: the kernels that it is, one after the other, and its numbers by default. */
interface FunctionRow {
  readonly alpha?: number;
  readonly beta?: number;
  readonly kernels: (alpha: number, beta: number) => readonly (readonly [FunctionName, number?, number?])[];
}

const FUNCTIONS: Readonly<Record<string, FunctionRow>> = {
  affine: { alpha: 1, beta: 0, kernels: (alpha, beta) => [["FUNCTION_LINEAR", alpha, beta]] },
  elu: { alpha: 1, kernels: (alpha) => [["ACTIVATION_ELU", alpha]] },
  hardsigmoid: { alpha: 0.2, beta: 0.5, kernels: (alpha, beta) => [["ACTIVATION_HARD_SIGMOID", alpha, beta]] },
  leakyrelu: { alpha: 0.01, kernels: (alpha) => [["ACTIVATION_LEAKY_RELU", alpha]] },
  relu: { kernels: () => [["ACTIVATION_RELU"]] },
  scaledtanh: {
    alpha: 1,
    beta: 1,
    kernels: (alpha, beta) => [["FUNCTION_LINEAR", beta, 0], ["ACTIVATION_TANH"], ["FUNCTION_LINEAR", alpha, 0]],
  },
  sigmoid: { kernels: () => [["ACTIVATION_SIGMOID"]] },
  softplus: { kernels: () => [["ACTIVATION_SOFTPLUS"]] },
  softsign: { kernels: () => [["ACTIVATION_SOFTSIGN"]] },
  tanh: { kernels: () => [["ACTIVATION_TANH"]] },
  thresholdedrelu: { alpha: 1, kernels: (alpha) => [["FUNCTION_THRESHOLDED_RELU", alpha]] },
};

/** The kernels of a node's functions, those of one direction after those of the other. */
function kernelsOf(site: Site, defaults: readonly string[], directions: number) {
  const { node } = site;
  const count = defaults.length * directions;
  const names = stringsOf(node, "activations") ?? Array.from({ length: directions }, () => defaults).flat();
  if (names.length !== count) throw nodeRangeError(node, "activations", `${count} names`, names);
  const [alphas, betas] = [[...floatsOf(node, "activation_alpha", [])], [...floatsOf(node, "activation_beta", [])]];
  return names.map((name) => {
    const key = name.toLowerCase();
    const row = Object.hasOwn(FUNCTIONS, key) ? FUNCTIONS[key] : undefined;
    if (!row) throw nodeRangeError(node, "activations", Object.keys(FUNCTIONS).join(" or "), name);
    const alpha = row.alpha === undefined ? 0 : (alphas.shift() ?? row.alpha);
    const beta = row.beta === undefined ? 0 : (betas.shift() ?? row.beta);
    return row.kernels(alpha, beta);
  });
}

/** @throws ModelError for functions that are not ONNX's */
export function checkFunctions(site: Site, defaults: readonly string[], directions: number): void {
  kernelsOf(site, defaults, directions);
}

/** The functions of a node, those of one direction after those of the other; their inputs are clipped where it asks for it. */
export function functionsOf(call: Call, defaults: readonly string[], directions: number): Apply[] {
  return kernelsOf(call, defaults, directions).map((kernels) => (x, y, n) => {
    kernels.reduce((from, [name, alpha, beta]) => {
      mapFloats(call.store, name, from, y, n, alpha, beta);
      return y;
    }, x);
  });
}

/** Clips n values in place, where the node says so. */
export function clipOf(call: Call): (x: number, n: number) => void {
  const limit = floatOf(call.node, "clip", undefined);
  if (limit === undefined) return () => {};
  return (x, n) => mapFloats(call.store, "FUNCTION_CLIP", x, x, n, -limit, limit);
}

/** Products with the weights of some gates of a direction. */
export interface Gates {
  readonly direction: number;
  /** Which matrices. */
  readonly first: number;
  readonly count: number;
}

/** y = rows times weights, from the initial values on; pointers. */
export type Multiply = (rows: number, init: number, y: number) => void;

/** From row to row of rows and of what products begin with; `isByGate`: gates follow each other in y, rows inside of them. */
interface Form {
  readonly rows: number;
  readonly initRow: number;
  readonly isByGate: boolean;
}

/** A product with the weights of input `i`, packed once where they are constant. */
export function gateProduct(call: Call, sizes: Sizes, i: number, gates: Gates, form: Form): Multiply {
  const { store } = call;
  const { hidden } = sizes;
  const w = input(call, i);
  const length = w.shape[2] as number;
  const columns = gates.count * hidden;
  const start = (gates.direction * sizes.gates + gates.first) * hidden * length;
  const isSplit = form.isByGate && form.rows > 1 && gates.count > 1;
  const plane = form.rows * hidden;
  const targets = multiples(columns, 1).map((c) => Math.floor(c / hidden) * plane + (c % hidden));
  const product = {
    rows: form.rows,
    length,
    columns,
    aRow: length,
    aStep: 1,
    steps: multiples(length, 1),
    offsets: multiples(columns, length).map((offset) => start + offset),
    initRow: form.initRow,
    initColumns: true,
    yRow: isSplit ? hidden : columns,
    ...(isSplit && { targets }),
    finish: keepWords(store, [1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY].map(floatWord)),
  };
  const multiply = prepareProduct(store, product, w.value !== undefined);
  const panels =
    w.value && packPanels(store, product, w.value, `gates ${gates.direction} ${gates.first} ${gates.count}`);
  return (rows, init, y) => multiply([[rows, panels ?? w.at, init, 0, y]]);
}

/** Biases of the input, and of the recurrence. */
export type Biases = readonly ("input" | "recurrence")[];

/** Pointer to sums of biases of some gates; zeros where there are none. */
export function biasAt(
  call: Call,
  { gates, hidden }: Sizes,
  { direction, first, count }: Gates,
  which: Biases,
): number {
  const sums = new Float32Array(count * hidden);
  const bias = call.inputs[INPUTS.bias];
  const values = bias && (viewOf(call, bias) as Float32Array);
  for (const part of values ? which : []) {
    const from = ((2 * direction + +(part === "recurrence")) * gates + first) * hidden;
    for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (values?.[from + i] as number);
  }
  return call.store.engine.arena.copy(sums);
}

/** Projects the inputs of all steps at x by some gates, biases added; the result's pointer, and values from step to step. */
export function projection(call: Call, sizes: Sizes, gates: Gates, which: Biases) {
  const { steps, batch, hidden } = sizes;
  const form = { rows: steps * batch, initRow: 0, isByGate: false };
  const multiply = gateProduct(call, sizes, INPUTS.weight, gates, form);
  const stride = batch * gates.count * hidden * 4;
  return (x: number) => {
    const to = call.store.engine.arena.reserve(steps * stride);
    multiply(x, biasAt(call, sizes, gates, which), to);
    return (step: number) => to + step * stride;
  };
}

/** States of one direction while it runs: pointers to [batch, hidden] each. */
export type States = readonly number[];

/** Takes the inputs of all steps, a pointer; gives what replaces the states by those behind a step. */
export type Cell = (x: number) => (step: number, states: States) => void;

/** A node whose cells are ready. */
export interface Recurrence {
  readonly sizes: Sizes;
  readonly cells: readonly Cell[];
  /** Inputs that states begin with. */
  readonly initial: readonly number[];
}

/** Exchanges the batch and the axis beside it where the node has the batch first; pointer to the result. */
function turned(call: Call, shape: readonly number[], from: number, to?: number): number {
  const { engine } = call.store;
  const [first, second, ...rest] = shape as [number, number, ...number[]];
  const at = to ?? engine.arena.reserve(first * second * rest.reduce((a, b) => a * b, 4));
  copyAlong(engine, transposition(shape, [1, 0, ...rest.map((_, i) => i + 2)], 4), from, at);
  return at;
}

/** Runs all directions of a node. */
export function recurring(call: Call, { sizes, cells, initial }: Recurrence): () => void {
  const { arena } = call.store.engine;
  const { steps, batch, depth, hidden, directions } = sizes;
  const isTurned = isBatchFirst(call);
  const [y, ...last] = call.outputs;
  const n = batch * hidden;
  const states = [directions, batch, hidden];
  return () => {
    const x = input(call, INPUTS.x);
    const at = isTurned ? turned(call, [batch, steps, depth], x.at) : x.at;
    const begun = initial.map((i) => begin(call.inputs[i]));
    const all = y && (isTurned ? arena.reserve(steps * directions * n * 4) : y.at);
    cells.forEach((cell, d) => {
      const own = begun.map((each) => each + d * n * 4);
      runDirection(call, sizes, d, { cell, x: at, y: all, states: own });
    });
    if (y && isTurned) giveBatchFirst(all as number, y);
    for (const [i, state] of begun.entries()) end(state, last[i]);
  };

  /** The states of all directions before the first step, in memory of their own. */
  function begin(from: Place | undefined): number {
    if (!from) return arena.zeros(directions * n * 4);
    const to = arena.reserve(directions * n * 4);
    if (isTurned) return turned(call, [batch, directions, hidden], from.at, to);
    move(call, from.at, to, directions * n);
    return to;
  }

  function end(state: number, to: Place | undefined): void {
    if (!to) return;
    if (isTurned) turned(call, states, state, to.at);
    else move(call, state, to.at, directions * n);
  }

  /** [steps, directions, batch, hidden] as [batch, steps, directions, hidden]. */
  function giveBatchFirst(from: number, to: Place): void {
    copyAlong(call.store.engine, transposition([steps, directions, batch, hidden], [2, 0, 1, 3], 4), from, to.at);
  }
}

/** Copies n values. */
export function move(call: Call, from: number, to: number, n: number): void {
  call.store.engine.kernels.copy_axes(from, to, 0, 0, n * 4);
}

/** One direction while it runs: pointers. */
interface Direction {
  readonly cell: Cell;
  readonly x: number;
  /** Of all steps' outputs, where they are asked for. */
  readonly y: number | undefined;
  readonly states: States;
}

/** Steps through one direction. A sequence that has ended keeps its states, and its outputs are 0. */
function runDirection(call: Call, sizes: Sizes, d: number, { cell, x, y, states }: Direction): void {
  const { arena } = call.store.engine;
  const { steps, batch, hidden, directions } = sizes;
  const isReverse = d > 0 || wayOf(call) === "reverse";
  const lengths = call.inputs[INPUTS.lengths];
  const ends = lengths && Array.from(viewOf(call, lengths) as Int32Array);
  const n = batch * hidden;
  const run = cell(x);
  for (let i = 0; i < steps; i++) {
    const step = isReverse ? steps - 1 - i : i;
    arena.scope(() => {
      const ended = ends?.flatMap((end, b) => (step < end ? [] : [b * hidden * 4])) ?? [];
      const kept = ended.map((offset) => states.map((state) => saved(state + offset)));
      run(step, states);
      const out = y === undefined ? undefined : y + (step * directions + d) * n * 4;
      if (out !== undefined) move(call, states[0] as number, out, n);
      ended.forEach((offset, b) => {
        for (const [s, state] of states.entries()) move(call, kept[b]?.[s] as number, state + offset, hidden);
        if (out !== undefined) arena.view(Float32Array, out + offset, hidden).fill(0);
      });
    });
  }

  /** A copy of a state's row. */
  function saved(row: number): number {
    const to = arena.reserve(hidden * 4);
    move(call, row, to, hidden);
    return to;
  }
}

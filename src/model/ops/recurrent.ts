// LSTM, GRU and RNN (docs/math.md, equation 74).

import type { FormatName } from "../../formats.ts";
import { intOf } from "../attributes.ts";
import { combiner, mapFloats, type OperationName } from "../float.ts";
import { inFloat32 } from "../float-row.ts";
import type { Call, Operator } from "../operator.ts";
import {
  type Apply,
  type Biases,
  biasAt,
  type Cell,
  checkFunctions,
  checkInput,
  clipOf,
  functionsOf,
  gateProduct,
  INPUTS,
  isBatchFirst,
  projection,
  recurring,
  type Sizes,
  sizesOf,
  stateShape,
} from "../recurrent.ts";
import { checkFormats, input } from "../site.ts";

/** What the cells of a direction have at hand; functions and arithmetic are of [batch, hidden] values at pointers. */
interface Tools {
  readonly call: Call;
  readonly sizes: Sizes;
  readonly direction: number;
  readonly n: number;
  readonly functions: readonly Apply[];
  readonly clip: (x: number, n: number) => void;
  readonly add: Combine;
  readonly mul: Combine;
}

/** y = a op b. */
type Combine = (a: number, b: number, y: number) => void;

/** A kind of cell. */
interface Kind {
  readonly gates: number;
  /** Its functions by default. */
  readonly functions: readonly string[];
  /** Inputs that its states begin with. */
  readonly initial: readonly number[];
  cell(tools: Tools): Cell;
}

const BOTH: Biases = ["input", "recurrence"];
const PEEPHOLES = 7;

/** Adds to a gate what a state gives to it directly, where there are weights for that. */
function peephole({ call, sizes, direction, add, n }: Tools): (which: number, state: number, gate: number) => void {
  const weights = call.inputs[PEEPHOLES];
  if (!weights) return () => {};
  const shape = [sizes.batch, sizes.hidden];
  const weigh = combiner(call.store, "OPERATION_MUL", shape, [sizes.hidden], shape);
  return (which, state, gate) => {
    const product = call.store.engine.arena.reserve(n * 4);
    weigh(state, weights.at + (direction * 3 + which) * sizes.hidden * 4, product);
    add(gate, product, gate);
  };
}

function lstmCell(tools: Tools): Cell {
  const { call, sizes, direction, n, clip, add, mul } = tools;
  const [gateOf, cellOf, outOf] = tools.functions as [Apply, Apply, Apply];
  const gates = { direction, first: 0, count: 4 };
  const project = projection(call, sizes, gates, BOTH);
  const form = { rows: sizes.batch, initRow: 4 * sizes.hidden, isByGate: true };
  const recur = gateProduct(call, sizes, INPUTS.recurrence, gates, form);
  const peep = peephole(tools);
  const isCoupled = intOf(call.node, "input_forget", 0) !== 0;
  const apply = (f: Apply, gate: number) => {
    clip(gate, n);
    f(gate, gate, n);
  };
  return (x) => {
    const projected = project(x);
    return (step, states) => {
      const [h, c] = states as [number, number];
      const i = call.store.engine.arena.reserve(4 * n * 4);
      const [o, f, g] = [i + n * 4, i + 2 * n * 4, i + 3 * n * 4];
      recur(h, projected(step), i);
      peep(0, c, i);
      apply(gateOf, i);
      if (isCoupled) mapFloats(call.store, "FUNCTION_LINEAR", i, f, n, -1, 1);
      else {
        peep(2, c, f);
        apply(gateOf, f);
      }
      apply(cellOf, g);
      mul(f, c, f);
      mul(i, g, i);
      add(f, i, c);
      peep(1, c, o);
      apply(gateOf, o);
      outOf(c, h, n);
      mul(o, h, h);
    };
  };
}

/** A GRU's new state before the gate: from the state that was reset, or reset after its product. */
function renewal({
  call,
  sizes,
  direction,
  mul,
  add,
}: Tools): (x: number) => (step: number, r: number, h: number, g: number) => void {
  const isLate = intOf(call.node, "linear_before_reset", 0) !== 0;
  const gates = { direction, first: 2, count: 1 };
  const project = projection(call, sizes, gates, isLate ? ["input"] : BOTH);
  const form = { rows: sizes.batch, initRow: isLate ? 0 : sizes.hidden, isByGate: true };
  const recur = gateProduct(call, sizes, INPUTS.recurrence, gates, form);
  return (x) => {
    const projected = project(x);
    return (step, r, h, g) => {
      if (isLate) {
        recur(h, biasAt(call, sizes, gates, ["recurrence"]), g);
        mul(r, g, g);
        add(g, projected(step), g);
      } else {
        mul(r, h, r);
        recur(r, projected(step), g);
      }
    };
  };
}

function gruCell(tools: Tools): Cell {
  const { call, sizes, direction, n, clip, add, mul } = tools;
  const [gateOf, newOf] = tools.functions as [Apply, Apply];
  const gates = { direction, first: 0, count: 2 };
  const project = projection(call, sizes, gates, BOTH);
  const form = { rows: sizes.batch, initRow: 2 * sizes.hidden, isByGate: true };
  const recur = gateProduct(call, sizes, INPUTS.recurrence, gates, form);
  const renew = renewal(tools);
  return (x) => {
    const projected = project(x);
    const renewed = renew(x);
    return (step, [h = 0]) => {
      const z = call.store.engine.arena.reserve(3 * n * 4);
      const [r, g] = [z + n * 4, z + 2 * n * 4];
      recur(h, projected(step), z);
      clip(z, 2 * n);
      gateOf(z, z, 2 * n);
      renewed(step, r, h, g);
      clip(g, n);
      newOf(g, g, n);
      mul(z, h, h);
      mapFloats(call.store, "FUNCTION_LINEAR", z, z, n, -1, 1);
      mul(z, g, g);
      add(g, h, h);
    };
  };
}

function rnnCell({ call, sizes, direction, n, clip, functions: [apply] }: Tools): Cell {
  const gates = { direction, first: 0, count: 1 };
  const project = projection(call, sizes, gates, BOTH);
  const form = { rows: sizes.batch, initRow: sizes.hidden, isByGate: true };
  const recur = gateProduct(call, sizes, INPUTS.recurrence, gates, form);
  return (x) => {
    const projected = project(x);
    return (step, [h = 0]) => {
      const sums = call.store.engine.arena.reserve(n * 4);
      recur(h, projected(step), sums);
      clip(sums, n);
      apply?.(sums, h, n);
    };
  };
}

const FLOATS: readonly FormatName[] = ["float32", "float16", "bfloat16", "float64"];

/** A node's cells, one a direction. */
function cellsOf(call: Call, kind: Kind, sizes: Sizes): Cell[] {
  const functions = functionsOf(call, kind.functions, sizes.directions);
  const shape = [sizes.batch, sizes.hidden];
  const combine = (name: OperationName) => combiner(call.store, name, shape, shape, shape);
  const each = kind.functions.length;
  return Array.from({ length: sizes.directions }, (_, direction) =>
    kind.cell({
      call,
      sizes,
      direction,
      n: sizes.batch * sizes.hidden,
      functions: functions.slice(direction * each, (direction + 1) * each),
      clip: clipOf(call),
      add: combine("OPERATION_ADD"),
      mul: combine("OPERATION_MUL"),
    }),
  );
}

function recurrent(kind: Kind): Operator {
  return inFloat32({
    infer(site) {
      const { format } = input(site, INPUTS.x);
      for (const i of site.inputs.keys())
        checkFormats(site, i, i === INPUTS.lengths ? ["int32"] : i ? [format] : FLOATS);
      const sizes = sizesOf(site, kind.gates);
      const { steps, batch, hidden, directions } = sizes;
      checkFunctions(site, kind.functions, directions);
      const state = stateShape(site, sizes);
      for (const i of kind.initial) checkInput(site, i, state);
      checkInput(site, PEEPHOLES, [directions, 3 * hidden]);
      const shape = isBatchFirst(site) ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
      return [shape, ...kind.initial.map(() => state)].map((each) => ({ format, shape: each }));
    },
    compile(call) {
      const sizes = sizesOf(call, kind.gates);
      return recurring(call, { sizes, cells: cellsOf(call, kind, sizes), initial: kind.initial });
    },
  });
}

export const RECURRENTS: Readonly<Record<string, Operator>> = {
  GRU: recurrent({ gates: 3, functions: ["Sigmoid", "Tanh"], initial: [5], cell: gruCell }),
  LSTM: recurrent({ gates: 4, functions: ["Sigmoid", "Tanh", "Tanh"], initial: [5, 6], cell: lstmCell }),
  RNN: recurrent({ gates: 1, functions: ["Tanh"], initial: [5], cell: rnnCell }),
};

// Many values along axes become one, or an order.

import { nodeError, nodeRangeError } from "../../check.ts";
import type { FormatName } from "../../formats.ts";
import { sizeOf, splitAt, withExtent } from "../../tensor/shape.ts";
import { intOf } from "../attributes.ts";
import { forEachRow, jointRuns } from "../broadcast.ts";
import { combiner, type FunctionName, mapFloats, type ReductionName, reducer } from "../float.ts";
import { inFloat32 } from "../float-row.ts";
import {
  copyElements,
  type Elements,
  type Exact,
  exactOf,
  FLOATS,
  INTEGERS,
  leastOf,
  mostOf,
  viewsOf,
} from "../integers.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import { axesOf, axisIn, axisOf, checkedShape, checkFormats, input, numbersOf } from "../site.ts";

/** The same of integers: a term from a value, two terms joined, the result of all n. */
interface ExactReduction {
  readonly nothing?: (format: FormatName) => number;
  readonly term?: Exact<1>;
  readonly join: Exact;
  readonly finish?: (all: number | bigint, n: number) => number | bigint;
}

/** What becomes of the values: the kernel's reduction, then a function of the result. */
interface Reduction {
  readonly float: ReductionName;
  readonly after?: FunctionName;
  /** Absent: of floats only. */
  readonly exact?: ExactReduction;
}

const SUM = { number: (a: number, b: number) => a + b, bigint: (a: bigint, b: bigint) => a + b };
const ABS = { number: Math.abs, bigint: (a: bigint) => (a < 0n ? -a : a) };
const SQUARE = { number: (a: number) => a * a, bigint: (a: bigint) => a * a };

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  ReduceSum: { float: "REDUCTION_SUM", exact: { join: SUM } },
  ReduceMean: {
    float: "REDUCTION_MEAN",
    exact: { join: SUM, finish: (all, n) => (typeof all === "bigint" ? all / BigInt(n || 1) : Math.trunc(all / n)) },
  },
  ReduceMax: {
    float: "REDUCTION_MAXIMUM",
    exact: { nothing: leastOf, join: { number: Math.max, bigint: (a, b) => (a > b ? a : b) } },
  },
  ReduceMin: {
    float: "REDUCTION_MINIMUM",
    exact: { nothing: mostOf, join: { number: Math.min, bigint: (a, b) => (a < b ? a : b) } },
  },
  ReduceProd: {
    float: "REDUCTION_PRODUCT",
    exact: { nothing: () => 1, join: { number: Math.imul, bigint: (a, b) => a * b } },
  },
  ReduceL1: { float: "REDUCTION_MAGNITUDES", exact: { term: ABS, join: SUM } },
  ReduceL2: {
    float: "REDUCTION_SQUARES",
    after: "ACTIVATION_SQRT",
    exact: {
      term: SQUARE,
      join: SUM,
      finish: (all) =>
        typeof all === "bigint" ? BigInt(Math.trunc(Math.sqrt(Number(all)))) : Math.trunc(Math.sqrt(all)),
    },
  },
  ReduceSumSquare: { float: "REDUCTION_SQUARES", exact: { term: SQUARE, join: SUM } },
  ReduceLogSum: { float: "REDUCTION_SUM", after: "ACTIVATION_LOG" },
};

/** The axes that are reduced: listed, or all; none where the node says that a missing list means none. */
function reducedAxes(site: Site): number[] {
  const rank = input(site, 0).shape.length;
  const axes = axesOf(site, 1, "axes", rank);
  if (axes && axes.length > 0) return axes;
  const isNothing = intOf(site.node, "noop_with_empty_axes", 0) !== 0;
  return isNothing ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

/** A shape with 1 for each of some axes, or without them. */
function reducedShape(shape: readonly number[], axes: readonly number[], keeps: boolean): number[] {
  if (keeps) return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  return shape.filter((_, axis) => !axes.includes(axis));
}

function inferReduction(site: Site, formats: readonly FormatName[], axes: readonly number[]): Known[] {
  checkFormats(site, 0, formats);
  const { format, shape } = input(site, 0);
  return [{ format, shape: reducedShape(shape, axes, intOf(site.node, "keepdims", 1) !== 0) }];
}

const isNoop = (site: Site) => intOf(site.node, "noop_with_empty_axes", 0) !== 0 && reducedAxes(site).length === 0;

/** A row that reduces; by default along the axes that the node lists. */
function reducing({ float, after, exact }: Reduction, axesFor: (site: Site) => number[] = reducedAxes): Operator {
  const integers: readonly FormatName[] = exact ? [...INTEGERS, "bool"] : [];
  return inFloat32({
    values: [1],
    infer: (site) => inferReduction(site, [...FLOATS, ...integers], axesFor(site)),
    compile(call) {
      const [x, y] = [input(call, 0), call.outputs[0] as Place];
      if (isNoop(call)) return () => copyElements(call, x, y);
      const axes = axesFor(call);
      if (x.format !== "float32") return compileExact(call, exact as ExactReduction, axes);
      const reduce = reducer(call.store, float, x.shape, axes);
      return () => {
        reduce(x.at, y.at);
        if (after) mapFloats(call.store, after, y.at, y.at, lengthOf(y));
      };
    },
  });
}

/** Sums are kept in an array of their own: numbers that a float64 holds, or 64 bits that wrap. */
function compileExact(
  call: Call,
  { nothing, term, join, finish }: ExactReduction,
  axes: readonly number[],
): () => void {
  const [x, y] = [input(call, 0), call.outputs[0] as Place];
  const kept = reducedShape(x.shape, axes, true);
  const runs = jointRuns([x.shape, kept], x.shape);
  const [length, n] = [sizeOf(kept), lengthOf(x) / Math.max(sizeOf(kept), 1)];
  const [of, both] = [term && exactOf(term, x.format), exactOf(join, x.format)];
  const isWide = x.format === "int64" || x.format === "uint64";
  const first = nothing?.(x.format) ?? 0;
  const wide = BigInt(first) - (first > 2 ** 53 ? 1n : 0n); // the largest of 64 bits is no float64
  return () => {
    const [from, to] = viewsOf(call, [x, y]);
    const all = (isWide ? new Array(length).fill(wide) : new Float64Array(length).fill(first)) as Elements;
    forEachRow(runs, ([p = 0, q = 0], { extent, strides: [s = 0, t = 0] }) => {
      for (let k = 0; k < extent; k++) {
        const value = from[p + k * s] as number;
        all[q + k * t] = both(all[q + k * t] as number, of ? of(value) : value);
      }
    });
    for (let i = 0; i < length; i++) to[i] = (finish ? finish(all[i] as number, n) : all[i]) as number;
  };
}

/** log(sum of exp(x - m)) + m, m the largest value, or 0 where that is infinite. */
const LOG_SUM_EXP: Operator = inFloat32({
  values: [1],
  infer: (site) => inferReduction(site, FLOATS, reducedAxes(site)),
  compile(call) {
    const [x, y, axes] = [input(call, 0), call.outputs[0] as Place, reducedAxes(call)];
    if (isNoop(call)) return () => copyElements(call, x, y);
    const [kept, n] = [reducedShape(x.shape, axes, true), lengthOf(x)];
    const count = sizeOf(kept);
    const largest = reducer(call.store, "REDUCTION_MAXIMUM", x.shape, axes);
    const sum = reducer(call.store, "REDUCTION_SUM", x.shape, axes);
    const subtract = combiner(call.store, "OPERATION_SUB", x.shape, kept, x.shape);
    const add = combiner(call.store, "OPERATION_ADD", [count], [count], [count]);
    const { arena } = call.store.engine;
    return () => {
      const [e, m] = [arena.reserve(n * 4), arena.reserve(count * 4)];
      largest(x.at, m);
      const values = arena.view(Float32Array, m, count);
      values.forEach((value, i) => {
        if (!Number.isFinite(value)) values[i] = 0;
      });
      subtract(x.at, m, e);
      mapFloats(call.store, "ACTIVATION_EXP", e, e, n);
      sum(e, y.at);
      mapFloats(call.store, "ACTIVATION_LOG", y.at, y.at, count);
      add(y.at, m, y.at);
    };
  },
});

/** All axes behind the first two. */
function spatialAxes(site: Site): number[] {
  const { length } = input(site, 0).shape;
  if (length < 3)
    throw nodeRangeError(site.node, "input 0", "a shape [n, c, ...] of 3 axes or more", input(site, 0).shape);
  return Array.from({ length: length - 2 }, (_, i) => i + 2);
}

/** A global pool: the spatial axes stay, of extent 1. */
function pooling(reduction: Reduction): Operator {
  return { ...reducing(reduction, spatialAxes), values: [] };
}

/** Calls `visit` with the start and step of every line along an axis. */
export function forEachLine(
  shape: readonly number[],
  axis: number,
  visit: (start: number, step: number, line: number) => void,
) {
  const { outer, n, inner } = splitAt(shape, axis);
  for (let line = 0; line < outer * inner; line++) {
    visit(Math.floor(line / inner) * n * inner + (line % inner), inner, line);
  }
}

/** Where the largest or the least value is; a NaN never is. */
function extremeIndex(isMax: boolean): Operator {
  const better = isMax ? (a: number, b: number) => a > b : (a: number, b: number) => a < b;
  return inFloat32({
    infer(site) {
      checkFormats(site, 0, [...FLOATS, ...INTEGERS]);
      const { shape } = input(site, 0);
      const axis = axisIn(site);
      if (shape[axis] === 0) throw nodeError(site.node, `expected values along axis ${axis}, got [${shape}]`);
      const keeps = intOf(site.node, "keepdims", 1) !== 0;
      return [{ format: "int64", shape: reducedShape(shape, [axis], keeps) }];
    },
    compile(call) {
      const [x, y] = [input(call, 0), call.outputs[0] as Place];
      const axis = axisIn(call);
      const takesLast = intOf(call.node, "select_last_index", 0) !== 0;
      const n = x.shape[axis] as number;
      return () => {
        const [from, to] = viewsOf(call, [x, y]);
        forEachLine(x.shape, axis, (start, step, line) => {
          let best = 0;
          for (let i = 1; i < n; i++) {
            const [value, other] = [from[start + i * step] as number, from[start + best * step] as number];
            if (better(value, other) || (takesLast && value === other)) best = i;
          }
          to[line] = BigInt(best) as unknown as number;
        });
      };
    },
  });
}

/** Sums so far along an axis, each without its own value where the node says so, or from the end. */
const CUMULATIVE: Operator = inFloat32({
  values: [1],
  infer(site) {
    checkFormats(site, 0, [...FLOATS, ...INTEGERS]);
    const { format, shape } = input(site, 0);
    axisOf(site, numbersOf(site, 1)?.[0] ?? 0, shape.length);
    return [{ format, shape }];
  },
  compile(call) {
    const [x, y] = [input(call, 0), call.outputs[0] as Place];
    const axis = axisOf(call, numbersOf(call, 1)?.[0] ?? 0, x.shape.length);
    const [n, skips] = [x.shape[axis] as number, intOf(call.node, "exclusive", 0) !== 0];
    const isReverse = intOf(call.node, "reverse", 0) !== 0;
    return () => {
      const [from, to] = viewsOf(call, [x, y]);
      const zero = (typeof from[0] === "bigint" ? 0n : 0) as number;
      forEachLine(x.shape, axis, (start, step) => {
        const begin = isReverse ? start + (n - 1) * step : start;
        const by = isReverse ? -step : step;
        for (let i = 0; i < n; i++) {
          const at = begin + i * by;
          const before = i === 0 ? zero : (to[at - by] as number);
          const added = skips ? (i === 0 ? zero : (from[at - by] as number)) : (from[at] as number);
          to[at] = before + added;
        }
      });
    };
  },
});

/** How many TopK takes: an attribute before opset 10, then an input. */
function countOf(site: Site, extent: number): number {
  const k = numbersOf(site, 1)?.[0] ?? intOf(site.node, "k", -1);
  if (!(k >= 0 && k <= extent)) throw nodeRangeError(site.node, "k", `0..${extent}`, k);
  return k;
}

/** Orders indices by their values, the first of equals first; a NaN is the largest number. */
function comparing(value: (i: number) => number, isLargest: boolean): (i: number, j: number) => number {
  const above = (a: number, b: number) => a > b || (Number.isNaN(a) && !Number.isNaN(b));
  return (i, j) => {
    const [a, b] = isLargest ? [value(i), value(j)] : [value(j), value(i)];
    return above(a, b) ? -1 : above(b, a) ? 1 : i - j;
  };
}

const TOP_K: Operator = inFloat32({
  values: [1],
  infer(site) {
    checkFormats(site, 0, [...FLOATS, ...INTEGERS]);
    const { format, shape } = input(site, 0);
    const axis = axisIn(site, -1);
    const taken = checkedShape(site, withExtent(shape, axis, countOf(site, shape[axis] as number)), "int64");
    return [
      { format, shape: taken },
      { format: "int64", shape: taken },
    ];
  },
  compile(call) {
    const { format, shape } = input(call, 0);
    const axis = axisIn(call, -1);
    const [n, isLargest] = [shape[axis] as number, intOf(call.node, "largest", 1) !== 0];
    const k = countOf(call, n);
    const [values, indices] = call.outputs;
    const taken = withExtent(shape, axis, k);
    return () => {
      const spare = (each: Place | undefined, of: FormatName) =>
        each ?? { format: of, shape: taken, at: call.store.engine.arena.reserve(sizeOf(taken) * 8) };
      const places = [spare(values, format), spare(indices, "int64")] as const;
      const [from, tops, where] = viewsOf(call, [input(call, 0), ...places]);
      forEachLine(shape, axis, (start, step, line) => {
        const order = Array.from({ length: n }, (_, i) => i);
        order.sort(comparing((i) => from[start + i * step] as number, isLargest));
        const begin = Math.floor(line / step) * k * step + (line % step);
        for (let i = 0; i < k; i++) {
          tops[begin + i * step] = from[start + (order[i] as number) * step] as number;
          where[begin + i * step] = BigInt(order[i] as number) as unknown as number;
        }
      });
    };
  },
});

export const REDUCES: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(Object.entries(REDUCTIONS).map(([name, each]) => [name, reducing(each)])),
  ArgMax: extremeIndex(true),
  ArgMin: extremeIndex(false),
  CumSum: CUMULATIVE,
  GlobalAveragePool: pooling({ float: "REDUCTION_MEAN" }),
  GlobalMaxPool: pooling({ float: "REDUCTION_MAXIMUM" }),
  ReduceLogSumExp: LOG_SUM_EXP,
  TopK: TOP_K,
};

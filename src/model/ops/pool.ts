// Pooling windows over images [n, c, ...], one to three spatial axes and more (docs/math.md, equations 40 and 64).

import { nodeRangeError } from "../../check.ts";
import type { FormatName } from "../../formats.ts";
import { sizeOf } from "../../tensor/shape.ts";
import type { Axis } from "../../tensor/sliding.ts";
import { intOf } from "../attributes.ts";
import { combiner, mapFloats } from "../float.ts";
import { inFloat32 } from "../float-row.ts";
import { FLOATS, leastOf, viewsOf } from "../integers.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import { checkedShape, checkFormats, input } from "../site.ts";
import { slidingAxes } from "../windows.ts";

/** More taps along an axis, or pads, are no pooling. */
const MOST_TAPS = 65535;

const POOLED: readonly FormatName[] = [...FLOATS, "int8", "uint8"];

function poolAxes(site: Site): Axis[] {
  const { shape } = input(site, 0);
  if (shape.length < 3) throw nodeRangeError(site.node, "input 0", "a shape [n, c, ...] of 3 axes or more", shape);
  const axes = slidingAxes(site, shape.slice(2));
  const extents = axes.flatMap(({ kernel, before, after, stride }) => [kernel, before, after, stride]);
  if (extents.some((each) => each > MOST_TAPS)) {
    throw nodeRangeError(site.node, "kernel_shape", `kernels, strides and pads of at most ${MOST_TAPS}`, extents);
  }
  return axes;
}

function inferPool(site: Site, formats: readonly FormatName[]): Known {
  checkFormats(site, 0, formats);
  const { format, shape } = input(site, 0);
  const outputs = poolAxes(site).map(({ output }) => output);
  return { format, shape: checkedShape(site, [...shape.slice(0, 2), ...outputs], format) };
}

/** What pools planes from x to y: their largest values or their sums. */
function pooler(call: Call, isMax: boolean): (x: number, y: number) => void {
  const { shape } = input(call, 0);
  const axes = poolAxes(call);
  const words = Int32Array.from(
    axes.flatMap(({ input, output, kernel, stride, dilation, before }) => [
      ...[input, output, kernel],
      ...[stride, dilation, before],
    ]),
  );
  const { kernels, arena } = call.store.engine;
  const planes = sizeOf(shape.slice(0, 2));
  return (x, y) => kernels.pool_f32_f32(x, y, planes, arena.copy(words), axes.length, isMax);
}

/** How many taps each window along an axis has between two ends. */
function tapsOf({ kernel, stride, dilation, before, output }: Axis, begin: number, end: number): number[] {
  return Array.from({ length: output }, (_, i) => {
    const start = i * stride - before;
    const first = Math.max(0, Math.ceil((begin - start) / dilation));
    const past = Math.min(kernel, Math.ceil((end - start) / dilation));
    return Math.max(0, past - first);
  });
}

/** What each window's sum is divided by; one number where all are the same. */
function divisors(call: Call, axes: readonly Axis[]): Float32Array {
  const countsPads = intOf(call.node, "count_include_pad", 0) !== 0;
  const counts = axes.map((axis) => {
    const [before, after] = countsPads ? [axis.before, axis.after] : [0, 0];
    return tapsOf(axis, -before, axis.input + after);
  });
  const all = counts.reduce((some, along) => some.flatMap((a) => along.map((b) => a * b)), [1]);
  return Float32Array.from(all.every((each) => each === all[0]) ? all.slice(0, 1) : all, (each) => Math.max(each, 1));
}

const AVERAGE: Operator = inFloat32({
  infer: (site) => [inferPool(site, FLOATS)],
  compile(call) {
    const [x, y] = [input(call, 0), call.outputs[0] as Place];
    const axes = poolAxes(call);
    const counts = divisors(call, axes);
    const size = sizeOf(axes.map(({ output }) => output));
    const shape = [lengthOf(y) / Math.max(size, 1), size];
    const divide = combiner(call.store, "OPERATION_DIV", shape, [counts.length], shape);
    const pool = pooler(call, false);
    return () => {
      pool(x.at, y.at);
      divide(y.at, call.store.engine.arena.copy(counts), y.at);
    };
  },
});

/** What raises the magnitudes of n values to a power. */
function powers(call: Call, n: number, exponent: number): (x: number, y: number) => void {
  if (exponent === 1) return (x, y) => mapFloats(call.store, "FUNCTION_ABS", x, y, n);
  const raise = combiner(call.store, "OPERATION_POW", [n], [], [n]);
  return (x, y) => {
    mapFloats(call.store, "FUNCTION_ABS", x, y, n);
    raise(y, call.store.engine.arena.copy(Float32Array.of(exponent)), y);
  };
}

/** The p-th root of the sum of p-th powers of magnitudes. */
const NORM: Operator = inFloat32({
  infer: (site) => [inferPool(site, FLOATS)],
  compile(call) {
    const [x, y, p] = [input(call, 0), call.outputs[0] as Place, normOf(call)];
    const [raise, root] = [powers(call, lengthOf(x), p), powers(call, lengthOf(y), 1 / p)];
    const pool = pooler(call, false);
    return () => {
      const raised = call.store.engine.arena.reserve(lengthOf(x) * 4);
      raise(x.at, raised);
      pool(raised, y.at);
      root(y.at, y.at);
    };
  },
});

function normOf(site: Site): number {
  const p = intOf(site.node, "p", 2);
  if (!(p >= 1)) throw nodeRangeError(site.node, "p", "an integer >= 1", p);
  return p;
}

/** The norm over all spatial axes. */
const GLOBAL_NORM: Operator = inFloat32({
  infer(site) {
    checkFormats(site, 0, FLOATS);
    normOf(site);
    const { format, shape } = input(site, 0);
    return [{ format, shape: shape.map((extent, axis) => (axis < 2 ? extent : 1)) }];
  },
  compile(call) {
    const [x, y, p] = [input(call, 0), call.outputs[0] as Place, normOf(call)];
    const [raise, root] = [powers(call, lengthOf(x), p), powers(call, lengthOf(y), 1 / p)];
    const n = sizeOf(x.shape.slice(2));
    const { kernels, arena } = call.store.engine;
    return () => {
      const raised = arena.reserve(lengthOf(x) * 4);
      raise(x.at, raised);
      kernels.reduce_f32_f32(raised, y.at, lengthOf(y), n, 1, kernels.REDUCTION_SUM.value);
      root(y.at, y.at);
    };
  },
});

/** Visits every tap of every output of a plane: the output, the tap's place, and that by columns. */
function forEachTap(axes: readonly Axis[], visit: (output: number, row: number, column: number) => void): void {
  cross(axes, 0, 0, 0, 1);

  function cross([axis, ...inner]: readonly Axis[], done: number, row: number, column: number, step: number): void {
    if (!axis) {
      visit(done, row, column);
      return;
    }
    const { input, kernel, stride, dilation, before, output } = axis;
    for (let i = 0; i < output; i++) {
      for (let tap = 0; tap < kernel; tap++) {
        const at = i * stride + tap * dilation - before;
        if (at >= 0 && at < input) cross(inner, done * output + i, row * input + at, column + at * step, step * input);
      }
    }
  }
}

/** The index of an output without a number in it. */
const NOWHERE = -1n as unknown as number;

/** The largest values of any format, and where they are in the whole input. */
function compileIndexed(call: Call): () => void {
  const [x, [values, indices]] = [input(call, 0), call.outputs];
  const axes = poolAxes(call);
  const [planes, size] = [sizeOf(x.shape.slice(0, 2)), sizeOf(x.shape.slice(2))];
  const taken = sizeOf(axes.map(({ output }) => output));
  const isColumns = intOf(call.node, "storage_order", 0) !== 0;
  const least = FLOATS.includes(x.format) ? -Infinity : leastOf(x.format);
  const shape = [planes, taken];
  const spare = (each: Place | undefined, format: FormatName) =>
    each ?? { format, shape, at: call.store.engine.arena.reserve(planes * taken * 8) };
  return () => {
    const [from, to, where] = viewsOf(call, [x, spare(values, x.format), spare(indices, "int64")]);
    for (let plane = 0; plane < planes; plane++) {
      for (let i = 0; i < taken; i++) {
        to[plane * taken + i] = least;
        where[plane * taken + i] = NOWHERE;
      }
      forEachTap(axes, (output, row, column) => {
        const [y, value] = [plane * taken + output, from[plane * size + row] as number];
        const isFirst = where[y] === NOWHERE && value === least;
        if (!isFirst && !(value > (to[y] as number))) return;
        to[y] = value;
        where[y] = BigInt(plane * size + (isColumns ? column : row)) as unknown as number;
      });
    }
  };
}

const MAXIMUM: Operator = inFloat32({
  infer(site) {
    const pooled = inferPool(site, POOLED);
    return [pooled, { format: "int64", shape: pooled.shape }];
  },
  compile(call) {
    const [x, [y, indices]] = [input(call, 0), call.outputs];
    if (indices || !y || x.format !== "float32") return compileIndexed(call);
    const pool = pooler(call, true);
    return () => pool(x.at, y.at);
  },
});

export const POOLS: Readonly<Record<string, Operator>> = {
  AveragePool: AVERAGE,
  GlobalLpPool: GLOBAL_NORM,
  LpPool: NORM,
  MaxPool: MAXIMUM,
};

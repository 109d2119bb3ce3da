// Softmax along an axis, its logarithm, and the one that is largest.

import { type Split, sizeOf, splitAt } from "../../tensor/shape.ts";
import { intOf } from "../attributes.ts";
import { combiner, mapFloats, reducer } from "../float.ts";
import { inFloat32 } from "../float-row.ts";
import { FLOATS, viewsOf } from "../integers.ts";
import type { Call, Operator, Place, Site } from "../operator.ts";
import { axisOf, checkFormats, input } from "../site.ts";
import { forEachLine } from "./reduce.ts";

/** What is normalized together: one axis; before opset 13 all from it on. */
function splitOf(site: Site): Split {
  const { shape } = input(site, 0);
  const axis = intOf(site.node, "axis", site.version < 13 ? 1 : -1);
  if (shape.length === 0) return { outer: 1, n: 1, inner: 1 };
  if (site.version >= 13) return splitAt(shape, axisOf(site, axis, shape.length));
  const first = axis === shape.length ? axis : axisOf(site, axis, shape.length);
  return splitAt(shape, first, shape.length);
}

/** Along an axis that others follow: e = exp(x - m), divided by its sum; of the logarithm x - m less the sum's. */
function compileColumns(call: Call, { outer, n, inner }: Split, isLog: boolean): () => void {
  const [x, y, { store }] = [input(call, 0), call.outputs[0] as Place, call];
  const [shape, one] = [
    [outer, n, inner],
    [outer, 1, inner],
  ];
  const [count, length] = [sizeOf(one), sizeOf(shape)];
  const largest = reducer(store, "REDUCTION_MAXIMUM", shape, [1]);
  const sum = reducer(store, "REDUCTION_SUM", shape, [1]);
  const subtract = combiner(store, "OPERATION_SUB", shape, one, shape);
  const divide = combiner(store, "OPERATION_DIV", shape, one, shape);
  return () => {
    const [m, s] = [store.engine.arena.reserve(count * 4), store.engine.arena.reserve(count * 4)];
    const e = isLog ? store.engine.arena.reserve(length * 4) : y.at;
    largest(x.at, m);
    subtract(x.at, m, y.at);
    mapFloats(store, "ACTIVATION_EXP", y.at, e, length);
    sum(e, s);
    if (!isLog) return divide(e, s, y.at);
    mapFloats(store, "ACTIVATION_LOG", s, s, count);
    subtract(y.at, s, y.at);
  };
}

function softmax(isLog: boolean): Operator {
  return inFloat32({
    infer: inferSame,
    compile(call) {
      const split = splitOf(call);
      if (split.inner !== 1) return compileColumns(call, split, isLog);
      const [x, y] = [input(call, 0), call.outputs[0] as Place];
      const { kernels } = call.store.engine;
      return () => kernels.softmax_f32_f32(x.at, y.at, split.outer, split.n, isLog);
    },
  });
}

function inferSame(site: Site) {
  checkFormats(site, 0, FLOATS);
  splitOf(site);
  const { format, shape } = input(site, 0);
  return [{ format, shape }];
}

/** 1 for the first of the largest values, 0 for the others. */
const HARDMAX: Operator = inFloat32({
  infer: inferSame,
  compile(call) {
    const [x, y] = [input(call, 0), call.outputs[0] as Place];
    const { outer, n, inner } = splitOf(call);
    return () => {
      const [from, to] = viewsOf(call, [x, y]);
      forEachLine([outer, n, inner], 1, (start, step) => {
        let best = 0;
        for (let i = 0; i < n; i++) {
          to[start + i * step] = 0;
          if ((from[start + i * step] as number) > (from[start + best * step] as number)) best = i;
        }
        if (n > 0) to[start + best * step] = 1;
      });
    };
  },
});

export const SOFTMAXES: Readonly<Record<string, Operator>> = {
  Hardmax: HARDMAX,
  LogSoftmax: softmax(true),
  Softmax: softmax(false),
};

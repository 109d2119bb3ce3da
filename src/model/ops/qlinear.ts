// Functions of codes that give codes: elementwise, pools, softmax, concatenation.

import { nodeError } from "../../check.ts";
import { realActivation } from "../../tensor/activate.ts";
import { combiner } from "../../tensor/binary.ts";
import { isAlike, realStep } from "../../tensor/codemap.ts";
import type { Operand } from "../../tensor/operand.ts";
import { maxPooler, meanPooler } from "../../tensor/pool.ts";
import { averager } from "../../tensor/reduce.ts";
import type { Result } from "../../tensor/result.ts";
import { broadcastShape, sizeOf, splitAt } from "../../tensor/shape.ts";
import { softmaxer } from "../../tensor/softmax.ts";
import { inMemory } from "../../tensor/values.ts";
import type { Take } from "../../wasm/arena.ts";
import { floatOf, intOf, intsOf } from "../attributes.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import {
  checkOperand,
  codesOf,
  exchanged,
  exchangedTo,
  imageOf,
  mapper,
  programRow,
  QUANTIZED,
  type Quantized,
  resultFormat,
  resultOf,
} from "../quantized.ts";
import { axisIn, axisOf, checkFormats, input } from "../site.ts";
import { broadcastAxes, copyAlong, walkOf } from "../transpose.ts";
import { slidingAxes, threeAxes } from "../windows.ts";
import { choose } from "./elementwise.ts";
import { OWN } from "./quantizer.ts";

const { a: A, b: B } = QUANTIZED;

const sameShape = (_: Site, { shape }: Known) => shape;

/** What computes codes at y from codes at x. */
type Run = (x: number, y: number) => void;

/** A function of one tensor whose result is quantized as inputs 3 and 4 say. */
function single(
  make: (call: Call, x: Operand, y: Result, take: Take) => Run,
  shapeOf: (site: Site, x: Known) => readonly number[] = sameShape,
): Operator {
  return programRow(
    (site) => [{ format: resultFormat(site, 3, 4), shape: shapeOf(site, checkOperand(site, A)) }],
    (call, y, take) => {
      const x = input(call, 0);
      const run = make(call, codesOf(call, A), resultOf(call, y, 3, 4), take);
      return () => run(x.at, y.at);
    },
  );
}

/** A function through a table of all codes. */
const mapping = (name: "sigmoid" | "leaky_relu", alpha: (site: Site) => number = () => 0) =>
  single((call, x, y, take) => {
    const step = realActivation(x, y, name, { alpha: Math.fround(alpha(call)), beta: 0 });
    return mapper(call.store.engine, x, y, step, take);
  });

/** Pointer to codes as a shape has them that they broadcast to: a copy in scratch memory, or where they are. */
function spread({ store: { engine } }: Call, place: Place, shape: readonly number[]): number {
  const size = sizeOf(shape);
  if (size === lengthOf(place)) return place.at;
  const to = engine.arena.reserve(size);
  copyAlong(engine, walkOf(broadcastAxes(place.shape, shape), 1), place.at, to);
  return to;
}

/** A function of two tensors that broadcast. */
function pair(operation: "add" | "mul"): Operator {
  return programRow(
    (site) => {
      const [a, b] = [checkOperand(site, A), checkOperand(site, B)];
      const shape = broadcastShape(a.shape, b.shape);
      if (!shape) throw nodeError(site.node, `expected shapes that broadcast, got [${a.shape}] and [${b.shape}]`);
      return [{ format: resultFormat(site, 6, 7), shape }];
    },
    (call, y, take) => {
      const [a, b, result] = [codesOf(call, A), codesOf(call, B), resultOf(call, y, 6, 7)];
      const combine = combiner(call.store.engine, { operation, a, b, result }, take);
      return () => {
        const [p, q] = [A, B].map(({ codes }) => inMemory(spread(call, input(call, codes), y.shape), 1).source);
        if (p && q) combine(lengthOf(y), p, q, inMemory(y.at, 1).sink);
      };
    },
    (i) => i === A.codes || i === B.codes,
  );
}

/** Before opset 13 a softmax took all axes from its own on for one. */
function softmaxRows(site: Site, shape: readonly number[]) {
  const axis = axisIn(site, -1);
  return splitAt(shape, axis, intOf(site.node, "opset", 13) >= 13 ? axis + 1 : shape.length);
}

function softmaxRun(call: Call, x: Operand, y: Result, take: Take): Run {
  const { engine } = call.store;
  const { outer, n, inner } = softmaxRows(call, x.shape);
  const run = softmaxer(engine, x, n, y, take);
  return (from, to) => {
    const rows = exchanged(engine, [outer, n, inner], from);
    exchangedTo(engine, [outer, inner, n], 1, to, (at) => run(rows, at));
  };
}

function pooledAxes(site: Site, x: Known) {
  const image = imageOf(site, x);
  if (image.extents.length > 2) throw nodeError(site.node, `expected images of one or two axes, got [${x.shape}]`);
  return { ...image, axes: slidingAxes(site, image.extents) };
}

function globalMean(call: Call, x: Operand, y: Result): Run {
  const { isLast, extents } = imageOf(call, input(call, 0));
  return averager(
    call.store.engine,
    x,
    extents.map((_, i) => i + (isLast ? 1 : 2)),
    y,
  );
}

/** A pooling's image as one of two axes, its channels last. */
function planeOf(call: Call) {
  const pooled = pooledAxes(call, input(call, 0));
  const { images, channels, axes } = pooled;
  const [, rows, columns] = threeAxes(axes);
  return { ...pooled, rows, columns, shape: [images, rows.input, columns.input, channels] };
}

/** MaxPool of images that have their channels last. */
const MaxPool = programRow(
  (site) => {
    const x = checkOperand(site, { codes: 0 });
    const { shaped, axes } = pooledAxes(site, x);
    return [{ format: x.format, shape: shaped(axes.map(({ output }) => output)) }];
  },
  (call, y, take) => {
    const { rows, columns, shape } = planeOf(call);
    const run = maxPooler(call.store.engine, codesOf(call, { codes: 0 }, shape), [rows, columns], take);
    const x = input(call, 0);
    return () => run(x.at, y.at);
  },
);

function averagePool(call: Call, x: Operand, y: Result, take: Take): Run {
  const { engine } = call.store;
  const { isLast, images, channels, rows, columns, shape } = planeOf(call);
  const countIncludePad = intOf(call.node, "count_include_pad", 0) !== 0;
  const pool = meanPooler(engine, { ...x, shape }, [rows, columns], y, { countIncludePad }, take);
  if (isLast) return pool;
  return (from, to) => {
    const last = exchanged(engine, [images, channels, rows.input * columns.input], from);
    exchangedTo(engine, [images, rows.output * columns.output, channels], 1, to, (at) => pool(last, at));
  };
}

/** The axes of a mean: all, where none are named. */
function meanAxes(site: Site, { shape }: { readonly shape: readonly number[] }): number[] {
  const axes = intsOf(site.node, "axes", []).map((axis) => axisOf(site, axis, shape.length));
  return axes.length === 0 ? [...shape.keys()] : axes;
}

const QLinearReduceMean = single(
  (call, x, y) => averager(call.store.engine, x, meanAxes(call, x), y),
  (site, x) => {
    const axes = meanAxes(site, x);
    const left = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    return intOf(site.node, "keepdims", 1) !== 0 ? left : left.filter((_, axis) => !axes.includes(axis));
  },
);

/** What rescales a tensor's codes, if they have to be, and gives a pointer to them. */
function rescaler({ store: { engine } }: Call, x: Operand, result: Result, take: Take): (at: number) => number {
  if (isAlike(x, result)) return (at) => at;
  const map = mapper(
    engine,
    x,
    result,
    realStep(x, result, () => {}),
    take,
  );
  return (at) => {
    const to = engine.arena.reserve(x.length);
    map(at, to);
    return to;
  };
}

/** The tensors of a QLinearConcat: codes, scale and zero each, behind the result's scale and zero. */
function parts(site: Site): Quantized[] {
  const count = site.inputs.length - 2;
  if (count < 3 || count % 3 !== 0) {
    throw nodeError(site.node, `expected 2 inputs and 3 for every tensor, got ${site.inputs.length}`);
  }
  return Array.from({ length: count / 3 }, (_, i) => ({ codes: 3 * i + 2, scale: 3 * i + 3, zero: 3 * i + 4 }));
}

function concatAxis(site: Site): number {
  const axis = intOf(site.node, "axis", undefined);
  if (axis === undefined) throw nodeError(site.node, `expected an attribute "axis", got none`);
  return axisOf(site, axis, input(site, 2).shape.length);
}

const QLinearConcat = programRow(
  (site) => {
    const tensors = parts(site).map((part) => checkOperand(site, part));
    const axis = concatAxis(site);
    const shape = [...input(site, 2).shape];
    shape[axis] = 0;
    for (const { shape: own } of tensors) {
      const fits = own.length === shape.length && own.every((extent, i) => i === axis || extent === shape[i]);
      if (!fits) throw nodeError(site.node, `expected shapes that differ along axis ${axis} alone, got [${own}]`);
      shape[axis] = (shape[axis] as number) + (own[axis] as number);
    }
    return [{ format: resultFormat(site, 0, 1, 2), shape }];
  },
  (call, y, take) => {
    const axis = concatAxis(call);
    const result = resultOf(call, y, 0, 1);
    const row = sizeOf(y.shape.slice(axis));
    let offset = 0;
    const copies = parts(call).map((part) => {
      const operand = codesOf(call, part);
      const extent = sizeOf(operand.shape.slice(axis));
      const outer = { extent: sizeOf(operand.shape.slice(0, axis)), from: extent, to: row };
      const to = y.at + offset;
      offset += extent;
      const walk = walkOf([outer, { extent, from: 1, to: 1 }], 1);
      return { from: input(call, part.codes), rescale: rescaler(call, operand, result, take), walk, to };
    });
    return () => {
      for (const { from, rescale, walk, to } of copies) copyAlong(call.store.engine, walk, rescale(from.at), to);
    };
  },
  (i) => i > 1 && i % 3 === 2,
);

const CHOICE = { a: { codes: 1, scale: 2, zero: 3 }, b: { codes: 4, scale: 5, zero: 6 } } as const;

/** The shape of a QLinearWhere's result. */
function choiceShape(site: Site): number[] {
  checkFormats(site, 0, ["bool"]);
  const shapes = [input(site, 0), checkOperand(site, CHOICE.a), checkOperand(site, CHOICE.b)].map(({ shape }) => shape);
  const shape = shapes.reduce<number[] | undefined>((all, own) => all && broadcastShape(all, own), []);
  if (shape) return shape;
  throw nodeError(site.node, `expected shapes that broadcast, got ${shapes.map((own) => `[${own}]`).join(" and ")}`);
}

const QLinearWhere = programRow(
  (site) => [{ format: resultFormat(site, 7, 8, 1), shape: choiceShape(site) }],
  (call, y, take) => {
    const result = resultOf(call, y, 7, 8);
    const [a, b] = [CHOICE.a, CHOICE.b].map((at) => {
      const rescale = rescaler(call, codesOf(call, at), result, take);
      const from = input(call, at.codes);
      return (): Place => ({ format: y.format, shape: from.shape, at: rescale(from.at) });
    }) as [() => Place, () => Place];
    return () => choose(call, input(call, 0), a(), b(), y);
  },
  (i) => i === 0 || i === CHOICE.a.codes || i === CHOICE.b.codes,
);

const ROWS: Readonly<Record<string, Operator>> = {
  QLinearAdd: pair("add"),
  QLinearMul: pair("mul"),
  QLinearSigmoid: mapping("sigmoid"),
  QLinearLeakyRelu: mapping("leaky_relu", ({ node }) => floatOf(node, "alpha", 0.01)),
  QLinearSoftmax: single(softmaxRun, (site, x) => {
    softmaxRows(site, x.shape);
    return x.shape;
  }),
  QLinearGlobalAveragePool: single(globalMean, (site, x) => {
    const { extents, shaped } = imageOf(site, x);
    return shaped(extents.map(() => 1));
  }),
  QLinearAveragePool: single(averagePool, (site, x) => {
    const { shaped, axes } = pooledAxes(site, x);
    return shaped(axes.map(({ output }) => output));
  }),
  QLinearReduceMean,
  QLinearConcat,
  QLinearWhere,
};

/** All of them are onnxruntime's but one. */
export const QUANTIZED_FUNCTIONS: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(Object.entries(ROWS).map(([name, row]) => [`com.microsoft:${name}`, row])),
  [`${OWN}:MaxPool`]: MaxPool,
};

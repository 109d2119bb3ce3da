// Sums, means and extremes of quantized tensors over axes (docs/math.md, equations 41 and 43).

import { checkAxis, checkFlag, checkOptions, rangeError, typeError } from "../check.ts";
import { integerMultiplier } from "../quantizer.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import { type ArrayOperand, checkOperand, multiplierOf, type Operand, resultLike, withCodes } from "./operand.ts";
import { RESULT_KEYS, type Result, type ResultOptions, resultOf, resultTensor } from "./result.ts";
import { sizeOf } from "./shape.ts";
import { codeArray, type QTensor } from "./tensor.ts";
import { inMemory, PIECE, type Source, sourceOf } from "./values.ts";

/** Which axes are reduced. */
export interface AxesOptions {
  /** Default all. */
  readonly axes?: readonly number[];
  /** Whether reduced axes stay, with extent 1; default false. */
  readonly keepDims?: boolean;
}

/** Options of {@link reduceMean}. Scale, zero and format of the result default to the input's. */
export interface ReduceMeanOptions extends AxesOptions, Partial<ResultOptions> {}

/** Options of {@link reduceSum}. */
export interface ReduceSumOptions extends AxesOptions, ResultOptions {}

const AXES_KEYS = ["axes", "keepDims"] as const;
const REDUCE_KEYS = [...AXES_KEYS, ...RESULT_KEYS];

/** Neighbouring axes that are all reduced or all kept. */
interface Group {
  readonly size: number;
  readonly reduced: boolean;
}

/** A reduction as sums over the middle axis of many [run, rows, inner]. */
interface Plan {
  /** Of the result. */
  readonly shape: readonly number[];
  readonly leading: readonly Group[];
  readonly run: number;
  readonly rows: number;
  readonly inner: number;
  /** Results, and values of each. */
  readonly results: number;
  readonly count: number;
}

function checkAxes(axes: unknown, shape: readonly number[]): ReadonlySet<number> {
  if (axes === undefined) return new Set(shape.keys());
  if (!Array.isArray(axes)) throw typeError("axes", "an array of axes", axes);
  return new Set(axes.map((axis) => checkAxis(axis, shape)));
}

function groupsOf(shape: readonly number[], axes: ReadonlySet<number>): Group[] {
  const groups: Group[] = [];
  for (const [axis, size] of shape.entries()) {
    const reduced = axes.has(axis);
    const last = groups.at(-1);
    if (last?.reduced === reduced) groups[groups.length - 1] = { size: last.size * size, reduced };
    else if (size !== 1) groups.push({ size, reduced });
  }
  return groups;
}

function checkedPlan(shape: readonly number[], { axes, keepDims }: AxesOptions): Plan {
  checkFlag(keepDims, "keepDims");
  return planOf(shape, checkAxes(axes, shape), keepDims);
}

function planOf(shape: readonly number[], axes: ReadonlySet<number>, keepDims = false): Plan {
  const left = shape.map((extent, axis) => (axes.has(axis) ? 1 : extent));
  const groups = groupsOf(shape, axes);
  const take = (reduced: boolean) => (groups.at(-1)?.reduced === reduced ? (groups.pop() as Group).size : 1);
  const [inner, rows, run] = [take(false), take(true), take(false)];
  return {
    shape: keepDims ? left : left.filter((_, axis) => !axes.has(axis)),
    leading: groups,
    ...{ run, rows, inner },
    results: sizeOf(left),
    count: sizeOf(shape.filter((_, axis) => axes.has(axis))),
  };
}

/** Where the [run, inner] results begin that block i of the leading groups' indices goes to. */
function resultAt(plan: Plan, block: number): number {
  let rest = block;
  let stride = plan.run * plan.inner;
  return plan.leading.reduceRight((at, { size, reduced }) => {
    const index = rest % size;
    rest = Math.floor(rest / size);
    if (reduced) return at;
    stride *= size;
    return at + (index * stride) / size;
  }, 0);
}

/** What is done to [outer, rows, inner] codes in memory, whose results are [outer, inner] from `result` on. */
type Work = (at: number, result: number, outer: number, rows: number) => void;

/** Walks a tensor piece by piece. */
function eachPiece({ arena }: Engine, { bytes, length }: Operand, plan: Plan, source: Source, work: Work): void {
  const { run, rows, inner } = plan;
  const most = Math.max(Math.floor(PIECE / bytes / Math.max(inner, 1)), 1);
  const rowsAtOnce = Math.min(rows, most);
  const outerAtOnce = Math.max(Math.floor(most / Math.max(rows, 1)), 1);
  for (let start = 0, block = 0; start < length; start += run * rows * inner, block++) {
    const result = resultAt(plan, block);
    for (let outer = 0; outer < run; outer += outerAtOnce) {
      const count = Math.min(outerAtOnce, run - outer);
      for (let row = 0; row < rows; row += rowsAtOnce) {
        const height = Math.min(rowsAtOnce, rows - row);
        const from = start + (outer * rows + row) * inner;
        arena.scope(() => {
          work(source(from, count * height * inner), result + outer * inner, count, height);
        });
      }
    }
  }
}

/** Rescales sums to int32 codes. */
type Rescale = (sums: number, codes: number, n: number) => void;

/** Values whose steps add up to an int32. */
const mostOf = (input: Operand) => Math.floor((2 ** 31 - 1) / (2 ** input.codes.bits - 1));

/** What the rescaling of sums, or of means, is made from. */
type Rescaling = (running: Engine, input: Operand, plan: Plan, result: Result, isMean: boolean) => Rescale;

const rescaling: Rescaling = ({ kernels }, input, { count }, { scale, zero, range }, isMean) => {
  const offset = BigInt(count) * BigInt(input.zero);
  const multiplier = multiplierOf(input, scale, isMean ? Math.max(count, 1) : 1);
  const fits = +(count <= mostOf(input));
  return (sums, codes, n) =>
    kernels.rescale_i64_i32_onnx(sums, codes, n, offset, multiplier, fits, zero, range.lo, range.hi);
};

/** TensorFlow Lite's. */
const rescalingTflite: Rescaling = ({ kernels }, input, { count }, result, isMean) => {
  const { scale, zero, range, arithmetic } = result;
  const most = mostOf(input);
  if (count > most) throw rangeError("axes", `at most ${most} values a sum with "${arithmetic}"`, count);
  const offset = BigInt(count) * BigInt(input.zero);
  const { multiplier, shift } = integerMultiplierOf(input.scale / scale, isMean ? count : 1);
  const once = +(arithmetic === "tflite-single");
  return (sums, codes, n) =>
    kernels.rescale_i64_i32_tflite(sums, codes, n, offset, multiplier, shift, once, zero, range.lo, range.hi);
};

/** The multiplier of a mean of `count` values: 1 / count is drawn in, as far as the shift has room (equation 43). */
function integerMultiplierOf(real: number, count: number): { multiplier: number; shift: number } {
  const { multiplier, shift } = integerMultiplier(real);
  if (shift > 30) throw rangeError("scale", "more than the input's scale / 2^30", real);
  const down = Math.min(31 - Math.clz32(count), 31 + shift);
  return { multiplier: Number((BigInt(multiplier) << BigInt(down)) / BigInt(count)), shift: shift - down };
}

/** What sums up, or takes means, and gives int32 codes in scratch memory. */
function summer(running: Engine, input: Operand, plan: Plan, rescale: Rescale) {
  const { kernels, arena } = running;
  const sum = kernels[`sum_${input.type}_i64`];
  return (source: Source): Int32Array => {
    const sums = arena.zeros(plan.results * 8);
    eachPiece(running, input, plan, source, (at, to, outer, rows) => sum(at, sums + to * 8, outer, rows, plan.inner));
    rescale(sums, sums, plan.results);
    return arena.view(Int32Array, sums, plan.results);
  };
}

function sumOrMean(input: ArrayOperand, plan: Plan, result: Result, isMean: boolean): QTensor {
  const running = engine();
  const data = new (codeArray(result.codes))(plan.results);
  const make = result.arithmetic === "onnx" ? rescaling : rescalingTflite;
  running.arena.scope(() => {
    const rescale = make(running, input, plan, result, isMean);
    data.set(summer(running, input, plan, rescale)(sourceOf(running, input.data)));
  });
  return resultTensor(result, plan.shape, data);
}

/** What takes the means of codes at x to y over some axes. */
export function averager(
  running: Engine,
  input: Operand,
  axes: readonly number[],
  result: Result,
): (x: number, y: number) => void {
  const plan = planOf(input.shape, new Set(axes));
  checkCount(plan);
  const means = summer(running, input, plan, rescaling(running, input, plan, result, true));
  return (x, y) => {
    const codes = means(inMemory(x, input.bytes).source);
    running.arena.view(codeArray(result.codes), y, plan.results).set(codes);
  };
}

/** Axes that leave nothing to take a mean or an extreme of. */
function checkCount({ count, results }: Plan): void {
  if (count === 0 && results > 0) throw rangeError("axes", "axes that hold values", count);
}

/**
 * The mean over axes. `"onnx"` is equation 41, `"tflite"` and `"tflite-single"` are TensorFlow Lite's, with 1 / n in the
 * multiplier (equation 43).
 * @param x int8, uint8 or int16 with one scale; with "tflite" at most 2^31 / 255 (int16: 32,768) values a mean
 * @throws RangeError where there is nothing to take a mean of
 */
export function reduceMean(x: QTensor, given: ReduceMeanOptions = {}): QTensor {
  const options = checkOptions(given, REDUCE_KEYS, "reduceMean");
  const input = checkOperand(x, "x");
  const plan = checkedPlan(x.shape, options);
  checkCount(plan);
  return sumOrMean(input, plan, resultLike(options, input), true);
}

/**
 * The sum over axes, in the arithmetic chosen; an empty sum is 0.
 * @param x int8, uint8 or int16 with one scale; with "tflite" at most 2^31 / 255 (int16: 32,768) values a sum
 */
export function reduceSum(x: QTensor, given: ReduceSumOptions): QTensor {
  const options = checkOptions(given, REDUCE_KEYS, "reduceSum");
  const input = checkOperand(x, "x");
  return sumOrMean(input, checkedPlan(x.shape, options), resultOf(options, input.codes), false);
}

function extreme(x: QTensor, given: AxesOptions, of: string, flip: 0 | -1): QTensor {
  const options = checkOptions(given, AXES_KEYS, of);
  const input = checkOperand(x, "x");
  const plan = checkedPlan(x.shape, options);
  checkCount(plan);
  const running = engine();
  const data = new (codeArray(input.codes))(plan.results);
  data.fill(flip === 0 ? input.range.lo : input.range.hi);
  const largest = running.kernels[`largest_${input.type}_${input.type}` as "largest_i8_i8"];
  running.arena.scope(() => {
    const y = running.arena.copy(data);
    eachPiece(running, input, plan, sourceOf(running, input.data), (at, to, outer, rows) =>
      largest(at, y + to * input.bytes, outer, rows, plan.inner, flip),
    );
    running.arena.read(y, data);
  });
  return withCodes(x, plan.shape, data);
}

/**
 * The largest value over axes; scale, zero and format are kept.
 * @param x int8, uint8 or int16 with one scale
 * @throws RangeError where there is nothing to take a maximum of
 */
export function reduceMax(x: QTensor, options: AxesOptions = {}): QTensor {
  return extreme(x, options, "reduceMax", 0);
}

/** The least value over axes: {@link reduceMax} the other way. */
export function reduceMin(x: QTensor, options: AxesOptions = {}): QTensor {
  return extreme(x, options, "reduceMin", -1);
}

/** All axes of an image batch but the first and the last. */
function spatial(x: QTensor): AxesOptions {
  checkOperand(x, "x");
  if (x.shape.length < 3) throw rangeError("x.shape", "[n, ..., c] with an axis or more between", x.shape);
  return { axes: Array.from({ length: x.shape.length - 2 }, (_, i) => i + 1), keepDims: true };
}

/**
 * The mean of every channel of every image: [n, h, w, c] -> [n, 1, 1, c]. Options as for {@link reduceMean}.
 * @throws RangeError where there is no pixel
 */
export function globalAveragePool(x: QTensor, options: Partial<ResultOptions> = {}): QTensor {
  return reduceMean(x, { ...checkOptions(options, RESULT_KEYS, "globalAveragePool"), ...spatial(x) });
}

/** The largest value of every channel of every image: [n, h, w, c] -> [n, 1, 1, c]; scale, zero and format are kept. */
export function globalMaxPool(x: QTensor): QTensor {
  return reduceMax(x, spatial(x));
}

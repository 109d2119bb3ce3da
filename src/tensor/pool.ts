// Max and average pooling of quantized images, channels last (docs/math.md, equations 40 to 42).

import { checkFlag, checkInteger, checkIntegers, checkOptions, conflict, rangeError } from "../check.ts";
import type { Take } from "../wasm/arena.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import {
  type ArrayOperand,
  CODE_CONSTANTS,
  checkOperand,
  multiplierOf,
  type Operand,
  resultLike,
  withCodes,
} from "./operand.ts";
import { ARITHMETIC_CONSTANTS, type Clamp, type Result, type ResultOptions, resultOf, resultTensor } from "./result.ts";
import { sizeOf } from "./shape.ts";
import { type Axis, reachOf, windowsAlong } from "./sliding.ts";
import { codeArray, codeBytes, type QTensor } from "./tensor.ts";
import { inMemory, PIECE, type Sink, type Source, sinkOf, sourceOf } from "./values.ts";

/** The windows of a pooling over two axes. */
export interface WindowOptions {
  /** Height and width of the window. */
  readonly kernel: readonly [h: number, w: number];
  /** Default 1. */
  readonly strides?: readonly [h: number, w: number];
  /** Default none. Each less than the window's extent. */
  readonly pads?: readonly [top: number, left: number, bottom: number, right: number];
  /** Distance of a window's taps; default 1. */
  readonly dilations?: readonly [h: number, w: number];
  /** Whether a window that reaches beyond the pads counts, if it begins before them. */
  readonly ceil?: boolean;
}

/** Options of {@link maxPool2d}; the arithmetic only rounds the ends of the activation. */
export interface MaxPoolOptions extends WindowOptions, Pick<ResultOptions, "arithmetic"> {
  readonly activation?: Clamp;
}

/** Options of {@link averagePool2d}. Scale, zero and format of the result default to the input's. */
export interface AveragePoolOptions extends WindowOptions, Partial<ResultOptions> {
  /** Whether pads count as zeros; default false: they are left out of the mean. */
  readonly countIncludePad?: boolean;
}

const WINDOW_KEYS = ["kernel", "strides", "pads", "dilations", "ceil"] as const;
const MAX_KEYS = [...WINDOW_KEYS, "activation", "arithmetic"];
const AVERAGE_KEYS = [...MAX_KEYS, "countIncludePad", "scale", "zero", "format"];

/** Windows that lie on pads alone are none. */
function checkPads(before: number, after: number, reach: number, pads: readonly number[]): void {
  if (Math.max(before, after) >= reach) throw rangeError("pads", `less than the extent of the kernel, ${reach}`, pads);
}

/** The windows along axis i of 0 (height) and 1 (width). */
function axisOf(input: number, options: WindowOptions, i: 0 | 1): Axis {
  const [kernel, stride, dilation] = [options.kernel, options.strides ?? [1, 1], options.dilations ?? [1, 1]].map(
    (pair, k) => checkIntegers(pair, 2, 1, ["kernel", "strides", "dilations"][k] as string)[i],
  ) as [number, number, number];
  const pads = checkIntegers(options.pads ?? [0, 0, 0, 0], 4, 0, "pads");
  const [before, after] = [pads[i], pads[i + 2]] as [number, number];
  const axis = { input, kernel, stride, before, after, dilation };
  const reach = reachOf(axis);
  checkPads(before, after, reach, pads);
  const output = windowsAlong(axis, options.ceil ?? false);
  if (output !== undefined) return { ...axis, output };
  throw rangeError("kernel", `an extent of at most ${input + before + after}, the padded input's`, reach);
}

/** Height and width. */
export type PoolAxes = readonly [Axis, Axis];

/** Both axes of a checked image batch. */
function axesOf(x: QTensor, options: WindowOptions): PoolAxes {
  if (x.shape.length !== 4) throw rangeError("x.shape", "[n, h, w, c]", x.shape);
  checkFlag(options.ceil, "ceil");
  return [axisOf(x.shape[1] as number, options, 0), axisOf(x.shape[2] as number, options, 1)];
}

/** What a mean needs beyond the windows. */
interface Mean {
  readonly countIncludePad: boolean;
}

/** Means of more values than sums hold, or with multipliers beyond float32. */
function checkMean(input: Operand, [rows, columns]: PoolAxes, { scale }: Result): void {
  const most = input.bytes === 1 ? 2 ** 23 - 1 : 2 ** 15 - 1;
  const taps = rows.kernel * columns.kernel;
  if (taps > most) throw rangeError("kernel", `at most ${most} values of ${input.codes.name}`, taps);
  multiplierOf(input, scale, 1); // of one value: that of more is smaller
}

/** Windows of assembly/pool.ts. */
function windowsOf(
  { kernels }: Engine,
  [y, x]: PoolAxes,
  channels: number,
  input: Operand,
  result: Result,
  mean?: Mean,
): Int32Array {
  const fields = Int32Array.of(
    ...[kernels[CODE_CONSTANTS[input.type]].value, y.input, x.input, channels, x.output],
    ...[y.kernel, x.kernel, y.stride, x.stride, y.dilation, x.dilation, y.before, x.before],
    ...(mean?.countIncludePad
      ? [y.input + y.after, x.input + x.after, -y.before, -x.before]
      : [y.input, x.input, 0, 0]),
    ...[
      result.range.lo,
      result.range.hi,
      codeBytes(result.codes),
      input.zero,
      result.zero,
      0,
      0,
      mean ? kernels[ARITHMETIC_CONSTANTS[result.arithmetic]].value : 0,
    ],
  );
  new Float32Array(fields.buffer).set([input.scale, result.scale], fields.length - 3);
  return fields;
}

type Kernel = (x: number, y: number, windows: number, first: number, rows: number) => void;

/** A pooling: which kernel, and its windows in memory. */
interface Pooling {
  readonly kernel: Kernel;
  readonly windows: number;
}

/** Pools image by image, a band of output rows at a time. */
function pool({ arena }: Engine, input: Operand, [rows, columns]: PoolAxes, by: Pooling, source: Source, sink: Sink) {
  const [n = 0, , width = 0, channels = 0] = input.shape;
  const lineLength = width * channels;
  const reach = reachOf(rows);
  const band = Math.max(Math.floor((PIECE / (lineLength * input.bytes + 1) - reach) / rows.stride), 1);
  for (let image = 0; image < n; image++) {
    for (let first = 0; first < rows.output; first += band) {
      const count = Math.min(band, rows.output - first);
      const from = Math.max(first * rows.stride - rows.before, 0);
      const till = Math.min((first + count - 1) * rows.stride - rows.before + reach, rows.input);
      const line = (image * rows.input + from) * lineLength;
      const place = (image * rows.output + first) * columns.output * channels;
      arena.scope(() => {
        const at = source(line, Math.max(till - from, 0) * lineLength) - from * lineLength * input.bytes;
        sink(place, count * columns.output * channels, (to) => by.kernel(at, to, by.windows, first, count));
      });
    }
  }
}

/** Pools the images of an array. */
function poolArray(x: ArrayOperand, axes: PoolAxes, result: Result, kernel: Kernel, mean?: Mean) {
  const running = engine();
  const { arena } = running;
  const channels = x.shape[3] as number;
  const shape = [x.shape[0] as number, axes[0].output, axes[1].output, channels];
  const data = new (codeArray(result.codes))(sizeOf(shape));
  arena.scope(() => {
    const windows = arena.copy(windowsOf(running, axes, channels, x, result, mean));
    pool(running, x, axes, { kernel, windows }, sourceOf(running, x.data), sinkOf(running, data));
  });
  return { shape, data };
}

/**
 * The largest code of every window; pads are never the largest. Scale, zero and format are kept.
 * @param x [n, h, w, c], int8, uint8 or int16 with one scale
 * @returns [n, oh, ow, c]
 * @throws RangeError where windows do not fit: a kernel beyond the padded input, pads not below the kernel, zero strides
 */
export function maxPool2d(x: QTensor, given: MaxPoolOptions): QTensor {
  const options = checkOptions(given, MAX_KEYS, "maxPool2d");
  const input = checkOperand(x, "x");
  const axes = axesOf(x, options);
  const clamp = resultOf({ ...options, scale: input.scale, zero: input.zero }, input.codes);
  const { shape, data } = poolArray(input, axes, clamp, engine().kernels.pool_max);
  return withCodes(x, shape, data);
}

/** TensorFlow Lite's average pooling keeps its input's parameters, and leaves pads out. */
function refuseForTflite(options: AveragePoolOptions, input: Operand, result: Result): void {
  if (result.arithmetic === "onnx") return;
  const why = `arithmetic "${result.arithmetic}" keeps the input's parameters`;
  if (result.codes.name !== input.codes.name) throw conflict("format", "arithmetic", why);
  if (result.scale !== input.scale) throw conflict("scale", "arithmetic", why);
  if (result.zero !== input.zero) throw conflict("zero", "arithmetic", why);
  if (options.countIncludePad)
    throw conflict("countIncludePad", "arithmetic", `"${result.arithmetic}" leaves pads out`);
}

/** The same options along one axis. */
type Along<O extends WindowOptions> = Omit<O, "kernel" | "strides" | "pads" | "dilations"> & {
  readonly kernel: number;
  /** Default 1. */
  readonly strides?: number;
  /** Default none. */
  readonly pads?: readonly [before: number, after: number];
  /** Default 1. */
  readonly dilations?: number;
};

/** Options of {@link maxPool1d}. */
export type MaxPool1dOptions = Along<MaxPoolOptions>;

/** Options of {@link averagePool1d}. */
export type AveragePool1dOptions = Along<AveragePoolOptions>;

/** Pools [n, w, c] as [n, 1, w, c]. */
function poolAlong<O extends WindowOptions>(
  x: QTensor,
  given: Along<O>,
  keys: readonly string[],
  of: string,
  pool2d: (x: QTensor, options: O) => QTensor,
): QTensor {
  const { kernel, strides = 1, pads = [0, 0], dilations = 1, ...rest } = checkOptions(given, keys, of);
  checkOperand(x, "x");
  if (x.shape.length !== 3) throw rangeError("x.shape", "[n, w, c]", x.shape);
  for (const [name, value] of Object.entries({ kernel, strides, dilations })) checkInteger(value, 1, 2 ** 31 - 1, name);
  const [before, after] = checkIntegers(pads, 2, 0, "pads");
  const [n, w, c] = x.shape as [number, number, number];
  const along = { kernel: [1, kernel], strides: [1, strides], pads: [0, before, 0, after], dilations: [1, dilations] };
  const y = pool2d({ ...x, shape: [n, 1, w, c] }, { ...rest, ...along } as unknown as O);
  return { ...y, shape: [n, y.shape[2] as number, c] };
}

/** {@link maxPool2d} along one axis: [n, w, c] -> [n, ow, c]. */
export function maxPool1d(x: QTensor, options: MaxPool1dOptions): QTensor {
  return poolAlong(x, options, MAX_KEYS, "maxPool1d", maxPool2d);
}

/** {@link averagePool2d} along one axis: [n, w, c] -> [n, ow, c]. */
export function averagePool1d(x: QTensor, options: AveragePool1dOptions): QTensor {
  return poolAlong(x, options, AVERAGE_KEYS, "averagePool1d", averagePool2d);
}

/** What takes the largest codes of windows of images at x to y; the windows are in memory that `take` gives. */
export function maxPooler(running: Engine, input: Operand, axes: PoolAxes, take: Take): (x: number, y: number) => void {
  const result = { ...input, arithmetic: "onnx" } as const;
  const fields = windowsOf(running, axes, input.shape[3] as number, input, result);
  const by = { kernel: running.kernels.pool_max, windows: running.arena.copy(fields, take) };
  return (x, y) => pool(running, input, axes, by, inMemory(x, input.bytes).source, inMemory(y, input.bytes).sink);
}

/** What takes the means of windows of images at x to y; the windows are in memory that `take` gives. */
export function meanPooler(
  running: Engine,
  input: Operand,
  axes: PoolAxes,
  result: Result,
  mean: Mean,
  take: Take,
): (x: number, y: number) => void {
  for (const axis of axes) checkPads(axis.before, axis.after, reachOf(axis), [axis.before, axis.after]);
  checkMean(input, axes, result);
  const windows = running.arena.copy(windowsOf(running, axes, input.shape[3] as number, input, result, mean), take);
  const by = { kernel: running.kernels.pool_mean, windows };
  return (x, y) => {
    pool(running, input, axes, by, inMemory(x, input.bytes).source, inMemory(y, codeBytes(result.codes)).sink);
  };
}

/**
 * The mean of every window. `"onnx"` dequantizes, averages and quantizes in the order of equation 41; `"tflite"` divides the
 * sum of codes and keeps scale, zero and format (equation 42). A window that lies on pads alone has the code of 0.
 * @param x [n, h, w, c], int8, uint8 or int16 with one scale; windows of at most 32,767 values in int16, 2^23 - 1 in 8 bits
 * @returns [n, oh, ow, c]
 * @throws RangeError where windows do not fit; TypeError where "tflite" is asked for other parameters
 */
export function averagePool2d(x: QTensor, given: AveragePoolOptions): QTensor {
  const options = checkOptions(given, AVERAGE_KEYS, "averagePool2d");
  checkFlag(options.countIncludePad, "countIncludePad");
  const input = checkOperand(x, "x");
  const axes = axesOf(x, options);
  const result = resultLike(options, input);
  refuseForTflite(options, input, result);
  checkMean(input, axes, result);
  const mean = { countIncludePad: options.countIncludePad ?? false };
  const { shape, data } = poolArray(input, axes, result, engine().kernels.pool_mean, mean);
  return resultTensor(result, shape, data);
}

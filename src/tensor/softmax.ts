// Softmax and log-softmax of quantized tensors along an axis (docs/math.md, equations 47 and 48).

import { checkAxis, checkOptions, checkPositive, conflict, rangeError } from "../check.ts";
import { integerMultiplier } from "../quantizer.ts";
import type { Take } from "../wasm/arena.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import { type ArrayOperand, checkOperand, type Operand } from "./operand.ts";
import { RESULT_KEYS, type Result, type ResultOptions, resultOf, resultTensor } from "./result.ts";
import { eachRowPiece, mapRows, quantizeRows, type RowWork } from "./rows.ts";
import { type Split, splitAt } from "./shape.ts";
import { codeArray, codeBytes, type QTensor } from "./tensor.ts";
import { inMemory } from "./values.ts";

/**
 * Options of {@link softmax} and {@link logSoftmax}. Scale and zero default to what TensorFlow Lite has: of a softmax 2^-bits
 * from the least code up (int16 to int16: 2^-15 and 0), of a log-softmax 2^(4 - bits) from the largest code down.
 */
export interface SoftmaxOptions extends Partial<ResultOptions> {
  /** Default the last. */
  readonly axis?: number;
  /** What values are multiplied by before; a positive finite number, default 1. */
  readonly beta?: number;
}

const KEYS = ["axis", "beta", ...RESULT_KEYS];

/** What both functions derive. */
interface Plan {
  readonly input: Operand;
  readonly result: Result;
  readonly beta: number;
}

interface ArrayPlan extends Plan {
  readonly input: ArrayOperand;
  readonly rows: Split;
}

function planOf(x: QTensor, given: SoftmaxOptions, of: "softmax" | "logSoftmax"): ArrayPlan {
  const options = checkOptions(given, KEYS, of);
  const input = checkOperand(x, "x");
  const rows = splitAt(x.shape, checkAxis(options.axis ?? x.shape.length - 1, x.shape));
  const { beta = 1 } = options;
  checkPositive(beta, "beta");
  const wanted = resultOf({ ...options, scale: 1, zero: 0 }, input.codes);
  const { scale, zero } = PARAMETERS[of](input, wanted);
  const result = resultOf({ ...options, scale: options.scale ?? scale, zero: options.zero ?? zero }, input.codes);
  if (result.arithmetic !== "onnx") {
    refuse(of, input, result, { scale, zero }, rows.n);
    const [least, largest] = input.bytes === 1 ? [2 ** -26, Infinity] : [0, 163840];
    const product = beta * input.scale;
    if (!(product > least && product < largest))
      throw rangeError("beta", `beta * scale in ${least}..${largest}`, product);
  }
  return { input, result, rows, beta };
}

/** TensorFlow Lite's parameters of a result. */
const PARAMETERS = {
  softmax({ codes: { bits } }: Operand, { codes }: Result) {
    if (bits === 16 && codes.bits === 16) return { scale: 2 ** -15, zero: 0 };
    return { scale: 2 ** -codes.bits, zero: codes.signed ? -(2 ** (codes.bits - 1)) : 0 };
  },
  logSoftmax: (_: Operand, { codes: { bits, signed } }: Result) => ({
    scale: 2 ** (4 - bits),
    zero: 2 ** (signed ? bits - 1 : bits) - 1,
  }),
};

/** Values of a row whose sum fits TensorFlow Lite's int32. */
const MOST_TFLITE = { 8: 4095, 16: 65535 };

/** What TensorFlow Lite's arithmetic cannot do. */
function refuse(of: string, input: Operand, result: Result, own: { scale: number; zero: number }, depth: number): void {
  const { arithmetic } = result;
  if (of === "logSoftmax") throw rangeError("arithmetic", `"onnx" for logSoftmax`, arithmetic);
  if (input.codes.bits > result.codes.bits) throw conflict("format", "arithmetic", "16-bit codes give 16-bit codes");
  if (result.scale !== own.scale) throw conflict("scale", "arithmetic", `"${arithmetic}" has the scale ${own.scale}`);
  if (result.zero !== own.zero) throw conflict("zero", "arithmetic", `"${arithmetic}" has the zero ${own.zero}`);
  const most = MOST_TFLITE[input.codes.bits as 8 | 16];
  if (depth > most) throw rangeError("x.shape", `at most ${most} values along the axis with "${arithmetic}"`, depth);
}

/** How many differences there can be between codes; those of 16 bits are looked at, for their table would be long. */
function differences(data: QTensor["data"], { bytes }: Operand): number {
  if (bytes === 1) return 256;
  let [least, largest] = [data[0] ?? 0, data[0] ?? 0];
  for (const code of data) {
    if (code < least) least = code;
    if (code > largest) largest = code;
  }
  return largest - least + 1;
}

/** Fills a table of exponentials by difference of codes, `count` of them. */
function fillTable({ kernels }: Engine, table: number, count: number, { input, beta }: Plan): void {
  kernels.exp_f64_u32(table, count, input.scale * beta);
}

/** {@link fillTable} in TensorFlow Lite's arithmetic. */
function fillTableTflite({ kernels, arena }: Engine, table: number, count: number, { input, beta }: Plan): void {
  if (input.bytes === 1) {
    const real = Math.min(beta * input.scale * 2 ** 26, 2 ** 31 - 1);
    const { multiplier, shift } = integerMultiplier(real);
    const radius = Math.floor((31 * 2 ** 26) / 2 ** shift);
    kernels.exp_i32_u32_tflite(table, count, multiplier, shift, Math.min(radius, count));
  } else {
    const { multiplier, shift } = integerMultiplier((input.scale * beta) / (10 / 65535));
    kernels.exp_i16_u32_tflite(table, count, arena.reserve(1026), multiplier, shift);
  }
}

/** The work of a plan, with a table of exponentials by difference. */
type WorkOf = (running: Engine, plan: Plan, table: number) => RowWork;

function run(plan: ArrayPlan, workOf: WorkOf): QTensor {
  const { input, rows, result } = plan;
  const running = engine();
  const { arena } = running;
  const fill = result.arithmetic === "onnx" ? fillTable : fillTableTflite;
  return arena.scope(() => {
    const count = differences(input.data, input);
    const table = arena.reserve(count * 4);
    fill(running, table, count, plan);
    const data = mapRows(running, input, rows, result, workOf(running, plan, table));
    return resultTensor(result, input.shape.slice(), data);
  });
}

const probabilities: WorkOf =
  (running, { result }, table) =>
  (at, rows, depth, to) => {
    const { kernels } = running;
    kernels.look_up_f32_u32(at, at, table, rows, depth);
    kernels.softmax_u32_f32(at, at, rows, depth);
    quantizeRows(running, at, result, to, rows * depth);
  };

/** TensorFlow Lite's: int32 codes from the least code up, or from 0 for 16-bit input. */
const probabilitiesTflite: WorkOf = ({ kernels, arena }, { input, result }, table) => {
  const { codes, range, zero } = result;
  const inverses = arena.reserve(1026);
  kernels.inverse_i16(inverses);
  return (at, rows, depth, to) => {
    const n = rows * depth;
    kernels.look_up_f32_u32(at, at, table, rows, depth);
    if (input.bytes === 1) kernels.softmax_u32_i32_tflite(at, at, rows, depth, codes.bits);
    else kernels.softmax_u32_i32_tflite16(at, at, inverses, rows, depth);
    const clamped = arena.view(Int32Array, at, n).map((code) => Math.min(Math.max(code + zero, range.lo), range.hi));
    arena.view(codeArray(codes), to, n).set(clamped);
  };
};

const logarithms: WorkOf =
  (running, { input, beta, result }, table) =>
  (at, rows, depth, to) => {
    const e = running.arena.reserve(rows * depth * 4);
    running.kernels.look_up_f32_u32(at, e, table, rows, depth);
    running.kernels.log_softmax_f32_f32(at, e, at, rows, depth, input.scale * beta);
    quantizeRows(running, at, result, to, rows * depth);
  };

/** What takes the softmax of neighbouring rows of 8-bit codes at x to y; its table is in memory that `take` gives. */
export function softmaxer(
  running: Engine,
  input: Operand,
  depth: number,
  result: Result,
  take: Take,
): (x: number, y: number) => void {
  const plan = { input, result, beta: 1 };
  const table = take(256 * 4);
  fillTable(running, table, 256, plan);
  const work = probabilities(running, plan, table);
  return (x, y) => {
    eachRowPiece(running, input, depth, inMemory(x, 1).source, inMemory(y, codeBytes(result.codes)).sink, work);
  };
}

/**
 * exp(beta x) over its sum along an axis. `"onnx"` takes exponentials from a table, divides in float32 and quantizes
 * (equation 47); `"tflite"` is TensorFlow Lite's fixed-point arithmetic (equation 48) with its own scale and zero: 8-bit to
 * 8 or 16 bits, int16 to int16.
 * @param x int8, uint8 or int16 with one scale
 * @throws RangeError where "tflite" cannot add up so many values: more than 4,095 of 8 bits, 65,535 of 16
 */
export function softmax(x: QTensor, options: SoftmaxOptions = {}): QTensor {
  const plan = planOf(x, options, "softmax");
  return run(plan, plan.result.arithmetic === "onnx" ? probabilities : probabilitiesTflite);
}

/**
 * The logarithm of {@link softmax}, in float64 and quantized (equation 47).
 * @param x int8, uint8 or int16 with one scale
 */
export function logSoftmax(x: QTensor, options: SoftmaxOptions = {}): QTensor {
  return run(planOf(x, options, "logSoftmax"), logarithms);
}

// Softmax and log-softmax of quantized tensors along an axis (docs/math.md, equations 47 and 48).

import { checkAxis, checkOptions, checkPositive, conflict, rangeError } from "../check.ts";
import type { CodeArray } from "../formats.ts";
import { integerMultiplier } from "../quantizer.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import { checkOperand, type Operand } from "./operand.ts";
import { RESULT_KEYS, type Result, type ResultOptions, resultOf, resultTensor } from "./result.ts";
import { eachRowPiece, quantizeRows, type Rows, rowsAlong } from "./rows.ts";
import type { QTensor } from "./tensor.ts";

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

/** What both functions check and derive. */
interface Plan {
  readonly input: Operand;
  readonly result: Result;
  readonly rows: Rows;
  readonly beta: number;
}

function planOf(x: QTensor, given: SoftmaxOptions, of: "softmax" | "logSoftmax"): Plan {
  const options = checkOptions(given, KEYS, of);
  const input = checkOperand(x, "x");
  const rows = rowsAlong(x.shape, checkAxis(options.axis ?? x.shape.length - 1, x.shape));
  const { beta = 1 } = options;
  checkPositive(beta, "beta");
  const wanted = resultOf({ ...options, scale: 1, zero: 0 }, input.codes);
  const { scale, zero } = PARAMETERS[of](input, wanted);
  const result = resultOf({ ...options, scale: options.scale ?? scale, zero: options.zero ?? zero }, input.codes);
  if (result.arithmetic !== "onnx") {
    refuse(of, input, result, { scale, zero }, rows.depth);
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

/** Reserves and fills the table of exponentials by difference of codes. */
function tableOf({ kernels, arena }: Engine, data: QTensor["data"], { input, result, beta }: Plan): number {
  const count = differences(data, input);
  const table = arena.reserve(count * 4);
  if (result.arithmetic === "onnx") kernels.exp_f64_u32(table, count, input.scale * beta);
  else if (input.bytes === 1) {
    const real = Math.min(beta * input.scale * 2 ** 26, 2 ** 31 - 1);
    const { multiplier, shift } = integerMultiplier(real);
    const radius = Math.floor((31 * 2 ** 26) / 2 ** shift);
    kernels.exp_i32_u32_tflite(table, count, multiplier, shift, Math.min(radius, count));
  } else {
    const { multiplier, shift } = integerMultiplier((input.scale * beta) / (10 / 65535));
    kernels.exp_i16_u32_tflite(table, count, arena.reserve(1026), multiplier, shift);
  }
  return table;
}

/** Turns the exponentials of rows into codes, in place. */
type Finish = (e: number, rows: number, depth: number) => void;

/** TensorFlow Lite's: int32 codes from the least code up, or from 0 for 16-bit input. */
function finishTflite({ kernels, arena }: Engine, { input, result }: Plan): Finish {
  if (input.bytes === 1) {
    return (e, rows, depth) => kernels.softmax_u32_i32_tflite(e, e, rows, depth, result.codes.bits);
  }
  const inverses = arena.reserve(1026);
  kernels.inverse_i16(inverses);
  return (e, rows, depth) => kernels.softmax_u32_i32_tflite16(e, e, inverses, rows, depth);
}

function clampedTflite(codes: Int32Array, { result: { range, zero } }: Plan): Int32Array {
  return codes.map((code) => Math.min(Math.max(code + zero, range.lo), range.hi));
}

/** Turns the rows of codes at `at`, as float32, into codes of the result, with a table of exponentials by difference. */
type Work = (table: number, at: number, rows: number, depth: number, codes: CodeArray) => void;

function run(x: QTensor, plan: Plan, workOf: (running: Engine) => Work): QTensor {
  const running = engine();
  return running.arena.scope(() => {
    const table = tableOf(running, x.data, plan);
    const work = workOf(running);
    const data = eachRowPiece(running, x.data, plan.input, plan.rows, plan.result, (...row) => work(table, ...row));
    return resultTensor(plan.result, x.shape.slice(), data);
  });
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
  return run(x, plan, (running) => {
    const { kernels, arena } = running;
    const finish = plan.result.arithmetic === "onnx" ? undefined : finishTflite(running, plan);
    return (table, at, rows, depth, codes) => {
      kernels.look_up_f32_u32(at, at, table, rows, depth);
      if (finish) {
        finish(at, rows, depth);
        codes.set(clampedTflite(arena.view(Int32Array, at, rows * depth), plan));
        return;
      }
      kernels.softmax_u32_f32(at, at, rows, depth);
      quantizeRows(running, at, plan.result, codes);
    };
  });
}

/**
 * The logarithm of {@link softmax}, in float64 and quantized (equation 47).
 * @param x int8, uint8 or int16 with one scale
 */
export function logSoftmax(x: QTensor, options: SoftmaxOptions = {}): QTensor {
  const plan = planOf(x, options, "logSoftmax");
  return run(x, plan, (running) => (table, at, rows, depth, codes) => {
    const e = running.arena.reserve(rows * depth * 4);
    running.kernels.look_up_f32_u32(at, e, table, rows, depth);
    running.kernels.log_softmax_f32_f32(at, e, at, rows, depth, plan.input.scale * plan.beta);
    quantizeRows(running, at, plan.result, codes);
  });
}

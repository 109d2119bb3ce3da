// Two quantized tensors, value by value, with broadcasting (docs/math.md, equations 30 to 33).

import { checkOptions, rangeError } from "../check.ts";
import { codeType } from "../formats.ts";
import type { Take } from "../wasm/arena.ts";
import { type Engine, engine, type Kernels } from "../wasm/kernels.ts";
import { COUNT, split } from "../wasm/threads.ts";
import { feedOf } from "./broadcast.ts";
import { checkZero, integerScale } from "./codemap.ts";
import { CODE_CONSTANTS, checkOperand, type Operand } from "./operand.ts";
import { RESULT_KEYS, type Result, type ResultOptions, resultOf, resultTensor } from "./result.ts";
import { broadcastShape, sizeOf } from "./shape.ts";
import { codeArray, codeBytes, type QTensor } from "./tensor.ts";
import { eachValue, type Sink, type Source, sinkOf } from "./values.ts";

const OPERATIONS = {
  add: "OPERATION_ADD",
  sub: "OPERATION_SUB",
  mul: "OPERATION_MUL",
  squaredDifference: "OPERATION_SQUARED_DIFFERENCE",
  minimum: "OPERATION_MINIMUM",
  maximum: "OPERATION_MAXIMUM",
  prelu: "OPERATION_PRELU",
} as const;

type Operation = keyof typeof OPERATIONS;

/** What a kernel is to do with two operands. */
interface Plan {
  readonly operation: Operation;
  readonly a: Operand;
  readonly b: Operand;
  readonly result: Result;
}

/** Codes that a line of the caches holds at least, and those that are worth another thread's while. */
const LINE = 64;
const WORTH = 1 << 13;

const NO_INTEGERS = [0, 0, 0, 0, 0, 0, 0, 0];

/** The words of assembly/elementwise.ts's Pair. */
function pairOf({ operation, a, b, result }: Plan, integers: readonly number[], kernels: Kernels): Uint32Array {
  const kinds = [a.codes, b.codes, result.codes].map((codes) => kernels[CODE_CONSTANTS[codeType(codes) as "i8"]].value);
  const numbers = [a.zero, b.zero, result.zero, result.range.lo, result.range.hi];
  const words = [...numbers, ...kinds, kernels[OPERATIONS[operation]].value, ...integers];
  const pair = new Uint32Array(3 + words.length);
  new Float32Array(pair.buffer).set([a.scale, b.scale, result.scale]);
  pair.set(words, 3);
  return pair;
}

/** How far codes are shifted left before operands meet: as far as an int32 holds them, a square of them included. */
function leftShift(operation: Operation, bits: number): number {
  if (operation === "squaredDifference") return bits === 8 ? 7 : 0;
  return bits === 8 ? 20 : 15;
}

/** The words that integer arithmetic needs: shift, multipliers, rounding. */
function integersOf({ operation, a, b, result }: Plan): number[] {
  const once = +(result.arithmetic === "tflite-single");
  const product = (a.scale * b.scale) / result.scale;
  if (operation === "mul") return [0, 0, 0, 0, 0, ...integerScale(product), once];
  if (operation === "prelu") return [0, ...integerScale(a.scale / result.scale), 0, 0, ...integerScale(product), once];
  const left = leftShift(operation, a.codes.bits);
  const twice = 2 * Math.max(a.scale, b.scale);
  const isSquared = operation === "squaredDifference";
  const real = isSquared ? (twice * twice) / (2 ** (2 * left) * result.scale) : twice / (2 ** left * result.scale);
  return [left, ...integerScale(a.scale / twice), ...integerScale(b.scale / twice), ...integerScale(real), once];
}

/** TensorFlow Lite's operators take one format; its prelu on int16 takes an int8 slope as well. */
function checkFormats({ operation, a, b, result }: Plan): void {
  const isSlope = operation === "prelu" && a.codes.name === "int16" && b.codes.name === "int8";
  for (const [name, format] of [
    ["b.format", isSlope ? a.codes : b.codes],
    ["format", result.codes],
  ] as const) {
    if (format !== a.codes) {
      throw rangeError(name, `"${a.codes.name}", as "a" has it, in TensorFlow Lite's arithmetic`, format.name);
    }
  }
  checkZero(a.codes, a.zero, "a.zero");
  checkZero(b.codes, b.zero, "b.zero");
  checkZero(result.codes, result.zero, "zero");
}

/** What combines stretches of two operands as long as the result; its constants are in memory that `take` gives. */
export function combiner(running: Engine, plan: Plan, take: Take) {
  const { kernels, arena } = running;
  const { a: left, b: right, result } = plan;
  const [fromA, fromB, into] = [left, right, result].map(({ codes }) => codeBytes(codes)) as [number, number, number];
  const isReal = plan.result.arithmetic === "onnx";
  if (!isReal) checkFormats(plan);
  const pair = arena.copy(pairOf(plan, isReal ? NO_INTEGERS : integersOf(plan), kernels), take);
  const name = isReal ? "combine_codes_codes" : "combine_codes_codes_fixed";
  return (length: number, a: Source, b: Source, sink: Sink): void =>
    eachValue(
      length,
      (_, start, count) => {
        const [p, q] = [a(start, count), b(start, count)];
        const range = { end: count, unit: LINE, least: WORTH };
        sink(start, count, (to) => split(running, name, [[p, fromA], [q, fromB], [to, into], COUNT, [pair]], range));
      },
      running,
    );
}

function combine(operation: Operation, first: QTensor, second: QTensor, options: ResultOptions): QTensor {
  const given = checkOptions(options, RESULT_KEYS, operation);
  const a = checkOperand(first, "a");
  const b = checkOperand(second, "b");
  const plan = { operation, a, b, result: resultOf(given, a.codes) };
  const shape = broadcastShape(a.shape, b.shape);
  if (!shape) throw rangeError("b.shape", `a shape that broadcasts with [${a.shape.join(", ")}]`, b.shape);
  const data = new (codeArray(plan.result.codes))(sizeOf(shape));
  const running = engine();
  const [feedA, feedB] = [feedOf(running, a, shape), feedOf(running, b, shape)];
  running.arena.scope(() =>
    combiner(running, plan, running.arena.scratch)(data.length, feedA, feedB, sinkOf(running, data)),
  );
  return resultTensor(plan.result, shape, data);
}

/**
 * a + b, of quantized tensors.
 *
 * Operands are int8, uint8 or int16 with one scale each, and broadcast as numpy's do. With arithmetic `"onnx"` formats mix, and
 * every step is float32 (equation 30); with `"tflite"` and `"tflite-single"` it is TensorFlow Lite's ADD, of one format.
 * @throws RangeError where shapes do not broadcast, or formats, scales or zeros are not what the arithmetic takes
 */
export function add(a: QTensor, b: QTensor, options: ResultOptions): QTensor {
  return combine("add", a, b, options);
}

/** a - b, of quantized tensors; otherwise as {@link add}. */
export function sub(a: QTensor, b: QTensor, options: ResultOptions): QTensor {
  return combine("sub", a, b, options);
}

/** a times b, of quantized tensors; otherwise as {@link add}. */
export function mul(a: QTensor, b: QTensor, options: ResultOptions): QTensor {
  return combine("mul", a, b, options);
}

/** (a - b) squared, of quantized tensors; otherwise as {@link add}. */
export function squaredDifference(a: QTensor, b: QTensor, options: ResultOptions): QTensor {
  return combine("squaredDifference", a, b, options);
}

/**
 * The lesser of a and b, of quantized tensors; otherwise as {@link add}. TensorFlow Lite's operands have the result's scale and
 * zero, and codes are compared; with others they are rescaled as for a sum.
 */
export function minimum(a: QTensor, b: QTensor, options: ResultOptions): QTensor {
  return combine("minimum", a, b, options);
}

/** The greater of a and b, of quantized tensors; otherwise as {@link minimum}. */
export function maximum(a: QTensor, b: QTensor, options: ResultOptions): QTensor {
  return combine("maximum", a, b, options);
}

/**
 * x where it is not negative, elsewhere x times its slope; otherwise as {@link add}.
 * @param slope broadcast to x: one per channel of the last axis has shape [channels]
 */
export function prelu(x: QTensor, slope: QTensor, options: ResultOptions): QTensor {
  return combine("prelu", x, slope, options);
}

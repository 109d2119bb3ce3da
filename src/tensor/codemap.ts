// Codes that become other codes one by one: directly where there are few, through a table of all of them where there are
// more; and the numbers of TensorFlow Lite's integer arithmetic (docs/math.md, equation 34).

import { checkOptions, checkScales, checkWord, checkZeros, rangeError } from "../check.ts";
import { checkFormat } from "../check-format.ts";
import { type CodeArray, codeType, type Format, type IntegerFormat } from "../formats.ts";
import { codeRange, integerMultiplier } from "../quantizer.ts";
import type { Take } from "../wasm/arena.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import { onePlace } from "./grain.ts";
import { type ArrayOperand, checkOperand, type Operand } from "./operand.ts";
import { type Arithmetic, type Result, resultTensor } from "./result.ts";
import { codeArray, codeBytes, type QTensor } from "./tensor.ts";
import { eachValue, inMemory, type Sink, type Source, sinkOf, sourceOf } from "./values.ts";

/** Turns `count` codes at `from` into codes at `to`. */
export type Step = (engine: Engine, from: number, to: number, count: number) => void;

/** Takes a step with `length` codes. */
export function mapAll(running: Engine, step: Step, length: number, source: Source, sink: Sink): void {
  eachValue(
    length,
    (engine, start, count) => {
      const from = source(start, count);
      sink(start, count, (to) => step(engine, from, to, count));
    },
    running,
  );
}

/** All codes of a format, in the order of their bits. */
function allCodes(codes: IntegerFormat): CodeArray {
  const { lo, hi } = codeRange(codes.bits, codes.signed, false);
  const array = new (codeArray(codes))(hi - lo + 1);
  for (let i = 0; i < array.length; i++) array[i] = i; // wraps to the code with the same bits
  return array;
}

/** Bytes enough to look up two at once, in a table of pairs that has to be made first. */
const MANY = 65536;

/** A step through a table of results in wasm memory, for `length` codes. */
export function tableStep(
  { kernels }: Engine,
  from: IntegerFormat,
  to: IntegerFormat,
  table: number,
  length: number,
  take: Take,
): Step {
  const bits = (format: IntegerFormat) => `u${format.bits}` as "u8" | "u16";
  const lookUp = kernels[`look_up_${bits(from)}_${bits(to)}`];
  if (from.bits + to.bits > 16 || length < MANY) return (_, x, y, count) => lookUp(x, table, y, count);
  const pairs = take(MANY * 2);
  kernels.pair_u8_u16(table, pairs);
  return (_, x, y, count) => {
    const even = count & ~1;
    kernels.look_up_u16_u16(x, pairs, y, even / 2);
    lookUp(x + even, table, y + even, count - even);
  };
}

/** A step for the codes of an operand: through a table, in memory that `take` gives, where they are more than the format has. */
export function tabled(
  running: Engine,
  { codes, length }: Pick<Operand, "codes" | "length">,
  result: IntegerFormat,
  step: Step,
  take: Take,
): Step {
  if (codes.bits > 16 || result.bits > 16 || length <= 2 ** codes.bits) return step;
  const all = allCodes(codes);
  const bytes = codeBytes(result);
  const table = take(all.length * bytes);
  mapAll(running, step, all.length, sourceOf(running, all), inMemory(table, bytes).sink);
  return tableStep(running, codes, result, table, length, take);
}

/** The results of a step for every code of an operand. */
export function mapCodes(x: ArrayOperand, result: IntegerFormat, step: Step): CodeArray {
  const running = engine();
  const { arena } = running;
  const data = new (codeArray(result))(x.length);
  arena.scope(() => {
    const map = tabled(running, x, result, step, arena.scratch);
    mapAll(running, map, x.length, sourceOf(running, x.data), sinkOf(running, data));
  });
  return data;
}

/** Whether codes are what a result has, whichever they are. */
export function isAlike(x: Operand, { codes, scale, zero, range: { lo, hi } }: Result): boolean {
  return x.codes === codes && x.scale === scale && x.zero === zero && hi - lo === 2 ** codes.bits - 1;
}

/** Codes made real, worked on as float32 (`count` values at `at`, in place), and made codes again. */
export function realStep(x: Operand, result: Result, work: (engine: Engine, at: number, count: number) => void): Step {
  const { codes, range } = result;
  return (engine, from, to, count) => {
    const { kernels, arena } = engine;
    const at = arena.reserve(count * 4);
    const before = onePlace(arena, count, x);
    kernels[`dequantize_${codeType(x.codes) as "i8"}_f32`](from, at, count, before, 0, 0);
    work(engine, at, count);
    const after = onePlace(arena, count, result);
    kernels[`quantize_f32_${codeType(codes) as "i8"}`](at, to, count, after, range.lo, range.hi);
  };
}

/** TensorFlow Lite's integer arithmetic counts on 16-bit codes without a zero. */
export function checkZero(format: IntegerFormat, zero: number, name: string): void {
  if (format.bits === 16 && zero !== 0) throw rangeError(name, "0 for int16 in TensorFlow Lite's arithmetic", zero);
}

/** Multiplier and shift of TensorFlow Lite's integer arithmetic for a real number. */
export function integerScale(real: number): [multiplier: number, shift: number] {
  if (Math.abs(real) >= 2 ** 30)
    throw rangeError("scale", "a scale less than 2^30 times finer than the operands'", real);
  const { multiplier, shift } = integerMultiplier(real);
  return [multiplier, shift];
}

/** What a function of codes in TensorFlow Lite's integers is made of, beside scales and zeros. */
export interface FixedStep {
  readonly step: "RESCALE" | "SIGMOID_8" | "TANH_8" | "SIGMOID_16" | "TANH_16" | "HARD_SWISH";
  /** Multiplier and shift of the input, or of the part of it that is not negative. */
  readonly above: readonly [multiplier: number, shift: number];
  /** Of the negative part; hard_swish: of the gate. Default `above`. */
  readonly below?: readonly [multiplier: number, shift: number];
  readonly radius?: number;
}

/** Codes worked on as int32. */
export function fixedStep(x: Operand, { codes, zero, range, arithmetic }: Result, fixed: FixedStep): Step {
  const { step, above, below = above, radius = 0 } = fixed;
  const once = +(arithmetic === "tflite-single");
  return ({ kernels, arena }, from, to, count) => {
    const kind = kernels[`FIXED_${step}`].value;
    const words = Int32Array.of(kind, x.zero, zero, range.lo, range.hi, once, ...above, ...below, radius);
    const pointer = arena.copy(words);
    const at = arena.reserve(count * 4);
    arena.view(Int32Array, at, count).set(arena.view(codeArray(x.codes), from, count));
    kernels.rescale_i32_i32(at, at, count, pointer);
    arena.view(codeArray(codes), to, count).set(arena.view(Int32Array, at, count));
  };
}

/** Options of {@link requantizeFixed}. */
interface RescaleOptions {
  readonly format: Format;
  readonly scale?: unknown;
  readonly zero?: unknown;
  readonly arithmetic?: Arithmetic;
}

const FORMATS = ["int8", "uint8", "int16", "int32"];

/** Codes rescaled to a new scale and zero in integers: TensorFlow Lite's QUANTIZE of integers. */
export function requantizeFixed(q: QTensor, options: RescaleOptions): QTensor {
  checkOptions(options, ["format", "scale", "zero", "arithmetic"], `requantize with "tflite" arithmetic`);
  const x = checkOperand(q, "q", FORMATS);
  const codes = checkFormat(options.format) as IntegerFormat;
  checkWord(codes.name, FORMATS, "format");
  const range = codeRange(codes.bits, codes.signed, false);
  const [scale] = checkScales(options.scale, 1) as unknown as [number];
  const [zero] = checkZeros(options.zero, 1, range.lo, range.hi, codes.name) as unknown as [number];
  const result = { codes, scale, zero, range, arithmetic: options.arithmetic as Arithmetic };
  const step = fixedStep(x, result, { step: "RESCALE", above: integerScale(x.scale / scale) });
  return resultTensor(result, x.shape, mapCodes(x, codes, step));
}

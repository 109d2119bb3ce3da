// Functions of single values on quantized tensors, through tables (docs/math.md, equations 35 to 39).

import { checkOptions, checkWord, conflict, rangeError, typeError } from "../check.ts";
import { integerMultiplier } from "../quantizer.ts";
import { checkZero, type FixedStep, fixedStep, integerScale, mapCodes, realStep, type Step } from "./codemap.ts";
import { checkOperand, type Operand } from "./operand.ts";
import { CLAMP_NAMES, RESULT_KEYS, type Result, type ResultOptions, resultOf, resultTensor } from "./result.ts";
import type { QTensor } from "./tensor.ts";

const ACTIVATIONS = [
  "relu",
  "relu6",
  "relu_n1_to_1",
  "leaky_relu",
  "elu",
  "sigmoid",
  "tanh",
  "hard_sigmoid",
  "hard_swish",
  "silu",
  "gelu",
  "gelu_tanh",
  "mish",
  "exp",
  "log",
  "sqrt",
  "softplus",
  "softsign",
  "erf",
] as const;

/** A function of one value: `gelu` is the exact one, by erf; `gelu_tanh` its approximation. */
export type Activation = (typeof ACTIVATIONS)[number];

/** Options of {@link activate}. */
export interface ActivateOptions extends Omit<ResultOptions, "activation"> {
  /** leaky_relu: the slope of the negative side, default 0.01; elu: its depth, 1; hard_sigmoid: the slope, 0.2. A float32. */
  readonly alpha?: number;
  /** hard_sigmoid: the value at 0, default 0.5. A float32. */
  readonly beta?: number;
}

const KEYS = [...RESULT_KEYS.filter((key) => key !== "activation"), "alpha", "beta"];

/** ONNX's defaults; other functions have no such number. */
const ALPHA: { [name in Activation]?: number } = { leaky_relu: 0.01, elu: 1, hard_sigmoid: 0.2 };
const BETA: { [name in Activation]?: number } = { hard_sigmoid: 0.5 };

function constantOf(given: unknown, name: "alpha" | "beta", fallback: number | undefined): number {
  if (given === undefined) return Math.fround(fallback ?? 0);
  if (typeof given !== "number") throw typeError(name, "a number", given);
  if (fallback === undefined) throw conflict(name, "name", "the function has no such number");
  if (!Number.isFinite(Math.fround(given))) throw rangeError(name, "a finite float32", given);
  return Math.fround(given);
}

/** The numbers of a function, float32. */
interface Constants {
  readonly alpha: number;
  readonly beta: number;
}

/** A function of one value of the codes of a tensor: dequantized, evaluated in float64, rounded to float32, quantized. */
export function realActivation(x: Operand, result: Result, name: Activation, { alpha, beta }: Constants): Step {
  return realStep(x, result, ({ kernels }, at, count) => {
    const activation = kernels[`ACTIVATION_${name.toUpperCase() as Uppercase<Activation>}`].value;
    kernels.activate_f32_f32(at, at, count, activation, alpha, beta);
  });
}

/** A function that TensorFlow Lite has in integers. */
function fixedActivation(x: Operand, result: Result, name: Activation, constants: Constants): FixedStep {
  if (result.codes !== x.codes) {
    throw rangeError("format", `"${x.codes.name}", as "x" has it, in TensorFlow Lite's arithmetic`, result.codes.name);
  }
  checkZero(x.codes, x.zero, "x.zero");
  checkZero(result.codes, result.zero, "zero");
  if ((CLAMP_NAMES as readonly string[]).includes(name)) {
    return { step: "RESCALE", above: integerScale(x.scale / result.scale) };
  }
  if (name === "leaky_relu") return leakyRelu(x, result, constants);
  if (name === "hard_swish" && x.codes.bits === 8) return hardSwish(x, result);
  if (name !== "sigmoid" && name !== "tanh") {
    throw rangeError("arithmetic", `"onnx" for ${name} of ${x.codes.name}`, result.arithmetic);
  }
  return x.codes.bits === 8 ? curve8(x, result, name) : curve16(x, result, name);
}

const { fround } = Math;

/** TensorFlow Lite takes both quotients in float32. */
function leakyRelu(x: Operand, { scale }: Result, { alpha }: Constants): FixedStep {
  return {
    step: "RESCALE",
    above: integerScale(fround(x.scale / scale)),
    below: integerScale(fround(fround(x.scale * alpha) / scale)),
  };
}

/** A multiplier in 16 bits. */
function halved([multiplier, shift]: [number, number]): [number, number] {
  return [multiplier < 0x7fff8000 ? (multiplier + 0x8000) >> 16 : 0x7fff, shift];
}

/** Inputs have seven bits more than their codes; the gate has 3 at 2^15. */
function hardSwish(x: Operand, result: Result): FixedStep {
  const fine = fround(x.scale / 128);
  const real = fround(fine / result.scale);
  const above = halved(integerScale(real));
  if (above[1] > 0) throw rangeError("scale", 'at least 1/128 of that of "x" for hard_swish', result.scale);
  return { step: "HARD_SWISH", above, below: halved(integerScale(fround(fine / (3 / 32768)))) };
}

/** The scale that a curve's result has; TensorFlow Lite's converter writes 1/255 for 1/256 at times. */
function checkCurve({ scale, zero }: Result, wanted: { scale: number; zero: number }): void {
  if (Math.abs(scale / wanted.scale - 1) > 0.01) {
    throw rangeError("scale", `1/${1 / wanted.scale} in TensorFlow Lite's arithmetic`, scale);
  }
  if (zero !== wanted.zero) throw rangeError("zero", `${wanted.zero} in TensorFlow Lite's arithmetic`, zero);
}

/** Inputs become Q4 (gemmlowp's fixed point with four integer bits); beyond 15 the curve is flat. */
function curve8(x: Operand, result: Result, name: "sigmoid" | "tanh"): FixedStep {
  const lo = result.codes.signed ? -128 : 0;
  const isSigmoid = name === "sigmoid";
  checkCurve(result, isSigmoid ? { scale: 1 / 256, zero: lo } : { scale: 1 / 128, zero: lo + 128 });
  const { multiplier, shift } = integerMultiplier(x.scale * 2 ** 27);
  const radius = Math.min(Math.floor((15 * 2 ** 27) / 2 ** shift), 2 ** 31 - 1);
  return { step: isSigmoid ? "SIGMOID_8" : "TANH_8", above: [multiplier, shift], radius };
}

/** Inputs become multiples of 1 / 12,288; scales of 1 / 4,096 (tanh: 1 / 2,048 too) exactly. */
function curve16(x: Operand, result: Result, name: "sigmoid" | "tanh"): FixedStep {
  checkCurve(result, { scale: 1 / 32768, zero: 0 });
  const isSigmoid = name === "sigmoid";
  const step = isSigmoid ? "SIGMOID_16" : "TANH_16";
  for (const doublings of isSigmoid ? [0] : [0, 1]) {
    // within a thousandth of a power of two
    if (Math.abs(x.scale * 2 ** (12 - doublings) - 1) < 0.000693) return { step, above: [3 * 2 ** doublings, 0] };
  }
  let multiplier = x.scale * 12288;
  if (multiplier >= 32768)
    throw rangeError("x.scale", `less than 8/3 for ${name} in TensorFlow Lite's arithmetic`, x.scale);
  let shift = 0;
  for (; multiplier <= 32767 / 2 && shift <= 30; shift++) multiplier *= 2;
  return { step, above: [Math.trunc(multiplier), shift] };
}

/**
 * A function of every value of a quantized tensor. The codes of the result are, to the last bit, those of the function's value
 * rounded once to float32 (equation 35); with arithmetic `"tflite"` or `"tflite-single"`, those of TensorFlow Lite's integer
 * kernels, which know relu, relu6, relu_n1_to_1, leaky_relu, sigmoid, tanh and (of 8 bits) hard_swish. log and sqrt take a
 * negative value for 0.
 * @param x int8, uint8 or int16 with one scale
 * @throws RangeError where formats, scales or zeros are not what the arithmetic takes
 */
export function activate(x: QTensor, name: Activation, options: ActivateOptions): QTensor {
  const { alpha, beta, ...given } = checkOptions(options, KEYS, "activate");
  const operand = checkOperand(x, "x");
  checkWord(name, ACTIVATIONS, "name");
  const clamp = CLAMP_NAMES.find((each) => each === name);
  const constants = { alpha: constantOf(alpha, "alpha", ALPHA[name]), beta: constantOf(beta, "beta", BETA[name]) };
  const result = resultOf(clamp ? { ...given, activation: clamp } : given, operand.codes);
  const step =
    result.arithmetic === "onnx"
      ? realActivation(operand, result, name, constants)
      : fixedStep(operand, result, fixedActivation(operand, result, name, constants));
  return resultTensor(result, operand.shape, mapCodes(operand, result.codes, step));
}

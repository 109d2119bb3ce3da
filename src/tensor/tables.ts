// The tables of products whose results are in TensorFlow Lite's arithmetic, or have slopes for negative sums (docs/math.md, equations
// 19 and 20).

import { integerMultiplier } from "../quantizer.ts";
import {
  type AccumulatorScales,
  largeMultiplier,
  type Tables,
  type Target,
  tableBytes,
  writeTable,
} from "./multipliers.ts";
import type { Result } from "./result.ts";

const { fround } = Math;

/** The real multipliers of a result: one a column. */
function multipliersOf(scales: AccumulatorScales, output: Result, columns: number): Float64Array {
  const { x, w } = scales;
  const multipliers = new Float64Array(columns);
  const isOnnx = output.arithmetic === "onnx";
  const isRounded = isOnnx || scales.isFloat32;
  for (let i = 0; i < columns; i++) {
    const product = x * (w[w.length === 1 ? 0 : i] as number);
    const real = (isRounded ? fround(product) : product) / output.scale;
    multipliers[i] = isOnnx ? fround(real) : real;
  }
  return multipliers;
}

/** The multipliers of negative accumulators: a leaky relu's, or a parametric one's of each column. */
function slopedMultipliers(multipliers: Float64Array, slopes: ArrayLike<number>, output: Result): Float64Array {
  const isOnnx = output.arithmetic === "onnx";
  return multipliers.map((m, i) => {
    const sloped = m * fround(slopes[slopes.length === 1 ? 0 : i] as number);
    return isOnnx ? fround(sloped) : sloped;
  });
}

/** Multipliers of all accumulators, and of negative ones where they have others. */
interface Multipliers {
  readonly own: Float64Array;
  readonly below?: Float64Array | undefined;
}

/** Fails where a multiplier is not below 2^exponent, rounded to 31 bits or not. */
function checkMultipliers(multipliers: Float64Array, exponent: number): void {
  const most = 2 ** exponent * (1 - 2 ** -32);
  for (let i = 0; i < multipliers.length; i++) {
    const real = multipliers[i] as number;
    if (!(real < most && real > -most)) throw largeMultiplier(exponent, real);
  }
}

/** A multiplier as integers: itself, and what shifts left and right. */
interface IntegerFactors {
  readonly own: number[];
  readonly left: number[];
  readonly right: number[];
}

/** The integer multipliers of real ones; `shifts`: the right factors are plain shifts. */
function factorsOf(multipliers: Float64Array, shifts: boolean): IntegerFactors {
  const pairs = Array.from(multipliers, integerMultiplier);
  return {
    own: pairs.map(({ multiplier }) => multiplier),
    left: pairs.map(({ shift }) => 2 ** Math.max(shift, 0)),
    right: pairs.map(({ shift }) => (shifts ? shift : -(2 ** (31 - Math.max(-shift, 0))))),
  };
}

/** Pointers to multipliers, lefts and rights of a Rescale. */
function writeAll(target: Target, output: Result, { own, below }: Multipliers, wide: boolean): number[] {
  const isFloat = output.arithmetic === "onnx";
  const exponent = isFloat ? 128 : wide ? 14 : 30;
  for (const each of below ? [own, below] : [own]) checkMultipliers(each, exponent);
  if (isFloat) return [writeTable(target, Float32Array, own, below), 0, 0];
  const shifts = wide || output.arithmetic === "tflite-single";
  const above = factorsOf(own, shifts);
  const other = below && factorsOf(below, shifts);
  return [
    writeTable(target, Int32Array, above.own, other?.own),
    writeTable(target, Int32Array, above.left, other?.left),
    writeTable(target, Int32Array, above.right, other?.right),
  ];
}

/** The tables of a result with slopes of negative sums: none, one, or one a column. */
export function tablesWith(slopes: ArrayLike<number> | undefined): Tables {
  return (target, output, { scales, columns }, wide) => {
    const own = multipliersOf(scales, output, columns);
    const below = slopes && slopedMultipliers(own, slopes, output);
    return [...writeAll(target, output, { own, below }, wide), below ? tableBytes(columns) : 0];
  };
}

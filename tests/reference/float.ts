// Operators of float32 tensors (docs/math.md, equations 60 to 66), one rounding at each step.
import { at } from "./at.ts";
import { float32Bits, float32FromBits } from "./bits.ts";
import { power, SCALARS } from "./scalars.ts";

const { fround, abs } = Math;
const add = (a: number, b: number) => fround(a + b);
const sub = (a: number, b: number) => fround(a - b);
const mul = (a: number, b: number) => fround(a * b);
const div = (a: number, b: number) => fround(a / b);

/** The second where the comparison holds, else the first: a NaN on the left stays. */
const max = (a: number, b: number) => (a < b ? b : a);
const min = (a: number, b: number) => (b < a ? b : a);

const LOG2_E = fround(Math.LOG2E);
const LN2_HIGH = fround(0.693359375);
const LN2_LOW = fround(-2.1219444e-4);
const MAGIC = 1.5 * 2 ** 23;
const SQRT_HALF = fround(Math.SQRT1_2);
const EXP_SERIES = [0.5, 0.16666542, 0.041666277, 0.008366775, 0.0013946779].map(fround);
const LOG_SERIES = [0.33333212, 0.2001058, 0.1400322, 0.13996845].map(fround);
const ERF_SERIES = [1.1283791, -0.37612626, 0.112836, -0.026854444, 0.0051895352, -8.020841e-4, 7.889119e-5].map(
  fround,
);
const ERFC_SERIES = [
  0.55595517, 0.75856113, 0.5820087, 0.099238776, -0.19812097, -0.064099625, 0.11001669, 0.018791206, -0.05913721,
].map(fround);

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, each) => add(mul(sum, x), each));
}

/** k = round(x / log 2) and exp(r) - 1, r = x - k log 2 + low (equation 60). */
function reduced(x: number, low: number): { k: number; near: number } {
  const k = sub(add(mul(x, LOG2_E), MAGIC), MAGIC);
  const r = add(sub(sub(x, mul(k, LN2_HIGH)), mul(k, LN2_LOW)), low);
  return { k, near: add(r, mul(mul(r, r), polynomial(EXP_SERIES, r))) };
}

export function exp(x: number): number {
  const { k, near } = reduced(min(max(x, -104), 89), 0);
  const half = Math.floor(k / 2);
  return mul(mul(add(near, 1), 2 ** half), 2 ** (k - half));
}

function expNormal(x: number, low: number): number {
  const { k, near } = reduced(min(max(x, fround(-87.3)), fround(88.3)), low);
  return mul(add(near, 1), 2 ** k);
}

function expMinusOne(x: number): number {
  const { k, near } = reduced(max(x, fround(-87.3)), 0);
  return add(mul(near, 2 ** k), sub(2 ** k, 1));
}

function signed(y: number, x: number): number {
  return float32FromBits(((float32Bits(y) & 0x7fffffff) | (float32Bits(x) & 0x80000000)) >>> 0);
}

function sigmoid(x: number): number {
  const z = expNormal(-abs(x), 0);
  return div(x < 0 ? z : 1, add(1, z));
}

function tanh(x: number): number {
  const t = expMinusOne(-2 * abs(x));
  return signed(div(t, add(t, 2)), x);
}

function logOfRatio(s: number): number {
  const z = mul(s, s);
  return add(2 * s, mul(2 * s, mul(z, polynomial(LOG_SERIES, z))));
}

function softplus(x: number): number {
  const z = expNormal(-abs(x), 0);
  return add(max(x, 0), logOfRatio(div(z, add(z, 2))));
}

export function log(x: number): number {
  if (x === 0) return -Infinity;
  if (!(x > 0 && x < Infinity)) return x === Infinity ? x : NaN;
  const small = x < 2 ** -126;
  const bits = float32Bits(small ? mul(x, 2 ** 23) : x);
  const k = (bits - float32Bits(SQRT_HALF)) >> 23;
  const m = float32FromBits(bits - (k << 23));
  const e = k - (small ? 23 : 0);
  const near = logOfRatio(div(sub(m, 1), add(m, 1)));
  return add(mul(e, LN2_HIGH), add(near, mul(e, LN2_LOW)));
}

function erfcScaled(t: number): number {
  const u = div(2, add(2, t));
  return mul(u, polynomial(ERFC_SERIES, sub(u, 0.5625)));
}

function gaussian(x: number, factor: number): number {
  const head = float32FromBits((float32Bits(x) & -4096) >>> 0);
  const rest = mul(sub(x, head), add(x, head));
  return expNormal(-mul(mul(head, head), factor), -mul(rest, factor));
}

function erf(x: number): number {
  const t = min(abs(x), 20);
  const far = sub(1, mul(gaussian(t, 1), erfcScaled(t)));
  return signed(t < 1 ? mul(t, polynomial(ERF_SERIES, mul(t, t))) : far, x);
}

function gelu(x: number): number {
  const t = min(abs(x), 20);
  const tail = mul(gaussian(t, 0.5), erfcScaled(mul(t, SQRT_HALF)));
  return mul(mul(x, 0.5), x < 0 ? tail : sub(2, tail));
}

function geluTanh(x: number): number {
  const cubic = mul(mul(mul(x, x), x), fround(0.044715));
  return mul(x, sigmoid(mul(add(x, cubic), fround(1.5957691))));
}

function mish(x: number): number {
  const e = expNormal(min(x, 20), 0);
  const n = mul(e, add(e, 2));
  return mul(x, div(n, add(n, 2)));
}

function roundHalfEven(x: number): number {
  if (!(abs(x) < 2 ** 23)) return x;
  return signed(sub(add(abs(x), 2 ** 23), 2 ** 23), x);
}

type Real = (x: number, alpha: number, beta: number) => number;

/** Equation 61, by the names of the kernels' numbers. */
export const FUNCTIONS: Readonly<Record<string, Real>> = {
  ACTIVATION_RELU: (x) => max(x, 0),
  ACTIVATION_LEAKY_RELU: (x, a) => (x < 0 ? mul(a, x) : x),
  ACTIVATION_ELU: (x, a) => (x < 0 ? mul(a, expMinusOne(x)) : x),
  ACTIVATION_SIGMOID: sigmoid,
  ACTIVATION_TANH: tanh,
  ACTIVATION_HARD_SIGMOID: (x, a, b) => min(max(add(mul(a, x), b), 0), 1),
  ACTIVATION_HARD_SWISH: (x) => div(mul(x, min(max(add(x, 3), 0), 6)), 6),
  ACTIVATION_SILU: (x, a) => mul(x, sigmoid(mul(a, x))),
  ACTIVATION_GELU: gelu,
  ACTIVATION_GELU_TANH: geluTanh,
  ACTIVATION_MISH: mish,
  ACTIVATION_EXP: exp,
  ACTIVATION_LOG: log,
  ACTIVATION_SQRT: (x) => fround(Math.sqrt(x)),
  ACTIVATION_SOFTPLUS: softplus,
  ACTIVATION_SOFTSIGN: (x) => div(x, add(1, abs(x))),
  ACTIVATION_ERF: erf,
  FUNCTION_CLIP: (x, a, b) => min(max(x, a), b),
  FUNCTION_LINEAR: (x, a, b) => add(mul(a, x), b),
  FUNCTION_ABS: abs,
  FUNCTION_NEG: (x) => -x,
  FUNCTION_SIGN: (x) => (x > 0 ? 1 : x < 0 ? -1 : x),
  FUNCTION_CEIL: Math.ceil,
  FUNCTION_FLOOR: Math.floor,
  FUNCTION_ROUND: roundHalfEven,
  FUNCTION_RECIPROCAL: (x) => div(1, x),
  FUNCTION_SQUARE: (x) => mul(x, x),
  FUNCTION_SELU: (x, a, b) => mul(b, x < 0 ? mul(a, expMinusOne(x)) : x),
  FUNCTION_CELU: (x, a) => (x < 0 ? mul(a, expMinusOne(div(x, a))) : x),
  FUNCTION_THRESHOLDED_RELU: (x, a) => (x > a ? x : 0),
  ...SCALARS,
};

/** Equation 62. */
export const OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  OPERATION_ADD: add,
  OPERATION_SUB: sub,
  OPERATION_MUL: mul,
  OPERATION_MINIMUM: Math.min,
  OPERATION_MAXIMUM: Math.max,
  OPERATION_PRELU: (a, b) => (a < 0 ? mul(a, b) : a),
  OPERATION_DIV: div,
  OPERATION_POW: power,
  OPERATION_FMOD: (a, b) => fround(a % b),
};

/** How values become one: what there is without any, a value's term, two terms joined. */
interface Reduction {
  readonly nothing: number;
  readonly term?: (x: number, center: number) => number;
  readonly join: (a: number, b: number) => number;
}

const SUM: Reduction = { nothing: 0, join: (a, b) => a + b };

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  REDUCTION_SUM: SUM,
  REDUCTION_MEAN: SUM,
  REDUCTION_SQUARES: { ...SUM, term: (x, center) => (x - center) * (x - center) },
  REDUCTION_MAGNITUDES: { ...SUM, term: abs },
  REDUCTION_PRODUCT: { nothing: 1, join: (a, b) => a * b },
  REDUCTION_MAXIMUM: { nothing: -Infinity, join: max },
  REDUCTION_MINIMUM: { nothing: Infinity, join: min },
};

export const REDUCTION_NAMES = Object.keys(REDUCTIONS);

/** Equation 14's order of any reduction, in float64. */
function foldRow(x: readonly number[], name: string, center = 0): number {
  const { nothing, term = (v: number) => v, join } = REDUCTIONS[name] as Reduction;
  const sums = new Array<number>(8).fill(nothing);
  x.forEach((v, i) => {
    sums[i % 8] = join(at(sums, i % 8), term(v, center));
  });
  const lane = (i: number) => at(sums, i);
  const even = join(join(lane(0), lane(4)), join(lane(2), lane(6)));
  return join(even, join(join(lane(1), lane(5)), join(lane(3), lane(7))));
}

/** x [outer, n, inner] reduced along n (equation 63). */
export function reduce(x: ArrayLike<number>, outer: number, n: number, inner: number, name: string): number[] {
  const { nothing, term = (v: number) => v, join } = REDUCTIONS[name] as Reduction;
  return Array.from({ length: outer * inner }, (_, i) => {
    const start = Math.floor(i / inner) * n * inner + (i % inner);
    const values = Array.from({ length: n }, (_, k) => at(x, start + k * inner));
    const all = inner === 1 ? foldRow(values, name) : values.reduce((sum, v) => join(sum, term(v, 0)), nothing);
    return fround(name === "REDUCTION_MEAN" ? all / n : all);
  });
}

/** An axis of pooling windows. */
export interface WindowAxis {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
}

/** All places of a box, the last axis innermost. */
function places(extents: readonly number[]): number[][] {
  return extents.reduce<number[][]>(
    (all, extent) => all.flatMap((each) => Array.from({ length: extent }, (_, i) => [...each, i])),
    [[]],
  );
}

/** One plane pooled: the largest value or the sum of each window (equation 64). */
export function pool(x: ArrayLike<number>, axes: readonly WindowAxis[], isMax: boolean): number[] {
  const taps = places(axes.map(({ kernel }) => kernel));
  return places(axes.map(({ output }) => output)).map((window) =>
    taps.reduce(
      (y, tap) => {
        const place = axes.map((axis, i) => at(window, i) * axis.stride + at(tap, i) * axis.dilation - axis.before);
        if (place.some((p, i) => p < 0 || p >= at(axes, i).input)) return y;
        const v = at(
          x,
          place.reduce((sum, p, i) => sum * at(axes, i).input + p, 0),
        );
        return isMax ? max(y, v) : add(y, v);
      },
      isMax ? -Infinity : 0,
    ),
  );
}

/** A row's softmax, or its logarithm (equation 65). */
export function softmax(x: readonly number[], isLog: boolean): number[] {
  const largest = foldRow(x, "REDUCTION_MAXIMUM");
  const e = x.map((v) => exp(sub(v, largest)));
  const sum = fround(foldRow(e, "REDUCTION_SUM"));
  return x.map((v, i) => (isLog ? sub(sub(v, largest), log(sum)) : div(at(e, i), sum)));
}

/** A row's mean and factor (equation 66). */
export function moments(x: readonly number[], epsilon: number, centered: boolean): { mean: number; factor: number } {
  const mean = centered ? fround(foldRow(x, "REDUCTION_SUM") / x.length) : 0;
  const squares = foldRow(x, "REDUCTION_SQUARES", mean);
  return { mean, factor: fround(1 / Math.sqrt(squares / x.length + epsilon)) };
}

/** A value less its mean, times its factor, plus its shift; `gamma` between (equation 66). */
export function standardize(x: number, mean: number, factor: number, shift: number, gamma?: number): number {
  const v = mul(sub(x, mean), factor);
  return add(gamma === undefined ? v : mul(v, gamma), shift);
}

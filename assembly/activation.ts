// Functions of one real value, evaluated in float64 and rounded once to float32 (docs/math.md, equations 35 and 36). They fill
// tables, so they are short rather than fast. Only +, -, *, / and sqrt are used: the bytes are the same everywhere.

import {
  ACTIVATION_ELU,
  ACTIVATION_ERF,
  ACTIVATION_EXP,
  ACTIVATION_GELU,
  ACTIVATION_GELU_TANH,
  ACTIVATION_HARD_SIGMOID,
  ACTIVATION_HARD_SWISH,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_LOG,
  ACTIVATION_MISH,
  ACTIVATION_RELU,
  ACTIVATION_RELU6,
  ACTIVATION_RELU_N1_TO_1,
  ACTIVATION_SIGMOID,
  ACTIVATION_SILU,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_SOFTSIGN,
  ACTIVATION_SQRT,
  ACTIVATION_TANH,
} from "./abi";
import { log_f64 } from "./measure";

const LN2_HIGH: f64 = 0.6931471803691238; // 32 bits: a product with |k| < 2^11 is exact
const LN2_LOW: f64 = 1.9082149292705877e-10;
const SQRT_HALF: f64 = 0.7071067811865476;
const INVERSE_SQRT_PI: f64 = 0.5641895835477563;
const SQRT_2_OVER_PI: f64 = 0.7978845608028654;

/** exp(r) - 1 for |r| <= log(2) / 2: Taylor's series to r^14 / 14!. */
function expm1Near(r: f64): f64 {
  let sum: f64 = 0;
  for (let n = 14; n > 0; n--) sum = ((sum + 1) * r) / <f64>n;
  return sum;
}

/** 2^k for -1022 <= k <= 1023. */
// @ts-ignore: decorator
@inline
function powerOfTwo(k: i32): f64 {
  return reinterpret<f64>((<i64>(k + 1023)) << 52);
}

/** exp(x) = 2^k exp(r), k = round(x / log 2). */
export function exp(x: f64): f64 {
  if (x > 709.8) return Infinity;
  if (x < -745.2) return 0;
  const k = nearest(x / (LN2_HIGH + LN2_LOW));
  const near = expm1Near(x - k * LN2_HIGH - k * LN2_LOW) + 1;
  const half = (<i32>k) >> 1;
  return near * powerOfTwo(half) * powerOfTwo(<i32>k - half);
}

/** exp(x) - 1, exact near 0. */
export function expm1(x: f64): f64 {
  return abs(x) < LN2_HIGH / 2 ? expm1Near(x) : exp(x) - 1;
}

/** log(1 + u) for u >= 0; what 1 + u lost in rounding is made good to first order. */
export function log1p(u: f64): f64 {
  const w = 1 + u;
  return log_f64(w) + (u - (w - 1)) / w;
}

/** tanh(x) = -t / (t + 2), t = exp(-2 |x|) - 1, with the sign of x. */
function tanh(x: f64): f64 {
  const t = expm1(-2 * abs(x));
  return copysign(-t / (t + 2), x);
}

/** erf(x) = 2 / sqrt(pi) exp(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...): every term has the sign of x. */
function erfNear(x: f64): f64 {
  let term = x;
  let sum = x;
  for (let n = 1; n < 26; n++) {
    term *= (2 * x * x) / <f64>(2 * n + 1);
    sum += term;
  }
  return 2 * INVERSE_SQRT_PI * exp(-x * x) * sum;
}

/** 1 - erf(x) = exp(-x^2) / sqrt(pi) / (x + (1/2) / (x + (2/2) / (x + (3/2) / ...))) for x >= 1, from the inside out. */
function erfcFar(x: f64): f64 {
  if (x > 27.3) return 0;
  let fraction = x;
  for (let n = 12 + <i32>(200 / (x * x)); n > 0; n--) fraction = x + (0.5 * <f64>n) / fraction;
  return (INVERSE_SQRT_PI * exp(-x * x)) / fraction;
}

function erf(x: f64): f64 {
  return abs(x) < 1 ? erfNear(x) : copysign(1 - erfcFar(abs(x)), x);
}

function erfc(x: f64): f64 {
  if (abs(x) < 1) return 1 - erfNear(x);
  return x > 0 ? erfcFar(x) : 2 - erfcFar(-x);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(x: f64): f64 {
  return 1 / (1 + exp(-x));
}

/** x tanh(log(1 + exp(x))). */
function mish(x: f64): f64 {
  const e = exp(min(x, 40.0));
  const n = e * (e + 2);
  return (x * n) / (n + 2);
}

// @ts-ignore: decorator
@inline
function clamp(x: f64, lo: f64, hi: f64): f64 {
  return min(max(x, lo), hi);
}

function valueOf(x: f64, activation: i32, alpha: f64, beta: f64): f64 {
  switch (activation) {
    case ACTIVATION_RELU:
      return max(x, 0);
    case ACTIVATION_RELU6:
      return clamp(x, 0, 6);
    case ACTIVATION_RELU_N1_TO_1:
      return clamp(x, -1, 1);
    case ACTIVATION_LEAKY_RELU:
      return x < 0 ? alpha * x : x;
    case ACTIVATION_ELU:
      return x < 0 ? alpha * expm1(x) : x;
    case ACTIVATION_SIGMOID:
      return sigmoid(x);
    case ACTIVATION_TANH:
      return tanh(x);
    case ACTIVATION_HARD_SIGMOID:
      return clamp(alpha * x + beta, 0, 1);
    case ACTIVATION_HARD_SWISH:
      return (x * clamp(x + 3, 0, 6)) / 6;
    case ACTIVATION_SILU:
      return x / (1 + exp(-x));
    case ACTIVATION_GELU:
      return 0.5 * x * erfc(-x * SQRT_HALF);
    case ACTIVATION_GELU_TANH:
      return x / (1 + exp(-2 * SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)));
    case ACTIVATION_MISH:
      return mish(x);
    case ACTIVATION_EXP:
      return exp(x);
    case ACTIVATION_LOG:
      return x > 0 ? log_f64(x) : -Infinity;
    case ACTIVATION_SQRT:
      return sqrt(max(x, 0));
    case ACTIVATION_SOFTPLUS:
      return max(x, 0) + log1p(exp(-abs(x)));
    case ACTIVATION_SOFTSIGN:
      return x / (1 + abs(x));
    case ACTIVATION_ERF:
      return erf(x);
  }
  return x;
}

/** y = f(x), f one of ACTIVATION_..., any other number the identity; alpha and beta where f has them. */
export function activate_f32_f32(x: usize, y: usize, n: i32, activation: i32, alpha: f64, beta: f64): void {
  for (let i: usize = 0; i < (<usize>n) << 2; i += 4) {
    store<f32>(y + i, <f32>valueOf(<f64>load<f32>(x + i), activation, alpha, beta));
  }
}

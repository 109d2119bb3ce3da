// A function of one float32 value, applied to all (docs/math.md, equation 61): four values at a time.

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
  ACTIVATION_SIGMOID,
  ACTIVATION_SILU,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_SOFTSIGN,
  ACTIVATION_SQRT,
  ACTIVATION_TANH,
  FUNCTION_ABS,
  FUNCTION_CEIL,
  FUNCTION_CELU,
  FUNCTION_CLIP,
  FUNCTION_FLOOR,
  FUNCTION_LINEAR,
  FUNCTION_NEG,
  FUNCTION_RECIPROCAL,
  FUNCTION_ROUND,
  FUNCTION_SELU,
  FUNCTION_SIGN,
  FUNCTION_SQUARE,
  FUNCTION_THRESHOLDED_RELU,
} from "./abi";
import {
  erf4,
  exp4,
  expMinusOne4,
  gelu4,
  hardSwish4,
  log4,
  mish4,
  one4,
  sigmoid4,
  softplus4,
  tanh4,
  whereNegative4,
  zero4,
} from "./curves";
import { clamp4, load4, magnitudeMask, store4 } from "./lanes";
import { scalarOf } from "./scalars";

/** x sigmoid(1.59576912 (x + 0.044715 x^3)). */
// @ts-ignore: decorator
@inline
function geluTanh4(x: v128): v128 {
  const cubic = f32x4.mul(f32x4.mul(f32x4.mul(x, x), x), f32x4.splat(0.044715));
  return f32x4.mul(x, sigmoid4(f32x4.mul(f32x4.add(x, cubic), f32x4.splat(1.5957691))));
}

/** The sign of x, as a number; zeros and NaN as they are. */
// @ts-ignore: decorator
@inline
function sign4(x: v128): v128 {
  const isOrdered = v128.or(f32x4.lt(x, zero4()), f32x4.gt(x, zero4()));
  return v128.bitselect(v128.bitselect(one4(), x, magnitudeMask()), x, isOrdered);
}

// @ts-ignore: decorator
@inline
function valueOf4(x: v128, name: i32, a: v128, b: v128): v128 {
  switch (name) {
    case ACTIVATION_LEAKY_RELU:
      return whereNegative4(x, f32x4.mul(a, x), x);
    case ACTIVATION_ELU:
      return whereNegative4(x, f32x4.mul(a, expMinusOne4(x)), x);
    case ACTIVATION_SIGMOID:
      return sigmoid4(x);
    case ACTIVATION_TANH:
      return tanh4(x);
    case ACTIVATION_HARD_SIGMOID:
      return clamp4(f32x4.add(f32x4.mul(a, x), b), zero4(), one4());
    case ACTIVATION_HARD_SWISH:
      return hardSwish4(x);
    case ACTIVATION_SILU:
      return f32x4.mul(x, sigmoid4(f32x4.mul(a, x)));
    case ACTIVATION_GELU:
      return gelu4(x);
    case ACTIVATION_GELU_TANH:
      return geluTanh4(x);
    case ACTIVATION_MISH:
      return mish4(x);
    case ACTIVATION_EXP:
      return exp4(x);
    case ACTIVATION_LOG:
      return log4(x);
    case ACTIVATION_SQRT:
      return f32x4.sqrt(x);
    case ACTIVATION_SOFTPLUS:
      return softplus4(x);
    case ACTIVATION_SOFTSIGN:
      return f32x4.div(x, f32x4.add(one4(), f32x4.abs(x)));
    case ACTIVATION_ERF:
      return erf4(x);
    case FUNCTION_LINEAR:
      return f32x4.add(f32x4.mul(a, x), b);
    case FUNCTION_ABS:
      return f32x4.abs(x);
    case FUNCTION_NEG:
      return f32x4.neg(x);
    case FUNCTION_SIGN:
      return sign4(x);
    case FUNCTION_CEIL:
      return f32x4.ceil(x);
    case FUNCTION_FLOOR:
      return f32x4.floor(x);
    case FUNCTION_ROUND:
      return f32x4.nearest(x);
    case FUNCTION_RECIPROCAL:
      return f32x4.div(one4(), x);
    case FUNCTION_SQUARE:
      return f32x4.mul(x, x);
    case FUNCTION_SELU:
      return f32x4.mul(b, whereNegative4(x, f32x4.mul(a, expMinusOne4(x)), x));
    case FUNCTION_CELU:
      return whereNegative4(x, f32x4.mul(a, expMinusOne4(f32x4.div(x, a))), x);
    case FUNCTION_THRESHOLDED_RELU:
      return v128.and(x, f32x4.gt(x, a));
  }
  let y = zero4();
  y = f32x4.replace_lane(y, 0, <f32>scalarOf(f32x4.extract_lane(x, 0), name));
  y = f32x4.replace_lane(y, 1, <f32>scalarOf(f32x4.extract_lane(x, 1), name));
  y = f32x4.replace_lane(y, 2, <f32>scalarOf(f32x4.extract_lane(x, 2), name));
  return f32x4.replace_lane(y, 3, <f32>scalarOf(f32x4.extract_lane(x, 3), name));
}

/** y = min(max(x, lo), hi), a NaN as it is; y may be x. */
function clip(x: usize, y: usize, n: i32, lo: f32, hi: f32): void {
  const low = f32x4.splat(lo);
  const high = f32x4.splat(hi);
  for (let i: i32 = 0; i < n; i += 4, x += 16, y += 16) store4(y, clamp4(load4(x, n - i), low, high), n - i);
}

/** y = f(x) for n values, f one of ACTIVATION_... and FUNCTION_...; alpha and beta where f has them; y may be x. */
export function map_f32_f32(x: usize, y: usize, n: i32, name: i32, alpha: f32, beta: f32): void {
  if (name == ACTIVATION_RELU) return clip(x, y, n, 0, Infinity);
  if (name == FUNCTION_CLIP) return clip(x, y, n, alpha, beta);
  const a = f32x4.splat(alpha);
  const b = f32x4.splat(beta);
  for (let i: i32 = 0; i < n; i += 4, x += 16, y += 16) {
    store4(y, valueOf4(load4(x, n - i), name, a, b), n - i);
  }
}

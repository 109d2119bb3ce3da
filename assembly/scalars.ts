// Functions of one or two float32 values that are rare enough to be evaluated one at a time, in float64, and rounded once
// (docs/math.md, equation 67).

import {
  FUNCTION_ACOS,
  FUNCTION_ACOSH,
  FUNCTION_ASIN,
  FUNCTION_ASINH,
  FUNCTION_ATAN,
  FUNCTION_ATANH,
  FUNCTION_COS,
  FUNCTION_COSH,
  FUNCTION_SIN,
  FUNCTION_SINH,
  FUNCTION_TAN,
} from "./abi";
import { exp, expm1, log1p } from "./activation";
import { log_f64 } from "./measure";

const HALF_PI: f64 = 1.5707963267948966;
const QUARTER_TURN: i64 = 0x4000000000000000; // in units of 2^-62 quarter turns

/** The bits of 2 / pi before and after the point, the highest byte first. */
const TWO_OVER_PI = memory.data<u8>([
  0, 0, 0, 0xa2, 0xf9, 0x83, 0x6e, 0x4e, 0x44, 0x15, 0x29, 0xfc, 0x27, 0x57, 0xd1, 0xf5, 0x34, 0xdd, 0xc0, 0xdb, 0x62,
  0x95, 0x99, 0x3c, 0x43, 0x90, 0x41,
]);

function bitsOfTwoOverPi(byte: usize): u64 {
  return <u64>bswap<u32>(load<u32>(TWO_OVER_PI + byte));
}

/** The quarter turns in x >= 2, modulo 4, in units of 2^-62: a product of 24 by 96 bits, of which 64 matter. */
function turnsOf(x: f32): i64 {
  const exponent = reinterpret<u32>(x) - 0x40000000;
  const mantissa = (<u64>((exponent & 0x7fffff) | 0x800000)) << ((exponent >> 23) & 7);
  const byte = <usize>(exponent >> 26);
  const high = mantissa * bitsOfTwoOverPi(byte);
  const middle = mantissa * bitsOfTwoOverPi(byte + 4);
  return <i64>((high << 32) + middle + ((mantissa * bitsOfTwoOverPi(byte + 8)) >> 32));
}

/** r - r^3/3! + r^5/5! - ... from r^first / first! on, |r| <= pi / 4. */
function series(r: f64, first: i32): f64 {
  let sum: f64 = 1;
  for (let n = 16 + first; n > first; n -= 2) sum = 1 - (sum * r * r) / <f64>(n * (n - 1));
  return first == 1 ? sum * r : sum;
}

/** sin(x + `quarters` pi / 2) for x >= 0. */
function wave(x: f32, quarters: i32): f64 {
  if (!(x < Infinity)) return NaN;
  let n = nearest(<f64>x / HALF_PI);
  let r = <f64>x - n * HALF_PI;
  if (x >= 2) {
    const turns = turnsOf(x);
    const whole = (turns + QUARTER_TURN / 2) & ~(QUARTER_TURN - 1);
    n = <f64>((<u64>whole) >> 62);
    r = (<f64>(turns - whole) / <f64>QUARTER_TURN) * HALF_PI;
  }
  const turn = <i32>n + quarters;
  const y = series(r, 1 - (turn & 1));
  return turn & 2 ? -y : y;
}

function sin(x: f32): f64 {
  return copysign<f64>(1, x) * wave(abs(x), 0);
}

/** x - x^3/3 + x^5/5 - ... of a quarter of the angle. */
function atan(x: f64): f64 {
  const a = abs(x);
  let t = a > 1 ? 1 / a : a;
  t = t / (1 + sqrt(1 + t * t));
  t = t / (1 + sqrt(1 + t * t));
  let sum: f64 = 0;
  for (let n = 23; n > 0; n -= 2) sum = 1 / <f64>n - sum * t * t;
  const angle = 4 * t * sum;
  return copysign(a > 1 ? HALF_PI - angle : angle, x);
}

function sinh(x: f64): f64 {
  const e = expm1(min(abs(x), 700.0));
  return copysign((e + e / (e + 1)) / 2, x);
}

function cosh(x: f64): f64 {
  const e = exp(min(abs(x), 700.0));
  return (e + 1 / e) / 2;
}

function asinh(x: f64): f64 {
  const a = abs(x);
  return a < Infinity ? copysign(log1p(a + (a * a) / (1 + sqrt(1 + a * a))), x) : x;
}

function acosh(x: f64): f64 {
  const t = x - 1;
  if (!(t >= 0 && t < Infinity)) return t == Infinity ? t : NaN;
  return log1p(t + sqrt(t * (t + 2)));
}

function atanh(x: f64): f64 {
  const a = abs(x);
  if (!(a < 1)) return a == 1 ? copysign(Infinity, x) : NaN;
  return copysign(log1p((2 * a) / (1 - a)) / 2, x);
}

export function scalarOf(x: f32, name: i32): f64 {
  switch (name) {
    case FUNCTION_SIN:
      return sin(x);
    case FUNCTION_COS:
      return wave(abs(x), 1);
    case FUNCTION_TAN:
      return sin(x) / wave(abs(x), 1);
    case FUNCTION_ASIN:
      return atan(<f64>x / sqrt((1 - <f64>x) * (1 + <f64>x)));
    case FUNCTION_ACOS:
      return 2 * atan(sqrt((1 - <f64>x) / (1 + <f64>x)));
    case FUNCTION_ATAN:
      return atan(x);
    case FUNCTION_SINH:
      return sinh(x);
    case FUNCTION_COSH:
      return cosh(x);
    case FUNCTION_ASINH:
      return asinh(x);
    case FUNCTION_ACOSH:
      return acosh(x);
    case FUNCTION_ATANH:
      return atanh(x);
  }
  return x;
}

/** a^b: squares and square roots are those operations, the others exp(b log |a|) with the sign that whole b give. */
export function power(a: f32, b: f32): f32 {
  if (b == 2) return a * a;
  if (b == 0.5) return sqrt(a);
  if (b == 0 || a == 1) return 1;
  const size = abs(a);
  let y: f32 = (size == 0) == b > 0 ? 0 : Infinity;
  if (size > 0 && size < Infinity) y = <f32>exp(<f64>b * log_f64(size));
  if (isNaN(a) || isNaN(b)) return NaN;
  if (reinterpret<i32>(a) >= 0) return y;
  const isWhole = nearest(b) == b;
  if (!isWhole && size > 0) return NaN;
  return isWhole && nearest(b / 2) * 2 != b ? -y : y;
}

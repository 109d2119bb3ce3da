// gemmlowp's functions of fixed-point numbers, 32 bits (docs/math.md, equation 37): Qm is an int32 with m integer bits that
// stands for raw / 2^(31 - m).

import { divideByPowerOfTwo, multiplyHigh } from "./fixedpoint";

const ONE: i32 = 0x7fffffff; // 1 in Q0

/** x 2^exponent, saturating. */
// @ts-ignore: decorator
@inline
function saturatingShift(x: i32, exponent: i32): i32 {
  return min(max((<i64>x) << exponent, -0x80000000), 0x7fffffff) as i32;
}

/** exp(a) in Q0 for a in Q0, -1/4 <= a < 0: Taylor's polynomial around -1/8. */
function expNear(a: i32): i32 {
  const center = 1895147668; // exp(-1/8)
  const x = a + (1 << 28);
  const x2 = multiplyHigh(x, x);
  const x3 = multiplyHigh(x2, x);
  const quarter = divideByPowerOfTwo(multiplyHigh(x2, x2), 2);
  const tail = divideByPowerOfTwo(multiplyHigh(quarter + x3, 715827883) + x2, 1);
  return center + multiplyHigh(center, x + tail);
}

/** exp(-2^k) in Q0 for k = -2..4. */
const EXP_OF_POWERS = memory.data<i32>([1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242]);

/** exp(a) in Q0 for a <= 0 in Qm, m = `integerBits`, 0..5. */
export function expOfNegative(a: i32, integerBits: i32): i32 {
  if (a == 0) return ONE;
  const fraction = 31 - integerBits;
  const quarter = 1 << (fraction - 2);
  const inQuarter = (a & (quarter - 1)) - quarter;
  const rest = inQuarter - a;
  let result = expNear(inQuarter << integerBits);
  for (let k = -2; k < integerBits; k++) {
    if ((rest >> (fraction + k)) & 1) result = multiplyHigh(result, load<i32>(EXP_OF_POWERS + ((<usize>(k + 2)) << 2)));
  }
  return result;
}

/** 2 / (1 + a) in Q2 for 0 <= a <= 1 in Q0: three of Newton's steps. */
function reciprocal(a: i32): i32 {
  const half = ((<i64>a + <i64>ONE + 1) >> 1) as i32;
  let x = 1515870810 + multiplyHigh(half, -1010580540); // 48/17 - 32/17 half
  for (let step = 0; step < 3; step++) {
    x += saturatingShift(multiplyHigh(x, (1 << 29) - multiplyHigh(half, x)), 2);
  }
  return x;
}

/** 1 / (1 + a) in Q0 for 0 <= a <= 1 in Q0. */
export function oneOverOnePlus(a: i32): i32 {
  return saturatingShift(reciprocal(a), 1);
}

/** 1 / (1 + exp(-a)) in Q0 for a in Qm. */
export function logistic(a: i32, integerBits: i32): i32 {
  if (a == 0) return 1 << 30;
  const positive = oneOverOnePlus(expOfNegative(-abs(a), integerBits));
  return a > 0 ? positive : ONE - positive;
}

/** tanh(a) in Q0 for a in Qm: with one integer bit more, the same number is 2a. */
export function tanh(a: i32, integerBits: i32): i32 {
  if (a == 0) return 0;
  const positive = saturatingShift(reciprocal(expOfNegative(-abs(a), integerBits + 1)) - (1 << 29), 2);
  return a > 0 ? positive : -positive;
}

// Codes that become codes one by one in TensorFlow Lite's integers (docs/math.md, equations 34, 37 to 39).

import { FIXED_HARD_SWISH, FIXED_SIGMOID_16, FIXED_SIGMOID_8, FIXED_TANH_16, FIXED_TANH_8 } from "./abi";
import { sigmoid } from "./activation";
import { divideByPowerOfTwo, rescale } from "./fixedpoint";
import { logistic, tanh } from "./gemmlowp";

/** The numbers of a function of codes: 32-bit words in memory, in this order. */
@unmanaged
export class Fixed {
  /** One of FIXED_... */
  step: i32;
  /** Of the input. */
  zero: i32;
  resultZero: i32;
  lo: i32;
  hi: i32;
  once: i32;
  /** Of inputs at and above their zero, or of all. */
  multiplier: i32;
  shift: i32;
  /** Of inputs below their zero; hard_swish: of the gate. */
  below: i32;
  belowShift: i32;
  /** 8-bit sigmoid and tanh: from this distance to the zero on, results are the range's ends. */
  radius: i32;
}

/** sigmoid or tanh of an 8-bit code by way of Q4 (equation 37), less the result's zero. */
function curve8(x: i32, f: Fixed): i32 {
  if (x <= -f.radius) return f.lo - f.resultZero;
  if (x >= f.radius) return f.hi - f.resultZero;
  const q4 = rescale(x, f.multiplier, f.shift, f.once != 0);
  return f.step == FIXED_SIGMOID_8 ? divideByPowerOfTwo(logistic(q4, 4), 23) : divideByPowerOfTwo(tanh(q4, 4), 24);
}

/** Node i of sigmoid(i / 24) in 16 bits: raised by half of what a chord falls short of the curve (equation 38). */
function node(i: i32): i32 {
  if (i == 255) return 65535;
  const s = sigmoid(<f64>i / 24);
  return <i32>floor(65536 * s + (4096 * s * (1 - s) * (2 * s - 1)) / 576 + 0.5);
}

/** sigmoid(|x|) between its nodes, `bits` of x below them. */
function between(x: i32, bits: i32): i32 {
  const i = x >> bits;
  const a = node(i);
  return (a << bits) + (x & ((1 << bits) - 1)) * (node(i + 1) - a);
}

/** The input at 3 * 4096 to the unit. */
// @ts-ignore: decorator
@inline
function tripled(x: i32, f: Fixed): i32 {
  return (x * f.multiplier + (f.shift > 0 ? 1 << (f.shift - 1) : 0)) >> f.shift;
}

function sigmoid16(x: i32, f: Fixed): i32 {
  const v = tripled(x, f);
  const curve = abs(v) >> 9 >= 255 ? 0x7fff << 10 : between(abs(v), 9);
  return (v >= 0 ? curve + 512 : (1 << 25) - curve + 511) >> 10;
}

/** tanh(x) = 2 sigmoid(2 x) - 1 */
function tanh16(x: i32, f: Fixed): i32 {
  const v = tripled(x, f);
  const curve = abs(v) >> 8 >= 255 ? 0xffff << 8 : between(abs(v), 8);
  return (v >= 0 ? curve - (1 << 23) + 128 : (1 << 23) - curve + 127) >> 8;
}

// @ts-ignore: decorator
@inline
function saturate16(x: i64): i32 {
  return min(max(x, -32768), 32767) as i32;
}

/** round(a b / 2^15), ties toward +infinity. */
// @ts-ignore: decorator
@inline
function multiplyHigh16(a: i32, b: i32): i32 {
  return (a * b + (1 << 14)) >> 15;
}

/** The gate relu6(x + 3) / 6 in 15 bits, from x in 16 bits. */
function gateOf(x: i32, multiplier: i32, shift: i32): i32 {
  let v = shift > 0 ? saturate16((<i64>x) << (shift - 1)) : x;
  v = multiplyHigh16(v, multiplier);
  if (shift > 0) v = saturate16((<i64>v) << 1);
  if (shift < 0) v = divideByPowerOfTwo(v, -shift);
  return (v + 32768) >> 1;
}

/** x times its gate, in 16 bits (equation 39). */
function hardSwish(x: i32, f: Fixed): i32 {
  const high = x << 7;
  const product = gateOf(high, f.below, f.belowShift) * multiplyHigh16(high, f.multiplier);
  return divideByPowerOfTwo(product / 32768, -f.shift);
}

function valueOf(x: i32, f: Fixed): i32 {
  switch (f.step) {
    case FIXED_SIGMOID_8:
    case FIXED_TANH_8:
      return curve8(x, f);
    case FIXED_SIGMOID_16:
      return sigmoid16(x, f);
    case FIXED_TANH_16:
      return tanh16(x, f);
    case FIXED_HARD_SWISH:
      return hardSwish(x, f);
  }
  const negative = x < 0;
  return rescale(x, negative ? f.below : f.multiplier, negative ? f.belowShift : f.shift, f.once != 0);
}

/** n codes as int32 to codes as int32; `fixed` points to a Fixed. */
export function rescale_i32_i32(x: usize, y: usize, n: i32, fixed: usize): void {
  const f = changetype<Fixed>(fixed);
  for (let i: usize = 0; i < (<usize>n) << 2; i += 4) {
    const code = <i64>valueOf(load<i32>(x + i) - f.zero, f) + <i64>f.resultZero;
    store<i32>(y + i, min(max(code, <i64>f.lo), <i64>f.hi) as i32);
  }
}

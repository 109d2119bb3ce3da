// Fake quantization: s (q - z) straight from float32, without storing the code; equal to quantize followed by dequantize
// (docs/math.md, equation 3). Integer formats of at most 16 bits.

import { clamp4, NAN_BITS, roundingMagic } from "./lanes";
import { Step } from "./walk";

// @ts-ignore: decorator
@inline
function fake4(v: v128, scale: v128, lo: v128, hi: v128, magic: v128): v128 {
  return f32x4.add(clamp4(f32x4.div(v, scale), lo, hi), magic);
}

/** n values: all with one scale and zero (`lanes` 1), or each with its own. Returns non-zero if there is a NaN. */
function fakeMany(x: usize, y: usize, n: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
  const magic = roundingMagic();
  let scale = v128.load32_splat(scales);
  let low = bound4(lo, v128.load32_splat(zeros));
  let high = bound4(hi, v128.load32_splat(zeros));
  let seen = i32x4.splat(0);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    if (lanes != 1) {
      scale = v128.load(scales + at);
      low = bound4(lo, v128.load(zeros + at));
      high = bound4(hi, v128.load(zeros + at));
    }
    const shifted = fake4(v128.load(x + at), scale, low, high, magic);
    seen = v128.or(seen, shifted);
    v128.store(y + at, f32x4.mul(f32x4.sub(shifted, magic), scale));
  }
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    const lane = lanes == 1 ? 0 : at;
    const zero = v128.load32_splat(zeros + lane);
    const one = v128.load32_splat(scales + lane);
    const shifted = fake4(v128.load32_splat(x + at), one, bound4(lo, zero), bound4(hi, zero), magic);
    seen = v128.or(seen, shifted);
    v128.store32_lane(y + at, f32x4.mul(f32x4.sub(shifted, magic), one), 0);
  }
  return i32(v128.any_true(v128.and(seen, i32x4.splat(NAN_BITS))));
}

/** The end of the codes as a number of steps from their zeros. */
// @ts-ignore: decorator
@inline
function bound4(code: i32, zero: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.sub(i32x4.splat(code), zero));
}

/** float32 -> the float32 that its code stands for. */
export class Fake extends Step {
  // @ts-ignore: decorator
  @inline get inputSize(): i32 {
    return 4;
  }
  // @ts-ignore: decorator
  @inline get outputSize(): i32 {
    return 4;
  }
  // @ts-ignore: decorator
  @inline run(x: usize, y: usize, count: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
    return fakeMany(x, y, count, lanes, scales, zeros, lo, hi);
  }
}

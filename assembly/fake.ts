// Fake quantization: s (q - z) straight from float32, without storing the code; equal to quantize followed by dequantize
// (docs/math.md, equation 3). Integer formats of at most 16 bits.

import { clamp4, NAN_BITS, roundingMagic } from "./lanes";
import { Step } from "./walk";

// @ts-ignore: decorator
@inline
function fake4(v: v128, scale: v128, lo: v128, hi: v128, magic: v128): v128 {
  return f32x4.add(clamp4(f32x4.div(v, scale), lo, hi), magic);
}

// @ts-ignore: decorator
@inline
function fakeOne(x: usize, y: usize, scale: f32, lo: f32, hi: f32): i32 {
  const v = load<f32>(x);
  const code = min(max(nearest(v / scale), lo), hi);
  store<f32>(y, code * scale + 0);
  return i32(isNaN(v));
}

function fakeRun(x: usize, y: usize, n: i32, scale: f32, lo: f32, hi: f32): i32 {
  const s = f32x4.splat(scale);
  const low = f32x4.splat(lo);
  const high = f32x4.splat(hi);
  const magic = roundingMagic();
  let seen = i32x4.splat(0);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    const shifted = fake4(v128.load(x + at), s, low, high, magic);
    seen = v128.or(seen, shifted);
    v128.store(y + at, f32x4.mul(f32x4.sub(shifted, magic), s));
  }
  let found = i32(v128.any_true(v128.and(seen, i32x4.splat(NAN_BITS))));
  for (; i < n; i++) found |= fakeOne(x + ((<usize>i) << 2), y + ((<usize>i) << 2), scale, lo, hi);
  return found;
}

function fakeLanes(x: usize, y: usize, n: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
  const low = i32x4.splat(lo);
  const high = i32x4.splat(hi);
  const magic = roundingMagic();
  let seen = i32x4.splat(0);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    const zero = v128.load(zeros + at);
    const scale = v128.load(scales + at);
    const from = f32x4.convert_i32x4_s(i32x4.sub(low, zero));
    const till = f32x4.convert_i32x4_s(i32x4.sub(high, zero));
    const shifted = fake4(v128.load(x + at), scale, from, till, magic);
    seen = v128.or(seen, shifted);
    v128.store(y + at, f32x4.mul(f32x4.sub(shifted, magic), scale));
  }
  let found = i32(v128.any_true(v128.and(seen, i32x4.splat(NAN_BITS))));
  for (; i < n; i++) {
    const at = (<usize>i) << 2;
    const zero = load<i32>(zeros + at);
    found |= fakeOne(x + at, y + at, load<f32>(scales + at), <f32>(lo - zero), <f32>(hi - zero));
  }
  return found;
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
    if (lanes != 1) return fakeLanes(x, y, count, scales, zeros, lo, hi);
    const zero = load<i32>(zeros);
    return fakeRun(x, y, count, load<f32>(scales), <f32>(lo - zero), <f32>(hi - zero));
  }
}

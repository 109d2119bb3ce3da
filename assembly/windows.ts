// Pooling of float32 planes, channels first (docs/math.md, equation 64): a tap meets a whole row of outputs at once.

import { load4, store4 } from "./lanes";

/** An axis of the windows: six i32 in memory, in this order. */
@unmanaged
class Axis {
  input: i32;
  output: i32;
  kernel: i32;
  stride: i32;
  dilation: i32;
  /** Pads before the input. */
  before: i32;
}

/** The first output whose tap at `offset` from its window's start is not before the input. */
// @ts-ignore: decorator
@inline
function firstOutput(axis: Axis, offset: i32): i32 {
  return offset >= 0 ? 0 : min((axis.stride - 1 - offset) / axis.stride, axis.output);
}

/** Where outputs end whose tap at `offset` is not behind the input. */
// @ts-ignore: decorator
@inline
function endOutput(axis: Axis, offset: i32): i32 {
  const room = axis.input - offset;
  return room <= 0 ? 0 : min((room + axis.stride - 1) / axis.stride, axis.output);
}

/** The larger of two, the first where one is a NaN; or their sum. */
// @ts-ignore: decorator
@inline
function join4(a: v128, b: v128, isMax: bool): v128 {
  return isMax ? f32x4.pmax(a, b) : f32x4.add(a, b);
}

/** Four values, `stride` apart, the first `count` of them. */
// @ts-ignore: decorator
@inline
function gather4(x: usize, stride: i32, count: i32): v128 {
  if (stride == 1) return load4(x, count);
  const bytes = (<usize>stride) << 2;
  if (stride == 2 && count > 4) return v128.shuffle<f32>(v128.load(x), v128.load(x, 16), 0, 2, 4, 6);
  let v = v128.load32_zero(x);
  if (count > 1) v = v128.load32_lane(x + bytes, v, 1);
  if (count > 2) v = v128.load32_lane(x + 2 * bytes, v, 2);
  if (count > 3) v = v128.load32_lane(x + 3 * bytes, v, 3);
  return v;
}

/** One tap: y[i] = join(y[i], x[i stride]) for i = 0..n - 1. */
// @ts-ignore: decorator
@inline
function meet(x: usize, y: usize, n: i32, stride: i32, isMax: bool): void {
  const step = (<usize>stride) << 4;
  for (; n > 0; n -= 4, x += step, y += 16) store4(y, join4(load4(y, n), gather4(x, stride, n), isMax), n);
}

/** The taps of a window's row over a row of outputs. */
function meetRow(x: usize, y: usize, axis: Axis, isMax: bool): void {
  for (let tap: i32 = 0; tap < axis.kernel; tap++) {
    const offset = tap * axis.dilation - axis.before;
    const first = firstOutput(axis, offset);
    const from = x + ((<usize>(first * axis.stride + offset)) << 2);
    const to = y + ((<usize>first) << 2);
    const n = endOutput(axis, offset) - first;
    if (isMax) meet(from, to, n, axis.stride, true);
    else meet(from, to, n, axis.stride, false);
  }
}

/** Outputs i of an axis, for each of their taps inside the input the axis below; along the last axis a row at once. */
function meetAxis(x: usize, y: usize, axes: usize, depth: i32, isMax: bool): void {
  const axis = changetype<Axis>(axes);
  if (depth == 1) return meetRow(x, y, axis, isMax);
  const next = axes + offsetof<Axis>();
  let inputs: usize = 4;
  let outputs: usize = 4;
  for (let i: i32 = 0; i < depth - 1; i++) {
    const below = changetype<Axis>(next + <usize>i * offsetof<Axis>());
    inputs *= below.input;
    outputs *= below.output;
  }
  for (let i: i32 = 0; i < axis.output; i++, y += outputs) {
    for (let tap: i32 = 0; tap < axis.kernel; tap++) {
      const at = i * axis.stride + tap * axis.dilation - axis.before;
      if (at >= 0 && at < axis.input) meetAxis(x + <usize>at * inputs, y, next, depth - 1, isMax);
    }
  }
}

/**
 * y = the largest value (-Infinity without one; a NaN is passed over) or the sum of the windows over `planes` planes of x, taps in
 * their order; `axes` points to an Axis for each of the `depth` axes of a plane.
 */
export function pool_f32_f32(x: usize, y: usize, planes: i32, axes: usize, depth: i32, isMax: bool): void {
  let inputs: usize = 4;
  let outputs: i32 = 1;
  for (let i: i32 = 0; i < depth; i++) {
    const axis = changetype<Axis>(axes + <usize>i * offsetof<Axis>());
    inputs *= axis.input;
    outputs *= axis.output;
  }
  const empty = f32x4.splat(isMax ? -Infinity : 0);
  for (let plane: i32 = 0; plane < planes; plane++, x += inputs, y += (<usize>outputs) << 2) {
    for (let i: i32 = 0; i < outputs; i += 4) store4(y + ((<usize>i) << 2), empty, outputs - i);
    meetAxis(x, y, axes, depth, isMax);
  }
}

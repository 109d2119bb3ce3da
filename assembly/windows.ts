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

/** One output's taps in a row, as far as they are inside the input. */
function meetOne(x: usize, y: usize, axis: Axis, i: i32, isMax: bool): void {
  let v = v128.load32_zero(y);
  for (let tap: i32 = 0; tap < axis.kernel; tap++) {
    const at = i * axis.stride + tap * axis.dilation - axis.before;
    if (at >= 0 && at < axis.input) v = join4(v, v128.load32_zero(x + ((<usize>at) << 2)), isMax);
  }
  v128.store32_lane(y, v, 0);
}

/** Outputs whose taps are all inside, from `rows` rows of the input, `pitch` bytes apart: y[i] = join(y[i], every tap). */
// @ts-ignore: decorator
@inline
function meetInside(x: usize, y: usize, axis: Axis, n: i32, rows: i32, pitch: usize, stride: i32, isMax: bool): void {
  const taps = axis.kernel;
  const dilation = (<usize>axis.dilation) << 2;
  const step = (<usize>stride) << 4;
  // four vectors at a time: one alone waits for itself at every tap
  for (; n > 16; n -= 16, x += step << 2, y += 64) {
    let a = v128.load(y);
    let b = v128.load(y, 16);
    let c = v128.load(y, 32);
    let d = v128.load(y, 48);
    for (let row: i32 = 0, line = x; row < rows; row++, line += pitch) {
      for (let tap: i32 = 0, at = line; tap < taps; tap++, at += dilation) {
        a = join4(a, gather4(at, stride, 16), isMax);
        b = join4(b, gather4(at + step, stride, 16), isMax);
        c = join4(c, gather4(at + 2 * step, stride, 16), isMax);
        d = join4(d, gather4(at + 3 * step, stride, 16), isMax);
      }
    }
    v128.store(y, a);
    v128.store(y, b, 16);
    v128.store(y, c, 32);
    v128.store(y, d, 48);
  }
  for (; n > 0; n -= 4, x += step, y += 16) {
    let v = load4(y, n);
    for (let row: i32 = 0, line = x; row < rows; row++, line += pitch) {
      for (let tap: i32 = 0, at = line; tap < taps; tap++, at += dilation) v = join4(v, gather4(at, stride, n), isMax);
    }
    store4(y, v, n);
  }
}

/** A row of outputs meets `rows` rows of the input, `pitch` bytes apart. */
function meetRows(x: usize, y: usize, axis: Axis, rows: i32, pitch: usize, isMax: bool): void {
  const end = endOutput(axis, (axis.kernel - 1) * axis.dilation - axis.before);
  const first = min(firstOutput(axis, -axis.before), end);
  for (let row: i32 = 0, line = x; row < rows; row++, line += pitch) {
    for (let i: i32 = 0; i < first; i++) meetOne(line, y + ((<usize>i) << 2), axis, i, isMax);
    for (let i = end; i < axis.output; i++) meetOne(line, y + ((<usize>i) << 2), axis, i, isMax);
  }
  const from = x + ((<usize>(first * axis.stride - axis.before)) << 2);
  const to = y + ((<usize>first) << 2);
  const n = end - first;
  if (axis.stride == 1) meetInside(from, to, axis, n, rows, pitch, 1, isMax);
  else if (axis.stride == 2) meetInside(from, to, axis, n, rows, pitch, 2, isMax);
  else meetInside(from, to, axis, n, rows, pitch, axis.stride, isMax);
}

/** Outputs i of an axis, for each of their taps inside the input the axes below it; the last two axes at once. */
function meetAxis(x: usize, y: usize, axes: usize, depth: i32, isMax: bool): void {
  const axis = changetype<Axis>(axes);
  if (depth == 1) return meetRows(x, y, axis, 1, 0, isMax);
  const next = axes + offsetof<Axis>();
  let inputs: usize = 4;
  let outputs: usize = 4;
  for (let i: i32 = 0; i < depth - 1; i++) {
    const below = changetype<Axis>(next + <usize>i * offsetof<Axis>());
    inputs *= below.input;
    outputs *= below.output;
  }
  for (let i: i32 = 0; i < axis.output; i++, y += outputs) {
    const start = i * axis.stride - axis.before;
    const first = start < 0 ? min((axis.dilation - 1 - start) / axis.dilation, axis.kernel) : 0;
    const room = axis.input - start;
    const end = room <= 0 ? 0 : min((room + axis.dilation - 1) / axis.dilation, axis.kernel);
    if (depth == 2) {
      const line = x + <usize>(start + first * axis.dilation) * inputs;
      meetRows(line, y, changetype<Axis>(next), end - first, axis.dilation * inputs, isMax);
      continue;
    }
    for (let tap = first; tap < end; tap++) {
      meetAxis(x + <usize>(start + tap * axis.dilation) * inputs, y, next, depth - 1, isMax);
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

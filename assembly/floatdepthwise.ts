// Depthwise convolutions of float32 planes (docs/math.md, equation 55). A plane is copied once with its padding, and, for strides,
// split into phases: each holds every stride-th line and column. There a tap is an offset, and neighbours in an output line are
// neighbours in memory; lines of outputs follow each other with the columns between them that belong to no output.

import { finish } from "./floatfinish";

/** How padded planes lie: words in memory, in this order. */
@unmanaged
export class FloatPlanes {
  /** Of a plane. */
  height: i32;
  width: i32;
  strideHeight: i32;
  strideWidth: i32;
  top: i32;
  left: i32;
  /** Lines and columns of a phase; the phases of a plane follow each other, those of a line first. */
  lines: i32;
  across: i32;
}

/** A depthwise convolution: words in memory, in this order. */
@unmanaged
export class FloatDepthwise {
  /** Pointer to FloatPlanes. */
  planes: usize;
  /** Channels of the output, and how many of them one of the input has. */
  channels: i32;
  multiplier: i32;
  taps: i32;
  /** Pointer to the taps' offsets in a padded plane, in bytes. */
  offsets: usize;
  outHeight: i32;
  outWidth: i32;
  /** Output lines whose sums are made at a time. */
  block: i32;
  /** Pointer to Finish. */
  finish: usize;
}

/** Sums that are made at a time: as many values may be read behind a padded plane and written behind the sums. */
const ABREAST: i32 = 16;

/** Bytes of a plane with its padding. */
// @ts-ignore: decorator
@inline
function planeBytes(p: FloatPlanes): usize {
  return (<usize>(p.strideHeight * p.strideWidth * p.lines * p.across)) << 2;
}

/** Bytes of so many values. */
// @ts-ignore: decorator
@inline
function bytesOf(count: i32): usize {
  return (<usize>count) << 2;
}

/** A line's values with their neighbours: stride 1. */
function copyLine(x: usize, to: usize, count: i32): void {
  const bytes = bytesOf(count);
  if (count < 4) return memory.copy(to, x, bytes);
  for (let i: usize = 0; i < bytes - 16; i += 16) v128.store(to + i, v128.load(x + i));
  v128.store(to + bytes - 16, v128.load(x + bytes - 16));
}

/** A line's values to the phases that their columns are of, `phaseBytes` apart. */
function splitLine(x: usize, to: usize, count: i32, left: i32, stride: i32, phaseBytes: usize): void {
  let i: i32 = 0;
  if (stride == 2) {
    let even = to + <usize>(left & 1) * phaseBytes + bytesOf(left >> 1);
    let odd = to + <usize>(~left & 1) * phaseBytes + bytesOf((left + 1) >> 1);
    for (; i + 8 <= count; i += 8) {
      const low = v128.load(x + bytesOf(i));
      const high = v128.load(x + bytesOf(i), 16);
      v128.store(even, i32x4.shuffle(low, high, 0, 2, 4, 6));
      v128.store(odd, i32x4.shuffle(low, high, 1, 3, 5, 7));
      even += 16;
      odd += 16;
    }
  }
  let phase = (left + i) % stride;
  let column = to + bytesOf((left + i) / stride);
  for (; i < count; i++) {
    store<f32>(column + <usize>phase * phaseBytes, load<f32>(x + bytesOf(i)));
    if (++phase == stride) {
      phase = 0;
      column += 4;
    }
  }
}

/** Copies a plane's values between padding that is there. */
function copyPlane(p: FloatPlanes, x: usize, to: usize): void {
  const lineBytes = (<usize>p.across) << 2;
  const phaseBytes = lineBytes * <usize>p.lines;
  for (let i: i32 = 0; i < p.height; i++) {
    const at = i + p.top;
    const phase = <usize>((at % p.strideHeight) * p.strideWidth);
    const line = to + phase * phaseBytes + <usize>(at / p.strideHeight) * lineBytes;
    if (p.strideWidth == 1) copyLine(x, line + ((<usize>p.left) << 2), p.width);
    else splitLine(x, line, p.width, p.left, p.strideWidth, phaseBytes);
    x += (<usize>p.width) << 2;
  }
}

/** `count` planes with zeros around them. */
export function pad_f32_f32(planes: usize, x: usize, y: usize, count: i32): void {
  const p = changetype<FloatPlanes>(planes);
  memory.fill(y, 0, planeBytes(p) * <usize>count);
  for (let i: i32 = 0; i < count; i++) {
    copyPlane(p, x, y);
    x += (<usize>(p.height * p.width)) << 2;
    y += planeBytes(p);
  }
}

/** At least `count` sums of taps, from a place in a padded plane on. */
function sumTaps(d: FloatDepthwise, plane: usize, w: usize, bias: usize, sums: usize, count: i32): void {
  const offsets = d.offsets;
  const end = offsets + ((<usize>d.taps) << 2);
  for (let i: i32 = 0; i < count; i += ABREAST) {
    let a0 = v128.load32_splat(bias);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let tap = w;
    for (let at = offsets; at < end; at += 4) {
      const x = plane + load<u32>(at);
      const weight = v128.load32_splat(tap);
      a0 = f32x4.add(a0, f32x4.mul(weight, v128.load(x)));
      a1 = f32x4.add(a1, f32x4.mul(weight, v128.load(x, 16)));
      a2 = f32x4.add(a2, f32x4.mul(weight, v128.load(x, 32)));
      a3 = f32x4.add(a3, f32x4.mul(weight, v128.load(x, 48)));
      tap += 4;
    }
    v128.store(sums, a0);
    v128.store(sums, a1, 16);
    v128.store(sums, a2, 32);
    v128.store(sums, a3, 48);
    plane += ABREAST << 2;
    sums += ABREAST << 2;
  }
}

/** Four sums, z (0: there is none) added, finished. */
// @ts-ignore: decorator
@inline
function finishFour(sums: usize, z: usize, y: usize, at: usize): void {
  let v = v128.load(sums);
  if (z) v = f32x4.add(v, v128.load(z));
  v128.store(y, finish(v, at));
}

/** A line of sums; the last four are made whole, some of them once more. */
function finishLine(d: FloatDepthwise, sums: usize, z: usize, y: usize): void {
  const bytes = bytesOf(d.outWidth);
  if (bytes < 16) {
    for (let i: usize = 0; i < bytes; i += 4) {
      let v = v128.load32_zero(sums + i);
      if (z) v = f32x4.add(v, v128.load32_zero(z + i));
      v128.store32_lane(y + i, finish(v, d.finish), 0);
    }
    return;
  }
  const last = bytes - 16;
  for (let i: usize = 0; i < last; i += 16) finishFour(sums + i, z ? z + i : 0, y + i, d.finish);
  finishFour(sums + last, z ? z + last : 0, y + last, d.finish);
}

/** One channel's plane. */
function convolvePlane(d: FloatDepthwise, plane: usize, w: usize, bias: usize, z: usize, y: usize, sums: usize): void {
  const across = changetype<FloatPlanes>(d.planes).across;
  for (let first: i32 = 0; first < d.outHeight; first += d.block) {
    const lines = min(d.block, d.outHeight - first);
    const from = plane + ((<usize>(first * across)) << 2);
    sumTaps(d, from, w, bias, sums, (lines - 1) * across + d.outWidth);
    for (let i: i32 = 0; i < lines; i++) {
      const at = (<usize>((first + i) * d.outWidth)) << 2;
      finishLine(d, sums + ((<usize>(i * across)) << 2), z ? z + at : 0, y + at);
    }
  }
}

/**
 * Channels from..till - 1 of one image; any split gives the same bytes. w has the taps of each output channel, bias a number for each.
 * Scratch: a padded plane, the sums of a block, and 16 values behind either.
 */
export function depthwise_f32_f32_f32(
  depthwise: usize,
  x: usize,
  w: usize,
  bias: usize,
  z: usize,
  y: usize,
  scratch: usize,
  from: i32,
  till: i32,
): void {
  const d = changetype<FloatDepthwise>(depthwise);
  const p = changetype<FloatPlanes>(d.planes);
  const sums = scratch + planeBytes(p) + (ABREAST << 2);
  const inBytes = (<usize>(p.height * p.width)) << 2;
  const outBytes = (<usize>(d.outHeight * d.outWidth)) << 2;
  memory.fill(scratch, 0, planeBytes(p) + (ABREAST << 2));
  for (let channel = from; channel < till; channel++) {
    const at = <usize>channel;
    if (channel == from || channel % d.multiplier == 0) {
      copyPlane(p, x + <usize>(channel / d.multiplier) * inBytes, scratch);
    }
    const taps = w + ((at * <usize>d.taps) << 2);
    convolvePlane(d, scratch, taps, bias + (at << 2), z ? z + at * outBytes : 0, y + at * outBytes, sums);
  }
}

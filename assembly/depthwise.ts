// Depthwise convolution: every channel meets its own weights. Sixteen channels at a time; a group of taps is interleaved, so
// that one dot product covers four channels by four taps of bytes, or four by two of int16.
//
//     taps a b c d of channels 0..15  ->  [a0 b0 c0 d0 a1 .. d3] [a4 b4 c4 d4 .. d7] [a8 .. d11] [a12 .. d15]
//
// The weights of a block of sixteen channels and a group of taps lie in 64 bytes in the same order.

import { Patches, pixelAt } from "./gather";
import { Bytes, Words } from "./gemm";
import { Rescale, requantizeRows } from "./requantize";

/** A depthwise convolution's operands and scratch memory: words in memory, in this order. */
@unmanaged
export class Depthwise {
  /** Pointer to Patches, of which `how` and `operand` are not read. */
  patches: usize;
  /** Pointer to Rescale. */
  rescale: usize;
  /** Taps of a group: 4 reads bytes as the host's relaxed dot product does, 2 as `signed` says. */
  taps: i32;
  signed: i32;
  /** Groups of taps. */
  groups: i32;
  /** Outputs of a channel. */
  multiplier: i32;
  /** Outputs. */
  columns: i32;
  weights: usize;
  /** Initial sums: int32, up to the next multiple of 16. */
  bias: usize;
  /** Pixels of a block. */
  block: i32;
  /** Scratch memory of a block: pointers to taps, `groups` times `taps` a pixel; where padding is, the channels up to the
   * next multiple of 16; a patch a pixel, if `multiplier` is not 1; the sums, columns up to the next multiple of 16. */
  pointers: usize;
  padding: usize;
  patch: usize;
  sums: usize;
  output: usize;
  outputStride: i32;
}

/** Interleaves the bytes of channels 0..7: a0 b0 a1 b1 ... a7 b7. */
// @ts-ignore: decorator
@inline
function lowBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Interleaves the bytes of channels 8..15. */
// @ts-ignore: decorator
@inline
function highBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** Interleaves the pairs of bytes of the lower four channels. */
// @ts-ignore: decorator
@inline
function lowPairs(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** Interleaves the pairs of bytes of the upper four channels. */
// @ts-ignore: decorator
@inline
function highPairs(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** One block of sixteen channels of two pixels, whose tap pointers are at p and q; sums go to `to` and `next`. */
function pairOfFour(
  p: usize,
  q: usize,
  offset: usize,
  w: usize,
  groups: i32,
  bias: usize,
  to: usize,
  next: usize,
): void {
  const dot = changetype<Bytes>(0);
  let a0 = v128.load(bias);
  let a1 = v128.load(bias, 16);
  let a2 = v128.load(bias, 32);
  let a3 = v128.load(bias, 48);
  let b0 = a0;
  let b1 = a1;
  let b2 = a2;
  let b3 = a3;
  for (let i: i32 = 0; i < groups; i++) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const w2 = v128.load(w, 32);
    const w3 = v128.load(w, 48);
    let s = v128.load(load<u32>(p) + offset);
    let t = v128.load(load<u32>(p, 4) + offset);
    let u = v128.load(load<u32>(p, 8) + offset);
    let v = v128.load(load<u32>(p, 12) + offset);
    let st = lowBytes(s, t);
    let uv = lowBytes(u, v);
    a0 = dot.add(a0, w0, lowPairs(st, uv));
    a1 = dot.add(a1, w1, highPairs(st, uv));
    st = highBytes(s, t);
    uv = highBytes(u, v);
    a2 = dot.add(a2, w2, lowPairs(st, uv));
    a3 = dot.add(a3, w3, highPairs(st, uv));
    s = v128.load(load<u32>(q) + offset);
    t = v128.load(load<u32>(q, 4) + offset);
    u = v128.load(load<u32>(q, 8) + offset);
    v = v128.load(load<u32>(q, 12) + offset);
    st = lowBytes(s, t);
    uv = lowBytes(u, v);
    b0 = dot.add(b0, w0, lowPairs(st, uv));
    b1 = dot.add(b1, w1, highPairs(st, uv));
    st = highBytes(s, t);
    uv = highBytes(u, v);
    b2 = dot.add(b2, w2, lowPairs(st, uv));
    b3 = dot.add(b3, w3, highPairs(st, uv));
    p += 16;
    q += 16;
    w += 64;
  }
  v128.store(to, a0);
  v128.store(to, a1, 16);
  v128.store(to, a2, 32);
  v128.store(to, a3, 48);
  v128.store(next, b0);
  v128.store(next, b1, 16);
  v128.store(next, b2, 32);
  v128.store(next, b3, 48);
}

/** Eight bytes as int16. */
// @ts-ignore: decorator
@inline
function low<T>(v: v128): v128 {
  return isSigned<T>() ? i16x8.extend_low_i8x16_s(v) : i16x8.extend_low_i8x16_u(v);
}

/** The other eight. */
// @ts-ignore: decorator
@inline
function high<T>(v: v128): v128 {
  return isSigned<T>() ? i16x8.extend_high_i8x16_s(v) : i16x8.extend_high_i8x16_u(v);
}

/** The same with groups of two taps, widened to int16. */
function pairOfTwo<T>(
  p: usize,
  q: usize,
  offset: usize,
  w: usize,
  groups: i32,
  bias: usize,
  to: usize,
  next: usize,
): void {
  const dot = changetype<Words>(0);
  let a0 = v128.load(bias);
  let a1 = v128.load(bias, 16);
  let a2 = v128.load(bias, 32);
  let a3 = v128.load(bias, 48);
  let b0 = a0;
  let b1 = a1;
  let b2 = a2;
  let b3 = a3;
  for (let i: i32 = 0; i < groups; i++) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const w2 = v128.load(w, 32);
    const w3 = v128.load(w, 48);
    let s = v128.load(load<u32>(p) + offset);
    let t = v128.load(load<u32>(p, 4) + offset);
    let st = lowBytes(s, t);
    a0 = dot.add(a0, w0, low<T>(st));
    a1 = dot.add(a1, w1, high<T>(st));
    st = highBytes(s, t);
    a2 = dot.add(a2, w2, low<T>(st));
    a3 = dot.add(a3, w3, high<T>(st));
    s = v128.load(load<u32>(q) + offset);
    t = v128.load(load<u32>(q, 4) + offset);
    st = lowBytes(s, t);
    b0 = dot.add(b0, w0, low<T>(st));
    b1 = dot.add(b1, w1, high<T>(st));
    st = highBytes(s, t);
    b2 = dot.add(b2, w2, low<T>(st));
    b3 = dot.add(b3, w3, high<T>(st));
    p += 8;
    q += 8;
    w += 64;
  }
  v128.store(to, a0);
  v128.store(to, a1, 16);
  v128.store(to, a2, 32);
  v128.store(to, a3, 48);
  v128.store(next, b0);
  v128.store(next, b1, 16);
  v128.store(next, b2, 32);
  v128.store(next, b3, 48);
}

/** Writes where the taps of the output at (x, y) are: in the image or in the padding. */
function pointTaps(p: Patches, image: usize, x: i32, y: i32, padding: usize, to: usize): void {
  for (let i: i32 = 0; i < p.kernelHeight; i++) {
    const line = pixelAt(y * p.strideHeight - p.top + i * p.dilationHeight, p.spreadHeight, p.height);
    for (let k: i32 = 0; k < p.kernelWidth; k++) {
      const column = pixelAt(x * p.strideWidth - p.left + k * p.dilationWidth, p.spreadWidth, p.width);
      const pixel = image + <usize>((line * p.width + column) * p.channels);
      store<u32>(to, line < 0 || column < 0 ? padding : pixel);
      to += 4;
    }
  }
}

/** Whether all of a kernel's extent from `place` on is in the image. */
// @ts-ignore: decorator
@inline
function isInside(place: i32, reach: i32, spread: i32, extent: i32): bool {
  return spread == 1 && min(place, place + reach) >= 0 && max(place, place + reach) < extent;
}

/** Repeats the channels of a patch, `multiplier` times each, and points the taps to the copies. */
function repeatChannels(d: Depthwise, p: Patches, pointers: usize, to: usize): void {
  const stride = (<usize>d.columns + 15) & ~15;
  for (let t: i32 = 0; t < p.kernelHeight * p.kernelWidth; t++) {
    const from = load<u32>(pointers);
    store<u32>(pointers, <u32>to);
    for (let j: i32 = 0; j < d.columns; j++) store<u8>(to + j, load<u8>(from + j / d.multiplier));
    to += stride;
    pointers += 4;
  }
}

/** Writes the tap pointers of outputs from..till - 1, and copies their patches where channels have several outputs. */
function pointRows(d: Depthwise, p: Patches, from: i32, till: i32): void {
  const entries = d.groups * d.taps;
  const bytes = (<usize>entries) << 2;
  const imageBytes = <usize>(p.height * p.width * p.channels);
  const step = i32x4.splat(p.strideWidth * p.channels);
  const patchBytes = ((<usize>d.columns + 15) & ~15) * <usize>(p.kernelHeight * p.kernelWidth);
  let wasInside = false;
  let to = d.pointers;
  for (let row = from; row < till; row++) {
    const x = row % p.outWidth;
    const y = (row / p.outWidth) % p.outHeight;
    const inLine = isInside(x * p.strideWidth - p.left, (p.kernelWidth - 1) * p.dilationWidth, p.spreadWidth, p.width);
    const top = y * p.strideHeight - p.top;
    const inside = inLine && isInside(top, (p.kernelHeight - 1) * p.dilationHeight, p.spreadHeight, p.height);
    if (inside && wasInside && x > 0 && d.multiplier == 1) {
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, i32x4.add(v128.load(to - bytes + i), step));
    } else {
      const image = p.source + <usize>(row / p.outWidth / p.outHeight) * imageBytes;
      pointTaps(p, image, x, y, d.padding, to);
      if (d.multiplier != 1) repeatChannels(d, p, to, d.patch + <usize>(row - from) * patchBytes);
      // taps that fill the last group meet weights of 0
      for (let i = (<usize>(p.kernelHeight * p.kernelWidth)) << 2; i < bytes; i += 4) store<u32>(to + i, load<u32>(to));
    }
    wasInside = inside;
    to += bytes;
  }
}

/** The sums of a block of outputs, two at a time; the last one's neighbour may be itself. */
function sumBlock(d: Depthwise, count: i32): void {
  const entryBytes = (<usize>(d.groups * d.taps)) << 2;
  const rowBytes = ((<usize>d.columns + 15) & ~15) << 2;
  const weightBytes = (<usize>d.groups) << 6;
  for (let i: i32 = 0; i < count; i += 2) {
    const first = <usize>i;
    const second = <usize>min(i + 1, count - 1);
    const p = d.pointers + first * entryBytes;
    const q = d.pointers + second * entryBytes;
    for (let j: i32 = 0; j < d.columns; j += 16) {
      const w = d.weights + <usize>(j >> 4) * weightBytes;
      const at = (<usize>j) << 2;
      const bias = d.bias + at;
      const to = d.sums + first * rowBytes + at;
      const next = d.sums + second * rowBytes + at;
      if (d.taps == 4) pairOfFour(p, q, j, w, d.groups, bias, to, next);
      else if (d.signed) pairOfTwo<i8>(p, q, j, w, d.groups, bias, to, next);
      else pairOfTwo<u8>(p, q, j, w, d.groups, bias, to, next);
    }
  }
}

/** Outputs from..till - 1 of a depthwise convolution; any split of them gives the same bytes. */
export function depthwise_rows(depthwise: usize, from: i32, till: i32): void {
  const d = changetype<Depthwise>(depthwise);
  const p = changetype<Patches>(d.patches);
  const rescale = changetype<Rescale>(d.rescale);
  const sumStride = ((<usize>d.columns + 15) & ~15) << 2;
  for (let row = from; row < till; row += d.block) {
    const count = min(d.block, till - row);
    pointRows(d, p, row, row + count);
    sumBlock(d, count);
    const to = d.output + <usize>row * <usize>d.outputStride;
    requantizeRows(d.sums, sumStride, to, d.outputStride, count, d.columns, 0, rescale);
  }
}

/**
 * Weights of `columns` outputs by `length` taps at w as depthwise_rows reads them: four taps of bytes, exclusive-or `mask`, or
 * (taps 2) two of int16, codes (signed, or not) less their zeros. What is not there is 0.
 */
export function pack_i8_depthwise(
  w: usize,
  zeros: usize,
  to: usize,
  columns: i32,
  length: i32,
  taps: i32,
  mask: i32,
  signed: i32,
): void {
  for (let n: i32 = 0; n < columns; n += 16) {
    for (let k: i32 = 0; k < length; k += taps) {
      for (let j = n; j < n + 16; j++) {
        for (let i = k; i < k + taps; i++) {
          const inside = j < columns && i < length;
          const at = w + <usize>j * <usize>length + i;
          if (taps == 4) store<u8>(to++, inside ? load<u8>(at) ^ (<u8>mask) : 0);
          else {
            const code = inside ? (signed ? <i32>load<i8>(at) : <i32>load<u8>(at)) : 0;
            store<i16>(to, <i16>(inside ? code - load<i32>(zeros + ((<usize>j) << 2)) : 0));
            to += 2;
          }
        }
      }
    }
  }
}

// Rows of a convolution: the values that one output meets, side by side, as the tiles of gemm.ts read them. A matrix
// product is a convolution by 1 x 1. Data are channels last.

import { GATHER_BYTES, GATHER_I16, GATHER_I8 } from "./abi";

/** Bytes that a gathered row may be written beyond its end, and 16 of them read beyond the source's. */
export const SLACK: i32 = 32;

/** Where the values of output rows are: words in memory, in this order. Outputs are numbered image by image, line by line. */
@unmanaged
export class Patches {
  source: usize;
  /** GATHER_BYTES ... */
  how: i32;
  /** The mask of GATHER_BYTES, the zero of GATHER_I8 and GATHER_U8. */
  operand: i32;
  /** What stands where padding is: a source value. */
  fill: i32;
  height: i32;
  width: i32;
  /** Values from pixel to pixel. */
  channels: i32;
  /** The first channel that is met, and how many are. */
  first: i32;
  depth: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideHeight: i32;
  strideWidth: i32;
  /** Pixels from tap to tap; negative in transposed convolutions. */
  dilationHeight: i32;
  dilationWidth: i32;
  top: i32;
  left: i32;
  outHeight: i32;
  outWidth: i32;
  /** Input pixels stand this far apart (1: side by side), zeros between them: a transposed convolution. */
  spreadHeight: i32;
  spreadWidth: i32;
}

/** Copies `count` values in vectors; up to SLACK bytes more are written. */
function copyRun(from: usize, to: usize, count: i32, how: i32, operand: i32): void {
  if (how == GATHER_BYTES) {
    const mask = i8x16.splat(<i8>operand);
    for (let i: i32 = 0; i < count; i += 16) v128.store(to + i, v128.xor(v128.load(from + i), mask));
  } else if (how == GATHER_I16) {
    for (let i: i32 = 0; i < count << 1; i += 16) v128.store(to + i, v128.load(from + i));
  } else {
    const zero = i16x8.splat(<i16>operand);
    const signed = how == GATHER_I8;
    for (let i: i32 = 0; i < count; i += 16) {
      const bytes = v128.load(from + i);
      const low = signed ? i16x8.extend_low_i8x16_s(bytes) : i16x8.extend_low_i8x16_u(bytes);
      const high = signed ? i16x8.extend_high_i8x16_s(bytes) : i16x8.extend_high_i8x16_u(bytes);
      v128.store(to + (i << 1), i16x8.sub(low, zero));
      v128.store(to + (i << 1), i16x8.sub(high, zero), 16);
    }
  }
}

/** Writes padding for `count` values; up to SLACK bytes more are written. */
function fillRun(to: usize, count: i32, how: i32, operand: i32, fill: i32): void {
  const bytes = how == GATHER_BYTES;
  const value = bytes
    ? i8x16.splat(<i8>(fill ^ operand))
    : i16x8.splat(<i16>(how == GATHER_I16 ? fill : fill - operand));
  const size = bytes ? count : count << 1;
  for (let i: i32 = 0; i < size; i += 16) v128.store(to + i, value);
}

/** The pixel that a place in the spread and padded input is; -1 if it is padding. */
// @ts-ignore: decorator
@inline
export function pixelAt(place: i32, spread: i32, extent: i32): i32 {
  if (place < 0) return -1;
  if (spread != 1) {
    if (place % spread) return -1;
    place /= spread;
  }
  return place < extent ? place : -1;
}

/** One line of a patch: kernelWidth pixels of the image line at `line`, of which the first is at `x`. */
function gatherLine(p: Patches, line: usize, x: i32, to: usize, size: i32): void {
  const depth = p.depth;
  const step = depth * size;
  const end = p.kernelWidth;
  if (p.dilationWidth == 1 && p.spreadWidth == 1 && depth == p.channels) {
    // neighbours in memory: one copy between the paddings
    const bytes = p.how == GATHER_I16 ? 2 : 1;
    const from = min(max(-x, 0), end);
    const till = max(min(p.width - x, end), from);
    fillRun(to, from * depth, p.how, p.operand, p.fill);
    const source = line + <usize>((x + from) * depth * bytes);
    copyRun(source, to + from * step, (till - from) * depth, p.how, p.operand);
    fillRun(to + till * step, (end - till) * depth, p.how, p.operand, p.fill);
    return;
  }
  for (let k: i32 = 0; k < end; k++) {
    const column = pixelAt(x + k * p.dilationWidth, p.spreadWidth, p.width);
    const source = line + <usize>((column * p.channels + p.first) * (p.how == GATHER_I16 ? 2 : 1));
    if (column < 0) fillRun(to, depth, p.how, p.operand, p.fill);
    else copyRun(source, to, depth, p.how, p.operand);
    to += step;
  }
}

/** The row of the output at (x, y). */
function gatherRow(p: Patches, image: usize, x: i32, y: i32, to: usize): void {
  const size = p.how == GATHER_BYTES ? 1 : 2;
  const lineBytes = <usize>(p.width * p.channels * (p.how == GATHER_I16 ? 2 : 1));
  const lineValues = p.kernelWidth * p.depth;
  for (let k: i32 = 0; k < p.kernelHeight; k++) {
    const place = y * p.strideHeight - p.top + k * p.dilationHeight;
    const line = pixelAt(place, p.spreadHeight, p.height);
    if (line < 0) fillRun(to, lineValues, p.how, p.operand, p.fill);
    else gatherLine(p, image + <usize>line * lineBytes, x * p.strideWidth - p.left, to, size);
    to += lineValues * size;
  }
}

/** Rows whose taps are all in the image, neighbours of a line: `source` is the first tap of the first, `line` the bytes of a line. */
function gatherInside(p: Patches, source: usize, count: i32, line: usize, to: usize, stride: usize): void {
  const values = p.kernelWidth * p.depth;
  const size = p.how == GATHER_BYTES ? 1 : 2;
  const height = p.kernelHeight;
  const mask = i8x16.splat(<i8>p.operand);
  const down = line * <usize>p.dilationHeight;
  const step = <usize>(p.strideWidth * p.channels * (p.how == GATHER_I16 ? 2 : 1));
  for (let i: i32 = 0; i < count; i++, source += step, to += stride) {
    let from = source;
    let target = to;
    for (let k: i32 = 0; k < height; k++, from += down, target += values * size) {
      if (size == 1)
        for (let j: i32 = 0; j < values; j += 16) v128.store(target + j, v128.xor(v128.load(from + j), mask));
      else copyRun(from, target, values, p.how, p.operand);
    }
  }
}

/** How many outputs from (x, y) on, at most `most`, have taps that are all in the image and, line by line, neighbours in memory. */
function insideFrom(p: Patches, x: i32, y: i32, most: i32): i32 {
  if (p.dilationWidth != 1 || p.spreadWidth != 1 || p.spreadHeight != 1 || p.depth != p.channels) return 0;
  const top = y * p.strideHeight - p.top;
  const reach = (p.kernelHeight - 1) * p.dilationHeight;
  const left = x * p.strideWidth - p.left;
  if (left < 0 || min(top, top + reach) < 0 || max(top, top + reach) >= p.height) return 0;
  const room = p.width - p.kernelWidth - left;
  return room < 0 ? 0 : min(min(room / p.strideWidth + 1, p.outWidth - x), most);
}

/** Gathers rows from..till - 1, `stride` bytes apart; SLACK bytes more are written behind the last. */
export function gatherRows(p: Patches, from: i32, till: i32, to: usize, stride: usize): void {
  const lineBytes = <usize>(p.width * p.channels * (p.how == GATHER_I16 ? 2 : 1));
  let x = from % p.outWidth;
  let y = (from / p.outWidth) % p.outHeight;
  let image = p.source + <usize>(from / p.outWidth / p.outHeight) * lineBytes * p.height;
  for (let row = from; row < till;) {
    let done = insideFrom(p, x, y, till - row);
    if (done > 0) {
      const first = (y * p.strideHeight - p.top) * p.width + x * p.strideWidth - p.left;
      const source = image + <usize>(first * p.channels * (p.how == GATHER_I16 ? 2 : 1));
      gatherInside(p, source, done, lineBytes, to, stride);
    } else {
      gatherRow(p, image, x, y, to);
      done = 1;
    }
    row += done;
    x += done;
    to += stride * done;
    if (x < p.outWidth) continue;
    x = 0;
    if (++y == p.outHeight) {
      y = 0;
      image += lineBytes * p.height;
    }
  }
}

/** y[i] = x[i] exclusive-or mask, bytes; y may be x. */
export function flip_u8_u8(x: usize, y: usize, n: i32, mask: i32): void {
  const masks = i8x16.splat(<i8>mask);
  let i: i32 = 0;
  for (; i + 16 <= n; i += 16) v128.store(y + i, v128.xor(v128.load(x + i), masks));
  for (; i < n; i++) store<u8>(y + i, load<u8>(x + i) ^ (<u8>mask));
}

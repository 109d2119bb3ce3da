// Depthwise convolution: every channel meets its own weights. Where the taps of an output are is written as pointers, two outputs
// are summed at a time (taps.ts); of the most frequent kernel, 3 x 3, all neighbours of a line, a column of pointers after the other.

import { CODES_I16, CODES_I8 } from "./abi";
import { Codes, Finish, isNear, Sums, writeRecord } from "./finish";
import { Patches, pixelAt } from "./gather";
import { Rescale, requantizeRows, requantizeWideRows, resultSize, widenRow } from "./requantize";
import { COLUMN, pairOfFour, pairOfTwo, sumLine, sumWideLine } from "./taps";

/** A depthwise convolution's operands and scratch memory: words in memory, in this order. */
@unmanaged
export class Depthwise {
  /** Pointer to Patches, of which `how` and `operand` are not read. */
  patches: usize;
  /** Pointer to Rescale. */
  rescale: usize;
  /** Taps of a group: 4 reads bytes as the host's relaxed dot product does, 2 as `codes` says. */
  taps: i32;
  /** CODES_I8 ... */
  codes: i32;
  /** Groups of taps. */
  groups: i32;
  /** Whether a group is a column of a kernel of 3 x 3, and a tap of weight 0. */
  byColumns: i32;
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
  /** If not 0: int64 sums of a block, which begin with the int64 at `wideBias`; `bias` is all 0 then. */
  wideSums: usize;
  wideBias: usize;
}

/** Bytes of a code. */
// @ts-ignore: decorator
@inline
function codeBytes(d: Depthwise): i32 {
  return d.codes == CODES_I16 ? 2 : 1;
}

/** Bytes of the tap pointers of an output: whole vectors. */
// @ts-ignore: decorator
@inline
function pointerBytes(d: Depthwise): usize {
  return (((<usize>(d.groups * d.taps)) << 2) + 15) & ~15;
}

/** Writes where the taps of the output at (x, y) are: in the image or in the padding. */
function pointTaps(d: Depthwise, p: Patches, image: usize, x: i32, y: i32, to: usize): void {
  // taps that fill a group meet weights of 0: any place will do
  for (let i: usize = 0; i < pointerBytes(d); i += 4) store<u32>(to + i, <u32>image);
  const down = d.byColumns ? 1 : p.kernelWidth;
  const across = d.byColumns ? 4 : 1;
  for (let i: i32 = 0; i < p.kernelHeight; i++) {
    const line = pixelAt(y * p.strideHeight - p.top + i * p.dilationHeight, p.spreadHeight, p.height);
    for (let k: i32 = 0; k < p.kernelWidth; k++) {
      const column = pixelAt(x * p.strideWidth - p.left + k * p.dilationWidth, p.spreadWidth, p.width);
      const pixel = image + <usize>((line * p.width + column) * p.channels * codeBytes(d));
      store<u32>(to + ((<usize>(i * down + k * across)) << 2), line < 0 || column < 0 ? d.padding : pixel);
    }
  }
}

/** Whether all of a kernel's extent from `place` on is in the image. */
// @ts-ignore: decorator
@inline
function isInside(place: i32, reach: i32, spread: i32, extent: i32): bool {
  return spread == 1 && min(place, place + reach) >= 0 && max(place, place + reach) < extent;
}

/** Bytes from tap to tap of a patch whose channels are repeated. */
// @ts-ignore: decorator
@inline
function patchStride(d: Depthwise): usize {
  return ((<usize>d.columns + 15) & ~15) * <usize>codeBytes(d);
}

/** Repeats the channels of a patch, `multiplier` times each, and points the taps to the copies. */
function repeatChannels(d: Depthwise, p: Patches, pointers: usize, to: usize): void {
  const wide = codeBytes(d) == 2;
  for (let t: i32 = 0; t < p.kernelHeight * p.kernelWidth; t++) {
    const from: usize = load<u32>(pointers);
    store<u32>(pointers, <u32>to);
    for (let j: i32 = 0; j < d.columns; j++) {
      const channel = j / d.multiplier;
      if (wide) store<u16>(to + ((<usize>j) << 1), load<u16>(from + ((<usize>channel) << 1)));
      else store<u8>(to + j, load<u8>(from + channel));
    }
    to += patchStride(d);
    pointers += 4;
  }
}

/** Whether all taps of the output at (x, y) are in the image. */
function isWhole(p: Patches, x: i32, y: i32): bool {
  const left = x * p.strideWidth - p.left;
  const top = y * p.strideHeight - p.top;
  return (
    isInside(left, (p.kernelWidth - 1) * p.dilationWidth, p.spreadWidth, p.width) &&
    isInside(top, (p.kernelHeight - 1) * p.dilationHeight, p.spreadHeight, p.height)
  );
}

/** Writes the tap pointers of outputs from..till - 1, and copies their patches where channels have several outputs. */
function pointRows(d: Depthwise, p: Patches, from: i32, till: i32): void {
  const bytes = pointerBytes(d);
  const pixelBytes = p.channels * codeBytes(d);
  const imageBytes = <usize>(p.height * p.width * pixelBytes);
  const step = i32x4.splat(p.strideWidth * pixelBytes);
  const patchBytes = patchStride(d) * <usize>(p.kernelHeight * p.kernelWidth);
  let wasWhole = false;
  let to = d.pointers;
  for (let row = from; row < till; row++) {
    const x = row % p.outWidth;
    const y = (row / p.outWidth) % p.outHeight;
    const whole = isWhole(p, x, y);
    if (whole && wasWhole && x > 0 && d.multiplier == 1) {
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, i32x4.add(v128.load(to - bytes + i), step));
    } else {
      const image = p.source + <usize>(row / p.outWidth / p.outHeight) * imageBytes;
      pointTaps(d, p, image, x, y, to);
      if (d.multiplier != 1) repeatChannels(d, p, to, d.patch + <usize>(row - from) * patchBytes);
    }
    wasWhole = whole;
    to += bytes;
  }
}

/** Bytes of the sums of an output. */
// @ts-ignore: decorator
@inline
function sumsStride(d: Depthwise): usize {
  return ((<usize>d.columns + 15) & ~15) << 2;
}

/** The sums of `count` outputs whose taps are pointed to, two at a time; the last one's neighbour may be itself. */
function sumPairs(d: Depthwise, count: i32, left: i32, right: i32): void {
  const sums = d.sums;
  const entryBytes = pointerBytes(d);
  const rowBytes = sumsStride(d);
  const weightBytes = (<usize>d.groups) << 6;
  for (let i: i32 = 0; i < count; i += 2) {
    const first = <usize>i;
    const second = <usize>min(i + 1, count - 1);
    const p = d.pointers + first * entryBytes;
    const q = d.pointers + second * entryBytes;
    for (let j = left; j < right; j += 16) {
      const w = d.weights + <usize>(j >> 4) * weightBytes;
      const at = (<usize>j) << 2;
      const bias = d.bias + at;
      const to = sums + first * rowBytes + at;
      const next = sums + second * rowBytes + at;
      if (d.taps == 4) pairOfFour(p, q, j, w, d.groups, bias, to, next);
      else if (d.codes == CODES_I16) pairOfTwo<i16>(p, q, (<usize>j) << 1, w, d.groups, bias, to, next);
      else if (d.codes == CODES_I8) pairOfTwo<i8>(p, q, j, w, d.groups, bias, to, next);
      else pairOfTwo<u8>(p, q, j, w, d.groups, bias, to, next);
    }
  }
}

/** The largest sum of nine products of a byte and a signed byte. */
const LARGEST_SUM: f32 = 9 * 255 * 128;

/** Whether outputs are summed line by line: those of a kernel of 3 x 3 that moves a column or two. */
// @ts-ignore: decorator
@inline
function isLined(d: Depthwise, p: Patches): bool {
  return d.byColumns && p.spreadWidth == 1 && p.dilationWidth == 1 && p.strideWidth <= 2;
}

/** Where a line of pixels is; 0 if it is padding. */
// @ts-ignore: decorator
@inline
function lineAt(p: Patches, image: usize, place: i32): usize {
  const line = pixelAt(place, p.spreadHeight, p.height);
  return line < 0 ? 0 : image + <usize>(line * p.width * p.channels);
}

/** Writes where the taps are of all columns that outputs row..row + count - 1 of a line meet, and of those of one output more. */
function pointColumns(d: Depthwise, p: Patches, row: i32, count: i32): void {
  const y = row / p.outWidth;
  const image = p.source + <usize>(y / p.outHeight) * <usize>(p.height * p.width * p.channels);
  const top = (y % p.outHeight) * p.strideHeight - p.top;
  const first = (row % p.outWidth) * p.strideWidth - p.left;
  const upper = lineAt(p, image, top);
  const middle = lineAt(p, image, top + p.dilationHeight);
  const lower = lineAt(p, image, top + 2 * p.dilationHeight);
  let to = d.pointers;
  for (let i: i32 = 0; i < count * p.strideWidth + 3; i++, to += COLUMN) {
    const column = pixelAt(first + i, 1, p.width);
    const offset = <usize>(column * p.channels);
    store<u32>(to, column < 0 || !upper ? d.padding : upper + offset);
    store<u32>(to, column < 0 || !middle ? d.padding : middle + offset, 4);
    store<u32>(to, column < 0 || !lower ? d.padding : lower + offset, 8);
  }
}

/** Columns left..right - 1 of outputs from..till - 1, line by line; `to` is where the first one's go, the others' follow `stride` bytes apart. */
function finishLines<F extends Finish>(
  d: Depthwise,
  p: Patches,
  from: i32,
  till: i32,
  left: i32,
  right: i32,
  to: usize,
  stride: usize,
): void {
  const table = changetype<Rescale>(d.rescale).multipliers;
  const size = changetype<F>(0).size;
  // as many as there is room for pointers
  const most = (d.block * <i32>pointerBytes(d) - 3 * <i32>COLUMN) / (<i32>COLUMN * p.strideWidth);
  for (let row = from; row < till;) {
    const count = min(min(till - row, p.outWidth - (row % p.outWidth)), most);
    pointColumns(d, p, row, count);
    for (let j = left; j < right; j += 8) {
      const w = d.weights + <usize>(j >> 4) * 192 + <usize>(j & 8) * 4;
      const at = (<usize>j) << 2;
      if (p.strideWidth == 1)
        sumLine<F>(d.pointers, j, count, w, d.bias + at, to + j * size, stride, d.columns - j, table + at, d.sums);
      else
        sumWideLine<F>(d.pointers, j, count, w, d.bias + at, to + j * size, stride, d.columns - j, table + at, d.sums);
    }
    row += count;
    to += <usize>count * stride;
  }
}

/** The sums of outputs from..till - 1. */
function sumBlock(d: Depthwise, p: Patches, from: i32, till: i32, left: i32, right: i32): void {
  if (isLined(d, p)) {
    finishLines<Sums>(d, p, from, till, left, right, d.sums, sumsStride(d));
    return;
  }
  pointRows(d, p, from, till);
  sumPairs(d, till - from, left, right);
}

/** The int64 sums of a block. */
function widenSums(d: Depthwise, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const to = d.wideSums + ((i * <usize>d.columns) << 3);
    widenRow(d.sums + i * sumsStride(d), d.wideBias, to, d.columns);
  }
}

/** Columns left..right - 1 of outputs from..till - 1. */
function convolve(d: Depthwise, from: i32, till: i32, left: i32, right: i32): void {
  const p = changetype<Patches>(d.patches);
  const rescale = changetype<Rescale>(d.rescale);
  if (isLined(d, p) && isNear(rescale, d.bias, d.columns, 0, LARGEST_SUM)) {
    writeRecord(d.sums, rescale);
    const to = d.output + <usize>from * <usize>d.outputStride;
    finishLines<Codes>(d, p, from, till, left, right, to, d.outputStride);
    return;
  }
  const size = resultSize(rescale.result);
  const columns = right - left;
  for (let row = from; row < till; row += d.block) {
    const count = min(d.block, till - row);
    const to = d.output + <usize>row * <usize>d.outputStride + <usize>left * size;
    sumBlock(d, p, row, row + count, left, right);
    if (d.wideSums) {
      widenSums(d, count);
      const sums = d.wideSums + ((<usize>left) << 3);
      requantizeWideRows(sums, (<usize>d.columns) << 3, to, d.outputStride, count, columns, left, rescale);
    } else {
      const sums = d.sums + ((<usize>left) << 2);
      requantizeRows(sums, sumsStride(d), to, d.outputStride, count, columns, left, rescale);
    }
  }
}

/** Outputs from..till - 1 of a depthwise convolution; any split of them gives the same bytes. */
export function depthwise_rows(depthwise: usize, from: i32, till: i32): void {
  const d = changetype<Depthwise>(depthwise);
  convolve(d, from, till, 0, d.columns);
}

/** Columns from..till - 1, sixteen each, of all outputs of a depthwise convolution; any split of them gives the same bytes. */
export function depthwise_columns(depthwise: usize, outputs: i32, from: i32, till: i32): void {
  const d = changetype<Depthwise>(depthwise);
  convolve(d, 0, outputs, min(from * 16, d.columns), min(till * 16, d.columns));
}

/**
 * Weights of `columns` outputs by `length` taps at w as depthwise_rows reads them: four taps of bytes, exclusive-or `mask`, or
 * (taps 2) two of int16, codes (signed, or not) less their zeros. `lines`: a group is a column of a kernel of so many lines; 0:
 * taps in the order of memory. What is not there is 0.
 */
export function pack_i8_depthwise(
  w: usize,
  zeros: usize,
  to: usize,
  columns: i32,
  length: i32,
  taps: i32,
  lines: i32,
  mask: i32,
  signed: i32,
): void {
  const groups = lines ? length / lines : (length + taps - 1) / taps;
  for (let n: i32 = 0; n < columns; n += 16) {
    for (let group: i32 = 0; group < groups; group++) {
      for (let j = n; j < n + 16; j++) {
        for (let i: i32 = 0; i < taps; i++) {
          const tap = lines ? i * groups + group : group * taps + i;
          const inside = j < columns && tap < length;
          const at = w + <usize>j * <usize>length + tap;
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

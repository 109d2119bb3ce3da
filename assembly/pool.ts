// Pooling windows over one image [height, width, channels], several channels at once (docs/math.md, equations 40 to 42).

import { ARITHMETIC_ONNX, CODES_I16, CODES_I8, CODES_U8 } from "./abi";
import { clamp4, loadCodes4, MAGIC_BITS, maxCodes, minCodes, roundingMagic, storeCodes4 } from "./lanes";

/** The windows over an image, and what a mean becomes: 32-bit fields in memory, in this order. */
@unmanaged
export class Windows {
  /** CODES_I8, CODES_U8 or CODES_I16. */
  input: i32;
  height: i32;
  width: i32;
  channels: i32;
  outputWidth: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  dilationY: i32;
  dilationX: i32;
  top: i32;
  left: i32;
  /** Where values that count end: the input's extents, with the pads behind it where pads count. */
  bottomEnd: i32;
  rightEnd: i32;
  /** Where they begin: 0, or minus the pads before the input. */
  topEnd: i32;
  leftEnd: i32;
  /** Least and largest code of the result, and its bytes. */
  lo: i32;
  hi: i32;
  outputBytes: i32;
  // of a mean only: zeros and scales of input and output, arithmetic
  inputZero: i32;
  outputZero: i32;
  inputScale: f32;
  outputScale: f32;
  arithmetic: i32;
}

/** How many of the taps start, start + dilation, ... of a kernel lie before `end`. */
// @ts-ignore: decorator
@inline
function tapsBefore(end: i32, start: i32, dilation: i32, kernel: i32): i32 {
  return end <= start ? 0 : min(kernel, <i32>((<i64>end - start + dilation - 1) / dilation));
}

/** How many taps of a kernel lie in begin..end - 1. */
// @ts-ignore: decorator
@inline
function tapsWithin(begin: i32, end: i32, start: i32, dilation: i32, kernel: i32): i32 {
  return tapsBefore(end, start, dilation, kernel) - tapsBefore(begin, start, dilation, kernel);
}

/** Output rows first..first + rows - 1 of an image at x; y is where row `first` goes. */
// @ts-ignore: decorator
@inline
function poolRows(x: usize, y: usize, w: Windows, first: i32, rows: i32, isMean: bool): void {
  const inputPixel = w.channels << i32(w.input == CODES_I16);
  const outputPixel = w.channels * w.outputBytes;
  for (let row = first; row < first + rows; row++) {
    const startY = row * w.strideY - w.top;
    const skippedY = tapsBefore(0, startY, w.dilationY, w.kernelHeight);
    const tapsY = tapsBefore(w.height, startY, w.dilationY, w.kernelHeight) - skippedY;
    const countedY = tapsWithin(w.topEnd, w.bottomEnd, startY, w.dilationY, w.kernelHeight);
    const line = x + (startY + skippedY * w.dilationY) * w.width * inputPixel;
    for (let column: i32 = 0; column < w.outputWidth; column++) {
      const startX = column * w.strideX - w.left;
      const skippedX = tapsBefore(0, startX, w.dilationX, w.kernelWidth);
      const tapsX = tapsBefore(w.width, startX, w.dilationX, w.kernelWidth) - skippedX;
      const from = line + (startX + skippedX * w.dilationX) * inputPixel;
      if (isMean) {
        const counted = countedY * tapsWithin(w.leftEnd, w.rightEnd, startX, w.dilationX, w.kernelWidth);
        if (w.input == CODES_I8) mean<i8>(from, y, tapsY, tapsX, counted, w);
        else if (w.input == CODES_U8) mean<u8>(from, y, tapsY, tapsX, counted, w);
        else mean<i16>(from, y, tapsY, tapsX, counted, w);
      } else {
        if (w.input == CODES_I8) largest<i8>(from, y, tapsY, tapsX, w);
        else if (w.input == CODES_U8) largest<u8>(from, y, tapsY, tapsX, w);
        else largest<i16>(from, y, tapsY, tapsX, w);
      }
      y += outputPixel;
    }
  }
}

/** Max pooling: output rows first..first + rows - 1 of the image at x; `windows` points to a Windows. */
export function pool_max(x: usize, y: usize, windows: usize, first: i32, rows: i32): void {
  poolRows(x, y, changetype<Windows>(windows), first, rows, false);
}

/** Average pooling, as pool_max; at most 2^23 - 1 taps a window of 8 bits, 2^15 - 1 of 16. */
export function pool_mean(x: usize, y: usize, windows: usize, first: i32, rows: i32): void {
  poolRows(x, y, changetype<Windows>(windows), first, rows, true);
}

/** The largest codes of a window of rows x columns taps from `from` on, clamped; without taps the least code. */
function largest<T>(from: usize, to: usize, rows: i32, columns: i32, w: Windows): void {
  const size = <usize>w.channels * sizeof<T>();
  const rowStep = w.dilationY * w.width * size;
  const tapStep = w.dilationX * size;
  const lo = sizeof<T>() == 2 ? i16x8.splat(<i16>w.lo) : i8x16.splat(<i8>w.lo);
  const hi = sizeof<T>() == 2 ? i16x8.splat(<i16>w.hi) : i8x16.splat(<i8>w.hi);
  let at: usize = 0;
  for (; at + 16 <= size; at += 16) {
    let best = lo;
    for (let row: i32 = 0, line = from + at; row < rows; row++, line += rowStep) {
      for (let column: i32 = 0, tap = line; column < columns; column++, tap += tapStep) {
        best = maxCodes<T>(best, v128.load(tap));
      }
    }
    v128.store(to + at, minCodes<T>(best, hi));
  }
  for (; at < size; at += sizeof<T>()) {
    let best = <T>w.lo;
    for (let row: i32 = 0, line = from + at; row < rows; row++, line += rowStep) {
      for (let column: i32 = 0, tap = line; column < columns; column++, tap += tapStep) {
        best = max(best, load<T>(tap));
      }
    }
    store<T>(to + at, min(best, <T>w.hi));
  }
}

/** sum / count of codes, rounded half away from zero: exact, for float64 quotients of int32 do not round up to an integer. */
// @ts-ignore: decorator
@inline
function meanAway4(sum: v128, count: i32): v128 {
  const magnitude = i32x4.add(i32x4.abs(sum), i32x4.splat(count >> 1));
  const divisor = f64x2.splat(<f64>count);
  const low = i32x4.trunc_sat_f64x2_u_zero(f64x2.div(f64x2.convert_low_i32x4_u(magnitude), divisor));
  const upper = v128.shuffle<i64>(magnitude, magnitude, 1, 1);
  const high = i32x4.trunc_sat_f64x2_u_zero(f64x2.div(f64x2.convert_low_i32x4_u(upper), divisor));
  const sign = i32x4.shr_s(sum, 31);
  return i32x4.sub(v128.xor(v128.shuffle<i64>(low, high, 0, 2), sign), sign);
}

/** Four sums of codes as four codes of the result. */
// @ts-ignore: decorator
@inline
function mean4(sum: v128, taps: i32, counted: i32, w: Windows): v128 {
  if (w.arithmetic != ARITHMETIC_ONNX) {
    const mean = meanAway4(sum, counted);
    return i32x4.min_s(i32x4.max_s(mean, i32x4.splat(w.lo)), i32x4.splat(w.hi));
  }
  const steps = f32x4.convert_i32x4_s(i32x4.sub(sum, i32x4.splat(taps * w.inputZero)));
  const mean = f32x4.mul(steps, f32x4.splat(w.inputScale / (w.outputScale * <f32>counted)));
  const lo = f32x4.splat(<f32>(w.lo - w.outputZero));
  const hi = f32x4.splat(<f32>(w.hi - w.outputZero));
  return i32x4.sub(f32x4.add(clamp4(mean, lo, hi), roundingMagic()), i32x4.splat(MAGIC_BITS - w.outputZero));
}

/** The means of four sums (`count` 4) or of the first (`count` 1) as codes: their low bits, whatever their sign. */
function storeMeans(to: usize, count: i32, sum: v128, taps: i32, counted: i32, w: Windows): void {
  const codes = mean4(sum, taps, max(counted, 1), w);
  if (w.outputBytes == 1) {
    if (count == 4) storeCodes4<u8>(to, v128.and(codes, i32x4.splat(0xff)));
    else store<u8>(to, <u8>i32x4.extract_lane(codes, 0));
  } else if (count == 4) storeCodes4<u16>(to, v128.and(codes, i32x4.splat(0xffff)));
  else store<u16>(to, <u16>i32x4.extract_lane(codes, 0));
}

/** The means of a window's codes, as `largest`; without taps the code of 0. */
function mean<T>(from: usize, to: usize, rows: i32, columns: i32, counted: i32, w: Windows): void {
  const rowStep = w.dilationY * w.width * w.channels * sizeof<T>();
  const tapStep = w.dilationX * w.channels * sizeof<T>();
  const taps = rows * columns;
  const bytes = w.outputBytes;
  let channel: i32 = 0;
  for (; channel + 16 <= w.channels; channel += 16) {
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let row: i32 = 0, line = from + channel * sizeof<T>(); row < rows; row++, line += rowStep) {
      for (let column: i32 = 0, tap = line; column < columns; column++, tap += tapStep) {
        a = i32x4.add(a, loadCodes4<T>(tap));
        b = i32x4.add(b, loadCodes4<T>(tap + 4 * sizeof<T>()));
        c = i32x4.add(c, loadCodes4<T>(tap + 8 * sizeof<T>()));
        d = i32x4.add(d, loadCodes4<T>(tap + 12 * sizeof<T>()));
      }
    }
    const at = to + channel * bytes;
    storeMeans(at, 4, a, taps, counted, w);
    storeMeans(at + 4 * bytes, 4, b, taps, counted, w);
    storeMeans(at + 8 * bytes, 4, c, taps, counted, w);
    storeMeans(at + 12 * bytes, 4, d, taps, counted, w);
  }
  for (; channel < w.channels; channel++) {
    let sum: i32 = 0;
    for (let row: i32 = 0, line = from + channel * sizeof<T>(); row < rows; row++, line += rowStep) {
      for (let column: i32 = 0, tap = line; column < columns; column++, tap += tapStep) sum += <i32>load<T>(tap);
    }
    storeMeans(to + channel * bytes, 1, i32x4.splat(sum), taps, counted, w);
  }
}

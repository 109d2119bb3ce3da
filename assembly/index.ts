// The kernels: what the module exports.
//
// Every kernel obeys these rules. Pointers and numbers in, memory out: no allocation, no state, no import but the memory.
// Pointers need no alignment unless said; nothing is read or written beyond the stated sizes; any size, 0 included, is legal.
// Names are verb_inputs_output[_variant]; parameters are inputs, outputs, sizes, numbers. The module `relaxed` is the same
// source compiled with relaxed SIMD; both give the same bytes.
//
// Kernels with scales take a pointer to a Place (walk.ts); they return non-zero if a NaN was met (extremes_f32_f32: if an
// infinity was).

import { Dequantize, Divide, Multiply, Quantize } from "./affine";
import { Fake } from "./fake";
import { multiplyPanels } from "./blocks";
import { Extremes } from "./measure";
import { decodeMany, encodeMany, Minifloat } from "./minifloat";
import { arrangeCodes, arrangeFloats, Bytes, Nibbles, packPanels, panelBytes, rowBytes } from "./nbits";
import { largestMany, sumMany } from "./reduce";
import { blendRow } from "./resize";
import { walk } from "./walk";

export * from "./abi";
export { depthwise_rows, pack_i8_depthwise } from "./depthwise";
export { activate_f32_f32 } from "./activation";
export { combine_codes_codes, combine_codes_codes_fixed } from "./elementwise";
export {
  count_f32_u32,
  histogram_f32_u32,
  histogram_f32_u32_bin,
  log_f64,
  moment_f32_f64,
  split_error_f32_f64,
} from "./measure";
export { flip_u8_u8 } from "./gather";
export { encode_f32_e8m0 } from "./minifloat";
export { accumulate_i16_i16_i32_narrow } from "./narrow";
export { pack_u8, unpack_u8 } from "./pack";
export { pack_i8_i16_panels, pack_i8_i8_panels, sum_i8_i32 } from "./panels";
export { dot_u8_i8_i32_relaxed } from "./probe";
export { multiply_rows } from "./product";
export { round_f32_stochastic } from "./random";
export { rescale_i32_i32 } from "./rescale";
export { rescale_i64_i32_onnx, rescale_i64_i32_tflite } from "./reduce";
export { exp_f64_u32, exp_i16_u32_tflite, exp_i32_u32_tflite, inverse_i16 } from "./exponential";
export { normalize_f32_f32 } from "./normalize";
export {
  log_softmax_f32_f32,
  lookup_f32_u32,
  softmax_u32_f32,
  softmax_u32_i32_tflite,
  softmax_u32_i32_tflite16,
} from "./softmax";
export { pool_max, pool_mean } from "./pool";
export { resize_nearest } from "./resize";
export { error_f32_f64_float, error_f32_f64_integer } from "./search";
export { look_up_u8_u16, look_up_u8_u8, look_up_u16_u16, look_up_u16_u8, pair_u8_u16 } from "./table";

/** q = clamp(round(x / s) + z, lo, hi) as i8. */
export function quantize_f32_i8(x: usize, q: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Quantize<i8>>(x, q, count, place, lo, hi);
}

/** q = clamp(round(x / s) + z, lo, hi) as u8. */
export function quantize_f32_u8(x: usize, q: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Quantize<u8>>(x, q, count, place, lo, hi);
}

/** q = clamp(round(x / s) + z, lo, hi) as i16. */
export function quantize_f32_i16(x: usize, q: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Quantize<i16>>(x, q, count, place, lo, hi);
}

/** q = clamp(round(x / s) + z, lo, hi) as u16. */
export function quantize_f32_u16(x: usize, q: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Quantize<u16>>(x, q, count, place, lo, hi);
}

/** q = clamp(round(x / s) + z, lo, hi) as i32. */
export function quantize_f32_i32(x: usize, q: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Quantize<i32>>(x, q, count, place, lo, hi);
}

/** round(x / s) + z as float32, not clamped; a NaN is not reported. */
export function quantize_f32_f32(x: usize, q: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Quantize<f32>>(x, q, count, place, lo, hi);
}

/** y = s (q - z) from i8 codes; lo and hi are not read. */
export function dequantize_i8_f32(q: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Dequantize<i8>>(q, y, count, place, lo, hi);
}

/** y = s (q - z) from u8 codes; lo and hi are not read. */
export function dequantize_u8_f32(q: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Dequantize<u8>>(q, y, count, place, lo, hi);
}

/** y = s (q - z) from i16 codes; lo and hi are not read. */
export function dequantize_i16_f32(q: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Dequantize<i16>>(q, y, count, place, lo, hi);
}

/** y = s (q - z) from u16 codes; lo and hi are not read. */
export function dequantize_u16_f32(q: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Dequantize<u16>>(q, y, count, place, lo, hi);
}

/** y = s (q - z) from i32 codes; lo and hi are not read. */
export function dequantize_i32_f32(q: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Dequantize<i32>>(q, y, count, place, lo, hi);
}

/** y = s x; zeros, lo and hi are not read. */
export function multiply_f32_f32(x: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Multiply>(x, y, count, place, lo, hi);
}

/** y = x / s; zeros, lo and hi are not read. */
export function divide_f32_f32(x: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Divide>(x, y, count, place, lo, hi);
}

/** y = s (clamp(round(x / s) + z, lo, hi) - z), |lo - z| and |hi - z| at most 2^22. */
export function fake_f32_f32(x: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Fake>(x, y, count, place, lo, hi);
}

/** Minima (`scales`) and maxima (`zeros`) of finite values, lowered and raised; y, lo, hi are not read; a NaN is passed over. */
export function extremes_f32_f32(x: usize, y: usize, count: u32, place: usize, lo: i32, hi: i32): i32 {
  return walk<Extremes>(x, y, count, place, lo, hi);
}

/** Codes of a float format of 8 bits at most; `format` points to a Minifloat (minifloat.ts). */
export function encode_f32_u8(x: usize, q: usize, n: i32, format: usize, rounding: i32, seed: u64, index: u64): void {
  encodeMany<u8>(x, q, n, changetype<Minifloat>(format), rounding, seed, index);
}

/** Codes of a float format of 16 bits at most; `format` points to a Minifloat (minifloat.ts). */
export function encode_f32_u16(x: usize, q: usize, n: i32, format: usize, rounding: i32, seed: u64, index: u64): void {
  encodeMany<u16>(x, q, n, changetype<Minifloat>(format), rounding, seed, index);
}

/** Codes of a float format of 32 bits at most; `format` points to a Minifloat (minifloat.ts). */
export function encode_f32_u32(x: usize, q: usize, n: i32, format: usize, rounding: i32, seed: u64, index: u64): void {
  encodeMany<u32>(x, q, n, changetype<Minifloat>(format), rounding, seed, index);
}

/** The values of a float format's codes; `format` points to a Minifloat (minifloat.ts). */
export function decode_u8_f32(q: usize, y: usize, n: i32, format: usize): void {
  decodeMany<u8>(q, y, n, changetype<Minifloat>(format));
}

/** The values of a float format's codes; `format` points to a Minifloat (minifloat.ts). */
export function decode_u16_f32(q: usize, y: usize, n: i32, format: usize): void {
  decodeMany<u16>(q, y, n, changetype<Minifloat>(format));
}

/** The values of a float format's codes; `format` points to a Minifloat (minifloat.ts). */
export function decode_u32_f32(q: usize, y: usize, n: i32, format: usize): void {
  decodeMany<u32>(q, y, n, changetype<Minifloat>(format));
}

/** Bytes of a panel of four columns of k codes of `bits` bits, 2 or 4 (as nibbles) or 8 (nbits.ts). */
export function bytes_panel(k: i32, block: i32, bits: i32): u32 {
  return bits == 8 ? panelBytes<Bytes>(k, block) : panelBytes<Nibbles>(k, block);
}

/** Bytes of an arranged row of k activations that meets such panels: float32 if `floats`, else codes. */
export function bytes_row(k: i32, block: i32, bits: i32, floats: i32): u32 {
  return bits == 8 ? rowBytes<Bytes>(k, block, floats != 0) : rowBytes<Nibbles>(k, block, floats != 0);
}

/**
 * Panels of n rows of k codes, packed as pack_u8 packs them, with float32 scales and int32 zeros [n, ceil(k / block)]; codes
 * become unsigned by an exclusive-or with `flip`, which their zeros gain. `scratch` holds 4 k bytes where bits < 8.
 */
export function pack_panels(
  data: usize,
  scales: usize,
  zeros: usize,
  panels: usize,
  scratch: usize,
  n: i32,
  k: i32,
  block: i32,
  bits: i32,
  flip: i32,
): void {
  if (bits == 8) packPanels<Bytes>(data, scales, zeros, panels, scratch, n, k, block, bits, flip);
  else packPanels<Nibbles>(data, scales, zeros, panels, scratch, n, k, block, bits, flip);
}

/** Arranges m rows of k float32 for panels. */
export function arrange_f32_rows(x: usize, rows: usize, m: i32, k: i32, block: i32, bits: i32): void {
  const stride = bytes_row(k, block, bits, 1);
  for (let i: i32 = 0; i < m; i++, x += (<usize>k) << 2, rows += stride) {
    if (bits == 8) arrangeFloats<Bytes>(x, rows, k, block);
    else arrangeFloats<Nibbles>(x, rows, k, block);
  }
}

/** Arranges m rows of k codes, i8 (`flip` 0) or u8 (`flip` 128), of one zero for panels. */
export function arrange_i8_rows(
  x: usize,
  rows: usize,
  m: i32,
  k: i32,
  block: i32,
  bits: i32,
  zero: i32,
  flip: i32,
): void {
  const stride = bytes_row(k, block, bits, 0);
  for (let i: i32 = 0; i < m; i++, x += k, rows += stride) {
    if (bits == 8) arrangeCodes<Bytes>(x, rows, k, block, zero, flip);
    else arrangeCodes<Nibbles>(x, rows, k, block, zero, flip);
  }
}

/** y = rows times panels, + bias (n float32, or 0): m rows of n float32, `stride` bytes apart. */
export function multiply_f32_panels_f32(
  rows: usize,
  panels: usize,
  bias: usize,
  y: usize,
  m: i32,
  n: i32,
  k: i32,
  block: i32,
  bits: i32,
  stride: i32,
): void {
  multiplyPanels(rows, panels, bias, y, m, n, k, block, bits, stride, 1, true);
}

/** y = scale (rows times panels) + bias, rows of codes; |sum over a block| < 2^31. */
export function multiply_i8_panels_f32(
  rows: usize,
  panels: usize,
  bias: usize,
  y: usize,
  m: i32,
  n: i32,
  k: i32,
  block: i32,
  bits: i32,
  stride: i32,
  scale: f32,
): void {
  multiplyPanels(rows, panels, bias, y, m, n, k, block, bits, stride, scale, false);
}

/** Adds the sums over the rows of [outer, rows, inner] to [outer, inner]. */
export function sum_i8_i64(x: usize, sums: usize, outer: i32, rows: i32, inner: i32): void {
  sumMany<i8>(x, sums, outer, rows, inner);
}

/** Adds the sums over the rows of [outer, rows, inner] to [outer, inner]. */
export function sum_u8_i64(x: usize, sums: usize, outer: i32, rows: i32, inner: i32): void {
  sumMany<u8>(x, sums, outer, rows, inner);
}

/** Adds the sums over the rows of [outer, rows, inner] to [outer, inner]. */
export function sum_i16_i64(x: usize, sums: usize, outer: i32, rows: i32, inner: i32): void {
  sumMany<i16>(x, sums, outer, rows, inner);
}

/** Raises [outer, inner] to the largest codes over the rows of [outer, rows, inner]; with flip -1 lowers it to the least. */
export function largest_i8_i8(x: usize, y: usize, outer: i32, rows: i32, inner: i32, flip: i32): void {
  largestMany<i8>(x, y, outer, rows, inner, flip);
}

/** Raises [outer, inner] to the largest codes over the rows of [outer, rows, inner]; with flip -1 lowers it to the least. */
export function largest_u8_u8(x: usize, y: usize, outer: i32, rows: i32, inner: i32, flip: i32): void {
  largestMany<u8>(x, y, outer, rows, inner, flip);
}

/** Raises [outer, inner] to the largest codes over the rows of [outer, rows, inner]; with flip -1 lowers it to the least. */
export function largest_i16_i16(x: usize, y: usize, outer: i32, rows: i32, inner: i32, flip: i32): void {
  largestMany<i16>(x, y, outer, rows, inner, flip);
}

/** A row of a bilinear resize from the rows above and below it; `columns` points to a Column (resize.ts) for each pixel. */
export function resize_i8_i8_bilinear(
  above: usize,
  below: usize,
  y: usize,
  columns: usize,
  width: i32,
  channels: i32,
  down: f32,
  arithmetic: i32,
): void {
  blendRow<i8>(above, below, y, columns, width, channels, down, arithmetic);
}

/** A row of a bilinear resize from the rows above and below it; `columns` points to a Column (resize.ts) for each pixel. */
export function resize_u8_u8_bilinear(
  above: usize,
  below: usize,
  y: usize,
  columns: usize,
  width: i32,
  channels: i32,
  down: f32,
  arithmetic: i32,
): void {
  blendRow<u8>(above, below, y, columns, width, channels, down, arithmetic);
}

/** A row of a bilinear resize from the rows above and below it; `columns` points to a Column (resize.ts) for each pixel. */
export function resize_i16_i16_bilinear(
  above: usize,
  below: usize,
  y: usize,
  columns: usize,
  width: i32,
  channels: i32,
  down: f32,
  arithmetic: i32,
): void {
  blendRow<i16>(above, below, y, columns, width, channels, down, arithmetic);
}

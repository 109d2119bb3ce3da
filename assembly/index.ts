// The kernels: what the module exports.
//
// Every kernel obeys these rules. Pointers and numbers in, memory out: no allocation, no state, no import but the memory.
// Pointers need no alignment unless said; nothing is read or written beyond the stated sizes; any size, 0 included, is legal.
// Names are verb_inputs_output[_variant], without types where a record in memory has them; parameters are inputs, outputs,
// sizes, numbers. The module `relaxed` is the same source compiled with relaxed SIMD; both give the same bytes.
//
// A kernel is defined in the file of its subject. Those with scales are defined here, where their Step meets `walk`: they take
// a pointer to a Place (walk.ts), and return non-zero if a NaN was met (extremes_f32_f32: if an infinity was).

import { Dequantize, Divide, Multiply, Quantize } from "./affine";
import { Fake } from "./fake";
import { Extremes } from "./measure";
import { walk } from "./walk";

export * from "./abi";
export { activate_f32_f32 } from "./activation";
export { arrange_f32_rows, arrange_i8_rows, bytes_panel, bytes_row, pack_panels } from "./blockpanels";
export { multiply_f32_panels_f32, multiply_i8_panels_f32 } from "./blocks";
export { combine_f32_f32 } from "./combine";
export { depthwise_columns, depthwise_rows, pack_i8_depthwise } from "./depthwise";
export { combine_codes_codes, combine_codes_codes_fixed } from "./elementwise";
export { exp_f64_u32, exp_i16_u32_tflite, exp_i32_u32_tflite, inverse_i16 } from "./exponential";
export { depthwise_f32_f32_f32, pad_f32_f32 } from "./floatdepthwise";
export { multiply_f32_f32_f32, pack_f32_panels } from "./floatproduct";
export { reduce_f32_f32 } from "./fold";
export { flip_u8_u8 } from "./gather";
export { map_f32_f32 } from "./map";
export {
  count_f32_u32,
  histogram_f32_u32,
  histogram_f32_u32_bin,
  log_f64,
  moment_f32_f64,
  split_error_f32_f64,
} from "./measure";
export {
  decode_u16_f32,
  decode_u32_f32,
  decode_u8_f32,
  encode_f32_e8m0,
  encode_f32_u16,
  encode_f32_u32,
  encode_f32_u8,
} from "./minifloat";
export { accumulate_i16_i16_i32_narrow } from "./narrow";
export { normalize_f32_f32 } from "./normalize";
export { pack_u8, unpack_u8 } from "./pack";
export { pack_i8_i16_panels, pack_i8_i8_panels, sum_i8_i32 } from "./panels";
export { pool_max, pool_mean } from "./pool";
export { dot_u8_i8_i32_relaxed } from "./probe";
export { multiply_columns, multiply_rows } from "./product";
export { round_f32_stochastic } from "./random";
export {
  largest_i16_i16,
  largest_i8_i8,
  largest_u8_u8,
  rescale_i64_i32_onnx,
  rescale_i64_i32_tflite,
  sum_i16_i64,
  sum_i8_i64,
  sum_u8_i64,
} from "./reduce";
export { rescale_i32_i32 } from "./rescale";
export { resample_f32_f32 } from "./resample";
export { resize_i16_i16_bilinear, resize_i8_i8_bilinear, resize_nearest, resize_u8_u8_bilinear } from "./resize";
export { error_f32_f64_float, error_f32_f64_integer } from "./search";
export {
  log_softmax_f32_f32,
  look_up_f32_u32,
  softmax_u32_f32,
  softmax_u32_i32_tflite,
  softmax_u32_i32_tflite16,
} from "./softmax";
export { moments_f32_f32, softmax_f32_f32, standardize_f32_f32, standardize_f32_f32_columns } from "./rows";
export { look_up_u16_u16, look_up_u16_u8, look_up_u8_u16, look_up_u8_u8, pair_u8_u16 } from "./table";
export { copy_axes } from "./transpose";
export { pool_f32_f32 } from "./windows";

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

// One row of an image resized: nearest pixels copied, or two rows blended (docs/math.md, equations 44 to 46).

import { ARITHMETIC_ONNX } from "./abi";
import { loadCodes4, storeCodes4 } from "./lanes";
import { copyRun } from "./transpose";

/** What lies under a pixel of the result: 32-bit fields in memory, in this order. */
@unmanaged
class Column {
  /** Bytes from the row's start to the pixels on the left and on the right. */
  left: i32;
  right: i32;
  /** Weight of the right one: 0..1, or of 1024 for the integer blend. */
  weight: f32;
}

function copyPixels<T>(x: usize, y: usize, columns: usize, width: i32): void {
  for (let i: i32 = 0; i < width; i++, y += sizeof<T>()) {
    store<T>(y, load<T>(x + load<i32>(columns + ((<usize>i) << 2))));
  }
}

/** Copies `width` pixels of `bytes` bytes; `columns` points to the int32 offsets of their sources in x. */
export function resize_nearest(x: usize, y: usize, columns: usize, width: i32, bytes: i32): void {
  if (bytes == 1) copyPixels<u8>(x, y, columns, width);
  else if (bytes == 2) copyPixels<u16>(x, y, columns, width);
  else if (bytes == 4) copyPixels<u32>(x, y, columns, width);
  else if (bytes == 8) copyPixels<u64>(x, y, columns, width);
  else {
    for (let i: i32 = 0; i < width; i++, y += bytes) copyRun(x + load<i32>(columns + ((<usize>i) << 2)), y, bytes);
  }
}

/** a (1 - t) + b t in float32: two products, one sum. */
// @ts-ignore: decorator
@inline
function mix(a: v128, b: v128, s: v128, t: v128): v128 {
  return f32x4.add(f32x4.mul(a, s), f32x4.mul(b, t));
}

/** (a (1024 - t) + b t) / 2^20 of 64-bit products, to nearest, ties away from zero; the results fit 32 bits. */
// @ts-ignore: decorator
@inline
function rounded(low: v128, high: v128): v128 {
  const half = i64x2.splat(1 << 19);
  const first = i64x2.sub(i64x2.add(low, half), i64x2.shr_u(low, 63));
  const second = i64x2.sub(i64x2.add(high, half), i64x2.shr_u(high, 63));
  // only the low words are kept, so that a logical shift does
  return v128.shuffle<i32>(i64x2.shr_u(first, 20), i64x2.shr_u(second, 20), 0, 2, 4, 6);
}

/** Four codes of a result from the codes around it: a, b above and c, d below, each left and right. Not inlined: for size. */
function blend4(a: v128, b: v128, c: v128, d: v128, across: f32, down: f32, arithmetic: i32): v128 {
  if (arithmetic == ARITHMETIC_ONNX) {
    const s = f32x4.splat(<f32>1 - across);
    const t = f32x4.splat(across);
    const above = mix(f32x4.convert_i32x4_s(a), f32x4.convert_i32x4_s(b), s, t);
    const below = mix(f32x4.convert_i32x4_s(c), f32x4.convert_i32x4_s(d), s, t);
    const v = mix(above, below, f32x4.splat(<f32>1 - down), f32x4.splat(down));
    return i32x4.trunc_sat_f32x4_s(f32x4.nearest(v));
  }
  const t = i32x4.splat(<i32>across);
  const s = i32x4.splat(1024 - <i32>across);
  const above = i32x4.add(i32x4.mul(a, s), i32x4.mul(b, t));
  const below = i32x4.add(i32x4.mul(c, s), i32x4.mul(d, t));
  const u = i32x4.splat(1024 - <i32>down);
  const v = i32x4.splat(<i32>down);
  return rounded(
    i64x2.add(i64x2.extmul_low_i32x4_s(above, u), i64x2.extmul_low_i32x4_s(below, v)),
    i64x2.add(i64x2.extmul_high_i32x4_s(above, u), i64x2.extmul_high_i32x4_s(below, v)),
  );
}

// @ts-ignore: decorator
@inline
function splatCode<T>(from: usize): v128 {
  return i32x4.splat(<i32>load<T>(from));
}

/** A row of `width` pixels from the rows above and below it; `columns` points to a Column for each. */
function blendRow<T>(
  above: usize,
  below: usize,
  y: usize,
  columns: usize,
  width: i32,
  channels: i32,
  down: f32,
  arithmetic: i32,
): void {
  for (let i: i32 = 0; i < width; i++, columns += offsetof<Column>()) {
    const column = changetype<Column>(columns);
    const across = column.weight;
    let a = above + column.left;
    let b = above + column.right;
    let c = below + column.left;
    let d = below + column.right;
    let channel: i32 = 0;
    for (; channel + 4 <= channels; channel += 4) {
      const v = blend4(
        loadCodes4<T>(a),
        loadCodes4<T>(b),
        loadCodes4<T>(c),
        loadCodes4<T>(d),
        across,
        down,
        arithmetic,
      );
      storeCodes4<T>(y, v);
      a += 4 * sizeof<T>();
      b += 4 * sizeof<T>();
      c += 4 * sizeof<T>();
      d += 4 * sizeof<T>();
      y += 4 * sizeof<T>();
    }
    for (; channel < channels; channel++) {
      const v = blend4(splatCode<T>(a), splatCode<T>(b), splatCode<T>(c), splatCode<T>(d), across, down, arithmetic);
      store<T>(y, <T>i32x4.extract_lane(v, 0));
      a += sizeof<T>();
      b += sizeof<T>();
      c += sizeof<T>();
      d += sizeof<T>();
      y += sizeof<T>();
    }
  }
}

/** A row of a bilinear resize from the rows above and below it; `columns` points to a Column for each pixel. */
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

/** A row of a bilinear resize from the rows above and below it; `columns` points to a Column for each pixel. */
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

/** A row of a bilinear resize from the rows above and below it; `columns` points to a Column for each pixel. */
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

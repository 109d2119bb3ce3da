// Weights in panels (gemm.ts), and the sums of their columns that zeros are corrected with.

import { PANEL_COLUMNS } from "./gemm";
import { total4 } from "./lanes";

/** Rows of `length` bytes at w as panels of bytes, each exclusive-or `mask`; what is not there is 0. */
export function pack_i8_i8_panels(w: usize, to: usize, columns: i32, length: i32, mask: i32): void {
  for (let n: i32 = 0; n < columns; n += PANEL_COLUMNS) {
    for (let k: i32 = 0; k < length; k += 4) {
      for (let j = n; j < n + PANEL_COLUMNS; j++) {
        for (let i = k; i < k + 4; i++) {
          const inside = j < columns && i < length;
          store<u8>(to++, inside ? load<u8>(w + <usize>j * <usize>length + i) ^ (<u8>mask) : 0);
        }
      }
    }
  }
}

/** Rows of `length` bytes (signed, or not) at w, each less its zero (int32), as panels of int16; what is not there is 0. */
export function pack_i8_i16_panels(w: usize, zeros: usize, to: usize, columns: i32, length: i32, signed: i32): void {
  for (let n: i32 = 0; n < columns; n += PANEL_COLUMNS) {
    for (let k: i32 = 0; k < length; k += 2) {
      for (let j = n; j < n + PANEL_COLUMNS; j++) {
        for (let i = k; i < k + 2; i++) {
          let v = 0;
          if (j < columns && i < length) {
            const at = w + <usize>j * <usize>length + i;
            v = (signed ? <i32>load<i8>(at) : <i32>load<u8>(at)) - load<i32>(zeros + ((<usize>j) << 2));
          }
          store<i16>(to, <i16>v);
          to += 2;
        }
      }
    }
  }
}

/** The sum of each row's values less its zero, and of their magnitudes: `columns` int32 each; length < 2^23. */
export function sum_i8_i32(
  w: usize,
  zeros: usize,
  sums: usize,
  sizes: usize,
  columns: i32,
  length: i32,
  signed: i32,
): void {
  const flip: u8 = signed ? 0 : 0x80; // as signed bytes
  const mask = i8x16.splat(flip);
  for (let j: i32 = 0; j < columns; j++) {
    const zero = load<i32>(zeros + ((<usize>j) << 2)) - <i32>flip;
    const zero8 = i16x8.splat(<i16>zero);
    let sum4 = i32x4.splat(0);
    let size4 = sum4;
    let i: i32 = 0;
    for (; i + 16 <= length; i += 16) {
      const bytes = v128.xor(v128.load(w + i), mask);
      const a = i16x8.sub(i16x8.extend_low_i8x16_s(bytes), zero8);
      const b = i16x8.sub(i16x8.extend_high_i8x16_s(bytes), zero8);
      sum4 = i32x4.add(sum4, i32x4.extadd_pairwise_i16x8_s(i16x8.add(a, b)));
      size4 = i32x4.add(size4, i32x4.extadd_pairwise_i16x8_s(i16x8.add(i16x8.abs(a), i16x8.abs(b))));
    }
    let sum = total4(sum4);
    let size = total4(size4);
    for (; i < length; i++) {
      const v = <i32>(<i8>(load<u8>(w + i) ^ flip)) - zero;
      sum += v;
      size += abs(v);
    }
    store<i32>(sums + ((<usize>j) << 2), sum);
    store<i32>(sizes + ((<usize>j) << 2), size);
    w += length;
  }
}

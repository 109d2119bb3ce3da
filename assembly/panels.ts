// Weights in panels (gemm.ts), and the sums of their columns that zeros are corrected with.

import { PANEL_COLUMNS } from "./gemm";

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
  for (let j: i32 = 0; j < columns; j++) {
    const zero = load<i32>(zeros + ((<usize>j) << 2));
    let sum = 0;
    let size = 0;
    for (let i: i32 = 0; i < length; i++) {
      const at = w + <usize>j * <usize>length + i;
      const v = (signed ? <i32>load<i8>(at) : <i32>load<u8>(at)) - zero;
      sum += v;
      size += abs(v);
    }
    store<i32>(sums + ((<usize>j) << 2), sum);
    store<i32>(sizes + ((<usize>j) << 2), size);
  }
}

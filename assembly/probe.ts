// How this host's relaxed 8-bit dot product treats a second operand of 128..255: what the specification leaves open.

import { total4 } from "./lanes";

/**
 * Sum of x[i] * w[i] over n bytes (a multiple of 16) by the relaxed dot product, x signed, w as the host has it.
 * 0 in the module without relaxed SIMD.
 */
export function dot_u8_i8_i32_relaxed(x: usize, w: usize, n: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 0;
  let sum = i32x4.splat(0);
  for (let i: i32 = 0; i < n; i += 16) {
    sum = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(x + i), v128.load(w + i), sum);
  }
  return total4(sum);
}

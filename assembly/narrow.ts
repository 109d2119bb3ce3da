// A product of matrices in an accumulator of few bits, as hardware has it (docs/math.md, equation 25): one product at a time,
// in the order of k.

/** One sum of n products held to `bits` bits at every step; adds to `left` how often it left their range. */
// @ts-ignore: decorator
@inline
function sumNarrow(x: usize, w: usize, to: usize, n: i32, bits: i32, wraps: bool): i32 {
  const spare = 32 - bits;
  const hi = (1 << (bits - 1)) - 1;
  let sum = 0;
  let left = 0;
  for (let i: i32 = 0; i < n; i++) {
    const at = (<usize>i) << 1;
    const exact = sum + <i32>load<i16>(x + at) * <i32>load<i16>(w + at);
    sum = wraps ? (exact << spare) >> spare : min(max(exact, ~hi), hi);
    left += i32(sum != exact);
  }
  store<i32>(to, sum);
  return left;
}

/**
 * Sums of products of the m rows of x and the n rows of w, int16 of -255..255, into m * n int32: held to `bits` bits (2..31) at
 * every step, wrapping if `wraps`, else saturating. Returns at how many steps a sum left the range.
 */
export function accumulate_i16_i16_i32_narrow(
  x: usize,
  w: usize,
  sums: usize,
  m: i32,
  n: i32,
  k: i32,
  bits: i32,
  wraps: i32,
): f64 {
  const stride = (<usize>k) << 1;
  let left: i64 = 0;
  for (let row: i32 = 0; row < m; row++, x += stride) {
    let column = w;
    for (let i: i32 = 0; i < n; i++, column += stride, sums += 4) {
      left += wraps ? sumNarrow(x, column, sums, k, bits, true) : sumNarrow(x, column, sums, k, bits, false);
    }
  }
  return <f64>left;
}

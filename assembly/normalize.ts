// Layer normalization over rows of codes (docs/math.md, equation 49): moments are exact integers.

/** n times the sum of squares less the square of the sum: n^2 times the variance, exact below 2^63. */
// @ts-ignore: decorator
@inline
function spread(n: i64, sum: i64, squares: i64): f64 {
  return <f64>(n * squares - sum * sum);
}

// @ts-ignore: decorator
@inline
function normalized4(codes: v128, mean: v128, factor: v128, gamma: v128, beta: v128): v128 {
  const centered = f32x4.sub(codes, mean);
  return f32x4.add(f32x4.mul(f32x4.mul(centered, factor), gamma), beta);
}

/**
 * y = fl(fl(fl(fl(x - mean) factor) gamma) + beta) for `rows` rows of `depth` codes, given as float32; factor = fl(s / sqrt(s^2 variance +
 * epsilon)). At most 65,536 codes of 16 bits a row, 2^23 of 8 bits. y may be x.
 */
export function normalize_f32_f32(
  x: usize,
  y: usize,
  gamma: usize,
  beta: usize,
  rows: i32,
  depth: i32,
  scale: f64,
  epsilon: f64,
): void {
  for (let row: i32 = 0; row < rows; row++, x += (<usize>depth) << 2, y += (<usize>depth) << 2) {
    let sums = i32x4.splat(0);
    let squares = i64x2.splat(0);
    let i: i32 = 0;
    for (; i + 4 <= depth; i += 4) {
      const v = i32x4.trunc_sat_f32x4_s(v128.load(x + ((<usize>i) << 2)));
      sums = i32x4.add(sums, v);
      squares = i64x2.add(squares, i64x2.add(i64x2.extmul_low_i32x4_s(v, v), i64x2.extmul_high_i32x4_s(v, v)));
    }
    let sum = <i64>i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1);
    sum += <i64>i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
    let square = i64x2.extract_lane(squares, 0) + i64x2.extract_lane(squares, 1);
    for (; i < depth; i++) {
      const v = <i64>load<f32>(x + ((<usize>i) << 2));
      sum += v;
      square += v * v;
    }
    const n = <f64>depth;
    const variance = (scale * scale * spread(depth, sum, square)) / (n * n);
    const factor = f32x4.splat(<f32>(scale / sqrt(variance + epsilon)));
    const mean = f32x4.splat(<f32>(<f64>sum / n));
    for (i = 0; i + 4 <= depth; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(y + at, normalized4(v128.load(x + at), mean, factor, v128.load(gamma + at), v128.load(beta + at)));
    }
    for (; i < depth; i++) {
      const at = (<usize>i) << 2;
      const one = normalized4(
        v128.load32_splat(x + at),
        mean,
        factor,
        v128.load32_splat(gamma + at),
        v128.load32_splat(beta + at),
      );
      v128.store32_lane(y + at, one, 0);
    }
  }
}

// Random numbers that depend on a seed and an index only, so that neither chunks nor threads change them: SplitMix64
// (docs/math.md, equation 5), and stochastic rounding to integers with them.

const GOLDEN: u64 = 0x9e3779b97f4a7c15;

/** The SplitMix64 output number `index` for `seed`. */
// @ts-ignore: decorator
@inline
export function splitMix64(seed: u64, index: u64): u64 {
  let z = seed + (index + 1) * GOLDEN;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/** y = floor(v) + (u < v - floor(v)), u uniform on the multiples of 2^-24 in [0, 1); a NaN or an infinity stays itself. */
export function round_f32_stochastic(v: usize, y: usize, n: i32, seed: u64, index: u64): void {
  for (let i: i32 = 0; i < n; i++) {
    const value = load<f32>(v + ((<usize>i) << 2));
    const whole = floor(value);
    const uniform = <f64>(splitMix64(seed, index + i) >> 40) * 5.9604644775390625e-8;
    // in float64 the difference is exact, for values in (-0.5, 0) too
    store<f32>(y + ((<usize>i) << 2), uniform < <f64>value - <f64>whole ? whole + 1 : whole);
  }
}

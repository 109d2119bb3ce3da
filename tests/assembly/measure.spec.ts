// The logarithm of the kernels' own, against values known exactly and against the standard library's.

import { log_f64 } from "../../assembly/measure";

/** The distance of two positive or two negative numbers in units of the last place. */
function steps(a: f64, b: f64): i64 {
  return abs(reinterpret<i64>(a) - reinterpret<i64>(b));
}

describe("log_f64", () => {
  it("is exact at powers of two", () => {
    expect<f64>(log_f64(1)).toBe(0);
    expect<f64>(log_f64(2)).toBe(0.6931471805599453);
    expect<f64>(log_f64(0.5)).toBe(-0.6931471805599453);
    expect<f64>(log_f64(1024)).toBe(10 * 0.6931471805599453);
  });

  it("is within 2 units in the last place of a correctly rounded one", () => {
    let worst: i64 = 0;
    for (let x = 1e-12; x < 1e12; x *= 1.0009765625) worst = max(worst, steps(log_f64(x), NativeMath.log(x)));
    // the standard library's own error is below 1
    expect<i64>(worst).toBeLessThan(3);
  });

  it("is so close to 1, where the logarithm is small, and at the seam sqrt(2)", () => {
    let worst: i64 = 0;
    for (let i = -500; i < 500; i++) {
      const small = 1 + (<f64>i + 0.5) * 1e-9;
      const seam = 1.4142135623730951 + <f64>i * f64.EPSILON;
      worst = max(worst, max(steps(log_f64(small), NativeMath.log(small)), steps(log_f64(seam), NativeMath.log(seam))));
    }
    expect<i64>(worst).toBeLessThan(3);
  });

  it("takes the smallest and the largest normal number", () => {
    expect<f64>(log_f64(f64.MIN_NORMAL_VALUE)).toBeCloseTo(-708.3964185322641, 10);
    expect<f64>(log_f64(f64.MAX_VALUE)).toBeCloseTo(709.782712893384, 10);
  });
});

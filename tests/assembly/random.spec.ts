// SplitMix64 against published outputs, and stochastic rounding.

import { round_f32_stochastic, splitMix64 } from "../../assembly/random";

const SEED: u64 = 1234567;

/** Rounds `value` n times; how often it was rounded to `up`. */
function countOf(value: f32, up: f32, n: i32): i32 {
  const x = new StaticArray<f32>(n).fill(value);
  const y = new StaticArray<f32>(n);
  round_f32_stochastic(changetype<usize>(x), changetype<usize>(y), n, SEED, 0);
  let count = 0;
  for (let i = 0; i < n; i++) count += i32(y[i] == up);
  return count;
}

describe("splitMix64", () => {
  it("gives the published first outputs of seed 1234567", () => {
    expect<u64>(splitMix64(SEED, 0)).toBe(6457827717110365317);
    expect<u64>(splitMix64(SEED, 1)).toBe(3203168211198807973);
    expect<u64>(splitMix64(SEED, 2)).toBe(9817491932198370423);
    expect<u64>(splitMix64(SEED, 3)).toBe(4593380528125082431);
    expect<u64>(splitMix64(SEED, 4)).toBe(16408922859458223821);
  });

  it("wraps around at 2^64", () => {
    const before = SEED - 0x9e3779b97f4a7c15;
    expect<u64>(splitMix64(before, 1)).toBe(splitMix64(SEED, 0));
    expect<u64>(splitMix64(before, 0)).toBe(splitMix64(SEED, u64.MAX_VALUE));
  });
});

describe("round_f32_stochastic", () => {
  it("leaves integers, infinities and NaN alone", () => {
    const x: StaticArray<f32> = [0, 1, -7, 16777216, Infinity, -Infinity, NaN];
    const y = new StaticArray<f32>(7);
    round_f32_stochastic(changetype<usize>(x), changetype<usize>(y), 7, SEED, 0);
    for (let i = 0; i < 6; i++) expect<f32>(y[i]).toBe(x[i]);
    expect<f32>(y[6]).toBeNaN();
  });

  it("rounds up in proportion to the distance", () => {
    const n = 65536;
    // five standard deviations of a count: 5 sqrt(n p (1 - p)) <= 640
    expect<i32>(abs(countOf(2.25, 3, n) - n / 4)).toBeLessThan(640);
    expect<i32>(abs(countOf(-2.25, -2, n) - 3 * (n / 4))).toBeLessThan(640);
    expect<i32>(countOf(2.25, 3, n) + countOf(2.25, 2, n)).toBe(n);
  });

  it("takes the number of the value's place, so that pieces make the whole", () => {
    const x = new StaticArray<f32>(64).fill(0.5);
    const whole = new StaticArray<f32>(64);
    const pieces = new StaticArray<f32>(64);
    const at = changetype<usize>(pieces);
    round_f32_stochastic(changetype<usize>(x), changetype<usize>(whole), 64, SEED, 1000);
    round_f32_stochastic(changetype<usize>(x), at, 13, SEED, 1000);
    round_f32_stochastic(changetype<usize>(x), at + 13 * 4, 51, SEED, 1013);
    expect<StaticArray<f32>>(pieces).toStrictEqual(whole);
  });
});

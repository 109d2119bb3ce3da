// What range setting and error figures need: extremes, histograms, squared errors, moments (docs/math.md, equations 12, 14, 17).
// Sums run in eight float64 accumulators that the caller keeps in memory between calls, so chunks do not change them.

import { F32_ABS, F32_INF, infinityBits, magnitudeMask } from "./lanes";
import { Step } from "./walk";

// @ts-ignore: decorator
@inline
function isFiniteBits(bits: u32): bool {
  return (bits & F32_ABS) < F32_INF;
}

/** Lowers load(mins) and raises load(maxs) by n values, passing over NaN and infinities; 1 if there is an infinity. */
function extremesRun(x: usize, n: i32, mins: usize, maxs: usize): i32 {
  let low0 = v128.load32_splat(mins);
  let high0 = v128.load32_splat(maxs);
  let low1 = low0;
  let high1 = high0;
  let i: i32 = 0;
  // pmin and pmax keep their first operand when the second is NaN
  for (; i + 8 <= n; i += 8) {
    const a = v128.load(x + ((<usize>i) << 2));
    const b = v128.load(x + ((<usize>i) << 2), 16);
    low0 = f32x4.pmin(low0, a);
    high0 = f32x4.pmax(high0, a);
    low1 = f32x4.pmin(low1, b);
    high1 = f32x4.pmax(high1, b);
  }
  const low = f32x4.pmin(low0, low1);
  const high = f32x4.pmax(high0, high1);
  const lo = min(
    min(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)),
    min(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)),
  );
  const hi = max(
    max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
    max(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
  );
  let found = 0;
  if (lo == -Infinity || hi == Infinity) {
    i = 0; // an infinity was met: again, one by one
  } else {
    store<f32>(mins, lo);
    store<f32>(maxs, hi);
  }
  for (; i < n; i++) found |= extremesOne(x + ((<usize>i) << 2), mins, maxs);
  return found;
}

// @ts-ignore: decorator
@inline
function extremesOne(x: usize, low: usize, high: usize): i32 {
  const v = load<f32>(x);
  const abs = reinterpret<u32>(v) & F32_ABS;
  if (abs >= F32_INF) return i32(abs == F32_INF);
  if (v < load<f32>(low)) store<f32>(low, v);
  if (v > load<f32>(high)) store<f32>(high, v);
  return 0;
}

/** Lowers n minima and raises n maxima by a value each, passing over NaN and infinities; non-zero if there is an infinity. */
function extremesLanes(x: usize, n: i32, mins: usize, maxs: usize): i32 {
  const infinity = infinityBits();
  const minusInfinity = f32x4.neg(infinity);
  let seen = i32x4.splat(0);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    const v = v128.load(x + at);
    const abs = v128.and(v, magnitudeMask());
    const isFinite = i32x4.lt_s(abs, infinity);
    seen = v128.or(seen, i32x4.eq(abs, infinity));
    v128.store(mins + at, f32x4.pmin(v128.load(mins + at), v128.bitselect(v, infinity, isFinite)));
    v128.store(maxs + at, f32x4.pmax(v128.load(maxs + at), v128.bitselect(v, minusInfinity, isFinite)));
  }
  let found = i32(v128.any_true(seen));
  for (; i < n; i++) found |= extremesOne(x + ((<usize>i) << 2), mins + ((<usize>i) << 2), maxs + ((<usize>i) << 2));
  return found;
}

/** The extremes of each scale's values; `scales` are the minima, `zeros` the maxima. */
export class Extremes extends Step {
  // @ts-ignore: decorator
  @inline get inputSize(): i32 {
    return 4;
  }
  // @ts-ignore: decorator
  @inline get outputSize(): i32 {
    return 0;
  }
  // @ts-ignore: decorator
  @inline run(x: usize, y: usize, count: i32, lanes: i32, scales: usize, zeros: usize, lo: i32, hi: i32): i32 {
    return lanes == 1 ? extremesRun(x, count, scales, zeros) : extremesLanes(x, count, scales, zeros);
  }
}

/** counts[0] += infinities, counts[1] += NaNs (u32). */
export function count_f32_u32(x: usize, counts: usize, n: i32): void {
  let infinities: u32 = 0;
  let nans: u32 = 0;
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4) {
    const abs = v128.and(v128.load(x + ((<usize>i) << 2)), magnitudeMask());
    infinities += popcnt(i32x4.bitmask(i32x4.eq(abs, infinityBits())));
    nans += popcnt(i32x4.bitmask(i32x4.gt_s(abs, infinityBits())));
  }
  for (; i < n; i++) {
    const abs = load<u32>(x + ((<usize>i) << 2)) & F32_ABS;
    infinities += u32(abs == F32_INF);
    nans += u32(abs > F32_INF);
  }
  store<u32>(counts, load<u32>(counts) + infinities);
  store<u32>(counts, load<u32>(counts, 4) + nans, 4);
}

/** Counts a finite value in one of the four counters of its bin, and marks its page. */
// @ts-ignore: decorator
@inline
function countOne(x: usize, counts: usize, met: usize): void {
  const bits = load<u32>(x);
  if (!isFiniteBits(bits)) return;
  const at = counts + <usize>((bits >> 16) << 4);
  store<u32>(at, load<u32>(at) + 1);
  store<u8>(met + (bits >> 23), 1);
}

/**
 * counts[bits >>> 16][i % 4] += 1 for each finite value i (65,536 times 4 u32; the last one to three in counter 0): a bin is sign, exponent and seven bits of mantissa. met[bits >>>
 * 23] = 1 (512 u8). Neighbours are often the same number, 0 above all: one counter for all would be waited for.
 */
export function histogram_f32_u32(x: usize, counts: usize, met: usize, n: i32): void {
  const end = x + ((<usize>n) << 2);
  for (; x + 16 <= end; x += 16) {
    countOne(x, counts, met);
    countOne(x + 4, counts + 4, met);
    countOne(x + 8, counts + 8, met);
    countOne(x + 12, counts + 12, met);
  }
  for (; x < end; x += 4) countOne(x, counts, met);
}

/** counts[bits & 0xffff] += 1 for each value of the bin `bin` of histogram_f32_u32 (65,536 u32). */
export function histogram_f32_u32_bin(x: usize, counts: usize, n: i32, bin: u32): void {
  for (let i: i32 = 0; i < n; i++) {
    const bits = load<u32>(x + ((<usize>i) << 2));
    if (bits >> 16 != bin) continue;
    const at = counts + <usize>((bits & 0xffff) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
}

/**
 * Squared errors of finite values, apart: sums[0..7] of clipped values (v > hi or v < lo), sums[8..15] of the others,
 * sums[16..23] of x^2; sums[24] counts the clipped, sums[25] the finite values. `n` is a multiple of 8 but in the last call.
 */
export function split_error_f32_f64(x: usize, y: usize, v: usize, sums: usize, n: i32, lo: f32, hi: f32): void {
  let clipped = 0;
  let finite = 0;
  for (let i: i32 = 0; i < n; i++) {
    const at = (<usize>i) << 2;
    if (!isFiniteBits(load<u32>(x + at))) continue;
    const value = <f64>load<f32>(x + at);
    const d = value - <f64>load<f32>(y + at);
    const lane = sums + ((<usize>(i & 7)) << 3);
    const beyond = load<f32>(v + at) > hi || load<f32>(v + at) < lo;
    const part = beyond ? lane : lane + 64;
    store<f64>(part, load<f64>(part) + d * d);
    store<f64>(lane, load<f64>(lane, 128) + value * value, 128);
    clipped += i32(beyond);
    finite++;
  }
  store<f64>(sums, load<f64>(sums, 192) + <f64>clipped, 192);
  store<f64>(sums, load<f64>(sums, 200) + <f64>finite, 200);
}

// @ts-ignore: decorator
@inline
function momentOne(x: usize, lane: usize, mean: f64, degree: i32): void {
  if (!isFiniteBits(load<u32>(x))) return;
  const d = <f64>load<f32>(x) - mean;
  store<f64>(lane, load<f64>(lane) + (degree == 1 ? d : d * d));
}

// @ts-ignore: decorator
@inline
function momentTwo(sum: v128, v: v128, mean: v128, degree: i32): v128 {
  const d = f64x2.sub(f64x2.promote_low_f32x4(v), mean);
  return f64x2.add(sum, degree == 1 ? d : f64x2.mul(d, d));
}

/** sums[i mod 8] += x (degree 1) or (x - mean)^2 (degree 2) over finite values, in float64. */
export function moment_f32_f64(x: usize, sums: usize, n: i32, mean: f64, degree: i32): void {
  const infinity = infinityBits();
  const magnitude = magnitudeMask();
  const m = f64x2.splat(mean);
  let i: i32 = 0;
  for (; i + 8 <= n; i += 8) {
    const at = x + ((<usize>i) << 2);
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const isFinite = v128.and(
      i32x4.lt_s(v128.and(a, magnitude), infinity),
      i32x4.lt_s(v128.and(b, magnitude), infinity),
    );
    if (i32x4.all_true(isFinite)) {
      v128.store(sums, momentTwo(v128.load(sums), a, m, degree));
      v128.store(sums, momentTwo(v128.load(sums, 16), v128.shuffle<i64>(a, a, 1, 0), m, degree), 16);
      v128.store(sums, momentTwo(v128.load(sums, 32), b, m, degree), 32);
      v128.store(sums, momentTwo(v128.load(sums, 48), v128.shuffle<i64>(b, b, 1, 0), m, degree), 48);
    } else {
      for (let j: i32 = 0; j < 8; j++) momentOne(at + ((<usize>j) << 2), sums + ((<usize>j) << 3), mean, degree);
    }
  }
  for (; i < n; i++) momentOne(x + ((<usize>i) << 2), sums + ((<usize>(i & 7)) << 3), mean, degree);
}

const LN2: f64 = 0.6931471805599453;

/**
 * The natural logarithm of a positive normal number, to 2 units in the last place: engines differ in theirs.
 *
 *     x = 2^k m, sqrt(1/2) <= m < sqrt(2), s = (m - 1) / (m + 1):  log x = k log 2 + 2 (s + s^3/3 + s^5/5 + ...)
 */
export function log_f64(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  const above = i64((bits & 0x000fffffffffffff) >= 0x0006a09e667f3bcd); // the mantissa of sqrt(2)
  const k = i64(bits >> 52) - 1023 + above;
  const m = reinterpret<f64>((bits & 0x000fffffffffffff) | ((<u64>(1023 - above)) << 52));
  const s = (m - 1) / (m + 1);
  let sum: f64 = 0;
  for (let n = 23; n > 1; n -= 2) sum = (sum + 1 / <f64>n) * s * s;
  return <f64>k * LN2 + 2 * (s + s * sum);
}

// Sums, products and extremes of float32 values along rows and columns (docs/math.md, equation 63): in float64, in an order that
// depends on the number of values only.

import {
  REDUCTION_MAGNITUDES,
  REDUCTION_MAXIMUM,
  REDUCTION_MEAN,
  REDUCTION_MINIMUM,
  REDUCTION_PRODUCT,
  REDUCTION_SQUARES,
  REDUCTION_SUM,
} from "./abi";
import { firstLanes, load4, store4 } from "./lanes";

/** What changes no result. */
// @ts-ignore: decorator
@inline
function nothing(reduction: i32, center: f32): f32 {
  if (reduction == REDUCTION_SQUARES) return center;
  if (reduction == REDUCTION_PRODUCT) return 1;
  if (reduction == REDUCTION_MAXIMUM) return -Infinity;
  return reduction == REDUCTION_MINIMUM ? Infinity : 0;
}

/** What goes into an accumulator for two values. */
// @ts-ignore: decorator
@inline
function term2(v: v128, center: v128, reduction: i32): v128 {
  if (reduction == REDUCTION_MAGNITUDES) return f64x2.abs(v);
  if (reduction != REDUCTION_SQUARES) return v;
  const d = f64x2.sub(v, center);
  return f64x2.mul(d, d);
}

/** Two accumulators joined; a NaN among extremes is passed over. */
// @ts-ignore: decorator
@inline
function join2(a: v128, b: v128, reduction: i32): v128 {
  if (reduction == REDUCTION_PRODUCT) return f64x2.mul(a, b);
  if (reduction == REDUCTION_MAXIMUM) return f64x2.pmax(a, b);
  return reduction == REDUCTION_MINIMUM ? f64x2.pmin(a, b) : f64x2.add(a, b);
}

/** The upper two of four float32 as float64. */
// @ts-ignore: decorator
@inline
function upper2(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 0));
}

/** A row of n values: eight accumulators, value i in accumulator i mod 8. Inlined for each reduction: a loop knows its own. */
// @ts-ignore: decorator
@inline
function fold(x: usize, n: i32, center: f32, reduction: i32): f64 {
  const filling = f32x4.splat(nothing(reduction, center));
  const c = f64x2.splat(center);
  let a0 = f64x2.splat(nothing(reduction, 0));
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  for (let i: i32 = 0; i < n; i += 8, x += 32) {
    let p = load4(x, n - i);
    let q = load4(x + 16, n - i - 4);
    if (i + 8 > n) {
      p = v128.bitselect(p, filling, firstLanes(n - i));
      q = v128.bitselect(q, filling, firstLanes(n - i - 4));
    }
    a0 = join2(a0, term2(f64x2.promote_low_f32x4(p), c, reduction), reduction);
    a1 = join2(a1, term2(upper2(p), c, reduction), reduction);
    a2 = join2(a2, term2(f64x2.promote_low_f32x4(q), c, reduction), reduction);
    a3 = join2(a3, term2(upper2(q), c, reduction), reduction);
  }
  const all = join2(join2(a0, a2, reduction), join2(a1, a3, reduction), reduction);
  return f64x2.extract_lane(join2(all, v128.shuffle<i64>(all, all, 1, 0), reduction), 0);
}

/** The sum of a row. */
export function sumOfRow(x: usize, n: i32): f64 {
  return fold(x, n, 0, REDUCTION_SUM);
}

/** The sum of the squares of a row's distances to a center. */
export function squaresOfRow(x: usize, n: i32, center: f32): f64 {
  return fold(x, n, center, REDUCTION_SQUARES);
}

/** The largest of a row, -Infinity without any; a NaN is passed over. */
export function largestOfRow(x: usize, n: i32): f32 {
  return <f32>fold(x, n, 0, REDUCTION_MAXIMUM);
}

function foldRow(x: usize, n: i32, reduction: i32): f64 {
  if (reduction == REDUCTION_MEAN) return sumOfRow(x, n) / <f64>n;
  if (reduction == REDUCTION_SQUARES) return squaresOfRow(x, n, 0);
  if (reduction == REDUCTION_MAXIMUM) return largestOfRow(x, n);
  return reduction == REDUCTION_SUM ? sumOfRow(x, n) : fold(x, n, 0, reduction);
}

/** Columns of n values, `stride` bytes apart, four at a time: one accumulator each. */
function foldColumns(x: usize, y: usize, n: i32, columns: i32, reduction: i32): void {
  const stride = (<usize>columns) << 2;
  const divisor = f64x2.splat(reduction == REDUCTION_MEAN ? <f64>n : 1);
  const zero = f64x2.splat(0);
  for (let column: i32 = 0; column < columns; column += 4, x += 16, y += 16) {
    let low = f64x2.splat(nothing(reduction, 0));
    let up = low;
    for (let i: i32 = 0, at = x; i < n; i++, at += stride) {
      const v = load4(at, columns - column);
      low = join2(low, term2(f64x2.promote_low_f32x4(v), zero, reduction), reduction);
      up = join2(up, term2(upper2(v), zero, reduction), reduction);
    }
    low = f32x4.demote_f64x2_zero(f64x2.div(low, divisor));
    up = f32x4.demote_f64x2_zero(f64x2.div(up, divisor));
    store4(y, v128.shuffle<i64>(low, up, 0, 2), columns - column);
  }
}

/** y [outer, inner] = the reduction, one of REDUCTION_..., of x [outer, n, inner] along n. */
export function reduce_f32_f32(x: usize, y: usize, outer: i32, n: i32, inner: i32, reduction: i32): void {
  for (let i: i32 = 0; i < outer; i++, x += (<usize>n * inner) << 2, y += (<usize>inner) << 2) {
    if (inner == 1) store<f32>(y, <f32>foldRow(x, n, reduction));
    else foldColumns(x, y, n, inner, reduction);
  }
}

// Two float32 tensors, value by value, one or both of them broadcast (docs/math.md, equation 62).

import {
  OPERATION_ADD,
  OPERATION_DIV,
  OPERATION_FMOD,
  OPERATION_MAXIMUM,
  OPERATION_MINIMUM,
  OPERATION_MUL,
  OPERATION_POW,
  OPERATION_PRELU,
  OPERATION_SUB,
} from "./abi";
import { whereNegative4 } from "./curves";
import { load4, store4 } from "./lanes";
import { power } from "./scalars";

/** The remainder of a division, with the sign of a. */
// @ts-ignore: decorator
@inline
function remainder4(a: v128, b: v128): v128 {
  let y = f32x4.splat(f32x4.extract_lane(a, 0) % f32x4.extract_lane(b, 0));
  y = f32x4.replace_lane(y, 1, f32x4.extract_lane(a, 1) % f32x4.extract_lane(b, 1));
  y = f32x4.replace_lane(y, 2, f32x4.extract_lane(a, 2) % f32x4.extract_lane(b, 2));
  return f32x4.replace_lane(y, 3, f32x4.extract_lane(a, 3) % f32x4.extract_lane(b, 3));
}

// @ts-ignore: decorator
@inline
function power4(a: v128, b: v128): v128 {
  let y = f32x4.splat(power(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)));
  y = f32x4.replace_lane(y, 1, power(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)));
  y = f32x4.replace_lane(y, 2, power(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)));
  return f32x4.replace_lane(y, 3, power(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)));
}

/** a op b; of minimum and maximum a NaN on either side. */
// @ts-ignore: decorator
@inline
function valueOf4(a: v128, b: v128, operation: i32): v128 {
  if (operation == OPERATION_ADD) return f32x4.add(a, b);
  if (operation == OPERATION_SUB) return f32x4.sub(a, b);
  if (operation == OPERATION_MUL) return f32x4.mul(a, b);
  if (operation == OPERATION_DIV) return f32x4.div(a, b);
  if (operation == OPERATION_MINIMUM) return f32x4.min(a, b);
  if (operation == OPERATION_MAXIMUM) return f32x4.max(a, b);
  if (operation == OPERATION_PRELU) return whereNegative4(a, f32x4.mul(a, b), a);
  return operation == OPERATION_POW ? power4(a, b) : remainder4(a, b);
}

/** Sixteen values at a time, as many as go into n; an operand that does not vary is one value, repeated. Returns how many. */
// @ts-ignore: decorator
@inline
function bulk(a: usize, b: usize, y: usize, n: i32, isVariedA: bool, isVariedB: bool, operation: i32): i32 {
  if (n < 16) return 0;
  const left = v128.load32_splat(a);
  const right = v128.load32_splat(b);
  let i: i32 = 0;
  for (; i + 16 <= n; i += 16) {
    const at = (<usize>i) << 2;
    for (let k: usize = 0; k < 64; k += 16) {
      const p = isVariedA ? v128.load(a + at + k) : left;
      v128.store(y + at + k, valueOf4(p, isVariedB ? v128.load(b + at + k) : right, operation));
    }
  }
  return i;
}

/** Values from i on to n, four at a time; an operand whose stride is 0 is one value, repeated. */
// @ts-ignore: decorator
@inline
function rest(a: usize, b: usize, y: usize, n: i32, i: i32, aStride: i32, bStride: i32, operation: i32): void {
  for (; i < n; i += 4) {
    const at = (<usize>i) << 2;
    const p = aStride ? load4(a + at, n - i) : v128.load32_splat(a);
    const q = bStride ? load4(b + at, n - i) : v128.load32_splat(b);
    store4(y + at, valueOf4(p, q, operation), n - i);
  }
}

/** n values. Inlined for each common operation: its loops know it. */
// @ts-ignore: decorator
@inline
function row(a: usize, b: usize, y: usize, n: i32, aStride: i32, bStride: i32, operation: i32): void {
  let i: i32 = 0;
  if (aStride && bStride) i = bulk(a, b, y, n, true, true, operation);
  else if (aStride) i = bulk(a, b, y, n, true, false, operation);
  else if (bStride) i = bulk(a, b, y, n, false, true, operation);
  rest(a, b, y, n, i, aStride, bStride, operation);
}

function rowOf(a: usize, b: usize, y: usize, n: i32, p: i32, q: i32, operation: i32): void {
  if (operation == OPERATION_ADD) row(a, b, y, n, p, q, OPERATION_ADD);
  else if (operation == OPERATION_SUB) row(a, b, y, n, p, q, OPERATION_SUB);
  else if (operation == OPERATION_MUL) row(a, b, y, n, p, q, OPERATION_MUL);
  else if (operation == OPERATION_DIV) row(a, b, y, n, p, q, OPERATION_DIV);
  else rest(a, b, y, n, 0, p, q, operation);
}

/** Neighbouring axes and how far a and b go on at each step: three i32 in memory, in this order. */
@unmanaged
class Run {
  extent: i32;
  /** In values; 0 where the operand is repeated, in the last run 0 or 1. */
  a: i32;
  b: i32;
}

/**
 * y = a op b, op one of OPERATION_..., over `rank` runs, the innermost last; returns where y ends. y may be a or b, if that is not
 * broadcast.
 */
export function combine_f32_f32(a: usize, b: usize, y: usize, runs: usize, rank: i32, operation: i32): usize {
  const run = changetype<Run>(runs);
  if (rank == 1) {
    rowOf(a, b, y, run.extent, run.a, run.b, operation);
    return y + ((<usize>run.extent) << 2);
  }
  for (let i: i32 = 0; i < run.extent; i++) {
    y = combine_f32_f32(a, b, y, runs + offsetof<Run>(), rank - 1, operation);
    a += (<usize>run.a) << 2;
    b += (<usize>run.b) << 2;
  }
  return y;
}

// What becomes of sums that are still in registers: they go to memory as they are, or become codes at once. These are the codes of
// requantize.ts: where nothing is too far away to be rounded by an addition, it does not matter whether a value is clamped before
// it is rounded or behind.

import { ARITHMETIC_ONNX, CODES_I8, CODES_U8 } from "./abi";
import { load4, MAGIC_BITS, roundingMagic } from "./lanes";
import { Rescale } from "./requantize";
import { copyRun } from "./transpose";

// A record of vectors that all sums meet: what is taken off, the least and the largest code as signed bytes, what makes these the
// result's; behind them room for codes that are not stored.
const LEAST: usize = 16;
const LARGEST: usize = 32;
const FLIP: usize = 48;
const SPARE: usize = 64;

/** How far a value may be from 0. */
const FAR: f32 = 2097152;

/** What eight sums of each of two rows become; a name for static dispatch. */
export abstract class Finish {
  /** Bytes of a result. */
  abstract get size(): usize;
  /** The first `columns` of the eight are results; `m` and `n` are their multipliers. The second row is written first. */
  abstract pair(
    a: v128,
    b: v128,
    to: usize,
    c: v128,
    d: v128,
    next: usize,
    columns: i32,
    m: v128,
    n: v128,
    record: usize,
  ): void;
}

/** The sums, all eight. */
export class Sums extends Finish {
  // @ts-ignore: decorator
  @inline get size(): usize {
    return 4;
  }
  // @ts-ignore: decorator
  @inline pair(
    a: v128,
    b: v128,
    to: usize,
    c: v128,
    d: v128,
    next: usize,
    columns: i32,
    m: v128,
    n: v128,
    record: usize,
  ): void {
    v128.store(next, c);
    v128.store(next, d, 16);
    v128.store(to, a);
    v128.store(to, b, 16);
  }
}

/** Codes of a byte. */
export class Codes extends Finish {
  // @ts-ignore: decorator
  @inline get size(): usize {
    return 1;
  }
  // @ts-ignore: decorator
  @inline pair(
    a: v128,
    b: v128,
    to: usize,
    c: v128,
    d: v128,
    next: usize,
    columns: i32,
    m: v128,
    n: v128,
    record: usize,
  ): void {
    const magic = roundingMagic();
    const offset = v128.load(record);
    const first = i16x8.narrow_i32x4_s(rounded4(a, m, magic, offset), rounded4(b, n, magic, offset));
    const second = i16x8.narrow_i32x4_s(rounded4(c, m, magic, offset), rounded4(d, n, magic, offset));
    const held = i8x16.max_s(i8x16.narrow_i16x8_s(first, second), v128.load(record, LEAST));
    const codes = v128.xor(i8x16.min_s(held, v128.load(record, LARGEST)), v128.load(record, FLIP));
    if (columns >= 8) {
      v128.store64_lane(next, codes, 1);
      v128.store64_lane(to, codes, 0);
      return;
    }
    v128.store(record, codes, SPARE);
    copyRun(record + SPARE + 8, next, columns);
    copyRun(record + SPARE, to, columns);
  }
}

// @ts-ignore: decorator
@inline
function rounded4(acc: v128, multiplier: v128, magic: v128, offset: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(acc), multiplier), magic), offset);
}

/** Writes a record for codes of a byte. */
export function writeRecord(record: usize, r: Rescale): void {
  const shift: i32 = r.result == CODES_U8 ? 128 : 0; // codes are worked on as signed bytes
  v128.store(record, i32x4.splat(MAGIC_BITS - r.zero + shift));
  v128.store(record, i8x16.splat(<i8>(r.lo - shift)), LEAST);
  v128.store(record, i8x16.splat(<i8>(r.hi - shift)), LARGEST);
  v128.store(record, i8x16.splat(<i8>shift), FLIP);
}

/** Whether sums that begin with those at `init` and gain at most `most` may become codes by Codes; `at` is their first column. */
export function isNear(r: Rescale, init: usize, columns: i32, at: i32, most: f32): bool {
  if ((r.result != CODES_I8 && r.result != CODES_U8) || r.arithmetic != ARITHMETIC_ONNX || r.below) return false;
  const table = r.multipliers + ((<usize>at) << 2);
  const gain = f32x4.splat(most);
  const far = f32x4.splat(FAR);
  let near = i32x4.splat(-1);
  for (let j: i32 = 0; j < columns; j += 4) {
    const offset = (<usize>j) << 2;
    const largest = f32x4.add(f32x4.abs(f32x4.convert_i32x4_s(load4(init + offset, columns - j))), gain);
    near = v128.and(near, f32x4.lt(f32x4.mul(largest, load4(table + offset, columns - j)), far));
  }
  return i32x4.all_true(near);
}

/** The multipliers of the second four of `columns` columns; tables end soon behind them. */
// @ts-ignore: decorator
@inline
export function upperMultipliers(multipliers: usize, columns: i32): v128 {
  return v128.load(multipliers + (columns > 4 ? 16 : 0));
}

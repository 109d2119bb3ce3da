// The affine quantizer: q = clamp(round_half_even(fround(x / s)) + z, lo, hi),  x^ = fround(fround(q - z) * s).
// Division is true division in float32; the zero point is added before the clamp.
import { at } from "./at.ts";

/** The nearest integer, ties to the even one; NaN and +-Infinity as they are. */
export function roundHalfEven(v: number): number {
  if (!Number.isFinite(v)) return v;
  const below = Math.floor(v);
  const fraction = v - below;
  if (fraction === 0.5) return below % 2 === 0 ? below : below + 1;
  return fraction < 0.5 ? below : below + 1;
}

/** v held to lo..hi; NaN stays NaN. */
export function clamp(v: number, lo: number, hi: number): number {
  return Math.min(Math.max(v, lo), hi);
}

/** The code of x; NaN for NaN (an error in an integer format), lo or hi for an infinity. */
export function quantizeValue(x: number, scale: number, zero: number, lo: number, hi: number): number {
  return clamp(roundHalfEven(Math.fround(x / scale)) + zero, lo, hi);
}

/** The code of x before the clamp, as a float32: outside lo..hi means x is clipped. */
export function unclampedCode(x: number, scale: number, zero: number): number {
  return Math.fround(roundHalfEven(Math.fround(x / scale)) + zero);
}

/** The float32 a code stands for: q - zero exactly, then one float32 conversion and one float32 product. */
export function dequantizeValue(q: number, scale: number, zero: number): number {
  return Math.fround(Math.fround(q - zero) * scale);
}

/** SplitMix64's output number `index` (from 0) for an unsigned 64-bit seed. */
export function splitmix64(seed: number | bigint, index: number): bigint {
  const word = (v: bigint): bigint => BigInt.asUintN(64, v);
  let z = word(BigInt(seed) + (BigInt(index) + 1n) * 0x9e3779b97f4a7c15n);
  z = word((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = word((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/** The top 24 bits of splitmix64 as a number in [0, 1). */
export function uniform24(seed: number | bigint, index: number): number {
  return Number(splitmix64(seed, index) >> 40n) / 0x1000000;
}

/**
 * The code of x, rounded up with probability y - floor(y), y = fround(x / scale). The difference is taken in float64,
 * where comparing it with a multiple of 2^-24 is exact; in float32 it is not for y in (-0.5, 0).
 */
export function stochasticCode(
  x: number,
  scale: number,
  zero: number,
  lo: number,
  hi: number,
  seed: number | bigint,
  index: number,
): number {
  const y = Math.fround(x / scale);
  const below = Math.floor(y);
  const up = uniform24(seed, index) < y - below ? 1 : 0;
  return clamp(below + up + zero, lo, hi);
}

/**
 * Which scale (and zero) belongs to element i of a row-major tensor: 0 without an axis, the index along `axis` without
 * a block, else the position in the blocked scale, whose shape is the tensor's with ceil(dim / block) along `axis`.
 */
export function parameterIndex(i: number, shape: readonly number[], axis?: number, block?: number): number {
  if (axis === undefined) return 0;
  const inner = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const length = at(shape, axis);
  const along = Math.floor(i / inner) % length;
  if (block === undefined) return along;
  const outer = Math.floor(i / (inner * length));
  const blocks = Math.ceil(length / block);
  return (outer * blocks + Math.floor(along / block)) * inner + (i % inner);
}

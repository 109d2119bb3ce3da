// The scales of block formats (docs/math.md, equations 15 and 16): OCP MX's shared power of two, and NVFP4's two levels.

import { type BlockFormat, element, floatMax } from "../formats.ts";
import { decode, encode } from "./codec.ts";
import type { Grain, Scales } from "./grain.ts";
import { extremesOf } from "./range.ts";
import { bitsOf } from "./values.ts";

/** The scales of a block format for values, over finite values; nvfp4's come with the tensor's own. */
export function blockScales(
  x: Float32Array,
  format: BlockFormat,
  grain: Grain,
): Scales & { infinite: number; tensorScale?: number } {
  const { lo, hi, infinite } = extremesOf(x, grain);
  const largest = lo.map((low, i) => Math.max(-low, hi[i] as number));
  const zero = new Int32Array(grain.count);
  if (!format.tensorScale) return { scale: largest.map((amax) => sharedScale(amax, format)), zero, infinite };
  return { ...twoLevels(largest, floatMax(element(format) as never)), zero, infinite };
}

/** floor(log2 v) of a positive float32; -127 for 0 and subnormal numbers. */
function exponentOf(v: number): number {
  return (bitsOf(v) >>> 23) - 127;
}

/** 2^(floor(log2 amax) - emax), of 2^-127..2^127; the smallest for a block of zeros. */
function sharedScale(amax: number, format: BlockFormat): number {
  const code = element(format);
  const emax = code.kind === "float" ? exponentOf(floatMax(code)) : 0;
  return 2 ** Math.min(Math.max(exponentOf(amax) - emax, -127), 127);
}

/** The smallest positive float8_e4m3fn: keeps a block's scale from being 0. */
const LEAST = 2 ** -9;

/** A float32 scale that brings the tensor's largest block scale to 448, and float8_e4m3fn block scales under it. */
function twoLevels(largest: Float32Array, max: number): { scale: Float32Array; tensorScale: number } {
  const { fround } = Math;
  const amax = largest.reduce((a, b) => Math.max(a, b), 0);
  const tensorScale = amax > 0 ? Math.max(fround(amax / (448 * max)), 2 ** -149) : 1;
  const wanted = largest.map((value) => Math.max(fround(fround(value / max) / tensorScale), LEAST));
  return { scale: decode(encode(wanted, "float8_e4m3fn"), "float8_e4m3fn"), tensorScale };
}

// A row of activations times an output's weights, whose blocks of k have a scale and zero each (docs/math.md, equations 26 and
// 27); and a product in an accumulator of few bits (equation 25).
import { at } from "./at.ts";

const { fround } = Math;

/** An output's weights; scale and zero are one a block. */
export interface Column {
  codes: ArrayLike<number>;
  scale: ArrayLike<number>;
  zero: ArrayLike<number>;
  block: number;
}

/** Equation 26: in float32, a block's values in two sums by the parity of their place. */
export function floatBlocks(x: ArrayLike<number>, { codes, scale, zero, block }: Column, bias?: number): number {
  let y = 0;
  for (let start = 0, b = 0; start < codes.length; start += block, b++) {
    const sums = [0, 0];
    for (let i = start; i < Math.min(start + block, codes.length); i++) {
      const parity = (i - start) % 2;
      sums[parity] = fround(at(sums, parity) + fround((at(codes, i) - at(zero, b)) * at(x, i)));
    }
    y = fround(y + fround(at(scale, b) * fround(at(sums, 0) + at(sums, 1))));
  }
  return bias === undefined ? y : fround(y + bias);
}

/** Equation 27: a block's sum is exact; scales meet it in float32. */
export function codeBlocks(
  x: { codes: ArrayLike<number>; scale: number; zero: number },
  { codes, scale, zero, block }: Column,
  bias?: number,
): number {
  let y = 0;
  for (let start = 0, b = 0; start < codes.length; start += block, b++) {
    let sum = 0;
    for (let i = start; i < Math.min(start + block, codes.length); i++) {
      sum += (at(x.codes, i) - x.zero) * (at(codes, i) - at(zero, b));
    }
    y = fround(y + fround(fround(sum) * at(scale, b)));
  }
  const scaled = fround(y * x.scale);
  return bias === undefined ? scaled : fround(scaled + bias);
}

/** Equation 25: the sum of products in `bits` bits, and at how many steps it left their range. */
export function narrowSum(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  bits: number,
  overflow: "saturate" | "wrap",
): { sum: number; overflows: number } {
  const [lo, hi] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  let sum = 0;
  let overflows = 0;
  for (let i = 0; i < x.length; i++) {
    const exact = sum + at(x, i) * at(w, i);
    if (exact < lo || exact > hi) overflows++;
    sum = overflow === "wrap" ? Number(BigInt.asIntN(bits, BigInt(exact))) : Math.min(Math.max(exact, lo), hi);
  }
  return { sum, overflows };
}

// Weighted sums of neighbours along an axis (docs/math.md, equation 73).
import { at } from "./at.ts";

const { fround } = Math;

export interface Tap {
  readonly index: number;
  readonly weight: number;
}

/** y of x [outer, extent, inner]: each result the sum over its taps, in their order, every product and sum rounded. */
export function resample(
  x: ArrayLike<number>,
  [outer, extent, inner]: readonly [number, number, number],
  taps: readonly (readonly Tap[])[],
): number[] {
  const y: number[] = [];
  for (let o = 0; o < outer; o++)
    for (const each of taps)
      for (let j = 0; j < inner; j++) {
        const products = each.map(({ index, weight }) => fround(at(x, (o * extent + index) * inner + j) * weight));
        y.push(products.reduce((sum, product) => fround(sum + product)));
      }
  return y;
}

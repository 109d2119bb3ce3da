// Layer normalization of quantized rows (docs/math.md, equation 49), with moments by exact integers.
import { at } from "./at.ts";

const { fround } = Math;

export interface NormalizeCase {
  readonly codes: ArrayLike<number>;
  readonly depth: number;
  readonly gamma: ArrayLike<number>;
  readonly beta: ArrayLike<number>;
  readonly scale: number;
  readonly epsilon: number;
}

/** The float32 values before they are quantized. */
export function layerNorm({ codes, depth, gamma, beta, scale, epsilon }: NormalizeCase): number[] {
  return Array.from(codes, (code, i) => {
    const row = Array.from(codes)
      .slice(i - (i % depth), i - (i % depth) + depth)
      .map(BigInt);
    const sum = row.reduce((a, b) => a + b, 0n);
    const squares = row.reduce((a, b) => a + b * b, 0n);
    const spread = Number(BigInt(depth) * squares - sum * sum);
    const variance = (scale * scale * spread) / (depth * depth);
    const factor = fround(scale / Math.sqrt(variance + epsilon));
    const mean = fround(Number(sum) / depth);
    const scaled = fround(fround(fround(code - mean) * factor) * at(gamma, i % depth));
    return fround(scaled + at(beta, i % depth));
  });
}

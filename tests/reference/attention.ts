// Attention as ONNX writes it down (docs/math.md, equation 75), in float64, a query at a time.
import { at } from "./at.ts";

/** [batch, heads, length, depth]. */
export interface Vectors {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

export interface AttentionCase {
  readonly q: Vectors;
  /** Keys and values with those before them. */
  readonly k: Vectors;
  readonly v: Vectors;
  readonly scale: number;
  /** 0: none. */
  readonly cap: number;
  /** What is added for a batch, head, query and key. */
  readonly bias: (b: number, head: number, i: number, j: number) => number;
}

export function attention({ q, k, v, scale, cap, bias }: AttentionCase): number[] {
  const [batch = 0, heads = 0, length = 0, depth = 0] = q.shape;
  const [, groups = 0, total = 0] = k.shape;
  const width = v.shape[3] as number;
  const y: number[] = [];
  const place = ({ shape }: Vectors, b: number, head: number, i: number) => {
    const [, count = 0, rows = 0, each = 0] = shape;
    return ((b * count + head) * rows + i) * each;
  };
  for (let b = 0; b < batch; b++)
    for (let head = 0; head < heads; head++)
      for (let i = 0; i < length; i++) {
        const group = Math.floor((head * groups) / heads);
        const scores = Array.from({ length: total }, (_, j) => {
          let sum = 0;
          for (let d = 0; d < depth; d++) {
            sum += at(q.values, place(q, b, head, i) + d) * at(k.values, place(k, b, group, j) + d);
          }
          const product = sum * scale;
          return (cap > 0 ? cap * Math.tanh(product / cap) : product) + bias(b, head, i, j);
        });
        const largest = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - largest));
        const whole = powers.reduce((a, c) => a + c, 0);
        for (let d = 0; d < width; d++) {
          y.push(powers.reduce((sum, p, j) => sum + (p / whole) * at(v.values, place(v, b, group, j) + d), 0));
        }
      }
  return y;
}

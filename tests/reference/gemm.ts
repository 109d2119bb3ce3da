// Sums of products of codes less their zeros: acc[m, n] = sum over k of (x[m, k] - zx) (w[n, k] - zw[n]), by their
// definition. A term is below 2^24, so float64 holds any sum of less than 2^29 terms exactly.
import { at } from "./at.ts";

/** A tensor of integer codes; one zero for all, or one a channel. */
export interface Codes {
  readonly shape: readonly number[];
  readonly codes: ArrayLike<number>;
  readonly zero: ArrayLike<number>;
}

export interface Sums {
  readonly shape: readonly number[];
  readonly sums: Float64Array;
}

export function product(extents: readonly number[]): number {
  return extents.reduce((a, b) => a * b, 1);
}

/** The value that holds for a channel: its own, or the tensor's. */
export function ofChannel<T>(values: ArrayLike<T>, channel: number): T {
  return at(values, values.length === 1 ? 0 : channel);
}

/** The axes that two shapes broadcast to, aligned at their ends. */
function broadcastAxes(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => {
    const p = a[i - Math.max(b.length - a.length, 0)] ?? 1;
    const q = b[i - Math.max(a.length - b.length, 0)] ?? 1;
    if (p !== q && p !== 1 && q !== 1) throw new RangeError(`[${a}] and [${b}] do not broadcast`);
    return p === 1 ? q : p;
  });
}

/** The position in a tensor of shape `axes` of element `i` of the shape `whole` that it broadcasts to. */
function broadcastIndex(i: number, axes: readonly number[], whole: readonly number[]): number {
  let rest = i;
  let stride = 1;
  let index = 0;
  for (let axis = 1; axis <= whole.length; axis++) {
    const extent = at(whole, whole.length - axis);
    const own = axis <= axes.length ? at(axes, axes.length - axis) : 1;
    if (own !== 1) index += (rest % extent) * stride;
    rest = Math.floor(rest / extent);
    stride *= own;
  }
  return index;
}

/** The sums of x [..., m, k] and w [..., n, k]: shape [..., m, n], leading axes broadcast; w's zeros by n. */
export function linearSums(x: Codes, w: Codes): Sums {
  const [m, k] = [at(x.shape, x.shape.length - 2), at(x.shape, x.shape.length - 1)];
  const n = at(w.shape, w.shape.length - 2);
  if (at(w.shape, w.shape.length - 1) !== k) throw new RangeError(`[${x.shape}] and [${w.shape}] do not multiply`);
  const [xAxes, wAxes] = [x.shape.slice(0, -2), w.shape.slice(0, -2)];
  const axes = broadcastAxes(xAxes, wAxes);
  const sums = new Float64Array(product(axes) * m * n);
  for (let i = 0; i < sums.length; i++) {
    const batch = Math.floor(i / (m * n));
    const row = broadcastIndex(batch, xAxes, axes) * m + (Math.floor(i / n) % m);
    const column = i % n;
    const from = (broadcastIndex(batch, wAxes, axes) * n + column) * k;
    sums[i] = dotProduct(x.codes, row * k, at(x.zero, 0), w.codes, from, ofChannel(w.zero, column), k);
  }
  return { shape: [...axes, m, n], sums };
}

/** sum over i of (x[i] - zx) (w[i] - zw), from an offset each. */
function dotProduct(
  x: ArrayLike<number>,
  fromX: number,
  zx: number,
  w: ArrayLike<number>,
  fromW: number,
  zw: number,
  k: number,
): number {
  let sum = 0;
  for (let i = 0; i < k; i++) sum += (at(x, fromX + i) - zx) * (at(w, fromW + i) - zw);
  return sum;
}

/** A sum as int32 arithmetic leaves it. */
export function wrap32(sum: number): number {
  return Number(BigInt.asIntN(32, BigInt(sum)));
}

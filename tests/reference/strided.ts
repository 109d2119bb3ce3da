// Copies along axes (docs/math.md, equation 70).

/** An axis: its extent, and how many elements apart its neighbours are in the source and in the result. */
export interface StridedAxis {
  readonly extent: number;
  readonly from: number;
  readonly to: number;
}

/** y[start of y + sum of i to] = x[start of x + sum of i from] for all indices i of the axes. */
export function copyStrided<T>(x: ArrayLike<T>, xStart: number, y: T[], yStart: number, axes: readonly StridedAxis[]) {
  const [axis, ...rest] = axes;
  if (axis === undefined) {
    y[yStart] = x[xStart] as T;
    return;
  }
  for (let i = 0; i < axis.extent; i++) copyStrided(x, xStart + i * axis.from, y, yStart + i * axis.to, rest);
}

/** The transposition of x: axis a of the result is axis order[a] of x. */
export function transpose<T>(x: ArrayLike<T>, shape: readonly number[], order: readonly number[]): T[] {
  const size = (extents: readonly number[]) => extents.reduce((a, b) => a * b, 1);
  const extents = order.map((axis) => shape[axis] as number);
  const axes = order.map((axis, i) => ({
    extent: extents[i] as number,
    from: size(shape.slice(axis + 1)),
    to: size(extents.slice(i + 1)),
  }));
  const y = new Array<T>(size(shape));
  copyStrided(x, 0, y, 0, axes);
  return y;
}

// Shapes: their sizes, and how two of them broadcast (numpy's rule).

/** How many values a shape has. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** A shape with another extent of an axis. */
export function withExtent(shape: readonly number[], axis: number, extent: number): number[] {
  return shape.map((each, i) => (i === axis ? extent : each));
}

/** Neighbouring axes of extent n in one, with what is around them. */
export interface Split {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
}

/** A shape as axes before `first`, from there to before `end`, and behind. */
export function splitAt(shape: readonly number[], first: number, end = first + 1): Split {
  return {
    outer: sizeOf(shape.slice(0, first)),
    n: sizeOf(shape.slice(first, end)),
    inner: sizeOf(shape.slice(end)),
  };
}

/** The shape that two shapes broadcast to; undefined if they do not. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 1; axis <= rank; axis++) {
    const [m, n] = [a.at(-axis) ?? 1, b.at(-axis) ?? 1];
    if (m !== n && m !== 1 && n !== 1) return undefined;
    shape.unshift(m === 1 ? n : m);
  }
  return shape;
}

/** Neighbouring axes that a tensor, broadcast, is crossed along in steps of `stride` values; 0 where it is repeated. */
export interface Run {
  readonly extent: number;
  readonly stride: number;
}

/** The fewest runs, the innermost last, of a tensor of shape `own` broadcast to `shape`. */
export function runsOf(own: readonly number[], shape: readonly number[]): Run[] {
  const runs: Run[] = [{ extent: 1, stride: 1 }];
  let size = 1;
  for (let axis = 1; axis <= shape.length; axis++) {
    const extent = shape.at(-axis) as number;
    if (extent === 1) continue;
    const given = own.at(-axis) ?? 1;
    const stride = given === 1 ? 0 : size;
    size *= given;
    const [inner] = runs as [Run];
    if (inner.extent === 1) runs[0] = { extent, stride };
    else if (stride === inner.stride * inner.extent) runs[0] = { extent: extent * inner.extent, stride: inner.stride };
    else runs.unshift({ extent, stride });
  }
  return runs;
}

/** Where value `position` of the broadcast tensor comes from. */
export function offsetOf(runs: readonly Run[], position: number): number {
  let rest = position;
  let offset = 0;
  for (let i = runs.length - 1; i >= 0; i--) {
    const { extent, stride } = runs[i] as Run;
    offset += (rest % extent) * stride;
    rest = Math.floor(rest / extent);
  }
  return offset;
}

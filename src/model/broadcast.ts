// How tensors that broadcast are crossed together: the fewest runs of neighbouring axes, the innermost last.

import { nodeError } from "../check.ts";
import { broadcastShape } from "../tensor/shape.ts";
import { intOf } from "./attributes.ts";
import type { Site } from "./operator.ts";

/** Neighbouring axes, and how far each tensor goes on at a step along them, in values; 0 where it is repeated. */
export interface JointRun {
  readonly extent: number;
  readonly strides: readonly number[];
}

type Shape = readonly number[];

/** The runs of tensors of some shapes, broadcast to `shape`. In the last run every stride is 0 or 1. */
export function jointRuns(shapes: readonly Shape[], shape: Shape): JointRun[] {
  const runs: JointRun[] = [];
  const sizes = shapes.map(() => 1);
  for (let axis = 1; axis <= shape.length; axis++) {
    const strides = shapes.map((own, i) => {
      const [size, given] = [sizes[i] as number, own.at(-axis) ?? 1];
      sizes[i] = size * given;
      return given === 1 ? 0 : size;
    });
    const extent = shape.at(-axis) as number;
    if (extent === 1) continue;
    const [inner] = runs;
    if (inner && strides.every((stride, i) => stride === (inner.strides[i] as number) * inner.extent)) {
      runs[0] = { extent: extent * inner.extent, strides: inner.strides };
    } else runs.unshift({ extent, strides });
  }
  return runs.length > 0 ? runs : [{ extent: 1, strides: shapes.map(() => 0) }];
}

/** Tells every row, the last run, in order: where each tensor begins there, its extent and the tensors' strides. */
export function forEachRow(runs: readonly JointRun[], visit: (starts: readonly number[], row: JointRun) => void): void {
  const [run, ...rest] = runs as [JointRun, ...JointRun[]];
  cross(
    run,
    rest,
    run.strides.map(() => 0),
  );

  function cross({ extent, strides }: JointRun, inner: JointRun[], starts: readonly number[]): void {
    const [next, ...others] = inner;
    if (!next) visit(starts, { extent, strides });
    for (let i = 0; next && i < extent; i++) {
      const at = starts.map((start, k) => start + i * (strides[k] as number));
      cross(next, others, at);
    }
  }
}

/** Where opsets before 7 begin to align input 1: at an attribute's axis; the slopes of PRelu are channels. */
function legacyAxis({ node, version }: Site, a: Shape, b: Shape): number | undefined {
  if (version >= 7) return undefined;
  if (node.op === "PRelu") return a.length > 1 && b.length === 1 && b[0] !== 1 ? 1 : undefined;
  return intOf(node, "broadcast", 0) === 0 ? undefined : intOf(node, "axis", undefined);
}

/** The shape of input 1, with the axes behind it that opsets before 7 leave out. */
export function alignedShape(site: Site, a: Shape, b: Shape): Shape {
  const axis = legacyAxis(site, a, b);
  if (axis === undefined) return b;
  const behind = a.length - b.length - (axis < 0 ? axis + a.length : axis);
  if (behind < 0 || behind > a.length) throw nodeError(site.node, `"axis" ${axis} does not fit [${a}] and [${b}]`);
  return [...b, ...new Array<number>(behind).fill(1)];
}

/** The shape that shapes broadcast to. */
export function commonShape(site: Site, shapes: readonly Shape[]): number[] {
  return shapes.reduce<number[]>((all, shape) => {
    const both = broadcastShape(all, shape);
    if (!both) throw nodeError(site.node, `shapes that do not broadcast: ${shapes.map((s) => `[${s}]`).join(", ")}`);
    return both;
  }, []);
}

// Two tensors, code by code (docs/math.md, equations 30 to 33), rescaled codes (34), broadcasting, concatenation, padding.
import { clamp, dequantizeValue, roundHalfEven } from "./affine.ts";
import { at } from "./at.ts";
import { multiplyByMultiplier, multiplyByMultiplierOnce, quantizeMultiplier } from "./fixedpoint.ts";

export type Operation = "add" | "sub" | "mul" | "squaredDifference" | "minimum" | "maximum" | "prelu";

/** Scale and zero of codes, and how many bits a code has. */
export interface Scaled {
  readonly scale: number;
  readonly zero: number;
  readonly bits: number;
}

/** What a result is quantized to: codes lo..hi. */
export interface Target extends Scaled {
  readonly lo: number;
  readonly hi: number;
}

const { fround } = Math;

/** float32 operations, one rounding each. */
const REAL: Record<Operation, (x: number, y: number) => number> = {
  add: (x, y) => fround(x + y),
  sub: (x, y) => fround(x - y),
  mul: (x, y) => fround(x * y),
  squaredDifference: (x, y) => fround(fround(x - y) * fround(x - y)),
  minimum: (x, y) => Math.min(x, y),
  maximum: (x, y) => Math.max(x, y),
  prelu: (x, y) => (x < 0 ? fround(x * y) : x),
};

/** The code of a float32 that arithmetic gave; of a NaN the lowest. */
export function codeOf(v: number, { scale, zero, lo, hi }: Target): number {
  return Number.isNaN(v) ? lo : clamp(roundHalfEven(fround(v / scale)) + zero, lo, hi);
}

/** Equation 30. */
export function combine(operation: Operation, p: number, a: Scaled, q: number, b: Scaled, result: Target): number {
  const x = dequantizeValue(p, a.scale, a.zero);
  const y = dequantizeValue(q, b.scale, b.zero);
  return codeOf(REAL[operation](x, y), result);
}

/** x times a real multiplier cut to 31 bits, its sign apart; rounded twice or once. */
export function rescale(x: number, real: number, once: boolean): number {
  const { multiplier, shift } = quantizeMultiplier(Math.abs(real));
  const signed = real < 0 ? -multiplier : multiplier;
  return once ? multiplyByMultiplierOnce(x, signed, shift) : multiplyByMultiplier(x, signed, shift);
}

/** Equations 31 to 33; scales are float32 numbers, their quotients float64. */
export function combineFixed(
  operation: Operation,
  p: number,
  a: Scaled,
  q: number,
  b: Scaled,
  result: Target,
  once: boolean,
): number {
  const clampCode = (v: number): number => clamp(v + result.zero, result.lo, result.hi);
  const x = p - a.zero;
  const y = q - b.zero;
  const product = (a.scale * b.scale) / result.scale;
  if (operation === "mul") return clampCode(rescale(Math.imul(x, y), product, once));
  if (operation === "prelu") {
    if (x >= 0) return clampCode(rescale(x, a.scale / result.scale, once));
    return clampCode(rescale(Math.imul(x, y), product, once));
  }
  const twice = 2 * Math.max(a.scale, b.scale);
  const isSquared = operation === "squaredDifference";
  const left = isSquared ? (a.bits === 8 ? 7 : 0) : a.bits === 8 ? 20 : 15;
  const scaledX = rescale(x * 2 ** left, a.scale / twice, once);
  const scaledY = rescale(y * 2 ** left, b.scale / twice, once);
  const difference = scaledX - scaledY;
  if (isSquared) {
    const real = (twice * twice) / (2 ** (2 * left) * result.scale);
    return clampCode(rescale(Math.imul(difference, difference), real, once));
  }
  const combined = {
    add: scaledX + scaledY,
    sub: difference,
    minimum: Math.min(scaledX, scaledY),
    maximum: Math.max(scaledX, scaledY),
  }[operation];
  return clampCode(rescale(combined, twice / (2 ** left * result.scale), once));
}

/** The shape that two shapes broadcast to (numpy's rule), or undefined where they do not. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const extents = Array.from({ length: rank }, (_, axis) => {
    const m = a[axis - rank + a.length] ?? 1;
    const n = b[axis - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) return undefined;
    return m === 1 ? n : m;
  });
  return extents.includes(undefined) ? undefined : (extents as number[]);
}

/** The indices of a row-major position in a shape. */
function indicesOf(position: number, shape: readonly number[]): number[] {
  const indices = shape.map(() => 0);
  let rest = position;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    indices[axis] = rest % at(shape, axis);
    rest = Math.floor(rest / at(shape, axis));
  }
  return indices;
}

function positionOf(indices: readonly number[], shape: readonly number[]): number {
  return shape.reduce((position, extent, axis) => position * extent + at(indices, axis), 0);
}

/** Where value `position` of a shape comes from in an operand broadcast to it. */
export function broadcastIndex(position: number, shape: readonly number[], operand: readonly number[]): number {
  const indices = indicesOf(position, shape).slice(shape.length - operand.length);
  return positionOf(
    indices.map((index, axis) => (at(operand, axis) === 1 ? 0 : index)),
    operand,
  );
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Which tensor and which of its values each value of a concatenation comes from. */
export function concatIndices(shapes: readonly (readonly number[])[], axis: number): [tensor: number, index: number][] {
  const total = shapes.reduce((sum, shape) => sum + at(shape, axis), 0);
  const shape = at(shapes, 0).map((extent, i) => (i === axis ? total : extent));
  return Array.from({ length: sizeOf(shape) }, (_, position) => {
    const indices = indicesOf(position, shape);
    let tensor = 0;
    while (at(indices, axis) >= at(at(shapes, tensor), axis)) {
      indices[axis] = at(indices, axis) - at(at(shapes, tensor), axis);
      tensor++;
    }
    return [tensor, positionOf(indices, at(shapes, tensor))];
  });
}

/** Codes padded: pads are what comes before each axis, then what comes behind each. */
export function pad(
  codes: ArrayLike<number>,
  shape: readonly number[],
  pads: readonly number[],
  value: number,
): number[] {
  const rank = shape.length;
  const padded = shape.map((extent, axis) => extent + at(pads, axis) + at(pads, axis + rank));
  return Array.from({ length: sizeOf(padded) }, (_, position) => {
    const indices = indicesOf(position, padded).map((index, axis) => index - at(pads, axis));
    const isInside = indices.every((index, axis) => index >= 0 && index < at(shape, axis));
    return isInside ? at(codes, positionOf(indices, shape)) : value;
  });
}

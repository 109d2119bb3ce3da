// Sums, means and extremes over axes (docs/math.md, equations 41 and 43), one value at a time.
import { clamp, roundHalfEven } from "./affine.ts";
import { at } from "./at.ts";
import { multiplyByMultiplier, multiplyByMultiplierOnce, quantizeMultiplier } from "./fixedpoint.ts";
import { meanCode } from "./pool.ts";

export interface ReduceCase {
  readonly kind: "sum" | "mean" | "max" | "min";
  readonly shape: readonly number[];
  readonly codes: ArrayLike<number>;
  readonly axes: readonly number[];
  readonly scale: number;
  readonly zero: number;
  readonly outputScale: number;
  readonly outputZero: number;
  readonly lo: number;
  readonly hi: number;
  readonly arithmetic: "onnx" | "tflite" | "tflite-single";
}

/** The codes that share a result, result by result in row-major order of what is left of the shape. */
export function groupsOf(shape: readonly number[], codes: ArrayLike<number>, axes: readonly number[]): number[][] {
  const left = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const groups = Array.from({ length: left.reduce((a, b) => a * b, 1) }, (): number[] => []);
  for (let i = 0; i < codes.length; i++) {
    let rest = i;
    let group = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = at(shape, axis);
      if (!axes.includes(axis)) {
        group += (rest % extent) * stride;
        stride *= extent;
      }
      rest = Math.floor(rest / extent);
    }
    at(groups, group).push(at(codes, i));
  }
  return groups;
}

/** The multiplier and shift of TensorFlow Lite's mean of `count` values: those of the scales with 1 / count drawn in. */
export function meanMultiplier(real: number, count: number): { multiplier: number; shift: number } {
  const { multiplier, shift } = quantizeMultiplier(real);
  const down = Math.min(31 - Math.clz32(count), 32, 31 + shift);
  return { multiplier: Number((BigInt(multiplier) << BigInt(down)) / BigInt(count)), shift: shift - down };
}

function codeOf(group: readonly number[], given: ReduceCase): number {
  const { kind, scale, zero, outputScale, outputZero, arithmetic } = given;
  if (kind === "max") return group.reduce((a, b) => Math.max(a, b));
  if (kind === "min") return group.reduce((a, b) => Math.min(a, b));
  const steps = group.reduce((a, b) => a + b, 0) - group.length * zero;
  const isMean = kind === "mean";
  if (arithmetic === "onnx") return meanCode(steps, isMean ? group.length : 1, scale, outputScale, outputZero);
  const real = scale / outputScale;
  const { multiplier, shift } = isMean ? meanMultiplier(real, group.length) : quantizeMultiplier(real);
  const rescale = arithmetic === "tflite" ? multiplyByMultiplier : multiplyByMultiplierOnce;
  return rescale(steps, multiplier, shift) + outputZero;
}

export function reduce(given: ReduceCase): number[] {
  const groups = groupsOf(given.shape, given.codes, given.axes);
  return groups.map((group) => clamp(codeOf(group, given), given.lo, given.hi));
}

/** Equation 41 for one exact sum. */
export function rescaleFloat(steps: bigint, multiplier: number): number {
  const { fround } = Math;
  return roundHalfEven(fround(fround(Number(steps)) * multiplier));
}

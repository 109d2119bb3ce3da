// Pooling over x [n, h, w, c] (docs/math.md, equations 40 to 42): one window at a time, tap by tap.
import { clamp, roundHalfEven } from "./affine.ts";
import { at } from "./at.ts";

type Pair = readonly [number, number];

export interface PoolCase {
  readonly shape: readonly number[];
  readonly codes: ArrayLike<number>;
  readonly kernel: Pair;
  readonly strides: Pair;
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  readonly dilations: Pair;
  readonly ceil: boolean;
  /** The codes left by the result's format and activation. */
  readonly lo: number;
  readonly hi: number;
}

export interface MeanCase extends PoolCase {
  readonly countIncludePad: boolean;
  readonly scale: number;
  readonly zero: number;
  readonly outputScale: number;
  readonly outputZero: number;
  readonly tflite: boolean;
}

/** The number of windows along an extent. */
export function windowsAlong(
  extent: number,
  kernel: number,
  stride: number,
  before: number,
  after: number,
  dilation: number,
  ceil: boolean,
): number {
  const room = (extent + before + after - dilation * (kernel - 1) - 1) / stride;
  const windows = (ceil ? Math.ceil(room) : Math.floor(room)) + 1;
  return ceil && (windows - 1) * stride >= extent + before ? windows - 1 : windows;
}

/** Calls `work` for every window and channel with its taps' codes and the number of taps on input or pads. */
function pool(
  given: PoolCase,
  work: (codes: number[], inPads: number) => number,
): { shape: number[]; codes: number[] } {
  const [n = 0, height = 0, width = 0, channels = 0] = given.shape;
  const [top, left, bottom, right] = given.pads;
  const [kernelY, kernelX] = given.kernel;
  const [strideY, strideX] = given.strides;
  const [dilationY, dilationX] = given.dilations;
  const rows = windowsAlong(height, kernelY, strideY, top, bottom, dilationY, given.ceil);
  const columns = windowsAlong(width, kernelX, strideX, left, right, dilationX, given.ceil);
  const codes: number[] = [];
  for (let image = 0; image < n; image++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        for (let channel = 0; channel < channels; channel++) {
          const taken: number[] = [];
          let padded = 0;
          for (let j = 0; j < kernelY; j++)
            for (let i = 0; i < kernelX; i++) {
              const y = row * strideY - top + j * dilationY;
              const x = column * strideX - left + i * dilationX;
              if (y < height + bottom && x < width + right) padded++;
              if (y < 0 || y >= height || x < 0 || x >= width) continue;
              taken.push(at(given.codes, ((image * height + y) * width + x) * channels + channel));
            }
          codes.push(work(taken, padded));
        }
  return { shape: [n, rows, columns, channels], codes };
}

export function maxPool(given: PoolCase): { shape: number[]; codes: number[] } {
  return pool(given, (taken) => clamp(Math.max(given.lo, ...taken), given.lo, given.hi));
}

/** sum / count to the nearest integer, ties away from zero, by integers. */
function quotientAway(sum: number, count: number): number {
  const magnitude = (BigInt(Math.abs(sum)) + BigInt(Math.floor(count / 2))) / BigInt(count);
  return Number(sum < 0 ? -magnitude : magnitude);
}

/** Equation 41: the mean of `count` values whose steps from zero add up to `steps`, before the clamp. */
export function meanCode(steps: number, count: number, scale: number, outputScale: number, outputZero: number): number {
  const { fround } = Math;
  const multiplier = fround(scale / fround(outputScale * count));
  return roundHalfEven(fround(fround(steps) * multiplier)) + outputZero;
}

export function averagePool(given: MeanCase): { shape: number[]; codes: number[] } {
  const { lo, hi, zero, countIncludePad, scale, outputScale, outputZero, tflite } = given;
  return pool(given, (taken, padded) => {
    const count = Math.max(countIncludePad ? padded : taken.length, 1);
    const sum = taken.reduce((a, b) => a + b, 0);
    if (tflite) return clamp(quotientAway(sum, count), lo, hi);
    return clamp(meanCode(sum - taken.length * zero, count, scale, outputScale, outputZero), lo, hi);
  });
}

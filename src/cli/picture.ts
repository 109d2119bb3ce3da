// Images as a network's input: resized, cut to its extent, normalized, in its layout.

import { rangeError } from "../check.ts";
import type { Tensor, Value } from "../index.ts";
import type { Picture } from "./decode.ts";

/** How pixels become values: (pixel * scale - mean) / std. */
export interface PictureOptions {
  /** Height and width where the model leaves them open. */
  readonly size?: readonly [number, number] | undefined;
  /** One number, or one a channel. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly scale: number;
  /** Where the channels are, where the model leaves that open. */
  readonly layout?: "nchw" | "nhwc" | undefined;
}

/** What an input of images is like. */
interface Frame {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly channelsLast: boolean;
}

const isChannels = (extent: unknown) => extent === 1 || extent === 3;

/** The frame that an input expects, together with the options. */
function frameOf({ name, shape = [] }: Value, { size, layout }: PictureOptions): Frame {
  const [, first, , last] = shape;
  const channelsLast = layout ? layout === "nhwc" : !isChannels(first) && isChannels(last);
  const [height, width, channels] = channelsLast ? shape.slice(1) : [shape[2], shape[3], first];
  if (shape.length !== 4 || (typeof channels === "number" && !isChannels(channels))) {
    throw rangeError(name, "images of 1 or 3 channels, [N, 3, H, W] or [N, H, W, 3]", shape);
  }
  const [h, w] = [height, width].map((extent, i) => (typeof extent === "number" ? extent : size?.[i]));
  if (!h || !w) throw rangeError("--size", `HxW, as the model leaves the extent of "${name}" open`, size);
  return { height: h, width: w, channels: channels === 1 ? 1 : 3, channelsLast };
}

/** Bits behind the point of PIL's coefficients. */
const PRECISION = 22;

/** The first of the pixels that become one, and what each counts. */
interface Taps {
  readonly first: number;
  readonly weights: Int32Array;
}

/** For each of `to` pixels the ones it is made of: a triangle as wide as they are, in integers. */
function tapsOf(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, x) => {
    const centre = (x + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const weigh = (_: unknown, k: number) => Math.max(1 - Math.abs((k + first - centre + 0.5) * (1 / support)), 0);
    const weights = Array.from({ length: end - first }, weigh);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: Int32Array.from(weights, (weight) => 0.5 + (weight / total) * 2 ** PRECISION) };
  });
}

/** An axis of `from` pixels resampled to `to`. `data` is [outer, from, inner]. */
function resample(data: Uint8Array, outer: number, from: number, inner: number, to: number): Uint8Array {
  if (from === to) return data;
  const taps = tapsOf(from, to);
  const result = new Uint8Array(outer * to * inner);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const { first, weights } of taps) {
      for (let i = 0; i < inner; i++) {
        let sum = 1 << (PRECISION - 1);
        for (let k = 0, j = (o * from + first) * inner + i; k < weights.length; k++, j += inner) {
          sum += Math.imul(data[j] as number, weights[k] as number);
        }
        result[at++] = Math.min(sum >> PRECISION, 255);
      }
    }
  }
  return result;
}

/** A picture of another extent: bilinear with antialiasing, the bytes of PIL. */
export function resizePicture({ width, height, data }: Picture, toHeight: number, toWidth: number): Picture {
  const across = resample(data, height, width, 3, toWidth);
  return { width: toWidth, height: toHeight, data: resample(across, 1, height, toWidth * 3, toHeight) };
}

/** A picture that covers a frame: as large as it in one direction, no smaller in the other. */
function cover(picture: Picture, height: number, width: number): Picture {
  const { width: w, height: h } = picture;
  const isTall = width * h >= height * w;
  return resizePicture(
    picture,
    isTall ? Math.floor((h * width) / w) : height,
    isTall ? width : Math.floor((w * height) / h),
  );
}

/** A channel of a pixel; the only one is grey, as PIL has it. */
function channelOf(data: Uint8Array, pixel: number, c: number, channels: number): number {
  const at = pixel * 3;
  if (channels > 1) return data[at + c] as number;
  return (
    ((data[at] as number) * 19595 + (data[at + 1] as number) * 38470 + (data[at + 2] as number) * 7471 + 0x8000) >> 16
  );
}

/** Numbers for each channel: as many as there are, or one for all. */
function perChannel(numbers: readonly number[], channels: number, flag: string): number[] {
  if (numbers.length > 1 && numbers.length !== channels) throw rangeError(flag, `${channels} number`, numbers);
  return Array.from({ length: channels }, (_, c) => numbers[numbers.length > 1 ? c : 0] as number);
}

/** The middle of a picture that covers the input's frame, as float32 values. */
export function tensorOf(picture: Picture, value: Value, options: PictureOptions): Tensor {
  const { height, width, channels, channelsLast } = frameOf(value, options);
  const { data, ...extent } = cover(picture, height, width);
  const top = (extent.height - height) >> 1;
  const left = (extent.width - width) >> 1;
  const values = new Float32Array(height * width * channels);
  const means = perChannel(options.mean, channels, "--mean");
  const stds = perChannel(options.std, channels, "--std");
  const [pixelStep, channelStep] = channelsLast ? [channels, 1] : [1, height * width];
  for (let c = 0; c < channels; c++) {
    const [mean, std] = [means[c] as number, stds[c] as number];
    for (let y = 0, to = c * channelStep; y < height; y++) {
      const row = (top + y) * extent.width + left;
      for (let x = 0; x < width; x++, to += pixelStep) {
        const pixel = channelOf(data, row + x, c, channels) * options.scale;
        values[to] = (pixel - mean) / std;
      }
    }
  }
  const shape = channelsLast ? [1, height, width, channels] : [1, channels, height, width];
  return { format: "float32", shape, data: values };
}

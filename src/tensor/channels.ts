// What is done to the channels of float32 weights, one axis of an array: scaling, and how large they are. Plain loops:
// scaling 64 MB takes 50 ms, of which 36 are what copying them into wasm memory and back would take alone.

import { sizeOf } from "./shape.ts";

/** A weight's axis of channels; with groups, the indices of the axes before it are split, and each group has its own. */
export interface Channels {
  readonly shape: readonly number[];
  readonly axis: number;
  readonly groups?: number;
}

/**
 * Calls `each` for every run of neighbouring values that are of one channel: at i..i + length - 1. Channels are counted
 * group by group; values come in their order in memory.
 */
export function eachChannelRun(
  { shape, axis, groups = 1 }: Channels,
  each: (channel: number, i: number, length: number) => void,
): void {
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const channels = shape[axis] as number;
  for (let row = 0; row < outer; row++) {
    const first = Math.floor((row * groups) / outer) * channels;
    for (let channel = 0; channel < channels; channel++)
      each(first + channel, (row * channels + channel) * inner, inner);
  }
}

/** The weight with every channel times its factor, in float64, rounded once to float32. */
export function scaleChannels(weight: Float32Array, channels: Channels, factors: ArrayLike<number>): Float32Array {
  const scaled = new Float32Array(weight.length);
  eachChannelRun(channels, (channel, from, length) => {
    const factor = factors[channel] as number;
    for (let i = from; i < from + length; i++) scaled[i] = (weight[i] as number) * factor;
  });
  return scaled;
}

/** The largest magnitude of each channel; a NaN is passed over. */
export function channelRanges(weight: Float32Array, channels: Channels): Float32Array {
  const ranges = new Float32Array((channels.shape[channels.axis] as number) * (channels.groups ?? 1));
  eachChannelRun(channels, (channel, from, length) => {
    let largest = ranges[channel] as number;
    for (let i = from; i < from + length; i++) {
      const magnitude = Math.abs(weight[i] as number);
      if (magnitude > largest) largest = magnitude;
    }
    ranges[channel] = largest;
  });
  return ranges;
}

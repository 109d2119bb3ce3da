// What sliding and spreading convolutions of float32 images share: channels second, three axes (those before are 1 where the image has
// fewer), products whose columns are gathered from the padded image.

import { nodeError, nodeRangeError } from "../check.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Axis } from "../tensor/sliding.ts";
import { intOf } from "./attributes.ts";
import { multiples, type Operands, prepareProduct } from "./float-product.ts";
import { FLOATS } from "./integers.ts";
import type { Call, Known, Place, Site } from "./operator.ts";
import { keepWords, keepZeros } from "./record.ts";
import { checkFormats, input } from "./site.ts";

/** What a convolution is of. */
export interface Images {
  readonly images: number;
  /** Of the input and of the output. */
  readonly channels: number;
  readonly outputs: number;
  readonly groups: number;
  readonly inputs: readonly number[];
  readonly kernels: readonly number[];
}

/** Reads images of at most `most` axes and a weight that goes with them. `transposed`: the weight's first axes are swapped. */
export function imagesOf({ node }: Site, x: Known, w: Known, most: 2 | 3, transposed = false): Images {
  const rank = x.shape.length - 2;
  if (rank < 1 || rank > most) throw nodeError(node, `expected images of 1 to ${most} axes, got a shape [${x.shape}]`);
  if (w.shape.length !== x.shape.length) {
    throw nodeError(node, `expected a weight of ${x.shape.length} axes, got [${w.shape}]`);
  }
  const groups = intOf(node, "group", 1);
  const [images = 0, channels = 0, ...inputs] = x.shape;
  const [first = 0, second = 0, ...kernels] = w.shape;
  const outputs = transposed ? second * groups : first;
  if (groups < 1 || channels % groups !== 0 || outputs % groups !== 0) {
    throw nodeRangeError(node, "group", `a divisor of ${channels} and ${outputs} channels`, groups);
  }
  const wanted = transposed ? [channels, outputs / groups] : [outputs, channels / groups];
  if (first !== wanted[0] || second !== wanted[1]) {
    throw nodeError(node, `expected a weight [${wanted}, ...] for [${x.shape}] and group ${groups}, got [${w.shape}]`);
  }
  return { images, channels, outputs, groups, inputs, kernels };
}

/** The same of a convolution in float32: with its bias, where that is there. */
export function floatImagesOf(site: Site, transposed = false): Images {
  const [x, w] = [input(site, 0), input(site, 1)];
  for (const i of [0, 1, 2, 3]) checkFormats(site, i, i === 0 ? FLOATS : [x.format]);
  const images = imagesOf(site, x, w, 3, transposed);
  const { outputs } = images;
  const bias = site.inputs[2];
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) {
    throw nodeError(site.node, `expected a bias [${outputs}], got [${bias.shape}]`);
  }
  return images;
}

/** The output, and its axes; FusedConv's fourth input has its shape. */
export function convolved(site: Site, { images, outputs }: Images, axes: readonly Axis[]): Known {
  const shape = [images, outputs, ...axes.map(({ output }) => output)];
  const z = site.inputs[3];
  if (z && (z.shape.length !== shape.length || z.shape.some((extent, i) => extent !== shape[i]))) {
    throw nodeError(site.node, `input 3 expected [${shape}], got [${z.shape}]`);
  }
  return { format: input(site, 0).format, shape };
}

/** Depth, height and width. */
export type Three = readonly [number, number, number];

/** Extents of an image, zeros before it, and the extents with all zeros around it. */
export interface Padding {
  readonly inputs: Three;
  readonly before: Three;
  readonly padded: Three;
}

/** A number for each axis. */
export const three = (of: (axis: 0 | 1 | 2) => number): Three => [of(0), of(1), of(2)];

/** Values from one place to the next along three axes. */
export function distances([, height, width]: Three): Three {
  return [height * width, width, 1];
}

/**
 * What gives the place of an image with its padding: scratch memory, or the image itself where there is none. To be called in the
 * scope that uses it.
 */
function padder({ store }: Call, { inputs, before, padded }: Padding, channels: number): (x: number) => number {
  if (padded.every((extent, i) => extent === inputs[i])) return (x) => x;
  const { arena, kernels } = store.engine;
  const [depth, height, width] = inputs;
  const [deep, lines, across] = padded;
  const record = keepWords(store, [height, width, 1, 1, before[1], before[2], lines, across]);
  const plane = lines * across * 4;
  const at = () => arena.reserve(channels * deep * plane);
  if (deep === depth) {
    return (x) => {
      const to = at();
      kernels.pad_f32_f32(record, x, to, channels * depth);
      return to;
    };
  }
  return (x) => {
    const to = at();
    arena.view(Uint8Array, to, channels * deep * plane).fill(0);
    for (let channel = 0; channel < channels; channel++) {
      const from = x + channel * depth * height * width * 4;
      kernels.pad_f32_f32(record, from, to + (channel * deep + before[0]) * plane, depth);
    }
    return to;
  };
}

/** Where the operands of an image and a group begin. */
type Locate = (image: number, group: number) => { init: number; z: number; y: number };

/** Finds initial values, z (0: there is none) and outputs: the channels of a group after each other, `pixels` of each. */
export function operandsOf(call: Call, { outputs, groups }: Images, pixels: number): Locate {
  const [bias, z] = [call.inputs[2], call.inputs[3]];
  const [y] = call.outputs as [Place];
  const initial = bias?.at ?? keepZeros(call.store, outputs);
  return (image, group) => {
    const row = (group * outputs) / groups;
    const to = (image * outputs + row) * pixels * 4;
    return { init: initial + row * 4, z: z ? z.at + to : 0, y: y.at + to };
  };
}

/** Outputs of all channels that one product makes. */
export interface Part {
  /** Where the values that an output meets are in the padded image, from the first on, and where outputs begin there. */
  readonly steps: readonly number[];
  readonly offsets: readonly number[];
  /** Where the outputs are in a channel of y, unless they are all of it. */
  readonly targets?: readonly number[];
  /** Gives a pointer to the weights: a row of them for each output channel. */
  readonly weights: () => number;
}

/** A convolution, as products for each part, image and group. */
export function convolve(
  call: Call,
  images: Images,
  padding: Padding,
  parts: readonly Part[],
  finish: number,
): () => void {
  const { channels, outputs, groups } = images;
  const [rows, depth, volume] = [outputs / groups, channels / groups, sizeOf(padding.padded)];
  const [y] = call.outputs as [Place];
  const pixels = sizeOf(y.shape.slice(2));
  const pad = padder(call, padding, channels);
  const locate = operandsOf(call, images, pixels);
  const multiplies = parts.map(({ steps, offsets, targets }) => {
    const length = steps.length;
    const sizes = { rows, length, columns: offsets.length, aRow: length, aStep: 1, initRow: 1, yRow: pixels };
    return prepareProduct(call.store, { ...sizes, steps, offsets, ...(targets && { targets }), finish });
  });
  const x = input(call, 0);
  return () => {
    const weights = parts.map((part) => part.weights());
    for (let image = 0; image < images.images; image++) {
      const from = pad(x.at + image * channels * sizeOf(padding.inputs) * 4);
      parts.forEach(({ steps }, i) => {
        const all = multiples(groups, 1).map((group): Operands => {
          const { init, z, y } = locate(image, group);
          const w = (weights[i] as number) + group * rows * steps.length * 4;
          return [w, from + group * depth * volume * 4, init, z, y];
        });
        multiplies[i]?.(all);
      });
    }
  };
}

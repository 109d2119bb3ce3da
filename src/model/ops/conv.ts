// Convolutions of float32 images (docs/math.md, equations 55 and 57): depthwise ones by a kernel of their own, all others as products.

import type { Axis } from "../../tensor/sliding.ts";
import { FROM, split, TILL, threadsOf } from "../../wasm/threads.ts";
import { convolve, convolved, distances, floatImagesOf, type Images, operandsOf, three } from "../convolution.ts";
import { crossed, multiples } from "../float-product.ts";
import { inFloat32 } from "../float-row.ts";
import type { Call, Operator, Place } from "../operator.ts";
import { keepWords } from "../record.ts";
import { input } from "../site.ts";
import { slidingAxes, threeAxes } from "../windows.ts";
import { checkFused, keepFinish, withSweep } from "./fused.ts";

type Axes = readonly [Axis, Axis, Axis];

/** A convolution as a product: rows of weights times the pixels that each output meets. */
function productOf(call: Call, images: Images, axes: Axes): () => void {
  const padded = three((i) => axes[i].before + axes[i].input + axes[i].after);
  const padding = { inputs: three((i) => axes[i].input), before: three((i) => axes[i].before), padded };
  const apart = distances(padded);
  const along = (i: 0 | 1 | 2, count: number, step: number) => multiples(count, step * apart[i]);
  const taps = ([0, 1, 2] as const).map((i) => along(i, axes[i].kernel, axes[i].dilation));
  const places = ([0, 1, 2] as const).map((i) => along(i, axes[i].output, axes[i].stride));
  const depth = multiples(images.channels / images.groups, padded[0] * apart[0]);
  const w = input(call, 1);
  const part = { steps: crossed([depth, ...taps]), offsets: crossed(places), weights: () => w.at };
  return convolve(call, images, padding, [part], keepFinish(call));
}

/** Values that the depthwise kernel reads and writes behind its scratch arrays. */
const SLACK = 16;

/** Sums that it makes at a time, as many lines as there are in so many. */
const BLOCK_VALUES = 1 << 12;

/** Values and multiplications that are worth another thread's while: ten microseconds of them. */
const WORTH = 1 << 16;

/** A convolution whose outputs meet one channel each. */
function depthwiseOf(call: Call, of: Images, [, height, width]: Axes): () => void {
  const { store } = call;
  const { engine } = store;
  const { images, channels, outputs } = of;
  const extent = ({ before, input, after, stride }: Axis) => Math.ceil((before + input + after) / stride);
  const [lines, across] = [extent(height), extent(width)];
  // the phase of a tap, and its place there
  const along = ({ kernel, dilation, stride }: Axis, phase: number, line: number) =>
    multiples(kernel, dilation).map((at) => (at % stride) * phase + Math.floor(at / stride) * line);
  const taps = crossed([along(height, width.stride * lines * across, across), along(width, lines * across, 1)]);
  const offsets = Uint32Array.from(taps, (each) => each * 4);
  const extents = [height.input, width.input, height.stride, width.stride, height.before, width.before];
  const planes = keepWords(store, [...extents, lines, across]);
  const block = Math.max(1, Math.min(height.output, Math.floor(BLOCK_VALUES / across)));
  const counts = [outputs, outputs / channels, offsets.length, keepWords(store, offsets)];
  const words = [planes, ...counts, height.output, width.output, block, keepFinish(call)];
  const record = keepWords(store, words);
  const plane = height.stride * width.stride * lines * across;
  const scratch = (plane + block * across + 2 * SLACK) * 4;
  const locate = operandsOf(call, of, height.output * width.output);
  const [x, w] = [input(call, 0), input(call, 1)];
  const all = { end: outputs, unit: outputs / channels, least: WORTH / (plane + offsets.length * lines * across) };
  return () => {
    const at = engine.arena.reserve(scratch * threadsOf(engine));
    for (let image = 0; image < images; image++) {
      const { init, z, y } = locate(image, 0);
      const from = x.at + image * channels * height.input * width.input * 4;
      const parameters = [[record], [from], [w.at], [init], [z], [y], [at, 0, 0, scratch], FROM, TILL] as const;
      split(engine, "depthwise_f32_f32_f32", parameters, all);
    }
  };
}

/** Outputs of a channel from which on a product is faster: it makes so many at a time. */
const TILE_ROWS = 4;

const isTrivial = ({ input, kernel, before, after }: Axis) => input === 1 && kernel === 1 && before + after === 0;

/** Whether the depthwise kernel is for this convolution: one channel a group, few outputs, no depth. */
function isDepthwise({ channels, groups, outputs }: Images, [depth]: Axes): boolean {
  return groups === channels && outputs < TILE_ROWS * channels && isTrivial(depth);
}

const conv = inFloat32({
  infer(site) {
    const images = floatImagesOf(site);
    checkFused(site);
    return [convolved(site, images, slidingAxes(site, images.inputs, images.kernels))];
  },
  compile(call) {
    const images = floatImagesOf(call);
    const axes = threeAxes(slidingAxes(call, images.inputs, images.kernels));
    const run = isDepthwise(images, axes) ? depthwiseOf(call, images, axes) : productOf(call, images, axes);
    return withSweep(call, call.outputs[0] as Place, run);
  },
});

export const CONVOLUTIONS: Readonly<Record<string, Operator>> = {
  Conv: conv,
  "com.microsoft:FusedConv": conv,
};

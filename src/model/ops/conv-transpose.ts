// Transposed convolutions of float32 images (docs/math.md, equation 56). The outputs of one phase (those that are so many strides
// apart) all meet the same taps: they are a convolution of stride 1 by these taps alone, a product whose columns are apart in y.

import { nodeError, nodeRangeError } from "../../check.ts";
import { sizeOf } from "../../tensor/shape.ts";
import { type Axis, reachOf } from "../../tensor/sliding.ts";
import { intsOf } from "../attributes.ts";
import {
  convolve,
  convolved,
  distances,
  floatImagesOf,
  type Images,
  type Padding,
  type Part,
  three,
} from "../convolution.ts";
import { crossed, multiples } from "../float-product.ts";
import { inFloat32 } from "../float-row.ts";
import type { Call, Operator, Site } from "../operator.ts";
import { input } from "../site.ts";
import { autoPadOf, extentsOf, halves, threeAxes, windowsOf } from "../windows.ts";
import { keepFinish } from "./fused.ts";

type Axes = readonly [Axis, Axis, Axis];

/** Windows that spread over their output: the axes of a transposed convolution. */
export function spreadingAxes(site: Site, { inputs, kernels }: Images): Axis[] {
  const rank = inputs.length;
  const how = autoPadOf(site);
  const more = extentsOf(site, "output_padding", rank, 0);
  const asked = intsOf(site.node, "output_shape", undefined)?.slice(-rank);
  if (asked && (asked.length !== rank || asked.some((extent) => extent < 0))) {
    throw nodeRangeError(site.node, "output_shape", `${rank} extents`, asked);
  }
  return windowsOf(site, inputs, kernels).map((axis, i) => {
    const { input, stride, before, after } = axis;
    const whole = (input - 1) * stride + (more[i] as number) + reachOf(axis);
    const isSame = how === "SAME_UPPER" || how === "SAME_LOWER";
    const output = asked?.[i] ?? (isSame ? input * stride : whole - before - after);
    if (output < 0) throw nodeError(site.node, `expected pads within the output, got an extent of ${output}`);
    return { ...axis, ...(asked || isSame ? halves(whole - output, how) : {}), output };
  });
}

/** Outputs of one axis that meet the same taps. */
interface Phase {
  /** Outputs: first, first + stride, ... */
  readonly first: number;
  readonly count: number;
  readonly taps: readonly number[];
  /** The pixel that the first output meets with each tap; the next output meets the next pixel. */
  readonly pixels: readonly number[];
}

function phasesOf({ kernel, stride, dilation, before, output }: Axis): Phase[] {
  const all = multiples(kernel, 1);
  return multiples(Math.min(stride, output), 1).map((first) => {
    const taps = all.filter((tap) => (first + before - tap * dilation) % stride === 0);
    const pixels = taps.map((tap) => (first + before - tap * dilation) / stride);
    return { first, count: Math.ceil((output - first) / stride), taps, pixels };
  });
}

/** Pixels before an axis that outputs meet. */
function paddedBefore(phases: readonly Phase[]): number {
  return Math.max(0, ...phases.flatMap(({ pixels }) => pixels.map((pixel) => -pixel)));
}

/** The last pixel that outputs meet. */
function lastPixel(phases: readonly Phase[]): number {
  return Math.max(0, ...phases.flatMap(({ pixels, count }) => pixels.map((pixel) => pixel + count - 1)));
}

/** Rows of weights, an output channel each, of some taps; all groups' after each other. */
function rowsOf(w: Float32Array, { channels, outputs, groups }: Images, volume: number, taps: number[]): Float32Array {
  const [depth, rows] = [channels / groups, outputs / groups];
  const packed = new Float32Array(outputs * depth * taps.length);
  let to = 0;
  for (let output = 0; output < outputs; output++) {
    for (let channel = 0; channel < depth; channel++) {
      const at = (Math.floor(output / rows) * depth + channel) * rows + (output % rows);
      for (const tap of taps) packed[to++] = w[at * volume + tap] as number;
    }
  }
  return packed;
}

/** Every choice of one phase an axis. */
function choices([depth, height, width]: readonly [Phase[], Phase[], Phase[]]): [Phase, Phase, Phase][] {
  return depth.flatMap((d) => height.flatMap((h) => width.map((w): [Phase, Phase, Phase] => [d, h, w])));
}

/** Where the weights of taps are: packed once, or, where they are not known, whenever the node runs. */
function weightsOf(call: Call, images: Images, taps: number[]): () => number {
  const { store } = call;
  const w = input(call, 1);
  const pack = (data: Float32Array) => rowsOf(data, images, sizeOf(images.kernels), taps);
  const { value } = w;
  if (!value) return () => store.engine.arena.copy(pack(store.view(w, w.at) as Float32Array));
  const at = store.once(value, `rows of ${images.groups} ${taps}`, (keeper) =>
    keeper.keepCopy(pack(value.data as Float32Array)),
  );
  return () => at;
}

/** Outputs of a phase. */
function partOf(call: Call, images: Images, axes: Axes, { before, padded }: Padding, chosen: readonly Phase[]): Part {
  const [from, to] = [distances(padded), distances(three((i) => axes[i].output))];
  const taps = distances(three((i) => axes[i].kernel));
  const along = (of: (phase: Phase, i: 0 | 1 | 2) => number[]) => chosen.map((phase, i) => of(phase, i as 0 | 1 | 2));
  const depth = multiples(images.channels / images.groups, padded[0] * from[0]);
  const met = along(({ pixels }, i) => pixels.map((pixel) => (pixel + before[i]) * from[i]));
  const targets = along(({ first, count }, i) => multiples(count, axes[i].stride).map((at) => (first + at) * to[i]));
  return {
    steps: crossed([depth, ...met]),
    offsets: crossed(along(({ count }, i) => multiples(count, from[i]))),
    ...(axes.some(({ stride }) => stride > 1) && { targets: crossed(targets) }),
    weights: weightsOf(call, images, crossed(along((phase, i) => phase.taps.map((tap) => tap * taps[i])))),
  };
}

const transposed = inFloat32({
  infer(site) {
    const images = floatImagesOf(site, true);
    return [convolved(site, images, spreadingAxes(site, images))];
  },
  compile(call) {
    const images = floatImagesOf(call, true);
    const axes = threeAxes(spreadingAxes(call, images));
    const phases = axes.map(phasesOf) as [Phase[], Phase[], Phase[]];
    const extents = three((i) => paddedBefore(phases[i]));
    const padding = {
      inputs: three((i) => axes[i].input),
      before: extents,
      padded: three((i) => extents[i] + Math.max(axes[i].input, lastPixel(phases[i]) + 1)),
    };
    const parts = choices(phases).map((chosen) => partOf(call, images, axes, padding, chosen));
    return convolve(call, images, padding, parts, keepFinish(call));
  },
});

export const TRANSPOSED: Readonly<Record<string, Operator>> = { ConvTranspose: transposed };

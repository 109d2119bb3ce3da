// Windows that move over an image: strides, dilations and pads of a node, an axis at a time.

import { nodeError, nodeRangeError } from "../check.ts";
import { type Axis, reachOf, windowsAlong } from "../tensor/sliding.ts";
import { intOf, intsOf, stringOf } from "./attributes.ts";
import type { Site } from "./operator.ts";

/** An axis that is not there: one pixel, met by one tap. */
const MISSING: Axis = { input: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, output: 1 };

/** Axes with those before them that are not there: depth, height, width. */
export function threeAxes(axes: readonly Axis[]): [Axis, Axis, Axis] {
  return [axes.at(-3) ?? MISSING, axes.at(-2) ?? MISSING, axes.at(-1) ?? MISSING];
}

/** The largest stride, dilation or pad: positions stay exact integers. */
const MOST = 2 ** 31 - 1;

/** Integers of an attribute, `count` of them, none less than `lo`, which they are by default. */
export function extentsOf({ node }: Site, name: string, count: number, lo: number): number[] {
  const values = intsOf(node, name, new Array<number>(count).fill(lo));
  if (values.length === count && values.every((value) => value >= lo && value <= MOST)) return values;
  throw nodeRangeError(node, name, `${count} integers of ${lo}..${MOST}`, values);
}

const AUTO_PADS = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"] as const;

/** How padding is found. */
export type AutoPad = (typeof AUTO_PADS)[number];

export function autoPadOf(site: Site): AutoPad {
  return stringOf<AutoPad>(site.node, "auto_pad", "NOTSET", AUTO_PADS);
}

/** Padding in all as a pair: of an odd number the larger half is behind, or (`SAME_LOWER`, as unset) before. */
export function halves(total: number, how: AutoPad): { before: number; after: number } {
  const less = Math.floor(Math.max(total, 0) / 2);
  const more = Math.max(total, 0) - less;
  return how === "SAME_UPPER" ? { before: less, after: more } : { before: more, after: less };
}

/** What is said of windows, or follows from the weight: all but the axes' outputs, the padding where it is not to be found. */
export function windowsOf(site: Site, inputs: readonly number[], weight?: readonly number[]): Omit<Axis, "output">[] {
  const { node } = site;
  const rank = inputs.length;
  const kernels = weight && !node.attributes.has("kernel_shape") ? weight : extentsOf(site, "kernel_shape", rank, 1);
  if (weight && kernels.join() !== weight.join()) {
    throw nodeRangeError(node, "kernel_shape", `[${weight}], as the weight has it`, kernels);
  }
  if (kernels.some((kernel) => kernel < 1)) throw nodeError(node, `expected taps along every axis, got [${kernels}]`);
  const strides = extentsOf(site, "strides", rank, 1);
  const dilations = extentsOf(site, "dilations", rank, 1);
  const pads =
    autoPadOf(site) === "NOTSET" ? extentsOf(site, "pads", 2 * rank, 0) : new Array<number>(2 * rank).fill(0);
  return inputs.map((input, i) => ({
    input,
    kernel: kernels[i] as number,
    stride: strides[i] as number,
    dilation: dilations[i] as number,
    before: pads[i] as number,
    after: pads[rank + i] as number,
  }));
}

/** Windows that slide over an image: the axes of a convolution, or of a pool, which may have a last window that reaches beyond. */
export function slidingAxes(site: Site, inputs: readonly number[], weight?: readonly number[]): Axis[] {
  const how = autoPadOf(site);
  const reachesBeyond = intOf(site.node, "ceil_mode", 0) !== 0;
  return windowsOf(site, inputs, weight).map((axis) => {
    const { input, stride } = axis;
    const reach = reachOf(axis);
    if (how === "SAME_UPPER" || how === "SAME_LOWER") {
      const output = Math.ceil(input / stride);
      return { ...axis, ...halves((output - 1) * stride + reach - input, how), output };
    }
    const output = windowsAlong(axis, reachesBeyond);
    if (output !== undefined) return { ...axis, output };
    const most = input + axis.before + axis.after;
    throw nodeError(site.node, `expected a kernel of at most ${most}, the padded image's extent, got one of ${reach}`);
  });
}

// Where the windows of convolutions and pools go: the attributes that they share, held to the input's extents.

import { nodeError } from "../check.ts";
import { intOf, intsOf, stringOf } from "./attributes.ts";
import type { Site } from "./operator.ts";

/** Windows along the spatial axes, a number each. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Whether a window may reach beyond the pads, if it begins before them. */
  readonly ceil: boolean;
  /** How many windows there are. */
  readonly output: readonly number[];
}

const AUTO_PADS = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"] as const;

const MOST = 2 ** 31 - 1;

/** `count` integers of an attribute, none less than `least`, which they are by default. */
function extentsOf({ node }: Site, name: string, count: number, least: 0 | 1): number[] {
  const extents = intsOf(node, name, undefined) ?? new Array<number>(count).fill(least);
  if (extents.length === count && extents.every((each) => each >= least && each <= MOST)) return extents;
  throw nodeError(node, `"${name}" expected ${count} integers of ${least}..${MOST}, got [${extents}]`);
}

/** Pads that give ceil(extent / stride) windows: before and after. */
function samePads(extent: number, reach: number, stride: number, isUpper: boolean): [number, number] {
  const pads = Math.max((Math.ceil(extent / stride) - 1) * stride + reach - extent, 0);
  const less = Math.floor(pads / 2);
  return isUpper ? [less, pads - less] : [pads - less, less];
}

/** The windows of a node over spatial axes of these extents; of a convolution with its kernel's extents. */
export function windowsOf(site: Site, extents: readonly number[], weight?: readonly number[]): Windows {
  const { node } = site;
  const count = extents.length;
  const kernel = weight && !node.attributes.has("kernel_shape") ? weight : extentsOf(site, "kernel_shape", count, 1);
  if (weight && kernel.join() !== weight.join()) {
    throw nodeError(node, `"kernel_shape" expected [${weight}], as the weight has it, got [${kernel}]`);
  }
  if (kernel.some((each) => each < 1)) throw nodeError(node, `expected a kernel without empty axes, got [${kernel}]`);
  const [strides, dilations] = [extentsOf(site, "strides", count, 1), extentsOf(site, "dilations", count, 1)];
  const auto = stringOf(node, "auto_pad", "NOTSET", AUTO_PADS);
  const given = extentsOf(site, "pads", 2 * count, 0);
  const ceil = intOf(node, "ceil_mode", 0) !== 0;
  const axes = extents.map((extent, i) => {
    const [stride, reach] = [strides[i] as number, (dilations[i] as number) * ((kernel[i] as number) - 1) + 1];
    const [before, after] = padsAlong(i, extent, reach, stride);
    const room = extent + before + after - reach;
    if (room < 0) throw nodeError(node, `expected a kernel of at most ${extent + before + after}, got one of ${reach}`);
    const windows = (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    const beyond = ceil && (windows - 1) * stride >= extent + before;
    return { before, after, windows: beyond ? windows - 1 : windows };
  });
  return {
    ...{ kernel, strides, dilations, ceil },
    before: axes.map(({ before }) => before),
    after: axes.map(({ after }) => after),
    output: axes.map(({ windows }) => windows),
  };

  function padsAlong(i: number, extent: number, reach: number, stride: number): [number, number] {
    if (auto === "NOTSET") return [given[i] as number, given[i + count] as number];
    return auto === "VALID" ? [0, 0] : samePads(extent, reach, stride, auto === "SAME_UPPER");
  }
}

/** Numbers of two axes: in one dimension those of one line. */
export function lined(values: readonly number[], fallback: number): readonly [number, number] {
  const [first = fallback, second] = values;
  return second === undefined ? [fallback, first] : [first, second];
}

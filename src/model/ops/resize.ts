// Resize and Upsample: nearest places taken, or sums of neighbours along each axis (docs/math.md, equations 44, 72 and 73).

import { nodeError, nodeRangeError } from "../../check.ts";
import { coordinate, nearestPlace, ROUNDINGS } from "../../tensor/resize.ts";
import { sizeOf } from "../../tensor/shape.ts";
import { floatOf, floatsOf, intOf, intsOf, stringOf } from "../attributes.ts";
import { codeOf } from "../convert.ts";
import { inFloat32 } from "../float-row.ts";
import {
  type Call,
  choosing,
  type Known,
  lengthOf,
  type Operator,
  type Place,
  type Site,
  viewOf,
} from "../operator.ts";
import { inBytes } from "../packed-row.ts";
import { axisOf, checkedShape, checkFormats, input, numbersOf } from "../site.ts";
import { taking } from "../take.ts";
import { copying } from "./move.ts";

const { fround } = Math;

/** An axis: its extents, places of the result for each of the input, and the part of the input that is looked at. */
interface Axis {
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  readonly start: number;
  readonly end: number;
}

/** Before opset 11 a Resize was an Upsample. */
const isUpsample = ({ node, version }: Site) => node.op === "Upsample" || version < 11;

/** Scales, given as an input or, once, as attributes. */
function scalesOf(site: Site): readonly number[] | undefined {
  const { node } = site;
  if (!isUpsample(site)) return numbersOf(site, 2);
  const across = floatOf(node, "width_scale", undefined);
  const old = across === undefined ? undefined : [1, 1, floatOf(node, "height_scale", 1), across];
  return numbersOf(site, 1) ?? floatsOf(node, "scales", old);
}

/** Extents and scales for sizes that are asked for: as they are, or one scale for all. */
function sized({ node }: Site, extents: readonly number[], sizes: readonly number[]) {
  const ratios = sizes.map((size, i) => fround(size / (extents[i] as number)));
  const policy = stringOf(node, "keep_aspect_ratio_policy", "stretch", ["stretch", "not_larger", "not_smaller"]);
  if (policy === "stretch") return { scales: ratios, outputs: sizes };
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return {
    scales: ratios.map(() => scale),
    outputs: extents.map((extent) => Math.floor(fround(scale * extent) + 0.5)),
  };
}

/** Extents and scales of the axes that a Resize names. */
function targets(site: Site, extents: readonly number[]): { scales: readonly number[]; outputs: readonly number[] } {
  const scales = scalesOf(site);
  const sizes = isUpsample(site) ? undefined : numbersOf(site, 3);
  const given = scales?.length ? scales : sizes;
  if (given?.length !== extents.length) {
    throw nodeRangeError(site.node, "scales", `${extents.length} scales or sizes`, given);
  }
  if (given === sizes) return sized(site, extents, given);
  return { scales: given, outputs: given.map((scale, i) => Math.floor(fround(scale * (extents[i] as number)))) };
}

function resizedAxes(site: Site): Axis[] {
  const { shape } = input(site, 0);
  const axes = intsOf(site.node, "axes", undefined)?.map((axis) => axisOf(site, axis, shape.length));
  const named = axes ?? shape.map((_, axis) => axis);
  const extents = named.map((axis) => shape[axis] as number);
  const { scales, outputs } = targets(site, extents);
  const roi = isUpsample(site) ? undefined : numbersOf(site, 1);
  return shape.map((extent, axis) => {
    const i = named.indexOf(axis);
    if (i < 0) return { input: extent, output: extent, scale: 1, start: 0, end: 1 };
    const [start, end] = [roi?.[i] ?? 0, roi?.[i + named.length] ?? 1];
    return { input: extent, output: outputs[i] as number, scale: scales[i] as number, start, end };
  });
}

const ALIGNMENTS = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
] as const;

type Alignment = (typeof ALIGNMENTS)[number];

/** Equation 72: where place i of the result lies among those of the input. */
function coordinateOf(i: number, axis: Axis, alignment: Alignment): number {
  const { input, output, scale, start, end } = axis;
  if (alignment === "tf_half_pixel_for_nn") return fround(fround(i + 0.5) / scale);
  if (alignment === "half_pixel_symmetric") {
    const offset = (input / 2) * (1 - output / fround(scale * input));
    return fround(offset + coordinate(i, input, output, "half_pixel", scale));
  }
  if (alignment === "tf_crop_and_resize") {
    if (output === 1) return fround(((start + end) / 2) * (input - 1));
    return fround(start * (input - 1) + (i * (end - start) * (input - 1)) / (output - 1));
  }
  return coordinate(i, input, output, alignment, scale);
}

/** How a Resize weighs neighbours. */
interface Blend {
  /** The weight of a neighbour at a distance, and the distance from which on it has none. */
  readonly weight: (distance: number) => number;
  readonly support: number;
  readonly isSmoothed: boolean;
  readonly excludesOutside: boolean;
}

const linear = (d: number) => Math.max(1 - Math.abs(d), 0);

function cubic(a: number): (distance: number) => number {
  return (distance) => {
    const d = Math.abs(distance);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  };
}

/** What one result is made of along an axis. */
interface Tap {
  readonly index: number;
  readonly weight: number;
}

/** Equation 73: the neighbours of a coordinate. */
function tapsAt(given: number, { input, scale }: Axis, blend: Blend): Tap[] {
  const { weight, support, isSmoothed, excludesOutside } = blend;
  const isHeld = support === 1 && !isSmoothed && !excludesOutside;
  const v = isHeld ? Math.min(Math.max(given, 0), input - 1) : given;
  const shrink = isSmoothed ? Math.min(scale, 1) : 1;
  const first = Math.floor(-support / shrink) + 1;
  const below = Math.floor(v);
  const taps = Array.from({ length: 2 - 2 * first }, (_, i) => {
    const index = below + first + i;
    const isOutside = index < 0 || index >= input;
    return { index, weight: excludesOutside && isOutside ? 0 : weight((index - v) * shrink) };
  });
  const sum = isSmoothed || excludesOutside ? taps.reduce((total, tap) => total + tap.weight, 0) : 1;
  return taps.map((tap) => ({
    index: Math.min(Math.max(tap.index, 0), input - 1),
    weight: fround(tap.weight / sum),
  }));
}

/** A Resize made ready. */
interface Settings {
  readonly axes: readonly Axis[];
  /** Coordinates of the results along each axis. */
  readonly coordinates: readonly (readonly number[])[];
  readonly alignment: Alignment;
}

function settingsOf(site: Site): Settings {
  const axes = resizedAxes(site);
  const fallback = isUpsample(site) ? "asymmetric" : "half_pixel";
  const alignment = stringOf<Alignment>(site.node, "coordinate_transformation_mode", fallback, ALIGNMENTS);
  const coordinates = axes.map((axis) =>
    Array.from({ length: axis.output }, (_, i) => coordinateOf(i, axis, alignment)),
  );
  return { axes, coordinates, alignment };
}

const MODES = ["nearest", "linear", "bilinear", "cubic"] as const;

const modeOf = ({ node }: Site) => stringOf(node, "mode", "nearest", MODES);

/** Fills what lies outside the input where the input is cropped. */
function extrapolating(call: Call, y: Place, { axes, coordinates, alignment }: Settings): () => void {
  if (alignment !== "tf_crop_and_resize") return () => {};
  const value = codeOf(y.format, floatOf(call.node, "extrapolation_value", 0));
  const isOutside = axes.map(({ input }, a) => coordinates[a]?.map((v) => v < 0 || v > input - 1) ?? []);
  return () => {
    const values = viewOf(call, y);
    isOutside.forEach((flags, axis) => {
      const inner = sizeOf(y.shape.slice(axis + 1));
      for (let row = 0; row * inner < values.length; row++) {
        if (flags[row % flags.length]) values.fill(value as never, row * inner, (row + 1) * inner);
      }
    });
  };
}

function compileNearest(call: Call): () => void {
  const settings = settingsOf(call);
  const y = call.outputs[0] as Place;
  const fallback = isUpsample(call) ? "floor" : "round_prefer_floor";
  const rounding = stringOf<(typeof ROUNDINGS)[number]>(call.node, "nearest_mode", fallback, ROUNDINGS);
  const tables = settings.axes.map(({ input, scale }, axis) => {
    // the first versions took the place behind where they reduced
    const how = isUpsample(call) && scale < 1 ? "ceil" : rounding;
    return (settings.coordinates[axis] as number[]).map((v) => nearestPlace(v, input, how));
  });
  const take = taking(call, input(call, 0), y, tables);
  const extrapolate = extrapolating(call, y, settings);
  return () => {
    take();
    extrapolate();
  };
}

function blendOf({ node }: Site, mode: (typeof MODES)[number]): Blend {
  const isCubic = mode === "cubic";
  return {
    weight: isCubic ? cubic(floatOf(node, "cubic_coeff_a", -0.75)) : linear,
    support: isCubic ? 2 : 1,
    isSmoothed: intOf(node, "antialias", 0) !== 0,
    excludesOutside: intOf(node, "exclude_outside", 0) !== 0,
  };
}

/** Taps as the kernel reads them. */
function wordsOf(taps: readonly (readonly Tap[])[]): Int32Array {
  const words = new Int32Array(2 * taps.length * (taps[0]?.length ?? 0));
  const floats = new Float32Array(words.buffer);
  taps.flat().forEach(({ index, weight }, i) => {
    words[2 * i] = index;
    floats[2 * i + 1] = weight;
  });
  return words;
}

const isIdentity = (taps: readonly (readonly Tap[])[], extent: number) =>
  taps.length === extent &&
  taps.every((each, i) => each.every(({ index, weight }) => weight === 0 || (weight === 1 && index === i)));

/** One axis resampled. */
interface Pass {
  readonly words: Int32Array;
  readonly outer: number;
  readonly extent: number;
  readonly length: number;
  readonly inner: number;
}

/** The axes that change, the last first: what they make is less to read for the others. */
function passesOf({ axes, coordinates }: Settings, blend: Blend): Pass[] {
  const passes: Pass[] = [];
  const shape = axes.map(({ input }) => input);
  for (let axis = axes.length - 1; axis >= 0; axis--) {
    const { input: extent, output: length } = axes[axis] as Axis;
    const taps = (coordinates[axis] as number[]).map((v) => tapsAt(v, axes[axis] as Axis, blend));
    if (isIdentity(taps, extent)) continue;
    const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
    passes.push({ words: wordsOf(taps), outer, extent, length, inner });
    shape[axis] = length;
  }
  return passes;
}

function compileBlend(call: Call): () => void {
  const settings = settingsOf(call);
  const [x, y] = [input(call, 0), call.outputs[0] as Place];
  const passes = passesOf(settings, blendOf(call, modeOf(call)));
  const copy = copying(call, x, y, { axes: [{ extent: lengthOf(x), from: 1, to: 1 }] });
  const extrapolate = extrapolating(call, y, settings);
  const { arena, kernels } = call.store.engine;
  return () => {
    if (lengthOf(y) === 0) return;
    if (passes.length === 0) copy();
    passes.reduce((from, { words, outer, extent, length, inner }, i) => {
      const to = i === passes.length - 1 ? y.at : arena.reserve(outer * length * inner * 4);
      const count = words.length / 2 / length;
      kernels.resample_f32_f32(from, to, arena.copy(words), outer, extent, length, inner, count);
      return to;
    }, x.at);
    extrapolate();
  };
}

function inferResize(site: Site): Known[] {
  const { format, shape } = input(site, 0);
  if (modeOf(site) !== "nearest") checkFormats(site, 0, ["float32", "float64", "float16", "bfloat16"]);
  const extents = resizedAxes(site).map(({ output }) => output);
  if (sizeOf(extents) > 0 && sizeOf(shape) === 0)
    throw nodeError(site.node, `expected values to resize, got [${shape}]`);
  return [{ format, shape: checkedShape(site, extents, format) }];
}

const base = { infer: inferResize, values: [1, 2, 3] };
const NEAREST = inBytes({ ...base, compile: compileNearest });
const BLENDED = inFloat32({ ...base, compile: compileBlend });
const RESIZE = choosing(NEAREST, (site) => (modeOf(site) === "nearest" ? NEAREST : BLENDED));

export const RESIZES: Readonly<Record<string, Operator>> = { Resize: RESIZE, Upsample: RESIZE };

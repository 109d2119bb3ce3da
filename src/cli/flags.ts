// What flags say: numbers, words, and where the data are.

import { usageError } from "../check.ts";
import type { Command, Given } from "./command.ts";
import type { DataOptions } from "./data.ts";

/** A number, or a fraction of two; `wanted` is what it may be. */
export function numberOf(flag: string, text: string, wanted: string, isFine: (n: number) => boolean): number {
  const [, above = "", below = "1"] = /^([^/]+)(?:\/([^/]+))?$/.exec(text.trim()) ?? [];
  const n = above === "" ? Number.NaN : Number(above) / Number(below);
  if (!isFine(n)) throw usageError(flag, wanted, text);
  return n;
}

/** A positive integer, where there is one. */
export function countOf(flag: string, text: string | undefined): number | undefined {
  return text === undefined
    ? undefined
    : numberOf(flag, text, "a positive integer", (n) => Number.isInteger(n) && n > 0);
}

/** One of a few words, where there is one. */
export function wordOf<const W extends string>(flag: string, text: string | undefined, words: readonly W[]) {
  if (text !== undefined && !words.includes(text as W)) throw usageError(flag, words.join(" or "), text);
  return text as W | undefined;
}

/** A number, or three. */
function channels(flag: string, text: string, isFine: (n: number) => boolean): number[] {
  const wanted = "a number, or one for each of three channels: 0.485,0.456,0.406";
  const numbers = text.split(",").map((each) => numberOf(flag, each, wanted, isFine));
  if (numbers.length !== 1 && numbers.length !== 3) throw usageError(flag, wanted, text);
  return numbers;
}

function sizeOf(text: string | undefined): [number, number] | undefined {
  if (text === undefined) return undefined;
  const [, height, width] = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(text) ?? [];
  if (!height) throw usageError("--size", "HxW, as 224x224", text);
  return [Number(height), Number(width)];
}

export const DATA_FLAGS: Command["options"] = {
  data: { type: "string", multiple: true },
  samples: { type: "string" },
  size: { type: "string" },
  scale: { type: "string" },
  mean: { type: "string" },
  std: { type: "string" },
  layout: { type: "string" },
};

export const DATA_HELP = `Data:
  --data PATH       what feeds the model: a .npy file, an .npz file (arrays by the inputs' names), PNG or JPEG
                    images, or a folder of any of these, which is read with the folders in it, by name. More
                    paths may follow: --data images/*.png. With several inputs NAME=PATH each, or paths in the
                    order of the inputs. Numbers of another format are converted
  --samples N       takes no more samples: the first, of folders files evenly from all
  --size HxW        the extent of images where the model leaves it open. Images are made as large as it needs in
                    one direction (bilinear with antialiasing, as PIL does it) and cut to the middle in the other
  --scale F         pixels of 0..255 become (pixel * F - mean) / std; F is a number or a fraction, as 1/255
  --mean A[,B,C]    default 0; a number, or one for each of red, green and blue
  --std A[,B,C]     default 1
  --layout L        nchw or nhwc, where the model does not say which axis is that of the 1 or 3 channels`;

/** What flags say of data. */
export function dataOptions(given: Given, byRow: boolean): DataOptions {
  const { data = [], scale = "1", mean = "0", std = "1" } = given;
  return {
    data,
    byRow,
    samples: countOf("--samples", given.samples),
    size: sizeOf(given.size),
    scale: numberOf("--scale", scale, "a number or a fraction, as 1/255", Number.isFinite),
    mean: channels("--mean", mean, Number.isFinite),
    std: channels("--std", std, (n) => Number.isFinite(n) && n > 0),
    layout: wordOf("--layout", given.layout, ["nchw", "nhwc"]),
  };
}

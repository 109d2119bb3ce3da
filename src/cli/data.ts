// What --data names as samples of a model's inputs: arrays of .npy and .npz files, images, folders of these.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { inFile, rangeError } from "../check.ts";
import { bitsPerValue, FORMATS, type FormatName, type FormatRow } from "../formats.ts";
import { open, readNpy, type Tensor, type Value } from "../index.ts";
import { convert } from "./convert.ts";
import { type PictureOptions, tensorOf } from "./picture.ts";
import { inParts, partsOf } from "./rows.ts";
import { describe } from "./text.ts";

/** What a path gives. */
interface Source {
  readonly path: string;
  readonly files: readonly string[];
  readonly isFolder: boolean;
}

/** How data are read. */
export interface DataOptions extends PictureOptions {
  /** What is named, each as `PATH` or `NAME=PATH`. */
  readonly data: readonly string[];
  /** Samples that are taken at most. */
  readonly samples?: number | undefined;
  /** Whether every row of a file is a sample, where the model leaves open how many it takes at once. */
  readonly byRow: boolean;
}

const ARRAY = /\.np[yz]$/i;
const IN_FOLDER = /\.(?:np[yz]|png|jpe?g)$/i;

/** As many as asked for, evenly from all: folders are often sorted by class. */
function some<T>(all: readonly T[], count = all.length): T[] {
  const wanted = Math.min(count, all.length);
  return Array.from({ length: wanted }, (_, i) => all[Math.floor((i * all.length) / wanted)] as T);
}

/** The files that a path names: itself, or those in the folder that it is, by name. */
async function expand(path: string, samples: number | undefined): Promise<Source> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return { path, files: [path], isFolder };
  const names = (await readdir(path, { recursive: true })).filter((name) => IN_FOLDER.test(name)).sort();
  if (names.length === 0) throw rangeError(path, "a folder with .npy, .npz, .png, .jpg or .jpeg files", []);
  return { path, files: some(names, samples).map((name) => join(path, name)), isFolder };
}

/** Which arrays a file holds, by name; what has no name of its own is "". */
async function readFile(file: string, value: Value, options: DataOptions): Promise<Map<string, Tensor>> {
  const bytes = await open(file);
  try {
    const [first, second] = bytes;
    const isZip = first === 0x50 && second === 0x4b;
    const isPicture = (first === 0xff && second === 0xd8) || (first === 0x89 && second === 0x50);
    if (!isZip && !isPicture) return new Map([["", readNpy(bytes)]]);
    const { readPicture, unzip } = await import("./decode.ts");
    if (isPicture) return new Map([["", tensorOf(await readPicture(bytes), value, options)]]);
    return new Map(Object.entries(unzip(bytes)).map(([name, inner]) => [name.replace(/\.npy$/, ""), readNpy(inner)]));
  } catch (error) {
    throw inFile(file, error as Error);
  }
}

/** An input of a model, where its data come from, and what was seen of them. */
export class Input {
  readonly value: Value;
  readonly sources: Source[] = [];
  /** The format of the numbers in the files, and that of the model's input. */
  from: FormatName | undefined;
  format: FormatName | undefined;
  /** The shape of all rows together. */
  shape: number[] = [];
  /** Arrays that are named themselves: they are read once. */
  private readonly arrays = new Map<string, Tensor>();

  constructor(value: Value) {
    this.value = value;
  }

  /** The input's array in a file, in the model's format. */
  private async readNew(file: string, options: DataOptions): Promise<Tensor> {
    const { name, format, shape } = this.value;
    const arrays = await readFile(file, this.value, options);
    const found = arrays.get(name) ?? (arrays.size === 1 ? [...arrays.values()][0] : undefined);
    if (!found) throw rangeError(file, `an array "${name}"`, [...arrays.keys()]);
    const isOther = format && format !== found.format && bitsPerValue(FORMATS.get(format) as FormatRow) >= 8;
    const tensor = isOther ? convert(found, format, file) : found;
    const fits = (extent: number | string, axis: number) => typeof extent === "string" || extent === tensor.shape[axis];
    const isOne = shape?.length === tensor.shape.length + 1 && shape.slice(1).every(fits);
    this.from = found.format as FormatName;
    this.format = tensor.format as FormatName;
    return isOne ? { ...tensor, shape: [1, ...tensor.shape] } : tensor;
  }

  private async read(file: string, isKept: boolean, options: DataOptions): Promise<Tensor> {
    const tensor = this.arrays.get(file) ?? (await this.readNew(file, options));
    if (isKept) this.arrays.set(file, tensor);
    return tensor;
  }

  /** How many rows the model takes at once; undefined where it takes any number. */
  private get rows(): number | undefined {
    const [rows] = this.value.shape ?? [];
    return typeof rows === "number" ? rows : undefined;
  }

  private async *tensors(options: DataOptions): AsyncGenerator<Tensor> {
    for (const { files, isFolder } of this.sources) {
      for (const file of files) {
        const tensor = await this.read(file, !isFolder && ARRAY.test(file), options);
        yield* options.byRow && !isFolder && this.rows === undefined ? partsOf(tensor, 1) : [tensor];
      }
    }
  }

  /** The input's part of every sample. */
  async *samples(options: DataOptions): AsyncGenerator<Tensor> {
    const { rows } = this;
    this.shape = [];
    for await (const tensor of rows === undefined ? this.tensors(options) : inParts(this.tensors(options), rows)) {
      const [before = 0] = this.shape;
      this.shape = tensor.shape.map((extent, axis) => (axis === 0 ? before + extent : extent));
      yield tensor;
    }
  }

  /** About how many samples there are; files that were not read yet count as one row. */
  async count(options: DataOptions): Promise<number> {
    const { rows } = this;
    let count = 0;
    for (const { files, isFolder } of this.sources) {
      for (const file of files) {
        const isKept = !isFolder && ARRAY.test(file);
        const [extent = 1] = isKept ? (await this.read(file, true, options)).shape : [];
        count += rows === undefined && !options.byRow ? 1 : extent;
      }
    }
    return Math.ceil(count / (rows || 1));
  }
}

/** Inputs with the files that feed them. */
async function assign(values: readonly Value[], { data, samples }: DataOptions): Promise<Input[]> {
  const inputs = values.map((value) => new Input(value));
  const wanted = `a file for each input: ${values.map((value) => `"${value.name}" ${describe(value)}`).join("; ") || "none"}`;
  for (const text of data) {
    const named = inputs.find(({ value }) => text.startsWith(`${value.name}=`));
    const source = await expand(named ? text.slice(named.value.name.length + 1) : text, samples);
    const isZip = /\.npz$/i.test(source.files[0] as string);
    const open = inputs.length === 1 ? inputs : inputs.filter(({ sources }) => sources.length === 0);
    const takers = named ? [named] : text.includes("=") ? [] : isZip ? open : open.slice(0, 1);
    if (takers.length === 0) throw rangeError("--data", wanted, text);
    for (const { sources } of takers) sources.push(source);
  }
  if (inputs.some(({ sources }) => sources.length === 0)) throw rangeError("--data", wanted, data);
  return inputs;
}

/** Samples, read as they are needed, as often as they are asked for. */
export interface Data extends AsyncIterable<Record<string, Tensor>> {
  readonly inputs: readonly Input[];
  /** How many samples there are, as far as that is known. */
  readonly length: number;
}

/** The samples of all inputs side by side; an input with only one has it in every sample. */
async function* together(inputs: readonly Input[], options: DataOptions): AsyncGenerator<Record<string, Tensor>> {
  const streams = inputs.map((input) => input.samples(options));
  const sample: Record<string, Tensor> = {};
  const ends = inputs.map(() => Infinity);
  for (let done = 0; done < (options.samples ?? Infinity); done++) {
    for (const [i, stream] of streams.entries()) {
      const next = (ends[i] as number) < done ? undefined : await stream.next();
      if (next && !next.done) sample[(inputs[i] as Input).value.name] = next.value;
      else ends[i] = Math.min(ends[i] as number, done);
    }
    const isEnd = inputs.length === 0 ? done > 0 : ends.every((end) => end <= done);
    if (isEnd) return;
    const short = ends.findIndex((end) => end <= done && end !== 1);
    if (short >= 0) {
      const found = `${ends[short]} for "${inputs[short]?.value.name}"`;
      throw rangeError("--data", "as many samples for each input", found);
    }
    yield { ...sample };
  }
}

/** The samples that options name, for a model's inputs. */
export async function openData(values: readonly Value[], options: DataOptions): Promise<Data> {
  const inputs = await assign(values, options);
  const counts = await Promise.all(inputs.map((input) => input.count(options)));
  const length = Math.min(Math.max(...counts), options.samples ?? Infinity);
  return { inputs, length, [Symbol.asyncIterator]: () => together(inputs, options) };
}

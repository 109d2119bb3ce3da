// octavo run: a model on data from files.

import { join } from "node:path";
import { inFile, rangeError } from "../check.ts";
import { bitsPerValue, FORMATS, type FormatName, type FormatRow } from "../formats.ts";
import { open, readNpy, Session, save, type Tensor, type Value, writeNpy } from "../index.ts";
import { tensorArray } from "../tensor/tensor.ts";
import { type Command, json, load } from "./command.ts";
import { convert, unfold } from "./convert.ts";
import { describeSummary, type Summary, summarize } from "./summary.ts";
import { describe } from "./text.ts";

const HELP = `Usage: octavo run MODEL --data [NAME=]FILE.npy... [-o OUT.npy | -o FOLDER] [--json]

Runs an ONNX model on arrays from .npy files and prints what it gives: the format, shape, minimum, maximum
and mean of every output, and the five highest of the first five rows of an output that looks like scores.

  MODEL             an .onnx file or its address; weights in files of their own are looked for beside it
  --data FILE.npy   an input; with more than one, NAME=FILE.npy each, or files in the order of the inputs.
                    Numbers of another format are converted and that is said. Where the model takes a fixed
                    number of rows and the file has a multiple of it, it is run in slices, and that is said
  -o, --output OUT  writes the outputs: to OUT where it ends in .npy (a model with one output), otherwise
                    to OUT/NAME.npy each. Folders that are not there are made
  --json            prints one JSON document; numbers that are not finite are null
  --help            prints this

Exit codes: 0; 1 where the model or the data are wrong; 2 where the command line is.`;

/** An input from a file. */
interface Input {
  readonly value: Value;
  readonly file: string;
  /** The format of the file's numbers. */
  readonly from: FormatName;
  readonly tensor: Tensor;
}

/** Which file each input is from. */
function assign(values: readonly Value[], data: readonly string[]): Map<Value, string> {
  const files = new Map<Value, string>();
  const wanted = `a file for each input: ${values.map((value) => `"${value.name}" ${describe(value)}`).join("; ") || "none"}`;
  for (const text of data) {
    const named = values.find(({ name }) => text.startsWith(`${name}=`));
    const value = named ?? (text.includes("=") ? undefined : values.find((each) => !files.has(each)));
    if (!value) throw rangeError("--data", wanted, text);
    const file = named ? text.slice(named.name.length + 1) : text;
    const other = files.get(value);
    if (other !== undefined) throw rangeError("--data", `one file for the input "${value.name}"`, [other, file]);
    files.set(value, file);
  }
  if (files.size < values.length) throw rangeError("--data", wanted, data);
  return files;
}

async function readArray(file: string): Promise<Tensor> {
  const bytes = await open(file);
  try {
    return readNpy(bytes);
  } catch (error) {
    throw inFile(file, error as Error);
  }
}

async function readInput(value: Value, file: string): Promise<Input> {
  const tensor = await readArray(file);
  const { format: from } = tensor;
  const { format = from } = value;
  const isOther = format !== from && bitsPerValue(FORMATS.get(format as string) as FormatRow) >= 8;
  const converted = isOther ? convert(tensor, format as FormatName, file) : tensor;
  return { value, file, from: from as FormatName, tensor: converted };
}

/** How often a model has to run for all rows: more than once where it takes fewer than there are. */
function slicesOf({ value, tensor }: Input): number {
  const [rows, ...rest] = value.shape ?? [];
  const [given = 0, ...extents] = tensor.shape;
  const fits =
    rest.length === extents.length && rest.every((each, i) => typeof each === "string" || each === extents[i]);
  return fits && typeof rows === "number" && rows > 0 && given > rows && given % rows === 0 ? given / rows : 1;
}

/** One of the equal parts of a tensor's rows. */
function slice(tensor: Tensor, part: number, parts: number): Tensor {
  const [rows = 1, ...rest] = tensor.shape;
  const length = tensor.data.length / parts;
  return { ...tensor, shape: [rows / parts, ...rest], data: tensor.data.slice(part * length, (part + 1) * length) };
}

/** The rows of all tensors, one after another. */
function stack(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors as [Tensor];
  if (tensors.length === 1) return first;
  const data = new (tensorArray(first.format as FormatName))(tensors.reduce((sum, { data }) => sum + data.length, 0));
  let at = 0;
  for (const each of tensors) {
    data.set(each.data as never, at);
    at += each.data.length;
  }
  const rows = tensors.reduce((sum, { shape: [rows = 1] }) => sum + rows, 0);
  return { format: first.format, shape: [rows, ...first.shape.slice(1)], data };
}

/** The outputs for all rows of the inputs, and how often the model ran for them. */
function runSlices(session: Session, inputs: readonly Input[]): { outputs: Tensor[]; slices: number } {
  const counts = new Set(inputs.map(slicesOf).filter((count) => count > 1));
  if (counts.size > 1) throw rangeError("--data", "files with as many rows each", [...counts]);
  const [slices = 1] = counts;
  const results = Array.from({ length: slices }, (_, part) => {
    const feed = (input: Input) => (slicesOf(input) > 1 ? slice(input.tensor, part, slices) : input.tensor);
    return session.run(Object.fromEntries(inputs.map((input) => [input.value.name, feed(input)])));
  });
  const outputs = session.outputs.map(({ name }) => stack(results.map((each) => unfold(each[name] as Tensor))));
  return { outputs, slices };
}

/** A file for each output: the one that is named, or one each in a folder. */
function filesFor(names: readonly string[], output: string | undefined): (string | undefined)[] {
  if (output === undefined) return names.map(() => undefined);
  if (output.endsWith(".npy")) {
    if (names.length !== 1) throw rangeError("--output", `a folder, for the outputs ${names.join(", ")}`, output);
    return [output];
  }
  const safe = names.map((name) => name.replace(/[^\w.-]/g, "_"));
  return safe.map((name, i) => join(output, `${safe.indexOf(name) < i ? `${name}_${i}` : name}.npy`));
}

/** Writes the outputs that have files. */
async function write(outputs: readonly Tensor[], files: readonly (string | undefined)[]): Promise<void> {
  for (const [i, file] of files.entries()) if (file !== undefined) await save(file, writeNpy(outputs[i] as Tensor));
}

function plainInput({ value: { name }, file, from, tensor: { format, shape } }: Input) {
  return { name, file, from, format: format as FormatName, shape };
}

function report(inputs: readonly Input[], slices: number, outputs: readonly Summary[]): string {
  const lines = inputs.map(plainInput).map((input) => {
    const { name, file, from, format } = input;
    return `input   "${name}" ${describe(input)} from ${file}${from === format ? "" : `, converted from ${from}`}`;
  });
  if (slices > 1) lines.push(`run in ${slices} slices, as the model takes a fixed number of rows`);
  return [...lines, ...outputs.flatMap(describeSummary)].join("\n");
}

export const RUN: Command = {
  help: HELP,
  options: { data: { type: "string", multiple: true }, output: { type: "string", short: "o" } },
  async run(path, { data = [], output, json: asJson }) {
    const session = new Session(await load(path));
    try {
      const inputs: Input[] = [];
      for (const [value, file] of assign(session.inputs, data)) inputs.push(await readInput(value, file));
      const names = session.outputs.map(({ name }) => name);
      const files = filesFor(names, output);
      const { outputs, slices } = runSlices(session, inputs);
      await write(outputs, files);
      const found = names.map((name, i) => summarize(name, outputs[i] as Tensor, files[i]));
      return asJson ? json({ inputs: inputs.map(plainInput), slices, outputs: found }) : report(inputs, slices, found);
    } finally {
      session.dispose();
    }
  },
};

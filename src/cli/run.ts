// octavo run: a model on data from files.

import { join } from "node:path";
import { rangeError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import { Session, save, type Tensor, writeNpy } from "../index.ts";
import { type Command, json, load } from "./command.ts";
import { unfold } from "./convert.ts";
import { type Data, type Input, openData } from "./data.ts";
import { DATA_FLAGS, DATA_HELP, dataOptions } from "./flags.ts";
import { stack } from "./rows.ts";
import { describeSummary, type Summary, summarize } from "./summary.ts";
import { describe, many } from "./text.ts";

const HELP = `Usage: octavo run MODEL --data [NAME=]PATH... [-o OUT.npy | -o FOLDER] [--json]

Runs an ONNX model on arrays or images and prints what it gives: the format, shape, minimum, maximum and mean of
every output, and the five highest of the first five rows of an output that looks like scores.

  MODEL             an .onnx file or its address; weights in files of their own are looked for beside it
  -o, --output OUT  writes the outputs: to OUT where it ends in .npy (a model with one output), otherwise
                    to OUT/NAME.npy each. Folders that are not there are made
  --json            prints one JSON document; numbers that are not finite are null
  --help            prints this

${DATA_HELP}

Where the model takes a fixed number of rows and there is a multiple of it, it is run in slices, and that is said.

Examples:
  octavo run model.onnx --data image.npy -o scores.npy
  octavo run model.onnx --data photos/ --scale 1/255 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225

Exit codes: 0; 1 where the model or the data are wrong; 2 where the command line is.`;

/** The outputs for all samples, and how many there were. */
async function runAll(session: Session, data: Data): Promise<{ outputs: Tensor[]; slices: number }> {
  const results: Record<string, Tensor>[] = [];
  for await (const feeds of data) results.push(session.run(feeds));
  if (results.length === 0) throw rangeError("--data", "at least one sample", 0);
  const outputs = session.outputs.map(({ name }) => stack(results.map((each) => unfold(each[name] as Tensor))));
  return { outputs, slices: results.length };
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

function plainInput({ value: { name }, sources, from, format, shape }: Input) {
  const file = sources.map(({ path, files, isFolder }) =>
    isFolder ? `${path} (${many(files.length, "file")})` : path,
  );
  return { name, file: file.join(", "), from: from as FormatName, format: format as FormatName, shape };
}

function report({ inputs }: Data, slices: number, outputs: readonly Summary[]): string {
  const lines = inputs.map(plainInput).map((input) => {
    const { name, file, from, format } = input;
    return `input   "${name}" ${describe(input)} from ${file}${from === format ? "" : `, converted from ${from}`}`;
  });
  const isFixed = inputs.some(({ value }) => typeof value.shape?.[0] === "number");
  const why = isFixed ? "as the model takes a fixed number of rows" : "one a file";
  if (slices > 1) lines.push(`run in ${slices} slices, ${why}`);
  return [...lines, ...outputs.flatMap(describeSummary)].join("\n");
}

export const RUN: Command = {
  help: HELP,
  models: 1,
  options: { ...DATA_FLAGS, output: { type: "string", short: "o" } },
  async run([path = ""], given) {
    const options = dataOptions(given, false);
    const session = new Session((await load(path)).model);
    try {
      const data = await openData(session.inputs, options);
      const names = session.outputs.map(({ name }) => name);
      const files = filesFor(names, given.output);
      const { outputs, slices } = await runAll(session, data);
      await write(outputs, files);
      const found = names.map((name, i) => summarize(name, outputs[i] as Tensor, files[i]));
      return given.json
        ? json({ inputs: data.inputs.map(plainInput), slices, outputs: found })
        : report(data, slices, found);
    } finally {
      session.dispose();
    }
  },
};

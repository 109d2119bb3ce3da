// octavo compare: how far two models are apart.

import { type Comparison, compareModels, type Difference } from "../index.ts";
import { feedsOf } from "../model/graph.ts";
import { type Command, json, type Loaded, load } from "./command.ts";
import { openData } from "./data.ts";
import { DATA_FLAGS, DATA_HELP, dataOptions } from "./flags.ts";
import { work } from "./job.ts";
import { count, figure, many, table } from "./text.ts";

const HELP = `Usage: octavo compare MODEL OTHER --data PATH... [--json]

Runs two models on the same samples, one and what was made of it, and prints how far apart they are: of every output
the signal-to-noise ratio (SQNR), the mean and the largest difference, and in how many rows of scores the highest is the
same; of every value on the way that both models have the same figures, in the order in which the first computes them.

  MODEL, OTHER      .onnx files or their addresses: the float model, then the quantized one
  --json            prints one JSON document; numbers that are not finite are null
  --quiet           shows no progress
  --help            prints this

${DATA_HELP}

Outputs are those of integer arithmetic, values on the way those of the model as it is written.

Example:
  octavo compare model.onnx model.int8.onnx --data samples.npy

Exit codes: 0; 1 where the models or the data are wrong; 2 where the command line is; 130 when it was cancelled.`;

/** Layers that are marked as the worst. */
const WORST = 3;

const figures = ({ sqnr, mae, largest }: Difference) => [
  Number.isFinite(sqnr) ? sqnr.toFixed(1) : sqnr > 0 ? "exact" : "",
  figure(mae),
  figure(largest),
];

const HEAD = ["SQNR dB", "MAE", "largest"];
const RIGHT = [2, 3, 4];

function text([a, b]: readonly string[], { samples, outputs, layers }: Comparison): string {
  const scores = outputs.map((each) => {
    const { name, rows = 0, agreed = 0 } = each;
    const share = rows > 0 ? `${count(agreed)} of ${count(rows)} (${((100 * agreed) / rows).toFixed(1)} %)` : "";
    return [`"${name}"`, "", ...figures(each), share];
  });
  const worst = new Set([...layers].sort((x, y) => x.sqnr - y.sqnr).slice(0, layers.length > WORST ? WORST : 0));
  const rows = layers.map((each) => [each.name, each.op || "input", ...figures(each), worst.has(each) ? "worst" : ""]);
  return [
    `${b} against ${a}, ${many(samples, "sample")}`,
    table([["output", "", ...HEAD, "same highest score"], ...scores], RIGHT),
    table([["layer", "operator", ...HEAD, ""], ...rows], RIGHT),
  ].join("\n\n");
}

export const COMPARE: Command = {
  help: HELP,
  models: 2,
  options: { ...DATA_FLAGS, quiet: { type: "boolean" } },
  async run(paths, given) {
    const options = dataOptions(given, true);
    const [a, b] = (await Promise.all(paths.map(load))) as [Loaded, Loaded];
    const data = await openData(feedsOf(a.model.graph), options);
    const found = await work({ compare: "comparing" }, given.quiet ?? false, (job) =>
      compareModels(a.model, b.model, data, job),
    );
    return given.json ? json({ models: paths, ...found }) : text(paths, found);
  },
};

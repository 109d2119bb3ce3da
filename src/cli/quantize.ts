// octavo quantize: a float model in, a quantized one out.

import { access, constants, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { accessError, usageError } from "../check.ts";
import { FORMATS, type FormatName } from "../formats.ts";
import { type ActivationScheme, quantizeModel, type Scheme, save, type WeightScheme, writeOnnx } from "../index.ts";
import { feedsOf } from "../model/graph.ts";
import { type Command, type Given, json, load } from "./command.ts";
import { openData } from "./data.ts";
import { countOf, DATA_FLAGS, DATA_HELP, dataOptions, numberOf, wordOf } from "./flags.ts";
import { work } from "./job.ts";
import { describeOutcome, type Outcome, outcomeOf } from "./outcome.ts";
import { many, size, table } from "./text.ts";

const HELP = `Usage: octavo quantize MODEL -o OUT --data PATH... [options]

Writes a model of integers: weights and activations as int8 and uint8, biases as int32. The ranges of activations are
measured on samples of the data that the model is for: some 100 are enough, and they need no labels.

  MODEL                an .onnx file of float32 or its address; weights in files of their own are looked for beside it
  -o, --output OUT     the file to write, whole or not at all. Folders that are not there are made
  --weights FORMAT     default int8; float16 and bfloat16 only make the file smaller
  --per-channel        a scale for each output channel of a weight (default)
  --per-tensor         one scale for a weight
  --bits N             fewer bits for weights than their format has
  --block N            a scale for every N weights of a matrix product; activations stay in float
  --activations FORMAT default uint8; uint16 and int16 are closer to float. dynamic: ranges are measured anew in each
                       run; float32: weights only are quantized. These two need no data
  --range METHOD       of activations: minmax, percentile, a percentile such as 99.9, mse, entropy, or auto (default):
                       whichever is closest to the float model on the samples
  --skip NAME          leaves a node in float, or all of an operator: --skip Softmax --skip conv1; repeatable
  --form FORM          qdq (default): QuantizeLinear and DequantizeLinear around float operators; qoperator: QLinearConv
                       and others
  --json               prints one JSON document
  --quiet              prints nothing but errors
  --help               prints this

${DATA_HELP}

Examples:
  octavo quantize model.onnx -o model.int8.onnx --data samples.npy
  octavo quantize model.onnx -o model.int8.onnx --data photos/ --samples 200 \\
      --scale 1/255 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  octavo quantize bert.onnx -o bert.int8.onnx --activations dynamic
  octavo quantize llm.onnx -o llm.int4.onnx --weights int4 --block 32

Ctrl-C ends it and leaves nothing behind. octavo compare tells how far the result is from the original.

Exit codes: 0; 1 where the model or the data are wrong; 2 where the command line is; 130 when it was cancelled.`;

function formatOf(flag: string, text: string): FormatName {
  if (!FORMATS.has(text as FormatName)) throw usageError(flag, "the name of a format, as int8", text);
  return text as FormatName;
}

function weightsOf(given: Given): WeightScheme | undefined {
  const { weights, "per-tensor": perTensor, "per-channel": perChannel } = given;
  if (perTensor && perChannel) throw usageError("--per-tensor", "no --per-channel", "both");
  const bits = countOf("--bits", given.bits);
  const block = countOf("--block", given.block);
  if (weights === undefined && bits === undefined && block === undefined && !perTensor) return undefined;
  return {
    format: formatOf("--weights", weights ?? "int8"),
    ...(bits !== undefined && { bits }),
    ...(block !== undefined && { block }),
    ...(perTensor && { perChannel: false }),
  };
}

const METHODS = ["auto", "minmax", "percentile", "mse", "entropy"] as const;

function rangeOf(text: string | undefined): ActivationScheme["range"] {
  if (text === undefined || !/^[\d.]/.test(text)) return wordOf("--range", text, METHODS);
  return { percentile: numberOf("--range", text, "a number above 0 and at most 100", (n) => n > 0 && n <= 100) };
}

/** Whether weights alone are quantized: in blocks, or stored as smaller floats. */
const isOfWeights = ({ block, format }: WeightScheme) => block !== undefined || FORMATS.get(format)?.kind === "float";

function activationsOf({ activations, range }: Given, weights: WeightScheme | undefined): Scheme["activations"] {
  const method = rangeOf(range);
  if (activations === "dynamic") return activations;
  if (activations === undefined && weights && isOfWeights(weights)) return "float32";
  if (activations === undefined && method === undefined) return undefined;
  return { format: formatOf("--activations", activations ?? "uint8"), ...(method !== undefined && { range: method }) };
}

/** What flags say of a scheme. */
function schemeOf(given: Given): Scheme {
  const weights = weightsOf(given);
  const activations = activationsOf(given, weights);
  const nodes = Object.fromEntries((given.skip ?? []).map((name) => [name, { skip: true }]));
  return { ...(weights && { weights }), ...(activations && { activations }), ...(given.skip && { nodes }) };
}

/** Whether activations are not measured. */
function isWithoutData({ activations }: Scheme): boolean {
  const format = typeof activations === "object" ? activations.format : activations;
  return format === "dynamic" || format === "float32";
}

/** Fails now where the output could not be written once all the work is done. */
async function checkOutput(path: string, model: string): Promise<void> {
  const isThere = await stat(path).catch(() => undefined);
  if (isThere?.isDirectory()) throw accessError("write", path, { code: "EISDIR" });
  const [real, original] = await Promise.all([path, model].map((each) => realpath(each).catch(() => undefined)));
  if (isThere && real === original) throw usageError("--output", "another file than the model", path);
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (!found) continue;
    if (!found.isDirectory()) throw accessError("write", path, { code: "EEXIST" });
    return access(folder, constants.W_OK).catch((error) => {
      throw accessError("write", path, error);
    });
  }
}

/** What the command tells. */
interface Report extends Outcome {
  readonly model: string;
  readonly output: string;
  readonly bytes: { readonly before: number; readonly after: number };
  readonly samples: number;
  readonly seconds: number;
}

function text({ model, output, bytes, quantized, float, samples, seconds }: Report): string {
  const { before, after } = bytes;
  const files = [
    [model, size(before), ""],
    [output, size(after), `${Math.round((100 * after) / before)} %`],
  ];
  return [
    table(files, [1, 2]),
    ...describeOutcome({ quantized, float }),
    `${samples > 0 ? `${many(samples, "sample")}, ` : ""}${seconds.toFixed(2)} s`,
  ].join("\n");
}

const STAGES = { observe: "measuring ranges", search: "choosing ranges", correct: "correcting biases" };

export const QUANTIZE: Command = {
  help: HELP,
  models: 1,
  options: {
    ...DATA_FLAGS,
    output: { type: "string", short: "o" },
    weights: { type: "string" },
    activations: { type: "string" },
    bits: { type: "string" },
    block: { type: "string" },
    range: { type: "string" },
    form: { type: "string" },
    skip: { type: "string", multiple: true },
    "per-tensor": { type: "boolean" },
    "per-channel": { type: "boolean" },
    quiet: { type: "boolean" },
  },
  async run([path = ""], given) {
    const { output, quiet = false } = given;
    const scheme = schemeOf(given);
    const form = wordOf("--form", given.form, ["qdq", "qoperator"]);
    const options = dataOptions(given, true);
    const needsNone = isWithoutData(scheme);
    if (output === undefined) throw usageError("--output", "a file to write, as -o model.int8.onnx", output);
    if (options.data.length === 0 && !needsNone) {
      const wanted = "samples to measure the ranges of activations on (--activations dynamic or float32 need none)";
      throw usageError("--data", wanted, options.data);
    }
    await checkOutput(output, path);
    const { model, bytes } = await load(path);
    const nodes = outcomeOf(model, scheme);
    const data = needsNone ? undefined : await openData(feedsOf(model.graph), options);
    let samples = 0;
    const written = await work(STAGES, quiet, async ({ signal, onProgress }) => {
      const small = await quantizeModel(model, {
        ...scheme,
        ...(form && { form }),
        ...(data && { calibration: data }),
        signal,
        onProgress(progress) {
          if (progress.stage === "observe") samples = progress.done;
          onProgress(progress);
        },
      });
      signal.throwIfAborted();
      const file = writeOnnx(small);
      await save(output, file);
      return file.length;
    });
    const sizes = { before: bytes, after: written };
    const report = { model: path, output, bytes: sizes, ...nodes, samples, seconds: performance.now() / 1000 };
    return quiet ? "" : given.json ? json(report) : text(report);
  },
};

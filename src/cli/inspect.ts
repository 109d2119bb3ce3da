// octavo inspect: what a model is made of.

import { usageError } from "../check.ts";
import { type InspectedNode, type Inspection, inspect } from "../index.ts";
import { type Command, json, load } from "./command.ts";
import { describeOutcome, outcomeOrReason } from "./outcome.ts";
import { count, describe, many, size, table, tally } from "./text.ts";

const HELP = `Usage: octavo inspect MODEL [--shape NAME=1x3x224x224]... [--json]

Prints what an ONNX model is made of: its inputs and outputs, its nodes with the shapes of their outputs,
parameters, bytes of weights and multiply-accumulates, which operators octavo cannot run, and what octavo quantize would
quantize, what not, and why.

  MODEL             an .onnx file or its address; weights in files of their own are looked for beside it
  --shape NAME=...  the shape of an input, once each; dynamic extents that nothing says are taken for 1
  --json            prints one JSON document; an extent that has no name is ""
  --help            prints this

Exit codes: 0, for models that octavo cannot run too; 1 where the model cannot be read or does not take the
shapes; 2 where the command line is wrong.`;

/** `name=1x3x224x224` */
function parseShape(text: string): [name: string, shape: number[]] {
  const [, name, extents] = /^(.*)=(\d+(?:x\d+)*|)$/s.exec(text) ?? [];
  if (name === undefined || extents === undefined) throw usageError("--shape", "NAME=1x3x224x224", text);
  return [name, extents === "" ? [] : extents.split("x").map(Number)];
}

function heading(path: string, { ir, opsets, producer, extents, inputs, outputs }: Inspection): string {
  const versions = Object.entries(opsets).map(([domain, version]) => `opset ${domain && `${domain} `}${version}`);
  const assumed = Object.entries(extents).map(([name, extent]) => `${name} = ${extent}`);
  return [
    [path, `ir ${ir}`, ...versions, ...(producer ? [producer] : [])].join(", "),
    ...inputs.map((value) => `input   "${value.name}" ${describe(value)}`),
    ...outputs.map((value) => `output  "${value.name}" ${describe(value)}`),
    ...(assumed.length > 0 ? [`shapes below are for ${assumed.join(", ")}; --shape says otherwise`] : []),
  ].join("\n");
}

function nodeRow({ name, operator, outputs, parameters, bytes, macs }: InspectedNode): string[] {
  const blank = (n: number | undefined, show: (n: number) => string) =>
    n === 0 ? "" : n === undefined ? "?" : show(n);
  return [
    name,
    operator,
    outputs.map(describe).join("; "),
    blank(parameters, count),
    blank(bytes, size),
    blank(macs, count),
  ];
}

function nodeTable(nodes: readonly InspectedNode[]): string {
  const head = ["node", "operator", "output", "parameters", "weights", "MACs"];
  return table([head, ...nodes.map(nodeRow)], [3, 4, 5]);
}

/** How a problem begins that is none once the model runs. */
const LATER = "depends on";

const CONTRADICTION = "octavo has all of its operators, but cannot run the model with these shapes";

function totals(found: Inspection): string {
  const { nodes, operators, parameters, bytes, macs, unsupported } = found;
  const formats = Object.entries(bytes).map(([format, n]) => `${size(n)} ${format}`);
  const contradicts = nodes.some(({ problem = LATER }) => !problem.startsWith(LATER));
  return [
    `${many(nodes.length, "node")}${nodes.length > 0 ? `: ${tally(operators)}` : ""}`,
    `${many(parameters, "parameter")}; constants: ${formats.join(", ") || "none"}`,
    many(macs, "multiply-accumulate"),
    isRefused(found)
      ? `octavo cannot run: ${tally(unsupported)}`
      : contradicts
        ? CONTRADICTION
        : "octavo runs all of its operators",
  ].join("\n");
}

const isRefused = ({ unsupported }: Inspection) => Object.keys(unsupported).length > 0;

const DYNAMIC = "ranges cannot be measured on a model that octavo cannot run; with --activations dynamic";

/** What octavo quantize would do. */
function plan(outcome: ReturnType<typeof outcomeOrReason>, found: Inspection): string {
  return "float" in outcome
    ? [...(isRefused(found) ? [DYNAMIC] : []), ...describeOutcome(outcome, "would be ")].join("\n")
    : `octavo quantize refuses it: ${outcome.quantizable}`;
}

/** A list of nodes with something to say of each; nothing where there are none. */
function remarks(title: string, lines: readonly (readonly [node: string, text: string])[]): string[] {
  return lines.length > 0
    ? [[title, ...lines.map(([node, text]) => `  ${text.startsWith("node ") ? "" : `${node}: `}${text}`)].join("\n")]
    : [];
}

function problemsOf({ nodes }: Inspection): [node: string, text: string][] {
  return nodes.flatMap(({ name, problem }) => (problem === undefined ? [] : [[name, problem]]));
}

export const INSPECT: Command = {
  help: HELP,
  models: 1,
  options: { shape: { type: "string", multiple: true } },
  async run([path = ""], { shape = [], json: asJson }) {
    const shapes = shape.map(parseShape);
    for (const [name] of shapes) {
      const same = shape.filter((_, i) => shapes[i]?.[0] === name);
      if (same.length > 1) throw usageError("--shape", `one shape for "${name}"`, same);
    }
    const { model } = await load(path);
    const found = inspect(model, Object.fromEntries(shapes));
    const outcome = outcomeOrReason(model, isRefused(found) ? { activations: "dynamic" } : undefined);
    if (asJson) return json({ ...found, ...outcome });
    const parts = [heading(path, found), nodeTable(found.nodes), totals(found), plan(outcome, found)];
    const kept = found.batchNorms.map(({ node, reason }) => [node, reason] as const);
    return [
      ...parts,
      ...remarks("shapes that cannot be inferred:", problemsOf(found)),
      ...remarks("batch norms that cannot be folded:", kept),
    ].join("\n\n");
  },
};

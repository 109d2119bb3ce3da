#!/usr/bin/env node
// The command line: finds the command, prints what it gives, and turns errors into a line and an exit code.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CancelError, inFile, UsageError, usageError } from "./check.ts";
import type { Command, Given } from "./cli/command.ts";
import { COMPARE } from "./cli/compare.ts";
import { INSPECT } from "./cli/inspect.ts";
import { QUANTIZE } from "./cli/quantize.ts";
import { RUN } from "./cli/run.ts";
import { ModelError } from "./index.ts";

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["quantize", QUANTIZE],
  ["inspect", INSPECT],
  ["run", RUN],
  ["compare", COMPARE],
]);

const HELP = `Usage: octavo COMMAND MODEL [options]

Quantizes ONNX models, shows what they are made of, runs and compares them.

  octavo quantize MODEL -o OUT --data PATH   a float model in, an int8 model out
  octavo inspect MODEL                       nodes, shapes, parameters, sizes, what can be quantized and run
  octavo run MODEL --data PATH               runs a model on arrays or images
  octavo compare MODEL OTHER --data PATH     how far two models are apart, output by output and layer by layer

  octavo COMMAND --help                      the options of a command, and examples
  octavo --version                           the version

Exit codes: 0; 1 where the model or the data are wrong; 2 where the command line is; 130 when it was cancelled. Errors
are one line on stderr, with --json too; where the command line is wrong, a second line names the help.`;

const SHARED = { json: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;

function version(): string {
  return JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
}

/** What Node says of arguments that are not a command's, without its advice. */
function parse({ options }: Command, args: string[]): { values: Given; positionals: string[] } {
  try {
    return parseArgs({ args, options: { ...SHARED, ...options }, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\. .*/s, ""));
  }
}

async function answer([name = "", ...args]: string[]): Promise<string> {
  if (name === "--help" || name === "-h") return HELP;
  if (name === "--version") return version();
  const command = COMMANDS.get(name);
  if (!command) throw usageError("COMMAND", [...COMMANDS.keys()].join(" or "), name);
  const { values, positionals } = parse(command, args);
  if (values.help) return command.help;
  const models = positionals.slice(0, command.models);
  const more = positionals.slice(command.models);
  // what a shell makes of --data images/*.png
  const data = values.data && [...values.data, ...more];
  if (models.length < command.models || (more.length > 0 && !data)) {
    throw usageError("MODEL", command.models === 1 ? "one model" : "two models", positionals);
  }
  return command.run(models, { ...values, ...(data && { data }) }).catch((error) => {
    throw error instanceof ModelError && models.length === 1 ? inFile(models[0] as string, error) : error;
  });
}

const args = process.argv.slice(2);
// a reader of the output that has seen enough, as `head` has
process.stdout.on("error", () => process.exit());
try {
  const text = await answer(args);
  if (text !== "") process.stdout.write(`${text}\n`);
} catch (error) {
  const isUsage = error instanceof UsageError;
  const command = COMMANDS.has(args[0] ?? "") ? `octavo ${args[0]}` : "octavo";
  const message = (error instanceof Error ? error.message : String(error)).replaceAll("\n", " ");
  process.stderr.write(`${command}: ${message}\n${isUsage ? `try ${command} --help\n` : ""}`);
  process.exitCode = isUsage ? 2 : error instanceof CancelError ? 130 : 1;
}

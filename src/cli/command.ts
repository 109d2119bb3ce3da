// What a command of the command line is, and how a model is loaded.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ParseArgsConfig } from "node:util";
import { type Model, open, readOnnx } from "../index.ts";

/** Options as they were given; those that may be given more than once are lists. */
export interface Given {
  readonly json?: boolean;
  readonly help?: boolean;
  readonly output?: string;
  readonly data?: string[];
  readonly shape?: string[];
}

/** A command. Each takes one model, `--json` and `--help`. */
export interface Command {
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Gives what is printed. */
  run(model: string, given: Given): Promise<string>;
}

/** Reads a model, and the files beside it that hold its constants. */
export async function load(path: string): Promise<Model> {
  const folder = dirname(path);
  return readOnnx(await open(path), { external: (name) => readFileSync(join(folder, name)) });
}

/** A JSON document. */
export function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

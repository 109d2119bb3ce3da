// What a command of the command line is, and how a model is loaded.

import { realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { ParseArgsConfig } from "node:util";
import { accessError } from "../check.ts";
import { externalFiles, type Model, open, readOnnx } from "../index.ts";

/** Options as they were given; those that may be given more than once are lists. */
export interface Given {
  readonly json?: boolean;
  readonly help?: boolean;
  readonly output?: string;
  readonly data?: string[];
  readonly shape?: string[];
  readonly size?: string;
  readonly mean?: string;
  readonly std?: string;
  readonly scale?: string;
  readonly layout?: string;
  readonly samples?: string;
  readonly weights?: string;
  readonly activations?: string;
  readonly bits?: string;
  readonly block?: string;
  readonly range?: string;
  readonly form?: string;
  readonly skip?: string[];
  readonly "per-tensor"?: boolean;
  readonly "per-channel"?: boolean;
  readonly quiet?: boolean;
}

/** A command. Each takes `--json` and `--help`. */
export interface Command {
  readonly help: string;
  /** How many models it takes. */
  readonly models: 1 | 2;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Gives what is printed. */
  run(models: readonly string[], given: Given): Promise<string>;
}

/** An address that is not a file's. */
const REMOTE = /^(?!file:)[a-z][a-z0-9+.-]+:/i;

/** Reads a file in the folder of a model; a link out of it is refused. */
async function openBeside(model: string, name: string): Promise<Uint8Array> {
  if (REMOTE.test(model)) return open(new URL(name.split("/").map(encodeURIComponent).join("/"), model));
  const folder = dirname(/^file:/i.test(model) ? fileURLToPath(model) : model);
  const file = join(folder, name);
  const real = await realpath(file).catch((error) => {
    throw accessError("read", file, error);
  });
  const root = await realpath(folder);
  if (!real.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw accessError("read", file, "it is a link to a file outside of the model's folder");
  }
  return open(real);
}

/** A model, and how many bytes its files have. */
export interface Loaded {
  readonly model: Model;
  readonly bytes: number;
}

/** Reads a model, and the files beside it that hold its constants. */
export async function load(path: string): Promise<Loaded> {
  const bytes = await open(path);
  const files = new Map<string, Uint8Array | Error>();
  for (const name of externalFiles(bytes)) files.set(name, await openBeside(path, name).catch((error) => error));
  const external = (name: string) => {
    const file = files.get(name);
    if (file instanceof Uint8Array) return file;
    throw file;
  };
  const beside = Array.from(files.values(), (file) => (file instanceof Uint8Array ? file.length : 0));
  return { model: readOnnx(bytes, { external }), bytes: beside.reduce((sum, each) => sum + each, bytes.length) };
}

/** Characters of a line of JSON. */
const WIDTH = 120;

/** A JSON document: what fits in a line is in one. */
export function json(value: unknown, indent = ""): string {
  const line = JSON.stringify(value);
  if (typeof value !== "object" || value === null || indent.length + line.length <= WIDTH) return line;
  const inner = `${indent}  `;
  const [start, end] = Array.isArray(value) ? "[]" : "{}";
  const parts = Object.entries(value).flatMap(([key, each]) => {
    if (each === undefined) return [];
    return [inner + (Array.isArray(value) ? "" : `${JSON.stringify(key)}: `) + json(each, inner)];
  });
  return `${start}\n${parts.join(",\n")}\n${indent}${end}`;
}

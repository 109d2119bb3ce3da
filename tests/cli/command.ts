// The command line as it is built, run in a process of its own; models and arrays for it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { type Model, type Tensor, writeNpy, writeOnnx } from "../../src/index.ts";

export const CLI = fileURLToPath(new URL("../../build/cli.js", import.meta.url));

export const folder = mkdtempSync(join(tmpdir(), "octavo-cli-"));
after(() => rmSync(folder, { recursive: true }));

export interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs `octavo` in the folder. */
export function octavo(...args: string[]): Answer {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
  });
  return { code: status, out: stdout, error: stderr };
}

export function writeModel(name: string, model: Model): void {
  writeFileSync(join(folder, name), writeOnnx(model));
}

export function writeArray(name: string, tensor: Tensor): void {
  writeFileSync(join(folder, name), writeNpy(tensor));
}

// An empty project into which the packed package was installed, as a user would: nothing of this repository is in reach.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NPM = process.platform === "win32" ? "npm.cmd" : "npm";
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a command and gives what it prints; what it prints on errors goes into the error. */
export function run(command: string, args: readonly string[], folder: string): string {
  const options = {
    cwd: folder,
    encoding: "utf8",
    stdio: "pipe",
    shell: command === NPM && NPM.endsWith(".cmd"),
  } as const;
  try {
    return execFileSync(command, args, options);
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(" ")}\n${stdout}${stderr}`);
  }
}

/** Runs a development tool of this repository by its script. */
export function runTool(script: string, args: readonly string[], folder: string): string {
  return run(process.execPath, [join(ROOT, "node_modules", script), ...args], folder);
}

export interface Project {
  readonly folder: string;
  /** The packed package. */
  readonly tarball: string;
  /** Paths in the package. */
  readonly files: readonly string[];
  /** Where it is installed. */
  readonly installed: string;
  /** Writes a file of the project and gives its path. */
  write(name: string, text: string): string;
  remove(): void;
}

/** Packs this repository (as it is built) and installs it, without network. */
export function makeProject(): Project {
  const folder = mkdtempSync(join(tmpdir(), "octavo-package-"));
  const packing = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const [packed] = JSON.parse(run(NPM, packing, ROOT)) as [{ filename: string; files: { path: string }[] }];
  const tarball = join(folder, packed.filename);
  const project = join(folder, "project");
  mkdirSync(project);
  const write = (name: string, text: string) => {
    writeFileSync(join(project, name), text);
    return join(project, name);
  };
  write("package.json", '{ "name": "empty", "private": true, "type": "module" }');
  run(NPM, ["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", tarball], project);
  return {
    folder: project,
    tarball,
    files: packed.files.map(({ path }) => path).sort(),
    installed: join(project, "node_modules/octavo"),
    write,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

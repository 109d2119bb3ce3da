// `npm run bench`: measures what the library promises, beside its rivals, and writes bench/results/<machine>.json.
// --only NAME runs the cases whose name begins so, --json prints the results instead of the table, --build DIR measures
// another build. A missed figure does not fail the run (machines differ, and are noisy); a wrong result does.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { printRow, printTitle } from "./table.mjs";

const here = import.meta.dirname;
const rivals = join(here, "rivals");
const NODE = 24;
const SUBJECTS = [
  "affine",
  "encode",
  "mse",
  "matmul",
  "conv",
  "elementwise",
  "pool",
  "models",
  "kernels",
  "read",
  "start",
  "size",
];

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      json: { type: "boolean", default: false },
      build: { type: "string", default: join(here, "..", "build") },
    },
  });
  return { ...values, build: resolve(values.build) };
}

/** Installs the rivals once. Their scripts are not run, but for the one that fetches the Node for this machine. */
function installRivals() {
  const { dependencies } = JSON.parse(readFileSync(join(rivals, "package.json"), "utf8"));
  const wanted = [...Object.keys(dependencies), "node24/bin"];
  if (wanted.every((name) => existsSync(join(rivals, "node_modules", name)))) return;
  const npm = (...args) => {
    execFileSync("npm", args, {
      cwd: rivals,
      stdio: ["ignore", process.stderr, "inherit"],
      shell: process.platform === "win32",
    });
  };
  npm("ci", "--ignore-scripts");
  npm("rebuild", "node24");
}

/** Runs everything again in the Node that the figures are for, unless this is it. */
function rightNode() {
  if (Number.parseInt(process.versions.node, 10) === NODE) return true;
  const name = process.platform === "win32" ? "node.exe" : "node";
  const node = join(rivals, "node_modules", "node24", "bin", name);
  const { status } = spawnSync(node, process.argv.slice(1), { stdio: "inherit" });
  process.exitCode = status ?? 1;
  return false;
}

async function casesNamed(only) {
  const modules = await Promise.all(SUBJECTS.map((subject) => import(`./cases/${subject}.mjs`)));
  const all = modules.flatMap(({ cases }) => Object.entries(cases));
  const chosen = only ? all.filter(([name]) => only.some((start) => name.startsWith(start))) : all;
  if (chosen.length === 0)
    throw new RangeError(`"--only" expected one of ${all.map(([name]) => name).join(" ")}, got ${only}`);
  return chosen;
}

function machineOf(octavo, ort) {
  const [{ model }] = cpus();
  return {
    cpu: model.trim(),
    cores: cpus().length,
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    tier: octavo.tier(),
    rival: `onnxruntime-web ${ort.version}`,
    date: new Date().toISOString(),
  };
}

async function save(machine, rows) {
  const name = `${machine.cpu} ${machine.platform}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  const folder = join(here, "results");
  const path = join(folder, `${name}.json`);
  await mkdir(folder, { recursive: true });
  await writeFile(path, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  return path;
}

async function main() {
  const { only, json, build } = options();
  installRivals();
  if (!rightNode()) return;
  const octavo = await import(pathToFileURL(join(build, "octavo.js")));
  const ort = await import("./rivals/ort.mjs");
  const machine = machineOf(octavo, ort);
  if (!json) printTitle(machine);
  const rows = [];
  for (const [name, measure] of await casesNamed(only)) {
    for (const row of [await measure({ octavo, ort, build, here })].flat()) {
      rows.push({ name, ...row });
      if (!json) printRow(row);
    }
  }
  if (json) console.log(JSON.stringify({ machine, rows }, null, 2));
  // a part of the cases is no record of the machine
  if (!only) console.error(`\nwritten to ${await save(machine, rows)}`);
}

await main();

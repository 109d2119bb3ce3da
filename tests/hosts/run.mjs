// Runs the smoke test in every host, and compares what came with golden.json: one hash for all hosts and tiers.
//   node tests/hosts/run.mjs [--required] [--verbose] [name ...]    names as they are printed, or how they begin
//   node tests/hosts/run.mjs --update                               writes golden.json from the Node that runs this

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { HOSTS } from "./hosts.mjs";

const { values: flags, positionals: names } = parseArgs({
  options: { required: { type: "boolean" }, verbose: { type: "boolean" }, update: { type: "boolean" } },
  allowPositionals: true,
});

const GOLDEN = join(import.meta.dirname, "golden.json");
const BUILD = join(import.meta.dirname, "..", "..", "build", "octavo.js");

/** Two at a time: a machine of two cores is not much slower then, and each host still has a core. */
const AT_ONCE = 2;

const counts = { ok: 0, FAIL: 0, skip: 0 };

if (!existsSync(BUILD)) throw new Error("build/octavo.js is missing: run `node tools/build.mjs` first");
if (flags.update) await update();
else await compareAll();

async function update() {
  const major = process.versions.node.split(".")[0];
  const host = HOSTS.find(({ name }) => name === `node${major}`) ?? HOSTS[0];
  const { tiers } = await host.run(process.execPath);
  const { simd, relaxed = simd } = tiers;
  if (relaxed.sha256 !== simd.sha256) throw new Error(`the tiers differ in ${differences(relaxed, simd)}`);
  writeFileSync(GOLDEN, `${JSON.stringify(simd, undefined, 2)}\n`);
  console.log(`golden.json: ${simd.sha256} over ${simd.bytes} bytes`);
}

async function compareAll() {
  const golden = JSON.parse(readFileSync(GOLDEN, "utf8"));
  const unknown = names.filter((start) => !HOSTS.some(({ name }) => name.startsWith(start)));
  if (unknown.length > 0) throw new Error(`no host ${unknown}; there are ${HOSTS.map(({ name }) => name).join(", ")}`);
  const chosen = HOSTS.filter(({ name }) => names.length === 0 || names.some((start) => name.startsWith(start)));
  const relaxed = [];
  const queue = chosen.values();
  const worker = async () => {
    for (const host of queue) if ((await compare(host, golden)).includes("relaxed")) relaxed.push(host.name);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  console.log(`the relaxed tier ran in ${relaxed.sort().join(", ") || "no host"}`);
  console.log(`${counts.ok} passed, ${counts.FAIL} failed, ${counts.skip} skipped`);
  process.exitCode = counts.FAIL > 0 ? 1 : 0;
}

/** Runs one host, prints its line, and returns the tiers it ran. */
async function compare(host, golden) {
  if (!host.binary) {
    say(flags.required ? "FAIL" : "skip", host.name, "-", "-", 0, `not found: ${host.missing}`);
    return [];
  }
  const start = performance.now();
  try {
    const { version = "?", tiers, threads } = await host.run(host.binary);
    const ran = Object.keys(tiers);
    const faults = faultsOf(host.name, tiers, golden);
    if (threads !== Boolean(host.threads))
      faults.push(threads ? "a thread was there, where none can be" : "no second thread came");
    say(faults.length > 0 ? "FAIL" : "ok", host.name, version, ran.join("+"), performance.now() - start, ...faults);
    if (flags.verbose) console.log(JSON.stringify(tiers, undefined, 2));
    return ran;
  } catch (error) {
    say("FAIL", host.name, "-", "-", performance.now() - start, error.message);
    return [];
  }
}

function faultsOf(name, tiers, golden) {
  const faults = Object.entries(tiers)
    .filter(([, { sha256 }]) => sha256 !== golden.sha256)
    .map(([tier, result]) => `${tier}: ${result.sha256} differs from golden.json in ${differences(result, golden)}`);
  if (!tiers.simd) faults.push("the plain SIMD tier did not run");
  // Node 20 has relaxed SIMD behind a flag only, and computes wrongly with it
  if (name === "node20" && tiers.relaxed) faults.push("the relaxed tier ran, which this host computes wrongly");
  return faults;
}

/** The exercises in which two runs differ. */
function differences({ exercises }, other) {
  const all = Object.keys({ ...exercises, ...other.exercises });
  return all.filter((name) => exercises[name] !== other.exercises[name]).join(", ");
}

function say(verdict, name, version, tiers, milliseconds, ...details) {
  counts[verdict]++;
  const time = `${Math.round(milliseconds)} ms`.padStart(9);
  console.log(`${verdict.padEnd(5)} ${name.padEnd(16)} ${version.padEnd(10)} ${tiers.padEnd(12)} ${time}`);
  for (const detail of details) console.log(`      ${detail.trim().replaceAll("\n", "\n      ")}`);
}

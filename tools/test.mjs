// All checks and tests: types, lint and format, the specs inside wasm, and every tests/**/*.test.ts but tests/hosts.
// With arguments, only those whose name has one of them in it. The last line is `N passed, N failed[, N skipped]`.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const MINUTES = 60_000;
const LIMIT = 15 * MINUTES;

/** Those that take longest, first: the others fill the gaps. */
const SLOW = ["tests/package/", "tests/assembly/", "check: types"];

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const scratch = mkdtempSync(join(tmpdir(), "octavo-test-"));

/** Runs node to its end; what it printed is plain text. */
function node(args) {
  const options = { timeout: LIMIT, maxBuffer: 2 ** 28 };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const ended = error?.killed ? `stopped after ${LIMIT / MINUTES} minutes\n` : "";
      resolve({ ok: !error, output: stripVTControlCharacters(ended + stdout + stderr).trim() });
    });
  });
}

/** A command that counts as one test. */
async function check(name, script, args) {
  const { ok, output } = await node([script, ...args]);
  return ok ? [{ is: "passed" }] : [{ is: "failed", path: name, text: output }];
}

/** as-pect's specs; it prints what failed, tools/aspect-reporter.mjs the counts. */
async function specs(name) {
  const { ok, output } = await node(["node_modules/@as-pect/cli/lib/test.js", "--summary"]);
  const [, passed = 0, failed = 0] = output.match(/(\d+) passed, (\d+) failed/) ?? [];
  const outcomes = Array.from({ length: Number(passed) }, () => ({ is: "passed" }));
  const text = output.slice(output.indexOf("ASC Version"));
  for (let i = 0; i < Math.max(failed, ok ? 0 : 1); i++)
    outcomes.push({ is: "failed", path: name, text: i ? "" : text });
  return outcomes;
}

/** One file of node:test. */
async function file(name) {
  const report = join(scratch, name.replaceAll("/", "-"));
  const reporter = ["--test-reporter=./tools/test-reporter.mjs", `--test-reporter-destination=${report}`];
  const { ok, output } = await node(["--import", "tsx", ...reporter, name]);
  const lines = existsSync(report) ? readFileSync(report, "utf8").split("\n").filter(Boolean) : [];
  const outcomes = lines.map((line) => JSON.parse(line));
  const failed = outcomes.some(({ is }) => is === "failed");
  if (!ok && !failed) outcomes.push({ is: "failed", path: "the file itself", text: output });
  else if (!outcomes.some(({ is }) => is !== "told"))
    outcomes.push({ is: "failed", path: "the file itself", text: "it holds no test" });
  else if (failed && output) outcomes.find(({ is }) => is === "failed").text += `\nprinted by the file:\n${output}`;
  return outcomes;
}

function list(end) {
  const names = readdirSync("tests", { recursive: true }).map((name) => `tests/${name.replaceAll("\\", "/")}`);
  return names.filter((name) => name.endsWith(end) && !name.includes("node_modules")).sort();
}

/** Everything there is, under the names that arguments are looked for in. */
function allJobs() {
  const prettier = ["--check", "--log-level=warn", "{assembly,tests/assembly}/**/*.ts"];
  const checks = [
    ["check: types", "node_modules/typescript/bin/tsc", ["--noEmit", "-p", "tsconfig.json"]],
    ["check: lint", "node_modules/@biomejs/biome/bin/biome", ["check", "--error-on-warnings"]],
    ["check: format", "node_modules/prettier/bin/prettier.cjs", prettier],
  ];
  const files = list(".test.ts").filter((name) => !name.startsWith("tests/hosts/"));
  return [
    ...checks.map(([name, script, args]) => ({ name, run: () => check(name, script, args) })),
    { name: list(".spec.ts").join(" "), title: "tests/assembly/*.spec.ts", run: () => specs("tests/assembly") },
    ...files.map((name) => ({ name, run: () => file(name) })),
  ];
}

function choose(fragments) {
  const jobs = allJobs().filter(({ name }) => fragments.length === 0 || fragments.some((part) => name.includes(part)));
  const isSlow = ({ name }) => SLOW.some((start) => name.startsWith(start));
  return [...jobs.filter(isSlow), ...jobs.filter((job) => !isSlow(job))];
}

function countOf(outcomes) {
  const count = (word) => outcomes.filter(({ is }) => is === word).length;
  const skipped = count("skipped");
  return `${count("passed")} passed, ${count("failed")} failed${skipped ? `, ${skipped} skipped` : ""}`;
}

/** Runs a job and prints its line, then what failed in full and what was skipped. */
async function report({ name, title = name, run }) {
  const started = performance.now();
  const outcomes = await run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const failures = outcomes.filter(({ is }) => is === "failed");
  console.log(`${failures.length ? "FAIL" : "ok  "}  ${title}  ${countOf(outcomes)}  (${seconds} s)`);
  for (const { path, text } of failures) if (text) console.log(`\n  ${path}\n${text.replace(/^(?=.)/gm, "    ")}\n`);
  for (const { is, path, reason, text } of outcomes) {
    if (is === "skipped") console.log(`      skipped: ${path}: ${reason}`);
    if (is === "told") console.log(`      ${text}`);
  }
  return outcomes;
}

/** Works through the jobs, as many at a time as there are cores. */
async function runAll(jobs) {
  const outcomes = [];
  const worker = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) outcomes.push(...(await report(job)));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return outcomes;
}

const outcomes = await runAll(choose(process.argv.slice(2)));
rmSync(scratch, { recursive: true, force: true });
const ran = outcomes.filter(({ is }) => is === "passed" || is === "failed");
if (ran.length === 0) console.log("no test ran");
if (ran.length === 0 || ran.some(({ is }) => is === "failed")) process.exitCode = 1;
console.log(countOf(outcomes));

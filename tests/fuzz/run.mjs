// Integer operators beside onnxruntime, native and in WebAssembly, over random configurations.
//   node tests/fuzz/run.mjs [--count 10000] [--seed 1] [--json]     `npm ci` in tests/fuzz installs the engines
//   node tests/fuzz/run.mjs --seed 1 --case 4711                    one configuration in full, with what each side gives
// Codes of products and maxima are the same ones; sums, element products and averages may lie one step apart, and those
// that do are counted: onnxruntime rounds them with the zero point added, so that ties go the other way where it is odd.
// Every tier of this host runs. Then models that octavo writes, as tests/fuzz/onnx.mjs has it. The last line is
// `N passed, N failed` over the configurations and models.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Draw } from "./draw.mjs";
import { openEngines, pairName } from "./engines.mjs";
import { checkModels } from "./models.mjs";
import { maxPool, qlinearAdd, qlinearAveragePool, qlinearGlobalAveragePool, qlinearMul } from "./others.mjs";
import { convInteger, matMulInteger, qlinearConv, qlinearMatMul } from "./products.mjs";

/** One session runs so many configurations. */
const BATCH = 100;
/** Configurations that differ are told of one by one, up to so many. */
const MOST_TOLD = 20;

/** How often an operator is drawn. */
const OPERATORS = [
  ...Array(7).fill(qlinearConv),
  ...Array(4).fill(qlinearMatMul),
  ...Array(3).fill(qlinearAdd),
  ...[convInteger, matMulInteger, qlinearMul, qlinearAveragePool, qlinearGlobalAveragePool, maxPool],
];

function options() {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
      case: { type: "string" },
      json: { type: "boolean", default: false },
      build: { type: "string", default: join(import.meta.dirname, "..", "..", "build") },
    },
  });
  const [count, seed] = [Number(values.count), Number(values.seed)];
  if (!(Number.isInteger(count) && count > 0 && Number.isInteger(seed))) throw new RangeError("whole numbers expected");
  return { ...values, count, seed };
}

function configurationOf(seed, number) {
  const draw = new Draw(seed, number);
  return { number, ...draw.pick(OPERATORS)(draw) };
}

/** The tiers that this host runs. */
function tiersOf(library) {
  library.useTier();
  return library.tier() === "relaxed" ? ["simd", "relaxed"] : ["simd"];
}

/** The library's results in every tier; an error takes the place of a result. */
function runLibrary(library, tiers, configurations) {
  return Object.fromEntries(
    tiers.map((tier) => {
      library.useTier(tier);
      return [tier, configurations.map((configuration) => attempt(() => configuration.octavo(library)))];
    }),
  );
}

function attempt(call) {
  try {
    return call();
  } catch (error) {
    return { error };
  }
}

/** Whether an engine adds the products of a configuration exactly, if it has any. */
const isExact = ({ inexact }, { types }) => !types || !inexact.has(pairName(types));

/** How many values lie how far apart: { values, apart: by at most `steps`, beyond }, and the first of those beyond. */
function compare(ours, theirs, steps) {
  const outcome = { values: theirs.data.length, apart: 0, beyond: 0 };
  if (ours.error) return { ...outcome, beyond: theirs.data.length, what: ours.error.message };
  if (ours.shape.join() !== theirs.shape.join()) {
    return { ...outcome, beyond: theirs.data.length, what: `shape [${ours.shape}], there [${theirs.shape}]` };
  }
  for (let i = 0; i < theirs.data.length; i++) {
    const step = Math.abs(ours.data[i] - theirs.data[i]);
    if (step > steps) {
      outcome.what ??= `value ${i} of [${theirs.shape}] is ${ours.data[i]}, there ${theirs.data[i]}`;
      outcome.beyond++;
    } else if (step > 0) outcome.apart++;
  }
  return outcome;
}

/** What came of all comparisons, by operator, tier and engine. */
class Tally {
  rows = new Map();
  told = [];
  failed = new Set();

  add({ op, number }, { tier, engine }, { values, apart, beyond, what }) {
    const key = [op, tier, engine.name].join();
    const counts = { configurations: 0, values: 0, apart: 0, beyond: 0 };
    const row = this.rows.get(key) ?? { op, tier, engine: engine.name, ...counts };
    this.rows.set(key, row);
    row.configurations++;
    row.values += values;
    row.apart += apart;
    row.beyond += beyond;
    if (beyond === 0) return;
    this.failed.add(number);
    this.told.push({ number, op, tier, engine: engine.name, what });
  }

  /** Rows in the operators' order. */
  sorted() {
    return [...this.rows.values()].sort((a, b) => a.op.localeCompare(b.op));
  }
}

/** Compares a batch in every tier with what one engine gives. */
async function compareBatch(configurations, ours, engine, tally) {
  const theirs = await engine.run(configurations);
  for (const [i, configuration] of configurations.entries()) {
    if (!isExact(engine, configuration)) continue;
    for (const [tier, results] of Object.entries(ours)) {
      tally.add(configuration, { tier, engine }, compare(results[i], theirs[i], configuration.steps));
    }
  }
}

async function runAll({ count, seed }, library, engines) {
  const tally = new Tally();
  const tiers = tiersOf(library);
  for (let start = 0; start < count; start += BATCH) {
    const length = Math.min(BATCH, count - start);
    const configurations = Array.from({ length }, (_, i) => configurationOf(seed, start + i));
    const ours = runLibrary(library, tiers, configurations);
    for (const engine of engines) await compareBatch(configurations, ours, engine, tally);
  }
  return tally;
}

/** One configuration in full. */
async function showCase({ seed, case: number }, library, engines) {
  const { octavo, type, ...configuration } = configurationOf(seed, Number(number));
  const ours = runLibrary(library, tiersOf(library), [{ octavo }]);
  const outputs = Object.entries(ours).map(([tier, [result]]) => [tier, result.error?.message ?? result]);
  for (const { name, run } of engines) outputs.push([name, (await run([{ ...configuration, type }]))[0]]);
  const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  console.log(JSON.stringify({ ...configuration, outputs: Object.fromEntries(outputs) }, plain));
}

function printTable(rows) {
  const titles = ["operator", "tier", "beside", "configurations", "values", "one step apart", "beyond"];
  const lines = rows.map(({ op, tier, engine, configurations, values, apart, beyond }) => {
    return [op, tier, engine, configurations, values, apart, beyond].map(String);
  });
  for (const cells of [titles, ...lines]) {
    console.log(cells.map((cell, i) => (i < 3 ? cell.padEnd([24, 7, 16][i]) : cell.padStart(14))).join("  "));
  }
}

function printNotes({ seed }, engines, { told }) {
  for (const { name, inexact } of engines) {
    if (inexact.size > 0)
      console.log(`${name} saturates here and is left out for products of: ${[...inexact].join("; ")}`);
  }
  for (const { number, op, tier, engine, what } of told.slice(0, MOST_TOLD)) {
    console.log(`${op}, ${tier}, beside ${engine}: ${what}\n  node tests/fuzz/run.mjs --seed ${seed} --case ${number}`);
  }
  if (told.length > MOST_TOLD) console.log(`and ${told.length - MOST_TOLD} more`);
}

async function main() {
  const given = options();
  const library = await import(pathToFileURL(join(given.build, "octavo.js")));
  const engines = await openEngines();
  if (given.case !== undefined) return showCase(given, library, engines);
  const tally = await runAll(given, library, engines);
  const models = checkModels();
  const failed = tally.failed.size + models.failed;
  const rows = tally.sorted();
  if (given.json) {
    const versions = engines.map(({ name, version, inexact }) => ({ name, version, inexact: [...inexact] }));
    const told = { rows, told: tally.told, models };
    console.log(JSON.stringify({ seed: given.seed, count: given.count, engines: versions, ...told }));
  } else {
    printTable(rows);
    printNotes(given, engines, tally);
    console.log(`${models.passed} models as written and raised, ${models.failed} of them wrong`);
    for (const line of [...models.told, ...models.faults]) console.log(line);
    console.log(`${given.count - tally.failed.size + models.passed} passed, ${failed} failed`);
  }
  process.exitCode = failed > 0 ? 1 : 0;
}

await main();

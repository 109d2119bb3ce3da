// The same modules on a memory that threads share: two workers take half of the rows each, and give the bytes of one.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { type Engine, startShared, type Tier } from "../../src/wasm/kernels.ts";
import { withSharedMemory } from "../../src/wasm/shared.ts";
import { moduleOf } from "../../src/wasm/unpack.ts";
import { randomWords, tiers } from "../kernels/harness.ts";

const [ROWS, LENGTH, COLUMNS, BLOCK] = [37, 50, 24, 8];

/** A worker that runs rows of a product whose words are at `job`. */
const WORKER = `
  const { workerData, parentPort } = require("node:worker_threads");
  const { module, memory, job, from, till } = workerData;
  new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory } }).exports.multiply_rows(job, from, till);
  parentPort.postMessage("done");
`;

/** Operands in the memory, and for each thread a product with scratch memory of its own. */
function productOf({ kernels: k, arena }: Engine, threads: number): { jobs: number[]; output: number } {
  const next = randomWords(5);
  const bytes = (n: number) => Int8Array.from({ length: n }, next);
  const steps = LENGTH / 2;
  const panels = arena.reserve((COLUMNS / 8) * steps * 32);
  const zeros = arena.zeros(COLUMNS * 4);
  k.pack_i8_i16_panels(arena.copy(bytes(COLUMNS * LENGTH)), zeros, panels, COLUMNS, LENGTH, 1);
  const source = arena.copy(bytes(ROWS * LENGTH + 32));
  const geometry = [1, ROWS, LENGTH, 0, LENGTH, 1, 1, 1, 1, 1, 1, 0, 0, 1, ROWS, 1, 1];
  const patches = arena.copy(Uint32Array.of(source, k.GATHER_I8.value, 0, 0, ...geometry));
  const rescale = arena.copy(Uint32Array.of(k.RESULT_I32.value, 0, 0, 0, 0, 0, 0, 0, 0));
  const output = arena.zeros(ROWS * COLUMNS * 4);
  const operands = [patches, rescale, 0, steps * 4, LENGTH, COLUMNS, panels, zeros, 0, 0, 0, 0, BLOCK];
  const jobs = Array.from({ length: threads }, () => {
    const scratch = [arena.reserve(BLOCK * steps * 4 + 32), arena.reserve(BLOCK * 64 * 4), 0, 0];
    return arena.copy(Uint32Array.of(...operands, ...scratch, output, COLUMNS * 4, 0));
  });
  return { jobs, output };
}

async function inWorkers(tier: Tier): Promise<Int32Array> {
  const { engine, module } = startShared(tier);
  const { memory } = engine.kernels;
  assert.ok(memory.buffer instanceof SharedArrayBuffer);
  const { jobs, output } = productOf(engine, 2);
  const middle = 11;
  const parts = [
    { job: jobs[0], from: 0, till: middle },
    { job: jobs[1], from: middle, till: ROWS },
  ];
  const workers = parts.map((part) => new Worker(WORKER, { eval: true, workerData: { module, memory, ...part } }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  await Promise.all(workers.map((worker) => worker.terminate()));
  return engine.arena.view(Int32Array, output, ROWS * COLUMNS).slice();
}

for (const tier of tiers()) {
  test(`two threads give the bytes of one (${tier})`, async () => {
    const { engine } = startShared(tier);
    const { jobs, output } = productOf(engine, 1);
    engine.kernels.multiply_rows(jobs[0] as number, 0, ROWS);
    const alone = engine.arena.view(Int32Array, output, ROWS * COLUMNS).slice();
    assert.ok(alone.some((sum) => sum !== 0));
    assert.deepEqual(await inWorkers(tier), alone);
  });
}

test("a module that imports something else is refused", () => {
  const module = withSharedMemory(moduleOf("simd"));
  assert.throws(() => withSharedMemory(module), { name: "RangeError", message: /imports nothing but a memory/ });
});

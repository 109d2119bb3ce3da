// Threads: the same bytes with any number of them, workers that end, and that keep nothing alive.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { type Model, Session, type SessionOptions, type Tensor, useTier, writeOnnx } from "../../src/index.ts";
import { type Constant, makeNode } from "../../src/model/graph.ts";
import { startThreads, type Threaded } from "../../src/wasm/team.ts";
import { COUNT, split } from "../../src/wasm/threads.ts";
import { randomWords, tiers } from "../kernels/harness.ts";
import { modelOf } from "../model/models.ts";
import { anything, type Sentence, testSentences } from "../tensor/sentences.ts";

const WORKER = new URL("../../build/worker.js", import.meta.url);

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function codes(format: "uint8" | "int8" | "int32", ...shape: number[]) {
  const next = randomWords(sizeOf(shape));
  const Kind = { uint8: Uint8Array, int8: Int8Array, int32: Int32Array }[format];
  const numbers = Array.from({ length: sizeOf(shape) }, () => next() % 100);
  return { format, shape, data: Kind.from(numbers) } as const;
}

function floats(...shape: number[]) {
  const next = randomWords(sizeOf(shape) + 2);
  return {
    format: "float32",
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, () => (next() % 199) / 64),
  } as const;
}

const scalar = (value: number) => ({ format: "float32", shape: [], data: Float32Array.of(value) }) as const;
const zero = (value: number) => ({ format: "uint8", shape: [], data: Uint8Array.of(value) }) as const;
const signed = { format: "int8", shape: [], data: Int8Array.of(0) } as const;

const ints = (...values: number[]) => values.map(BigInt);

/** A model of one operator on "x", with all other inputs constants. */
function single(op: string, x: Constant, others: readonly Constant[], attributes: Parameters<typeof makeNode>[3] = {}) {
  const names = others.map((_, i) => `c${i}`);
  const node = makeNode(op, ["x", ...names], ["y"], attributes);
  const constants = new Map(others.map((value, i) => [`c${i}`, value]));
  const { format, shape } = x;
  return { model: modelOf([node], { inputs: [{ name: "x", format, shape }], constants }), x };
}

const parameters = [scalar(0.1), zero(50)];
const result = [scalar(3), zero(128)];

/** Products large enough to be shared: by rows and by columns, in groups, depthwise, in int32 sums and in float32. */
const MODELS = {
  rows: single("QLinearConv", codes("uint8", 1, 48, 30, 30), [
    ...parameters,
    codes("int8", 40, 48, 3, 3),
    scalar(0.1),
    signed,
    ...result,
    codes("int32", 40),
  ]),
  columns: single("QLinearMatMul", codes("uint8", 7, 500), [
    ...parameters,
    codes("int8", 500, 700),
    scalar(0.1),
    signed,
    ...result,
  ]),
  groups: single(
    "QLinearConv",
    codes("uint8", 1, 64, 31, 29),
    [...parameters, codes("int8", 32, 32, 3, 3), scalar(0.1), signed, ...result],
    { group: BigInt(2), pads: ints(1, 1, 1, 1), strides: ints(1, 2) },
  ),
  depthwise: single(
    "QLinearConv",
    codes("uint8", 2, 130, 33, 35),
    [...parameters, codes("int8", 130, 1, 3, 3), scalar(0.1), signed, ...result],
    { group: BigInt(130), pads: ints(1, 1, 1, 1) },
  ),
  sums: single("MatMulInteger", codes("int8", 300, 64), [codes("uint8", 64, 200)]),
  conv: single("Conv", floats(1, 24, 40, 40), [floats(40, 24, 3, 3), floats(40)]),
  floatDepthwise: single("Conv", floats(1, 96, 40, 40), [floats(96, 1, 3, 3)], { group: BigInt(96) }),
  matmul: single("MatMul", floats(70, 300), [floats(300, 310)]),
};

const bytesOf = ({ data }: Tensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

async function runWith({ model, x }: { model: Model; x: Tensor }, options?: SessionOptions): Promise<Uint8Array[]> {
  const session = new Session(model, options);
  const before = session.run({ x }).y as Tensor;
  await session.ready;
  const after = Array.from({ length: 3 }, () => session.run({ x }).y as Tensor);
  session.dispose();
  return [before, ...after].map(bytesOf);
}

for (const tier of tiers()) {
  for (const [name, each] of Object.entries(MODELS)) {
    test(`${name}: the same bytes on 1, 2 and 3 threads (${tier})`, async () => {
      useTier(tier);
      try {
        const [alone = new Uint8Array()] = await runWith(each);
        assert.ok(new Set(alone).size > 20);
        for (const threads of [1, 2, 3]) {
          for (const bytes of await runWith(each, { threads, workerUrl: WORKER })) assert.deepEqual(bytes, alone);
        }
      } finally {
        useTier();
      }
    });
  }
}

/** Runs `work` with an engine of two threads. */
async function withThreads(work: (threaded: Threaded) => Promise<void> | void): Promise<void> {
  const threaded = startThreads(2, WORKER.href);
  await threaded.ready;
  try {
    await work(threaded);
  } finally {
    threaded.end();
  }
}

const BYTES = 1 << 20;

test("each stretch is done once, by one thread or the other, with all of them at work", () =>
  withThreads(({ engine }) => {
    const { heap, arena } = engine;
    const x = heap.take(BYTES);
    const y = heap.take(2 * BYTES);
    arena.view(Uint8Array, x, BYTES).fill(1);
    const end = performance.now() + 30_000;
    for (let theirs = 0; theirs === 0; ) {
      assert.ok(performance.now() < end, "the worker did nothing");
      arena.view(Uint8Array, y, 2 * BYTES).fill(0);
      split(engine, "flip_u8_u8", [[x, 1], [y, 1, 0, BYTES], COUNT, [3]], { end: BYTES - 5, unit: 8, least: 1000 });
      const written = arena.view(Uint8Array, y, 2 * BYTES);
      for (let i = 0; i < BYTES; i++) {
        const [mine, other] = [written[i] as number, written[BYTES + i] as number];
        if (mine + other !== (i < BYTES - 5 ? 2 : 0)) assert.fail(`byte ${i}: ${mine} and ${other}`);
        theirs += other;
      }
    }
  }));

test("what one thread found is told", () =>
  withThreads(({ engine }) => {
    const { heap, arena } = engine;
    const [x, y] = [heap.take(4 * BYTES), heap.take(BYTES)];
    arena.view(Float32Array, x, BYTES).fill(1);
    const place = arena.copy(
      Uint32Array.of(
        0,
        BYTES,
        BYTES,
        1,
        0,
        1,
        ...[Float32Array.of(1), Int32Array.of(0)].map((each) => arena.copy(each)),
      ),
    );
    const find = () =>
      split(engine, "quantize_f32_u8", [[x, 4], [y, 1], COUNT, [place], [0], [255]], {
        end: BYTES,
        unit: 1 << 10,
        least: 1 << 14,
      });
    for (const at of [0, BYTES / 2, BYTES - 1]) {
      assert.equal(find(), 0);
      arena.view(Float32Array, x, BYTES)[at] = Number.NaN;
      assert.notEqual(find(), 0);
      arena.view(Float32Array, x, BYTES)[at] = 1;
    }
  }));

test("a kernel that fails in a worker fails, and the threads go on", () =>
  withThreads(({ engine }) => {
    const at = engine.heap.take(2 * BYTES);
    const beyond = engine.heap.memory.buffer.byteLength;
    const flip = (thread: number) =>
      split(engine, "flip_u8_u8", [[at, 1, 0, thread], [at, 1], COUNT, [0]], { end: BYTES, unit: 1, least: 1000 });
    const end = performance.now() + 30_000;
    const failing = () => {
      while (performance.now() < end) flip(beyond);
    };
    assert.throws(failing, { message: "flip_u8_u8 failed in a worker" });
    flip(0);
  }));

const small = MODELS.columns;

test("a worker that cannot start leaves one thread", async () => {
  const expected = await runWith(small);
  for (const workerUrl of [
    "nowhere.js",
    "https://127.0.0.1:9/worker.js",
    "file:///nowhere/worker.js",
    "nosuch:thing",
  ]) {
    assert.deepEqual(await runWith(small, { threads: 2, workerUrl }), expected, workerUrl);
  }
});

test("without a worker beside the module there is one thread", async () => {
  assert.deepEqual(await runWith(small, { threads: 2 }), await runWith(small));
});

const TASKS = "/proc/self/task";

test("a session may be disposed of while its workers start", async () => {
  const session = new Session(small.model, { threads: 3, workerUrl: WORKER });
  session.dispose();
  await session.ready;
});

const tiny = single("MatMulInteger", codes("int8", 3, 4), [codes("uint8", 4, 5)]);

/** What a process says that has a session of the built module. */
async function inProcess(script: string): Promise<string> {
  const library = JSON.stringify(new URL("../../build/octavo.js", import.meta.url).href);
  const bytes = JSON.stringify(Buffer.from(writeOnnx(tiny.model)).toString("base64"));
  const start = `
    import { readOnnx, Session } from ${library};
    const model = readOnnx(new Uint8Array(Buffer.from(${bytes}, "base64")));
    const x = new Int8Array(12).fill(99);
    let session = new Session(model, { threads: 3 });
  `;
  const args = ["--expose-gc", "--input-type=module", "-e", start + script];
  return (await promisify(execFile)(process.execPath, args, { timeout: 60_000 })).stdout;
}

test("sessions that nobody disposed of do not keep a process alive, before they have begun or after", async () => {
  assert.equal(await inProcess("session.run({ x });"), "");
  assert.equal(await inProcess("await session.ready; console.log(session.run({ x }).y.data.length);"), "15\n");
});

for (const end of ["session.dispose();", "session = undefined;"]) {
  test(`${end} ends the workers`, { skip: !existsSync(TASKS) }, async () => {
    const script = `
      import { readdirSync } from "node:fs";
      import { setTimeout as wait } from "node:timers/promises";
      const tasks = () => readdirSync("${TASKS}").length;
      await session.ready;
      await wait(500); // a worker that failed would have ended by now
      const before = tasks();
      ${end}
      for (let i = 0; tasks() > before - 2 && i < 1000; i++) {
        if (!session) gc();
        await wait(20);
      }
      console.log(before - tasks());
    `;
    assert.ok(Number(await inProcess(script)) >= 2);
  });
}

const sentences: Sentence[] = [
  ...([0, 65, 1.5, "2"] as const).map(
    (threads): Sentence => [
      () => new Session(small.model, { threads: anything(threads) }),
      `${typeof threads === "string" ? "TypeError" : "RangeError"}: "threads" expected an integer of 1..64, got ${JSON.stringify(threads)}`,
    ],
  ),
  [
    () => new Session(small.model, { workerUrl: anything(5) }),
    'TypeError: "workerUrl" expected a path or a URL, got 5',
  ],
  [
    () => new Session(small.model, anything({ workers: 2 })),
    'TypeError: unknown option "workers" of Session; expected "threads", "workerUrl", "arithmetic"',
  ],
];
testSentences(sentences);

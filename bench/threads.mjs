// What a second thread gains: the int8 MobileNetV2 with two threads over one, beside a loop that touches no memory on both cores, in turns.
//   node bench/threads.mjs [--seconds N]     asked: at least nine tenths of the loop's gain

import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import * as octavo from "../build/octavo.js";
import { floats } from "./data.mjs";
import { mobileNetV2 } from "./models.mjs";

const ASKED = 0.9;
const { values: flags } = parseArgs({ options: { seconds: { type: "string", default: "10" } } });

/** Runs of the model in a turn, and steps of the loop that take about as long. */
const RUNS = 5;
const STEPS = 30_000_000;

/** Numbers in registers only. */
const LOOP = `(steps) => {
  let [a, b, c, d] = [1, 2, 3, 4];
  for (let i = 0; i < steps; i++) {
    a = Math.imul(a, 5) ^ i;
    b = Math.imul(b, 7) ^ i;
    c = Math.imul(c, 9) ^ i;
    d = Math.imul(d, 11) ^ i;
  }
  return a ^ b ^ c ^ d;
}`;

const [STATE, SUM] = [0, 1];
const [ASLEEP, AWAKE, AT_WORK, OVER] = [0, 1, 2, 3];

/** A worker that takes half of the steps: it sleeps until it is told to be there, then spins until it is told to begin. */
const OTHER = `
  const { workerData: words } = require("node:worker_threads");
  const loop = ${LOOP};
  for (;;) {
    const state = Atomics.load(words, ${STATE});
    if (state === ${OVER}) break;
    if (state === ${ASLEEP}) Atomics.wait(words, ${STATE}, ${ASLEEP});
    if (state !== ${AT_WORK}) continue;
    Atomics.store(words, ${SUM}, loop(${STEPS / 2}));
    Atomics.store(words, ${STATE}, ${ASLEEP});
  }
`;

/** The loop on this thread alone, and half of it on each of two. */
function loops() {
  const words = new Int32Array(new SharedArrayBuffer(8));
  new Worker(OTHER, { eval: true, workerData: words });
  const loop = new Function(`return ${LOOP}`)();
  const tell = (state) => {
    Atomics.store(words, STATE, state);
    Atomics.notify(words, STATE);
  };
  return {
    one: { call: () => loop(STEPS) },
    two: {
      before() {
        tell(AWAKE);
        pause();
      },
      call() {
        Atomics.store(words, STATE, AT_WORK);
        loop(STEPS / 2);
        while (Atomics.load(words, STATE) === AT_WORK);
      },
    },
    end: () => tell(OVER),
  };
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Lets all workers fall asleep, or wake up. */
const pause = () => Atomics.wait(never, 0, 0, 3);

const quantile = (times, part) => times.toSorted((a, b) => a - b)[Math.floor(part * (times.length - 1))];

/** Milliseconds of each side, in turns: what disturbs one disturbs all. */
function takeTurns(sides, seconds) {
  const times = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    for (const [name, { before, call }] of Object.entries(sides)) {
      pause();
      before?.();
      const start = performance.now();
      call();
      times[name].push(performance.now() - start);
    }
  }
  return times;
}

const model = mobileNetV2();
const feeds = { [model.graph.inputs[0].name]: floats(3 * 224 * 224, "normal", 1) };
const small = await octavo.quantizeModel(model, { calibration: [feeds] });
const sessions = [1, 2].map((threads) => new octavo.Session(small, { threads }));
await Promise.all(sessions.map(({ ready }) => ready));
const [alone, both] = sessions.map((session) => Object.values(session.run(feeds))[0].data);
if (Buffer.compare(Buffer.from(alone.buffer), Buffer.from(both.buffer)) !== 0) throw new Error("the bytes differ");
const { one, two, end } = loops();
const [first, second] = sessions.map((session) => ({
  call() {
    for (let i = 0; i < RUNS; i++) session.run(feeds);
  },
}));
takeTurns({ one, two, first, second }, 1);
const times = takeTurns({ one, two, first, second }, Number(flags.seconds));
end();
for (const session of sessions) session.dispose();

console.log(
  `${octavo.tier()} tier, ${times.one.length} turns; milliseconds of a turn on one thread and on two, and the gain`,
);
for (const [name, part] of Object.entries({ least: 0, "first decile": 0.1, median: 0.5 })) {
  const [a, b, c, d] = [times.one, times.two, times.first, times.second].map((each) => quantile(each, part));
  const share = (c / d - 1) / (a / b - 1);
  const gains = `registers ${a.toFixed(2)} ${b.toFixed(2)} ${(a / b).toFixed(2)}, model ${c.toFixed(2)} ${d.toFixed(2)} ${(c / d).toFixed(2)}`;
  console.log(
    `${name.padEnd(13)} ${gains}: ${(100 * (c / d / (a / b))).toFixed(0)} % of the ratio, ${(100 * share).toFixed(0)} % of the gain (asked: ${ASKED * 100} %)`,
  );
}

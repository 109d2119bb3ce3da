// Times with Benchmark.js: seconds per call of each of its cycles. Two sides take turns in short runs, so that both meet
// the same noise, and their samples are pooled.

import Benchmark from "benchmark";

/** A cycle repeats the call for so many seconds: long against the clock, short enough for a minimum to mean something. */
const CYCLE = 0.01;
const MIN_SAMPLES = 5;

/** Samples of one short run. A side is { call } or, where the call gives a promise, { call, defer: true }. */
function sample({ call, defer = false }, seconds) {
  const fn = defer ? (deferred) => void call().then(() => deferred.resolve()) : call;
  return new Promise((resolve, reject) => {
    const settings = { fn, defer, async: defer, delay: 0, minTime: CYCLE, maxTime: seconds, minSamples: MIN_SAMPLES };
    const bench = new Benchmark(settings);
    bench.on("complete", () => (bench.error ? reject(bench.error) : resolve(bench.stats.sample)));
    bench.run({ async: defer });
  });
}

/** Minimum and median, in seconds. */
export function figures(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { min: sorted[0], median, samples: sorted.length };
}

/** Figures of each side by its name, taken in turns. */
export async function takeTurns(sides, { rounds = 8, seconds = 0.2 } = {}) {
  const samples = new Map(Object.keys(sides).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, side] of Object.entries(sides)) samples.get(name).push(...(await sample(side, seconds)));
  }
  return Object.fromEntries([...samples].map(([name, all]) => [name, figures(all)]));
}

/** Figures of a plain loop around an asynchronous call: what shows whether `defer` adds anything of its own. */
export async function byHand(call, times = 40) {
  const samples = [];
  for (let i = 0; i < times; i++) {
    const before = performance.now();
    await call();
    samples.push((performance.now() - before) / 1000);
  }
  return figures(samples);
}

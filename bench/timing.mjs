// Times with Benchmark.js: seconds per call of each of its cycles. Sides take turns in short runs, so that all meet the
// same noise; their samples are pooled, and ratios are taken within a turn.

import Benchmark from "benchmark";

/** A cycle repeats the call for so many seconds: long against the clock, short enough for a minimum to mean much. */
const CYCLE = 0.01;
const MIN_SAMPLES = 3;

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

/** The same by a plain loop, for a side { call, byHand: true }: what shows whether `defer` adds anything of its own. */
async function sampleByHand({ call }, seconds) {
  const samples = [];
  const start = performance.now();
  for (let before = start; before < start + seconds * 1000; ) {
    await call();
    const after = performance.now();
    samples.push((after - before) / 1000);
    before = after;
  }
  return samples;
}

export function median(samples) {
  const sorted = Float64Array.from(samples).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Minimum and median, in seconds. */
export function figures(samples) {
  return { min: Math.min(...samples), median: median(samples), samples: samples.length };
}

/**
 * Figures of each side by its name.
 * `ratios` has the time of each side over the first one's: the median over the turns, so that slow drifts cancel.
 */
export async function takeTurns(sides, { turns = 16, seconds = 0.1 } = {}) {
  const samples = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  const order = Object.entries(sides);
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, side] of order) samples[name].push(await (side.byHand ? sampleByHand : sample)(side, seconds));
    // what ran before leaves its marks on caches and heap: whoever comes first changes
    order.push(order.shift());
  }
  const [first] = Object.values(samples);
  const ratioOf = (runs) => median(runs.map((run, turn) => median(run) / median(first[turn])));
  const each = (of) => Object.fromEntries(Object.entries(samples).map(([name, runs]) => [name, of(runs)]));
  return { ...each((runs) => figures(runs.flat())), ratios: each(ratioOf) };
}

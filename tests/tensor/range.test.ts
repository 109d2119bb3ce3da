// Range search: percentiles are exact, least squares is within 0.1 % of a dense grid, entropy does what it says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FormatName, fakeQuantize, Observer, observe, quantizationError, quantize } from "../../src/index.ts";
import { randomWords } from "../kernels/harness.ts";

type Uniform = () => number;
const gauss = (u: Uniform) => Math.sqrt(-2 * Math.log(u() + 2 ** -33)) * Math.cos(2 * Math.PI * u());

/** Distributions that networks have: weights, activations after ReLU, heavy tails, outliers, few values. */
const DISTRIBUTIONS: Record<string, (u: Uniform) => number> = {
  uniform: (u) => u() * 2 - 1,
  normal: gauss,
  laplace: (u) => Math.log(u() + 2 ** -33) * (u() < 0.5 ? 1 : -1),
  "student t, 3": (u) => gauss(u) / Math.sqrt((gauss(u) ** 2 + gauss(u) ** 2 + gauss(u) ** 2) / 3),
  relu: (u) => Math.max(gauss(u) - 0.5, 0),
  shifted: (u) => gauss(u) * 0.3 + 2,
  outliers: (u) => gauss(u) * (u() < 0.001 ? 30 : 1),
  "three values": (u) => Math.floor(u() * 3) - 1,
};

function sample(name: string, n: number, seed = 1): Float32Array {
  const next = randomWords(seed);
  const draw = DISTRIBUTIONS[name] as (u: Uniform) => number;
  return Float32Array.from({ length: n }, () => draw(() => next() / 2 ** 32));
}

const mse = (x: Float32Array, format: FormatName, range: "mse" | [number, number], symmetric: boolean) =>
  quantizationError(x, quantize(x, { format, range, symmetric })).mse;

for (const name of Object.keys(DISTRIBUTIONS)) {
  test(`mse range of ${name} values, symmetric, is within 0.1 % of a dense grid`, () => {
    for (const [n, format] of [
      [50000, "int8"],
      [50000, "int4"],
      [20000, "int2"],
      [20000, "float8_e4m3fn"],
      [300, "int4"],
      [20000, "float6_e2m3fn"],
    ] as const) {
      const x = sample(name, n);
      const most = x.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
      let best = Infinity;
      for (let i = 1; i <= 400; i++) best = Math.min(best, mse(x, format, [(-most * i) / 400, (most * i) / 400], true));
      const found = mse(x, format, "mse", true);
      assert.ok(
        found <= best * 1.001 + 1e-30,
        `${format}, ${n}: ${found}, grid ${best}, ${((found / best - 1) * 100).toFixed(3)} %`,
      );
    }
  });

  test(`mse range of ${name} values, affine, is within 0.1 % of a grid, and never worse than min-max`, () => {
    for (const format of ["uint8", "uint4"] as const) {
      const x = sample(name, 20000);
      const [lo, hi] = [Math.min(...x, 0), Math.max(...x, 0)];
      let best = Infinity;
      for (let i = 1; i <= 32; i++)
        for (let j = 1; j <= 32; j++) best = Math.min(best, mse(x, format, [(lo * i) / 32, (hi * j) / 32], false));
      const found = mse(x, format, "mse", false);
      assert.ok(
        found <= best * 1.001 + 1e-30,
        `${format}: ${found}, grid ${best}, ${((found / best - 1) * 100).toFixed(3)} %`,
      );
      assert.ok(found <= mse(x, format, [lo, hi], false));
    }
  });
}

test("percentiles are values of the data: exact ranks, by magnitude in symmetric quantizers", () => {
  const x = sample("laplace", 10007);
  const sorted = [...x].sort((a, b) => a - b);
  const magnitudes = [...x].map(Math.abs).sort((a, b) => a - b);
  for (const percentile of [50, 90, 99, 99.99, 100]) {
    const symmetric = quantize(x, { format: "int8", range: { percentile } });
    assert.equal(
      symmetric.scale[0],
      Math.fround((magnitudes[Math.ceil((10007 * percentile) / 100) - 1] as number) / 127),
    );
    const cut = Math.floor((10007 * (100 - percentile)) / 200);
    const affine = quantize(x, { format: "uint8", range: { percentile } });
    const wanted = quantize(x, {
      format: "uint8",
      range: [Math.min(sorted[cut] as number, 0), Math.max(sorted[10006 - cut] as number, 0)],
    });
    assert.deepEqual([affine.scale, affine.zero], [wanted.scale, wanted.zero]);
  }
});

test("range methods work per axis and per block", () => {
  const rows = [sample("normal", 500, 1), sample("laplace", 500, 2).map((v) => v * 100), sample("relu", 500, 3)];
  const x = Float32Array.from(rows.flatMap((row) => [...row]));
  for (const range of ["mse", "percentile", "entropy", { percentile: 95 }] as const) {
    const q = quantize(x, { format: "int8", shape: [3, 500], axis: 0, range });
    const alone = rows.map((row) => quantize(row, { format: "int8", range }).scale[0]);
    assert.deepEqual([...q.scale], alone, JSON.stringify(range));
    const blocks = quantize(x, { format: "int8", block: 500, range });
    assert.deepEqual([...blocks.scale], alone);
    const columns = Float32Array.from(x, (_, i) => (rows[i % 3] as Float32Array)[Math.floor(i / 3)] as number);
    assert.deepEqual([...quantize(columns, { format: "int8", shape: [500, 3], axis: 1, range }).scale], alone);
  }
});

test("percentiles of few values and of many are found alike", () => {
  for (const n of [8192, 8193]) {
    const x = sample("laplace", n);
    const sorted = x.slice().sort();
    const q = quantize(x, { format: "int16", symmetric: false, range: { percentile: 98 } });
    const cut = Math.floor((n * 2) / 200);
    const given = quantize(x, {
      format: "int16",
      symmetric: false,
      range: [sorted[cut] as number, sorted[n - 1 - cut] as number],
    });
    assert.deepEqual([q.scale, q.zero], [given.scale, given.zero]);
  }
});

test("entropy keeps the bulk of heavy tails", () => {
  const x = sample("outliers", 100000);
  const { scale } = quantize(x, { format: "int8", range: "entropy" });
  const widest = quantize(x, { format: "int8" }).scale[0] as number;
  assert.ok((scale[0] as number) < widest / 2, `${scale[0]}, min-max ${widest}`);
  const flat = sample("uniform", 100000);
  assert.ok((quantize(flat, { format: "int8", range: "entropy" }).scale[0] as number) > 0.95 / 127);
});

test("a power of two scale is searched among powers of two", () => {
  const x = sample("normal", 20000);
  const q = quantize(x, { format: "int4", range: "mse", powerOfTwo: true });
  assert.ok(Number.isInteger(Math.log2(q.scale[0] as number)));
  const errors = [-4, -3, -2, -1, 0].map(
    (e) => quantizationError(x, quantize(x, { format: "int4", scale: 2 ** e })).mse,
  );
  assert.equal(quantizationError(x, q).mse, Math.min(...errors));
});

test("an observer's ranges are close to the array's", () => {
  for (const name of ["normal", "laplace", "relu", "shifted"]) {
    const x = sample(name, 30000);
    const observer = observe().add(x.subarray(0, 7001)).add(x.subarray(7001));
    for (const format of ["int8", "uint8", "int4"] as const) {
      assert.deepEqual(fakeQuantize(x, { format, range: observer.range({ format }) }), fakeQuantize(x, { format }));
      for (const range of ["mse", "percentile", "entropy"] as const) {
        const seen = quantizationError(x, quantize(x, { format, range: observer.range({ range, format }) })).mse;
        const exact = quantizationError(x, quantize(x, { format, range })).mse;
        const most = range === "entropy" ? 1.6 : 1.25; // entropy looks at 2048 linear bins, finer than float bins at the top
        assert.ok(
          seen <= exact * most && seen >= exact / most,
          `${name} ${format} ${range}: observed ${seen}, exact ${exact}`,
        );
      }
      const least = quantizationError(x, quantize(x, { format, range: observer.range({ range: "mse", format }) })).mse;
      const exact = quantizationError(x, quantize(x, { format, range: "mse" })).mse;
      assert.ok(least <= exact * 1.02, `${name} ${format}: ${((least / exact - 1) * 100).toFixed(2)} %`);
    }
  }
});

test("an observer tells counts, extremes and moments", () => {
  const x = sample("shifted", 10000).map((v) => v * 1000);
  const observer = observe()
    .add(x)
    .add(Float32Array.of(Infinity, NaN, -Infinity));
  const mean = x.reduce((a, v) => a + v, 0) / x.length;
  const variance = x.reduce((a, v) => a + (v - mean) ** 2, 0) / x.length;
  assert.deepEqual([observer.count, observer.infinite, observer.nan], [10000, 2, 1]);
  assert.deepEqual([observer.min, observer.max], [Math.min(...x), Math.max(...x)]);
  assert.ok(Math.abs(observer.mean / mean - 1) < 1e-12);
  assert.ok(Math.abs(observer.variance / variance - 1) < 1e-12);
});

test("an empty observer serialises, merges and gives a range", () => {
  const empty = Observer.from(JSON.parse(JSON.stringify(observe())));
  assert.deepEqual(empty.toJSON(), { version: 1, count: 0, infinite: 0, nan: 0, mean: 0, squares: 0, pages: [] });
  assert.deepEqual(empty.range(), [0, 0]);
  const x = Float32Array.of(-1, 2, 3);
  assert.deepEqual(empty.merge(observe().add(x)).toJSON(), observe().add(x).toJSON());
  assert.deepEqual(observe().add(x).merge(observe()).toJSON(), observe().add(x).toJSON());
  const twice = observe().add(x);
  assert.equal(twice.merge(twice).count, 6);
});

test("an observer's memory does not grow with what it sees", () => {
  const observer = observe();
  const x = sample("normal", 20000);
  observer.add(x);
  const size = JSON.stringify(observer).length;
  for (let i = 0; i < 20; i++) observer.add(x);
  assert.ok(JSON.stringify(observer).length < size * 2.5);
  assert.equal(observer.count, 21 * 20000);
});

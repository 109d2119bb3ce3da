// map.ts, curves.ts, scalars.ts, combine.ts, fold.ts, windows.ts and rows.ts against tests/reference/float.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { engine, type Kernels } from "../../src/wasm/kernels.ts";
import { ACTIVATIONS } from "../reference/activation.ts";
import {
  FUNCTIONS,
  moments,
  OPERATIONS,
  pool,
  REDUCTION_NAMES,
  reduce,
  softmax,
  standardize,
  type WindowAxis,
} from "../reference/float.ts";
import { assertBits, type Bench, randomWords, SIZES, testKernel, valuesOf } from "./harness.ts";

/** The number that stands for a name in the kernels' parameters. */
function numberOf(k: Kernels, name: string): number {
  return (k[name as keyof Kernels] as unknown as { value: number }).value;
}

/** Values of every size up to 2^7, far ones, and NaN. */
function inputs(n: number, seed: number): Float32Array {
  const next = randomWords(seed);
  const far = valuesOf(n, seed + 1);
  return Float32Array.from({ length: n }, (_, i) => {
    const word = next();
    if (word % 5 === 0) return far[i] as number;
    if (word % 97 === 1) return NaN;
    return (word / 2 ** 31 - 1) * 2 ** ((next() % 12) - 5);
  });
}

function runMap(b: Bench, name: string, x: Float32Array, alpha: number, beta: number): Float32Array {
  const y = b.reserve(x.byteLength);
  b.k.map_f32_f32(b.put(x), y, x.length, numberOf(b.k, name), alpha, beta);
  return b.get(y, new Float32Array(x.length));
}

for (const [name, real] of Object.entries(FUNCTIONS)) {
  testKernel(`map_f32_f32 ${name}`, (bench) => {
    const [alpha, beta] = [Math.fround(0.3), Math.fround(1.7)];
    for (const n of [...SIZES, 4096]) {
      const x = inputs(n, n);
      const expected = Array.from(x, (v) => real(v, alpha, beta));
      assertBits(runMap(bench(), name, x, alpha, beta), expected, `${name}, ${n} values`);
    }
  });
}

/** The exact values of functions that have an oracle of 256 bits, and the engine's of the others. */
const EXACT: Record<string, (x: number) => number> = {
  ACTIVATION_ELU: (x) => (x < 0 ? Math.expm1(x) : x),
  ACTIVATION_LOG: Math.log,
  FUNCTION_CELU: (x) => (x < 0 ? Math.expm1(x) : x),
  FUNCTION_SIN: Math.sin,
  FUNCTION_COS: Math.cos,
  FUNCTION_TAN: Math.tan,
  FUNCTION_ASIN: Math.asin,
  FUNCTION_ACOS: Math.acos,
  FUNCTION_ATAN: Math.atan,
  FUNCTION_SINH: Math.sinh,
  FUNCTION_COSH: Math.cosh,
  FUNCTION_ASINH: Math.asinh,
  FUNCTION_ACOSH: Math.acosh,
  FUNCTION_ATANH: Math.atanh,
};

function exactOf(name: string): (x: number) => number {
  const real = ACTIVATIONS[name.replace("ACTIVATION_", "").toLowerCase()];
  return EXACT[name] ?? ((x) => real?.(x, 1, 0) as number);
}

const CURVES = ["EXP", "SIGMOID", "TANH", "SILU", "GELU", "ERF", "SOFTPLUS", "MISH"].map(
  (each) => `ACTIVATION_${each}`,
);

for (const name of [...CURVES, ...Object.keys(EXACT)]) {
  test(`${name} is within 1e-6 of the function`, () => {
    const exact = exactOf(name);
    const x = Float32Array.from({ length: 1601 }, (_, i) => (i - 800) / (i % 3 === 0 ? 64 : i % 3 === 1 ? 9 : 20000));
    const { arena, kernels } = engine();
    arena.scope(() => {
      const at = arena.copy(x);
      kernels.map_f32_f32(at, at, x.length, numberOf(kernels, name), 1, 1);
      for (const [i, y] of arena.view(Float32Array, at, x.length).entries()) {
        const wanted = Math.fround(exact(x[i] as number));
        // gates are held to normal numbers: exp(-87.3) times x
        const isNear = Math.abs(y - wanted) <= 1e-6 * Math.abs(wanted) + 1.2e-36;
        assert.ok(isNear || Object.is(y, wanted), `${name}(${x[i]}) = ${wanted}, got ${y}`);
      }
    });
  });
}

test("the sine of large numbers is reduced exactly", () => {
  const { arena, kernels } = engine();
  const x = Float32Array.of(1e6, 2 ** 40, 1e22, 3e38, -123456.789, 710);
  arena.scope(() => {
    const at = arena.copy(x);
    kernels.map_f32_f32(at, at, x.length, numberOf(kernels, "FUNCTION_SIN"), 0, 0);
    const expected = Array.from(x, (v) => Math.fround(Math.sin(v)));
    arena.view(Float32Array, at, x.length).forEach((y, i) => {
      assert.ok(Math.abs(y - (expected[i] as number)) <= 6e-8, `sin ${x[i]}`);
    });
  });
});

/** Extents and strides of a and b: same shapes, a scalar, a channel, a row, both repeated, nothing at all. */
const RUNS = [
  [[35, 1, 1]],
  [[21, 1, 0]],
  [[21, 0, 1]],
  [
    [3, 7, 0],
    [7, 1, 1],
  ],
  [
    [3, 7, 1],
    [7, 1, 0],
  ],
  [
    [2, 0, 7],
    [3, 1, 0],
    [7, 0, 1],
  ],
  [
    [2, 15, 0],
    [3, 5, 1],
    [5, 1, 0],
  ],
  [
    [4, 1, 0],
    [0, 1, 1],
  ],
];

/** Where an operand's value at a place of the result is, by its strides. */
function offsets(runs: readonly number[][], which: 1 | 2): number[] {
  return runs.reduce<number[]>(
    (all, [extent = 0, ...strides]) =>
      all.flatMap((each) => Array.from({ length: extent }, (_, i) => each + i * (strides[which - 1] as number))),
    [0],
  );
}

function checkCombine(b: Bench, name: string, runs: readonly number[][], seed: number): void {
  const [p, q] = [offsets(runs, 1), offsets(runs, 2)];
  const x = inputs(Math.max(0, ...p) + 1, seed);
  const y = inputs(Math.max(0, ...q) + 1, seed + 50);
  const to = b.reserve(p.length * 4);
  const pointer = b.put(Int32Array.from(runs.flat()));
  b.k.combine_f32_f32(b.put(x), b.put(y), to, pointer, runs.length, numberOf(b.k, name));
  const real = OPERATIONS[name] as (a: number, b: number) => number;
  const expected = p.map((from, i) => real(x[from] as number, y[q[i] as number] as number));
  assertBits(b.get(to, new Float32Array(p.length)), expected, `${name} over ${JSON.stringify(runs)}`);
}

for (const name of Object.keys(OPERATIONS)) {
  testKernel(`combine_f32_f32 ${name}`, (bench) => {
    for (const [i, runs] of RUNS.entries()) checkCombine(bench(), name, runs, i);
    for (const n of SIZES) checkCombine(bench(), name, [[n, 1, 1]], n);
  });
}

testKernel("combine_f32_f32 powers", (bench) => {
  const bases = Float32Array.of(0, -0, 1, -1, 2, -2, 0.5, -3, Infinity, -Infinity, NaN, 1e-40, 3e38);
  const exponents = [0, 1, -1, 2, 3, 0.5, -0.5, 1.5, 100, -101, Infinity, -Infinity, NaN];
  const b = bench();
  const runs = [
    [bases.length, 1, 0],
    [exponents.length, 0, 1],
  ];
  const to = b.reserve(bases.length * exponents.length * 4);
  const pointer = b.put(Int32Array.from(runs.flat()));
  b.k.combine_f32_f32(b.put(bases), b.put(Float32Array.from(exponents)), to, pointer, 2, 8);
  const real = OPERATIONS.OPERATION_POW as (a: number, b: number) => number;
  const expected = Array.from(bases).flatMap((base) => exponents.map((exponent) => real(base, exponent)));
  assertBits(b.get(to, new Float32Array(expected.length)), expected, "powers");
});

for (const name of REDUCTION_NAMES) {
  testKernel(`reduce_f32_f32 ${name}`, (bench) => {
    const shapes = [...SIZES.map((n) => [2, n, 1]), [1, 5, 7], [3, 2, 4], [2, 9, 13], [2, 0, 3], [0, 3, 2], [3, 4, 0]];
    for (const [outer, n, inner] of shapes as [number, number, number][]) {
      const b = bench();
      const x = valuesOf(outer * n * inner, n, true);
      const y = b.reserve(outer * inner * 4);
      b.k.reduce_f32_f32(b.put(x), y, outer, n, inner, numberOf(b.k, name));
      const expected = reduce(x, outer, n, inner, name);
      assertBits(b.get(y, new Float32Array(outer * inner)), expected, `${name} of [${outer}, ${n}, ${inner}]`);
    }
  });
}

/** As many windows as there are between the pads, as equation 40 has it. */
function axisOf(input: number, kernel: number, stride: number, dilation: number, before: number): WindowAxis {
  const output = Math.max(0, Math.floor((input + 2 * before - dilation * (kernel - 1) - 1) / stride) + 1);
  return { input, output, kernel, stride, dilation, before };
}

const WINDOWS: WindowAxis[][] = [
  ...SIZES.map((n) => [axisOf(n, 3, 1, 1, 1)]),
  ...SIZES.map((n) => [axisOf(n, 2, 2, 1, 0)]),
  [axisOf(9, 3, 2, 1, 1), axisOf(19, 3, 2, 1, 1)],
  [axisOf(8, 2, 2, 1, 0), axisOf(22, 2, 2, 1, 0)],
  [axisOf(7, 3, 3, 2, 2), axisOf(23, 5, 3, 2, 4)],
  [axisOf(5, 2, 1, 1, 0), axisOf(4, 3, 2, 1, 1), axisOf(11, 2, 1, 3, 1)],
  [{ ...axisOf(4, 2, 3, 1, 0), output: 3 }, axisOf(6, 7, 1, 1, 3)],
  [axisOf(0, 1, 1, 1, 1), axisOf(5, 2, 1, 1, 0)],
];

for (const isMax of [true, false]) {
  testKernel(`pool_f32_f32 ${isMax ? "max" : "sum"}`, (bench) => {
    for (const axes of WINDOWS) {
      const b = bench();
      const size = axes.reduce((all, { input }) => all * input, 1);
      const planes = [valuesOf(size, 1, true), valuesOf(size, 2)];
      const expected = planes.flatMap((plane) => pool(plane, axes, isMax));
      const x = b.put(Float32Array.from(planes.flatMap((plane) => [...plane])));
      const y = b.reserve(expected.length * 4);
      const words = axes.flatMap((axis) => [
        axis.input,
        axis.output,
        axis.kernel,
        axis.stride,
        axis.dilation,
        axis.before,
      ]);
      b.k.pool_f32_f32(x, y, 2, b.put(Int32Array.from(words)), axes.length, isMax);
      assertBits(b.get(y, new Float32Array(expected.length)), expected, JSON.stringify(axes));
    }
  });
}

/** Rows of n values of moderate size. */
function rowsOf(rows: number, n: number): number[][] {
  const next = randomWords(n);
  return Array.from({ length: rows }, () =>
    Array.from({ length: n }, () => Math.fround((next() / 2 ** 31 - 1) * 2 ** (next() % 6))),
  );
}

testKernel("softmax_f32_f32", (bench) => {
  for (const n of [...SIZES, 1000]) {
    for (const isLog of [false, true]) {
      const b = bench();
      const rows = rowsOf(3, n);
      if (n > 2) (rows[1] as number[])[1] = -Infinity;
      const y = b.reserve(3 * n * 4);
      b.k.softmax_f32_f32(b.put(Float32Array.from(rows.flat())), y, 3, n, isLog);
      const expected = rows.flatMap((row) => softmax(row, isLog));
      assertBits(b.get(y, new Float32Array(3 * n)), expected, `${n} values, log ${isLog}`);
    }
  }
});

testKernel("moments_f32_f32", (bench) => {
  for (const n of SIZES.filter((each) => each > 0)) {
    for (const centered of [true, false]) {
      const b = bench();
      const rows = rowsOf(3, n);
      const mean = b.reserve(12);
      const factor = b.reserve(12);
      b.k.moments_f32_f32(b.put(Float32Array.from(rows.flat())), mean, factor, 3, n, 1e-5, centered);
      const expected = rows.map((row) => moments(row, 1e-5, centered));
      assertBits(
        b.get(mean, new Float32Array(3)),
        expected.map((each) => each.mean),
        `mean of ${n}`,
      );
      assertBits(
        b.get(factor, new Float32Array(3)),
        expected.map((each) => each.factor),
        `factor of ${n}`,
      );
    }
  }
});

testKernel("standardize_f32_f32, standardize_f32_f32_columns", (bench) => {
  for (const n of SIZES) {
    const b = bench();
    const x = valuesOf(5 * n, n, true);
    const [mean, factor, shift] = [1, 2, 3].map((seed) => valuesOf(5, seed, true)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const [gamma, beta] = [4, 5].map((seed) => valuesOf(n, seed, true)) as [Float32Array, Float32Array];
    const [from, m, f, s] = [x, mean, factor, shift].map((each) => b.put(each)) as [number, number, number, number];
    const y = b.reserve(x.byteLength);
    const z = b.reserve(x.byteLength);
    b.k.standardize_f32_f32(from, y, 5, n, m, f, s, 2);
    b.k.standardize_f32_f32_columns(from, z, 5, n, m, f, b.put(gamma), b.put(beta));
    const value = (array: Float32Array, i: number) => array[i] as number;
    const byRow = Array.from(x, (v, i) => {
      const r = Math.floor(i / n) % 2;
      return standardize(v, value(mean, r), value(factor, r), value(shift, r));
    });
    const byColumn = Array.from(x, (v, i) => {
      const r = Math.floor(i / n);
      return standardize(v, value(mean, r), value(factor, r), value(beta, i % n), value(gamma, i % n));
    });
    assertBits(b.get(y, new Float32Array(5 * n)), byRow, `rows of ${n}`);
    assertBits(b.get(z, new Float32Array(5 * n)), byColumn, `columns, rows of ${n}`);
  }
});

// Softmax, log-softmax and layer normalization kernels against the oracle, row by row.
import assert from "node:assert/strict";
import { at } from "../reference/at.ts";
import { quantizeMultiplier, softmaxScaling } from "../reference/fixedpoint.ts";
import { layerNorm } from "../reference/normalize.ts";
import {
  exponential,
  exponentialTflite,
  exponentialTflite16,
  inverseTable,
  logSoftmax,
  softmaxRowTflite,
  softmaxRowTflite16,
} from "../reference/softmax.ts";
import { assertBits, codesOf, randomWords, SIZES, TYPE_NAMES, TYPES, testKernel, valuesOf } from "./harness.ts";

const { fround } = Math;

testKernel("exp_f64_u32", (bench) => {
  for (const [n, step] of [
    [0, 1],
    [1, 1],
    [256, 0.1],
    [256, 3e38],
    [256, 1e-45],
    [257, 0.0123],
    [65536, 0.001],
  ] as const) {
    const b = bench();
    const to = b.reserve(n * 4);
    b.k.exp_f64_u32(to, n, fround(step));
    const wanted = Array.from({ length: n }, (_, d) => exponential(d, fround(step)));
    assertBits(b.get(to, new Uint32Array(n)), wanted, `steps of ${step}`);
  }
});

testKernel("exp_i32_u32_tflite", (bench) => {
  for (const n of [0, 1, 17, 256]) {
    for (const scale of [2e-8, 0.001, 0.1, 0.25, 1, 31, 1e9].map(fround)) {
      const b = bench();
      const to = b.reserve(n * 4);
      const { multiplier, leftShift, inputRadius } = softmaxScaling(1, scale, 5);
      b.k.exp_i32_u32_tflite(to, n, multiplier, leftShift, Math.min(inputRadius, 256));
      const wanted = Array.from({ length: n }, (_, d) => exponentialTflite(d, 1, scale));
      assertBits(b.get(to, new Uint32Array(n)), wanted, `scale ${scale}`);
    }
  }
});

testKernel("exp_i16_u32_tflite and inverse_i16", (bench) => {
  for (const [n, scale] of [
    [0, 1],
    [1, 1],
    [257, 0.1],
    [65536, 1e-4],
    [65536, 2.5e-4],
    [9, 1e5],
    [9, 1e-12],
  ] as const) {
    const b = bench();
    const to = b.reserve(n * 4);
    const { multiplier, shift } = quantizeMultiplier(fround(scale) / (10 / 65535));
    b.k.exp_i16_u32_tflite(to, n, b.reserve(1026), multiplier, shift);
    const wanted = Array.from({ length: n }, (_, d) => exponentialTflite16(d, 1, fround(scale)));
    assertBits(b.get(to, new Uint32Array(n)), wanted, `scale ${scale}`);
  }
  const b = bench();
  const to = b.reserve(1026);
  b.k.inverse_i16(to);
  assertBits(b.get(to, new Int16Array(513)), inverseTable, "1 / (1 + x)");
});

testKernel("look_up_f32_u32 and log_softmax_f32_f32", (bench) => {
  for (const type of TYPE_NAMES) {
    const { lo, hi } = TYPES[type];
    const step = fround(type === "i16" ? 0.0003 : 0.07);
    const table = Uint32Array.from({ length: hi - lo + 1 }, (_, d) => exponential(d, step));
    for (const depth of SIZES) {
      for (const rows of [0, 1, 3]) {
        const b = bench();
        const x = codesOf(type, rows * depth, depth);
        const codes = b.put(Float32Array.from(x), 3);
        const to = b.reserve(rows * depth * 4);
        b.k.look_up_f32_u32(codes, to, b.put(table), rows, depth);
        const largest = (row: number) => Math.max(...x.subarray(row * depth, (row + 1) * depth));
        const wanted = Array.from(x, (code, i) => at(table, largest(Math.floor(i / depth)) - code));
        assertBits(b.get(to, new Uint32Array(x.length)), wanted, `${rows} rows of ${depth}`);
        b.k.log_softmax_f32_f32(codes, to, codes, rows, depth, step);
        const logs = b.get(codes, new Float32Array(x.length));
        assertBits(logs, logSoftmax(x, depth, step), `logarithms of ${rows} x ${depth}`);
      }
    }
  }
});

testKernel("normalize_f32_f32", (bench) => {
  for (const type of TYPE_NAMES) {
    for (const depth of SIZES) {
      for (const rows of [0, 1, 3]) {
        const b = bench();
        const x = codesOf(type, rows * depth, depth);
        if (rows === 3) x.fill(TYPES[type].hi, 0, depth); // no variance
        const [gamma, beta] = [valuesOf(depth, depth, true), valuesOf(depth, depth + 1, true)];
        const memory = b.put(Float32Array.from(x), 3);
        const weights = [b.put(gamma), b.put(beta)] as const;
        const scale = fround(0.037);
        b.k.normalize_f32_f32(memory, memory, ...weights, rows, depth, scale, 1e-5);
        const wanted = layerNorm({ codes: x, depth, gamma, beta, scale, epsilon: 1e-5 });
        assertBits(b.get(memory, new Float32Array(x.length)), wanted, `${rows} rows of ${depth}`);
      }
    }
  }
});

testKernel("normalize_f32_f32 at the bound of its moments", (bench) => {
  const b = bench();
  const depth = 65536;
  const x = new Float32Array(depth).fill(-32768).fill(32767, depth / 2);
  const [gamma, beta] = [new Float32Array(depth).fill(1), new Float32Array(depth)];
  const y = b.reserve(depth * 4);
  b.k.normalize_f32_f32(b.put(x), y, b.put(gamma), b.put(beta), 1, depth, 1, 1e-5);
  const values = b.get(y, new Float32Array(depth));
  assert.deepEqual([values[0], values[depth - 1]], [-1, 1]);
});

/** Rows of exponentials up to `largest`, one of which is `largest`. */
function exponentials(rows: number, depth: number, largest: number): Uint32Array {
  const next = randomWords(depth);
  return new Uint32Array(rows * depth).map((_, i) =>
    i % depth === depth >> 1 ? largest : (next() % (largest + 1)) >> (next() % 31),
  );
}

testKernel("softmax_u32_f32", (bench) => {
  for (const depth of SIZES) {
    const b = bench();
    const e = exponentials(3, depth, 2 ** 30);
    const memory = b.put(e);
    b.k.softmax_u32_f32(memory, memory, 3, depth);
    const sums = [0, 1, 2].map((row) => fround(e.subarray(row * depth, (row + 1) * depth).reduce((x, y) => x + y, 0)));
    const wanted = Array.from(e, (each, i) => fround(fround(each) / at(sums, Math.floor(i / depth))));
    assertBits(b.get(memory, new Float32Array(e.length)), wanted, `rows of ${depth}`);
  }
});

testKernel("softmax_u32_i32_tflite and softmax_u32_i32_tflite16", (bench) => {
  for (const depth of [...SIZES, 4095]) {
    for (const bits of [8, 16]) {
      const b = bench();
      const e = exponentials(2, depth, 2 ** 31 - 1);
      if (depth === 4095) e.fill(2 ** 31 - 1);
      const memory = b.put(e);
      b.k.softmax_u32_i32_tflite(memory, memory, 2, depth, bits);
      const wanted = [0, 1].flatMap((row) =>
        softmaxRowTflite(Array.from(e.subarray(row * depth, (row + 1) * depth)), bits),
      );
      assertBits(b.get(memory, new Int32Array(e.length)), wanted, `${bits} bits of rows of ${depth}`);
    }
  }
  for (const depth of [...SIZES, 65535]) {
    const b = bench();
    const e = exponentials(2, depth, 32767);
    if (depth === 65535) e.fill(32767);
    const [memory, table] = [b.put(e), b.put(Int16Array.from(inverseTable))];
    b.k.softmax_u32_i32_tflite16(memory, memory, table, 2, depth);
    const wanted = [0, 1].flatMap((row) => softmaxRowTflite16(Array.from(e.subarray(row * depth, (row + 1) * depth))));
    assertBits(b.get(memory, new Int32Array(e.length)), wanted, `rows of ${depth}`);
  }
});

// Products with block weights against the oracle, through the function that the operators call, and bad input.
import assert from "node:assert/strict";
import { test } from "node:test";
import { matmul, type QTensor, quantize, unpack } from "../../src/index.ts";
import { assertBits, randomWords, valuesOf } from "../kernels/harness.ts";
import { quantizeValue } from "../reference/affine.ts";
import { type Column, codeBlocks, floatBlocks } from "../reference/blocks.ts";
import { anything, type Sentence, testSentences } from "./sentences.ts";

const tame = (n: number, seed: number) => valuesOf(n, seed, true).map((v) => (Math.abs(v) < 500 ? v / 9 : 0));

/** The columns of a weight as the oracle takes them. */
function columnsOf(w: QTensor, block: number): Column[] {
  const [n = 0, k = 0] = w.shape;
  const packed = /int[24]/.test(w.format as string);
  const codes = packed ? unpack(w.data as Uint8Array, w.format as "int4", { length: n * k }) : w.data;
  const blocks = Math.ceil(k / block);
  return Array.from({ length: n }, (_, j) => ({
    codes: codes.subarray(j * k, (j + 1) * k),
    scale: w.scale.subarray(j * blocks, (j + 1) * blocks),
    zero: w.zero.subarray(j * blocks, (j + 1) * blocks),
    block,
  }));
}

const FORMATS = ["int4", "uint4", "int8", "uint8", "int2", "uint2"] as const;
const SHAPES: [lead: number[], n: number, k: number, block: number][] = [
  [[1], 9, 64, 32],
  [[5], 7, 33, 16],
  [[2, 3], 4, 100, 64],
  [[], 5, 17, 128],
  [[0], 3, 8, 8],
  [[3], 0, 8, 8],
  [[3], 4, 0, 8],
  [[700], 5, 40, 32],
  [[9], 3, 300, 200],
];

for (const format of FORMATS) {
  for (const [lead, n, k, block] of SHAPES) {
    test(`matmul [${[...lead, k]}] x ${format} [${n}, ${k}] in blocks of ${block}`, () => {
      const w = quantize(tame(n * k, 1), { format, shape: [n, k], block, symmetric: format.startsWith("int") });
      const columns = columnsOf(w, block);
      const m = lead.reduce((a, b) => a * b, 1);
      const each = (value: (row: number, column: Column, j: number) => number) =>
        Array.from({ length: m * n }, (_, i) => value(Math.floor(i / n), columns[i % n] as Column, i % n));

      const x = tame(m * k, 2);
      const bias = tame(n, 3);
      const y = matmul({ format: "float32", shape: [...lead, k], data: x }, w, { bias });
      assert.deepEqual(y.shape, [...lead, n]);
      assertBits(
        y.data,
        each((i, column, j) => floatBlocks(x.subarray(i * k, (i + 1) * k), column, bias[j])),
        "float32",
      );

      for (const kind of ["int8", "uint8"] as const) {
        const q = quantize(x, { format: kind, shape: [...lead, k], scale: 0.25, zero: kind === "int8" ? -128 : 200 });
        const [scale = 0, zero = 0] = [q.scale[0], q.zero[0]];
        const sums = each((i, column, j) =>
          codeBlocks({ codes: q.data.subarray(i * k, (i + 1) * k), scale, zero }, column, bias[j]),
        );
        const floats = matmul(q, w, { bias, format: "float32" });
        assertBits(floats.data, sums, `${kind} to float32`);
        const codes = matmul(q, w, { bias, scale: 0.9, zero: 3, activation: "relu" });
        assert.equal(codes.format, kind);
        assert.deepEqual(codes.shape, [...lead, n]);
        const hi = kind === "int8" ? 127 : 255;
        assertBits(
          codes.data,
          sums.map((v) => quantizeValue(v, Math.fround(0.9), 3, 3, hi)),
          `${kind} to codes`,
        );
        const wide = matmul(q, w, { scale: 0.01, format: "int16" });
        const bare = matmul(q, w, { format: "float32" });
        const expected = Array.from(bare.data, (v) => quantizeValue(v, Math.fround(0.01), 0, -32768, 32767));
        assertBits(wide.data, expected, `${kind} to int16`);
      }
    });
  }
}

test("rows in pieces give what they give alone", () => {
  const [m, n, k] = [150, 6, 1000];
  const w = quantize(tame(n * k, 5), { format: "int4", shape: [n, k], block: 32 });
  const x = tame(m * k, 6);
  const whole = matmul({ format: "float32", shape: [m, k], data: x }, w);
  for (const row of [0, 1, 3, 4, 31, 32, 63, 64, 128, 149]) {
    const alone = matmul({ format: "float32", shape: [k], data: x.subarray(row * k, (row + 1) * k) }, w);
    assertBits(whole.data.subarray(row * n, (row + 1) * n), alone.data, `row ${row}`);
  }
});

const next = randomWords(1);
const codes = Uint8Array.from({ length: 32 }, () => next());
const w: QTensor = {
  format: "uint4",
  shape: [2, 32],
  data: codes,
  scale: new Float32Array(2).fill(1),
  zero: new Int32Array(2),
  block: 32,
};
const x = { format: "float32", shape: [3, 32], data: new Float32Array(96) } as const;
const q = quantize(new Float32Array(96), { format: "int8", shape: [3, 32] });
const long = quantize(new Float32Array(34000), { format: "int8", shape: [1, 34000], block: 34000 });

const SENTENCES: readonly Sentence[] = [
  [() => matmul(anything({ ...x, data: [1] }), w), 'TypeError: "x.data" expected a Float32Array, got [1]'],
  [() => matmul(anything(null), w), 'TypeError: "x" expected a quantized tensor, got null'],
  [() => matmul(anything({ ...x, shape: 96 }), w), 'TypeError: "x.shape" expected an array of sizes, got 96'],
  [
    () => matmul({ ...x, shape: [3, 31] }, w),
    'RangeError: "x.shape" expected 96 values in all, got [3, 31] (93 values)',
  ],
  [
    () => matmul({ ...x, shape: [6, 16] }, w),
    'RangeError: "w.shape" expected [n, 16] for "x" of shape [6, 16], got [2, 32]',
  ],
  [
    () => matmul({ format: "float32", shape: [], data: new Float32Array(1) }, w),
    'RangeError: "x.shape" expected [..., k], got []',
  ],
  [
    () => matmul(quantize(new Float32Array(32), { format: "int16" }), w, { scale: 1 }),
    'RangeError: "x.format" expected "int8" or "uint8" or "float32", got "int16"',
  ],
  [
    () => matmul(x, quantize(new Float32Array(64), { format: "mxfp4", shape: [2, 32] })),
    'RangeError: "w.format" expected "int2" or "uint2" or "int4" or "uint4" or "int8" or "uint8", got "mxfp4"',
  ],
  [() => matmul(x, { ...w, shape: [1, 2, 32] }), 'RangeError: "w.shape" expected [n, k], got [1, 2, 32]'],
  [
    () => matmul(x, quantize(new Float32Array(64), { format: "uint4", shape: [2, 32] })),
    'RangeError: "w.block" expected blocks of weights, where "x" is float32, got undefined',
  ],
  [
    () => matmul(x, { ...w, axis: 0, scale: new Float32Array(32).fill(1), zero: new Int32Array(32) }),
    'RangeError: "w.axis" expected 1, along which blocks are cut, or none, got 0',
  ],
  [
    () => matmul(x, w, { bias: new Float32Array(3) }),
    'RangeError: "bias" expected 2 numbers, one an output, got Float32Array(3)',
  ],
  [
    () => matmul(x, w, { bias: anything(new Int32Array(2)) }),
    'TypeError: "bias" expected a Float32Array, got Int32Array(2)',
  ],
  [
    () => matmul(x, w, anything({ scale: 1 })),
    'TypeError: unknown option "scale" of matmul with a float32 result; expected "bias", "format"',
  ],
  [() => matmul(x, w, anything({ format: "int8" })), 'RangeError: "format" expected "float32", as "x" is, got "int8"'],
  [
    () => matmul(q, w, anything(undefined)),
    'TypeError: "scale" expected a number or an array of numbers, got undefined',
  ],
  [
    () => matmul(q, w, { scale: 1, arithmetic: "tflite" }),
    'RangeError: "arithmetic" expected "onnx" for a weight with blocks, got "tflite"',
  ],
  [
    () => matmul(q, w, { scale: 1, bias: Float32Array.of(0, NaN) }),
    'RangeError: "bias[1]" expected a finite number, got NaN',
  ],
  [
    () => matmul(q, w, anything({ scale: 1, axis: 0 })),
    'TypeError: unknown option "axis" of matmul; expected "bias", "scale", "zero", "format", "activation", "arithmetic"',
  ],
  [
    () => matmul(quantize(new Float32Array(34000), { format: "int8" }), long, { scale: 1 }),
    'RangeError: "w.block" expected at most 33025 values of 8 bits, for a sum in int32, got 34000',
  ],
];

testSentences(SENTENCES);

test("scales beyond float32 are refused where the result is quantized", () => {
  const huge = {
    ...w,
    shape: [1, 64],
    data: codes.map((_, i) => (i < 16 ? 0xff : 0)),
    scale: new Float32Array(2).fill(3e38),
    zero: Int32Array.of(0, 15),
  };
  const ones = quantize(new Float32Array(64).fill(1), { format: "uint8", scale: 0.1 });
  assert.throws(() => matmul(ones, huge, { scale: 1 }), /"w.scale" expected scales whose products stay within float32/);
});

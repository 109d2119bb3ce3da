// How wide an accumulator has to be, against what happens in narrower ones, and bad input.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulatorBits, prepare, type QTensor, quantize, unpack } from "../../src/index.ts";
import { accumulateNarrow } from "../../src/tensor/narrow.ts";
import { assertBits, valuesOf } from "../kernels/harness.ts";
import { narrowSum } from "../reference/blocks.ts";
import { anything, type Sentence, testSentences } from "./sentences.ts";

const tame = (n: number, seed: number) => valuesOf(n, seed, true).map((v) => (Math.abs(v) < 500 ? v / 9 : 0));
const WEIGHTS = ["int8", "uint8", "int4", "uint4"] as const;

/** A weight's codes less their zeros. */
function differences(w: QTensor): number[] {
  const [n = 0, k = 0] = w.shape;
  const codes = /int4/.test(w.format as string)
    ? unpack(w.data as Uint8Array, w.format as "int4", { length: n * k })
    : w.data;
  return Array.from(codes, (code, i) => code - (w.zero[w.zero.length === 1 ? 0 : Math.floor(i / k)] as number));
}

for (const format of WEIGHTS) {
  for (const kind of ["int8", "uint8"] as const) {
    test(`accumulatorBits and accumulateNarrow of ${kind} x ${format}`, () => {
      for (const [m, n, k] of [
        [1, 1, 1],
        [3, 5, 9],
        [2, 4, 33],
        [1, 3, 257],
        [0, 2, 3],
        [2, 0, 3],
        [2, 2, 0],
      ] as const) {
        const w = quantize(tame(n * k, k), { format, shape: [n, k], axis: 0, symmetric: false });
        const zero = kind === "int8" ? -101 : 77;
        const x = quantize(tame(m * k, 3), { format: kind, shape: [m, k], scale: 0.3, zero });
        const steps = differences(w);
        const bits = accumulatorBits(x, w);
        const reach = kind === "int8" ? 127 + 101 : 255 - 77;
        const size = Math.max(
          0,
          ...Array.from({ length: n }, (_, j) => steps.slice(j * k, (j + 1) * k).reduce((a, v) => a + Math.abs(v), 0)),
        );
        assert.ok(
          size * reach <= 2 ** (bits - 1) - 1 && (bits === 1 || size * reach > 2 ** (bits - 2) - 1),
          `${bits} bits`,
        );

        for (const overflow of ["saturate", "wrap"] as const) {
          for (const accumulator of [12, 16, 24, Math.min(Math.max(bits, 2), 31)]) {
            const { sums, overflows } = accumulateNarrow(x, w, { accumulator, overflow });
            const expected = Array.from({ length: m * n }, (_, i) => {
              const [row, j] = [Math.floor(i / n), i % n];
              const own = Array.from(x.data.subarray(row * k, (row + 1) * k), (code) => code - zero);
              return narrowSum(own, steps.slice(j * k, (j + 1) * k), accumulator, overflow);
            });
            assertBits(
              sums,
              expected.map(({ sum }) => sum),
              `${accumulator} bits, ${overflow}`,
            );
            assert.equal(
              overflows,
              expected.reduce((all, each) => all + each.overflows, 0),
            );
            if (accumulator >= bits) assert.equal(overflows, 0);
          }
        }
      }
    });
  }
}

test("no accumulator of fewer bits would do: the farthest codes against the signs of the weights overflow it", () => {
  const w = quantize(tame(4 * 40, 8), { format: "int8", shape: [4, 40], axis: 0 });
  const x = {
    format: "int8",
    shape: [1, 40],
    data: new Int8Array(40).fill(-128),
    scale: Float32Array.of(1),
    zero: Int32Array.of(0),
  } as const;
  const bits = accumulatorBits(x, { ...w, data: (w.data as Int8Array).map(Math.abs) });
  const narrow = { accumulator: bits - 1, overflow: "saturate" } as const;
  assert.ok(accumulateNarrow(x, { ...w, data: (w.data as Int8Array).map(Math.abs) }, narrow).overflows > 0);
});

test("accumulatorBits of formats, of kernels, of blocks, of prepared weights", () => {
  // 65,793 products of u8 and s8 without zeros fit int32, one more does not
  const [u8, s8] = [{ format: "uint8" }, { format: "int8" }] as const;
  assert.equal(accumulatorBits(u8, { ...s8, k: 65793 }), 32);
  assert.equal(accumulatorBits(u8, { ...s8, k: 65794 }), 33);
  assert.equal(accumulatorBits({ ...u8, zero: 128 }, { ...s8, narrow: true, k: 1 }), 15);
  assert.equal(accumulatorBits({ ...s8, bits: 4 }, { format: "int4", zero: 7, k: 1 }), 8);
  assert.equal(accumulatorBits({ format: "int16" }, { ...s8, k: 2 }), 25);
  assert.equal(accumulatorBits(u8, { ...s8, k: 0 }), 1);
  const kernel = {
    format: "int8",
    shape: [2, 1, 2, 2],
    data: Int8Array.of(1, -1, 1, 1, 2, 0, 0, 1),
    scale: Float32Array.of(1),
    zero: Int32Array.of(0),
  } as const;
  assert.equal(accumulatorBits({ ...u8, zero: 0 }, kernel), 11); // 4 * 255
  const prepared = prepare(kernel);
  assert.equal(accumulatorBits(u8, prepared), 11);
  prepared.dispose();
  assert.throws(() => accumulatorBits(u8, prepared), /was disposed/);
  // blocks of 3 of 8 values: |w - zero| adds up to 3, 6, 2; 0, 3, 6
  const blocks = {
    format: "int8",
    shape: [2, 8],
    data: Int8Array.of(1, 1, 1, 2, 2, 2, 1, 1, 5, 5, 5, 1, 1, 1, 3, 3),
    scale: new Float32Array(6).fill(1),
    zero: Int32Array.of(0, 0, 0, 5, 0, 0),
    block: 3,
  } as const;
  assert.equal(accumulatorBits({ format: "int8", zero: -128 }, blocks), 12); // 6 * 255 = 1530
  assert.equal(accumulatorBits(u8, quantize(new Float32Array(9), { format: "uint2", shape: [3, 3], block: 2 })), 1);
});

const q = quantize(new Float32Array(6), { format: "int8", shape: [2, 3] });
const w = quantize(new Float32Array(12), { format: "int8", shape: [4, 3] });
const how = { accumulator: 16, overflow: "wrap" } as const;

const SENTENCES: readonly Sentence[] = [
  [
    () => accumulatorBits(anything(undefined), w),
    'TypeError: "x" expected a quantized tensor or { format }, got undefined',
  ],
  [
    () => accumulatorBits({ format: "float16" }, w),
    'RangeError: "x.format" expected an integer of at most 16 bits, got "float16"',
  ],
  [
    () => accumulatorBits({ format: "int8", zero: 128 }, w),
    'RangeError: "x.zero" expected integers of -128..127 for int8, got 128 at index 0',
  ],
  [() => accumulatorBits({ format: "int8", bits: 9 }, w), 'RangeError: "x.bits" expected an integer of 2..8, got 9'],
  [() => accumulatorBits(q, anything(null)), 'TypeError: "w" expected a quantized tensor or { format, k }, got null'],
  [
    () => accumulatorBits(q, { format: "int8", k: -1 }),
    'RangeError: "w.k" expected an integer of 0..2147483648, got -1',
  ],
  [
    () => accumulatorBits(q, { ...w, shape: [12] }),
    'RangeError: "w.shape" expected [outputs, inputs] or [outputs, height, width, channels], got [12]',
  ],
  [
    () => accumulateNarrow(q, w, { ...how, accumulator: 32 }),
    'RangeError: "accumulator" expected an integer of 2..31, got 32',
  ],
  [
    () => accumulateNarrow(q, w, { ...how, overflow: anything("clip") }),
    'RangeError: "overflow" expected "saturate" or "wrap", got "clip"',
  ],
  [
    () => accumulateNarrow(q, w, anything({ ...how, bits: 3 })),
    'TypeError: unknown option "bits" of accumulate; expected "accumulator", "overflow"',
  ],
  [
    () => accumulateNarrow(quantize(new Float32Array(6), { format: "int16" }), w, how),
    'RangeError: "x.format" expected "int8" or "uint8", got "int16"',
  ],
  [
    () => accumulateNarrow({ ...q, shape: [3, 2] }, w, how),
    'RangeError: "w.shape" expected [n, 2] for "x" of shape [3, 2], got [4, 3]',
  ],
  [() => accumulateNarrow(q, { ...w, shape: [4, 3, 1] }, how), 'RangeError: "w.shape" expected [n, k], got [4, 3, 1]'],
];

testSentences(SENTENCES);

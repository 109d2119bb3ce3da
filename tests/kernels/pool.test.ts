// Pooling kernels against the oracle: channels of every size, windows that hang over every edge, saturating results.
import assert from "node:assert/strict";
import { averagePool, type MeanCase, maxPool, windowsAlong } from "../reference/pool.ts";
import { assertBits, type Bench, codesOf, SIZES, TYPE_NAMES, TYPES, type Type, testKernel } from "./harness.ts";

interface Windows extends Omit<MeanCase, "codes" | "shape"> {
  readonly height: number;
  readonly width: number;
}

const PLAIN = {
  kernel: [2, 2],
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  ceil: false,
  countIncludePad: false,
  scale: 0.1,
  outputScale: 0.07,
  tflite: false,
} as const;

const WINDOWS: Omit<Windows, "lo" | "hi" | "zero" | "outputZero">[] = [
  { ...PLAIN, height: 3, width: 4 },
  { ...PLAIN, height: 4, width: 5, kernel: [3, 2], strides: [2, 1], pads: [1, 0, 2, 1] },
  { ...PLAIN, height: 4, width: 5, kernel: [3, 2], strides: [2, 1], pads: [1, 0, 2, 1], countIncludePad: true },
  {
    ...PLAIN,
    height: 5,
    width: 4,
    kernel: [3, 3],
    strides: [2, 3],
    pads: [1, 2, 1, 0],
    ceil: true,
    countIncludePad: true,
  },
  { ...PLAIN, height: 6, width: 5, strides: [2, 2], dilations: [3, 2], pads: [3, 2, 3, 2], ceil: true },
  // the second tap of the first windows is behind the input: windows without any
  { ...PLAIN, height: 1, width: 1, kernel: [2, 2], dilations: [2, 2], pads: [1, 1, 2, 2], outputScale: 0.001 },
];

/** Windows of assembly/pool.ts. */
function fieldsOf(type: Type, w: Windows, channels: number, columns: number, outputBytes: number): Int32Array {
  const [top, left, bottom, right] = w.pads;
  const counted = w.countIncludePad ? [w.height + bottom, w.width + right, -top, -left] : [w.height, w.width, 0, 0];
  const fields = Int32Array.of(
    ...[
      TYPE_NAMES.indexOf(type),
      w.height,
      w.width,
      channels,
      columns,
      ...w.kernel,
      ...w.strides,
      ...w.dilations,
      top,
      left,
      ...counted,
    ],
    ...[w.lo, w.hi, outputBytes, w.zero, w.outputZero, 0, 0, +w.tflite],
  );
  new Float32Array(fields.buffer).set([w.scale, w.outputScale], fields.length - 3);
  return fields;
}

/** Runs a kernel on one image, in two calls if it has two rows of windows. */
function run(
  b: Bench,
  w: Windows,
  channels: number,
  input: Type,
  codes: number[],
  output: Type,
  name: "pool_max" | "pool_mean",
) {
  const [top, left, bottom, right] = w.pads;
  const rows = windowsAlong(w.height, w.kernel[0], w.strides[0], top, bottom, w.dilations[0], w.ceil);
  const columns = windowsAlong(w.width, w.kernel[1], w.strides[1], left, right, w.dilations[1], w.ceil);
  const result = new TYPES[output].array(rows * columns * channels);
  const pixel = channels * result.BYTES_PER_ELEMENT;
  const x = b.put(TYPES[input].array.from(codes));
  const y = b.reserve(result.byteLength);
  const windows = b.put(fieldsOf(input, w, channels, columns, result.BYTES_PER_ELEMENT));
  const kernel = b.k[name];
  const split = rows >> 1;
  kernel(x, y, windows, 0, split);
  kernel(x, y + split * columns * pixel, windows, split, rows - split);
  return b.get(y, result);
}

function* cases(input: Type, output: Type): Generator<[Windows, channels: number, codes: number[]]> {
  const { lo, hi } = TYPES[output];
  for (const channels of SIZES) {
    const each = WINDOWS[channels % WINDOWS.length] as Windows;
    // the large sizes meet two windows only
    for (const w of channels < 36 ? (WINDOWS as Windows[]) : [each, WINDOWS[1] as Windows]) {
      const ends = channels % 2 ? TYPES[input].lo : TYPES[input].hi;
      const ranged = { lo: channels % 3 ? lo : lo + 9, hi: channels % 3 ? hi : hi - 90 };
      const zeros = { zero: ends, outputZero: channels % 4 < 2 ? lo : hi };
      yield [{ ...w, ...zeros, ...ranged }, channels, [...codesOf(input, w.height * w.width * channels, channels)]];
    }
  }
}

for (const type of TYPE_NAMES) {
  testKernel(`pool_max of ${type}`, (bench) => {
    for (const [w, channels, codes] of cases(type, type)) {
      const wanted = maxPool({ ...w, shape: [1, w.height, w.width, channels], codes }).codes;
      const got = run(bench(), w, channels, type, codes, type, "pool_max");
      assertBits(got, wanted, `${channels} channels, ${JSON.stringify(w)}`);
    }
  });

  testKernel(`pool_mean of ${type}`, (bench) => {
    for (const output of TYPE_NAMES) {
      for (const [w, channels, codes] of cases(type, output)) {
        const wanted = averagePool({ ...w, shape: [1, w.height, w.width, channels], codes }).codes;
        const got = run(bench(), w, channels, type, codes, output, "pool_mean");
        assertBits(got, wanted, `${channels} channels to ${output}, ${JSON.stringify(w)}`);
      }
    }
    for (const [given, channels, codes] of cases(type, type)) {
      const w = { ...given, countIncludePad: false, tflite: true };
      const wanted = averagePool({ ...w, shape: [1, w.height, w.width, channels], codes }).codes;
      const got = run(bench(), w, channels, type, codes, type, "pool_mean");
      assertBits(got, wanted, `${channels} channels as TensorFlow Lite, ${JSON.stringify(w)}`);
    }
  });
}

testKernel("pool_mean of i16 at the bound of its sums", (bench) => {
  const kernel = [151, 217] as const; // 32,767 taps
  const w = { ...PLAIN, kernel, height: 151, width: 217, lo: -32768, hi: 32767, zero: 32767, outputZero: 0, scale: 1 };
  const codes = new Array<number>(151 * 217).fill(-32768);
  const got = run(bench(), { ...w, outputScale: 2 }, 1, "i16", codes, "i16", "pool_mean");
  assert.deepEqual(Array.from(got), [-32768]);
  const tflite = run(bench(), { ...w, outputScale: 1, tflite: true }, 1, "i16", codes, "i16", "pool_mean");
  assert.deepEqual(Array.from(tflite), [-32768]);
});

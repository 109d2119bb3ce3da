// Packing and multiplying kernels against the oracle: any split of the rows gives the same bytes, nothing is written beside
// them. Sizes, signs, zeros and arithmetics through the public API: tests/tensor/matmul.test.ts and conv.test.ts.
import { at } from "../reference/at.ts";
import { convolutionSums, type Geometry, geometryOf } from "../reference/conv.ts";
import { assertBits, type Bench, randomWords, SIZES, testKernel } from "./harness.ts";

function bytesOf(n: number, seed: number, signed: boolean): Int8Array | Uint8Array {
  const next = randomWords(seed);
  const bytes = signed ? new Int8Array(n) : new Uint8Array(n);
  for (let i = 0; i < n; i++) bytes[i] = next() % 5 === 0 ? 0x80 : next();
  return bytes;
}

/** The place of (column, k) in panels whose steps hold `taps` values of a column, `columns` columns abreast. */
function placeOf(column: number, k: number, length: number, taps: number, abreast: number): number {
  const steps = Math.ceil(length / taps);
  const panel = Math.floor(column / abreast);
  return ((panel * steps + Math.floor(k / taps)) * abreast + (column % abreast)) * taps + (k % taps);
}

/** Weights in panels, by their definition. */
function panelsOf(
  value: (column: number, k: number) => number,
  columns: number,
  length: number,
  taps: number,
  abreast = 8,
) {
  const panels = new Int32Array(Math.ceil(columns / abreast) * abreast * Math.ceil(length / taps) * taps);
  for (let j = 0; j < columns; j++)
    for (let k = 0; k < length; k++) panels[placeOf(j, k, length, taps, abreast)] = value(j, k);
  return panels;
}

const SHAPES = [
  [1, 1],
  [7, 5],
  [8, 4],
  [9, 17],
  [33, 31],
  [0, 3],
  [16, 64],
  [19, 9],
] as const;

testKernel("pack_i8_i8_panels, pack_i8_i16_panels and pack_i8_depthwise lay weights out; the rest is 0", (bench) => {
  for (const [columns, length] of SHAPES) {
    for (const signed of [true, false]) {
      const b = bench();
      const w = bytesOf(columns * length, 3, signed);
      const zeros = Int32Array.from({ length: columns }, (_, i) => (signed ? i - 5 : 120 + i));
      const [from, zero] = [b.put(w), b.put(zeros)];
      const code = (j: number, k: number) => at(w, j * length + k);
      const narrow = (j: number, k: number) => (signed ? code(j, k) : code(j, k) - 128);
      const wide = (j: number, k: number) => code(j, k) - at(zeros, j);
      const mask = signed ? 0 : 0x80;
      const check = (wanted: Int32Array, array: Int8Array | Int16Array, run: (to: number) => void, what: string) => {
        const to = b.reserve(array.byteLength);
        run(to);
        assertBits(b.get(to, array), wanted, `${what} ${columns} x ${length} ${signed}`);
        b.checkGuards();
      };
      const bytes = panelsOf(narrow, columns, length, 4);
      const words = panelsOf(wide, columns, length, 2);
      check(
        bytes,
        new Int8Array(bytes.length),
        (to) => b.k.pack_i8_i8_panels(from, to, columns, length, mask),
        "bytes",
      );
      const widen = (to: number) => b.k.pack_i8_i16_panels(from, zero, to, columns, length, +signed);
      check(words, new Int16Array(words.length), widen, "words");
      for (const taps of [2, 4]) {
        const wanted = panelsOf(taps === 4 ? narrow : wide, columns, length, taps, 16);
        const array = taps === 4 ? new Int8Array(wanted.length) : new Int16Array(wanted.length);
        const run = (to: number) => b.k.pack_i8_depthwise(from, zero, to, columns, length, taps, 0, mask, +signed);
        check(wanted, array, run, `depthwise ${taps}`);
      }
      if (length % 3 === 0) {
        const across = length / 3;
        const column = (j: number, k: number) => (k % 4 < 3 ? narrow(j, (k % 4) * across + Math.floor(k / 4)) : 0);
        const wanted = panelsOf(column, columns, across * 4, 4, 16);
        const run = (to: number) => b.k.pack_i8_depthwise(from, zero, to, columns, length, 4, 3, mask, +signed);
        check(wanted, new Int8Array(wanted.length), run, "columns");
      }
    }
  }
});

testKernel("sum_i8_i32 gives sums and magnitudes less zeros", (bench) => {
  for (const [columns, length] of SHAPES) {
    for (const signed of [true, false]) {
      const b = bench();
      const w = bytesOf(columns * length, 5, signed);
      const zeros = Int32Array.from({ length: columns }, (_, i) => (signed ? i - 5 : 120 + i));
      const [sums, sizes] = [b.reserve(columns * 4), b.reserve(columns * 4)];
      b.k.sum_i8_i32(b.put(w), b.put(zeros), sums, sizes, columns, length, +signed);
      const row = (j: number) => Array.from({ length }, (_, k) => at(w, j * length + k) - at(zeros, j));
      const total = (j: number, of: (v: number) => number) => row(j).reduce((sum, v) => sum + of(v), 0);
      const columnsOf = (of: (v: number) => number) => Array.from(zeros, (_, j) => total(j, of));
      assertBits(
        b.get(sums, new Int32Array(columns)),
        columnsOf((v) => v),
        "sums",
      );
      assertBits(b.get(sizes, new Int32Array(columns)), columnsOf(Math.abs), "sizes");
      b.checkGuards();
    }
  }
});

testKernel("flip_u8_u8 flips bits", (bench) => {
  for (const n of SIZES) {
    const b = bench();
    const x = bytesOf(n, 7, false);
    const y = b.reserve(n);
    b.k.flip_u8_u8(b.put(x), y, n, 0x80);
    assertBits(
      b.get(y, new Uint8Array(n)),
      Array.from(x, (v) => v ^ 0x80),
      `${n} bytes`,
    );
    b.checkGuards();
  }
});

/** How many bytes vectors may read behind a source or write behind gathered rows. */
const SLACK = 32;

const whole = (n: number) => Math.ceil(n / 16) * 16;

/** An image met by weights of `columns` outputs; `g` says where. */
interface Case {
  readonly input: readonly [number, number, number];
  readonly kernel: readonly [number, number];
  readonly columns: number;
  readonly geometry: Geometry;
}

/** Words of a Patches (assembly/gather.ts) of one group. */
function patchesOf(b: Bench, { input, kernel, geometry }: Case, source: number, out: readonly number[], how: number[]) {
  const [height, width, channels] = input;
  const { strides, dilations, pads } = geometry;
  const extents = [height, width, channels, 0, channels, ...kernel, ...strides, ...dilations, pads[0], pads[1]];
  return b.put(Uint32Array.of(source, ...how, ...extents, ...out, 1, 1), 0);
}

/** Words of a Rescale that leaves sums as they are. */
const sumsOnly = (b: Bench) => b.put(Uint32Array.of(b.k.RESULT_I32.value, 0, 0, 0, 0, 0, 0, 0, 0), 0);

const CASES: Case[] = [
  { input: [1, 37, 19], kernel: [1, 1], columns: 70, geometry: geometryOf() },
  { input: [7, 6, 5], kernel: [3, 2], columns: 9, geometry: geometryOf({ strides: [2, 1], pads: [1, 0, 2, 1] }) },
  { input: [6, 9, 16], kernel: [2, 3], columns: 33, geometry: geometryOf({ dilations: [2, 3], pads: [0, 3, 1, 3] }) },
];

/** Rows of a product in parts that begin and end anywhere. */
const PARTS = [0, 1, 5, 6, 1000];

testKernel("multiply_rows and multiply_columns equal the oracle, however rows and panels are split", (bench) => {
  for (const each of CASES) {
    const { input, kernel, columns, geometry } = each;
    const b = bench();
    const [zx, zw] = [7, -3];
    const x = bytesOf(input[0] * input[1] * input[2], 11, true);
    const length = kernel[0] * kernel[1] * input[2];
    const w = bytesOf(columns * length, 13, true);
    const codes = { shape: [columns, ...kernel, input[2]], codes: w, zero: [zw] };
    const { shape, sums } = convolutionSums({ shape: [1, ...input], codes: x, zero: [zx] }, codes, geometry);
    const out = shape.slice(1, 3);
    const rows = at(out, 0) * at(out, 1);
    const source = b.put(Int8Array.of(...x, ...new Int8Array(SLACK)), 0);
    const panels = b.reserve(Math.ceil(columns / 8) * Math.ceil(length / 2) * 32, 0);
    const zeros = b.put(new Int32Array(columns).fill(zw));
    b.k.pack_i8_i16_panels(b.put(w), zeros, panels, columns, length, 1);
    const patches = patchesOf(b, each, source, out, [b.k.GATHER_I8.value, zx, zx]);
    const [block, rowStride] = [4, Math.ceil(length / 2) * 4];
    const scratch = [b.reserve(block * rowStride + SLACK, 0), b.reserve(block * 64 * 4, 0), 0, 0];
    const bias = b.put(new Int32Array(whole(columns)), 0);
    const operands = [patches, sumsOnly(b), 0, rowStride, length, columns, panels, bias, 0, 0, 0, 0, block];
    const kernels = { multiply_rows: rows, multiply_columns: Math.ceil(columns / 8) };
    for (const [name, end] of Object.entries(kernels)) {
      const output = b.reserve(rows * columns * 4);
      const job = b.put(Uint32Array.of(...operands, ...scratch, output, columns * 4, 0), 0);
      PARTS.slice(1).forEach((till, i) => {
        const part = [Math.min(at(PARTS, i), end), Math.min(till, end)] as const;
        if (name === "multiply_rows") b.k.multiply_rows(job, ...part);
        else b.k.multiply_columns(job, rows, ...part);
      });
      assertBits(b.get(output, new Int32Array(rows * columns)), sums, `${name}: ${input} x ${shape}`);
    }
    b.checkGuards();
  }
});

testKernel("depthwise_rows and depthwise_columns equal the oracle, however rows and columns are split", (bench) => {
  const inputs = [
    [5, 6, 19],
    [4, 9, 16],
  ] as const;
  for (const input of inputs) {
    for (const multiplier of [1, 2]) {
      const b = bench();
      const channels = input[2];
      const [zx, zw, columns, kernel] = [-7, 3, channels * multiplier, [3, 3] as const];
      const geometry = geometryOf({ pads: [1, 1, 1, 1], groups: channels });
      const x = bytesOf(input[0] * input[1] * channels, 17, true);
      const w = bytesOf(columns * 9, 19, true);
      const codes = { shape: [columns, ...kernel, 1], codes: w, zero: [zw] };
      const { shape, sums } = convolutionSums({ shape: [1, ...input], codes: x, zero: [zx] }, codes, geometry);
      const rows = at(shape, 1) * at(shape, 2);
      const weights = b.reserve(whole(columns) * 4 * 5, 0);
      const from = b.put(w);
      b.k.pack_i8_depthwise(from, b.put(new Int32Array(columns).fill(zw)), weights, columns, 9, 2, 0, 0, 1);
      const source = b.put(Int8Array.of(...x, ...new Int8Array(SLACK)), 0);
      const each = { input, kernel, columns, geometry };
      const patches = patchesOf(b, each, source, shape.slice(1, 3), [0, 0, zx]);
      const bias = new Int32Array(whole(columns));
      for (let j = 0; j < columns; j++) {
        for (let k = 0; k < 9; k++) bias[j] = at(bias, j) - zx * (at(w, j * 9 + k) - zw);
      }
      const block = 4;
      const padding = b.put(new Int8Array(whole(columns)).fill(zx), 0);
      const scratch = [b.reserve(block * 10 * 4 + SLACK, 0), padding, b.reserve(block * 9 * whole(columns), 0)];
      const sumsAt = b.reserve(block * whole(columns) * 4, 0);
      const operands = [
        patches,
        sumsOnly(b),
        2,
        b.k.CODES_I8.value,
        5,
        0,
        multiplier,
        columns,
        weights,
        b.put(bias, 0),
        block,
      ];
      const kernels = { depthwise_rows: rows, depthwise_columns: whole(columns) / 16 };
      for (const [name, end] of Object.entries(kernels)) {
        const output = b.reserve(rows * columns * 4);
        const job = b.put(Uint32Array.of(...operands, ...scratch, sumsAt, output, columns * 4, 0, 0), 0);
        PARTS.slice(1).forEach((till, i) => {
          const part = [Math.min(at(PARTS, i), end), Math.min(till, end)] as const;
          if (name === "depthwise_rows") b.k.depthwise_rows(job, ...part);
          else b.k.depthwise_columns(job, rows, ...part);
        });
        assertBits(b.get(output, new Int32Array(rows * columns)), sums, `${name}: ${input} times ${multiplier}`);
      }
      b.checkGuards();
    }
  }
});

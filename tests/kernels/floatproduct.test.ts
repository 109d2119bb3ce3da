// Kernels of float32 products and convolutions against the oracle, bit for bit. Padding, groups, transposition and what else their
// callers make of them: tests/model/conv.test.ts and product.test.ts.
import { at } from "../reference/at.ts";
import { type FloatFinish, floatConvolution, floatDot, floatFinish } from "../reference/floatproduct.ts";
import { assertBits, type Bench, SIZES, testKernel, valuesOf } from "./harness.ts";

const wordsOf = (...floats: number[]) => [...new Uint32Array(Float32Array.from(floats).buffer)];

function putFinish(b: Bench, { slope = 1, lo = -Infinity, hi = Infinity }: FloatFinish): number {
  return b.put(Float32Array.of(slope, lo, hi));
}

/** Finite values whose products and sums stay finite. */
const tame = (n: number, seed: number) =>
  valuesOf(n, seed, true).map((v) => Math.sign(v) * Math.min(Math.abs(v), 1e15));

/** 0..end - 1 in two parts, the second from a multiple of `unit` on. */
function partsOf(end: number, unit: number): [first: number, till: number][] {
  const middle = Math.min(Math.ceil(end / 2 / unit) * unit, end);
  return [
    [0, middle],
    [middle, end],
  ];
}

/** A product y = a b; columns of b `apart` values from each other, steps of k `across` values. */
interface Case {
  readonly rows: number;
  readonly length: number;
  readonly columns: number;
  readonly apart?: number;
  /** Whether a is read column by column. */
  readonly isTurned?: boolean;
  /** Initial values: one for each row, for each column, or for each of both. */
  readonly init?: "rows" | "columns" | "both";
  readonly hasZ?: boolean;
  /** Whether columns of y are further apart than one value. */
  readonly isSpread?: boolean;
  readonly finish?: FloatFinish;
  readonly factor?: number;
}

function checkProduct(b: Bench, each: Case, isPacked: boolean): void {
  const { rows, length, columns, apart = 1, isTurned = false, init = "rows", hasZ = false, finish = {} } = each;
  const factor = each.factor ?? 1;
  const across = columns * apart + 3;
  const [a, x] = [tame(rows * length, 1), tame(length * across, 2)];
  const initial = tame(rows * columns, 3);
  const spacing = each.isSpread ? 2 : 1;
  const yRow = columns * spacing + 1;
  const z = tame(rows * yRow, 4);
  const table = (n: number, step: number) => b.put(Uint32Array.from({ length: n }, (_, i) => i * step * 4));
  const [steps, offsets] = [table(length, across), table(columns, apart)];
  const targets = each.isSpread ? table(columns, spacing) : 0;
  const initRow = init === "columns" ? 0 : init === "rows" ? 1 : columns;
  const block = columns > 40 ? 32 : 8;
  const record = (from: number) => {
    const sizes = [rows, length, columns, (isTurned ? 1 : length) * 4, (isTurned ? rows : 1) * 4, from, offsets];
    const more = [initRow * 4, Number(init !== "rows"), yRow * 4, targets, block, putFinish(b, finish)];
    return b.put(Uint32Array.from([...sizes, ...wordsOf(factor), ...more]));
  };
  const scratch = b.reserve((b.k.FLOAT_EDGE.value + (isPacked ? 0 : block * length)) * 4);
  const y = b.put(new Float32Array(rows * yRow).fill(7));
  let from = b.put(x);
  if (isPacked) {
    const panels = b.reserve(Math.ceil(columns / 8) * 32 * length);
    b.k.pack_f32_panels(record(steps), from, panels);
    from = panels;
  }
  const product = record(isPacked ? 0 : steps);
  const operands = [b.put(a), from, b.put(initial), hasZ ? b.put(z) : 0, y, scratch] as const;
  for (const [first, till] of partsOf(columns, 8)) b.k.multiply_f32_f32_f32(product, ...operands, first, till);
  const wanted = new Float32Array(rows * yRow).fill(7);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const pairs = Array.from({ length }, (_, k) => {
        const value = Math.fround(Math.fround(factor) * at(x, k * across + j * apart));
        return [at(a, isTurned ? k * rows + i : i * length + k), value] as const;
      });
      const first = at(initial, i * initRow + (init === "rows" ? 0 : j));
      const target = i * yRow + j * spacing;
      wanted[target] = floatFinish(floatDot(first, pairs), hasZ ? at(z, target) : undefined, finish);
    }
  }
  const got = b.get(y, new Float32Array(rows * yRow));
  assertBits(got, wanted, `${isPacked ? "packed " : ""}${JSON.stringify(each)}`);
  b.checkGuards();
}

const PRODUCTS: Case[] = [
  ...[0, 1, 2, 3, 4, 5, 9].flatMap((rows) =>
    [0, 1, 7, 8, 9, 31, 32, 33, 75].map((columns) => ({ rows, columns, length: 5 })),
  ),
  ...[0, 1, 2, 64, 300].map((length) => ({ rows: 6, columns: 19, length })),
  { rows: 7, columns: 21, length: 9, apart: 2, isTurned: true },
  { rows: 7, columns: 45, length: 9, init: "columns", hasZ: true, finish: { lo: 0, hi: 6 } },
  { rows: 6, columns: 45, length: 3, init: "both", hasZ: true, finish: { slope: 0.1 }, factor: 0.3 },
  { rows: 1, columns: 77, length: 40, init: "columns", hasZ: true, finish: { lo: 0 } },
  { rows: 1, columns: 77, length: 40, apart: 3, isSpread: true },
  { rows: 5, columns: 18, length: 4, isSpread: true, hasZ: true, init: "both", finish: { slope: -2, lo: -3, hi: 5 } },
];

testKernel(
  "multiply_f32_f32_f32 equals the oracle, also with panels of pack_f32_panels, however columns are split",
  (bench) => {
    for (const each of PRODUCTS) for (const isPacked of [false, true]) checkProduct(bench(), each, isPacked);
  },
);

testKernel("a NaN stays one, infinities clamp, zeros keep their sign", (bench) => {
  const b = bench();
  const values = [Number.NaN, Infinity, -Infinity, -0, 0, -1, 7, 3];
  const y = b.reserve(32);
  const offsets = b.put(Uint32Array.from({ length: 8 }, (_, i) => i * 4));
  const [steps, finish] = [b.put(Uint32Array.of(0)), { slope: 0.5, lo: -0.25, hi: 6 }];
  const words = [1, 1, 8, 4, 4, steps, offsets, ...wordsOf(1), 0, 0, 32, 0, 8, putFinish(b, finish)];
  const scratch = b.reserve((b.k.FLOAT_EDGE.value + 8) * 4);
  const [unit, zero] = [b.put(Float32Array.of(1)), b.put(Float32Array.of(-0))];
  const x = b.put(Float32Array.from(values));
  b.k.multiply_f32_f32_f32(b.put(Uint32Array.from(words)), unit, x, zero, 0, y, scratch, 0, 8);
  const wanted = values.map((v) => floatFinish(floatDot(-0, [[1, v]]), undefined, finish));
  assertBits(b.get(y, new Float32Array(8)), Float32Array.from(wanted), "special values");
});

testKernel("pad_f32_f32 surrounds planes with zeros", (bench) => {
  for (const width of SIZES.slice(0, 40)) {
    for (const [strideHeight, strideWidth] of [
      [1, 1],
      [2, 2],
      [1, 3],
      [3, 2],
    ] as const) {
      for (const [top, left, below, right] of [
        [0, 0, 0, 0],
        [1, 2, 3, 4],
        [2, 3, 0, 1],
      ] as const) {
        const b = bench();
        const [planes, height] = [2, 3];
        const lines = Math.ceil((height + top + below) / strideHeight);
        const across = Math.ceil((width + left + right) / strideWidth);
        const words = [height, width, strideHeight, strideWidth, top, left, lines, across];
        const x = valuesOf(planes * height * width, 5, true);
        const wanted = new Float32Array(planes * strideHeight * strideWidth * lines * across);
        for (let i = 0; i < x.length; i++) {
          const [column, line] = [(i % width) + left, (Math.floor(i / width) % height) + top];
          const plane = Math.floor(i / width / height);
          const phase = (plane * strideHeight + (line % strideHeight)) * strideWidth + (column % strideWidth);
          const place = Math.floor(line / strideHeight) * across + Math.floor(column / strideWidth);
          wanted[phase * lines * across + place] = at(x, i);
        }
        const y = b.reserve(wanted.byteLength);
        b.k.pad_f32_f32(b.put(Uint32Array.from(words)), b.put(x), y, planes);
        assertBits(b.get(y, new Float32Array(wanted.length)), wanted, `${width} ${words}`);
        b.checkGuards();
      }
    }
  }
});

testKernel("depthwise_f32_f32_f32 equals the oracle, however channels are split", (bench) => {
  for (const width of [1, 3, 7, 16, 37]) {
    for (const [height, stride, multiplier, hasZ] of [
      [1, 1, 1, false],
      [5, 1, 2, true],
      [9, 2, 1, true],
      [8, 3, 3, false],
    ] as const) {
      const b = bench();
      const [channels, kernel, before] = [2, 3, 1];
      const lines = Math.ceil((height + 2) / stride);
      const across = Math.ceil((width + 2) / stride);
      const axisOf = (input: number) => {
        return { input, kernel, stride, dilation: 1, before, output: Math.floor((input - 1) / stride) + 1 };
      };
      const axes = [axisOf(height), axisOf(width)];
      const [down, right] = axes.map(({ output }) => output) as [number, number];
      const outputs = channels * multiplier;
      const [x, w, bias] = [tame(channels * height * width, 6), tame(outputs * 9, 7), tame(outputs, 8)];
      const z = tame(outputs * down * right, 9);
      const taps = Array.from({ length: 9 }, (_, i) => [Math.floor(i / 3), i % 3] as const);
      const offsets = taps.map(([line, column]) => {
        const phase = (line % stride) * stride + (column % stride);
        return (phase * lines * across + Math.floor(line / stride) * across + Math.floor(column / stride)) * 4;
      });
      const planes = b.put(Uint32Array.of(height, width, stride, stride, 1, 1, lines, across));
      const finish = { lo: -50, hi: 60 };
      const block = Math.min(2, down);
      const words = [
        planes,
        outputs,
        multiplier,
        9,
        b.put(Uint32Array.from(offsets)),
        down,
        right,
        block,
        putFinish(b, finish),
      ];
      const y = b.reserve(z.byteLength);
      const scratch = b.reserve((stride * stride * lines * across + block * across + 32) * 4);
      const record = b.put(Uint32Array.from(words));
      const operands = [b.put(x), b.put(w), b.put(bias), hasZ ? b.put(z) : 0, y, scratch] as const;
      for (const [first, till] of partsOf(outputs, 1)) b.k.depthwise_f32_f32_f32(record, ...operands, first, till);
      const sums = floatConvolution({ images: 1, channels, outputs, groups: channels, axes }, x, w, bias);
      const wanted = sums.map((sum, i) => floatFinish(sum, hasZ ? at(z, i) : undefined, finish));
      assertBits(b.get(y, new Float32Array(z.length)), wanted, `${height} x ${width}, stride ${stride}`);
      b.checkGuards();
    }
  }
});

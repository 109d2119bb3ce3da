// blockpanels.ts, blocks.ts and narrow.ts: panels of block weights times float32 and 8-bit rows, and narrow accumulators,
// against tests/reference/blocks.ts.
import assert from "node:assert/strict";
import { type Column, codeBlocks, floatBlocks, narrowSum } from "../reference/blocks.ts";
import { packCodes } from "../reference/pack.ts";
import { assertBits, type Bench, randomWords, testKernel, valuesOf } from "./harness.ts";

/** m, n, k, block: every tail of a tile, a panel, a vector and a part; blocks short, odd, longer than a part, longer than k. */
const SHAPES = [
  [0, 3, 5, 4],
  [3, 0, 5, 4],
  [3, 5, 0, 4],
  [1, 1, 1, 1],
  [1, 4, 3, 2],
  [3, 5, 4, 32],
  [4, 3, 5, 1],
  [5, 7, 7, 3],
  [7, 8, 8, 8],
  [8, 9, 9, 16],
  [9, 15, 15, 5],
  [15, 4, 16, 16],
  [16, 1, 17, 8],
  [2, 17, 31, 16],
  [17, 2, 33, 32],
  [1, 31, 64, 32],
  [6, 33, 100, 32],
  [4, 6, 257, 64],
  [1, 64, 257, 128],
  [4, 5, 300, 150],
  [5, 3, 257, 257],
  [1, 100, 96, 16],
  [31, 16, 9, 4],
  [33, 3, 16, 8],
  [64, 257, 3, 8],
  [100, 4, 33, 32],
  [257, 5, 8, 8],
] as const;

const FORMATS = [
  { bits: 2, signed: true },
  { bits: 2, signed: false },
  { bits: 4, signed: true },
  { bits: 4, signed: false },
  { bits: 8, signed: true },
  { bits: 8, signed: false },
];

interface Case {
  m: number;
  n: number;
  k: number;
  block: number;
  bits: number;
  signed: boolean;
  columns: Column[];
  bias: Float32Array | undefined;
}

/** Weights of all codes, zeros at both ends and between; `ends`: only the codes farthest from the zero. */
function caseOf(
  shape: readonly [number, number, number, number],
  format: (typeof FORMATS)[number],
  seed: number,
): Case {
  const [m, n, k, block] = shape;
  const next = randomWords(seed);
  const lo = format.signed ? -(2 ** (format.bits - 1)) : 0;
  const hi = lo + 2 ** format.bits - 1;
  const blocks = Math.ceil(k / block);
  const columns = Array.from({ length: n }, (_, j) => ({
    codes: Array.from({ length: k }, () => (j % 3 === 2 ? (j % 2 ? lo : hi) : lo + (next() % (hi - lo + 1)))),
    scale: Float32Array.from({ length: blocks }, () => (next() % 1000) / 700 + 2 ** -((next() % 20) + 1)),
    zero: Array.from({ length: blocks }, () => (j % 3 === 2 ? (j % 2 ? hi : lo) : lo + (next() % (hi - lo + 1)))),
    block,
  }));
  return { m, n, k, block, ...format, columns, bias: seed % 2 ? valuesOf(n, seed, true) : undefined };
}

function packed(b: Bench, { n, k, block, bits, signed, columns }: Case): number {
  const codes = columns.flatMap(({ codes }) => Array.from(codes, (code) => code & (2 ** bits - 1)));
  const data = b.put(bits === 8 ? Uint8Array.from(codes) : packCodes(codes, bits), 3);
  const scales = b.put(Float32Array.from(columns.flatMap(({ scale }) => Array.from(scale))));
  const zeros = b.put(Int32Array.from(columns.flatMap(({ zero }) => Array.from(zero))));
  const panels = b.reserve(b.k.bytes_panel(k, block, bits) * Math.ceil(n / 4));
  const scratch = b.reserve(bits < 8 ? 4 * k : 0, 1);
  b.k.pack_panels(data, scales, zeros, panels, scratch, n, k, block, bits, signed ? 2 ** (bits - 1) : 0);
  return panels;
}

const rowOf = <T extends Float32Array | Int8Array | Uint8Array>(x: T, i: number, k: number) =>
  x.subarray(i * k, (i + 1) * k) as T;

/** Rows of y lie `n + 3` values apart; what is between is not written to. */
function assertRows(
  b: Bench,
  y: number,
  { m, n, columns, bias, ...c }: Case,
  value: (i: number, w: Column, bias?: number) => number,
): void {
  const rows = b.get(y, new Float32Array(m * (n + 3)));
  const expected = new Float32Array(m * (n + 3)).fill(7);
  for (let i = 0; i < m; i++) {
    for (const [j, column] of columns.entries()) expected[i * (n + 3) + j] = value(i, column, bias?.[j]);
  }
  assertBits(rows, expected, `${m} x ${n} x ${c.k}, blocks of ${c.block}, ${c.bits} bits${c.signed ? ", signed" : ""}`);
}

function* cases(): Generator<Case> {
  for (const [i, shape] of SHAPES.entries()) {
    for (const [j, format] of FORMATS.entries()) yield caseOf(shape, format, i * 7 + j);
  }
}

testKernel("multiply_f32_panels_f32 of pack_panels and arrange_f32_rows", (bench) => {
  for (const c of cases()) {
    const { m, n, k, block, bits, bias } = c;
    // values whose float32 sums are not exact; in one row an infinity and a NaN
    const x = valuesOf(m * k, 3, true).map((v, i) =>
      m > 4 && i === 2 * k ? Infinity : m > 4 && i === 3 * k ? NaN : Math.fround(v / 7),
    );
    const b = bench();
    const panels = packed(b, c);
    const rows = b.reserve(m * b.k.bytes_row(k, block, bits, 1));
    b.k.arrange_f32_rows(b.put(x), rows, m, k, block, bits);
    const y = b.put(new Float32Array(m * (n + 3)).fill(7));
    b.k.multiply_f32_panels_f32(rows, panels, bias ? b.put(bias) : 0, y, m, n, k, block, bits, (n + 3) * 4);
    assertRows(b, y, c, (i, column, offset) => floatBlocks(rowOf(x, i, k), column, offset));
    // one NaN, whatever the host's arithmetic gives
    for (const bitsOfY of b.get(y, new Uint32Array(m * (n + 3)))) {
      if ((bitsOfY & 0x7fffffff) > 0x7f800000) assert.equal(bitsOfY, 0x7fc00000);
    }
    b.checkGuards();
  }
});

testKernel("multiply_i8_panels_f32 of pack_panels and arrange_i8_rows", (bench) => {
  for (const c of cases()) {
    const { m, n, k, block, bits, bias } = c;
    for (const kind of [Int8Array, Uint8Array]) {
      const flip = kind === Uint8Array ? 128 : 0;
      const [lo, hi] = [flip - 128, flip + 127];
      const next = randomWords(m + k);
      for (const zero of [lo, hi, lo + 101]) {
        const x = new kind(m * k).map((_, i) => (i % (3 * k) < k ? (zero > lo + 100 ? lo : hi) : next()));
        const b = bench();
        const panels = packed(b, c);
        const rows = b.reserve(m * b.k.bytes_row(k, block, bits, 0));
        b.k.arrange_i8_rows(b.put(x, 1), rows, m, k, block, bits, zero, flip);
        const y = b.put(new Float32Array(m * (n + 3)).fill(7));
        const scale = Math.fround(0.037);
        b.k.multiply_i8_panels_f32(rows, panels, bias ? b.put(bias) : 0, y, m, n, k, block, bits, (n + 3) * 4, scale);
        assertRows(b, y, c, (i, column, offset) => codeBlocks({ codes: rowOf(x, i, k), scale, zero }, column, offset));
      }
    }
  }
});

testKernel("bytes_panel and bytes_row", (bench, tier) => {
  const { k } = bench();
  assert.equal(k.bytes_panel(0, 32, 4), 0);
  assert.equal(k.bytes_panel(40, 32, 4), 2 * 32 + 5 * 16);
  assert.equal(k.bytes_panel(300, 256, 2), 2 * 16 + 3 * 16 + (32 + 6) * 16);
  assert.equal(k.bytes_panel(40, 32, 8), 2 * 32 + 10 * 16);
  assert.equal(k.bytes_row(41, 32, 4, 1), 48 * 4);
  assert.equal(k.bytes_row(41, 32, 8, 1), 44 * 4);
  assert.equal(k.bytes_row(41, 32, 4, 0), 2 * 4 + 48 * (tier === "relaxed" ? 1 : 2));
  assert.equal(k.bytes_row(300, 256, 8, 0), 3 * 4 + 300 * 2);
});

testKernel("accumulate_i16_i16_i32_narrow", (bench) => {
  for (const [m, n, k] of [
    [0, 1, 1],
    [1, 0, 1],
    [1, 1, 0],
    [1, 1, 1],
    [3, 4, 5],
    [7, 8, 9],
    [2, 3, 257],
    [5, 1, 100],
  ] as const) {
    for (const bits of [2, 16, 17, 24, 31]) {
      for (const overflow of ["saturate", "wrap"] as const) {
        const next = randomWords(k + bits);
        const differences = (length: number) =>
          Int16Array.from({ length }, (_, i) => (i % 5 === 0 ? (i % 2 ? 255 : -255) : (next() % 511) - 255));
        const b = bench();
        const [x, w] = [differences(m * k), differences(n * k).map((v, i) => (i < k ? Math.abs(v) : v))];
        const sums = b.reserve(m * n * 4);
        const overflows = b.k.accumulate_i16_i16_i32_narrow(
          b.put(x, 2),
          b.put(w, 6),
          sums,
          m,
          n,
          k,
          bits,
          +(overflow === "wrap"),
        );
        const expected = Array.from({ length: m * n }, (_, i) => {
          const [row, column] = [Math.floor(i / n) * k, (i % n) * k];
          return narrowSum(x.subarray(row, row + k), w.subarray(column, column + k), bits, overflow);
        });
        assertBits(
          b.get(sums, new Int32Array(m * n)),
          expected.map(({ sum }) => sum),
          `${m} x ${n} x ${k}, ${bits} bits`,
        );
        assert.equal(
          overflows,
          expected.reduce((all, each) => all + each.overflows, 0),
        );
      }
    }
  }
});

testKernel("multiply_f32_panels_f32 by parts of rows and columns", (bench) => {
  const c = caseOf([13, 22, 75, 32], { bits: 4, signed: true }, 1);
  const { m, n, k, block, bits } = c;
  const b = bench();
  const panels = packed(b, c);
  const stride = b.k.bytes_row(k, block, bits, 1);
  const rows = b.reserve(m * stride);
  b.k.arrange_f32_rows(b.put(valuesOf(m * k, 3, true)), rows, m, k, block, bits);
  const [whole, parts] = [b.reserve(m * n * 4), b.reserve(m * n * 4)];
  const bias = b.put(c.bias as Float32Array);
  b.k.multiply_f32_panels_f32(rows, panels, bias, whole, m, n, k, block, bits, n * 4);
  for (const [row, till] of [
    [0, 3],
    [3, 4],
    [4, 13],
  ] as const) {
    for (const [column, end] of [
      [0, 4],
      [4, 16],
      [16, 22],
    ] as const) {
      const part = panels + (column / 4) * b.k.bytes_panel(k, block, bits);
      const to = parts + (row * n + column) * 4;
      const sizes = [till - row, end - column, k, block, bits, n * 4] as const;
      b.k.multiply_f32_panels_f32(rows + row * stride, part, bias + column * 4, to, ...sizes);
    }
  }
  assertBits(b.get(parts, new Float32Array(m * n)), b.get(whole, new Float32Array(m * n)), "in parts");
});

// matmul, accumulate and prepare as users call them, against the oracle: every size, sign and zero, bit for bit in every
// tier of the host.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulate, matmul, prepare, type QTensor } from "../../src/index.ts";
import { multiply, preparedProduct, product, tensorOf, weightOf } from "../conformance/integer.product.ts";
import { assertBits, randomWords } from "../kernels/harness.ts";
import { geometryOf } from "../reference/conv.ts";
import { linearSums, wrap32 } from "../reference/gemm.ts";
import { accumulated, type Multiplication, multiplied, type Operand } from "../reference/integer.ts";
import {
  ARITHMETICS,
  assertResult,
  operandOf,
  PAIRS,
  RANGES,
  randomScales,
  SIZES,
  testTiers,
  variedResult,
  withResult,
} from "./operands.ts";

const LARGEST = SIZES.at(-1) as number;

/** A product whose result's codes make use of their range. */
function productOf(x: Operand, w: Operand, given?: Partial<Multiplication>): Multiplication {
  return withResult({ ...geometryOf(), operator: "linear", x, w }, x.shape.at(-1) as number, given);
}

/** The first rows of a matrix. */
function rowsOf(whole: Operand, rows: number): Operand {
  const k = whole.shape[1] as number;
  const zero = whole.zero.length === 1 ? whole.zero : whole.zero.slice(0, rows);
  return { ...whole, shape: [rows, k], codes: whole.codes.slice(0, rows * k), zero };
}

/** Fails unless the sums of the first m by n rows are those of the whole's. */
function assertSums(x: QTensor, w: QTensor, [m, n]: [number, number], whole: Float64Array, what: string): void {
  const sums = accumulate(x, w);
  assert.equal(sums.length, m * n, what);
  for (let i = 0; i < m * n; i++) {
    const wanted = whole[Math.floor(i / n) * LARGEST + (i % n)];
    if (Number(sums[i]) !== wanted) assert.fail(`${what}, sum ${i}: expected ${wanted}, got ${sums[i]}`);
  }
}

/** Zeros that meet: at both ends, in the middle, one a row of w. */
const ZEROS = [
  ["lo", ["hi"]],
  ["hi", [0]],
  [7, ["lo"]],
  ["hi", ["hi"]],
  [0, [5]],
  [0, [0]],
  ["lo", Array.from({ length: LARGEST }, (_, i) => (["lo", "hi", 1] as const)[i % 3] as "lo" | "hi" | 1)],
] as const;

for (const [pair, [xFormat, wFormat]] of PAIRS.entries()) {
  const wholes = SIZES.map((k, at) => {
    const [zx, zw] = ZEROS[(at + pair) % ZEROS.length] as (typeof ZEROS)[number];
    const x = operandOf(xFormat, [LARGEST, k], at, { zero: [zx] });
    const w = operandOf(wFormat, [LARGEST, k], at + 100, { zero: zw });
    return { x, w, k, sums: undefined as Float64Array | undefined };
  });
  const sizes = pair < 4 ? SIZES : SIZES.filter((_, i) => i % 2 === pair % 2);
  testTiers(`the sums of ${xFormat} and ${wFormat} are exact in every size`, () => {
    for (const whole of wholes) {
      whole.sums ??= linearSums(whole.x, whole.w).sums as Float64Array;
      const xs = sizes.map((m) => tensorOf(rowsOf(whole.x, m), 0));
      const ws = sizes.map((n) => weightOf({ operator: "linear", w: rowsOf(whole.w, n) }));
      for (const [i, m] of sizes.entries()) {
        for (const [j, n] of sizes.entries()) {
          const what = `${m} x ${n} x ${whole.k}`;
          assertSums(xs[i] as QTensor, ws[j] as QTensor, [m, n], whole.sums, what);
        }
      }
    }
  });
}

/** Every pair of m, n, k with the third one cycling. */
function* sizePairs(): Generator<[m: number, n: number, k: number]> {
  const third = [5, 33, 8, 17, 1, 64];
  let i = 0;
  for (const a of SIZES) {
    for (const b of SIZES) {
      const c = third[i++ % third.length] as number;
      yield [a, b, c];
      if (a * b <= 1100) yield* [[a, c, b] as [number, number, number], [c, a, b] as [number, number, number]];
    }
  }
}

/** A product of these sizes in which all that can be varied is varied by its number. */
function variedProduct([m, n, k]: [number, number, number], i: number): Multiplication {
  const [xFormat, wFormat] = PAIRS[i % PAIRS.length] as (typeof PAIRS)[number];
  const [zx, zw] = ZEROS[i % ZEROS.length] as (typeof ZEROS)[number];
  const each = i % 2 === 1 && n > 1;
  const x = operandOf(xFormat, [m, k], i, { zero: [zx], scale: [0.02] });
  const w = operandOf(wFormat, [n, k], i + 1, {
    zero: each ? Array.from({ length: n }, (_, c) => zw[c % zw.length] ?? 0) : zw.slice(0, 1),
    scale: each ? randomScales(n, i) : [0.05],
  });
  return productOf(x, w, variedResult(n, i));
}

testTiers("results of every size are the oracle's", () => {
  let i = 0;
  for (const sizes of sizePairs()) assertResult(variedProduct(sizes, i), `product ${i++}: ${sizes}`);
});

testTiers("every arithmetic, result format, clamp and zero with every pair of formats", () => {
  const activations = [undefined, [0, Infinity], [-Infinity, -0.01], [0.013, 0.013]] as const;
  let i = 0;
  for (const [xFormat, wFormat] of PAIRS) {
    const x = operandOf(xFormat, [5, 17], 1, { zero: ["lo"], scale: [0.03] });
    const w = operandOf(wFormat, [9, 17], 2, { zero: new Array(9).fill("hi"), scale: randomScales(9, 3) });
    for (const arithmetic of ARITHMETICS) {
      for (const format of ["int8", "uint8", "int16"]) {
        for (const zero of RANGES[format] as readonly number[]) {
          for (const activation of activations) {
            assertResult(productOf(x, w, { arithmetic, y: { format, zero, scale: 1 }, activation }), `way ${i++}`);
          }
        }
      }
    }
  }
});

/** Codes of one value, of the other, or of both in turn. */
const PATTERNS = [
  (lo: number) => () => lo,
  (_lo: number, hi: number) => () => hi,
  (lo: number, hi: number) => (_: unknown, i: number) => (i % 2 ? lo : hi),
];

testTiers("activations of all eight bits meet weights of -128", () => {
  for (const [xFormat, wFormat] of PAIRS.slice(0, 4)) {
    for (const [i, [xCodes, wCodes]] of PATTERNS.flatMap((a) => PATTERNS.map((b) => [a, b] as const)).entries()) {
      for (const [m, n, k] of [
        [1, 9, 33],
        [5, 9, 1024],
      ] as const) {
        const x = operandOf(xFormat, [m, k], 1, { zero: [i % 2 ? "lo" : "hi"] });
        const w = operandOf(wFormat, [n, k], 1, { zero: [i % 3 ? 0 : "hi"] });
        const [xs, ws] = [RANGES[xFormat], RANGES[wFormat]] as [readonly [number, number], readonly [number, number]];
        const each = productOf(
          { ...x, codes: x.codes.map(xCodes(...xs)) },
          { ...w, codes: w.codes.map(wCodes(...ws)) },
        );
        assertBits(product.accumulate(each), [...accumulated(each).sums], `${xFormat} ${wFormat} ${i} ${k}`);
        assertResult(each, `eight bits ${xFormat} ${wFormat} ${i} ${k}`);
      }
    }
  }
});

/** A product of the largest codes and weights of one sign. */
function extremeProduct(xFormat: string, wFormat: string, [m, n, k]: number[], given: Partial<Multiplication>) {
  const [, hi] = RANGES[xFormat] as readonly [number, number];
  const x = operandOf(xFormat, [m as number, k as number], 1, { zero: ["lo"], scale: [0.5] });
  const w = operandOf(wFormat, [n as number, k as number], 2, { scale: [0.25] });
  const signs = w.codes.map((_, i) => (Math.floor(i / (k as number)) % 2 ? -128 : 127));
  const y = { format: "int16", zero: 0, scale: 1 };
  return productOf({ ...x, codes: x.codes.map(() => hi) }, { ...w, codes: signs }, { y, ...given });
}

testTiers("accumulators near the ends of int32: inside, at and beyond them", () => {
  const ends = [
    2 ** 31 - 1,
    2 ** 31 - 2,
    -(2 ** 31),
    -(2 ** 31) + 1,
    2 ** 30,
    -(2 ** 30),
    2 ** 31 - 40000,
    40000 - 2 ** 31,
  ];
  let i = 0;
  for (const [xFormat, wFormat] of PAIRS.slice(0, 4)) {
    for (const arithmetic of ARITHMETICS) {
      for (const scale of [2 ** -31, 2 ** -24, 2 ** -16, 3e-10, 2 ** -3, 1]) {
        for (const format of ["int8", "uint8", "int16"]) {
          const [x, w] = [operandOf(xFormat, [4, 3], i, { zero: ["lo"] }), operandOf(wFormat, [8, 3], i)];
          const zero = (RANGES[format] as readonly number[])[i % 2] as number;
          const y = { format, zero, scale: Math.fround((Math.fround(0.05) * Math.fround(0.05)) / scale) };
          const each = { ...productOf(x, w, { arithmetic, bias: Int32Array.from(ends) }), y };
          assertResult(each, `ends ${i++}: ${xFormat} ${wFormat} ${arithmetic} ${format} ${scale}`);
        }
      }
    }
  }
});

testTiers("sums beyond int32 take the wide path; accumulate wraps", () => {
  for (const arithmetic of ARITHMETICS) {
    const each = extremeProduct("uint8", "int8", [2, 9, 70000], { arithmetic });
    assertResult(each, `wide ${arithmetic}`);
    assertResult({ ...each, bias: new Int32Array(9).fill(2 ** 31 - 1) }, `wide and biased ${arithmetic}`);
    assertBits(product.accumulate(each), Array.from(accumulated(each).sums, wrap32), "wrapped");
  }
});

testTiers("sums of 16-bit activations are exact, with biases of 64 bits", () => {
  for (const arithmetic of ARITHMETICS) {
    for (const k of [1, 16, 257, 70000]) {
      const each = extremeProduct("int16", "int8", [3, 9, k], { arithmetic });
      const sums = accumulated(each).sums;
      const wide = accumulate(tensorOf(each.x, 0), weightOf(each));
      assert.deepEqual(wide, BigInt64Array.from(sums, BigInt));
      const bias = BigInt64Array.from({ length: 9 }, (_, i) => (i % 2 ? 1n : -1n) * 2n ** BigInt(i * 5));
      assertResult({ ...each, bias }, `int16 ${arithmetic} ${k}`);
    }
  }
});

testTiers("leaky relu and prelu give negative sums another multiplier", () => {
  let i = 0;
  for (const [xFormat, wFormat] of PAIRS) {
    const [x, w] = [operandOf(xFormat, [5, 33], 1, { zero: [1] }), operandOf(wFormat, [9, 33], 2)];
    const each = [x, { ...w, zero: new Array(9).fill(0), scale: Float32Array.from(randomScales(9, 3)) }] as const;
    for (const arithmetic of ARITHMETICS) {
      for (const alpha of [[0.1], [-1.5], [0], [3], [0.25, 0, -0.5, 1, 1e-10, -1e-10, 7, -0.1, 0.3]]) {
        assertResult(
          productOf(...each, { arithmetic, alpha, y: { format: "int16", scale: 1, zero: 9 } }),
          `slope ${i++}`,
        );
      }
    }
  }
  const [x, w] = [operandOf("int8", [3, 4], 1), operandOf("int8", [5, 4], 2)];
  const plain = productOf(x, w);
  const options = { scale: plain.y.scale, activation: "leaky_relu" } as const;
  const byDefault = matmul(tensorOf(x, 0), weightOf(plain), options);
  assert.deepEqual(byDefault, matmul(tensorOf(x, 0), weightOf(plain), { ...options, alpha: 0.01 }));
});

testTiers("one scale for all: TensorFlow Lite's products multiply it in float32", () => {
  const next = randomWords(1);
  const bias = Int32Array.from({ length: 6000 }, () => next() | 0);
  for (const arithmetic of ARITHMETICS) {
    const x = operandOf("int8", [1, 1], 1, { scale: [0.0341] });
    for (const scale of [[0.1234], randomScales(6000, 1)]) {
      const w = operandOf("int8", [6000, 1], 2, { scale });
      const y = { format: "int16", scale: Math.fround(0.0341 * 0.1234 * 2 ** 16), zero: 0 };
      assertResult({ ...productOf(x, w, { arithmetic, bias }), y }, `one scale ${arithmetic} ${scale.length}`);
    }
  }
});

test("float32 biases are rounded to steps of the sums", () => {
  const [x, w] = [operandOf("uint8", [3, 5], 1), operandOf("int8", [4, 5], 2, { scale: randomScales(4, 1) })];
  const each = productOf(x, { ...w, zero: [0, 0, 0, 0] });
  assertResult({ ...each, bias: Float32Array.of(0.5, -1.25, 3e-3, 12.34567) }, "float bias");
});

testTiers("batches: leading axes broadcast", () => {
  const shapes: [x: number[], w: number[]][] = [
    [
      [2, 3, 5],
      [4, 5],
    ],
    [
      [2, 1, 3, 5],
      [4, 5],
    ],
    [[5], [4, 5]],
    [
      [2, 3, 5],
      [2, 4, 5],
    ],
    [
      [3, 5],
      [2, 4, 5],
    ],
    [
      [2, 1, 3, 5],
      [3, 4, 5],
    ],
    [
      [1, 3, 5],
      [2, 3, 4, 5],
    ],
    [
      [0, 3, 5],
      [1, 4, 5],
    ],
    [
      [2, 0, 5],
      [2, 4, 5],
    ],
    [
      [2, 3, 0],
      [2, 4, 0],
    ],
  ];
  for (const [i, [xShape, wShape]] of shapes.entries()) {
    for (const scale of [[0.05], randomScales(4, i)]) {
      const x = operandOf("uint8", xShape, i, { zero: [100] });
      const w = operandOf("int8", wShape, i, { scale, zero: scale.map((_, c) => c - 2) });
      const rank2 = { ...x, shape: xShape.length === 1 ? [1, ...xShape] : xShape };
      const each = productOf(rank2, w);
      const wanted = accumulated(each);
      const { shape, data } = matmul(tensorOf(x, 0), weightOf(each), { scale: each.y.scale, format: "int8" });
      assert.deepEqual(shape, xShape.length === 1 ? [4] : wanted.shape, `${xShape} ${wShape}`);
      assertBits(data as Int8Array, multiplied(each, wanted), `${xShape} ${wShape}`);
      if (wShape.length === 4) continue; // to accumulate, a convolution
      assertBits(accumulate(tensorOf(x, 0), weightOf(each)) as Int32Array, [...wanted.sums], `${xShape} ${wShape}`);
    }
  }
});

test("fused clamps by name are the clamps they stand for", () => {
  const [x, w] = [operandOf("int8", [9, 17], 1), operandOf("int8", [7, 17], 2)];
  const [a, b] = [tensorOf(x, 0), weightOf({ operator: "linear", w })];
  for (const arithmetic of ARITHMETICS) {
    for (const [activation, interval] of [
      ["relu", [0, Infinity]],
      ["relu6", [0, 6]],
      ["relu_n1_to_1", [-1, 1]],
    ] as const) {
      const options = { scale: 0.081, zero: -3, arithmetic };
      assert.deepEqual(matmul(a, b, { ...options, activation }), matmul(a, b, { ...options, activation: interval }));
    }
  }
});

testTiers("prepared weights give what plain ones give", () => {
  for (let i = 0; i < 80; i++) {
    const sizes = [i % 5, SIZES[(i * 7) % 14], SIZES[(i * 3) % 15]] as [number, number, number];
    const each = variedProduct(sizes, i);
    assertBits(preparedProduct.multiply(each), product.multiply(each), `prepared ${i}`);
    assertBits(preparedProduct.accumulate(each), product.accumulate(each), `prepared sums ${i}`);
  }
});

test("a prepared weight serves again and again, in between others", () => {
  const each = variedProduct([5, 33, 17], 1);
  const [plain, other] = [weightOf(each), variedProduct([3, 9, 8], 2)];
  const wanted = multiply(each, plain);
  const [one, two] = [prepare(plain), prepare(weightOf(other))];
  (plain.data as Int8Array).fill(1); // it was copied
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(multiply(each, one), wanted);
    assert.deepEqual(multiply(other, two), multiply(other));
    accumulate(
      tensorOf(operandOf("int8", [300, 3000], i), 0),
      weightOf({ operator: "linear", w: operandOf("int8", [7, 3000], i) }),
    );
  }
  one.dispose();
  assert.deepEqual(multiply(other, two), multiply(other));
  two.dispose();
});

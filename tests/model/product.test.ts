// MatMul and Gemm against the oracle, bit for bit; integers against plain sums.
import assert from "node:assert/strict";
import { test } from "node:test";
import { run, type Tensor } from "../../src/index.ts";
import { type Attribute, makeNode } from "../../src/model/graph.ts";
import { useTier } from "../../src/wasm/kernels.ts";
import { assertBits, randomWords, tiers } from "../kernels/harness.ts";
import { at } from "../reference/at.ts";
import { type FloatFinish, floatDot, floatFinish } from "../reference/floatproduct.ts";
import { type Sentence, testSentences } from "../tensor/sentences.ts";
import { floats, integers, modelOf } from "./models.ts";

const sizeOf = (shape: readonly number[]) => shape.reduce((all, extent) => all * extent, 1);

/** A tensor of numbers of -1..1. */
function random(shape: readonly number[], seed: number) {
  const next = randomWords(seed);
  return floats(
    shape,
    Array.from({ length: sizeOf(shape) }, () => next() / 2 ** 31 - 1),
  );
}

type Attributes = Record<string, bigint | number | string>;

/** A node on a, b and, where it is there, c; constants are all but the first, or none. */
function multiply(
  op: string,
  operands: Record<string, Tensor>,
  attributes: Attributes,
  areConstant: boolean,
  more: readonly [string, Attribute][] = [],
) {
  const names = Object.keys(operands);
  const fed = areConstant ? names.slice(0, 1) : names;
  const domain = op.startsWith("Fused") ? "com.microsoft" : "";
  const node = makeNode(op, names, ["y"], attributes, domain);
  const constants = names.filter((name) => !fed.includes(name)).map((name) => [name, operands[name]] as const);
  const model = modelOf([{ ...node, attributes: new Map([...node.attributes, ...more]) }], {
    inputs: fed.map((name) => ({ name })),
    constants: new Map(constants) as never,
  });
  const { y } = run(model, Object.fromEntries(fed.map((name) => [name, operands[name] as Tensor])));
  return y as Tensor;
}

/** numpy's matmul, each value by `dot(pairs of factors)`. */
function matMul<T, V>(a: Tensor, b: Tensor, dot: (pairs: [T, T][]) => V): { shape: number[]; values: V[] } {
  const [aShape, bShape] = [
    a.shape.length === 1 ? [1, ...a.shape] : a.shape,
    b.shape.length === 1 ? [...b.shape, 1] : b.shape,
  ];
  const [m, k] = aShape.slice(-2) as [number, number];
  const n = bShape.at(-1) as number;
  const rank = Math.max(aShape.length, bShape.length) - 2;
  const batchOf = (shape: readonly number[]) => [...new Array(rank - shape.length + 2).fill(1), ...shape.slice(0, -2)];
  const [aBatch, bBatch] = [batchOf(aShape), batchOf(bShape)];
  const batch = aBatch.map((extent, i) => (extent === 1 ? bBatch[i] : extent));
  const values: V[] = [];
  const placeOf = (index: number, own: readonly number[]) => {
    let [rest, place, size] = [index, 0, 1];
    for (let axis = rank - 1; axis >= 0; axis--) {
      place += (at(own, axis) === 1 ? 0 : rest % at(batch, axis)) * size;
      size *= at(own, axis);
      rest = Math.floor(rest / at(batch, axis));
    }
    return place;
  };
  for (let i = 0; i < sizeOf(batch) * m * n; i++) {
    const index = Math.floor(i / (m * n));
    const row = placeOf(index, aBatch) * m + (Math.floor(i / n) % m);
    const column = placeOf(index, bBatch) * k * n + (i % n);
    values.push(
      dot(Array.from({ length: k }, (_, j) => [at(a.data as never, row * k + j), at(b.data as never, column + j * n)])),
    );
  }
  const shape = [...batch, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])];
  return { shape, values };
}

const floatMatMul = (a: Tensor, b: Tensor) => matMul<number, number>(a, b, (pairs) => floatDot(0, pairs));

const SHAPES = [
  [
    [3, 5],
    [5, 7],
  ],
  [
    [1, 40],
    [40, 70],
  ],
  [
    [9, 33],
    [33, 9],
  ],
  [[6], [6]],
  [[6], [6, 4]],
  [[4, 6], [6]],
  [
    [2, 3, 4, 5],
    [5, 9],
  ],
  [
    [4, 5],
    [3, 5, 6],
  ],
  [
    [2, 1, 4, 5],
    [3, 5, 6],
  ],
  [
    [2, 3, 1, 5],
    [2, 3, 5, 2],
  ],
  [
    [0, 5],
    [5, 2],
  ],
  [
    [3, 0],
    [0, 2],
  ],
  [
    [2, 0, 5],
    [2, 5, 3],
  ],
] as const;

for (const tier of tiers()) {
  test(`MatMul equals the oracle (${tier})`, () => {
    useTier(tier);
    for (const [left, right] of SHAPES) {
      const [a, b] = [random(left, 1), random(right, 2)];
      const { shape, values } = floatMatMul(a, b);
      for (const areConstant of [false, true]) {
        const y = multiply("MatMul", { a, b }, {}, areConstant);
        assert.deepEqual(y.shape, shape);
        assertBits(y.data as Float32Array, Float32Array.from(values), `[${left}] [${right}] ${areConstant}`);
      }
    }
  });

  test(`Gemm equals the oracle (${tier})`, () => {
    useTier(tier);
    const [m, k, n] = [6, 11, 19];
    const [alpha, beta] = [0.3, -1.7].map(Math.fround) as [number, number];
    for (const c of [undefined, [], [1], [n], [1, n], [m, 1], [m, n], [1, 1]]) {
      for (const [transA, transB] of [
        [0n, 0n],
        [0n, 1n],
        [1n, 0n],
        [1n, 1n],
      ] as const) {
        for (const areConstant of [false, true]) {
          const [a, b] = [random(transA ? [k, m] : [m, k], 1), random(transB ? [n, k] : [k, n], 2)];
          const third = c && random(c, 3);
          const wanted = Float32Array.from({ length: m * n }, (_, i) => {
            const [row, column] = [Math.floor(i / n), i % n];
            const pairs = Array.from({ length: k }, (_, j): [number, number] => {
              const right = at(b.data, transB ? column * k + j : j * n + column);
              return [at(a.data, transA ? j * m + row : row * k + j), Math.fround(alpha * right)];
            });
            const [rows, columns] = [c?.at(-2) ?? 1, c?.at(-1) ?? 1];
            const place = (rows === 1 ? 0 : row * columns) + (columns === 1 ? 0 : column);
            return floatDot(third ? beta * at(third.data, place) : 0, pairs);
          });
          const y = multiply(
            "Gemm",
            { a, b, ...(third && { c: third }) },
            { alpha, beta, transA, transB },
            areConstant,
          );
          assert.deepEqual(y.shape, [m, n]);
          assertBits(y.data as Float32Array, wanted, `${c} ${transA} ${transB} ${areConstant}`);
        }
      }
    }
  });
}

/** A tensor with its axes in another order. */
function transpose({ shape, data }: Tensor, order: readonly number[]) {
  const steps = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const extents = order.map((axis) => at(shape, axis));
  const values = Array.from({ length: data.length }, (_, i) => {
    let [rest, place] = [i, 0];
    for (let axis = order.length - 1; axis >= 0; axis--) {
      place += (rest % at(extents, axis)) * at(steps, at(order, axis));
      rest = Math.floor(rest / at(extents, axis));
    }
    return at(data as Float32Array, place);
  });
  return floats(extents, values);
}

test("FusedMatMul reads its operands turned, and by their first axis", () => {
  const [a, b] = [random([2, 3, 4, 5], 1), random([2, 3, 5, 6], 2)];
  const alpha = 0.5;
  const { shape, values } = floatMatMul(
    a,
    floats(
      b.shape,
      [...b.data].map((v) => v * alpha),
    ),
  );
  const turns: [Attributes, number[]][] = [
    [{}, [0, 1, 2, 3]],
    [{ trans: 1n }, [0, 1, 3, 2]],
    [{ transBatch: 1n }, [2, 0, 1, 3]],
    [{ trans: 1n, transBatch: 1n }, [3, 0, 1, 2]],
  ];
  for (const [left, leftOrder] of turns) {
    for (const [right, rightOrder] of turns) {
      const named = (flags: Attributes, side: string) =>
        Object.entries(flags).map(([name, flag]) => [name + side, flag]);
      const attributes = Object.fromEntries([...named(left, "A"), ...named(right, "B"), ["alpha", alpha]]);
      const operands = { a: transpose(a, leftOrder), b: transpose(b, rightOrder) };
      for (const areConstant of [false, true]) {
        const y = multiply("FusedMatMul", operands, attributes, areConstant);
        assert.deepEqual(y.shape, shape);
        assertBits(y.data as Float32Array, Float32Array.from(values), JSON.stringify([leftOrder, rightOrder]));
      }
    }
  }
});

test("fused activations", () => {
  const [a, b] = [random([5, 6], 1), random([6, 33], 2)];
  const fused: [string, Attributes, FloatFinish][] = [
    ["Relu", {}, { lo: 0 }],
    ["LeakyRelu", {}, { slope: 0.01 }],
    ["LeakyRelu", { activation_alpha: 0.5 }, { slope: 0.5 }],
    ["Clip", { activation_alpha: -0.25, activation_beta: 0.5 }, { lo: -0.25, hi: 0.5 }],
  ];
  const sums = floatMatMul(a, b).values;
  for (const [activation, attributes, finish] of fused) {
    const wanted = Float32Array.from(sums, (sum) => floatFinish(sum, undefined, finish));
    const y = multiply("FusedGemm", { a, b }, { activation, ...attributes }, true);
    assertBits(y.data as Float32Array, wanted, activation);
  }
  const near = (activation: string, of: (v: number) => number, more: [string, Attribute][] = []) => {
    const { data } = multiply("FusedGemm", { a, b }, { activation }, false, more);
    for (const [i, sum] of sums.entries()) {
      assert.ok(Math.abs(at(data as Float32Array, i) - of(sum)) < 1e-6, activation);
    }
  };
  near("Sigmoid", (v) => 1 / (1 + Math.exp(-v)));
  near("Tanh", Math.tanh);
  near("HardSigmoid", (v) => Math.min(Math.max(0.2 * v + 0.5, 0), 1));
  near("HardSigmoid", (v) => Math.min(Math.max(0.5 * v + 0.25, 0), 1), [
    ["activation_params", { kind: "floats", value: [0.5, 0.25] }],
  ]);
});

test("integers are exact, and wrap", () => {
  const [a, b] = [integers([2, 3], [1, -2, 2 ** 40, 4, 5, 6]), integers([3, 2], [7, 8, -9, 10, 2 ** 40, 12])];
  const { values } = matMul<bigint, bigint>(a, b, (pairs) => pairs.reduce((sum, [x, w]) => sum + x * w, 0n));
  assert.deepEqual(multiply("MatMul", { a, b }, {}, false).data, BigInt64Array.from(values));
  const narrow = (format: "int32" | "uint32", kind: typeof Int32Array | typeof Uint32Array) => {
    const of = (shape: number[], data: number[]) => ({ format, shape, data: kind.from(data) });
    const [x, w] = [of([1, 2], [2 ** 31 - 1, 3]), of([2, 1], [5, 7])];
    const sum = matMul<number, bigint>(x, w, (pairs) => pairs.reduce((all, [p, q]) => all + BigInt(p) * BigInt(q), 0n));
    assert.deepEqual(
      multiply("MatMul", { a: x, b: w }, {}, false).data,
      kind.from([Number(BigInt.asIntN(32, sum.values[0] as bigint))]),
    );
  };
  narrow("int32", Int32Array);
  narrow("uint32", Uint32Array);
});

test("other floats are computed in float32", () => {
  const half = (shape: number[], codes: number[]) =>
    ({ format: "float16", shape, data: Uint16Array.from(codes) }) as const;
  const [one, two, three] = [0x3c00, 0x4000, 0x4200];
  const y = multiply("Gemm", { a: half([1, 2], [one, two]), b: half([2, 1], [one, one]) }, {}, true);
  assert.deepEqual(y, half([1, 1], [three]));
  const wide = (shape: number[], data: number[]) =>
    ({ format: "float64", shape, data: Float64Array.from(data) }) as const;
  assert.deepEqual(multiply("MatMul", { a: wide([2], [1, 2]), b: wide([2], [3, 4]) }, {}, false), wide([], [11]));
});

const [A, B] = [random([2, 3], 1), random([4, 5], 2)];
const sentences: Sentence[] = [
  [
    () => multiply("MatMul", { A, B }, {}, false),
    'ModelError: node "y" (MatMul): expected matrices that multiply, got [2,3] and [4,5]',
  ],
  [
    () => multiply("Gemm", { A, B }, {}, false),
    'ModelError: node "y" (Gemm): expected matrices that multiply, got [2,3] and [4,5]',
  ],
  [
    () => multiply("MatMul", { a: floats([], [1]), B }, {}, false),
    'ModelError: node "y" (MatMul): expected matrices or vectors, got a scalar',
  ],
  [
    () => multiply("Gemm", { a: random([3], 1), B }, {}, false),
    'ModelError: node "y" (Gemm): expected two matrices, got [3] and [4,5]',
  ],
  [
    () => multiply("Gemm", { A, b: random([3, 5], 2), c: random([2], 3) }, {}, false),
    'ModelError: node "y" (Gemm): input 2 expected a shape that broadcasts to [2,5], got [2]',
  ],
  [
    () => multiply("FusedGemm", { A, b: random([3, 5], 2) }, { activation: "Gelu" }, false),
    'ModelError: node "y" (FusedGemm): attribute "activation" expected Relu or Clip or LeakyRelu or HardSigmoid or Sigmoid or Tanh, got "Gelu"',
  ],
  [
    () => multiply("MatMul", { A, b: integers([3, 5], new Array(15).fill(1)) }, {}, false),
    'ModelError: node "y" (MatMul): input 1 expected float32, got int64',
  ],
];
testSentences(sentences);

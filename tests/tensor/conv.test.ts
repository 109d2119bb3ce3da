// conv2d, conv1d, convTranspose2d and accumulate with kernels, against the oracle: every geometry, bit for bit in every tier
// of the host.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulate, conv1d, conv2d } from "../../src/index.ts";
import {
  multiply,
  preparedProduct,
  product,
  resultOptions,
  tensorOf,
  weightOf,
} from "../conformance/integer.product.ts";
import { assertBits, randomWords } from "../kernels/harness.ts";
import { type Geometry, geometryOf } from "../reference/conv.ts";
import { wrap32 } from "../reference/gemm.ts";
import { type Accumulation, accumulated, type Multiplication } from "../reference/integer.ts";
import {
  assertResult,
  operandOf,
  PAIRS,
  randomScales,
  SIZES,
  testTiers,
  variedResult,
  withResult,
} from "./operands.ts";

interface Extents {
  /** [n, h, w, c] */
  readonly x: readonly [number, number, number, number];
  /** [o, kh, kw] */
  readonly w: readonly [number, number, number];
}

/** A convolution of these extents in which all that can be varied besides is varied by its number. */
function convolutionOf({ x: image, w: kernel }: Extents, given: Partial<Geometry>, i: number): Multiplication {
  const geometry = geometryOf(given);
  const [xFormat, wFormat] = PAIRS[i % PAIRS.length] as (typeof PAIRS)[number];
  const depth = image[3] / geometry.groups;
  const each = i % 2 === 1 && kernel[0] > 1;
  const zero = (["hi", 0, "lo", 5] as const)[Math.floor(i / 2) % 4] ?? 0;
  const x = operandOf(xFormat, image, i, { zero: [(["lo", "hi", 3] as const)[i % 3] ?? 0], scale: [0.02] });
  const w = operandOf(wFormat, [...kernel, depth], i + 1, {
    zero: each ? Array.from({ length: kernel[0] }, (_, o) => (o % 3 ? zero : 1)) : [zero],
    scale: each ? randomScales(kernel[0], i) : [0.05],
  });
  const operation: Accumulation = { ...geometry, operator: "convolution", x, w };
  return withResult(operation, kernel[1] * kernel[2] * depth, variedResult(kernel[0], i));
}

/** Fails unless sums and results are the oracle's. */
function assertConvolution(each: Multiplication, what: string): void {
  assertResult(each, what);
  const { sums } = accumulated(each);
  assertBits(
    product.accumulate(each),
    each.x.format === "int16" ? [...sums] : Array.from(sums, wrap32),
    `sums ${what}`,
  );
}

const GEOMETRIES: [extents: Extents, geometry: Partial<Geometry>][] = [
  [{ x: [1, 5, 6, 3], w: [4, 3, 3] }, {}],
  [{ x: [2, 5, 6, 3], w: [4, 3, 2] }, { strides: [2, 3] }],
  [{ x: [1, 7, 9, 3], w: [5, 3, 3] }, { dilations: [2, 3] }],
  [{ x: [1, 5, 6, 3], w: [4, 3, 3] }, { pads: [1, 1, 1, 1] }],
  [{ x: [1, 5, 6, 3], w: [4, 3, 3] }, { pads: [0, 1, 2, 3] }],
  [{ x: [1, 5, 6, 5], w: [4, 1, 1] }, { pads: [2, 0, 0, 1] }],
  [{ x: [1, 3, 2, 7], w: [9, 7, 7] }, { pads: [3, 3, 3, 3] }], // larger than the image
  [{ x: [1, 2, 2, 4], w: [3, 2, 2] }, { pads: [5, 5, 5, 5] }], // windows that see nothing but padding
  [
    { x: [1, 4, 4, 2], w: [3, 3, 3] },
    { strides: [2, 2], pads: [0, 0, 1, 1], dilations: [1, 2] },
  ],
  [{ x: [3, 1, 1, 16], w: [17, 1, 1] }, {}],
  [{ x: [2, 6, 5, 16], w: [33, 1, 1] }, { strides: [2, 2] }],
  [
    { x: [1, 6, 5, 6], w: [4, 3, 3] },
    { groups: 2, pads: [1, 0, 1, 0] },
  ],
  [{ x: [1, 6, 5, 6], w: [9, 1, 1] }, { groups: 3 }],
  [
    { x: [2, 6, 5, 32], w: [64, 2, 2] },
    { groups: 4, strides: [2, 1] },
  ],
  [
    { x: [1, 6, 5, 8], w: [8, 3, 3] },
    { groups: 8, pads: [1, 1, 1, 1] },
  ],
  [
    { x: [1, 6, 5, 8], w: [24, 3, 3] },
    { groups: 8, strides: [2, 2], pads: [0, 1, 1, 0] },
  ],
  [
    { x: [2, 9, 8, 17], w: [34, 5, 2] },
    { groups: 17, dilations: [2, 1], pads: [4, 0, 0, 1] },
  ],
  [
    { x: [1, 2, 3, 20], w: [20, 5, 5] },
    { groups: 20, pads: [2, 2, 2, 2] },
  ],
  [{ x: [1, 20, 17, 16], w: [8, 3, 3] }, { pads: [1, 1, 1, 1] }], // more rows than a block
  [
    { x: [1, 20, 17, 32], w: [32, 3, 3] },
    { groups: 32, pads: [1, 1, 1, 1] },
  ],
  [{ x: [0, 5, 6, 3], w: [4, 3, 3] }, {}],
  [{ x: [1, 0, 4, 3], w: [4, 2, 2] }, { pads: [1, 0, 1, 0] }],
  [{ x: [2, 3, 3, 0], w: [4, 2, 2] }, {}],
  [{ x: [2, 3, 3, 4], w: [0, 2, 2] }, {}],
];

testTiers("convolutions of every kind with every pair of formats", () => {
  for (const [at, [extents, geometry]] of GEOMETRIES.entries()) {
    for (let i = 0; i < 24; i++) assertConvolution(convolutionOf(extents, geometry, i), `kind ${at}, ${i}`);
  }
});

testTiers("pointwise convolutions of every number of channels and outputs", () => {
  let i = 0;
  for (const c of SIZES) {
    for (const o of SIZES)
      assertConvolution(convolutionOf({ x: [1, 2, 3, c], w: [o, 1, 1] }, {}, i++), `1x1 ${c} ${o}`);
  }
});

testTiers("depthwise convolutions of every number of channels", () => {
  let i = 0;
  for (const c of SIZES.slice(1)) {
    for (const multiplier of [1, 2, 3]) {
      for (const [kh, kw] of [
        [3, 3],
        [1, 1],
        [1, 5],
        [4, 2],
      ] as const) {
        const extents = { x: [1, 5, 6, c], w: [c * multiplier, kh, kw] } as const;
        assertConvolution(
          convolutionOf(extents, { groups: c, pads: [1, 0, 0, 1] }, i++),
          `depthwise ${c} ${multiplier} ${kh} ${kw}`,
        );
      }
    }
  }
});

testTiers("depthwise convolutions by 3 x 3 of lines of every length", () => {
  let i = 0;
  for (const width of [1, 2, 3, 4, 5, 8, 41]) {
    for (const [c, strides, pads, dilations] of [
      [16, [1, 1], [1, 1, 1, 1], [1, 1]],
      [19, [1, 2], [0, 2, 2, 1], [1, 1]],
      [8, [2, 2], [1, 1, 1, 1], [1, 1]],
      [4, [2, 1], [2, 2, 2, 2], [2, 1]],
      [33, [1, 3], [1, 1, 1, 1], [1, 1]],
      [130, [1, 2], [1, 1, 1, 1], [1, 1]],
    ] as const) {
      const extents = { x: [2, 4, width, c], w: [c, 3, 3] } as const;
      for (let k = 0; k < 4; k++) {
        const each = convolutionOf(extents, { groups: c, strides, pads, dilations }, i++);
        assertConvolution(each, `lines ${width} ${c} ${k}`);
      }
    }
  }
});

/** A seeded convolution that has an output. */
function randomConvolution(i: number): Multiplication {
  const next = randomWords(i + 1000);
  const below = (n: number) => next() % n;
  const groups = [1, 1, 1, 2, 3, 5][below(6)] as number;
  const [kh, kw] = [1 + below(4), 1 + below(4)];
  const dilations = [1 + below(2), 1 + below(3)] as const;
  const pads = [below(3), below(3), below(3), below(3)] as const;
  const least = (axis: 0 | 1, kernel: number) =>
    Math.max(dilations[axis] * (kernel - 1) + 1 - pads[axis] - pads[(2 + axis) as 2], 1);
  const image = [1 + below(2), least(0, kh) + below(6), least(1, kw) + below(6), groups * (1 + below(9))] as const;
  const strides = [1 + below(3), 1 + below(3)] as const;
  const extents = { x: image, w: [groups * (1 + below(12)), kh, kw] } as const;
  return convolutionOf(extents, { strides, pads, dilations, groups }, i);
}

testTiers("seeded convolutions", () => {
  for (let i = 0; i < 300; i++) assertConvolution(randomConvolution(i), `seed ${i}`);
});

testTiers("accumulators near the ends of int32, and beyond them", () => {
  const ends = [2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 30000, 30000 - 2 ** 31, 2 ** 30, -1, 0, 1];
  for (const groups of [1, 8]) {
    for (let i = 0; i < 48; i++) {
      const each = convolutionOf({ x: [1, 3, 3, 8], w: [8, 2, 2] }, { groups }, i);
      const scale = Math.fround(each.y.scale * ([1, 2 ** 16, 2 ** 8][i % 3] as number));
      assertResult({ ...each, bias: Int32Array.from(ends), y: { ...each.y, scale } }, `ends ${groups} ${i}`);
    }
  }
});

testTiers("one scale for all: TensorFlow Lite's convolutions multiply it in float64", () => {
  const next = randomWords(1);
  const bias = Int32Array.from({ length: 6000 }, () => next() | 0);
  for (const operator of ["convolution", "transposed"] as const) {
    for (const arithmetic of ["tflite", "tflite-single"] as const) {
      const x = operandOf("int8", [1, 1, 1, 1], 1, { scale: [0.0341] });
      const w = operandOf("int8", [6000, 1, 1, 1], 2, { scale: [0.1234] });
      const y = { format: "int16", scale: Math.fround(0.0341 * 0.1234 * 2 ** 16), zero: 0 };
      const each = { ...geometryOf(), operator, x, w, y, bias, arithmetic, activation: undefined };
      assertResult(each, `one scale ${operator} ${arithmetic}`);
    }
  }
});

testTiers("transposed convolutions of every kind", () => {
  const geometries: [Partial<Geometry>, [number, number] | undefined][] = [
    [{}, undefined],
    [{ strides: [2, 2] }, [1, 1]],
    [{ strides: [3, 2], pads: [1, 0, 2, 1] }, undefined],
    [{ dilations: [2, 3], pads: [0, 1, 2, 3] }, [0, 0]],
    [{ strides: [2, 3], dilations: [3, 2], pads: [2, 2, 2, 2] }, [1, 2]],
    [{ groups: 2, strides: [2, 1] }, undefined],
    [{ groups: 6, strides: [2, 2], pads: [1, 1, 1, 1] }, [1, 0]],
    [{ strides: [4, 4] }, undefined], // gaps that no input reaches
  ];
  for (const [at, [geometry, outputPads]] of geometries.entries()) {
    for (let i = 0; i < 16; i++) {
      const extents = { x: [1 + (i % 2), 4, 3, 6], w: [i % 3 ? 6 : 18, 3, 2] } as const;
      const each = convolutionOf(extents, geometry, i);
      assertResult({ ...each, operator: "transposed", outputPads }, `transposed ${at}, ${i}`);
    }
  }
  for (let i = 0; i < 100; i++) {
    const { pads, ...each } = randomConvolution(i);
    assertResult({ ...each, operator: "transposed", pads: [0, 0, pads[2] > 1 ? 1 : 0, 0] }, `transposed seed ${i}`);
  }
});

test("conv1d is conv2d of images one row high", () => {
  for (let i = 0; i < 24; i++) {
    const extents = { x: [2, 1, 11, 6], w: [4, 1, 3] } as const;
    const groups = 1 + (i % 2);
    const each = convolutionOf(extents, { strides: [1, 2], pads: [0, 1, 0, 2], dilations: [1, 2], groups }, i);
    const [x, w] = [tensorOf(each.x, 0), weightOf(each)];
    const flat = (shape: readonly number[]) => [shape[0] as number, ...shape.slice(2)];
    const result = conv1d(
      { ...x, shape: flat(x.shape) },
      { ...w, shape: flat(w.shape) },
      { strides: [2], pads: [1, 2], dilations: [2], groups, ...resultOptions(each) },
    );
    const wanted = multiply(each);
    assert.deepEqual(result, { ...wanted, shape: flat(wanted.shape) });
  }
});

testTiers("prepared kernels give what plain ones give", () => {
  for (let i = 0; i < 40; i++) {
    const each = randomConvolution(i);
    assertBits(preparedProduct.multiply(each), product.multiply(each), `prepared ${i}`);
    assertBits(preparedProduct.accumulate(each), product.accumulate(each), `prepared sums ${i}`);
  }
});

test("options have defaults: strides and dilations 1, no pads, one group, x's format", () => {
  const { x, w, y } = convolutionOf({ x: [1, 5, 6, 3], w: [4, 3, 3] }, {}, 0);
  const [image, kernel] = [tensorOf(x, 0), weightOf({ operator: "convolution", w })];
  const result = conv2d(image, kernel, { scale: y.scale });
  assert.deepEqual([result.format, result.zero[0], result.shape], [x.format, 0, [1, 3, 4, 4]]);
  const given = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 };
  assert.deepEqual(conv2d(image, kernel, { scale: y.scale, ...given }), result);
  assert.deepEqual(accumulate(image, kernel, given), accumulate(image, kernel));
});

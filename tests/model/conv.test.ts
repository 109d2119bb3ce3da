// Convolutions against the oracle, bit for bit: every way to place a kernel, constant weights and weights that are fed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "../../src/index.ts";
import { type Attribute, makeNode } from "../../src/model/graph.ts";
import { useTier } from "../../src/wasm/kernels.ts";
import { assertBits, randomWords, tiers } from "../kernels/harness.ts";
import { at } from "../reference/at.ts";
import {
  type FloatAxis,
  type FloatFinish,
  floatConvolution,
  floatFinish,
  floatTransposed,
} from "../reference/floatproduct.ts";
import { type Sentence, testSentences } from "../tensor/sentences.ts";
import { floats, integers, modelOf } from "./models.ts";

/** Numbers of -1..1. */
export function randoms(count: number, seed: number): Float32Array {
  const next = randomWords(seed);
  return Float32Array.from({ length: count }, () => next() / 2 ** 31 - 1);
}

const sizeOf = (shape: readonly number[]) => shape.reduce((all, extent) => all * extent, 1);

/** A convolution: attributes by name, and what the oracle has to be told of every axis. */
interface Case {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly op?: string;
  readonly attributes?: Record<string, bigint | readonly bigint[] | string>;
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly before?: readonly number[];
  readonly output: readonly number[];
  readonly groups?: number;
  readonly hasBias?: boolean;
  /** An activation, its parameters, and what it is. */
  readonly fused?: readonly [name: string, params: readonly number[], finish: FloatFinish];
  readonly hasZ?: boolean;
}

const big = (numbers: readonly number[]) => numbers.map(BigInt);

function nodeOf(each: Case, inputs: readonly string[]) {
  const { strides, dilations, groups = 1, attributes = {}, fused, hasZ } = each;
  const domain = fused || hasZ ? "com.microsoft" : "";
  const op = domain ? "FusedConv" : (each.op ?? "Conv");
  const node = makeNode(
    op,
    inputs,
    ["y"],
    {
      ...(strides && { strides: big(strides) }),
      ...(dilations && { dilations: big(dilations) }),
      ...(groups > 1 && { group: BigInt(groups) }),
      ...attributes,
    },
    domain,
  );
  const more: [string, Attribute][] = fused
    ? [
        ["activation", { kind: "string", value: fused[0] }],
        ["activation_params", { kind: "floats", value: fused[1] }],
      ]
    : [];
  return { ...node, attributes: new Map([...node.attributes, ...more]) };
}

function checkCase(each: Case, what: string): void {
  const { x, w, output, groups = 1, hasBias = true, hasZ = false, fused } = each;
  const isTransposed = each.op === "ConvTranspose";
  const channels = at(x, 1);
  const outputs = isTransposed ? at(w, 1) * groups : at(w, 0);
  const axes = output.map(
    (extent, i): FloatAxis => ({
      input: at(x, i + 2),
      kernel: at(w, i + 2),
      stride: each.strides?.[i] ?? 1,
      dilation: each.dilations?.[i] ?? 1,
      before: each.before?.[i] ?? 0,
      output: extent,
    }),
  );
  const shape = [at(x, 0), outputs, ...output];
  const data = {
    x: randoms(sizeOf(x), 1),
    w: randoms(sizeOf(w), 2),
    b: randoms(outputs, 3),
    z: randoms(sizeOf(shape), 4),
  };
  const c = { images: at(x, 0), channels, outputs, groups, axes };
  const sums = (isTransposed ? floatTransposed : floatConvolution)(c, data.x, data.w, hasBias ? data.b : undefined);
  const wanted = sums.map((sum, i) => floatFinish(sum, hasZ ? at(data.z, i) : undefined, fused?.[2] ?? {}));
  const values = {
    x: floats(x, [...data.x]),
    w: floats(w, [...data.w]),
    b: floats([outputs], [...data.b]),
    z: floats(shape, [...data.z]),
  };
  const names = ["x", "w", hasBias ? "b" : "", ...(hasZ ? ["z"] : [])] as (keyof typeof values)[];
  for (const constants of [[], ["w", "b"]] as (keyof typeof values)[][]) {
    const fed = names.filter((name) => (name as string) !== "" && !constants.includes(name));
    const model = modelOf([nodeOf(each, names)], {
      inputs: fed.map((name) => ({ name })),
      constants: new Map(constants.map((name) => [name, values[name]])),
    });
    const { y } = run(model, Object.fromEntries(fed.map((name) => [name, values[name]])));
    assert.deepEqual(y?.shape, shape, what);
    assertBits(y?.data as Float32Array, wanted, `${what}, ${constants.length > 0 ? "constant" : "fed"} weights`);
  }
}

const same = (how: string) => ({ auto_pad: how });
const CASES: Record<string, Case> = {
  "1 x 1": { x: [2, 5, 4, 7], w: [6, 5, 1, 1], output: [4, 7] },
  "1 x 1, stride 2": { x: [1, 3, 5, 6], w: [9, 3, 1, 1], strides: [2, 2], output: [3, 3] },
  "3 x 3": {
    x: [2, 3, 9, 11],
    w: [7, 3, 3, 3],
    attributes: { pads: big([1, 1, 1, 1]) },
    before: [1, 1],
    output: [9, 11],
  },
  "uneven pads, strides, dilations, no bias": {
    x: [1, 2, 10, 13],
    w: [5, 2, 2, 3],
    strides: [3, 2],
    dilations: [2, 3],
    attributes: { pads: big([1, 2, 0, 4]), kernel_shape: [2n, 3n] },
    before: [1, 2],
    output: [3, 7],
    hasBias: false,
  },
  "padding beyond the image": {
    x: [1, 1, 1, 2],
    w: [4, 1, 2, 2],
    attributes: { pads: big([3, 0, 0, 5]) },
    before: [3, 0],
    output: [3, 6],
  },
  SAME_UPPER: { x: [1, 2, 6, 7], w: [4, 2, 4, 2], attributes: same("SAME_UPPER"), before: [1, 0], output: [6, 7] },
  "SAME_LOWER, stride 2": {
    x: [1, 2, 7, 8],
    w: [4, 2, 4, 3],
    strides: [2, 2],
    attributes: same("SAME_LOWER"),
    before: [2, 1],
    output: [4, 4],
  },
  VALID: { x: [1, 2, 6, 7], w: [4, 2, 4, 2], attributes: same("VALID"), output: [3, 6] },
  "1 axis": { x: [2, 3, 20], w: [4, 3, 5], attributes: { pads: [2n, 2n] }, before: [2], output: [20] },
  "3 axes": {
    x: [2, 2, 4, 3, 5],
    w: [3, 2, 2, 3, 2],
    strides: [1, 1, 2],
    attributes: { pads: big([1, 1, 0, 0, 1, 1]) },
    before: [1, 1, 0],
    output: [4, 3, 3],
  },
  groups: {
    x: [2, 6, 5, 5],
    w: [9, 2, 3, 3],
    groups: 3,
    attributes: { pads: big([1, 1, 1, 1]) },
    before: [1, 1],
    output: [5, 5],
  },
  depthwise: {
    x: [2, 6, 7, 9],
    w: [6, 1, 3, 3],
    groups: 6,
    attributes: { pads: big([1, 1, 1, 1]) },
    before: [1, 1],
    output: [7, 9],
  },
  "depthwise, stride 2, two outputs each": {
    x: [1, 3, 8, 21],
    w: [6, 1, 3, 3],
    groups: 3,
    strides: [2, 2],
    attributes: same("SAME_UPPER"),
    output: [4, 11],
    before: [0, 1],
  },
  "depthwise, dilations and strides": {
    x: [1, 3, 15, 14],
    w: [3, 1, 5, 3],
    groups: 3,
    strides: [2, 3],
    dilations: [3, 2],
    attributes: { pads: big([6, 2, 6, 2]) },
    before: [6, 2],
    output: [8, 5],
  },
  "depthwise, 1 axis": { x: [1, 4, 9], w: [4, 1, 3], groups: 4, output: [7] },
  "depthwise, 3 axes": { x: [1, 4, 3, 3, 9], w: [4, 1, 2, 1, 3], groups: 4, output: [2, 3, 7] },
  "many outputs of one channel": {
    x: [1, 1, 13, 6],
    w: [9, 1, 10, 4],
    strides: [2, 2],
    attributes: same("SAME_UPPER"),
    before: [4, 1],
    output: [7, 3],
  },
  "no image": { x: [0, 3, 4, 4], w: [2, 3, 1, 1], output: [4, 4] },
  "no output": { x: [1, 3, 4, 4], w: [0, 3, 1, 1], output: [4, 4] },
  "no channel": { x: [1, 0, 4, 4], w: [2, 0, 3, 3], output: [2, 2] },
  relu: { x: [1, 3, 5, 5], w: [5, 3, 3, 3], output: [3, 3], fused: ["Relu", [], { lo: 0 }] },
  "clip and z": {
    x: [1, 3, 5, 5],
    w: [5, 3, 3, 3],
    output: [3, 3],
    fused: ["Clip", [-0.5, 0.75], { lo: -0.5, hi: 0.75 }],
    hasZ: true,
  },
  "leaky relu, z, depthwise": {
    x: [1, 3, 6, 6],
    w: [3, 1, 3, 3],
    groups: 3,
    output: [4, 4],
    fused: ["LeakyRelu", [0.25], { slope: 0.25 }],
    hasZ: true,
    hasBias: false,
  },
  "z, groups": { x: [2, 4, 6], w: [8, 2, 3], groups: 2, output: [4], hasZ: true },
  transposed: { op: "ConvTranspose", x: [2, 4, 5, 3], w: [4, 3, 3, 3], output: [7, 5] },
  "transposed, stride 2": {
    op: "ConvTranspose",
    x: [1, 3, 4, 5],
    w: [3, 5, 3, 3],
    strides: [2, 2],
    attributes: { pads: big([1, 1, 1, 1]), output_padding: [1n, 1n] },
    before: [1, 1],
    output: [8, 10],
  },
  "transposed, groups, dilations, uneven": {
    op: "ConvTranspose",
    x: [2, 4, 4, 3],
    w: [4, 2, 2, 3],
    groups: 2,
    strides: [3, 2],
    dilations: [2, 3],
    attributes: { pads: big([0, 2, 1, 1]) },
    before: [0, 2],
    output: [11, 8],
  },
  "transposed, taps fewer than strides": {
    op: "ConvTranspose",
    x: [1, 2, 3, 3],
    w: [2, 2, 1, 2],
    strides: [2, 3],
    output: [5, 8],
  },
  "transposed, SAME_UPPER": {
    op: "ConvTranspose",
    x: [1, 2, 3, 3],
    w: [2, 2, 3, 4],
    strides: [2, 2],
    attributes: same("SAME_UPPER"),
    before: [0, 1],
    output: [6, 6],
  },
  "transposed, SAME_LOWER": {
    op: "ConvTranspose",
    x: [1, 2, 3, 3],
    w: [2, 2, 3, 4],
    strides: [2, 2],
    attributes: same("SAME_LOWER"),
    before: [1, 1],
    output: [6, 6],
  },
  "transposed, shape given": {
    op: "ConvTranspose",
    x: [1, 2, 3, 3],
    w: [2, 2, 3, 3],
    strides: [3, 2],
    attributes: { output_shape: [10n, 8n] },
    output: [10, 8],
  },
  "transposed, smaller shape given": {
    op: "ConvTranspose",
    x: [1, 2, 3, 3],
    w: [2, 2, 3, 3],
    strides: [2, 2],
    attributes: { output_shape: [6n, 4n] },
    before: [1, 2],
    output: [6, 4],
  },
  "transposed, depthwise, 1 axis": {
    op: "ConvTranspose",
    x: [1, 3, 9],
    w: [3, 1, 4],
    groups: 3,
    strides: [2],
    output: [20],
  },
  "transposed, 3 axes": {
    op: "ConvTranspose",
    x: [1, 2, 2, 3, 2],
    w: [2, 2, 2, 3, 2],
    strides: [2, 1, 3],
    attributes: { pads: big([1, 1, 0, 0, 1, 1]) },
    before: [1, 1, 0],
    output: [3, 3, 4],
  },
};

for (const tier of tiers()) {
  for (const [what, each] of Object.entries(CASES)) {
    test(`${what} (${tier})`, () => {
      useTier(tier);
      checkCase(each, what);
    });
  }
}

/** A node on an image and a weight of these shapes. */
function convolve(
  x: readonly number[],
  w: readonly number[],
  attributes: Record<string, bigint | readonly bigint[] | string> = {},
  op = "Conv",
) {
  const model = modelOf([makeNode(op, ["x", "w"], ["y"], attributes)], { inputs: [{ name: "x" }, { name: "w" }] });
  const zeros = (shape: readonly number[]) => floats(shape, new Array(sizeOf(shape)).fill(0));
  return run(model, { x: zeros(x), w: zeros(w) });
}

test("other floats are computed in float32", () => {
  const [two, six] = [0x4000, 0x4600];
  const half = (shape: number[], codes: number[]) =>
    ({ format: "float16", shape, data: Uint16Array.from(codes) }) as const;
  const ones = half([1, 1, 3], [0x3c00, 0x3c00, 0x3c00]);
  const model = modelOf([makeNode("Conv", ["x", "w"], ["y"])], { constants: new Map([["w", ones]]) });
  assert.deepEqual(run(model, { x: half([1, 1, 3], [two, two, two]) }).y, half([1, 1, 1], [six]));
});

const [X, W] = [
  [1, 4, 5, 5],
  [6, 4, 3, 3],
];
const sentences: Sentence[] = [
  [
    () => run(modelOf([makeNode("Conv", ["x", "x"], ["y"])]), { x: integers([1, 1, 1], [1]) }),
    'ModelError: node "y" (Conv): input 0 expected float32 or float16 or bfloat16 or float64, got int64',
  ],
  [() => convolve([4, 5], [4, 5]), 'ModelError: node "y" (Conv): expected images of 1 to 3 axes, got a shape [4,5]'],
  [() => convolve(X, [6, 4, 3]), 'ModelError: node "y" (Conv): expected a weight of 4 axes, got [6,4,3]'],
  [
    () => convolve(X, [6, 3, 3, 3]),
    'ModelError: node "y" (Conv): expected a weight [6,4, ...] for [1,4,5,5] and group 1, got [6,3,3,3]',
  ],
  [
    () => convolve(X, W, { group: 3n }),
    'ModelError: node "y" (Conv): "group" expected a divisor of 4 and 6 channels, got 3',
  ],
  [
    () => convolve(X, W, { group: 0n }),
    'ModelError: node "y" (Conv): "group" expected a divisor of 4 and 6 channels, got 0',
  ],
  [
    () => convolve(X, W, { strides: [0n, 1n] }),
    'ModelError: node "y" (Conv): "strides" expected 2 integers of 1..2147483647, got [0, 1]',
  ],
  [
    () => convolve(X, W, { strides: [1n] }),
    'ModelError: node "y" (Conv): "strides" expected 2 integers of 1..2147483647, got [1]',
  ],
  [
    () => convolve(X, W, { pads: [-1n, 0n, 0n, 0n] }),
    'ModelError: node "y" (Conv): "pads" expected 4 integers of 0..2147483647, got [-1, 0, 0, 0]',
  ],
  [
    () => convolve(X, W, { kernel_shape: [3n, 2n] }),
    'ModelError: node "y" (Conv): "kernel_shape" expected [3,3], as the weight has it, got [3, 2]',
  ],
  [
    () => convolve(X, W, { auto_pad: "SAME" }),
    'ModelError: node "y" (Conv): attribute "auto_pad" expected "NOTSET" or "SAME_UPPER" or "SAME_LOWER" or "VALID", got "SAME"',
  ],
  [
    () => convolve(X, W, { dilations: [3n, 1n] }),
    `ModelError: node "y" (Conv): expected a kernel of at most 5, the padded image's extent, got one of 7`,
  ],
  [() => convolve(X, [6, 4, 0, 3]), 'ModelError: node "y" (Conv): expected taps along every axis, got [0,3]'],
  [
    () => convolve(X, [4, 2, 1, 1], { pads: [3n, 3n, 3n, 3n] }, "ConvTranspose"),
    'ModelError: node "y" (ConvTranspose): expected pads within the output, got an extent of -1',
  ],
  [
    () => convolve(X, [4, 2, 1, 1], { output_shape: [3n] }, "ConvTranspose"),
    'ModelError: node "y" (ConvTranspose): "output_shape" expected 2 extents, got [3]',
  ],
];
testSentences(sentences);

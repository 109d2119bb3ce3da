// Elementwise operators through the public API against the oracle: formats, shapes, sizes beyond a chunk, whole tables.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Activation,
  activate,
  add,
  concat,
  type FormatName,
  maximum,
  minimum,
  mul,
  pad,
  prelu,
  type QTensor,
  quantize,
  requantize,
  squaredDifference,
  sub,
} from "../../src/index.ts";
import { assertBits, randomWords } from "../kernels/harness.ts";
import { ACTIVATIONS, activate as activateCode, activateFixed } from "../reference/activation.ts";
import { dequantizeValue } from "../reference/affine.ts";
import {
  broadcastIndex,
  broadcastShape,
  codeOf,
  combine,
  combineFixed,
  concatIndices,
  type Operation,
  pad as padCodes,
  type Target,
} from "../reference/elementwise.ts";
import { anything, type Sentence, testSentences } from "./sentences.ts";

const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, int32: Int32Array };
type Name = keyof typeof ARRAYS;

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function tensor(format: Name, shape: readonly number[], scale: number, zero: number, seed = 1): QTensor {
  const next = randomWords(seed);
  const data = new ARRAYS[format](sizeOf(shape)).map(() => next());
  return { format, shape, data, scale: Float32Array.of(scale), zero: Int32Array.of(zero) };
}

/** Every code of a format. */
function allCodes(format: Name, scale: number, zero: number): QTensor {
  const { BYTES_PER_ELEMENT: bytes } = ARRAYS[format];
  const data = new ARRAYS[format](2 ** (8 * bytes)).map((_, i) => i);
  return { format, shape: [data.length], data, scale: Float32Array.of(scale), zero: Int32Array.of(zero) };
}

function targetOf(format: Name, scale: number, zero = 0): Target {
  const bits = 8 * ARRAYS[format].BYTES_PER_ELEMENT;
  const lo = format === "uint8" ? 0 : -(2 ** (bits - 1));
  return { scale: Math.fround(scale), zero, bits, lo, hi: lo + 2 ** bits - 1 };
}

const scaledOf = ({ format, scale, zero }: QTensor) => targetOf(format as Name, scale[0] as number, zero[0]);

const COMBINE = { add, sub, mul, squaredDifference, minimum, maximum, prelu };

function expected(
  operation: Operation,
  a: QTensor,
  b: QTensor,
  result: Target,
  arithmetic: "onnx" | "tflite" | "tflite-single",
): number[] {
  const shape = broadcastShape(a.shape, b.shape) as number[];
  return Array.from({ length: sizeOf(shape) }, (_, i) => {
    const p = a.data[broadcastIndex(i, shape, a.shape)] as number;
    const q = b.data[broadcastIndex(i, shape, b.shape)] as number;
    if (arithmetic === "onnx") return combine(operation, p, scaledOf(a), q, scaledOf(b), result);
    return combineFixed(operation, p, scaledOf(a), q, scaledOf(b), result, arithmetic === "tflite-single");
  });
}

test("operations on pairs equal the oracle in every format", () => {
  for (const operation of Object.keys(COMBINE) as Operation[]) {
    for (const [fa, fb, fy] of [
      ["int8", "int8", "int8"],
      ["uint8", "int8", "int16"],
      ["int16", "uint8", "uint8"],
      ["int16", "int16", "int16"],
    ] as const) {
      const a = tensor(fa, [3, 7], 0.05, 3);
      const b = tensor(fb, [3, 7], 0.31, fb === "uint8" ? 200 : -100, 2);
      const y = COMBINE[operation](a, b, { scale: 0.07, zero: 20, format: fy });
      assertBits(y.data, expected(operation, a, b, targetOf(fy, 0.07, 20), "onnx"), `${operation} ${fa} ${fb} ${fy}`);
      assert.deepEqual([y.format, y.shape, [...y.scale], [...y.zero]], [fy, [3, 7], [Math.fround(0.07)], [20]]);
    }
  }
});

test("operations on pairs equal the oracle in TensorFlow Lite's arithmetic", () => {
  for (const operation of Object.keys(COMBINE) as Operation[]) {
    for (const arithmetic of ["tflite", "tflite-single"] as const) {
      for (const format of ["int8", "uint8", "int16"] as const) {
        const zero = format === "int16" ? 0 : 30;
        const a = tensor(format, [5, 9], 0.05, zero);
        const b = tensor(format, [9], 0.31, zero, 2);
        const y = COMBINE[operation](a, b, { scale: 0.09, zero, arithmetic });
        const result = targetOf(format, 0.09, zero);
        assertBits(y.data, expected(operation, a, b, result, arithmetic), `${operation} ${format} ${arithmetic}`);
      }
    }
  }
});

test("TensorFlow Lite's prelu of int16 takes an int8 slope", () => {
  const x = tensor("int16", [4, 5], 0.01, 0);
  const slope = tensor("int8", [5], 0.02, 7, 3);
  const y = prelu(x, slope, { scale: 0.01, arithmetic: "tflite" });
  assertBits(y.data, expected("prelu", x, slope, targetOf("int16", 0.01), "tflite"), "prelu");
});

const SHAPES: [a: number[], b: number[]][] = [
  [[], []],
  [[], [3]],
  [[0], [1]],
  [[2, 0, 3], [3]],
  [[1], [2, 3]],
  [[4, 5], [5]],
  [[5], [4, 5]],
  [
    [4, 5],
    [4, 1],
  ],
  [
    [4, 1],
    [1, 5],
  ],
  [
    [2, 1, 3, 1],
    [1, 4, 1, 5],
  ],
  [
    [2, 3, 4, 5],
    [3, 1, 1],
  ],
  [
    [2, 3, 4, 5],
    [2, 1, 4, 1],
  ],
  [
    [1, 1, 1],
    [1, 1, 1, 1],
  ],
  [[3000, 13], [13]],
  [[9, 4099], [4099]],
  [
    [5, 7, 999],
    [7, 1],
  ],
  [
    [33, 1, 1031],
    [1, 3, 1],
  ],
];

test("shapes broadcast as numpy's", () => {
  for (const [shapeA, shapeB] of SHAPES) {
    const a = tensor("uint8", shapeA, 0.05, 120);
    const b = tensor("int8", shapeB, 0.04, -3, 2);
    const y = sub(a, b, { scale: 0.08, zero: 128 });
    const what = `[${shapeA}] - [${shapeB}]`;
    assert.deepEqual(y.shape, broadcastShape(shapeA, shapeB), what);
    assertBits(y.data, expected("sub", a, b, targetOf("uint8", 0.08, 128), "onnx"), what);
  }
});

test("a fused activation clamps", () => {
  const a = tensor("int8", [257], 0.05, 0);
  const b = tensor("int8", [257], 0.05, 0, 2);
  for (const arithmetic of ["onnx", "tflite"] as const) {
    const y = add(a, b, { scale: 0.06, zero: -20, activation: "relu6", arithmetic });
    const result = { ...targetOf("int8", 0.06, -20), lo: -20, hi: 80 };
    assertBits(y.data, expected("add", a, b, result, arithmetic), arithmetic);
  }
});

const NAMES = Object.keys(ACTIVATIONS) as Activation[];

test("every 8-bit table is the float function's, to the last bit", () => {
  for (const name of NAMES) {
    for (const [format, scale, zero] of [
      ["int8", 0.05, 3],
      ["uint8", 0.0625, 128],
      ["int8", 0.9, -128],
      ["uint8", 0.002, 255],
    ] as const) {
      const x = allCodes(format, scale, zero);
      for (const result of [targetOf("int8", 0.01, -128), targetOf("uint8", 0.03, 100), targetOf("int16", 1e-4, 7)]) {
        const to = (["int8", "uint8", "int16"] as const)[result.bits === 16 ? 2 : result.lo === 0 ? 1 : 0];
        const y = activate(x, name, { scale: result.scale, zero: result.zero, format: to });
        const defaults = { leaky_relu: [0.01, 0], elu: [1, 0], hard_sigmoid: [0.2, 0.5] }[name as "elu"] ?? [0, 0];
        const [alpha, beta] = defaults as [number, number];
        const codes = Array.from(x.data, (code) => activateCode(code, name, scaledOf(x), result, alpha, beta));
        assertBits(y.data, codes, `${name} of ${format} scale ${scale} as ${to}`);
      }
    }
  }
});

for (const name of NAMES) {
  test(`all 65,536 entries of ${name} are the float function's, to the last bit`, () => {
    const x = allCodes("int16", 2 ** -12, 0);
    const scale = { exp: 0.1, log: 3e-4, softplus: 3e-4 }[name as "exp"] ?? 2.5e-4;
    const y = activate(x, name, { scale });
    const result = targetOf("int16", scale);
    const [alpha, beta] = ({ leaky_relu: [0.01, 0], elu: [1, 0], hard_sigmoid: [0.2, 0.5] }[name as "elu"] ?? [
      0, 0,
    ]) as [number, number];
    const codes = Array.from(x.data, (code) => activateCode(code, name, scaledOf(x), result, alpha, beta));
    assertBits(y.data, codes, name);
  });
}

test("alpha and beta are float32", () => {
  const x = allCodes("int8", 0.05, 0);
  const result = targetOf("int8", 0.02, -10);
  for (const [name, alpha, beta] of [
    ["leaky_relu", -0.7, 0],
    ["elu", 1.6732632, 0],
    ["hard_sigmoid", 0.4, 0.1],
  ] as const) {
    const options = { scale: 0.02, zero: -10, alpha, ...(name === "hard_sigmoid" && { beta }) };
    const codes = Array.from(x.data, (code) => activateCode(code, name, scaledOf(x), result, alpha, beta));
    assertBits(activate(x, name, options).data, codes, name);
  }
});

test("tables give what direct evaluation gives, at every size and for every pair of formats", () => {
  for (const from of ["uint8", "int8", "int16"] as const) {
    for (const to of ["uint8", "int8", "int16"] as const) {
      const options = { scale: 0.01, format: to };
      const all = allCodes(from, from === "int16" ? 2 ** -12 : 0.05, 0);
      const table = activate(all, "tanh", options).data;
      for (const length of [0, 1, 255, 256, 257, 300, 65535, 65536, 65537, 98305, 131071]) {
        const x = { ...tensor(from, [length], 1, 0, length), scale: all.scale };
        const bits = from === "int16" ? 0xffff : 0xff;
        const wanted = Array.from(x.data, (code) => table[code & bits] as number);
        assertBits(activate(x, "tanh", options).data, wanted, `${length} of ${from} to ${to}`);
      }
    }
  }
});

test("TensorFlow Lite's activations equal the oracle for every code", () => {
  const cases: [Activation, Name, number, number, number, number][] = [
    ["relu", "int8", 0.1, 3, 0.07, -20],
    ["relu6", "uint8", 0.1, 3, 0.03, 20],
    ["relu_n1_to_1", "int16", 1e-4, 0, 2e-4, 0],
    ["leaky_relu", "int8", 0.1, 3, 0.07, -20],
    ["leaky_relu", "int16", 0.1, 0, 0.07, 0],
    ["sigmoid", "int8", 0.06, 3, 1 / 256, -128],
    ["sigmoid", "int8", 9, 3, 1 / 256, -128],
    ["sigmoid", "int16", 2 ** -11, 0, 1 / 32768, 0],
    ["sigmoid", "int16", 2 ** -12, 0, 1 / 32768, 0],
    ["tanh", "int8", 0.06, 3, 1 / 128, 0],
    ["tanh", "int16", 2 ** -12, 0, 1 / 32768, 0],
    ["tanh", "int16", 2 ** -11, 0, 1 / 32768, 0],
    ["tanh", "int16", 1e-3, 0, 1 / 32768, 0],
    ["hard_swish", "int8", 0.06, -40, 0.04, -110],
  ];
  for (const [name, format, scale, zero, resultScale, resultZero] of cases) {
    const x = allCodes(format, scale, zero);
    const clamp = { relu: [0, Infinity], relu6: [0, 6], relu_n1_to_1: [-1, 1] }[name as "relu"];
    const result = targetOf(format, resultScale, resultZero);
    const end = (v: number) => Math.round(Math.fround(v / result.scale)) + resultZero;
    const ends = clamp && {
      lo: Math.max(result.lo, end(clamp[0] as number)),
      hi: Math.min(result.hi, end(clamp[1] as number)),
    };
    for (const arithmetic of ["tflite", "tflite-single"] as const) {
      const alpha = name === "leaky_relu" ? { alpha: 0.3 } : {};
      const y = activate(x, name, { scale: resultScale, zero: resultZero, arithmetic, ...alpha });
      const once = arithmetic === "tflite-single";
      const codes = Array.from(x.data, (code) =>
        activateFixed(code, name, scaledOf(x), { ...result, ...ends }, once, 0.3),
      );
      assertBits(y.data, codes, `${name} of ${format}, scale ${scale}, ${arithmetic}`);
    }
  }
});

test("uint8 curves of TensorFlow Lite are the int8 ones, 128 higher", () => {
  for (const name of ["sigmoid", "tanh"] as const) {
    const scale = name === "sigmoid" ? 1 / 256 : 1 / 128;
    const lo = name === "sigmoid" ? -128 : 0;
    const signed = activate(allCodes("int8", 0.06, 0), name, { scale, zero: lo, arithmetic: "tflite" });
    const unsigned = activate(allCodes("uint8", 0.06, 128), name, { scale, zero: lo + 128, arithmetic: "tflite" });
    assertBits(
      unsigned.data,
      Array.from(unsigned.data, (_, i) => (signed.data[(i + 128) & 255] as number) + 128),
      name,
    );
  }
});

test("concat requantizes what has another scale", () => {
  for (const axis of [0, 1, 2]) {
    const shapes = [2, 1, 3].map((extent) => [2, 3, 4].map((size, i) => (i === axis ? extent : size)));
    const tensors = [
      tensor("int8", shapes[0] as number[], 0.05, 3, 1),
      tensor("uint8", shapes[1] as number[], 0.02, 90, 2),
      tensor("int16", shapes[2] as number[], 0.001, -700, 3),
    ];
    const result = targetOf("int8", 0.05, 3);
    const y = concat(tensors, { axis });
    const codes = concatIndices(shapes, axis).map(([which, index]) => {
      const each = tensors[which] as QTensor;
      const { scale, zero } = scaledOf(each);
      return codeOf(dequantizeValue(each.data[index] as number, scale, zero), result);
    });
    assertBits(y.data, codes, `axis ${axis}`);
    assert.deepEqual(
      y.shape,
      [2, 3, 4].map((size, i) => (i === axis ? 6 : size)),
    );
  }
});

test("concat keeps codes of the same scale, clamps them with an activation, and rescales in integers", () => {
  const x = tensor("int8", [300], 0.1, 7);
  assertBits(concat([x, x]).data, [...x.data, ...x.data], "the same scale");
  const clamped = concat([x], { activation: "relu" });
  assertBits(
    clamped.data,
    Array.from(x.data, (code) => Math.max(code, 7)),
    "relu",
  );
  for (const arithmetic of ["tflite", "tflite-single"] as const) {
    const y = concat([x], { scale: 0.07, zero: 3, arithmetic });
    const result = targetOf("int8", 0.07, 3);
    const once = arithmetic === "tflite-single";
    assertBits(
      y.data,
      Array.from(x.data, (code) => activateFixed(code, "rescale", scaledOf(x), result, once)),
      arithmetic,
    );
  }
});

test("pad surrounds with the zero, or a given code", () => {
  for (const [shape, pads] of [
    [[], []],
    [[0], [2, 1]],
    [[3], [2, 1]],
    [
      [2, 3],
      [1, 0, 0, 2],
    ],
    [
      [2, 1, 3],
      [0, 2, 1, 1, 0, 3],
    ],
  ] as const) {
    const x = tensor("uint8", shape, 0.1, 9);
    const y = pad(x, { pads });
    assertBits(y.data, padCodes(x.data, shape, pads, 9), `[${shape}] by [${pads}]`);
    assertBits(pad(x, { pads, value: 255 }).data, padCodes(x.data, shape, pads, 255), "with 255");
    assert.deepEqual(
      y.shape,
      shape.map((n, i) => n + (pads[i] as number) + (pads[i + shape.length] as number)),
    );
  }
});

test("requantize in TensorFlow Lite's arithmetic equals the oracle between all formats", () => {
  for (const from of ["int8", "uint8", "int16", "int32"] as const) {
    for (const to of ["int8", "uint8", "int16", "int32"] as const) {
      for (const arithmetic of ["tflite", "tflite-single"] as const) {
        const x = tensor(from, [7, 43], 0.02, from === "int32" ? -1000 : 10);
        const y = requantize(x, { format: to, scale: 0.03, zero: 5, arithmetic });
        const once = arithmetic === "tflite-single";
        const result = targetOf(to, 0.03, 5);
        // int32 codes less their zero wrap, as TensorFlow Lite's do
        const codes = Array.from(x.data, (code) =>
          activateFixed(
            ((code - (x.zero[0] as number)) | 0) + (x.zero[0] as number),
            "rescale",
            scaledOf(x),
            result,
            once,
          ),
        );
        assertBits(y.data, codes, `${from} to ${to}, ${arithmetic}`);
        assert.deepEqual([y.format, y.shape], [to, [7, 43]]);
      }
    }
  }
});

test("requantize defaults to ONNX's arithmetic", () => {
  const x = tensor("int16", [100], 0.02, 10);
  const options = { format: "uint8" as FormatName, scale: 0.03, zero: 5 };
  assertBits(requantize(x, { ...options, arithmetic: "onnx" }).data, requantize(x, options).data as never, "onnx");
});

const q = quantize(Float32Array.of(1, -2, 3), { format: "int8" });
const wide = quantize(Float32Array.of(1, -2, 3), { format: "int16", scale: 0.01 });

const SENTENCES: readonly Sentence[] = [
  [() => add(q, anything(3), { scale: 1 }), 'TypeError: "b" expected a quantized tensor, got 3'],
  [() => add(anything(null), q, { scale: 1 }), 'TypeError: "a" expected a quantized tensor, got null'],
  [
    () => add(q, quantize(Float32Array.of(1), { format: "int4" }), { scale: 1 }),
    'RangeError: "b.format" expected "int8" or "uint8" or "int16", got "int4"',
  ],
  [
    () => add(quantize(Float32Array.of(1, 2), { format: "int8", axis: 0 }), q, { scale: 1 }),
    'RangeError: "a.scale" expected one scale for the whole tensor, got Float32Array(2)',
  ],
  [
    () => add(q, quantize(Float32Array.of(1, 2), { format: "int8" }), { scale: 1 }),
    'RangeError: "b.shape" expected a shape that broadcasts with [3], got [2]',
  ],
  [() => add(q, q, anything(undefined)), 'TypeError: "scale" expected a number or an array of numbers, got undefined'],
  [() => mul(q, q, { scale: 0 }), 'RangeError: "scale" expected positive finite float32 numbers, got 0 at index 0'],
  [
    () => sub(q, q, anything({ scale: 1, alpha: 2 })),
    'TypeError: unknown option "alpha" of sub; expected "scale", "zero", "format", "activation", "arithmetic"',
  ],
  [
    () => add(q, wide, { scale: 1, arithmetic: "tflite" }),
    'RangeError: "b.format" expected "int8", as "a" has it, in TensorFlow Lite\'s arithmetic, got "int16"',
  ],
  [
    () => add(q, q, { scale: 1, format: "uint8", arithmetic: "tflite" }),
    'RangeError: "format" expected "int8", as "a" has it, in TensorFlow Lite\'s arithmetic, got "uint8"',
  ],
  [
    () => add(wide, wide, { scale: 1, zero: 3, arithmetic: "tflite" }),
    'RangeError: "zero" expected 0 for int16 in TensorFlow Lite\'s arithmetic, got 3',
  ],
  [
    () => mul(q, q, { scale: 1e-30, arithmetic: "tflite" }),
    'RangeError: "scale" expected a scale less than 2^30 times finer than the operands\', got 5.580011100753353e+26',
  ],
  [
    () => activate(q, anything("swish"), { scale: 1 }),
    `RangeError: "name" expected ${NAMES.map((name) => `"${name}"`).join(" or ")}, got "swish"`,
  ],
  [
    () => activate(q, "relu", anything({ scale: 1, activation: "relu" })),
    'TypeError: unknown option "activation" of activate; expected "scale", "zero", "format", "arithmetic", "alpha", "beta"',
  ],
  [
    () => activate(q, "relu", { scale: 1, alpha: 1 }),
    'TypeError: "alpha" and "name" exclude each other: the function has no such number',
  ],
  [() => activate(q, "elu", { scale: 1, alpha: anything("1") }), 'TypeError: "alpha" expected a number, got "1"'],
  [() => activate(q, "elu", { scale: 1, alpha: NaN }), 'RangeError: "alpha" expected a finite float32, got NaN'],
  [
    () => activate(q, "gelu", { scale: 1, arithmetic: "tflite" }),
    'RangeError: "arithmetic" expected "onnx" for gelu of int8, got "tflite"',
  ],
  [
    () => activate(wide, "hard_swish", { scale: 1, arithmetic: "tflite" }),
    'RangeError: "arithmetic" expected "onnx" for hard_swish of int16, got "tflite"',
  ],
  [
    () => activate(q, "relu", { scale: 1, format: "int16", arithmetic: "tflite" }),
    'RangeError: "format" expected "int8", as "x" has it, in TensorFlow Lite\'s arithmetic, got "int16"',
  ],
  [
    () => activate(q, "sigmoid", { scale: 0.1, zero: -128, arithmetic: "tflite" }),
    'RangeError: "scale" expected 1/256 in TensorFlow Lite\'s arithmetic, got 0.10000000149011612',
  ],
  [
    () => activate(q, "tanh", { scale: 1 / 128, zero: -128, arithmetic: "tflite" }),
    'RangeError: "zero" expected 0 in TensorFlow Lite\'s arithmetic, got -128',
  ],
  [
    () => activate({ ...wide, scale: Float32Array.of(3) }, "tanh", { scale: 1 / 32768, arithmetic: "tflite" }),
    'RangeError: "x.scale" expected less than 8/3 for tanh in TensorFlow Lite\'s arithmetic, got 3',
  ],
  [
    () => activate(q, "hard_swish", { scale: 1e-6, arithmetic: "tflite" }),
    'RangeError: "scale" expected at least 1/128 of that of "x" for hard_swish, got 9.999999974752427e-7',
  ],
  [
    () => concat(anything(q), { axis: 0 }),
    'TypeError: "tensors" expected an array of quantized tensors, got an object',
  ],
  [() => concat([]), 'RangeError: "tensors" expected at least one tensor, got []'],
  [() => concat([q], { axis: 1 }), 'RangeError: "axis" expected 0..0 for shape [3], got 1'],
  [
    () =>
      concat(
        [
          { ...q, shape: [3, 1] },
          { ...q, shape: [1, 3] },
        ],
        { axis: 0 },
      ),
    'RangeError: "tensors[1].shape" expected [any, 1], got [1, 3]',
  ],
  [() => pad(q, { pads: anything(2) }), 'TypeError: "pads" expected 2 integers, got 2'],
  [() => pad(q, { pads: [1] }), 'RangeError: "pads" expected 2 integers, got [1]'],
  [() => pad(q, { pads: [1, -1] }), 'RangeError: "pads[1]" expected an integer of 0..2147483647, got -1'],
  [() => pad(q, { pads: [1, 1], value: 200 }), 'RangeError: "value" expected an integer of -128..127, got 200'],
  [
    () => requantize(q, anything({ format: "int8", scale: 1, axis: 0, arithmetic: "tflite" })),
    'TypeError: unknown option "axis" of requantize with "tflite" arithmetic; expected "format", "scale", "zero", "arithmetic"',
  ],
  [
    () => requantize(q, { format: "int4", scale: 1, arithmetic: "tflite" }),
    'RangeError: "format" expected "int8" or "uint8" or "int16" or "int32", got "int4"',
  ],
  [
    () => requantize(q, { format: "int8", scale: 1, arithmetic: anything("lite") }),
    'RangeError: "arithmetic" expected "onnx" or "tflite" or "tflite-single", got "lite"',
  ],
];

testSentences(SENTENCES, () => assert.equal(add(q, q, { scale: 1 }).data.length, 3));

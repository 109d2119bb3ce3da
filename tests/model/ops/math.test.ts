// Elementwise operators, activations, reductions, pools, softmax and normalizations beside what the conformance cases ask:
// operator sets before 7, integers that wrap, float16 and float64, optional outputs, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FormatName } from "../../../src/formats.ts";
import { decode, encode } from "../../../src/index.ts";
import { makeNode } from "../../../src/model/graph.ts";
import { run } from "../../../src/runtime/run.ts";
import type { Tensor, TensorArray } from "../../../src/tensor/tensor.ts";
import { tensorArray } from "../../../src/tensor/tensor.ts";
import { modelOf } from "../models.ts";

type Numbers = readonly number[];

/** A tensor of a format from numbers; of the floats that have codes, encoded. */
function tensor(format: FormatName, shape: Numbers, values: Numbers): Tensor {
  if (format === "float16" || format === "bfloat16") {
    return { format, shape, data: encode(Float32Array.from(values), format) as TensorArray };
  }
  const data = new (tensorArray(format))(values.length);
  values.forEach((value, i) => {
    data[i] = (typeof data[0] === "bigint" ? BigInt(value) : value) as never;
  });
  return { format, shape, data };
}

const f32 = (shape: Numbers, values: Numbers) => tensor("float32", shape, values);

function numbers({ format, data }: Tensor): number[] {
  if (format === "float16" || format === "bfloat16") return Array.from(decode(data as Uint16Array, format));
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

/** A node that is run: its inputs x0, x1, ... fed, or all but the first constants; "" where one is undefined. */
interface Case {
  readonly op: string;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly attributes?: Parameters<typeof makeNode>[3];
  readonly opset?: number;
  readonly domain?: string;
  readonly outputs?: readonly string[];
}

function runCase(
  { op, inputs, attributes = {}, opset = 22, domain = "", outputs = ["y"] }: Case,
  fed = true,
): Tensor[] {
  const names = inputs.map((each, i) => (each ? `x${i}` : ""));
  const node = makeNode(op, names, outputs, attributes, domain);
  const given = inputs.flatMap((each, i) => (each ? [[`x${i}`, each] as const] : []));
  const isFed = (name: string) => fed || name === "x0";
  const constants = new Map(given.filter(([name]) => !isFed(name))) as never;
  const feeds = Object.fromEntries(given.filter(([name]) => isFed(name)));
  const graph = {
    inputs: Object.keys(feeds).map((name) => ({ name })),
    outputs: outputs.filter(Boolean).map((name) => ({ name })),
    constants,
  };
  const results = run(modelOf([node], graph, opset), feeds);
  return outputs.filter(Boolean).map((name) => results[name] as Tensor);
}

/** Fails unless the outputs are these, with fed inputs and with constant ones. */
function check(each: Case, ...wanted: readonly { shape: Numbers; values: Numbers; format?: FormatName }[]): void {
  for (const fed of [true, false]) {
    runCase(each, fed).forEach((result, i) => {
      const { shape, values, format } = wanted[i] as { shape: Numbers; values: Numbers; format?: FormatName };
      const of = `${each.op}, output ${i}, ${fed ? "fed" : "constant"}`;
      assert.equal(result.format, format ?? each.inputs[0]?.format, of);
      assert.deepEqual(result.shape, shape, of);
      numbers(result).forEach((value, k) => {
        const near = Math.abs(value - (values[k] as number)) <= 1e-6 * Math.max(1, Math.abs(values[k] as number));
        assert.ok(near || Object.is(value, values[k]), `${of}, value ${k}: expected ${values[k]}, got ${value}`);
      });
      assert.equal(result.data.length, values.length, of);
    });
  }
}

const refuse = (each: Case, sentence: RegExp) =>
  assert.throws(() => runCase(each), { name: "ModelError", message: sentence });

test("before opset 7 the second operand is aligned at an axis", () => {
  const inputs = [f32([1, 2, 3], [1, 2, 3, 4, 5, 6]), f32([2], [10, 20])];
  const wanted = { shape: [1, 2, 3], values: [11, 12, 13, 24, 25, 26] };
  check({ op: "Add", inputs, attributes: { broadcast: 1n, axis: 1n }, opset: 6 }, wanted);
  check({ op: "Add", inputs, attributes: { broadcast: 1n, axis: -2n }, opset: 6 }, wanted);
  refuse({ op: "Add", inputs, attributes: { broadcast: 1n, axis: 3n }, opset: 6 }, /"axis" 3 does not fit/);
  refuse({ op: "Add", inputs }, /shapes that do not broadcast: \[1,2,3\], \[2\]/);
});

test("a slope for each channel, before opset 7 without axes behind it", () => {
  const x = f32([1, 2, 2], [-1, 1, -2, 2]);
  check({ op: "PRelu", inputs: [x, f32([2], [0.5, 3])], opset: 6 }, { shape: [1, 2, 2], values: [-0.5, 1, -6, 2] });
  check({ op: "PRelu", inputs: [x, f32([2, 1], [0.5, 3])] }, { shape: [1, 2, 2], values: [-0.5, 1, -6, 2] });
});

test("integers are exact, wrap, and divide towards zero", () => {
  const [a, b] = [tensor("int8", [4], [100, -128, 7, -7]), tensor("int8", [4], [100, -1, 2, 2])];
  check({ op: "Add", inputs: [a, b] }, { shape: [4], values: [-56, 127, 9, -5] });
  check({ op: "Mul", inputs: [a, b] }, { shape: [4], values: [16, -128, 14, -14] });
  check({ op: "Div", inputs: [a, b] }, { shape: [4], values: [1, -128, 3, -3] });
  check({ op: "Mod", inputs: [a, b] }, { shape: [4], values: [0, 0, 1, 1] });
  check({ op: "Mod", inputs: [a, b], attributes: { fmod: 1n } }, { shape: [4], values: [0, 0, 1, -1] });
  const big = tensor("int64", [2], [2 ** 62, 3]);
  const twice = runCase({ op: "Mul", inputs: [big, tensor("int64", [], [2])] })[0]?.data;
  assert.deepEqual(twice, BigInt64Array.of(-(2n ** 63n), 6n));
  const zero = tensor("int64", [], [0]);
  check({ op: "Div", inputs: [big, zero] }, { shape: [2], values: [0, 0] });
  const square = runCase({ op: "Pow", inputs: [tensor("int32", [3], [-3, 2, 46341]), tensor("int64", [], [2])] });
  assert.deepEqual(square[0]?.data, Int32Array.of(9, 4, -2147479015));
  check(
    {
      op: "BitShift",
      inputs: [tensor("uint32", [2], [3, 2 ** 31]), tensor("uint32", [], [1])],
      attributes: { direction: "RIGHT" },
    },
    { shape: [2], values: [1, 2 ** 30] },
  );
});

test("any integer to a huge power takes no time", () => {
  const inputs = [tensor("int64", [3], [-1, 2, 3]), tensor("int64", [], [2 ** 52])];
  check({ op: "Pow", inputs }, { shape: [3], values: [1, 0, Number(wrapped(3n, 2n ** 52n))] });
});

function wrapped(base: bigint, exponent: bigint): bigint {
  let power = 1n;
  for (let i = 0n, square = base; i < 64n; i++, square = BigInt.asIntN(64, square * square)) {
    if ((exponent >> i) & 1n) power = BigInt.asIntN(64, power * square);
  }
  return power;
}

test("other floats: float16 and bfloat16 in float32, float64 exactly", () => {
  for (const format of ["float16", "bfloat16"] as const) {
    const x = tensor(format, [2, 2], [1, -2, 0.5, 4]);
    check({ op: "Add", inputs: [x, x] }, { shape: [2, 2], values: [2, -4, 1, 8] });
    check({ op: "Equal", inputs: [x, x] }, { shape: [2, 2], values: [1, 1, 1, 1], format: "bool" });
    check({ op: "ReduceSum", inputs: [x], attributes: { keepdims: 0n } }, { shape: [], values: [3.5] });
    check({ op: "Clip", inputs: [x, tensor(format, [], [0])] }, { shape: [2, 2], values: [1, 0, 0.5, 4] });
  }
  const doubles = tensor("float64", [2], [1e300, 1 + 2 ** -50]);
  const one = tensor("float64", [], [1]);
  check({ op: "Greater", inputs: [doubles, one] }, { shape: [2], values: [1, 1], format: "bool" });
  check({ op: "Mul", inputs: [doubles, one] }, { shape: [2], values: [1e300, 1 + 2 ** -50] });
  check({ op: "Div", inputs: [doubles, tensor("float64", [], [4])] }, { shape: [2], values: [2.5e299, 0.25] });
  check({ op: "IsInf", inputs: [doubles] }, { shape: [2], values: [0, 0], format: "bool" });
  check({ op: "Mean", inputs: [doubles, doubles] }, { shape: [2], values: [1e300, 1] });
});

test("clip: attributes, inputs, integers, bounds left out", () => {
  const x = f32([3], [-5, 0.5, 5]);
  check({ op: "Clip", inputs: [x], attributes: { min: -1, max: 1 }, opset: 6 }, { shape: [3], values: [-1, 0.5, 1] });
  check({ op: "Clip", inputs: [x, undefined, f32([], [1])] }, { shape: [3], values: [-5, 0.5, 1] });
  const wide = tensor("int64", [3], [-5, 0, 2 ** 40]);
  check({ op: "Clip", inputs: [wide, tensor("int64", [], [-1])] }, { shape: [3], values: [-1, 0, 2 ** 40] });
  check({ op: "Clip", inputs: [tensor("uint8", [2], [0, 255])] }, { shape: [2], values: [0, 255] });
  refuse({ op: "Clip", inputs: [x, f32([2], [0, 1])] }, /input 1.*expected one number/);
});

test("activations of the contributed set", () => {
  const x = f32([1, 2], [-1, 2]);
  const gelu = (v: number) => v * (v > 0 ? 0.9772498680518208 : 0.15865525393145707);
  const ms = { domain: "com.microsoft" };
  check({ op: "Gelu", inputs: [x], ...ms }, { shape: [1, 2], values: [gelu(-1), gelu(2)] });
  check({ op: "BiasGelu", inputs: [x, f32([2], [3, -3])], ...ms }, { shape: [1, 2], values: [gelu(2), gelu(-1)] });
  check({ op: "QuickGelu", inputs: [x], ...ms }, { shape: [1, 2], values: [-0.15420423, 1.93565974] });
  check({ op: "FastGelu", inputs: [x], ...ms }, { shape: [1, 2], values: [-0.15880801, 1.95459769] });
  refuse({ op: "BiasGelu", inputs: [x, f32([3], [1, 2, 3])], ...ms }, /"bias" expected shape \[2\], got \[3\]/);
});

test("reductions of integers, of nothing, and none at all", () => {
  const x = tensor("int32", [2, 3], [1, -2, 3, -4, 5, -6]);
  const axes = tensor("int64", [1], [1]);
  check({ op: "ReduceSum", inputs: [x, axes] }, { shape: [2, 1], values: [2, -5] });
  check({ op: "ReduceMean", inputs: [x, axes] }, { shape: [2, 1], values: [0, -1] });
  check({ op: "ReduceL1", inputs: [x, axes] }, { shape: [2, 1], values: [6, 15] });
  check({ op: "ReduceSumSquare", inputs: [x, axes], attributes: { keepdims: 0n } }, { shape: [2], values: [14, 77] });
  check({ op: "ReduceProd", inputs: [x, axes] }, { shape: [2, 1], values: [-6, 120] });
  const none = tensor("int64", [0, 2], []);
  const least = runCase({ op: "ReduceMin", inputs: [none, tensor("int64", [1], [0])] });
  assert.deepEqual(least[0]?.data, BigInt64Array.of(2n ** 63n - 1n, 2n ** 63n - 1n));
  const y = f32([2], [3, -4]);
  check({ op: "ReduceL1", inputs: [y], attributes: { noop_with_empty_axes: 1n } }, { shape: [2], values: [3, -4] });
  check({ op: "ReduceL2", inputs: [y] }, { shape: [1], values: [5] });
  check({ op: "ReduceL2", inputs: [f32([], [-3])] }, { shape: [], values: [3] });
  const far = f32([2, 2], [1000, 1000, -Infinity, -Infinity]);
  check({ op: "ReduceLogSumExp", inputs: [far, axes] }, { shape: [2, 1], values: [1000 + Math.LN2, -Infinity] });
  refuse({ op: "ReduceLogSum", inputs: [x] }, /input 0 expected float32/);
  refuse({ op: "ReduceSum", inputs: [x, tensor("int64", [1], [2])] }, /"axis" expected -2..1, got 2/);
});

test("axes that do not touch, as attributes", () => {
  const x = f32([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  const attributes = { axes: [0n, 2n], keepdims: 0n };
  check({ op: "ReduceSum", inputs: [x], attributes, opset: 11 }, { shape: [2], values: [14, 22] });
  check({ op: "ReduceMean", inputs: [x], attributes, opset: 13 }, { shape: [2], values: [3.5, 5.5] });
  check({ op: "ReduceSumSquare", inputs: [x], attributes, opset: 13 }, { shape: [2], values: [66, 138] });
  check({ op: "ReduceMax", inputs: [x], attributes, opset: 13 }, { shape: [2], values: [6, 8] });
});

test("the first k, of floats with NaN, of integers, values or indices alone", () => {
  const x = f32([5], [1, NaN, 3, 3, -Infinity]);
  const k = tensor("int64", [1], [3]);
  const outputs = ["y", "i"];
  const where = { shape: [3], format: "int64" as const };
  check({ op: "TopK", inputs: [x, k], outputs }, { shape: [3], values: [NaN, 3, 3] }, { ...where, values: [1, 2, 3] });
  check(
    { op: "TopK", inputs: [x, k], outputs: ["", "i"], attributes: { largest: 0n } },
    { ...where, values: [4, 0, 2] },
  );
  check(
    { op: "TopK", inputs: [f32([2, 2], [1, 4, 3, 2])], attributes: { k: 1n, axis: 0n }, opset: 6, outputs },
    { shape: [1, 2], values: [3, 4] },
    { shape: [1, 2], values: [1, 0], format: "int64" },
  );
  refuse({ op: "TopK", inputs: [x, tensor("int64", [1], [6])], outputs }, /"k" expected 0..5, got 6/);
});

test("sums so far of 64-bit integers", () => {
  const inputs = [tensor("int64", [3], [1, 2, 2 ** 40]), tensor("int32", [], [0])];
  check({ op: "CumSum", inputs }, { shape: [3], values: [1, 3, 2 ** 40 + 3] });
  check(
    { op: "CumSum", inputs, attributes: { exclusive: 1n, reverse: 1n } },
    { shape: [3], values: [2 ** 40 + 2, 2 ** 40, 0] },
  );
});

test("indices of maxima by columns, of integers, and of windows without a number", () => {
  const x = f32([1, 1, 2, 3], [1, 5, 2, 4, 3, 6]);
  const attributes = { kernel_shape: [2n, 2n], storage_order: 1n };
  const outputs = ["y", "i"];
  check(
    { op: "MaxPool", inputs: [x], attributes, outputs },
    { shape: [1, 1, 1, 2], values: [5, 6] },
    { shape: [1, 1, 1, 2], values: [2, 5], format: "int64" },
  );
  const least = tensor("int8", [1, 1, 3], [-128, -128, 3]);
  const line = { kernel_shape: [2n] };
  check(
    { op: "MaxPool", inputs: [least], attributes: line, outputs },
    { shape: [1, 1, 2], values: [-128, 3] },
    { shape: [1, 1, 2], values: [0, 2], format: "int64" },
  );
  refuse({ op: "MaxPool", inputs: [x], attributes: { kernel_shape: [2n] } }, /"kernel_shape" expected 2 integers/);
  refuse({ op: "MaxPool", inputs: [f32([2, 2], [1, 2, 3, 4])], attributes: line }, /3 axes or more/);
  const huge = { kernel_shape: [2n ** 31n - 1n], pads: [2n ** 30n, 2n ** 30n] };
  refuse({ op: "MaxPool", inputs: [f32([1, 1, 4], [1, 2, 3, 4])], attributes: huge }, /at most 65535/);
});

test("averages count pads where they are told to, and never what is behind them", () => {
  const x = f32([1, 1, 4], [2, 4, 6, 8]);
  const attributes = { kernel_shape: [3n], pads: [1n, 1n], strides: [2n] };
  const included = { ...attributes, count_include_pad: 1n };
  check({ op: "AveragePool", inputs: [x], attributes }, { shape: [1, 1, 2], values: [3, 6] });
  check({ op: "AveragePool", inputs: [x], attributes: included }, { shape: [1, 1, 2], values: [2, 6] });
  const ceil = { ...included, ceil_mode: 1n };
  check({ op: "AveragePool", inputs: [x], attributes: ceil }, { shape: [1, 1, 3], values: [2, 6, 4] });
});

test("norms over windows and over all", () => {
  const x = f32([1, 1, 4], [3, -4, 0, 2]);
  check(
    { op: "LpPool", inputs: [x], attributes: { kernel_shape: [2n], strides: [2n] } },
    { shape: [1, 1, 2], values: [5, 2] },
  );
  check({ op: "GlobalLpPool", inputs: [x], attributes: { p: 1n } }, { shape: [1, 1, 1], values: [9] });
  check({ op: "GlobalLpPool", inputs: [x], attributes: { p: 3n } }, { shape: [1, 1, 1], values: [99 ** (1 / 3)] });
  refuse({ op: "LpPool", inputs: [x], attributes: { kernel_shape: [2n], p: 0n } }, /"p" expected an integer >= 1/);
});

test("softmax before opset 13 is over all axes from its own on", () => {
  const x = f32([1, 2, 2], [0, 0, 0, 0]);
  check({ op: "Softmax", inputs: [x], opset: 11 }, { shape: [1, 2, 2], values: [0.25, 0.25, 0.25, 0.25] });
  check({ op: "Softmax", inputs: [x], opset: 13 }, { shape: [1, 2, 2], values: [0.5, 0.5, 0.5, 0.5] });
  check(
    { op: "LogSoftmax", inputs: [x], attributes: { axis: 1n } },
    { shape: [1, 2, 2], values: new Array(4).fill(-Math.LN2) },
  );
  check(
    { op: "Hardmax", inputs: [f32([2, 2], [1, 1, 0, 3])], attributes: { axis: 0n } },
    { shape: [2, 2], values: [1, 0, 0, 1] },
  );
  check({ op: "Hardmax", inputs: [f32([1, 3], [1, 3, 3])], opset: 11 }, { shape: [1, 3], values: [0, 1, 0] });
});

test("a batch norm infers, and says where it would train", () => {
  const x = f32([1, 2, 2], [1, 2, 3, 4]);
  const ones = f32([2], [1, 1]);
  const inputs = [x, f32([2], [2, 3]), f32([2], [10, 20]), f32([2], [1, 3]), ones];
  const attributes = { epsilon: 0 };
  check({ op: "BatchNormalization", inputs, attributes }, { shape: [1, 2, 2], values: [10, 12, 20, 23] });
  const whole = [x, ...[2, 10, 1, 1].map((v) => f32([4], [v, v, v, v]))];
  const each = { op: "BatchNormalization", inputs: whole, attributes: { epsilon: 0, spatial: 0n }, opset: 7 };
  check(each, { shape: [1, 2, 2], values: [10, 12, 14, 16] });
  refuse({ op: "BatchNormalization", inputs, attributes: { training_mode: 1n }, opset: 15 }, /expected inference/);
  refuse({ op: "BatchNormalization", inputs, opset: 6 }, /expected inference/);
  refuse({ op: "BatchNormalization", inputs: [x, ones, ones, ones, f32([1], [1])] }, /2 numbers, one a channel/);
});

test("groups have scales each before opset 21, channels since", () => {
  const x = f32([1, 4, 1], [1, 3, 10, 30]);
  const group = { num_groups: 2n, epsilon: 0 };
  const by = (opset: number, gamma: Numbers, beta: Numbers): Case => ({
    ...{ op: "GroupNormalization", opset, attributes: group },
    inputs: [x, f32([gamma.length], gamma), f32([beta.length], beta)],
  });
  check(by(18, [1, 2], [0, 5]), { shape: [1, 4, 1], values: [-1, 1, 3, 7] });
  check(by(21, [1, 2, 3, 4], [0, 0, 5, 5]), { shape: [1, 4, 1], values: [-1, 2, 2, 9] });
  refuse(by(21, [1, 2], [0, 5]), /4 numbers, one a channel/);
  refuse(
    { ...by(21, [1, 2, 3, 4], [0, 0, 5, 5]), attributes: { num_groups: 3n } },
    /"num_groups" expected a divisor of 4/,
  );
});

test("layer norms: a scale that broadcasts, what is skipped, and their optional outputs", () => {
  const x = f32([2, 2], [1, 3, 10, 30]);
  const one = f32([1], [2]);
  const outputs = ["y", "m", "f"];
  const column = { shape: [2, 1], format: "float32" as const };
  check(
    { op: "LayerNormalization", inputs: [x, one], attributes: { epsilon: 0 }, outputs },
    { shape: [2, 2], values: [-2, 2, -2, 2] },
    { ...column, values: [2, 20] },
    { ...column, values: [1, 0.1] },
  );
  const skip: Case = {
    ...{
      op: "SkipLayerNormalization",
      domain: "com.microsoft",
      attributes: { epsilon: 0 },
      outputs: ["y", "", "", "s"],
    },
    inputs: [x, f32([2, 2], [0, 0, 0, 20]), f32([2], [1, 2]), undefined, f32([2], [1, 1])],
  };
  check(skip, { shape: [2, 2], values: [-1, 2, -1, 2] }, { shape: [2, 2], values: [2, 4, 11, 51] });
  refuse({ op: "LayerNormalization", inputs: [x, f32([3], [1, 1, 1])] }, /input 1.*broadcasts to \[2\]/);
});

test("what has no norm stays 0", () => {
  const x = f32([2, 2], [3, 4, 0, 0]);
  check({ op: "LpNormalization", inputs: [x] }, { shape: [2, 2], values: [0.6, 0.8, 0, 0] });
});

test("empty tensors pass through", () => {
  const x = f32([0, 3], []);
  check({ op: "Relu", inputs: [x] }, { shape: [0, 3], values: [] });
  check({ op: "Add", inputs: [x, f32([3], [1, 2, 3])] }, { shape: [0, 3], values: [] });
  check({ op: "Softmax", inputs: [x] }, { shape: [0, 3], values: [] });
  check({ op: "ReduceSum", inputs: [x], attributes: { keepdims: 0n } }, { shape: [], values: [0] });
});

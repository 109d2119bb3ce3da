// Operators between quantizers as operators of codes: which they become, and the same codes as in float: within one of a product or a
// mean, the same of moves and tables.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FormatName, type Model, run } from "../../src/index.ts";
import { type Constant, makeNode, type Node, type Value } from "../../src/model/graph.ts";
import { fuseQuantizers } from "../../src/passes/fuse-quantizers.ts";
import { type Tensor, tensorArray } from "../../src/tensor/tensor.ts";
import { randomWords } from "../kernels/harness.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { operators, seeded } from "./same.ts";

type Attributes = Parameters<typeof makeNode>[3];

/** Codes that look random, all of a format. */
function codes(format: FormatName, shape: readonly number[], seed: number): Constant {
  const next = randomWords(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  const data = new (tensorArray(format) as typeof Uint16Array)(Array.from({ length: count }, () => next() >>> 7));
  return { format, shape, data };
}

const one = (format: FormatName, ...values: number[]): Constant => ({
  format,
  shape: values.length === 1 ? [] : [values.length],
  data: (tensorArray(format) as typeof Int32Array).from(values),
});

/** Scale and zero of activations in each format. */
const ACTIVATIONS = { uint8: [0.03, 117], int8: [0.02, -9] } as const;
/** Of results, which are wider. */
const RESULTS = { uint8: [0.11, 131], int8: [0.09, 5] } as const;

type Bytes = keyof typeof ACTIVATIONS;

/** A model that grows: quantizers and operators between. */
class Builder {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Constant>();
  readonly inputs: Value[] = [];
  readonly feeds: Record<string, Tensor> = {};

  constant(value: Constant): string {
    const name = `c${this.constants.size}`;
    this.constants.set(name, value);
    return name;
  }

  node(op: string, inputs: readonly string[], attributes: Attributes = {}, outputs = 1): string {
    const name = `n${this.nodes.length}`;
    const names = Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name}_${i}`));
    this.nodes.push(makeNode(op, inputs, names, attributes));
    return name;
  }

  private parameters(format: FormatName, [scale, zero]: readonly [number, number]): string[] {
    return [this.constant(floats([], [scale])), this.constant(one(format, zero))];
  }

  /** An activation that is fed, dequantized. */
  fed(format: Bytes, shape: readonly number[]): string {
    const name = `x${this.inputs.length}`;
    this.inputs.push({ name, format, shape });
    this.feeds[name] = codes(format, shape, 40 + this.inputs.length);
    return this.node("DequantizeLinear", [name, ...this.parameters(format, ACTIVATIONS[format])]);
  }

  dequantized(value: Constant, scales: readonly number[], zeros: readonly number[], axis = 0): string {
    const list = (format: FormatName, values: readonly number[]) => this.constant(one(format, ...values));
    const inputs = [this.constant(value), list("float32", scales), list(value.format, zeros)];
    return this.node("DequantizeLinear", inputs, { axis: BigInt(axis) });
  }

  quantized(x: string, format: Bytes, parameters: readonly [number, number] = RESULTS[format]): string {
    return this.node("QuantizeLinear", [x, ...this.parameters(format, parameters)]);
  }

  model(outputs: readonly string[], opset = 22): Model {
    const { nodes, constants, inputs } = this;
    return modelOf(nodes, { constants, inputs, outputs: outputs.map((name) => ({ name })) }, opset);
  }
}

/** Names of the operators that a model has become. */
const fusedOperators = (model: Model) => operators(fuseQuantizers(model));

/** How far the outputs of a model with operators of codes are from its own at most. */
function distance(model: Model, feeds: Record<string, Tensor>): number {
  const observe = () => {};
  const wanted = run(model, feeds, { observe });
  let most = 0;
  for (const given of [run(fuseQuantizers(model), feeds, { observe }), run(model, feeds)]) {
    for (const [name, { format, shape, data }] of Object.entries(wanted)) {
      const other = given[name] as Tensor;
      assert.deepEqual([other.format, other.shape], [format, shape]);
      data.forEach((value: number | bigint, i: number) => {
        most = Math.max(most, Math.abs(Number(value) - Number(other.data[i])));
      });
      assert.ok(new Set(data as Uint8Array).size > 3, "too little to tell");
    }
  }
  return most;
}

const BYTES = ["uint8", "int8"] as const;
const PAIRS = BYTES.flatMap((from) => BYTES.map((to) => [from, to] as const));

const scales = (count: number) => Array.from({ length: count }, (_, i) => 0.002 * (1 + (i % 5)));

/** Weights: one scale or one an output, int8 without zeros or uint8 and int4 with some. */
const WEIGHTS: Readonly<Record<string, (b: Builder, shape: readonly number[], axis: number) => string>> = {
  "int8 an output": (b, shape, axis) =>
    b.dequantized(codes("int8", shape, 1), scales(shape[axis] as number), new Array(shape[axis]).fill(0), axis),
  uint8: (b, shape) => b.dequantized(codes("uint8", shape, 2), [0.004], [121]),
  int4: (b, shape, axis) => {
    const size = shape.reduce((x, y) => x * y, 1);
    const data = codes("uint8", [Math.ceil(size / 2)], 3).data;
    const zero = {
      format: "int4",
      shape: [shape[axis] as number],
      data: new Uint8Array(((shape[axis] as number) + 1) >> 1).fill(0x1e),
    };
    const scale = floats([shape[axis] as number], scales(shape[axis] as number));
    const inputs = [b.constant({ format: "int4", shape, data }), b.constant(scale), b.constant(zero as Constant)];
    return b.node("DequantizeLinear", inputs, { axis: BigInt(axis) });
  },
};

/** Biases: float, or int32 in the steps of the sums or in others. */
const BIASES: Readonly<Record<string, (b: Builder, count: number) => string>> = {
  none: () => "",
  float: (b, count) => b.constant(seeded([count], 7)),
  "other steps": (b, count) =>
    b.dequantized(
      { format: "int32", shape: [count], data: Int32Array.from({ length: count }, (_, i) => 40 * (i - 4)) },
      [0.01],
      [0],
    ),
};

const PRODUCTS: Readonly<
  Record<
    string,
    { x: number[]; w: number[]; axis: number; attributes?: Attributes; bias: boolean; op?: string; made: string }
  >
> = {
  Conv: {
    x: [2, 6, 9, 7],
    w: [8, 6, 3, 3],
    axis: 0,
    attributes: { pads: [1n, 1n, 0n, 1n], strides: [2n, 1n] },
    bias: true,
    made: "QLinearConv",
  },
  "Conv, depthwise": {
    x: [1, 8, 9, 7],
    w: [8, 1, 3, 3],
    axis: 0,
    attributes: { group: 8n, auto_pad: "SAME_UPPER" },
    bias: true,
    made: "QLinearConv",
  },
  "Conv of one axis": {
    x: [2, 4, 19],
    w: [5, 4, 3],
    axis: 0,
    attributes: { dilations: [2n] },
    bias: true,
    made: "QLinearConv",
  },
  ConvTranspose: {
    x: [2, 6, 5, 4],
    w: [6, 3, 3, 2],
    axis: 1,
    attributes: { strides: [2n, 3n], pads: [1n, 0n, 0n, 1n], output_padding: [1n, 0n], dilations: [2n, 1n] },
    bias: true,
    made: "QLinearConvTranspose",
  },
  Gemm: { x: [5, 33], w: [33, 12], axis: 1, bias: true, made: "QGemm" },
  "Gemm, transposed": {
    x: [33, 5],
    w: [12, 33],
    axis: 0,
    attributes: { transA: 1n, transB: 1n },
    bias: true,
    made: "QGemm",
  },
  MatMul: { x: [2, 5, 33], w: [33, 12], axis: 1, bias: false, made: "QLinearMatMul" },
};

for (const [name, { x, w, axis, attributes, bias, made }] of Object.entries(PRODUCTS)) {
  for (const [weight, weigh] of Object.entries(WEIGHTS)) {
    test(`${name} of ${weight}`, () => {
      for (const [from, to] of PAIRS) {
        for (const [kind, biasOf] of Object.entries(BIASES)) {
          if (kind !== "none" && !bias) continue;
          const b = new Builder();
          const inputs = [b.fed(from, x), weigh(b, w, axis), biasOf(b, w[axis] as number)].slice(0, bias ? 3 : 2);
          const y = b.node(name.split(/[ ,]/)[0] as string, inputs, attributes);
          const model = b.model([b.quantized(y, to)]);
          assert.deepEqual(fusedOperators(model), [made]);
          assert.ok(distance(model, b.feeds) <= 1, `${from} ${to} ${kind}`);
        }
      }
    });
  }
}

/** A model of one node from activations of some shapes to codes. */
function between(op: string, shapes: readonly (readonly number[])[], more: readonly Constant[], how: Between = {}) {
  const { attributes, formats = ["uint8", "int8"], parameters, opset } = how;
  const [from, to] = formats;
  const b = new Builder();
  const inputs = [...shapes.map((shape) => b.fed(from, shape)), ...more.map((each) => b.constant(each))];
  const y = b.node(op, inputs, attributes);
  return { model: b.model([b.quantized(y, to, parameters)], opset), feeds: b.feeds };
}

interface Between {
  readonly attributes?: Attributes;
  readonly formats?: readonly [Bytes, Bytes];
  readonly parameters?: readonly [number, number];
  readonly opset?: number;
}

const IMAGE = [2, 5, 6, 7];

const FUNCTIONS: readonly [string, readonly (readonly number[])[], Attributes?, (readonly Constant[])?, number?][] = [
  ["Add", [IMAGE, [5, 1, 7]]],
  ["Mul", [[3, 5], IMAGE.slice(0, 0)]],
  ["Mul", [IMAGE, IMAGE]],
  ["AveragePool", [IMAGE], { kernel_shape: [3n, 2n], strides: [2n, 1n], pads: [1n, 0n, 2n, 1n] }],
  ["AveragePool", [IMAGE], { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n], count_include_pad: 1n }],
  ["AveragePool", [IMAGE], { kernel_shape: [2n, 2n], strides: [2n, 2n], ceil_mode: 1n }],
  ["AveragePool", [[2, 5, 9]], { kernel_shape: [4n], auto_pad: "SAME_LOWER" }],
  ["GlobalAveragePool", [IMAGE]],
  ["ReduceMean", [IMAGE], { keepdims: 0n }, [integers([2], [1, -1])]],
  ["ReduceMean", [IMAGE], { axes: [2n, 3n] }, [], 13],
  ["Softmax", [[7, 9]]],
  ["Softmax", [[3, 4, 5]], { axis: 1n }, [], 12],
  ["Concat", [IMAGE, [2, 3, 6, 7]], { axis: 1n }],
];

for (const [op, shapes, attributes = {}, more = [], opset = 22] of FUNCTIONS) {
  test(`${op} ${Object.entries(attributes).join(" ")} of [${shapes.join("] [")}], opset ${opset}`, () => {
    for (const formats of PAIRS) {
      const parameters =
        op === "Softmax" ? ([1 / 256, formats[1] === "int8" ? -128 : 0] as const) : RESULTS[formats[1]];
      const { model, feeds } = between(op, shapes, more, { attributes, formats, parameters, opset });
      assert.deepEqual(fusedOperators(model), [`QLinear${op}`]);
      assert.ok(distance(model, feeds) <= 1, formats.join());
    }
  });
}

const ACTIVATED: readonly [string, Attributes, readonly number[], readonly [number, number]][] = [
  ["Relu", {}, [], [RESULTS.int8[1], 127]],
  ["Clip", {}, [-1.5, 6], [RESULTS.int8[1] - 17, RESULTS.int8[1] + 67]],
];

for (const [activation, attributes, bounds, clamp] of ACTIVATED) {
  test(`${activation} behind a product, a sum and a mean is a clamp of codes`, () => {
    for (const op of ["Conv", "Add", "GlobalAveragePool"]) {
      const b = new Builder();
      const [x, y] = [b.fed("uint8", IMAGE), op === "Add" ? b.fed("uint8", IMAGE) : ""];
      const w = op === "Conv" ? (WEIGHTS["int8 an output"]?.(b, [3, 5, 2, 2], 0) as string) : "";
      const a = b.node(op, [x, w || y].filter(Boolean));
      const r = b.node(activation, [a, ...bounds.map((value) => b.constant(floats([], [value])))], attributes);
      const model = b.model([b.quantized(r, "int8")]);
      const [node] = fuseQuantizers(model).graph.nodes;
      assert.deepEqual(node?.attributes.get("clamp"), { kind: "ints", value: clamp.map(BigInt) });
      assert.deepEqual(fusedOperators(model), [`QLinear${op}`]);
      assert.ok(distance(model, b.feeds) <= 1);
      // onnxruntime has no such attribute
      assert.deepEqual(operators(fuseQuantizers(model, { portable: true })), operators(model));
    }
  });
}

test("a relu that saturation does anyway leaves no clamp", () => {
  const b = new Builder();
  const sum = b.node("Add", [b.fed("uint8", IMAGE), b.fed("uint8", IMAGE)]);
  const model = b.model([b.quantized(b.node("Relu", [sum]), "uint8", [0.05, 0])]);
  const fused = fuseQuantizers(model, { portable: true });
  assert.deepEqual(operators(fused), ["QLinearAdd"]);
  assert.equal(fused.graph.nodes[0]?.attributes.size, 0);
  assert.ok(distance(model, b.feeds) <= 1);
});

test("products without a quantizer behind them give float32", () => {
  const made = { Conv: "QLinearConv", Gemm: "QGemm", MatMul: "MatMulIntegerToFloat" };
  for (const [name, op] of Object.entries(made)) {
    const { x, w, axis, bias } = PRODUCTS[name] as (typeof PRODUCTS)[string];
    for (const [from] of PAIRS) {
      const b = new Builder();
      const weight = WEIGHTS.uint8?.(b, w, axis) as string;
      const inputs = [b.fed(from, x), weight, BIASES.float?.(b, w[axis] as number) as string];
      const model = b.model([b.node("Relu", [b.node(name, inputs.slice(0, bias ? 3 : 2))])]);
      assert.deepEqual(fusedOperators(model), [op, "Relu"]);
      // biases are rounded to steps of the sums
      assert.ok(distance(model, b.feeds) <= 1e-4);
    }
  }
});

const INT64 = (values: readonly number[]) => integers([values.length], values);

const MOVES: readonly [string, readonly number[], Attributes?, (readonly Constant[])?, number?][] = [
  ["MaxPool", IMAGE, { kernel_shape: [2n, 3n], pads: [1n, 1n, 0n, 1n] }],
  ["Reshape", IMAGE, {}, [INT64([2, -1])]],
  ["Flatten", IMAGE],
  ["Squeeze", [1, 33], {}, [INT64([0])]],
  ["Unsqueeze", [33], {}, [INT64([0])]],
  ["Transpose", IMAGE, { perm: [0n, 2n, 3n, 1n] }],
  ["Slice", IMAGE, {}, [INT64([1]), INT64([4]), INT64([2])]],
  ["Gather", IMAGE, { axis: 1n }, [INT64([4, 0, 0])]],
  ["Pad", IMAGE, {}, [INT64([0, 0, 1, 2, 0, 0, 2, 1])]],
  ["Pad", IMAGE, {}, [INT64([0, 0, 1, 2, 0, 0, 2, 1]), floats([], [-0.7])]],
  ["Pad", IMAGE, { mode: "reflect" }, [INT64([0, 0, 1, 2, 0, 0, 2, 1])]],
  ["Pad", IMAGE, { pads: [0n, 0n, 1n, 0n, 0n, 0n, 0n, 1n], value: 0.5 }, [], 10],
  ["DepthToSpace", [1, 8, 3, 5], { blocksize: 2n }],
  ["SpaceToDepth", [1, 2, 4, 6], { blocksize: 2n }],
  ["Expand", [5, 1], {}, [INT64([2, 5, 3])]],
  ["Tile", [5, 3], {}, [INT64([2, 1])]],
  ["Resize", [1, 2, 4, 5], {}, [floats([0], []), floats([4], [1, 1, 2, 1.5])]],
];

for (const [op, shape, attributes = {}, more = [], opset = 22] of MOVES) {
  const what = `${op} ${Object.entries(attributes).join(" ")} ${more.map(({ data }) => Array.from(data as Float32Array, Number)).join(" ")}`;
  test(`moved as codes: ${what}`, () => {
    for (const [from, to] of PAIRS) {
      const settings = { attributes, opset, formats: [from, to] as const };
      const other = between(op, [shape], more, settings);
      assert.deepEqual(fusedOperators(other.model), [op, "LookUp"]);
      assert.equal(distance(other.model, other.feeds), 0);
      if (from !== to) continue;
      const same = between(op, [shape], more, { ...settings, parameters: ACTIVATIONS[from] });
      assert.deepEqual(fusedOperators(same.model), [op]);
      assert.equal(distance(same.model, same.feeds), 0);
    }
  });
}

test("a transposed convolution in groups, with one scale", () => {
  const b = new Builder();
  const inputs = [
    b.fed("int8", [1, 8, 4, 5]),
    WEIGHTS.uint8?.(b, [8, 3, 2, 2], 1) as string,
    b.constant(seeded([6], 1)),
  ];
  const y = b.node("ConvTranspose", inputs, { group: 2n, strides: [2n, 2n] });
  const model = b.model([b.quantized(y, "uint8")]);
  assert.deepEqual(fusedOperators(model), ["QLinearConvTranspose"]);
  assert.ok(distance(model, b.feeds) <= 1);
});

test("the shape of what is dequantized is that of codes", () => {
  const b = new Builder();
  const x = b.fed("int8", [2, 3, 5]);
  const shape = b.node("Shape", [x]);
  const model = b.model([b.quantized(b.node("Reshape", [x, shape]), "int8"), shape]);
  assert.deepEqual(fusedOperators(model), ["Shape", "Reshape", "LookUp"]);
  assert.deepEqual(run(model, b.feeds)[shape]?.data, BigInt64Array.of(2n, 3n, 5n));
});

test("every part of a split is of codes", () => {
  const b = new Builder();
  const first = b.node("Split", [b.fed("int8", [6, 9])], { axis: 1n, num_outputs: 2n }, 2);
  const model = b.model([b.quantized(first, "int8", ACTIVATIONS.int8), b.quantized(`${first}_1`, "uint8")]);
  assert.deepEqual(fusedOperators(model), ["Split", "LookUp"]);
  assert.equal(distance(model, b.feeds), 0);
});

test("moves between products, with no quantizers around them", () => {
  const b = new Builder();
  const pooled = b.node("MaxPool", [b.fed("uint8", [2, 3, 8, 8])], { kernel_shape: [2n, 2n], strides: [2n, 2n] });
  const w = b.dequantized(codes("int8", [10, 48], 5), scales(10), new Array(10).fill(0), 0);
  const flat = b.node("Flatten", [pooled]);
  const y = b.node("MatMul", [flat, b.node("Transpose", [w], { perm: [1n, 0n] })]);
  const model = b.model([b.quantized(y, "uint8")]);
  assert.deepEqual(fusedOperators(model), ["MaxPool", "Flatten", "Transpose", "QLinearMatMul"]);
  assert.ok(distance(model, b.feeds) <= 1);
});

const number = (value: number) => floats([], [value]);

const TABLES: readonly [string, Attributes?, (readonly Constant[])?][] = [
  ["Relu"],
  ["Clip", {}, [number(-1), number(2)]],
  ["Sigmoid"],
  ["Tanh"],
  ["HardSwish"],
  ["HardSigmoid", { alpha: 0.3 }],
  ["Elu", { alpha: 2 }],
  ["Gelu", { approximate: "tanh" }],
  ["LeakyRelu", { alpha: 0.2 }],
  ["Exp"],
  ["Neg"],
  ["Add", {}, [number(0.75)]],
  ["Mul", {}, [floats([1, 1], [-1.5])]],
  ["PRelu", {}, [floats([1], [0.3])]],
  ["Pow", {}, [number(2)]],
];

for (const [op, attributes = {}, more = []] of TABLES) {
  test(`a table: ${op} ${more.map(({ shape, data }) => `[${shape}] ${data}`).join(" ")}`, () => {
    for (const formats of PAIRS) {
      // from 65,536 on two are looked up at once
      const shape = formats[0] === formats[1] ? [70, 1000] : [3, 5];
      const { model, feeds } = between(op, [shape], more, { attributes, formats });
      assert.deepEqual(fusedOperators(model), ["LookUp"]);
      assert.equal(distance(model, feeds), 0);
    }
  });
}

test("what is computed of one value is one table", () => {
  const b = new Builder();
  const x = b.fed("int8", [5, 7]);
  const three = b.constant(number(3));
  const gate = b.node("Clip", [b.node("Add", [x, three]), b.constant(number(0)), b.constant(number(6))]);
  const model = b.model([b.quantized(b.node("Div", [b.node("Mul", [x, gate]), b.constant(number(6))]), "uint8")]);
  assert.deepEqual(fusedOperators(model), ["LookUp"]);
  assert.equal(distance(model, b.feeds), 0);
});

test("quantizers of 16 bits: moves and tables", () => {
  const b = new Builder();
  const scale = b.constant(number(2 ** -12));
  const zero = b.constant(one("int16", 0));
  const q = b.node("QuantizeLinear", [b.node("Tanh", [b.fed("int8", [3, 5])]), scale, zero]);
  const y = b.node("Sigmoid", [b.node("Flatten", [b.node("DequantizeLinear", [q, scale, zero])])]);
  const model = b.model([b.quantized(y, "uint8", [1 / 256, 0]), q]);
  assert.deepEqual(fusedOperators(model), ["LookUp", "Flatten", "LookUp"]);
  assert.equal(distance(model, b.feeds), 0);
});

test("codes that are quantized as they were vanish; outputs keep their names", () => {
  const b = new Builder();
  const x = b.fed("uint8", [4, 5]);
  const again = b.quantized(x, "uint8", ACTIVATIONS.uint8);
  const [scale, zero] = [b.constant(number(ACTIVATIONS.uint8[0])), b.constant(one("uint8", ACTIVATIONS.uint8[1]))];
  const twice = b.node("DequantizeLinear", [again, scale, zero]);
  const model = b.model([
    b.quantized(b.node("Tanh", [twice]), "uint8"),
    b.quantized(b.node("Add", [x, twice]), "int8"),
  ]);
  assert.deepEqual(fusedOperators(model), ["LookUp", "QLinearAdd"]);
  assert.ok(distance(model, b.feeds) <= 1);
});

test("a weight that is quantized in the model is a weight of codes", () => {
  const b = new Builder();
  const [scale, zero] = [b.constant(number(0.01)), b.constant(one("int8", 0))];
  const q = b.node("QuantizeLinear", [b.constant(seeded([33, 12], 3)), scale, zero]);
  const y = b.node("MatMul", [b.fed("uint8", [5, 33]), b.node("DequantizeLinear", [q, scale, zero])]);
  const model = b.model([b.quantized(y, "uint8")]);
  assert.deepEqual(fusedOperators(model), ["QLinearMatMul"]);
  assert.ok(distance(model, b.feeds) <= 1);
});

const KEPT: readonly [string, (b: Builder) => string][] = [
  ["logarithms, which some codes have none of", (b) => b.node("Log", [b.fed("uint8", [3, 5])])],
  [
    "softmax whose result is not quantized, or only elsewhere",
    (b) => b.node("Neg", [b.node("Softmax", [b.fed("uint8", [3, 5])])]),
  ],
  [
    "a sum with numbers that are not quantized",
    (b) => b.node("Add", [b.fed("uint8", [3, 5]), b.constant(seeded([5], 2))]),
  ],
  [
    "a number with more axes than what it meets",
    (b) => b.node("Add", [b.fed("uint8", [5]), b.constant(floats([1, 1, 1], [2]))]),
  ],
  [
    "pools of three axes",
    (b) => b.node("AveragePool", [b.fed("uint8", [1, 2, 3, 4, 5])], { kernel_shape: [2n, 2n, 2n] }),
  ],
  [
    "sums with scales of their own",
    (b) => b.node("Add", [b.fed("uint8", [2, 3]), b.dequantized(codes("int8", [2, 3], 1), [1, 2], [0, 0])]),
  ],
  [
    "a product with a factor",
    (b) => b.node("Gemm", [b.fed("uint8", [2, 3]), WEIGHTS.uint8?.(b, [3, 4], 1) as string], { alpha: 2 }),
  ],
  [
    "a weight with scales of what is summed",
    (b) => b.node("MatMul", [b.fed("uint8", [2, 3]), WEIGHTS["int8 an output"]?.(b, [3, 4], 0) as string]),
  ],
  [
    "a bias of rows",
    (b) =>
      b.node("Gemm", [b.fed("uint8", [2, 3]), WEIGHTS.uint8?.(b, [3, 4], 1) as string, b.constant(seeded([2, 1], 1))]),
  ],
  [
    "a bias beyond int32",
    (b) =>
      b.node("Gemm", [
        b.fed("uint8", [2, 3]),
        WEIGHTS.uint8?.(b, [3, 4], 1) as string,
        b.constant(floats([4], [1e9, 1, 2, 3])),
      ]),
  ],
];

for (const [what, make] of KEPT) {
  test(`kept: ${what}`, () => {
    const b = new Builder();
    const model = b.model([b.quantized(make(b), "uint8", [0.1, 60])]);
    assert.deepEqual(fusedOperators(model), operators(model));
  });
}

test("models without quantizers stay as they are", () => {
  const model = modelOf([makeNode("Relu", ["x"], ["y"])]);
  assert.equal(fuseQuantizers(model), model);
});

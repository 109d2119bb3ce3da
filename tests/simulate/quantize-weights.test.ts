// Weights alone, activations as they come, constants in 16 bits: what is written, what it computes, what stays as it was.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Model, quantizeModel, readOnnx, type run, type Scheme, writeOnnx } from "../../src/index.ts";
import { type Constant, constantOf, type Graph, makeNode, type Node } from "../../src/model/graph.ts";
import { quantizeWeights } from "../../src/simulate/quantize-weights.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { compare, operators, seeded } from "../passes/same.ts";

const node = makeNode;
const X = { x: seeded([5, 40], 1) };

function model(
  nodes: readonly Node[],
  constants: Record<string, Constant>,
  more: Partial<Graph> = {},
  opset = 13,
): Model {
  const inputs = [{ name: "x", format: "float32", shape: ["rows", 40] }] as const;
  return modelOf(nodes, { inputs, constants: new Map(Object.entries(constants)), ...more }, opset);
}

const PRODUCT = [node("MatMul", ["x", "w"], ["y"])];
const W = seeded([40, 24], 2);
const dataOf = ({ graph }: Model, name: string) => constantOf(graph, name)?.data as Uint8Array;
const bytesOf = ({ graph }: Model) =>
  [...graph.constants.values()].reduce((sum, each) => sum + ("data" in each ? each.data.byteLength : 0), 0);

/** How far a quantized model is from the float one, in parts of the largest output. */
function error(before: Model, after: Model, feeds = X as Parameters<typeof run>[1]): number {
  const { apart, largest } = compare(before, after, feeds as typeof X);
  return apart / largest;
}

const ALONE: Scheme = { activations: "float32" };

test("weights of products, convolutions and gates are dequantized where they are taken", () => {
  const gates = { w: seeded([1, 12, 40], 3, -0.2, 0.2), r: seeded([1, 12, 3], 4) };
  const lstm = node("LSTM", ["x3", "w", "r"], ["y"], { hidden_size: 3n });
  const before = model([node("Unsqueeze", ["x", "one"], ["x3"]), lstm], { ...gates, one: integers([1], [1]) });
  const after = quantizeWeights(before, ALONE);
  assert.deepEqual(operators(after), ["Unsqueeze", "DequantizeLinear", "DequantizeLinear", "LSTM"]);
  assert.ok(error(before, after) < 0.02);

  const gemm = model([node("Gemm", ["x", "w", "b"], ["y"], { transB: 1n })], {
    w: seeded([24, 40], 3),
    b: seeded([24], 4),
  });
  const small = quantizeWeights(gemm, ALONE);
  assert.equal(small.graph.nodes[0]?.attributes.get("axis")?.value, 0n);
  assert.equal(dataOf(small, "w_scale").length, 24);
  assert.deepEqual(dataOf(small, "b"), dataOf(gemm, "b"));
  assert.ok(error(gemm, small) < 0.01);
});

test("a weight that is taken twice is there once", () => {
  const nodes = [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["x", "w"], ["b"]), node("Sub", ["a", "b"], ["y"])];
  const after = quantizeWeights(model(nodes, { w: W }), ALONE);
  assert.equal(operators(after).filter((op) => op === "DequantizeLinear").length, 1);
  const dynamic = quantizeWeights(model(nodes, { w: W }), { activations: "dynamic" });
  assert.equal(operators(dynamic).filter((op) => op === "DynamicQuantizeLinear").length, 1);
  const blocks = quantizeWeights(model(nodes, { w: W }), { weights: { format: "int4", block: 16 } });
  for (const [{ graph }, codes] of [
    [dynamic, "w_quantized"],
    [blocks, "w_Q4"],
  ] as const) {
    assert.equal([...graph.constants.keys()].filter((name) => name.includes(codes)).length, 1);
  }
});

for (const [format, largest] of [
  ["int4", 0.2],
  ["uint4", 0.15],
  ["int8", 0.01],
  ["uint8", 0.01],
] as const) {
  for (const block of [16, 32]) {
    test(`${format} in blocks of ${block}: MatMulNBits, its last block short`, () => {
      const scheme = { weights: { format, block } };
      const before = model(PRODUCT, { w: W });
      const after = quantizeWeights(before, scheme);
      assert.deepEqual(operators(after), ["MatMulNBits"]);
      const bits = Number(format.replace(/\D/g, ""));
      assert.deepEqual(constantOf(after.graph, `w_Q${bits}`)?.shape, [24, Math.ceil(40 / block), (block * bits) / 8]);
      assert.equal(after.graph.nodes[0]?.inputs.length, format.startsWith("u") ? 4 : 3);
      assert.ok(error(before, after) < largest, `${error(before, after)}`);
      assert.equal(after.opsets.get("com.microsoft"), 1);
    });
  }
}

test("a Gemm in blocks keeps its bias; one with factors has a scale a channel instead", () => {
  const constants = { w: seeded([24, 40], 3), b: seeded([24], 4) };
  const before = model([node("Gemm", ["x", "w", "b"], ["y"], { transB: 1n })], constants);
  const blocks: Scheme = { weights: { format: "int8", block: 16 } };
  const after = quantizeWeights(before, blocks);
  assert.deepEqual(operators(after), ["MatMulNBits", "Add"]);
  assert.ok(error(before, after) < 0.01);
  const scaled = model([node("Gemm", ["x", "w", "b"], ["y"], { transB: 1n, alpha: 0.5 })], constants);
  assert.deepEqual(operators(quantizeWeights(scaled, blocks)), ["DequantizeLinear", "Gemm"]);
});

for (const weights of ["int8", "uint8"] as const) {
  test(`activations as they come, ${weights} weights: products and convolutions`, () => {
    const scheme: Scheme = { weights, activations: "dynamic" };
    const wanted = ["DynamicQuantizeLinear", "MatMulInteger", "Mul", "Cast", "Mul"];
    const product = model(PRODUCT, { w: W });
    const after = quantizeWeights(product, scheme);
    assert.deepEqual(operators(after), wanted);
    assert.ok(error(product, after) < 0.02);
    const gemm = model([node("Gemm", ["x", "w", "b"], ["y"], { transB: 1n })], {
      w: seeded([24, 40], 3),
      b: seeded([24], 4),
    });
    assert.deepEqual(operators(quantizeWeights(gemm, scheme)), [...wanted, "Add"]);
    assert.ok(error(gemm, quantizeWeights(gemm, scheme)) < 0.02);
    const attributes = { pads: [1n, 1n, 1n, 1n], group: 2n, strides: [2n, 1n] };
    const inputs = [{ name: "x", format: "float32", shape: [2, 4, 7, 6] }] as const;
    const conv = model(
      [node("Conv", ["x", "w", "b"], ["y"], attributes)],
      { w: seeded([6, 2, 3, 3], 5), b: seeded([6], 6) },
      { inputs },
    );
    const integer = quantizeWeights(conv, scheme);
    assert.deepEqual(operators(integer), ["DynamicQuantizeLinear", "ConvInteger", "Mul", "Cast", "Mul", "Add"]);
    // onnxruntime has ConvInteger for unsigned weights with one zero alone
    assert.equal(constantOf(integer.graph, "w_quantized")?.format, "uint8");
    assert.equal(dataOf(integer, "w_zero_point").length, 1);
    assert.equal(dataOf(integer, "w_scale").length, weights === "int8" ? 6 : 1);
    assert.ok(error(conv, integer, { x: seeded([2, 4, 7, 6], 7) }) < 0.02);
  });
}

test("rows of a table are taken as codes", () => {
  const ids = integers([2, 3], [0, 99, 5, 7, 7, 50]);
  const inputs = [{ name: "x", format: "int64", shape: [2, 3] }] as const;
  const before = model([node("Gather", ["t", "x"], ["y"])], { t: seeded([100, 16], 8) }, { inputs });
  for (const perChannel of [true, false]) {
    const after = quantizeWeights(before, { weights: { format: "int8", perChannel }, activations: "float32" });
    assert.ok(operators(after).every((op) => ["Gather", "Cast", "Mul"].includes(op)));
    assert.ok(bytesOf(after) <= (perChannel ? 0.32 : 0.26) * bytesOf(before));
    assert.ok(error(before, after, { x: ids }) < 0.005);
  }
});

for (const [format, largest] of [
  ["float16", 1e-3],
  ["bfloat16", 1e-2],
] as const) {
  test(`${format}: large constants are stored in it, and have their names behind a Cast`, () => {
    const large = { w: seeded([40, 30], 9), b: seeded([30], 10) };
    const before = model([node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["y"])], large, {}, 9);
    const after = quantizeWeights(before, { weights: format });
    assert.deepEqual(operators(after), ["Cast", "MatMul", "Add"]);
    assert.equal(constantOf(after.graph, `w_${format}`)?.format, format);
    assert.equal(constantOf(after.graph, "b")?.format, "float32");
    assert.equal(after.opsets.get(""), format === "float16" ? 9 : 13);
    const off = error(before, after);
    assert.ok(off > 0 && off < largest);
  });
}

test("numbers that 16 bits do not hold stay in float32", () => {
  const mask = seeded([40, 40], 11);
  mask.data[3] = -3e38;
  const before = model([node("MatMul", ["x", "w"], ["y"])], { w: mask });
  assert.deepEqual(operators(quantizeWeights(before, { weights: "float16" })), ["MatMul"]);
  assert.deepEqual(operators(quantizeWeights(before, { weights: "bfloat16" })), ["Cast", "MatMul"]);
});

test("what octavo does not know stays as it was, and so do subgraphs", async () => {
  const strange = node("Strange", ["p"], ["s"], { mode: "odd" }, "else.where");
  const branch = (name: string) =>
    ({
      name,
      nodes: [node("MatMul", ["s", "v"], [name])],
      inputs: [],
      outputs: [{ name }],
      values: [],
      constants: new Map(),
    }) as Graph;
  const choice: Node = {
    ...node("If", ["c"], ["y"]),
    attributes: new Map([
      ["then_branch", { kind: "graph", value: branch("t") }],
      ["else_branch", { kind: "graph", value: branch("e") }],
    ]),
  };
  const constants = {
    w: W,
    v: seeded([24, 24], 12),
    c: { format: "bool", shape: [], data: Uint8Array.of(1) } as const,
  };
  const before = model([node("MatMul", ["x", "w"], ["p"]), strange, choice], constants);
  for (const scheme of [ALONE, { activations: "dynamic" }, { weights: { format: "int4", block: 16 } }] as Scheme[]) {
    const after = readOnnx(writeOnnx(await quantizeModel(before, scheme)));
    const kept = after.graph.nodes.slice(-2);
    assert.deepEqual(
      kept.map(({ op, domain, attributes }) => [op, domain, attributes.size]),
      [
        ["Strange", "else.where", 1],
        ["If", "", 2],
      ],
    );
    assert.equal(constantOf(after.graph, "v")?.format, "float32");
    assert.equal(constantOf(after.graph, "w"), undefined);
  }
});

test("nodes may be left out or have formats of their own", () => {
  const nodes = [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "v"], ["y"])];
  const before = model(nodes, { w: W, v: seeded([24, 8], 13) });
  const skipped = quantizeWeights(before, { ...ALONE, nodes: { a: { skip: true } } });
  assert.deepEqual(operators(skipped), ["MatMul", "DequantizeLinear", "MatMul"]);
  const mixed = quantizeWeights(before, { ...ALONE, nodes: { y: { weights: "int4" } } });
  assert.equal(constantOf(mixed.graph, "w_quantized")?.format, "int8");
  assert.equal(constantOf(mixed.graph, "v_quantized")?.format, "int4");
  assert.equal(mixed.opsets.get(""), 21);
  const halves = quantizeWeights(model(PRODUCT, { w: seeded([40, 40], 1) }), {
    weights: "float16",
    nodes: { y: { skip: true } },
  });
  assert.deepEqual(operators(halves), ["MatMul"]);
});

test("errors say what is wrong", () => {
  const nan = floats([40, 40], new Array(1600).fill(Number.NaN));
  for (const scheme of [ALONE, { weights: "float16" }, { activations: "dynamic" }] as Scheme[]) {
    assert.throws(() => quantizeWeights(model(PRODUCT, { w: nan }), scheme), {
      name: "ModelError",
      message: /"w".*NaN/,
    });
  }
  const quantized = quantizeWeights(model(PRODUCT, { w: W }), ALONE);
  assert.throws(() => quantizeWeights(quantized, ALONE), /quantized already/);
  const block = (format: "int8" | "int16", block: number) => () =>
    quantizeWeights(model(PRODUCT, { w: W }), { weights: { format, block } });
  assert.throws(block("int8", 24), /"weights.block" expected 16 or .*, got 24/);
  assert.throws(block("int16", 32), /"weights.format" expected "int4" or/);
  const wide = () => quantizeWeights(model(PRODUCT, { w: W }), { weights: "int16", activations: "dynamic" });
  assert.throws(wide, /"weights.format" expected "int8" or "uint8", got "int16"/);
});

test("quantizeModel asks for no calibration where none is needed", async () => {
  const before = model(PRODUCT, { w: seeded([40, 40], 1) });
  const schemes: Scheme[] = [
    ALONE,
    { activations: "dynamic" },
    { weights: "float16" },
    { weights: { format: "int4", block: 32 } },
  ];
  const wanted = ["DequantizeLinear", "DynamicQuantizeLinear", "Cast", "MatMulNBits"];
  for (const [i, scheme] of schemes.entries()) {
    assert.equal(operators(await quantizeModel(before, scheme))[0], wanted[i]);
  }
  await assert.rejects(quantizeModel(before, { weights: "int8" }), /calibration/);
});

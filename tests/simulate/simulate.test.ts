// Where quantizers are put into a model, which parameters are shared, what stays in float.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Model, planQuantization, type Scheme, simulate } from "../../src/index.ts";
import { type Constant, makeNode, type Node } from "../../src/model/graph.ts";
import { integers, modelOf } from "../model/models.ts";
import { operators, seeded } from "../passes/same.ts";

const X = { name: "x", format: "float32", shape: ["N", 4, 8, 8] } as const;
const constants = (entries: Record<string, Constant>) => new Map(Object.entries(entries));
const node = (op: string, inputs: string, output: string, attributes: Parameters<typeof makeNode>[3] = {}) =>
  makeNode(op, inputs.split(" "), [output], attributes);

/** Names of activations that are quantized, and of weights. */
function quantized(model: Model): string[] {
  return model.graph.nodes.filter(({ op }) => op === "Quantizer").map(({ outputs }) => outputs[0] as string);
}

function graph(nodes: readonly Node[], weights: Record<string, Constant> = {}): Model {
  const w = seeded([4, 4, 1, 1], 1);
  return modelOf(nodes, { inputs: [X], constants: constants({ w, b: seeded([4], 2), ...weights }) });
}

const reasons = (model: Model, scheme?: Scheme) =>
  Object.fromEntries(planQuantization(model, scheme).float.map(({ node, reason }) => [node.name, reason]));

test("inputs, weights and results behind the fused activation are quantized, biases are not", () => {
  const model = graph([node("Conv", "x w b", "c"), node("Relu", "c", "y")]);
  const simulated = simulate(model);
  assert.deepEqual(operators(simulated), ["Quantizer", "Quantizer", "Conv", "Relu", "Quantizer"]);
  assert.deepEqual(quantized(simulated), ["w_quantized", "x_quantized", "y"]);
  assert.deepEqual(quantized(simulate(model, { bias: true })), ["w_quantized", "x_quantized", "b_quantized", "y"]);
});

test("what moves values shares their parameters", () => {
  const nodes = [
    node("Conv", "x w", "a"),
    node("MaxPool", "a", "b0", { kernel_shape: [2n, 2n], strides: [2n, 2n] }),
    node("Reshape", "b0 shape", "c"),
    node("Transpose", "c", "d", { perm: [1n, 0n, 2n, 3n] }),
    node("Conv", "d w", "y"),
  ];
  const shape = { shape: integers([4], [4, 4, 4, -1]) };
  assert.deepEqual(quantized(simulate(graph(nodes, shape))), ["w_quantized", "x_quantized", "a", "y"]);
});

test("an input that is moved first is quantized where it comes in", () => {
  const nodes = [node("Transpose", "x", "t", { perm: [0n, 1n, 3n, 2n] }), node("Conv", "t w", "y")];
  const simulated = simulate(graph(nodes));
  assert.deepEqual(operators(simulated), ["Quantizer", "Transpose", "Quantizer", "Conv", "Quantizer"]);
});

test("average pools, sums and their activations have parameters of their own", () => {
  const nodes = [
    node("Conv", "x w", "a"),
    node("Add", "a x", "s"),
    node("Relu", "s", "r"),
    node("GlobalAveragePool", "r", "p"),
    node("Conv", "p w", "y"),
  ];
  assert.deepEqual(quantized(simulate(graph(nodes))), ["w_quantized", "x_quantized", "a", "r", "p", "y"]);
});

test("the bias of a product, and the activation behind it, come before its quantizer", () => {
  const nodes = [node("MatMul", "x m", "p"), node("Add", "p c", "s"), node("Relu", "s", "y")];
  const m = seeded([8, 8], 3);
  const names = (c: Constant) => quantized(simulate(graph(nodes, { m, c })));
  assert.deepEqual(names(seeded([8], 4)), ["m_quantized", "x_quantized", "y"]);
  assert.ok(names(seeded([8, 1], 4)).includes("p"));
});

test("functions of one value in a row are rounded once, behind the last", () => {
  const row = [
    node("Conv", "x w", "a"),
    node("HardSwish", "a", "h"),
    node("Mul", "two h", "m"),
    node("Add", "m three", "f"),
    node("Conv", "f w", "y"),
  ];
  const numbers = { two: seeded([1], 5), three: seeded([1], 6) };
  assert.deepEqual(quantized(simulate(graph(row, numbers))), ["w_quantized", "x_quantized", "a", "f", "y"]);
  const own = { nodes: { Mul: { activations: "int16" } } } as const;
  const apart = quantized(simulate(graph(row, numbers), own));
  assert.ok(["a", "h", "m"].every((name) => apart.includes(name)));
  const twice = [...row.slice(0, 2), node("Mul", "h h", "m"), ...row.slice(3)];
  assert.ok(quantized(simulate(graph(twice, numbers))).includes("h"));
  const float = planQuantization(graph([...row.slice(0, 4), node("Softmax", "f", "y")], numbers)).float;
  assert.deepEqual(new Set(float.map(({ node: { op } }) => op)), new Set(["HardSwish", "Mul", "Add", "Softmax"]));
});

test("what nothing quantized takes stays in float, and why is told", () => {
  const nodes = [
    node("Conv", "x w", "a"),
    node("Add", "a a", "s"),
    node("Softmax", "s", "p"),
    node("Conv", "p p", "q"),
    node("Conv", "q w", "y"),
  ];
  assert.deepEqual(reasons(graph(nodes)), {
    s: "nothing that is quantized takes its result",
    p: "Softmax stays in float",
    q: 'its weight "p" is not a float32 constant',
  });
  assert.deepEqual(reasons(graph(nodes), { nodes: { y: { skip: true } } }).y, "the scheme leaves it in float");
  const half = { format: "float16", shape: [4, 4, 1, 1], data: new Uint16Array(16) } as const;
  const halves = modelOf([node("Conv", "x w", "c"), node("Sigmoid", "c", "y")], {
    inputs: [{ ...X, format: "float16" }],
    constants: constants({ w: half }),
  });
  assert.deepEqual(reasons(halves), { c: 'its weight "w" is not a float32 constant', y: 'its input "c" is in float' });
});

test("what computes in float16 is listed as what stays in float", () => {
  const half = { format: "float16", shape: [4, 4, 1, 1], data: new Uint16Array(16) } as const;
  const model = modelOf([node("Conv", "x w", "y")], {
    inputs: [{ ...X, format: "float16" }],
    constants: constants({ w: half }),
  });
  assert.deepEqual(reasons(model), { y: 'its weight "w" is not a float32 constant' });
});

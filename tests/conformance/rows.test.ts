// The cases of quantized operators through the rows of operators: each a model of one node, run twice: with all but its first input
// constant, and with every input fed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, type FormatName, type Model, run, type Tensor, unpack } from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { assertCount, jsonFiles, modelTensor, readJson, type StoredOperation, skip } from "./data.ts";

/** Attributes that are floats, whatever their values look like. */
const FLOATS = ["alpha"];

function nodeOf({ op, domain, node_inputs, node_outputs, attributes }: StoredOperation) {
  const literal = ([name, value]: [string, unknown]) => {
    if (typeof value === "string" || FLOATS.includes(name)) return [name, value];
    return [name, Array.isArray(value) ? value.map(BigInt) : BigInt(value as number)];
  };
  const literals = Object.fromEntries(Object.entries(attributes).map(literal));
  return makeNode(op, node_inputs, node_outputs, literals, domain === "ai.onnx" ? "" : domain);
}

/** The model of a case, whose first `fed` inputs are fed and whose others are constants. */
function modelOf(each: StoredOperation, fed: number): { model: Model; feeds: Record<string, Tensor> } {
  const node = nodeOf(each);
  const tensors = each.inputs.map((stored) => [stored.name, modelTensor(stored)] as const);
  const inputs = tensors.slice(0, fed).map(([name, { format, shape }]) => ({ name, format, shape }));
  const graph = {
    name: each.name,
    nodes: [node],
    inputs,
    outputs: each.node_outputs.map((name) => ({ name })),
    values: [],
    constants: new Map(tensors.slice(fed)),
  };
  const model = { graph, opsets: new Map([[node.domain, each.opset]]), ir: 10, metadata: new Map<string, string>() };
  return { model, feeds: Object.fromEntries(tensors.slice(0, fed)) };
}

/** The values of a tensor: integers as they are, floats decoded. */
function valuesOf({ format, shape, data }: Tensor): number[] {
  const length = shape.reduce((a, b) => a * b, 1);
  const isPacked = /(int2|int4|float4)/.test(format as string);
  const codes = isPacked ? unpack(data as Uint8Array, format, { length }) : data;
  if (!/float(4|8|16)/.test(format as string)) return Array.from(codes as ArrayLike<number>, Number);
  return Array.from(decode(codes as Uint8Array, format));
}

function assertOutput(got: Tensor, wanted: Tensor & { format: FormatName }, each: StoredOperation): void {
  const { tolerance_lsb, rtol = 0, atol = tolerance_lsb ?? 0, name } = each;
  assert.equal(got.format, wanted.format, name);
  assert.deepEqual(got.shape, wanted.shape, name);
  const [values, expected] = [valuesOf(got), valuesOf(wanted)];
  assert.equal(values.length, expected.length, name);
  for (const [i, value] of values.entries()) {
    const want = expected[i] as number;
    const isClose = Object.is(value, want) || Math.abs(value - want) <= atol + rtol * Math.abs(want);
    if (!isClose || (atol === 0 && !Object.is(value, want)))
      assert.fail(`${name}, index ${i}: expected ${want}, got ${value}`);
  }
}

function check(each: StoredOperation): void {
  for (const fed of [1, each.inputs.length]) {
    const { model, feeds } = modelOf(each, fed);
    const got = run(model, feeds);
    each.outputs.forEach((stored, i) => {
      assertOutput(got[each.node_outputs[i] as string] as Tensor, modelTensor(stored), each);
    });
  }
}

function casesOf(family: string, op: string): StoredOperation[] {
  return jsonFiles(family, op).map((file) => readJson(family, op, file));
}

/** Families, operators, and how many cases there are of each. */
const FAMILIES: Record<string, Record<string, number>> = {
  "onnx-quant": {
    Cast: 39,
    ConvInteger: 16,
    DequantizeLinear: 130,
    DynamicQuantizeLinear: 8,
    MatMulInteger: 21,
    QLinearConv: 20,
    QLinearMatMul: 25,
    QuantizeLinear: 126,
  },
  "ort-contrib": {
    MatMulNBits: 10,
    QGemm: 5,
    QLinearAdd: 8,
    QLinearAveragePool: 5,
    QLinearConcat: 5,
    QLinearGlobalAveragePool: 5,
    QLinearLeakyRelu: 5,
    QLinearMul: 8,
    QLinearSigmoid: 5,
    QLinearSoftmax: 5,
  },
};

for (const [family, operators] of Object.entries(FAMILIES)) {
  for (const [op, count] of Object.entries(operators)) {
    test(`the row of ${op} gives the results of ${family}`, { skip }, () => {
      const cases = casesOf(family, op);
      for (const each of cases) check(each);
      assertCount(cases.length, count, `cases of ${op}`);
    });
  }
}

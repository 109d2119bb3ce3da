// compareModels: figures against sums written out here; values found under the names that quantizers give them; errors, cancelling.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Constant, compareModels, type Model, type Value } from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { floats, integers, modelOf } from "../model/models.ts";

const value = (name: string): Value => ({ name, format: "float32", shape: ["N", 3] });

/** x doubled, then its positive part, with other nodes in between; the outputs are y. */
function model(constants: [string, Constant][], nodes: Parameters<typeof modelOf>[0], opset?: [string, number]): Model {
  const made = modelOf(nodes, { inputs: [value("x")], outputs: [value("y")], constants: new Map(constants) });
  return opset ? { ...made, opsets: new Map([...made.opsets, opset]) } : made;
}

const two: [string, Constant] = ["two", floats([], [2])];
const float = model([two], [makeNode("Mul", ["x", "two"], ["h"]), makeNode("Relu", ["h"], ["y"])]);

const STEP = 0.25;
const steps: [string, Constant][] = [
  two,
  ["scale", floats([], [STEP])],
  ["zero", { ...integers([], [0]), format: "int8", data: Int8Array.of(0) }],
];
/** As QDQ has it: what was h is dequantized codes. */
const quantized = model(steps, [
  makeNode("Mul", ["x", "two"], ["h"]),
  makeNode("QuantizeLinear", ["h", "scale", "zero"], ["h_QuantizeLinear_Output"]),
  makeNode("DequantizeLinear", ["h_QuantizeLinear_Output", "scale", "zero"], ["h_DequantizeLinear_Output"]),
  makeNode("Relu", ["h_DequantizeLinear_Output"], ["y"]),
]);
/** As QOperator has it: codes alone. */
const codes = model(steps, [
  makeNode("Mul", ["x", "two"], ["raw"]),
  makeNode("QuantizeLinear", ["raw", "scale", "zero"], ["h_quantized"]),
  makeNode("DequantizeLinear", ["h_quantized", "scale", "zero"], ["back"]),
  makeNode("Relu", ["back"], ["y"]),
]);

const rows = [
  [0.3, -0.7, 0.31],
  [1.1, 0.05, -2],
  [-0.06, 0.06, 0.05],
];
const samples = rows.map((row) => ({ x: floats([1, 3], row) }));

const round = (x: number) => Math.round((Math.fround(x) * 2) / STEP) * STEP;

function figures(wanted: number[], found: number[]) {
  const apart = wanted.map((each, i) => Math.abs(each - (found[i] as number)));
  const power = (values: number[]) => values.reduce((sum, each) => sum + each * each, 0);
  return {
    sqnr: 10 * Math.log10(power(wanted) / power(apart)),
    mae: apart.reduce((a, b) => a + b, 0) / apart.length,
    largest: Math.max(...apart),
  };
}

test("figures of outputs and layers are those of the sums", async () => {
  const h = rows.flat().map((x) => Math.fround(x) * 2);
  const positive = (values: number[]) => values.map((each) => Math.max(each, 0));
  const layer = figures(h, rows.flat().map(round));
  const output = figures(positive(h), positive(rows.flat().map(round)));
  for (const other of [quantized, codes]) {
    const { samples: count, outputs, layers } = await compareModels(float, other, samples);
    assert.equal(count, 3);
    assert.deepEqual(outputs, [{ name: "y", ...output, rows: 3, agreed: 1 }]); // rounding makes ties of the others
    assert.deepEqual(
      layers.map(({ name, op }) => [name, op]),
      [
        ["x", ""],
        ["h", "Mul"],
        ["y", "Relu"],
      ],
    );
    assert.deepEqual(layers[0], { name: "x", op: "", sqnr: Infinity, mae: 0, largest: 0 });
    assert.deepEqual(layers[1], { name: "h", op: "Mul", ...layer });
  }
});

test("what is not finite counts for nothing; a row without it still does", async () => {
  const strange = [{ x: floats([2, 3], [Number.NaN, 0.3, -0.7, Infinity, 1.1, 0.05]) }];
  const { outputs, layers } = await compareModels(float, float, strange);
  assert.deepEqual([outputs[0]?.mae, outputs[0]?.largest, layers.length], [0, 0, 3]);
});

test("a sample that does not fit is named; no samples, and cancelling, are errors", async () => {
  const bad = [samples[0], { x: floats([1, 2], [1, 2]) }] as typeof samples;
  await assert.rejects(compareModels(float, quantized, bad), /sample 1: "x.shape" expected/);
  await assert.rejects(compareModels(float, quantized, []), RangeError);
  const controller = new AbortController();
  const onProgress = () => controller.abort(new Error("enough"));
  await assert.rejects(compareModels(float, quantized, samples, { signal: controller.signal, onProgress }), /enough/);
});

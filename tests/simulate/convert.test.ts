// Simulated models as QDQ models: the same numbers, and codes where others look for them.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { calibrate, convert, ModelError, readOnnx, run, type Scheme, simulate, writeOnnx } from "../../src/index.ts";
import { type Constant, constantOf, type Graph, type Model, makeNode, type Node } from "../../src/model/graph.ts";
import { prepareModel } from "../../src/quantize-model.ts";
import { floats } from "../model/models.ts";
import { compare, operators, seeded } from "../passes/same.ts";
import { INT8, quantizer, simulated, UINT8 } from "./simulated.ts";

const node = makeNode;

const FEEDS = { x: seeded([1, 3, 8, 8], 9) };
const INPUTS = [{ name: "x", format: "float32", shape: [1, 3, 8, 8] }] as const;
const WEIGHT: readonly [string, Constant] = ["w", seeded([4, 3, 3, 3], 1, -1, 1)];

const inputCodes = () => quantizer("x", "x_q", { ...UINT8, scale: [4 / 255], zero: [128] });
const weightCodes = () => quantizer("w", "w_q", { ...INT8, axis: 0, scale: [0.01, 0.02, 0.015, 0.017] });

/** A convolution, a pool and a product, as simulation leaves them. */
function network({ biased = true, opset = 13 } = {}): Model {
  const parts = [
    inputCodes(),
    weightCodes(),
    node("Conv", biased ? ["x_q", "w_q", "b"] : ["x_q", "w_q"], ["c"], { pads: [1n, 1n, 1n, 1n] }),
    node("Relu", ["c"], ["r_float"]),
    quantizer("r_float", "r", { ...UINT8, scale: [0.05], zero: [0] }),
    node("MaxPool", ["r"], ["p"], { kernel_shape: [2n, 2n], strides: [2n, 2n] }),
    node("Flatten", ["p"], ["f"]),
    quantizer("v", "v_q", { ...INT8, axis: 1, scale: [0.02, 0.01, 0.03] }),
    node("Gemm", biased ? ["f", "v_q", "g"] : ["f", "v_q"], ["y_float"]),
    quantizer("y_float", "y", { ...UINT8, scale: [0.5], zero: [100] }),
  ];
  const biases: [string, Constant][] = [
    ["b", seeded([4], 3)],
    ["g", seeded([3], 4)],
  ];
  const constants = new Map([WEIGHT, ["v", seeded([64, 3], 2, -1, 1)], ...(biased ? biases : [])]);
  return simulated(parts, { constants, inputs: INPUTS, outputs: [{ name: "y", format: "float32" }] }, opset);
}

/** A model of one convolution of codes, whose result is "y". */
function convolution(more: Partial<Graph> = {}, ...parts: Parameters<typeof simulated>[0]): Model {
  const conv = node("Conv", ["x_q", "w_q", ...(more.constants?.has("b") ? ["b"] : [])], ["c"]);
  const constants = new Map([WEIGHT, ...(more.constants ?? [])]);
  return simulated([inputCodes(), weightCodes(), conv, ...parts], { inputs: INPUTS, ...more, constants });
}

const makerOf = ({ graph }: Model, output: string) =>
  graph.nodes.find(({ outputs }) => outputs.includes(output)) as Node;
const dataOf = ({ graph }: Model, name: string) => constantOf(graph, name)?.data as Float32Array;

test("weights become codes, activations pass through codes, and the numbers stay", () => {
  const model = network({ biased: false });
  const qdq = convert(model);
  assert.deepEqual(
    operators(qdq).filter((op) => !op.endsWith("Linear")),
    ["Conv", "Relu", "MaxPool", "Flatten", "Gemm"],
  );
  assert.ok(compare(model, qdq, FEEDS).isSame);
  assert.equal(constantOf(qdq.graph, "w_quantized")?.format, "int8");
  assert.deepEqual(constantOf(qdq.graph, "w_scale")?.shape, [4]);
  assert.equal(constantOf(qdq.graph, "w_zero_point")?.format, "int8");
  assert.equal(constantOf(qdq.graph, "r_scale")?.shape.length, 0);
  assert.deepEqual(
    ["w", "x_q_s", "x_q_z"].filter((name) => qdq.graph.constants.has(name)),
    [],
  );
  assert.ok(!qdq.opsets.has("octavo"));
});

test("axes are those of the output channels", () => {
  const qdq = convert(network());
  const axisOf = (name: string) => makerOf(qdq, name).attributes.get("axis")?.value;
  assert.equal(axisOf("w_DequantizeLinear_Output"), 0n);
  assert.equal(axisOf("v_DequantizeLinear_Output"), 1n);
  assert.equal(axisOf("r_DequantizeLinear_Output"), undefined);
});

test("biases are int32 codes at the product of the scales, in float32", () => {
  const model = network();
  const qdq = convert(model);
  const wanted = Float32Array.from([0.01, 0.02, 0.015, 0.017], (s) => Math.fround(s) * Math.fround(4 / 255));
  assert.deepEqual(dataOf(qdq, "b_scale"), wanted);
  const codes = dataOf(qdq, "b_quantized");
  assert.equal(constantOf(qdq.graph, "b_quantized")?.format, "int32");
  for (const [i, value] of dataOf(model, "b").entries()) {
    assert.equal(codes[i], Math.round(value / (wanted[i] as number)));
  }
  assert.equal(makerOf(qdq, "b_DequantizeLinear_Output").attributes.get("axis")?.value, 0n);
  // rounding biases moves the result by a step of its scale at most
  assert.ok(compare(model, qdq, FEEDS).apart <= 0.5);
});

test("a bias too large for int32 makes its weights coarser, and those alone", () => {
  const bias = floats([4], [1, -4e6, 2, 1e5]);
  const model = convolution({ constants: new Map([["b", bias]]), outputs: [{ name: "c" }] });
  const qdq = convert(model);
  const [codes, scale] = [dataOf(qdq, "b_quantized"), dataOf(qdq, "w_scale")];
  assert.ok(codes.every((code) => Math.abs(code) <= 2 ** 30));
  const needed = 4e6 / 2 ** 30 / (4 / 255);
  assert.ok((scale[1] as number) >= needed && (scale[1] as number) < needed * 1.0001, `${scale[1]} for ${needed}`);
  assert.deepEqual(
    [...scale].filter((_, i) => i !== 1),
    [0.01, 0.015, 0.017].map(Math.fround),
  );
  const { apart, largest } = compare(model, qdq, FEEDS);
  assert.ok(apart <= 1e-4 * largest, `${apart} of ${largest}`);
});

test("weights of 0 with a bias get a scale that its codes fit", () => {
  const tiny = quantizer("w", "w_q", { ...INT8, axis: 0, scale: [1e-30, 2 ** -149, 1e-38, 1] });
  const constants = new Map<string, Constant>([
    ["w", floats([4, 3, 3, 3], new Array(108).fill(0))],
    ["b", floats([4], [0.5, 0, -2, 3])],
  ]);
  const conv = node("Conv", ["x_q", "w_q", "b"], ["y"]);
  const qdq = convert(simulated([inputCodes(), tiny, conv], { inputs: INPUTS, constants }));
  const { y } = run(qdq, FEEDS);
  const firsts = [0, 36, 72, 108].map((i) => y?.data[i] as number);
  for (const [i, value] of [0.5, 0, -2, 3].entries()) assert.ok(Math.abs((firsts[i] as number) - value) < 1e-3);
  assert.ok(dataOf(qdq, "b_scale").every((scale) => scale >= 2 ** -126));
});

test("what moves values passes through codes with the same parameters", () => {
  const qdq = convert(network());
  const parameters = (name: string) => makerOf(qdq, name).inputs.slice(1);
  const wanted = parameters("r_QuantizeLinear_Output");
  for (const name of ["p", "f"]) {
    assert.deepEqual(parameters(`${name}_QuantizeLinear_Output`), wanted);
    assert.deepEqual(parameters(`${name}_DequantizeLinear_Output`), wanted);
  }
});

test("a moved value that only leaves the graph stays a float", () => {
  const codes = quantizer("c", "q", { ...UINT8, scale: [0.1], zero: [128] });
  const model = convolution({ outputs: [{ name: "y" }] }, codes, node("Transpose", ["q"], ["y"]));
  const qdq = convert(model);
  assert.equal(makerOf(qdq, "y").op, "Transpose");
  assert.ok(compare(model, qdq, FEEDS).isSame);
});

test("a value that leaves the graph keeps its name", () => {
  const codes = quantizer("c", "q", { ...UINT8, scale: [0.1], zero: [128] });
  const model = convolution({ outputs: [{ name: "y" }, { name: "q" }] }, codes, node("Relu", ["q"], ["y"]));
  const qdq = convert(model);
  assert.equal(makerOf(qdq, "q").op, "DequantizeLinear");
  assert.ok(compare(model, qdq, FEEDS).isSame);
});

test("no two nodes have one name, though an output has that of the node that gave it", () => {
  const codes = quantizer("c", "y", { ...UINT8, scale: [0.1], zero: [128] });
  const conv = { ...node("Conv", ["x_q", "w_q"], ["c"]), name: "y" };
  const constants = new Map([WEIGHT]);
  const { graph } = convert(simulated([inputCodes(), weightCodes(), conv, codes], { inputs: INPUTS, constants }));
  assert.equal(new Set(graph.nodes.map(({ name }) => name)).size, graph.nodes.length);
  assert.equal(graph.nodes.find(({ op }) => op === "Conv")?.name, "y");
});

test("codes that are left out are left out", () => {
  const few = { format: "uint8", lo: 0, hi: 15, scale: [0.05], zero: [3] };
  const model = convolution({ outputs: [{ name: "q" }] }, quantizer("c", "q", few));
  const qdq = convert(model);
  assert.ok(operators(qdq).includes("Clip"));
  assert.ok(compare(model, qdq, FEEDS).isSame);
});

test("the version of the operators is the one that codes need", () => {
  const opset = (model: Model) => convert(model).opsets.get("");
  assert.equal(opset(network({ opset: 9 })), 13);
  assert.equal(opset(network({ opset: 15 })), 15);
  const wide = { format: "int16", lo: -32768, hi: 32767, scale: [0.001] };
  assert.equal(opset(convolution({ outputs: [{ name: "q" }] }, quantizer("c", "q", wide))), 21);
});

test("four bits are packed", () => {
  const codes = quantizer("w", "w_q", { format: "int4", lo: -7, hi: 7, axis: 0, scale: [0.1, 0.2, 0.15, 0.17] });
  const parts = [inputCodes(), codes, node("Conv", ["x_q", "w_q"], ["y"])];
  const model = simulated(parts, { inputs: INPUTS, constants: new Map([WEIGHT]) });
  const qdq = convert(model);
  assert.equal(dataOf(qdq, "w_quantized").length, 54);
  const { apart, largest } = compare(model, qdq, FEEDS);
  assert.ok(apart <= 1e-6 * largest, `${apart} of ${largest}`);
});

test("a bias that a scheme has quantized is the same as one that it has not", () => {
  const model = network();
  const wanted = dataOf(convert(model), "b_quantized");
  const { node: own, constants } = quantizer("b", "b_q", {
    format: "int32",
    lo: -(2 ** 31),
    hi: 2 ** 31 - 1,
    scale: [1],
  });
  const nodes = model.graph.nodes.map((each) =>
    each.op === "Conv" ? { ...each, inputs: ["x_q", "w_q", "b_q"] } : each,
  );
  const graph = {
    ...model.graph,
    nodes: [own, ...nodes],
    constants: new Map([...model.graph.constants, ...constants]),
  };
  const qdq = convert({ ...model, graph });
  assert.deepEqual(dataOf(qdq, "b_quantized"), wanted);
  assert.equal(operators(qdq).length, operators(convert(model)).length);
});

test("errors name the quantizer and what is wrong with it", () => {
  const open = convolution({ outputs: [{ name: "q" }] }, quantizer("c", "q", UINT8));
  assert.throws(() => convert(open), { name: "ModelError", node: "q", message: /not calibrated/ });
  const strange = { format: "float6_e2m3fn", lo: 0, hi: 0, scale: [1] };
  const float6 = convolution({ outputs: [{ name: "q" }] }, quantizer("c", "q", strange));
  assert.throws(() => convert(float6), /"format" expected a format that QuantizeLinear has, got "float6_e2m3fn"/);
  assert.throws(() => convert(network(), { form: "tflite" as "qdq" }), /"form" expected "qdq" or "qoperator"/);
  const nothing = floats([4, 3, 3, 3], new Array(108).fill(Number.NaN));
  const nan = convolution({ constants: new Map([["w", nothing]]), outputs: [{ name: "c" }] });
  assert.throws(
    () => convert(nan),
    (error) => error instanceof ModelError && error.message.includes('"w"'),
  );
});

test("what is written can be read", () => {
  const qdq = convert(network());
  assert.ok(compare(qdq, readOnnx(writeOnnx(qdq)), FEEDS).isSame);
});

const RESNET8 = "../shared/data/models/resnet8_cifar10/";

test("a real network, simulated, calibrated, converted", {
  skip: !existsSync(RESNET8) && "no shared data",
}, async () => {
  const model = readOnnx(readFileSync(`${RESNET8}resnet8_bn.onnx`));
  const pixels = readFileSync(`${RESNET8}cifarjpg_x.u8`);
  const image = (i: number) =>
    floats(
      [1, 3, 32, 32],
      Array.from({ length: 3072 }, (_, at) => pixels[(i * 1024 + (at % 1024)) * 3 + Math.floor(at / 1024)] as number),
    );
  const [name = ""] = model.graph.inputs.map((input) => input.name);
  const samples = Array.from({ length: 8 }, (_, i) => ({ [name]: image(i) }));
  const scheme: Scheme = { activations: { format: "uint8", range: "minmax" } };
  const found = await calibrate(simulate(prepareModel(model), scheme), samples);
  const qdq = convert(found);
  const bytes = (each: Model) =>
    [...each.graph.constants.values()].reduce((sum, c) => sum + ("data" in c ? c.data.byteLength : 0), 0);
  assert.ok(bytes(qdq) <= 0.27 * bytes(model), `${bytes(qdq) / bytes(model)}`);
  const top = (each: Model, i: number) => {
    const [output] = Object.values(run(each, { [name]: image(i) }));
    const data = output?.data as Float32Array;
    return data.indexOf(Math.max(...data));
  };
  const rows = Array.from({ length: 50 }, (_, i) => 100 + i);
  assert.ok(rows.filter((i) => top(qdq, i) === top(found, i)).length >= 48);
});

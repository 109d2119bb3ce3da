// Models in higher opsets compute what they did; what cannot be raised is refused; writing raises no further than it must.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ModelError } from "../../src/check.ts";
import { readOnnx, writeOnnx } from "../../src/io/onnx.ts";
import { raiseOpset } from "../../src/io/opset.ts";
import { type Attribute, type Constant, type Graph, type Model, makeNode, type Node } from "../../src/model/graph.ts";
import { unsupported } from "../../src/model/infer.ts";
import type { Feeds } from "../../src/runtime/feeds.ts";
import { run } from "../../src/runtime/run.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { field } from "./bytes.ts";

const isModelError = (pattern: RegExp, op?: string) => (error: unknown) => {
  assert.ok(error instanceof ModelError, String(error));
  assert.match(error.message, pattern);
  if (op) assert.equal(error.op, op);
  return true;
};

/** A model of one node from x, a float32 tensor of a shape. */
function one(node: Node, opset: number, shape: readonly number[], constants: Record<string, Constant> = {}): Model {
  const graph: Partial<Graph> = {
    inputs: [{ name: "x", format: "float32", shape }],
    outputs: node.outputs.filter(Boolean).map((name) => ({ name })),
    constants: new Map(Object.entries(constants)),
  };
  return modelOf([node], graph, opset);
}

const written = (model: Model) => readOnnx(writeOnnx(model));
const opsetOf = (model: Model) => model.opsets.get("");

/** The forms that onnxruntime is asked about, too. */
interface Form {
  readonly name: string;
  readonly model: Model;
  readonly feeds: Feeds;
}
const { FORMS } = (await import("../fuzz/forms.mjs" as string)) as { FORMS: readonly Form[] };

describe("raised models", () => {
  it("compute the same, in every version", () => {
    let compared = 0;
    for (const { name, model, feeds } of FORMS) {
      const first = raiseOpset(model, 7);
      if (unsupported(first).size > 0) continue;
      const wanted = run(first, feeds);
      for (const version of [9, 10, 11, 12, 13, 14, 16, 18, 20, 21, 28]) {
        const raised = raiseOpset(first, version);
        if (raised === first) continue;
        assert.equal(opsetOf(raised), version);
        if (unsupported(raised).size > 0) continue;
        assert.deepStrictEqual(run(written(raised), feeds), wanted, `${name} raised to ${version}`);
        compared++;
      }
    }
    assert.ok(compared > 300, String(compared));
  });

  it("compute the same where broadcasting was told its axis", () => {
    const add = makeNode("Add", ["x", "b"], ["y"], { broadcast: 1n, axis: 1n });
    const model = one(add, 6, [2, 3, 4], { b: floats([3], [10, 20, 30]) });
    const { y } = run(raiseOpset(model, 13), {
      x: { format: "float32", shape: [2, 3, 4], data: new Float32Array(24) },
    });
    assert.deepEqual(y?.shape, [2, 3, 4]);
    assert.deepEqual(
      Array.from(y?.data as Float32Array),
      Array.from({ length: 24 }, (_, i) => 10 * ((Math.floor(i / 4) % 3) + 1)),
    );
  });

  it("have integers of 64 bits as they were", () => {
    const slice = makeNode("Slice", ["x"], ["y"], { starts: [-(2n ** 63n)], ends: [2n ** 63n - 1n] });
    const { nodes, constants } = raiseOpset(one(slice, 9, [4]), 10).graph;
    const [, starts = "", ends = ""] = nodes[0]?.inputs ?? [];
    assert.deepEqual((constants.get(starts) as Constant).data, BigInt64Array.of(-(2n ** 63n)));
    assert.deepEqual((constants.get(ends) as Constant).data, BigInt64Array.of(2n ** 63n - 1n));
    assert.equal(nodes[0]?.attributes.size, 0);
  });

  it("have the file format of their opset, in which constants are no inputs", () => {
    const model = one(makeNode("Add", ["x", "w"], ["y"]), 7, [2], { w: floats([2], [1, 2]) });
    const old = { ...model, ir: 3, graph: { ...model.graph, inputs: [...model.graph.inputs, { name: "w" }] } };
    const raised = raiseOpset(old, 13);
    assert.equal(raised.ir, 7);
    assert.deepEqual(
      raised.graph.inputs.map(({ name }) => name),
      ["x"],
    );
    const newer = raiseOpset({ ...old, ir: 8 }, 13);
    assert.equal(newer.ir, 8);
    assert.deepEqual(
      newer.graph.inputs.map(({ name }) => name),
      ["x", "w"],
    );
  });

  it("give new values names that nothing has", () => {
    const squeeze = makeNode("Squeeze", ["y_axes"], ["y"], { axes: [0n] });
    const model = modelOf([squeeze], { inputs: [{ name: "y_axes", format: "float32", shape: [1, 2] }] }, 11);
    assert.deepEqual(raiseOpset(model, 13).graph.nodes[0]?.inputs, ["y_axes", "y_axes_2"]);
  });

  it("are the same model if nothing is to be done", () => {
    const model = one(makeNode("Relu", ["x"], ["y"]), 13, [2]);
    assert.equal(raiseOpset(model, 13), model);
    assert.equal(raiseOpset(model, 9), model);
    assert.throws(() => raiseOpset(model, 29), /"version" expected an integer of 6..28, got 29/);
  });

  it("are refused by the node that has no other form", () => {
    const refuse = (
      node: Node,
      opset: number,
      version: number,
      pattern: RegExp,
      constants: Record<string, Constant> = {},
    ) =>
      assert.throws(
        () => raiseOpset(one(node, opset, [1, 2, 4, 4], constants), version),
        isModelError(pattern, node.op),
      );
    const s = (...values: number[]) => ({ s: floats([values.length], values) });
    refuse(makeNode("Own", ["x"], ["y"]), 9, 10, /node "y" \(Own\): octavo does not know whether opset 10 has it/);
    refuse(makeNode("BatchNormalization", ["x"], ["y"]), 6, 7, /is for training/);
    refuse(makeNode("BatchNormalization", ["x"], ["y"], { spatial: 0n }), 8, 9, /"spatial" of 0/);
    refuse(makeNode("BatchNormalization", ["x"], ["y", "mean"]), 13, 14, /is for training/);
    refuse(makeNode("Dropout", ["x"], ["y"]), 6, 7, /is for training/);
    refuse(makeNode("Scan", ["x"], ["y"]), 8, 9, /another Scan/);
    refuse(makeNode("Resize", ["x", "s"], ["y"]), 10, 11, /scales are constant/, s(1, 1, 0.5, 2));
    refuse(makeNode("Resize", ["x", "x"], ["y"]), 10, 11, /scales are constant/);
    refuse(
      makeNode("Resize", ["x", "", "s"], ["y"], { coordinate_transformation_mode: "tf_half_pixel_for_nn" }),
      11,
      13,
      /half/,
      s(1),
    );
    refuse(makeNode("ConvTranspose", ["x"], ["y"], { auto_pad: "SAME_UPPER" }), 10, 11, /"auto_pad" of SAME/);
    const unknown = modelOf([makeNode("Clip", ["x"], ["y"], { min: 0 })], {}, 9);
    assert.throws(() => raiseOpset(unknown, 11), isModelError(/the format of "x" has to be known/, "Clip"));
    const mask = modelOf([makeNode("Dropout", ["x"], ["y", "m"]), makeNode("Not", ["m"], ["z"])], {}, 9);
    assert.throws(() => raiseOpset(mask, 10), isModelError(/gives a mask/, "Dropout"));
  });

  it("are refused if they have functions", () => {
    const model = {
      ...one(makeNode("Relu", ["x"], ["y"]), 9, [2]),
      extra: field(25, ""),
    };
    assert.throws(() => raiseOpset(model, 13), isModelError(/has functions of its own/));
  });
});

describe("written models", () => {
  const scale = floats([2], [0.5, 0.25]);
  const dequantize = (attributes: Record<string, bigint>) =>
    makeNode("DequantizeLinear", ["w", "s"], ["y"], attributes);
  const codes = (format: "int8" | "int4" | "int2", data: Int8Array | Uint8Array): Constant => ({
    format,
    shape: [2, 2],
    data,
  });

  const cases: [string, Model, number][] = [
    ["old operators", one(makeNode("Relu", ["x"], ["y"]), 7, [2]), 7],
    ["HardSwish", one(makeNode("HardSwish", ["x"], ["y"]), 7, [2]), 14],
    ["Gelu", one(makeNode("Gelu", ["x"], ["y"]), 13, [2]), 20],
    ["LayerNormalization", one(makeNode("LayerNormalization", ["x", "s"], ["y"]), 13, [2], { s: scale }), 17],
    ["one scale", one(dequantize({}), 10, [2], { w: codes("int8", new Int8Array(4)), s: floats([], [1]) }), 10],
    ["a scale each", one(dequantize({ axis: 0n }), 10, [2], { w: codes("int8", new Int8Array(4)), s: scale }), 13],
    [
      "blocks",
      one(dequantize({ axis: 1n, block_size: 2n }), 13, [2], { w: codes("int8", new Int8Array(4)), s: scale }),
      21,
    ],
    ["int4", one(dequantize({}), 13, [2], { w: codes("int4", new Uint8Array(2)), s: floats([], [1]) }), 21],
    ["int2", one(dequantize({}), 21, [2], { w: codes("int2", new Uint8Array(1)), s: floats([], [1]) }), 25],
  ];
  for (const [name, model, opset] of cases) {
    it(`with ${name} are of opset ${opset}`, () => assert.equal(opsetOf(written(model)), opset));
  }

  it("say their older nodes in the forms of the higher opset", () => {
    const nodes = [makeNode("Clip", ["x"], ["c"], { max: 1 }), makeNode("HardSwish", ["c"], ["y"])];
    const model = modelOf(nodes, { inputs: [{ name: "x", format: "float32", shape: [2] }] }, 7);
    const [clip] = written(model).graph.nodes;
    assert.deepEqual(clip?.inputs, ["x", "", "c_max"]);
    const bad = modelOf(
      [...nodes, makeNode("Scan", ["x"], ["z"])],
      model.graph.inputs.length ? { inputs: model.graph.inputs } : {},
      8,
    );
    assert.throws(() => writeOnnx(bad), isModelError(/another Scan/, "Scan"));
  });

  it("count the nodes of their subgraphs", () => {
    const inner = modelOf([makeNode("HardSwish", ["x"], ["b"])], { inputs: [], outputs: [{ name: "b" }] }).graph;
    const branch: Attribute = { kind: "graph", value: inner };
    const node = {
      ...makeNode("If", ["c"], ["y"]),
      attributes: new Map([
        ["then_branch", branch],
        ["else_branch", branch],
      ]),
    };
    const c = { format: "bool", shape: [], data: Uint8Array.of(1) } as const;
    assert.equal(opsetOf(written(one(node, 11, [2], { c }))), 14);
    assert.equal(opsetOf(written(one(makeNode("Gather", ["x", "i"], ["y"]), 11, [2], { i: integers([1], [0]) }))), 11);
  });
});

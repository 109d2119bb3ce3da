// inspect: what a model is made of, whether octavo can run it or not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Constant, type Extent, type FormatName, inspect, type Node, type Value } from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { floats, integers, modelOf } from "../model/models.ts";

const value = (name: string, shape: readonly Extent[], format: FormatName = "float32"): Value => ({
  name,
  format,
  shape,
});

const zeros = (...shape: number[]): Constant =>
  floats(
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0),
  );

const shapesOf = (nodes: ReturnType<typeof inspect>["nodes"]) =>
  nodes.map(({ outputs }) => outputs.map(({ shape }) => shape));

test("heads, values, operators and their counts", () => {
  const graph = { name: "tiny", inputs: [value("x", ["N", 3])], outputs: [value("y", ["N", 3])] };
  const nodes = [makeNode("Relu", ["x"], ["a"]), makeNode("Sigmoid", ["a"], ["b"]), makeNode("Relu", ["b"], ["y"])];
  const model = { ...modelOf(nodes, graph, 13), metadata: new Map([["author", "x"]]) };
  // producer_name "maker", producer_version "1.2"
  const extra = Uint8Array.of(0x12, 5, ...Buffer.from("maker"), 0x1a, 3, ...Buffer.from("1.2"));
  const { name, ir, opsets, producer, metadata, inputs, outputs, operators, unsupported } = inspect({
    ...model,
    extra,
  });
  assert.deepEqual(
    { name, ir, opsets, producer, metadata, inputs, outputs, operators, unsupported },
    {
      name: "tiny",
      ir: 10,
      opsets: { "": 13, "com.microsoft": 1 },
      producer: "maker 1.2",
      metadata: { author: "x" },
      inputs: [value("x", ["N", 3])],
      outputs: [value("y", ["N", 3])],
      operators: { Relu: 2, Sigmoid: 1 },
      unsupported: {},
    },
  );
  assert.ok(!("producer" in inspect(model)));
  assert.deepEqual(structuredClone(inspect(model)), inspect(model), "plain data");
});

test("dynamic extents are what the shapes say, 1 where nothing does", () => {
  const nodes = [makeNode("Relu", ["x"], ["a"]), makeNode("Sigmoid", ["z"], ["y"])];
  const graph = { inputs: [value("x", ["N", "", 3]), value("z", ["N", "M"])], outputs: [value("y", ["N", "M"])] };
  const model = modelOf(nodes, graph);
  const assumed = inspect(model);
  assert.deepEqual(assumed.extents, { N: 1, "x[1]": 1, M: 1 });
  assert.deepEqual(shapesOf(assumed.nodes), [[[1, 1, 3]], [[1, 1]]]);
  const given = inspect(model, { x: [5, 7, 3] });
  assert.deepEqual(given.extents, { N: 5, "x[1]": 7, M: 1 });
  assert.deepEqual(shapesOf(given.nodes), [[[5, 7, 3]], [[5, 1]]]);
  const refuse = (shapes: Record<string, number[]>, message: string) =>
    assert.throws(() => inspect(model, shapes), { message });
  refuse({ x: [5, 7, 4] }, '"shapes.x" expected [N, ?, 3], got [5, 7, 4]');
  refuse({ x: [5, 7] }, '"shapes.x" expected [N, ?, 3], got [5, 7]');
  refuse({ x: [5, 7, 3], z: [6, 1] }, '"shapes.z" expected [N, M], got [6, 1]');
  refuse({ x: [1, 1.5, 3] }, '"shapes.x" expected sizes that are integers >= 0, got [1, 1.5, 3]');
  refuse({ y: [1] }, 'unknown option "y" of shapes; expected "x", "z"');
});

test("unknown operators and what follows from them are shown as the model has them", () => {
  const nodes = [
    makeNode("Fancy", ["x"], ["a"], {}, "my.own"),
    makeNode("Relu", ["a"], ["b"]),
    makeNode("Fancy", ["b"], ["c"], {}, "my.own"),
    makeNode("Relu", ["c"], ["y"]),
  ];
  const graph = { inputs: [value("x", ["N"])], outputs: [value("y", ["N", "K"])], values: [value("a", ["N", 9])] };
  const { nodes: found, unsupported, operators } = inspect(modelOf(nodes, graph), { x: [4] });
  assert.deepEqual(
    found.map(({ operator, outputs }) => [operator, outputs]),
    [
      ["my.own:Fancy", [value("a", [4, 9])]],
      ["Relu", [value("b", [4, 9])]],
      ["my.own:Fancy", [{ name: "c" }]],
      ["Relu", [value("y", ["N", "K"])]],
    ],
  );
  assert.deepEqual(unsupported, { "my.own:Fancy": 2 });
  assert.deepEqual(operators, { "my.own:Fancy": 2, Relu: 2 });
  assert.ok(found.every((node) => !("problem" in node)));
});

test("a node whose shapes do not fit says why, and the others are shown", () => {
  const nodes = [
    makeNode("Reshape", ["x", "shape"], ["a"]),
    makeNode("Relu", ["a"], ["y"]),
    makeNode("Reshape", ["x", "wanted"], ["b"]),
    makeNode("Relu", ["x"], ["z"]),
  ];
  const { nodes: found } = inspect(
    modelOf(nodes, {
      inputs: [value("x", [6]), value("wanted", [1], "int64")],
      outputs: [value("y", [2, 2]), value("z", [6])],
      constants: new Map([["shape", integers([2], [2, 2])]]),
    }),
  );
  assert.match(found[0]?.problem ?? "", /^node "a" \(Reshape\): .*\[6\]/);
  assert.equal(found[2]?.problem, 'depends on the values of "wanted"');
  assert.deepEqual(found[1]?.outputs, [value("y", [2, 2])]);
  assert.deepEqual(found[3]?.outputs, [value("z", [6])]);
});

test("parameters and bytes: constants count once, shapes and indices are bytes only", () => {
  const nodes = [
    makeNode("Add", ["x", "w"], ["a"]),
    makeNode("Add", ["a", "w"], ["b"]),
    makeNode("Constant", [], ["k"], { value: floats([3], [1, 2, 3]) }),
    makeNode("Reshape", ["b", "shape"], ["y"]),
  ];
  const constants = new Map<string, Constant | { opaque: Uint8Array }>([
    ["w", zeros(2, 5)],
    ["shape", integers([1], [-1])],
    ["codes", { format: "int4", shape: [3], data: new Uint8Array(2) }],
    ["words", { opaque: new Uint8Array(7) }],
  ]);
  const found = inspect(modelOf(nodes, { inputs: [value("x", [2, 5])], constants }));
  assert.deepEqual(
    found.nodes.map(({ parameters, bytes }) => [parameters, bytes]),
    [
      [10, 40],
      [0, 0],
      [3, 12],
      [0, 8],
    ],
  );
  assert.equal(found.parameters, 16);
  assert.deepEqual(found.bytes, { float32: 52, int64: 8, int4: 2, other: 7 });
});

/** A node, the shapes of its inputs and of its first output, and its multiplications. */
const WORK: readonly [node: Node, inputs: number[][], output: number[], macs: number][] = [
  [
    makeNode("Conv", ["x", "w"], ["y"], { group: 2n }),
    [
      [1, 4, 8, 8],
      [6, 2, 3, 3],
    ],
    [1, 6, 6, 6],
    216 * 18,
  ],
  [
    makeNode("FusedConv", ["x", "w"], ["y"], {}, "com.microsoft"),
    [
      [1, 2, 8, 8],
      [6, 2, 3, 3],
    ],
    [1, 6, 6, 6],
    216 * 18,
  ],
  [
    makeNode("ConvTranspose", ["x", "w"], ["y"]),
    [
      [1, 4, 5, 5],
      [4, 3, 2, 2],
    ],
    [1, 3, 6, 6],
    100 * 12,
  ],
  [
    makeNode("MatMul", ["x", "w"], ["y"]),
    [
      [2, 3, 4],
      [4, 5],
    ],
    [2, 3, 5],
    30 * 4,
  ],
  [
    makeNode("Gemm", ["x", "w"], ["y"], { transA: 1n }),
    [
      [4, 3],
      [4, 5],
    ],
    [3, 5],
    15 * 4,
  ],
  [
    makeNode("Gemm", ["x", "w"], ["y"]),
    [
      [3, 4],
      [4, 5],
    ],
    [3, 5],
    15 * 4,
  ],
  [
    makeNode("LSTM", ["x", "w", "r"], ["y"], { hidden_size: 3n }),
    [
      [7, 2, 5],
      [1, 12, 5],
      [1, 12, 3],
    ],
    [7, 1, 2, 3],
    14 * (60 + 36),
  ],
  [makeNode("Relu", ["x"], ["y"]), [[2, 3]], [2, 3], 0],
];

for (const [node, shapes, output, macs] of WORK) {
  test(`multiplications of ${node.op} ${JSON.stringify(shapes)}`, () => {
    const values = node.inputs.map((name, i) => value(name, shapes[i] as number[]));
    const found = inspect(modelOf([node], { inputs: values, outputs: [value("y", output)] }));
    assert.deepEqual([found.nodes[0]?.problem, found.nodes[0]?.macs, found.macs], [undefined, macs, macs]);
  });
}

test("multiplications that cannot be known are left out", () => {
  const found = inspect(modelOf([makeNode("MatMul", ["x", "w"], ["y"])], { inputs: [{ name: "x" }, { name: "w" }] }));
  assert.ok(!("macs" in (found.nodes[0] ?? {})));
  assert.equal(found.macs, 0);
});

test("batch norms that cannot be folded say why", () => {
  const ones = floats([3], [1, 1, 1]);
  const nodes = [makeNode("BatchNormalization", ["x", "g", "b", "m", "v"], ["y"])];
  const constants = new Map(["g", "b", "m", "v"].map((name) => [name, ones]));
  const { batchNorms } = inspect(modelOf(nodes, { inputs: [value("x", [1, 3, 4, 4])], constants }));
  assert.equal(batchNorms.length, 1);
  assert.equal(batchNorms[0]?.node, "y");
  assert.match(batchNorms[0]?.reason ?? "", /^"x" is an input of the model; no one node takes "y"$/);
});

test("a cycle is an error", () => {
  const nodes = [makeNode("Relu", ["b"], ["a"]), makeNode("Relu", ["a"], ["b"])];
  assert.throws(() => inspect(modelOf(nodes, { outputs: [] })), { name: "ModelError", message: /cycle/ });
});

// Graphs: the order of their nodes, what their values are taken by, and what is no legal graph.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Graph, inOrder, makeNode, type Node, usesOf, withoutUnused } from "../../src/model/graph.ts";
import { modelOf } from "./models.ts";

const named = (nodes: readonly Node[]) => nodes.map(({ outputs }) => outputs[0]);

/** A node that takes `outer` inside a subgraph. */
function capturing(outer: string): Node {
  const inner: Graph = {
    name: "inner",
    nodes: [makeNode("Relu", [outer], ["in"])],
    inputs: [],
    outputs: [{ name: "in" }],
    values: [],
    constants: new Map(),
  };
  const node = makeNode("If", ["x"], ["y"]);
  return { ...node, attributes: new Map([["then_branch", { kind: "graph", value: inner }]]) };
}

test("nodes that are in order stay as they are", () => {
  const nodes = [makeNode("Relu", ["x"], ["a"]), makeNode("Relu", ["x"], ["b"]), makeNode("Add", ["a", "b"], ["y"])];
  assert.deepEqual(inOrder(modelOf(nodes).graph), nodes);
});

test("a node comes behind those that it takes from, subgraphs included", () => {
  const nodes = [capturing("b"), makeNode("Relu", ["a"], ["b"]), makeNode("Relu", ["x"], ["a"])];
  assert.deepEqual(named(inOrder(modelOf(nodes).graph)), ["a", "b", "y"]);
});

test("a long chain in reverse order is put in order", () => {
  const nodes = Array.from({ length: 20_000 }, (_, i) =>
    makeNode("Relu", [i ? `v${i}` : "x"], [`v${i + 1}`]),
  ).reverse();
  assert.equal(named(inOrder(modelOf(nodes, { outputs: [{ name: "v20000" }] }).graph)).at(-1), "v20000");
});

const refused: [string, readonly Node[], RegExp][] = [
  [
    "a cycle",
    [makeNode("Add", ["x", "b"], ["a"]), makeNode("Relu", ["a"], ["b"]), makeNode("Relu", ["b"], ["y"])],
    /cycle/,
  ],
  ["a cycle of one", [makeNode("Add", ["x", "y"], ["y"])], /cycle/],
  ["a value that nothing gives", [makeNode("Add", ["x", "nothing"], ["y"])], /node "y" \(Add\): takes "nothing"/],
  ["a value given twice", [makeNode("Relu", ["x"], ["y"]), makeNode("Neg", ["x"], ["y"])], /\(Neg\): gives "y"/],
  ["an input given again", [makeNode("Relu", ["x"], ["x"]), makeNode("Relu", ["x"], ["y"])], /gives "x"/],
  ["an output that nothing gives", [makeNode("Relu", ["x"], ["z"])], /no node gives the output "y"/],
];

for (const [what, nodes, sentence] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(() => inOrder(modelOf(nodes).graph), { name: "ModelError", message: sentence });
  });
}

test("uses are counted, those of subgraphs and outputs included", () => {
  const nodes = [makeNode("Add", ["x", "x"], ["a"]), capturing("a")];
  assert.deepEqual([...usesOf(modelOf(nodes).graph)].sort(), [
    ["a", 1],
    ["x", 3],
    ["y", 1],
  ]);
});

test("what nothing takes is left out, an input's default is not", () => {
  const one = { format: "float32", shape: [], data: Float32Array.of(1) } as const;
  const model = modelOf([makeNode("Add", ["x", "b"], ["y"])], {
    inputs: [{ name: "x" }, { name: "d" }],
    constants: new Map(["b", "c", "d"].map((name) => [name, one])),
    values: [{ name: "y" }, { name: "gone" }],
  });
  const { constants, values } = withoutUnused(model).graph;
  assert.deepEqual([...constants.keys()], ["b", "d"]);
  assert.deepEqual(values, [{ name: "y" }]);
});

test("nodes that share a name are named apart, those without one are left so", () => {
  const nodes = ["a", "b", "c", "d", "e", "f"].map((output, i) => ({
    ...makeNode("Relu", ["x"], [output]),
    name: ["y", "", "y", "y_2", "", "y"][i] as string,
  }));
  const outputs = nodes.map(({ outputs: [name = ""] }) => ({ name }));
  const graph = { name: "", nodes, inputs: [{ name: "x" }], outputs, values: [], constants: new Map() };
  const named = withoutUnused({ graph, opsets: new Map([["", 13]]), ir: 8, metadata: new Map() }).graph.nodes;
  assert.deepEqual(
    named.map(({ name }) => name),
    ["y", "", "y_3", "y_2", "", "y_4"],
  );
});

// Nodes that change nothing, and those that only seem to; transpositions joined; what nothing takes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Model, removeIdentities } from "../../src/index.ts";
import { type Constant, type Graph, makeNode, type Node, type Value } from "../../src/model/graph.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { assertSame, operators, seeded } from "./same.ts";

const X: Value = { name: "x", format: "float32", shape: ["N", 3, 4] };

function fromX(
  nodes: readonly Node[],
  constants: Record<string, Constant> = {},
  opset?: number,
  graph: Partial<Graph> = {},
) {
  return modelOf(nodes, { inputs: [X], constants: new Map(Object.entries(constants)), ...graph }, opset);
}

type Attributes = Parameters<typeof makeNode>[3];

/** A node between two that stay. */
function between(op: string, inputs: readonly string[], attributes?: Attributes): Node[] {
  return [makeNode("Relu", ["x"], ["a"]), makeNode(op, inputs, ["b"], attributes), makeNode("Neg", ["b"], ["y"])];
}

/** Two nodes between two that stay. */
const pair = (...two: Node[]) => [makeNode("Relu", ["x"], ["a"]), ...two, makeNode("Neg", ["b"], ["y"])];

const transpose = (x: string, y: string, perm?: bigint[]) => makeNode("Transpose", [x], [y], perm ? { perm } : {});

const no = { format: "bool", shape: [], data: new Uint8Array(1) } as const;
const yes = { format: "bool", shape: [], data: Uint8Array.of(1) } as const;

const REMOVED: readonly [string, readonly Node[], Record<string, Constant>, number?][] = [
  ["Identity", between("Identity", ["a"]), {}],
  ["Dropout", between("Dropout", ["a"]), {}],
  ["Dropout of an old version, for tests", between("Dropout", ["a"], { is_test: 1n }), {}, 6],
  ["Dropout told not to train", between("Dropout", ["a", "r", "t"]), { r: floats([], [0.5]), t: no }],
  ["Cast to its own format", between("Cast", ["a"], { to: 1n }), {}],
  ["CastLike", between("CastLike", ["a", "x"]), {}],
  ["Reshape by its own shape", between("Reshape", ["a", "s"]), { s: integers([3], [0, 3, 4]) }],
  ["Reshape by what remains", between("Reshape", ["a", "s"]), { s: integers([3], [-1, 3, 4]) }],
  ["Expand by ones", between("Expand", ["a", "s"]), { s: integers([2], [1, 4]) }],
  ["Transpose in order", between("Transpose", ["a"], { perm: [0n, 1n, 2n] }), {}],
  ["Concat of one", between("Concat", ["a"], { axis: 1n }), {}],
  ["Mul by 1", between("Mul", ["a", "c"]), { c: floats([], [1]) }],
  ["Mul by ones on the left", between("Mul", ["c", "a"]), { c: floats([3, 1], [1, 1, 1]) }],
  ["Div by 1", between("Div", ["a", "c"]), { c: floats([1], [1]) }],
  ["Sub of 0", between("Sub", ["a", "c"]), { c: floats([], [0]) }],
  ["Add of -0", between("Add", ["a", "c"]), { c: floats([], [-0]) }],
  [
    "two transpositions that undo each other",
    pair(transpose("a", "t", [1n, 2n, 0n]), transpose("t", "b", [2n, 0n, 1n])),
    {},
  ],
  ["two reversals", pair(transpose("a", "t"), transpose("t", "b")), {}],
  [
    "a chain of them",
    [
      ...pair(
        makeNode("Identity", ["a"], ["t"]),
        makeNode("Dropout", ["t"], ["u"]),
        makeNode("Identity", ["u"], ["b"]),
      ),
    ],
    {},
  ],
];

for (const [what, nodes, constants, opset] of REMOVED) {
  test(`removed: ${what}`, () => {
    const model = fromX(nodes, constants, opset);
    const after = removeIdentities(model);
    assert.deepEqual(operators(after), ["Relu", "Neg"]);
    assert.equal(after.graph.constants.size, 0);
    assert.equal(removeIdentities(after), after);
    assertSame(model, after, { x: seeded([2, 3, 4], 1) }, 0);
  });
}

const KEPT: readonly [string, readonly Node[], Record<string, Constant>, number?][] = [
  ["Dropout that trains", between("Dropout", ["a", "r", "t"]), { r: floats([], [0.5]), t: yes }],
  ["Dropout of an old version", between("Dropout", ["a"]), {}, 6],
  [
    "Dropout whose mask is taken",
    [makeNode("Dropout", ["x"], ["a", "m"]), makeNode("Where", ["m", "a", "x"], ["y"])],
    {},
  ],
  ["Cast to another format", between("Cast", ["a"], { to: 6n }), {}],
  ["Reshape", between("Reshape", ["a", "s"]), { s: integers([2], [-1, 12]) }],
  ["Squeeze of extents that may be one", between("Squeeze", ["a"]), {}],
  [
    "Slice of an extent that may be short",
    between("Slice", ["a", "f", "t"]),
    { f: integers([1], [0]), t: integers([1], [999]) },
  ],
  ["Transpose", between("Transpose", ["a"]), {}],
  ["Mul by what is not all ones", between("Mul", ["a", "c"]), { c: floats([3, 1], [1, 1, 2]) }],
  ["Mul that adds an axis", between("Mul", ["a", "c"]), { c: floats([1, 1, 1, 1], [1]) }],
  ["1 over x", between("Div", ["c", "a"]), { c: floats([], [1]) }],
  ["0 minus x", between("Sub", ["c", "a"]), { c: floats([], [0]) }],
  ["Add of 0, which makes 0 of -0", between("Add", ["a", "c"]), { c: floats([], [0]) }],
  ["what octavo does not know", [makeNode("Print", ["x"], [""], {}, "some"), makeNode("Neg", ["x"], ["y"])], {}],
  ["an input that is an output", [makeNode("Identity", ["x"], ["y"])], {}],
];

for (const [what, nodes, constants, opset] of KEPT) {
  test(`kept: ${what}`, () => {
    const model = fromX(nodes, constants, opset);
    assert.equal(removeIdentities(model), model);
  });
}

test("an output keeps its name, and others take it by that", () => {
  const nodes = [makeNode("Neg", ["x"], ["a"]), makeNode("Identity", ["a"], ["y"]), makeNode("Relu", ["a"], ["z"])];
  const model = fromX(nodes, {}, 22, { outputs: [{ name: "y" }, { name: "z" }] });
  const { nodes: left } = removeIdentities(model).graph;
  assert.deepEqual(left, [
    { ...makeNode("Neg", ["x"], ["y"]), name: "a" },
    { ...makeNode("Relu", ["y"], ["z"]), name: "z" },
  ]);
});

test("two outputs that are the same value stay two", () => {
  const nodes = [makeNode("Neg", ["x"], ["y"]), makeNode("Identity", ["y"], ["z"])];
  const model = fromX(nodes, {}, 22, { outputs: [{ name: "y" }, { name: "z" }] });
  assert.equal(removeIdentities(model), model);
});

/** A node that takes a value inside a subgraph. */
function capturing(outer: string): Node {
  const nodes = [makeNode("Relu", [outer], ["in"])];
  const value: Graph = {
    name: "inner",
    nodes,
    inputs: [],
    outputs: [{ name: "in" }],
    values: [],
    constants: new Map(),
  };
  return { ...makeNode("If", ["x"], ["y"]), attributes: new Map([["then_branch", { kind: "graph", value }]]) };
}

test("a value that a subgraph takes keeps its name", () => {
  const model = fromX([makeNode("Neg", ["x"], ["a"]), makeNode("Identity", ["a"], ["b"]), capturing("b")]);
  assert.equal(removeIdentities(model), model);
});

test("transpositions are joined, and what else takes the first still does", () => {
  const nodes = [
    transpose("x", "a", [1n, 0n, 2n]),
    transpose("a", "b", [0n, 2n, 1n]),
    makeNode("Sum", ["a"], ["z"]),
    makeNode("Neg", ["b"], ["y"]),
  ];
  const model = fromX(nodes, {}, 22, { outputs: [{ name: "y" }, { name: "z" }] });
  const after = removeIdentities(model);
  assert.deepEqual(operators(after), ["Transpose", "Transpose", "Neg"]);
  assert.deepEqual(after.graph.nodes[1], { ...transpose("x", "b", [1n, 2n, 0n]), name: "b" });
  assertSame(model, after, { x: seeded([2, 3, 4], 1) }, 0);
});

test("a Reshape behind a Flatten reshapes at once, unless it keeps an extent of what is between", () => {
  const chain = (...shape: number[]): Model =>
    fromX([makeNode("Flatten", ["x"], ["a"]), makeNode("Reshape", ["a", "s"], ["y"])], { s: integers([3], shape) });
  const model = chain(-1, 4, 3);
  const after = removeIdentities(model);
  assert.deepEqual(operators(after), ["Reshape"]);
  assertSame(model, after, { x: seeded([2, 3, 4], 1) }, 0);
  const kept = chain(0, 4, 3);
  assert.equal(removeIdentities(kept), kept);
});

test("what nothing takes is removed, with all that only it took", () => {
  const nodes = [
    makeNode("Relu", ["x"], ["a"]),
    makeNode("Mul", ["a", "c"], ["b"]),
    makeNode("Neg", ["b"], ["lost"]),
    makeNode("Neg", ["x"], ["y"]),
  ];
  const after = removeIdentities(fromX(nodes, { c: floats([], [2]), d: floats([], [2]) }));
  assert.deepEqual(operators(after), ["Neg"]);
  assert.equal(after.graph.constants.size, 0);
});

test("constants that nothing takes are removed", () => {
  const after = removeIdentities(fromX([makeNode("Neg", ["x"], ["y"])], { c: floats([], [2]) }));
  assert.equal(after.graph.constants.size, 0);
});

test("long chains take little time", () => {
  const names = Array.from({ length: 20_001 }, (_, i) => (i === 0 ? "x" : i === 20_000 ? "y" : `v${i}`));
  for (const op of ["Identity", "Transpose"]) {
    const nodes = names.slice(1).map((y, i) => makeNode(i === 0 ? "Neg" : op, [names[i] as string], [y]));
    const after = removeIdentities(fromX(nodes));
    assert.ok(after.graph.nodes.length <= 2);
    assert.equal(after.graph.nodes.at(-1)?.outputs[0], "y");
  }
});

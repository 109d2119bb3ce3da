// If: the branch that is taken runs as if its nodes stood in the graph.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect, readOnnx, run, Session, writeOnnx } from "../../src/index.ts";
import { type Graph, makeNode, type Node } from "../../src/model/graph.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { engine } from "../../src/wasm/kernels.ts";
import { floats, integers, modelOf } from "../model/models.ts";

const bool = (value: number): Tensor => ({ format: "bool", shape: [], data: Uint8Array.of(value) });

/** A branch that gives its last node's output. */
function branch(nodes: readonly Node[], constants: Record<string, Tensor> = {}, output?: string): Graph {
  const name = output ?? (nodes.at(-1)?.outputs[0] as string);
  const map = new Map(Object.entries(constants)) as Graph["constants"];
  return { name: "branch", nodes, inputs: [], outputs: [{ name }], values: [], constants: map };
}

function ifNode(condition: string, outputs: readonly string[], yes: Graph, no: Graph): Node {
  const attributes = new Map([
    ["then_branch", { kind: "graph", value: yes } as const],
    ["else_branch", { kind: "graph", value: no } as const],
  ]);
  return { ...makeNode("If", [condition], outputs), attributes };
}

const INPUTS = {
  inputs: [
    { name: "c", format: "bool", shape: [] },
    { name: "x", format: "float32", shape: ["n"] },
  ],
} as const;

const scale = (by: number, input = "x") =>
  branch([makeNode("Mul", [input, "k"], ["t"]), makeNode("Identity", ["t"], ["out"])], { k: floats([1], [by]) });

test("a branch is taken by a fed condition; both use the same names", () => {
  const model = modelOf([ifNode("c", ["y"], scale(2), scale(3))], INPUTS);
  for (const each of [model, readOnnx(writeOnnx(model))]) {
    const session = new Session(each);
    const results = [1, 0, 1].map((c) => session.run({ c: bool(c), x: floats([2], [1, 5]) }).y?.data);
    assert.deepEqual(results, [Float32Array.of(2, 10), Float32Array.of(3, 15), Float32Array.of(2, 10)]);
    session.dispose();
  }
});

test("branches of other shapes, one that only hands on what is around it, and one inside another", () => {
  const inner = ifNode("c", ["both"], scale(7, "s"), scale(9, "s"));
  const nested = branch([makeNode("Add", ["x", "x"], ["s"]), inner], {}, "both");
  const outer = ifNode("is1", ["z"], branch([], {}, "x"), nested);
  const nodes = [
    makeNode("Size", ["x"], ["size"]),
    makeNode("Equal", ["size", "one"], ["is1"]),
    outer,
    makeNode("Relu", ["z"], ["y"]),
  ];
  const model = modelOf(nodes, { ...INPUTS, constants: new Map([["one", integers([], [1])]]) });
  const y = (c: number, ...x: number[]) => [
    ...((run(model, { c: bool(c), x: floats([x.length], x) }).y as Tensor).data as Float32Array),
  ];
  assert.deepEqual([y(1, 4), y(1, 1, 2), y(0, 1, 2)], [[4], [14, 28], [18, 36]]);
});

test("a condition that is computed from values plans for them, and memory does not grow", () => {
  const nodes = [
    makeNode("ReduceSum", ["x"], ["sum"], { keepdims: 0n }),
    makeNode("Greater", ["sum", "zero"], ["isPositive"]),
    makeNode("Add", ["x", "w"], ["big"]),
    makeNode("Mul", ["z", "big"], ["scaled"]),
    ifNode("isPositive", ["y"], scale(2, "scaled"), branch([], {}, "scaled")),
  ];
  const n = 1 << 14;
  const constants = new Map([
    ["zero", floats([], [0])],
    ["w", floats([n], new Array(n).fill(1))],
  ]);
  const inputs = [
    { name: "x", format: "float32", shape: [1] },
    { name: "z", format: "float32", shape: [n] },
  ] as const;
  const session = new Session(modelOf(nodes, { inputs, constants }));
  const z = new Float32Array(n).fill(3);
  const first = (x: number) => session.run({ x: Float32Array.of(x), z }).y?.data[n - 1];
  assert.deepEqual([first(1), first(-2), first(2)], [12, -3, 18]);
  for (let i = 0; i < 40; i++) first(i); // memory settles
  const bytes = engine().heap.memory.buffer.byteLength;
  for (let i = 0; i < 80; i++) first(i);
  assert.equal(engine().heap.memory.buffer.byteLength, bytes);
  session.dispose();
});

test("what no branch can run is named, and inspect tells what branches hold", () => {
  const unknown = branch([makeNode("Frobnicate", ["x"], ["t"])]);
  const model = modelOf([ifNode("c", ["y"], unknown, scale(3))], INPUTS);
  assert.throws(() => run(model, { c: bool(1), x: floats([1], [1]) }), /cannot run: Frobnicate \(1\)/);
  const { unsupported, parameters } = inspect(model);
  assert.deepEqual([unsupported, parameters], [{ Frobnicate: 1 }, 1]);
});

test("an If that is damaged says how", () => {
  const x = floats([1], [1]);
  const without = { ...makeNode("If", ["c"], ["y"]), attributes: new Map() };
  assert.throws(
    () => run(modelOf([without], INPUTS), { c: bool(1), x }),
    /"then_branch" expected a graph, got undefined/,
  );
  const few = ifNode("c", ["y", "more"], scale(1), scale(2));
  assert.throws(() => run(modelOf([few], INPUTS), { c: bool(0), x }), /"else_branch" gives 1 outputs, expected 2/);
  const lost = ifNode("c", ["y"], branch([makeNode("Relu", ["nothing"], ["t"])]), scale(2));
  assert.throws(() => run(modelOf([lost], INPUTS), { c: bool(1), x }), /takes "nothing", which nothing gives/);
  const wide = modelOf([ifNode("x", ["y"], scale(1), scale(2))], { inputs: [INPUTS.inputs[1]] });
  assert.throws(() => run(wide, { x }), /"cond" expected one bool, got "1 float32"/);
});

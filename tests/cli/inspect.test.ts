// octavo inspect: what it prints.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Constant, inspect, readOnnx, type Value, writeOnnx } from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { folder, octavo } from "./command.ts";

const x: Value = { name: "x", format: "float32", shape: ["N", 2, ""] };

const model = modelOf(
  [
    makeNode("Relu", ["x"], ["a"]),
    makeNode("Fancy", ["a", "w"], ["b"], {}, "my.own"),
    makeNode("Reshape", ["a", "shape"], ["c"]),
    makeNode("Sigmoid", ["a"], ["y"]),
  ],
  {
    inputs: [x],
    outputs: [{ ...x, name: "y" }],
    constants: new Map<string, Constant>([
      ["w", floats([30, 50], new Array(1500).fill(0))],
      ["shape", integers([1], [7])],
    ]),
  },
);
const bytes = writeOnnx(model);
writeFileSync(join(folder, "model.onnx"), bytes);

test("a table of nodes with what is known of them, totals, and what is wrong", () => {
  const { code, out, error } = octavo("inspect", "model.onnx", "--shape", "x=4x2x3");
  assert.deepEqual([code, error], [0, ""]);
  const problem = inspect(model, { x: [4, 2, 3] }).nodes[2]?.problem;
  assert.match(problem ?? "", /Reshape.*\[4,2,3\]/);
  assert.equal(
    out,
    `model.onnx, ir 10, opset 22, opset com.microsoft 1
input   "x" float32 [N, 2, ?]
output  "y" float32 [N, 2, ?]
shapes below are for N = 4, x[2] = 3; --shape says otherwise

node  operator      output             parameters  weights  MACs
a     Relu          float32 [4, 2, 3]
b     my.own:Fancy  ? [...]                 1,500   6.0 kB
c     Reshape       ? [...]                            8 B
y     Sigmoid       float32 [4, 2, 3]

4 nodes: 1 Relu, 1 my.own:Fancy, 1 Reshape, 1 Sigmoid
1,500 parameters; constants: 6.0 kB float32, 8 B int64
0 multiply-accumulates
octavo cannot run: 1 my.own:Fancy

ranges cannot be measured on a model that octavo cannot run; with --activations dynamic
0 nodes would be quantized
3 nodes would be left in float:
  a  Relu          the scheme leaves activations in float
  b  my.own:Fancy  my.own:Fancy stays in float
  y  Sigmoid       the scheme leaves activations in float

shapes that cannot be inferred:
  ${problem}
`,
  );
});

test("a model whose shapes contradict each other is not called one that runs", () => {
  const lone = modelOf([makeNode("MatMul", ["x", "w"], ["y"])], {
    inputs: [{ ...x, shape: [1, 3] }],
    outputs: [{ name: "y" }],
    constants: new Map([["w", floats([5, 1], [1, 2, 3, 4, 5])]]),
  });
  writeFileSync(join(folder, "contradiction.onnx"), writeOnnx(lone));
  const { code, out } = octavo("inspect", "contradiction.onnx");
  assert.equal(code, 0);
  assert.match(out, /^1 node: 1 MatMul$/m);
  assert.match(out, /^octavo has all of its operators, but cannot run the model with these shapes$/m);
  assert.match(out, /^shapes that cannot be inferred:\n {2}node "y" \(MatMul\): .*3.*5/m);
  assert.doesNotMatch(out, /octavo runs/);
});

test("a shape that depends on values is no contradiction", () => {
  const shape: Value = { name: "shape", format: "int64", shape: [2] };
  const reshape = modelOf([makeNode("Reshape", ["x", "shape"], ["y"])], {
    inputs: [x, shape],
    outputs: [{ name: "y" }],
  });
  writeFileSync(join(folder, "later.onnx"), writeOnnx(reshape));
  const { out } = octavo("inspect", "later.onnx");
  assert.match(out, /^octavo runs all of its operators$/m);
  assert.match(out, /^ {2}y: depends on the values of "shape"$/m);
});

test("--json is what inspect gives, and what would be quantized", () => {
  const { code, out } = octavo("inspect", "model.onnx", "--json");
  assert.equal(code, 0);
  const { quantized, float, ...found } = JSON.parse(out);
  assert.deepEqual(found, JSON.parse(JSON.stringify(inspect(readOnnx(bytes)))));
  assert.deepEqual([quantized, float.map(({ node }: { node: string }) => node)], [{}, ["a", "b", "y"]]);
});

const REFUSED: readonly [code: number, args: string[], error: string][] = [
  [1, ["model.onnx", "--shape", "z=1"], 'octavo inspect: unknown option "z" of shapes; expected "x"\n'],
  [1, ["model.onnx", "--shape", "x=1x3x4"], 'octavo inspect: "shapes.x" expected [N, 2, ?], got [1, 3, 4]\n'],
  ...["x", "x=1x", "x=axb", "x=-1", "=x"].map((shape): [number, string[], string] => [
    2,
    ["model.onnx", `--shape=${shape}`],
    `octavo inspect: --shape expected NAME=1x3x224x224, got "${shape}"\ntry octavo inspect --help\n`,
  ]),
  [
    2,
    ["model.onnx", "--shape", "x=1x2x3", "--shape", "x=4x2x3"],
    'octavo inspect: --shape expected one shape for "x", got ["x=1x2x3", "x=4x2x3"]\ntry octavo inspect --help\n',
  ],
  [2, ["model.onnx", "--data", "x.npy"], "octavo inspect: Unknown option '--data'\ntry octavo inspect --help\n"],
  [2, [], "octavo inspect: MODEL expected one model, got []\ntry octavo inspect --help\n"],
];

for (const [code, args, error] of REFUSED) {
  test(`octavo inspect ${args.join(" ")}: ${code}`, () => {
    assert.deepEqual(octavo("inspect", ...args), { code, out: "", error });
  });
}

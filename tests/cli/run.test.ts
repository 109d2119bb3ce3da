// octavo run: files in, figures and files out.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readNpy, type Value } from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { folder, octavo, writeArray, writeModel } from "./command.ts";

const value = (name: string, shape: (number | string)[], format: Value["format"] = "float32"): Value =>
  ({ name, format, shape }) as Value;

const read = (name: string) => readNpy(readFileSync(join(folder, name)));

const relu = (rows: number | string) =>
  modelOf([makeNode("Relu", ["x"], ["y"])], { inputs: [value("x", [rows, 3])], outputs: [value("y", [rows, 3])] });

writeModel("relu.onnx", relu("N"));
writeModel("two-rows.onnx", relu(2));
writeModel(
  "two.onnx",
  modelOf([makeNode("Relu", ["a"], ["b/1"]), makeNode("Sigmoid", ["c"], ["b:1"])], {
    inputs: [value("a", ["N", 2]), value("c", ["N", 2])],
    outputs: [value("b/1", ["N", 2]), value("b:1", ["N", 2])],
  }),
);
writeModel(
  "integers.onnx",
  modelOf([makeNode("Identity", ["x"], ["y"])], {
    inputs: [value("x", ["N"], "int64")],
    outputs: [value("y", ["N"], "int64")],
  }),
);
writeModel(
  "bools.onnx",
  modelOf([makeNode("Identity", ["x"], ["y"])], {
    inputs: [value("x", ["N"], "bool")],
    outputs: [value("y", ["N"], "bool")],
  }),
);
writeModel(
  "same.onnx",
  modelOf([makeNode("Identity", ["x"], ["y"])], { inputs: [value("x", ["N", 3])], outputs: [value("y", ["N", 3])] }),
);
writeModel("unsupported.onnx", modelOf([makeNode("Fancy", ["x"], ["y"])], { inputs: [value("x", [1])] }));
writeArray("x.npy", floats([2, 3], [1, -2, 3, -4, 5, 0.5]));
writeArray(
  "six.npy",
  floats(
    [6, 3],
    Array.from({ length: 18 }, (_, i) => i - 9),
  ),
);
writeArray("flat.npy", floats([6], [1, 2, 3, 4, 5, 6]));
writeArray("bytes.npy", { format: "uint8", shape: [1, 3], data: Uint8Array.of(0, 7, 255) });
writeArray("halves.npy", { format: "float16", shape: [1, 3], data: Uint16Array.of(0x3c00, 0xc000, 0x3800) });
writeArray("doubles.npy", { format: "float64", shape: [2], data: Float64Array.of(3, -1) });
writeArray("fraction.npy", { format: "float64", shape: [2], data: Float64Array.of(3, 0.5) });
writeArray("ints.npy", integers([2], [0, 1]));
writeArray("pairs.npy", floats([1, 2], [1, -1]));
writeArray("nan.npy", floats([1, 3], [Number.NaN, 1, 2]));

test("runs, says what comes out and writes it", () => {
  const { code, out, error } = octavo("run", "relu.onnx", "--data", "x.npy", "-o", "y.npy");
  assert.deepEqual({ code, error }, { code: 0, error: "" });
  assert.equal(
    out,
    [
      'input   "x" float32 [2, 3] from x.npy',
      'output  "y" float32 [2, 3]  min 0  max 5  mean 1.58333',
      "  row 0  2: 3  0: 1  1: 0",
      "  row 1  1: 5  2: 0.5  0: 0",
      "  written to y.npy",
      "",
    ].join("\n"),
  );
  assert.deepEqual(read("y.npy"), floats([2, 3], [1, 0, 3, 0, 5, 0.5]));
});

test("--json is one document with the same", () => {
  const { code, out } = octavo("run", "relu.onnx", "--data=x=x.npy", "--json", "--output", "json.npy");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), {
    inputs: [{ name: "x", file: "x.npy", from: "float32", format: "float32", shape: [2, 3] }],
    slices: 1,
    outputs: [
      {
        name: "y",
        format: "float32",
        shape: [2, 3],
        min: 0,
        max: 5,
        mean: 9.5 / 6,
        nan: 0,
        rows: 2,
        top: [
          [
            [2, 3],
            [0, 1],
            [1, 0],
          ],
          [
            [1, 5],
            [2, 0.5],
            [0, 0],
          ],
        ],
        file: "json.npy",
      },
    ],
  });
});

test("--json has five of many rows of scores, and lists of numbers in a line", () => {
  const { out } = octavo("run", "relu.onnx", "--data", "six.npy", "--json");
  const [output] = JSON.parse(out).outputs;
  assert.deepEqual([output.rows, output.top.length], [6, 5]);
  assert.match(out, /^ *"shape": \[6,3\],?$/m);
  assert.match(out, /^ *"top": \[\[\[0,0\],\[1,0\],\[2,0\]\],.*\]$/m);
});

test("rows beyond what a model takes are run in slices", () => {
  const { code, out } = octavo("run", "two-rows.onnx", "--data", "six.npy", "-o", "slices.npy");
  assert.equal(code, 0);
  assert.match(out, /^run in 3 slices, as the model takes a fixed number of rows$/m);
  assert.match(out, /^ {2}and 1 more row$/m);
  assert.deepEqual(
    read("slices.npy"),
    floats(
      [6, 3],
      Array.from({ length: 18 }, (_, i) => Math.max(i - 9, 0)),
    ),
  );
});

test("--samples takes the first rows, of several files too", () => {
  const { code, out } = octavo("run", "relu.onnx", "--data", "six.npy", "--samples", "2", "-o", "two-rows.npy");
  assert.equal(code, 0);
  assert.match(out, /^input {3}"x" float32 \[2, 3\] from six.npy$/m);
  assert.deepEqual(read("two-rows.npy").shape, [2, 3]);
  octavo("run", "relu.onnx", "--data", "six.npy", "six.npy", "six.npy", "--samples", "7", "-o", "seven.npy");
  assert.deepEqual(read("seven.npy").shape, [7, 3]);
});

test("numbers of another format are converted, and that is said", () => {
  const bytes = octavo("run", "relu.onnx", "--data", "bytes.npy", "-o", "bytes-out.npy");
  assert.match(bytes.out, /^input {3}"x" float32 \[1, 3\] from bytes.npy, converted from uint8$/m);
  assert.deepEqual(read("bytes-out.npy"), floats([1, 3], [0, 7, 255]));
  octavo("run", "relu.onnx", "--data", "halves.npy", "-o", "halves-out.npy");
  assert.deepEqual(read("halves-out.npy"), floats([1, 3], [1, 0, 0.5]));
  const doubles = octavo("run", "integers.onnx", "--data", "doubles.npy", "-o", "doubles-out.npy");
  assert.match(doubles.out, /converted from float64/);
  assert.deepEqual(read("doubles-out.npy"), integers([2], [3, -1]));
  octavo("run", "bools.onnx", "--data", "ints.npy", "-o", "bools-out.npy");
  assert.deepEqual(read("bools-out.npy"), { format: "bool", shape: [2], data: Uint8Array.of(0, 1) });
});

test("several inputs by order or by name, several outputs to a folder that is made, each under its own name", () => {
  for (const data of [
    ["pairs.npy", "c=pairs.npy"],
    ["c=pairs.npy", "a=pairs.npy"],
    ["c=pairs.npy", "pairs.npy"],
  ]) {
    const { code, error } = octavo("run", "two.onnx", ...data.flatMap((each) => ["--data", each]), "-o", "out/deep");
    assert.deepEqual({ code, error }, { code: 0, error: "" });
  }
  assert.deepEqual(readdirSync(join(folder, "out/deep")).sort(), ["b_1.npy", "b_1_1.npy"]);
  assert.deepEqual(read("out/deep/b_1.npy"), floats([1, 2], [1, 0]));
  const [p = 0, q = 0] = Array.from(read("out/deep/b_1_1.npy").data, Number);
  assert.ok(Math.abs(p - 1 / (1 + Math.exp(-1))) < 1e-6 && Math.abs(p + q - 1) < 1e-6, `${p} ${q}`);
});

test("NaN is counted apart", () => {
  const { out } = octavo("run", "same.onnx", "--data", "nan.npy");
  assert.match(out, /^output {2}"y" float32 \[1, 3\] {2}min 1 {2}max 2 {2}mean 1.5 {2}NaN 1$/m);
});

const EXPECTED = 'a file for each input: "x" float32 [N, 3]';

/** Bad command lines (2), models and data (1): the arguments, and what stderr says in its first line. */
const REFUSED: readonly [code: number, args: string[], message: string][] = [
  [2, [], 'octavo: COMMAND expected quantize or inspect or run or compare, got ""'],
  [2, ["rum", "relu.onnx"], 'octavo: COMMAND expected quantize or inspect or run or compare, got "rum"'],
  [2, ["--json"], 'octavo: COMMAND expected quantize or inspect or run or compare, got "--json"'],
  [2, ["run"], "octavo run: MODEL expected one model, got []"],
  [2, ["run", "a", "b"], 'octavo run: MODEL expected one model, got ["a", "b"]'],
  [2, ["run", "relu.onnx", "--dta", "x.npy"], "octavo run: Unknown option '--dta'"],
  [2, ["run", "relu.onnx", "--data"], "octavo run: Option '--data <value>' argument missing"],
  [1, ["run", "missing.onnx"], 'octavo run: cannot read "missing.onnx": there is no such file or folder'],
  [1, ["run", "."], 'octavo run: cannot read ".": it is a folder'],
  [2, ["run", "relu.onnx"], `octavo run: --data expected ${EXPECTED}, got []`],
  [1, ["run", "relu.onnx", "--data", "y=x.npy"], `octavo run: "--data" expected ${EXPECTED}, got "y=x.npy"`],
  [
    1,
    ["run", "two.onnx", "--data", "a=pairs.npy", "c=pairs.npy", "pairs.npy"],
    'octavo run: "--data" expected a file for each input: "a" float32 [N, 2]; "c" float32 [N, 2], got "pairs.npy"',
  ],
  [
    1,
    [
      "run",
      "two.onnx",
      ..."--data a=pairs.npy --data c=pairs.npy --data c=pairs.npy --data c=pairs.npy --data a=pairs.npy".split(" "),
    ],
    'octavo run: "--data" expected as many samples for each input, got "2 for \\"a\\""',
  ],
  [1, ["run", "relu.onnx", "--data", "no.npy"], 'octavo run: cannot read "no.npy": there is no such file or folder'],
  [
    1,
    ["run", "unsupported.onnx", "--data", "x.npy"],
    "octavo run: unsupported.onnx: operators that octavo cannot run: Fancy (1)",
  ],
  [1, ["run", "relu.onnx", "--data", "flat.npy"], 'octavo run: "x.shape" expected "x" float32 [N, 3], got [6]'],
  [
    1,
    ["run", "integers.onnx", "--data", "fraction.npy"],
    'octavo run: "fraction.npy" expected int64 numbers, got "0.5 at index 1"',
  ],
  [
    1,
    ["run", "two.onnx", "--data", "pairs.npy", "--data", "pairs.npy", "-o", "two.npy"],
    'octavo run: "--output" expected a folder, for the outputs b/1, b:1, got "two.npy"',
  ],
  [
    1,
    ["run", "relu.onnx", "--data", "relu.onnx"],
    'octavo run: relu.onnx: "data" expected a .npy or .npz file, a PNG or a JPEG, got',
  ],
];

for (const [code, args, message] of REFUSED) {
  test(`octavo ${args.join(" ")}: ${code}`, () => {
    for (const json of [[], ["--json"]]) {
      if (args.length === 0 && json.length > 0) continue;
      const answer = octavo(...args.slice(0, 1), ...json, ...args.slice(1));
      assert.deepEqual([answer.code, answer.out], [code, ""]);
      const [first = "", ...rest] = answer.error.trimEnd().split("\n");
      assert.ok(first === message || (message.endsWith("got") && first.startsWith(message)), first);
      assert.deepEqual(rest.length, code === 2 ? 1 : 0, answer.error);
    }
  });
}

test("a damaged model is one line", () => {
  writeFileSync(join(folder, "damaged.onnx"), "no model");
  const { code, out, error } = octavo("run", "damaged.onnx");
  assert.deepEqual([code, out], [1, ""]);
  assert.match(error, /^octavo run: damaged.onnx: expected an ONNX file, .*\n$/);
  assert.ok(!existsSync(join(folder, "two.npy")), "nothing was written by what was refused");
});

test("--help and --version", () => {
  for (const args of [["--help"], ["-h"], ["run", "--help"], ["inspect", "relu.onnx", "-h"]]) {
    const { code, out, error } = octavo(...args);
    assert.deepEqual([code, error], [0, ""]);
    assert.match(out, /^Usage: octavo /);
  }
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  assert.deepEqual(octavo("--version"), { code: 0, out: `${manifest.version}\n`, error: "" });
});

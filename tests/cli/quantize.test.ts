// octavo quantize and octavo compare: what they write and print, every flag, what is refused, and that nothing is left behind.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Constant, type Model, readOnnx, run, type Value, writeNpy } from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { floats, modelOf } from "../model/models.ts";
import { CLI, folder, octavo, writeArray, writeModel } from "./command.ts";
import { png } from "./images.ts";

const wave = (length: number, step: number) => Array.from({ length }, (_, i) => Math.sin(i * i * step));

/** Images to scores: a convolution, a mean, a product, and two operators that stay in float. */
const network = modelOf(
  [
    makeNode("Conv", ["image", "kernel", "offset"], ["map"], { pads: [1n, 1n, 1n, 1n] }),
    makeNode("Relu", ["map"], ["positive"]),
    makeNode("GlobalAveragePool", ["positive"], ["mean"]),
    makeNode("Flatten", ["mean"], ["flat"]),
    makeNode("Gemm", ["flat", "matrix", "shift"], ["scores"], { transB: 1n }),
    makeNode("Softmax", ["scores"], ["chances"], { axis: 1n }),
  ],
  {
    inputs: [{ name: "image", format: "float32", shape: ["N", 3, 8, 8] }],
    outputs: [{ name: "chances", format: "float32", shape: ["N", 10] }],
    constants: new Map<string, Constant>([
      ["kernel", floats([64, 3, 3, 3], wave(64 * 27, 0.37))],
      ["offset", floats([64], wave(64, 0.11))],
      ["matrix", floats([10, 64], wave(640, 0.71))],
      ["shift", floats([10], wave(10, 0.5))],
    ]),
  },
);
writeModel("net.onnx", network);
const images = floats([12, 3, 8, 8], wave(12 * 192, 0.013));
writeArray("images.npy", images);

const files = () => readdirSync(folder, { recursive: true }).map(String).sort();
const read = (name: string): Model => readOnnx(readFileSync(join(folder, name)));

/** How often the outputs of a written model have their highest score where the float model has it. */
function agreement(name: string): number {
  const places = [network, read(name)].map((model) => {
    const data = Array.from(run(model, { image: images }).chances?.data ?? [], Number);
    return Array.from({ length: 12 }, (_, i) => {
      const row = data.slice(i * 10, i * 10 + 10);
      return row.indexOf(Math.max(...row));
    });
  });
  return places[0]?.filter((place, i) => place === places[1]?.[i]).length ?? 0;
}

test("writes a model and tells what became of the first", () => {
  const before = files();
  const { code, out, error } = octavo("quantize", "net.onnx", "-o", "deep/net.int8.onnx", "--data", "images.npy");
  assert.deepEqual([code, error], [0, ""]);
  assert.match(out, /^net\.onnx +\d+\.\d kB$/m);
  assert.match(out, /^deep\/net\.int8\.onnx +\d+\.\d kB +\d+ %$/m);
  assert.match(out, /^\d nodes quantized: 1 Conv, 1 Relu, 1 GlobalAveragePool, 1 Flatten, 1 Gemm$/m);
  assert.match(out, /^1 node left in float:\n {2}chances +Softmax +Softmax stays in float$/m);
  assert.match(out, /^12 samples, \d+\.\d\d s\n$/m);
  assert.deepEqual(
    files().filter((name) => !before.includes(name)),
    ["deep", "deep/net.int8.onnx"],
  );
  assert.ok(agreement("deep/net.int8.onnx") >= 11);
});

test("--json is one document, also with --quiet, which else is nothing", () => {
  const { code, out } = octavo(
    "quantize",
    "net.onnx",
    "-o",
    "json.onnx",
    "--data",
    "images.npy",
    "--json",
    "--samples",
    "5",
  );
  assert.equal(code, 0);
  const { seconds, ...found } = JSON.parse(out);
  assert.ok(seconds > 0 && seconds < 100);
  assert.deepEqual(found, {
    model: "net.onnx",
    output: "json.onnx",
    bytes: {
      before: readFileSync(join(folder, "net.onnx")).length,
      after: readFileSync(join(folder, "json.onnx")).length,
    },
    quantized: { Conv: 1, Relu: 1, GlobalAveragePool: 1, Flatten: 1, Gemm: 1 },
    float: [{ node: "chances", operator: "Softmax", reason: "Softmax stays in float" }],
    samples: 5,
  });
  const quiet = octavo("quantize", "net.onnx", "-o", "quiet.onnx", "--data", "images.npy", "--quiet");
  assert.deepEqual(quiet, { code: 0, out: "", error: "" });
  const both = octavo("quantize", "net.onnx", "-o", "quiet.onnx", "--weights", "float16", "--quiet", "--json");
  assert.equal(JSON.parse(both.out).output, "quiet.onnx");
});

test("images are data too", () => {
  mkdirSync(join(folder, "shots"));
  for (let i = 0; i < 3; i++) writeFileSync(join(folder, "shots", `${i}.png`), png(8 + i, 9));
  const { code, out } = octavo("quantize", "net.onnx", "-o", "shots.onnx", "--data", "shots", "--scale", "1/255");
  assert.equal(code, 0);
  assert.match(out, /^3 samples, /m);
});

/** The names of the formats of a model's constants. */
const formats = (name: string) =>
  new Set(Array.from(read(name).graph.constants.values(), (each) => "format" in each && each.format));

test("every other flag of the scheme reaches the model", () => {
  const make = (...flags: string[]) => {
    const { code, error } = octavo("quantize", "net.onnx", "-o", "flags.onnx", ...flags);
    assert.deepEqual([code, error], [0, ""], flags.join(" "));
    return formats("flags.onnx");
  };
  const data = ["--data", "images.npy"];
  const operators = () => new Set(read("flags.onnx").graph.nodes.map(({ op }) => op));
  /** How many scales the kernel has. */
  const scales = () => {
    const { constants, nodes } = read("flags.onnx").graph;
    const weight = nodes.find(({ op, inputs }) => op === "DequantizeLinear" && /^kernel/.test(inputs[0] as string));
    const scale = constants.get(weight?.inputs[1] as string);
    return scale && "data" in scale ? scale.data.length : 0;
  };
  assert.ok(make(...data, "--range", "minmax").has("int8"));
  assert.equal(scales(), 64);
  make(...data, "--per-tensor");
  assert.equal(scales(), 1);
  assert.ok(make(...data, "--weights", "uint8", "--per-channel", "--range", "99.9").has("uint8"));
  assert.ok(make(...data, "--activations", "uint16").has("uint16"));
  make(...data, "--bits", "4");
  assert.ok(agreement("flags.onnx") >= 8);
  make(...data, "--form", "qoperator");
  assert.ok(operators().has("QLinearConv"));
  make("--activations", "dynamic");
  assert.ok(operators().has("DynamicQuantizeLinear"));
  assert.ok(make("--activations", "float32").has("int8"));
  assert.ok(make("--weights", "float16").has("float16"));
  make("--weights", "int4", "--block", "16");
  assert.ok(operators().has("MatMulNBits"));
});

test("--skip leaves nodes and operators in float", () => {
  const { out } = octavo(
    "quantize",
    "net.onnx",
    "-o",
    "skip.onnx",
    "--data",
    "images.npy",
    "--skip",
    "Gemm",
    "--skip",
    "map",
  );
  assert.match(out, /^ {2}map +Conv +the scheme leaves it in float$/m);
  assert.match(out, /^ {2}scores +Gemm +the scheme leaves it in float$/m);
});

test("a terminal sees how far it is, and nothing of it stays", (t) => {
  if (spawnSync("script", ["--version"]).status !== 0) return t.skip("there is no `script` to make a terminal");
  const line = `"${process.execPath}" "${CLI}" quantize net.onnx -o tty.onnx --data images.npy`;
  const { stdout } = spawnSync("script", ["-qec", line, "/dev/null"], { cwd: folder, encoding: "utf8" });
  assert.match(stdout, /measuring ranges [█░]{30} \d+ of 12/u);
  assert.ok(stdout.includes("\r\x1b[Knet.onnx"), "the bar makes room for the table");
});

test("Ctrl-C ends it, and leaves nothing behind", async () => {
  mkdirSync(join(folder, "slow"));
  const sample = writeNpy(floats([1, 3, 8, 8], wave(192, 0.01)));
  writeFileSync(join(folder, "slow/0.npy"), sample);
  execFileSync("mkfifo", [join(folder, "slow/1.npy")]);
  const before = files();
  const child = spawn(process.execPath, [CLI, "quantize", "net.onnx", "-o", "no.onnx", "--data", "slow"], {
    cwd: folder,
  });
  let error = "";
  child.stderr.on("data", (text) => {
    error += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const pipe = await open(join(folder, "slow/1.npy"), "w"); // opens once the command reads it
  child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 50));
  await pipe.writeFile(sample);
  await pipe.close();
  assert.deepEqual([await ended, error], [130, "octavo quantize: cancelled; nothing was written\n"]);
  assert.deepEqual(files(), before);
});

const holds: Value = { name: "x", format: "float32", shape: ["N", 3] };
writeModel(
  "codes.onnx",
  modelOf([makeNode("QuantizeLinear", ["x", "scale"], ["c"]), makeNode("DequantizeLinear", ["c", "scale"], ["y"])], {
    inputs: [holds],
    outputs: [{ ...holds, name: "y" }],
    constants: new Map([["scale", floats([], [0.1])]]),
  }),
);
writeArray("nan.npy", floats([1, 3, 8, 8], wave(192, 0.01).fill(Number.NaN, 5, 6)));
writeArray("short.npy", floats([2, 3, 8, 7], wave(336, 0.01)));
writeArray("nothing.npy", floats([0, 3, 8, 8], []));
writeFileSync(join(folder, "file"), "");
mkdirSync(join(folder, "folder.onnx"));

/** What is refused: the code, the arguments behind the model, and the first line of stderr. */
const REFUSED: readonly [code: number, args: string[], error: RegExp][] = [
  [2, ["--data", "images.npy"], /--output expected a file to write/],
  [
    2,
    ["-o", "no.onnx"],
    /--data expected samples .*\(--activations dynamic or float32, --block, and --weights float16 need none\)/,
  ],
  [
    2,
    ["-o", "no.onnx", "--data", "images.npy", "--weights", "int9"],
    /--weights expected the name of a format, as int8, .*"int9"/,
  ],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--activations", "i8"], /--activations expected the name of a format/],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--bits", "x"], /--bits expected a positive integer, got "x"/],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--block", "0"], /--block expected a positive integer, got "0"/],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--range", "best"], /--range expected auto or minmax or .*"best"/],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--range", "101"], /--range expected a number above 0 and at most 100/],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--form", "qd"], /--form expected qdq or qoperator, got "qd"/],
  [
    2,
    ["-o", "no.onnx", "--data", "images.npy", "--per-tensor", "--per-channel"],
    /--per-tensor expected no --per-channel/,
  ],
  [2, ["-o", "net.onnx", "--data", "images.npy"], /--output expected another file than the model, got "net.onnx"/],
  [1, ["-o", "folder.onnx", "--data", "images.npy"], /cannot write "folder.onnx": it is a folder/],
  [1, ["-o", "file/no.onnx", "--data", "images.npy"], /cannot write "file\/no.onnx": there is a file where a folder/],
  [1, ["-o", `${"n".repeat(300)}.onnx`, "--data", "images.npy"], /cannot write "n{300}.onnx": ENAMETOOLONG/],
  [1, ["-o", "no.onnx", "--data", "missing.npy"], /cannot read "missing.npy": there is no such file/],
  [
    1,
    ["-o", "no.onnx", "--data", "short.npy"],
    /sample 0: "image.shape" expected .*\[N, 3, 8, 8\], got \[1, 3, 8, 7\]/,
  ],
  [1, ["-o", "no.onnx", "--data", "nothing.npy"], /expected at least one sample/],
  [1, ["-o", "no.onnx", "--data", "nan.npy"], /sample 0: "image" holds NaN/],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--bits", "9"], /"bits" expected an integer of 2..8, got 9/],
  [2, ["-o", "no.onnx", "--block", "7"], /"weights.block" expected 16 or 32 or 64 or 128 or 256, got 7/],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--activations", "float16"], /"activations.format" .* got "float16"/],
  [2, ["-o", "no.onnx", "--data", "images.npy", "--skip", "conv9"], /"nodes" expected names of .* got "conv9"/],
];

for (const [code, args, error] of REFUSED) {
  test(`octavo quantize net.onnx ${args.join(" ")}: ${code}`, () => {
    const before = files();
    const answer = octavo("quantize", "net.onnx", ...args);
    assert.deepEqual([answer.code, answer.out], [code, ""], answer.error);
    assert.match(answer.error, error);
    assert.deepEqual(answer.error.split("\n").length, code === 2 ? 3 : 2, answer.error);
    assert.deepEqual(files(), before, "nothing was written");
  });
}

test("a model that is quantized already is refused, and inspect says so", () => {
  const { code, error } = octavo("quantize", "codes.onnx", "-o", "no.onnx", "--data", "images.npy");
  assert.equal(code, 1);
  assert.match(error, /^octavo quantize: codes.onnx: .*QuantizeLinear/);
  assert.ok(!existsSync(join(folder, "no.onnx")));
  assert.match(octavo("inspect", "codes.onnx").out, /^octavo quantize refuses it: .*QuantizeLinear/m);
});

test("compare: outputs, agreement, and layers in order with the worst marked", () => {
  octavo("quantize", "net.onnx", "-o", "small.onnx", "--data", "images.npy");
  const { code, out, error } = octavo("compare", "net.onnx", "small.onnx", "--data", "images.npy");
  assert.deepEqual([code, error], [0, ""]);
  assert.match(out, /^small.onnx against net.onnx, 12 samples$/m);
  assert.match(out, /^"chances" +[\d.]+ +[\d.e-]+ +[\d.e-]+ +1[12] of 12 \(\d+\.\d %\)$/m);
  const names = Array.from(out.matchAll(/^(\w+) +\w+ +[\d.]+ +[\d.e-]+ +[\d.e-]+/gm), ([, name]) => name);
  assert.deepEqual(
    names.filter((name) => ["image", "positive", "mean", "scores"].includes(name ?? "")),
    ["image", "positive", "mean", "scores"],
  );
  assert.equal(out.match(/ worst$/gm)?.length, 3);
  assert.doesNotMatch(octavo("compare", "net.onnx", "net.onnx", "--data", "images.npy").out, / worst$/m);
  const json = JSON.parse(octavo("compare", "net.onnx", "small.onnx", "--data", "images.npy", "--json").out);
  assert.deepEqual([json.samples, json.outputs.length, json.outputs[0].rows], [12, 1, 12]);
  assert.ok(json.outputs[0].sqnr > 20 && json.layers.every(({ mae }: { mae: number }) => mae >= 0));
});

test("compare: a model and itself are equal", () => {
  const { out } = octavo("compare", "net.onnx", "net.onnx", "--data", "images.npy");
  assert.match(out, /^"chances" +exact +0 +0 +12 of 12 \(100\.0 %\)$/m);
  const { code, error } = octavo("compare", "net.onnx", "--data", "images.npy");
  assert.deepEqual([code, error.split("\n")[0]], [2, 'octavo compare: MODEL expected two models, got ["net.onnx"]']);
});

test("help of every command has examples and exit codes", () => {
  for (const command of ["quantize", "run", "compare"]) {
    const { code, out } = octavo(command, "--help");
    assert.equal(code, 0);
    assert.match(out, /^Examples?:$/m);
    assert.match(out, /^Exit codes: /m);
    assert.ok(
      out.split("\n").every((line) => line.length <= 120),
      "no line is longer than a terminal",
    );
  }
});

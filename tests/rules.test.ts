// House rules that a program can hold: which file may import which, what only one file may know, how long a file is,
// that every kernel has a test, where error sentences are made.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";

/** From the ground up. A name that ends in / is a folder. */
const FLOORS = [
  ["formats.ts", "check.ts", "check-format.ts", "host.ts"],
  ["quantizer.ts"],
  ["wasm/"],
  ["tensor/"],
  ["model/"],
  ["passes/", "io/"],
  ["runtime/"],
  ["simulate/"],
  ["quantize-model.ts"],
  ["cli.ts", "cli/", "index.ts", "worker.ts"],
];

/** The floor whose rooms do not know each other. */
const APART = 5;

const MOST_LINES = 400;

const LINE_COMMENT = /^\s*\/\/.*$/gm;
const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//g;

interface Source {
  /** The path from the project's root. */
  readonly path: string;
  readonly text: string;
  /** The text without its comments. */
  readonly code: string;
}

function sources(folder: string): Source[] {
  const names = readdirSync(folder, { recursive: true }).map((name) => String(name).replaceAll("\\", "/"));
  return names
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const path = `${folder}/${name}`;
      const text = readFileSync(path, "utf8");
      return { path, text, code: text.replace(BLOCK_COMMENT, "").replace(LINE_COMMENT, "") };
    });
}

/** What a file imports or re-exports: paths from the root, and packages by their names. */
function importsOf({ path, code }: Source): string[] {
  const found = code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g);
  return Array.from(found, ([, name = ""]) => (name.startsWith(".") ? posix.join(posix.dirname(path), name) : name));
}

/** The floor of a file under src/, and its room there. */
function placeOf(path: string): { floor: number; room: string } {
  const inside = path.slice("src/".length);
  const isRoom = (room: string) => (room.endsWith("/") ? inside.startsWith(room) : inside === room);
  const floor = FLOORS.findIndex((rooms) => rooms.some(isRoom));
  return { floor, room: FLOORS[floor]?.find(isRoom) ?? "" };
}

/** What is wrong with an import, if anything is. */
function trespass(from: string, to: string): string | undefined {
  if (!to.startsWith("src/")) return undefined;
  const above = placeOf(from);
  const below = placeOf(to);
  if (below.floor > above.floor) return `${from} (floor ${above.floor}) imports ${to} (floor ${below.floor})`;
  if (above.floor === APART && below.floor === APART && above.room !== below.room) return `${from} imports ${to}`;
  return undefined;
}

const SRC = sources("src");
const ASSEMBLY = sources("assembly");

test("every file of src/ has a floor", () => {
  const homeless = SRC.filter(({ path }) => placeOf(path).floor < 0).map(({ path }) => path);
  assert.deepEqual(homeless, []);
});

test("imports go down only", () => {
  const trespasses = SRC.flatMap((file) => importsOf(file).map((to) => trespass(file.path, to)));
  assert.deepEqual(trespasses.filter(Boolean), []);
});

test("the rule of floors sees what it forbids", () => {
  assert.match(trespass("src/quantizer.ts", "src/wasm/arena.ts") ?? "", /floor 1.*floor 2/);
  assert.ok(trespass("src/io/onnx.ts", "src/passes/fold.ts"));
  assert.equal(trespass("src/io/onnx.ts", "src/io/opset.ts"), undefined);
  assert.equal(trespass("src/tensor/codec.ts", "src/check.ts"), undefined);
  const code =
    'import "./a.ts";\nexport type { B } from "../b.ts";\nawait import("c");\nimport {\n  d,\n} from "./d/e.ts";';
  assert.deepEqual(importsOf({ path: "src/x/y.ts", text: "", code }), ["src/x/a.ts", "src/b.ts", "c", "src/x/d/e.ts"]);
});

test("only host.ts and the command line know where they run", () => {
  const knowing = SRC.filter(({ code }) => /\b(process|Deno|Bun|window)\b|["'`]node:/.test(code)).map(
    ({ path }) => path,
  );
  assert.deepEqual(
    knowing.filter((path) => !/^src\/(host\.ts|cli\.ts|cli\/.*)$/.test(path)),
    [],
  );
});

test("error sentences are made in check.ts", () => {
  const made = SRC.filter(({ code }) => /\bnew (Type|Range)?Error\(/.test(code)).map(({ path }) => path);
  assert.deepEqual(
    made.filter((path) => path !== "src/check.ts"),
    [],
  );
});

test(`no file is longer than ${MOST_LINES} lines`, () => {
  const long = [...SRC, ...ASSEMBLY].filter(({ text }) => text.split("\n").length > MOST_LINES + 1);
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  );
});

test("nothing is left to be done", () => {
  const unfinished = [...SRC, ...ASSEMBLY].filter(({ text }) => /\b(TODO|FIXME|XXX)\b/.test(text));
  assert.deepEqual(
    unfinished.map(({ path }) => path),
    [],
  );
});

test("the oracle imports nothing from src/", () => {
  const imports = sources("tests/reference").flatMap(importsOf);
  assert.deepEqual(
    imports.filter((path) => path.startsWith("src/")),
    [],
  );
});

test("every kernel is named in a test of tests/kernels/", () => {
  const text = sources("tests/kernels").reduce((all, { code }) => all + code, "");
  // a name with a ${hole} in it stands for all that fill the hole
  const patterns = Array.from(text.matchAll(/\w+(?:\$\{\w+\}\w*)*/g), ([name]) => name.replace(/\$\{\w+\}/g, "\\w+"));
  const tested = new RegExp(`^(?:${[...new Set(patterns)].join("|")})$`);
  const kernels = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync("build/simd.wasm")));
  const untested = kernels.filter(({ kind, name }) => kind === "function" && !tested.test(name));
  assert.deepEqual(
    untested.map(({ name }) => name),
    [],
  );
});

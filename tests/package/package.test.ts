// The package as users get it: what is in it, that tools find no fault with it, that it runs in Node and from bundles,
// that its types serve strict consumers of old and new compilers, and what it costs to download.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { build as esbuild } from "esbuild";
import { publint } from "publint";
import { rollup } from "rollup";
import { createLogger, build as vite } from "vite";
import { type Value, writeOnnx } from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { modelOf } from "../model/models.ts";
import { makeProject, type Project, run, runTool } from "./project.ts";

const FILES = [
  "LICENSE",
  "README.md",
  "build/cli-chunk.js",
  "build/cli-decode.js",
  "build/cli-licenses.txt",
  "build/cli.js",
  "build/octavo.d.ts",
  "build/octavo.global.js",
  "build/octavo.js",
  "build/relaxed.wasm",
  "build/simd.wasm",
  "build/worker.js",
  ...readdirSync(new URL("../../docs", import.meta.url))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`),
  "package.json",
];

/** Exports that are fetched or named in a script tag: no modules to resolve types for. */
const NO_MODULES = ["global", "simd.wasm", "relaxed.wasm", "worker.js"];

/** Bytes that may be downloaded: the whole library, what reads and runs a model, the engine, what `encode` adds to it. */
const WHOLE = 154_000;
const RUN = 112_000;
const ENGINE = 45_000;
const ENCODE = 5_000;

const EXAMPLE = `
import { dequantize, quantize } from "octavo";
const q = quantize(Float32Array.of(-1, -0.5, 0, 1), { format: "int8" });
console.log([...q.data].join(), [...dequantize(q)].length);
`;
const PRINTED = "-127,-64,0,127 4\n";

const CONSUMER = `
import { decode, encode, type Format, observe, Observer, type QTensor, quantize, quantizationError } from "octavo";
const x: Float32Array = Float32Array.of(1, 2, 3, 4);
const q: QTensor = quantize(x, { format: "int4", shape: [2, 2], axis: 0, range: { percentile: 99.9 } });
const own: Format = { exponent: 4, mantissa: 3 };
const codes: Uint8Array | Uint16Array | Uint32Array = encode(x, own, { rounding: "zero" });
const back: Float32Array = decode(codes, own);
const seen: Observer = Observer.from(observe().add(back).toJSON());
export const [lo, hi]: [number, number] = seen.range({ range: "mse" });
export const decibels: number = quantizationError(x, q).sqnr;
export const zero: Int32Array = q.zero;
// @ts-expect-error: no such format
quantize(x, { format: "int9" });
// @ts-expect-error: plain data is not to be written to
q.scale = x;
`;

const STRICT = {
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  target: "es2022",
  lib: ["es2022"],
  types: [],
};

const FLOATS: Value = { name: "x", format: "float32", shape: [2] };
const RELU = writeOnnx(
  modelOf([makeNode("Relu", ["x"], ["y"])], { inputs: [FLOATS], outputs: [{ ...FLOATS, name: "y" }] }),
);

let project: Project;
before(() => {
  project = makeProject();
});
after(() => project?.remove());

describe("the package", () => {
  it("holds the modules, their types and wasm files, and nothing else", () => {
    assert.deepEqual(project.files, FILES);
  });

  it("has types in one file, with nothing that TypeScript 5.6 does not know", () => {
    const types = readFileSync(join(project.installed, "build/octavo.d.ts"), "utf8");
    assert.doesNotMatch(types, /\b(import|from)\b\s*\(?["']/, "refers to other files");
    assert.doesNotMatch(types, /\b(Int|Uint|Float|BigInt|BigUint)\d+(Clamped)?Array</, "arrays are not generic there");
    assert.doesNotMatch(types, /\/\/\/ *<reference/, "asks for types of a host");
  });

  it("pleases publint", async () => {
    const { messages } = await publint({ pkgDir: project.installed, pack: false, strict: true });
    assert.deepEqual(messages, []);
  });

  it("has types that resolve everywhere (attw)", () => {
    const args = [project.tarball, "--profile", "esm-only", "--no-emoji", "--exclude-entrypoints", ...NO_MODULES];
    runTool("@arethetypeswrong/cli/dist/index.js", args, project.folder);
  });
});

/** The compilers to check a consumer with: this repository's, and the older one that attw brings along. */
function compilers(): { version: string; script: string }[] {
  const require = createRequire(import.meta.url);
  const older = createRequire(require.resolve("@arethetypeswrong/core"));
  return [require, older].map((from) => {
    const manifest = from.resolve("typescript/package.json");
    const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
    return { version, script: join(dirname(manifest), "bin/tsc") };
  });
}

describe("a TypeScript consumer", () => {
  for (const { version, script } of compilers()) {
    for (const [module, moduleResolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      it(`compiles strictly with TypeScript ${version}, ${moduleResolution}`, () => {
        project.write("consumer.ts", CONSUMER);
        const compilerOptions = { ...STRICT, module, moduleResolution };
        const config = project.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
        run(process.execPath, [script, "-p", config], project.folder);
      });
    }
  }
});

/** Bundles a program with esbuild, for browsers, and gives the minified text. */
async function bundle(program: string, format: "esm" | "iife" = "esm"): Promise<string> {
  const stdin = { contents: program, resolveDir: project.folder };
  const { outputFiles, warnings } = await esbuild({
    stdin,
    bundle: true,
    minify: true,
    write: false,
    format,
    logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  return outputFiles[0]?.text ?? "";
}

/** Bundles a file of the project with Vite, and gives the path of what comes out and what Vite warns of. */
async function viteBundle(entry: string): Promise<{ file: string; warnings: string[] }> {
  const warnings: string[] = [];
  const customLogger = createLogger("warn");
  customLogger.warn = (text) => void warnings.push(text);
  const lib = { entry, formats: ["es" as const], fileName: "bundle" };
  await vite({ root: project.folder, configFile: false, customLogger, build: { lib, outDir: "vite" } });
  return { file: join(project.folder, "vite/bundle.js"), warnings };
}

/** Reads a model from its file and runs it: a file of its own name is the only thing that it needs of the host. */
const MODEL = `
import { open, readOnnx, Session } from "octavo";
const session = new Session(readOnnx(await open("relu.onnx")));
console.log([...session.run({ x: Float32Array.of(-1, 2) }).y.data].join());
session.dispose();
`;

describe("a program", () => {
  it("runs in Node", () => {
    assert.equal(run(process.execPath, [project.write("run.mjs", EXAMPLE)], project.folder), PRINTED);
  });

  it("finds the wasm files by their names", () => {
    const program =
      'import { readdirSync, readFileSync, writeFileSync } from "node:fs"; import { fileURLToPath } from "node:url";\n'.concat(
        'const bytes = (name) => readFileSync(fileURLToPath(import.meta.resolve("octavo/" + name)));\n',
        'console.log(["simd.wasm", "relaxed.wasm"].map((name) => bytes(name).subarray(1, 4).toString()).join());',
      );
    assert.equal(run(process.execPath, [project.write("wasm.mjs", program)], project.folder), "asm,asm\n");
  });

  for (const format of ["esm", "iife"] as const) {
    it(`runs bundled by esbuild as ${format}`, async () => {
      const file = project.write(`esbuild.${format === "esm" ? "mjs" : "cjs"}`, await bundle(EXAMPLE, format));
      assert.equal(run(process.execPath, [file], project.folder), PRINTED);
    });
  }

  it("runs bundled by Vite, which warns of nothing", async () => {
    const { file, warnings } = await viteBundle(project.write("entry.js", EXAMPLE));
    assert.equal(run(process.execPath, [file], project.folder), PRINTED);
    assert.deepEqual(warnings, []);
  });

  it("opens files, bundled by esbuild, Vite and Rollup, which warn of nothing", async () => {
    writeFileSync(join(project.folder, "relu.onnx"), RELU);
    const entry = project.write("model.mjs", MODEL);
    const warn = ({ message }: { message: string }) => assert.fail(message);
    const load = (id: string) => (id === "octavo" ? join(project.installed, "build/octavo.js") : null);
    const rolled = await rollup({ input: entry, plugins: [{ name: "octavo", resolveId: load }], onwarn: warn });
    const file = join(project.folder, "rollup.mjs");
    await rolled.write({ file, format: "es" });
    const { file: vited, warnings } = await viteBundle(entry);
    assert.deepEqual(warnings, []);
    for (const each of [entry, project.write("model-esbuild.mjs", await bundle(MODEL)), file, vited]) {
      assert.equal(run(process.execPath, [each], project.folder), "0,2\n", each);
    }
  });

  it("leaves the host's modules to the host, whatever the bundler", () => {
    for (const name of ["octavo.js", "octavo.global.js"]) {
      const text = readFileSync(join(project.installed, "build", name), "utf8");
      const found = text.match(/\bimport\([^)]*\)/g) ?? [];
      assert.equal(found.length, 1, name);
      assert.match(found[0] ?? "", /^import\(\/\* webpackIgnore: true \*\/ \/\* @vite-ignore \*\/ \w+\)$/);
    }
  });

  it("has a command line", () => {
    const command = join(project.folder, "node_modules/.bin", process.platform === "win32" ? "octavo.cmd" : "octavo");
    const { version } = JSON.parse(readFileSync(join(project.installed, "package.json"), "utf8")) as {
      version: string;
    };
    assert.equal(run(command, ["--version"], project.folder), `${version}\n`);
    writeFileSync(join(project.folder, "relu.onnx"), RELU);
    assert.match(run(command, ["inspect", "relu.onnx"], project.folder), /^1 node: 1 Relu$/m);
  });

  it("runs as a script that makes a global", () => {
    const script = readFileSync(join(project.installed, "build/octavo.global.js"), "utf8");
    const program = EXAMPLE.replace("import", "const").replace('from "octavo"', "= octavo");
    assert.equal(run(process.execPath, [project.write("script.cjs", script + program)], project.folder), PRINTED);
  });
});

describe("the size, minified and compressed", () => {
  const compressed = (text: string) => gzipSync(text, { level: 9 }).length;
  const costOf = async (name: string) => compressed(await bundle(`export { ${name} } from "octavo";`));

  it(`of the whole is at most ${WHOLE} bytes`, () => {
    const size = compressed(readFileSync(join(project.installed, "build/octavo.js"), "utf8"));
    assert.ok(size <= WHOLE, `${size} bytes`);
  });

  it(`of what reads and runs a model is at most ${RUN} bytes`, async () => {
    const size = await costOf("readOnnx, Session");
    assert.ok(size <= RUN, `${size} bytes`);
  });

  it(`of the engine alone, both tiers, is at most ${ENGINE} bytes`, async () => {
    const size = await costOf("tier");
    assert.ok(size <= ENGINE, `${size} bytes`);
  });

  it(`of encode alone is at most ${ENCODE} bytes more than that of the engine alone`, async () => {
    const engine = await costOf("tier");
    const size = await costOf("encode");
    assert.ok(size <= engine + ENCODE, `${size} bytes, the engine alone ${engine}`);
  });
});

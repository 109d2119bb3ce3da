// Builds everything in build/: the two wasm modules and their types, the ES module, the script-tag global,
// the command line, declarations.

import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import { minify } from "terser";
import { hint, marks } from "./hints.mjs";
import { pack, textOf } from "./packer.mjs";

const TARGETS = ["simd", "relaxed"];
const STAMP = "build/stamp";

/** Deno finds the declarations of a module that it loads by its address through this. */
const SELF_TYPES = '/* @ts-self-types="./octavo.d.ts" */\n';

/** A process of its own for each module: the compiler keeps a core busy. */
async function compile(...settings) {
  const asc = fileURLToPath(new URL("../bin/asc.js", import.meta.resolve("assemblyscript/asc")));
  await promisify(execFile)(process.execPath, [asc, ...settings]);
}

const kernels = (target) => compile("--config", "asconfig.json", "--target", target);

const unpacker = () => compile("--config", "asconfig.unpacker.json", "--target", "unpacker");

/** The modules packed as text, so that any bundler, tsc and tsx read them alike; the unpacker itself is hexadecimal. */
function embed() {
  const modules = TARGETS.map((target) => readFileSync(`build/${target}.wasm`));
  const lengths = modules.map(({ length }) => length);
  const lines = [
    `export const unpacker = "${readFileSync("build/unpacker.wasm", "hex")}";\n`,
    `export const packed = "${textOf(pack(Buffer.concat(modules)))}";\n`,
    `export const lengths = ${JSON.stringify(lengths)} as const;\n`,
  ];
  writeFileSync("build/modules.ts", lines.join(""));
}

async function bundle() {
  await write({ format: "esm", outfile: "build/octavo.js" }, SELF_TYPES);
  const script = { format: "iife", define: { "import.meta.url": "tagUrl" }, inject: ["tools/script-tag.js"] };
  await write({ ...script, globalName: "octavo", outfile: "build/octavo.global.js" }, "");
  // neither an import nor an export: pages take it for a script, Node for a module
  await write({ ...script, entryPoints: ["src/worker.ts"], outfile: "build/worker.js" }, "");
}

const SETTINGS = {
  entryPoints: ["src/index.ts"],
  bundle: true,
  target: "es2022",
  platform: "neutral",
  mainFields: ["module", "main"],
  legalComments: "none",
  charset: "utf8",
  plugins: [marks],
  write: false,
};

/**
 * A bundle with the packed modules behind all else: gzip looks back 32 kB only, and would find nothing but them in what comes next.
 * Nothing asks for them before a function of octavo's is called.
 */
function packedLast(text) {
  const [line] = /^ *var packed = .*\n/m.exec(text) ?? [""];
  const others = text.replace(line, "");
  const end = others.match(/^ *return __toCommonJS\(/m)?.index ?? others.length;
  return others.slice(0, end) + line + others.slice(end);
}

/** esbuild bundles; terser makes it small, for its names compress better: 4 kB of 142. */
async function write(settings, head) {
  const { outputFiles } = await build({ ...SETTINGS, ...settings });
  const [{ path, text }] = outputFiles;
  const { code } = await minify(packedLast(text), {
    module: settings.format === "esm",
    ecma: 2022,
    compress: { passes: 2 },
    format: { max_line_len: 2000 },
  });
  writeFileSync(path, head + hint(code));
}

/** The command line beside the module that it is made of; what few runs need is in modules that are loaded then. */
async function command() {
  const library = {
    name: "library",
    setup: (each) => each.onResolve({ filter: /^\.{1,2}\/index\.ts$/ }, () => LIBRARY),
  };
  const settings = { bundle: true, minify: true, target: "es2022", platform: "node", format: "esm", splitting: true };
  const files = { outdir: "build", entryNames: "[name]", chunkNames: "cli-[name]", loader: { ".wasm": "binary" } };
  await build({ ...settings, ...files, entryPoints: ["src/cli.ts"], plugins: [library] });
  writeFileSync("build/cli-licenses.txt", [JPEG_GROUP, ...DECODERS.map(licenseOf)].join("\n"));
}

/** What those who made the decoder inside @jsquash/jpeg ask for. */
const JPEG_GROUP = "This software is based in part on the work of the Independent JPEG Group.\n";

/** The packages inside build/cli-decode.js. */
const DECODERS = ["@jsquash/jpeg", "fast-png", "iobuffer", "fflate"];

function licenseOf(name) {
  return `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8")}`;
}

const LIBRARY = { path: "./octavo.js", external: true };

/** One file with the public types only; the last line names the global of the script tag. */
async function declare() {
  const plugins = [dts({ tsconfig: "tsconfig.build.json" })];
  const types = await rollup({ input: "src/index.ts", plugins, onwarn: fail });
  await types.write({ file: "build/octavo.d.ts", format: "es", footer: "export as namespace octavo;" });
}

function fail(warning) {
  throw new Error(warning.message);
}

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const started = new Date();
rmSync(STAMP, { force: true });
mkdirSync("build", { recursive: true });
try {
  await Promise.all([...TARGETS.map(kernels), unpacker()]);
  embed();
  await Promise.all([bundle(), command(), declare()]);
  // what is saved while the build runs is newer than the stamp: tools/setup.mjs builds again
  writeFileSync(STAMP, "");
  utimesSync(STAMP, started, started);
} catch (error) {
  console.error(error.stderr || error.message);
  process.exitCode = 1;
}

// Builds everything in build/: the two wasm modules and their types, the ES module, the script-tag global, declarations.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { main as asc } from "assemblyscript/asc";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
process.chdir(root);
const require = createRequire(import.meta.url);

/** The script behind a package's command. */
function command(name, file) {
  return join(dirname(require.resolve(`${name}/package.json`)), file);
}

async function compile(target) {
  const { error, stderr } = await asc(["--config", "asconfig.json", "--target", target]);
  if (error) throw new Error(`${error.message}\n${stderr}`);
}

/** The modules as base64 text, so that any bundler, tsc and tsx read them alike. */
function embed(targets) {
  const lines = targets.map((t) => `export const ${t} = "${readFileSync(`build/${t}.wasm`).toString("base64")}";\n`);
  writeFileSync("build/modules.ts", lines.join(""));
}

async function bundle() {
  const common = { entryPoints: ["src/index.ts"], bundle: true, target: "es2022", platform: "neutral" };
  const settings = { ...common, mainFields: ["module", "main"], legalComments: "none", charset: "utf8" };
  await build({ ...settings, format: "esm", minify: true, outfile: "build/octavo.js" });
  await build({ ...settings, format: "iife", globalName: "octavo", minify: true, outfile: "build/octavo.global.js" });
}

rmSync("build", { recursive: true, force: true });
mkdirSync("build");
await Promise.all(["simd", "relaxed"].map(compile));
embed(["simd", "relaxed"]);
await bundle();
execFileSync(process.execPath, [command("typescript", "bin/tsc"), "-p", "tsconfig.build.json"], { stdio: "inherit" });

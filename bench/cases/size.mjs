// Bytes as served: the whole library, and what importing only `encode` costs beyond the engine that everything needs.

import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { build as bundle } from "esbuild";

const ASKED_BYTES = 45_000;
const ASKED_BEYOND_ENGINE = 5_000;

const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;
const kilo = (bytes) => `${(bytes / 1000).toFixed(2)} kB`;

/** The gzipped bytes of a minified bundle that uses only these names. */
async function bundled(root, names) {
  const { outputFiles } = await bundle({
    stdin: { contents: `export { ${names} } from "./src/index.ts";`, resolveDir: root, loader: "ts" },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    mainFields: ["module", "main"],
    legalComments: "none",
    charset: "utf8",
  });
  return gzipped(outputFiles[0].contents);
}

async function sizeCase({ build }) {
  const root = dirname(build);
  const whole = gzipped(await readFile(`${build}/octavo.js`));
  const [simd, relaxed] = await Promise.all(
    ["simd", "relaxed"].map(async (tier) => gzipped(await readFile(`${build}/${tier}.wasm`))),
  );
  const engine = await bundled(root, "ready, tier, useTier");
  const encode = await bundled(root, "encode");
  return [
    { work: "octavo.js, gzip -9", figure: kilo(whole), bytes: whole },
    {
      work: "engine alone: both modules and their loader",
      asked: "<= 45 kB",
      figure: kilo(engine),
      bytes: engine,
      ok: engine <= ASKED_BYTES,
    },
    {
      work: "simd.wasm and relaxed.wasm as files, gzip -9",
      figure: `${kilo(simd)}, ${kilo(relaxed)}`,
      bytes: [simd, relaxed],
    },
    {
      work: "import { encode } beyond the engine",
      asked: "<= 5 kB",
      figure: kilo(encode - engine),
      bytes: encode - engine,
      ok: encode - engine <= ASKED_BEYOND_ENGINE,
    },
  ];
}

export const cases = { size: sizeCase };

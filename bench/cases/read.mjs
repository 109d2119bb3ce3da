// Reading an ONNX file of 100 MB, each time in a fresh process: its time, and its memory, the file's bytes included.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { uniformFrom } from "../data.mjs";
import { figures, median } from "../timing.mjs";

const ASKED_SECONDS = 0.3;
const ASKED_MEMORY = 1.2;
const TIMES = 5;

const LAYERS = 100;
const CHANNELS = 512;

/** A chain of products of 1 MB of weights each; their names differ in length, so that they lie at all alignments. */
function file({ writeOnnx }) {
  const uniform = uniformFrom(7);
  const names = Array.from({ length: LAYERS + 1 }, (_, i) => `${"w".repeat(1 + (i % 4))}${i}`);
  const weight = () => Float32Array.from({ length: CHANNELS ** 2 }, uniform);
  const constants = new Map(
    names.slice(1).map((name) => [name, { format: "float32", shape: [CHANNELS, CHANNELS], data: weight() }]),
  );
  const nodes = names.slice(1).map((name, i) => {
    return { name, op: "MatMul", domain: "", inputs: [`y${i}`, name], outputs: [`y${i + 1}`], attributes: new Map() };
  });
  const graph = { name: "", nodes, inputs: [{ name: "y0" }], outputs: [{ name: `y${LAYERS}` }], values: [], constants };
  return writeOnnx({ graph, opsets: new Map([["", 13]]), ir: 8, metadata: new Map() });
}

/** What a process runs: it prints seconds of `readOnnx`, and the memory that the process took at most beyond what it had. */
function scriptOf(build, path) {
  const url = JSON.stringify(pathToFileURL(join(build, "octavo.js")));
  return `
    import { readFileSync } from "node:fs";
    const { readOnnx } = await import(${url});
    // on Linux, maxRSS begins with what the process had from which this one was forked
    const status = () => readFileSync("/proc/self/status", "utf8").match(/VmHWM:\\s+(\\d+)/)[1];
    const peak = () => 1024 * (process.platform === "linux" ? status() : process.resourceUsage().maxRSS);
    const before = process.memoryUsage().rss;
    const bytes = readFileSync(${JSON.stringify(path)});
    const started = performance.now();
    const model = readOnnx(bytes);
    const seconds = (performance.now() - started) / 1000;
    const read = peak() - before;
    let copied = 0;
    for (const { data } of model.graph.constants.values()) if (data.buffer !== bytes.buffer) copied += data.byteLength;
    console.log(JSON.stringify({ seconds, read, copied, length: bytes.length, nodes: model.graph.nodes.length }));`;
}

function readCase({ build, octavo }) {
  const folder = mkdtempSync(join(tmpdir(), "octavo-read-"));
  try {
    const path = join(folder, "model.onnx");
    writeFileSync(path, file(octavo));
    const args = ["--input-type=module", "--eval", scriptOf(build, path)];
    const runs = Array.from({ length: TIMES }, () => JSON.parse(execFileSync(process.execPath, args)));
    if (runs.some(({ nodes }) => nodes !== LAYERS)) throw new Error("the model is not the one that was written");
    const time = figures(runs.map(({ seconds }) => seconds));
    const [{ length, copied }] = runs;
    const memory = median(runs.map(({ read }) => read)) / length;
    return [
      { work: "read 105 MB", asked: "<= 0.3 s", octavo: time, ok: time.median <= ASKED_SECONDS },
      {
        work: "memory for it beyond an idle process, file included",
        asked: "<= 1.2x",
        figure: `${memory.toFixed(2)}x`,
        ok: memory <= ASKED_MEMORY,
      },
      { work: "of it copied when used", figure: `${(copied / length).toFixed(2)}x` },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const cases = { read: readCase };

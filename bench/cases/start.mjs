// From import to the first result, in fresh processes: of octavo, of the rival, and of a process that does nothing.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { oneNode } from "../onnx.mjs";
import { figures } from "../timing.mjs";

const ASKED_SECONDS = 0.03;
const TIMES = 21;

const X = "const x = new Float32Array(1000).map((_, i) => Math.sin(i));";

/** What a process runs: `first` imports and makes 1000 codes; printed are the seconds that this took. */
const script = (first) => `
  const before = performance.now();
  ${first}
  console.log((performance.now() - before) / 1000, codes.length);`;

function octavoScript(build) {
  const url = JSON.stringify(pathToFileURL(join(build, "octavo.js")));
  return script(`const { quantize } = await import(${url}); ${X} const codes = quantize(x, { format: "uint8" }).data;`);
}

function rivalScript(here) {
  const url = JSON.stringify(pathToFileURL(join(here, "rivals", "ort.mjs")));
  const outputs = [
    { name: "y", type: Uint8Array, shape: [1000] },
    { name: "scale", type: Float32Array, shape: [] },
    { name: "zero", type: Uint8Array, shape: [] },
  ];
  const input = { name: "x", type: Float32Array, shape: [1000] };
  const model = Buffer.from(oneNode("DynamicQuantizeLinear", { input, outputs })).toString("base64");
  return script(`const { open } = await import(${url}); ${X}
    const session = await open(Buffer.from("${model}", "base64"), { type: "float32", shape: [1000] });
    const [codes] = await session.run(x);`);
}

/** Seconds of a whole process, and of its part from import to result. */
function spawn(source) {
  const before = performance.now();
  const text = execFileSync(process.execPath, ["--input-type=module", "--eval", source], { encoding: "utf8" });
  const whole = (performance.now() - before) / 1000;
  const [inside, count] = text.split(" ").map(Number);
  return { whole, inside, count };
}

async function startCase({ build, here }) {
  const scripts = { octavo: octavoScript(build), rival: rivalScript(here), empty: "console.log(0, 1000)" };
  const names = Object.keys(scripts);
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  for (let i = 0; i < TIMES; i++) {
    for (const name of names) samples[name].push(spawn(scripts[name]));
  }
  for (const name of names)
    assert.ok(
      samples[name].every(({ count }) => count === 1000),
      name,
    );
  const part = (name, key) => figures(samples[name].map((sample) => sample[key]));
  const [octavo, rival] = [part("octavo", "inside"), part("rival", "inside")];
  const [whole, rivalWhole, empty] = ["octavo", "rival", "empty"].map((name) => part(name, "whole"));
  const beyond = (figure) => ({ min: figure.min - empty.min, median: figure.median - empty.median, samples: TIMES });
  const [more, rivalMore] = [beyond(whole), beyond(rivalWhole)];
  return [
    {
      work: "import to first result, inside the process",
      asked: "<= 30 ms",
      octavo,
      rival,
      ratio: rival.median / octavo.median,
      ok: octavo.median <= ASKED_SECONDS,
    },
    {
      work: "the same, process beyond an empty one",
      octavo: more,
      rival: rivalMore,
      ratio: rivalMore.median / more.median,
      empty,
    },
  ];
}

export const cases = { start: startCase };

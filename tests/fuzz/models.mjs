// The check of models, in processes of its own, and of what onnxruntime prints there.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** What a line begins with that tells of something, right or wrong. */
const TOLD = "told: ";

const SCRIPT = join(import.meta.dirname, "onnx.mjs");

/** What a part of the check prints, and the warnings of onnxruntime without their times. */
function outputOf(part) {
  const options = { encoding: "utf8", maxBuffer: 2 ** 28 };
  const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", SCRIPT, part], options);
  const lines = stripVTControlCharacters(stderr).split("\n").filter(Boolean);
  return { stdout, printed: new Set(lines.map((line) => line.slice(Math.max(0, line.indexOf("[W:onnxruntime"))))) };
}

/**
 * Checks models as they are written and raised.
 * @returns how many passed and failed, and sentences on what is wrong; anything that onnxruntime prints, and does not print of the
 *   file as it was, counts as a failure
 */
export function checkModels() {
  const known = outputOf("load").printed;
  const { stdout, printed } = outputOf("check");
  const lines = stdout.trim().split("\n");
  const told = lines.filter((line) => line.startsWith(TOLD)).map((line) => line.slice(TOLD.length));
  const faults = lines.filter((line) => !line.startsWith(TOLD));
  const [, passed = 0, failed = 1] = /^(\d+) passed, (\d+) failed$/.exec(faults.pop()) ?? [];
  const fresh = [...printed].filter((line) => !known.has(line));
  return { passed: Number(passed), failed: Number(failed) + fresh.length, told, faults: [...faults, ...fresh] };
}

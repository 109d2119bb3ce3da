// The ONNX backend suite's float cases: every model is read and run; what comes out is held to what the suite says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readOnnx } from "../../src/io/onnx.ts";
import { realsOf } from "../../src/model/convert.ts";
import { feedsOf } from "../../src/model/graph.ts";
import { unsupported } from "../../src/model/infer.ts";
import { run } from "../../src/runtime/run.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { archive, tensorFile } from "./archive.ts";
import { readJson, skip } from "./data.ts";

/** Cases that pass at the least. */
const FLOOR = 588;

/** The operator sets that octavo reads begin with this one. */
const FIRST_OPSET = 6;

/** A case of format onnx-float-index/1. */
interface FloatCase {
  readonly opset: number;
  readonly dir: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly rtol: number;
  readonly atol: number;
  /** What onnxruntime makes of it; where that "differs" from the suite, the data's README lets the case be skipped. */
  readonly ort: string;
}

type Outcome = { is: "passed" } | { is: "unsupported"; operators: string[] } | { is: "failed"; why: string };

/** What differs, if anything does: floats may by a tolerance. */
function difference(actual: Tensor, expected: Tensor, { rtol, atol }: FloatCase): string | undefined {
  const told = ({ format, shape }: Tensor) => `${format} [${shape}]`;
  if (told(actual) !== told(expected)) return `expected ${told(expected)}, got ${told(actual)}`;
  const isFloat = /float/.test(String(expected.format));
  const [got, wanted] = [realsOf(actual), realsOf(expected)];
  const at = wanted.findIndex((v, i) => {
    const w = got[i] as number;
    return !Object.is(v + 0, w + 0) && !(isFloat && Math.abs(v - w) <= atol + rtol * Math.abs(v));
  });
  return at < 0 ? undefined : `index ${at}: expected ${wanted[at]}, got ${got[at]}`;
}

function outcomeOf(files: ReadonlyMap<string, Buffer>, each: FloatCase): Outcome {
  const file = (name: string) => files.get(`onnx-float/${each.dir}/${name}`) as Buffer;
  try {
    const model = readOnnx(file("model.onnx"));
    const operators = [...unsupported(model).keys()];
    if (operators.length > 0) return { is: "unsupported", operators };
    const tensors = (kind: string, count: number) =>
      Array.from({ length: count }, (_, i) => tensorFile(file(`test_data_set_0/${kind}_${i}.pb`)));
    const feeds = tensors("input", feedsOf(model.graph).length);
    const outputs = run(
      model,
      Object.fromEntries(feedsOf(model.graph).map(({ name }, i) => [name, feeds[i] as Tensor])),
    );
    const wanted = tensors("output", each.outputs.length);
    const found = wanted.map((expected, i) =>
      difference(outputs[model.graph.outputs[i]?.name ?? ""] as Tensor, expected, each),
    );
    const why = found.find(Boolean);
    return why ? { is: "failed", why } : { is: "passed" };
  } catch (error) {
    return { is: "failed", why: String(error) };
  }
}

test("the ONNX backend suite's float cases", { skip }, (t) => {
  const { cases: all } = readJson<{ cases: FloatCase[] }>("onnx-float.index.json");
  const cases = all.filter(({ opset, ort }) => opset >= FIRST_OPSET && ort !== "differs");
  const files = archive("onnx-float.tar.gz");
  const failed: string[] = [];
  const missing = new Map<string, number>();
  let passed = 0;
  for (const each of cases) {
    const outcome = outcomeOf(files, each);
    if (outcome.is === "passed") passed++;
    else if (outcome.is === "failed") failed.push(`${each.dir}: ${outcome.why}`);
    else for (const name of outcome.operators) missing.set(name, (missing.get(name) ?? 0) + 1);
  }
  t.diagnostic(`${passed} of ${all.length} cases passed, ${all.length - cases.length} skipped`);
  t.diagnostic(
    `operators not supported: ${Array.from(missing, ([name, count]) => `${name} (${count})`).join(", ") || "none"}`,
  );
  assert.ok(failed.length === 0, `${failed.length} cases failed:\n${failed.join("\n")}`);
  assert.ok(passed >= FLOOR, `expected at least ${FLOOR} cases to pass, got ${passed}`);
});

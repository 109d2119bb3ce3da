// Networks whose operators stand between DequantizeLinear and QuantizeLinear: those of the conformance data within one step of their
// output, and trained ones beside the figures that onnxruntime reaches.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Model, readOnnx, run } from "../../src/index.ts";
import { constantOf, makersOf } from "../../src/model/graph.ts";
import { archive, tensorFile } from "./archive.ts";
import { assertCount, skip } from "./data.ts";
import { bytesOf, classesOf, largest, QUANTIZED, same, skipModels } from "./networks.ts";

/** The step of a model's output: the scale of the DequantizeLinear that it comes from. */
function outputStep({ graph }: Model): number {
  const makers = makersOf(graph);
  let node = makers.get(graph.outputs[0]?.name ?? "");
  while (node?.op === "Identity") node = makers.get(node.inputs[0] as string);
  assert.equal(node?.op, "DequantizeLinear");
  return Number(constantOf(graph, node.inputs[1] as string)?.data[0]);
}

test("quantized networks give their results, to one step", { skip }, () => {
  const files = archive("onnx-qdq.tar.gz");
  const paths = [...files.keys()].filter((path) => path.endsWith("model.onnx"));
  for (const path of paths) {
    const model = readOnnx(files.get(path) as Buffer);
    const data = (name: string) =>
      tensorFile(files.get(path.replace("model.onnx", `test_data_set_0/${name}.pb`)) as Buffer);
    const [x, expected] = [data("input_0"), data("output_0")];
    const y = run(model, { [model.graph.inputs[0]?.name as string]: x })[model.graph.outputs[0]?.name as string];
    assert.deepEqual(y?.shape, expected.shape, path);
    const most = outputStep(model) * 1.0001;
    for (const [i, wanted] of (expected.data as Float32Array).entries()) {
      const got = y?.data[i] as number;
      assert.ok(Math.abs(got - wanted) <= most, `${path}, index ${i}: expected ${wanted}, got ${got}`);
    }
  }
  assertCount(paths.length, 15, "quantized networks");
});

/** What onnxruntime reaches: right answers, and answers that are the float network's. */
const FIGURES: [right: number, agreeing: number][] = [
  [911, 990],
  [913, 989],
  [1539, 1954],
  [1532, 1894],
];

for (const [i, [file, data]] of QUANTIZED.entries()) {
  const [right, agreeing] = FIGURES[i] as [number, number];
  test(`${file} is as good as with onnxruntime`, { skip: skipModels }, () => {
    const found = classesOf(file, data);
    const labels = bytesOf(data.folder, data.labels);
    const golden = largest(new Float32Array(bytesOf(data.folder, data.golden).buffer), data.classes);
    assert.equal(found.length, labels.length);
    // answers may differ in one row of 200
    const most = labels.length / 200;
    assert.ok(Math.abs(same(found, labels) - right) <= most, `${same(found, labels)} right, expected ${right}`);
    assert.ok(Math.abs(same(found, golden) - agreeing) <= most, `${same(found, golden)} agree, expected ${agreeing}`);
  });
}

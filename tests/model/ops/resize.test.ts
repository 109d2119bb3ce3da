// Resize and Upsample: older operator sets, other formats, crops; the rest is in the ONNX backend suite.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { nodeOf, runNode, tensorOf } from "./rows.ts";

const x = tensorOf("float32", [1, 1, 2, 2], [1, 2, 3, 4]);
const empty = tensorOf("float32", [0], []);
const scales = tensorOf("float32", [4], [1, 1, 2, 2]);

const DOUBLED = [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4];
const BLENDED = [1, 1.5, 2, 2, 2, 2.5, 3, 3, 3, 3.5, 4, 4, 3, 3.5, 4, 4];

const floats = (y: Tensor | undefined) => Array.from(y?.data as Float32Array);

test("Upsample by attributes and by an input, Resize 10: asymmetric", () => {
  const node = nodeOf("Upsample", { x });
  for (const [mode, wanted] of [
    ["nearest", DOUBLED],
    ["linear", BLENDED],
  ] as const) {
    const attributes = new Map([
      ["mode", { kind: "string", value: mode }],
      ["scales", { kind: "floats", value: [1, 1, 2, 2] }],
    ] as const);
    assert.deepEqual(floats(runNode({ ...node, attributes }, { x }, 7).y), wanted);
    assert.deepEqual(floats(runNode(nodeOf("Upsample", { x, scales }, { mode }), { x, scales }, 9).y), wanted);
    assert.deepEqual(floats(runNode(nodeOf("Resize", { x, scales }, { mode }), { x, scales }, 10).y), wanted);
  }
  const old = nodeOf("Upsample", { x }, { mode: "bilinear", height_scale: 2.0000001, width_scale: 2.0000001 });
  assert.deepEqual(runNode(old, { x }, 6).y?.shape, [1, 1, 4, 4]);
});

test("integers are resized to nearest places, and nothing else", () => {
  const inputs = { x: tensorOf("int4", [1, 1, 2, 2], [1, 2, 3, 4]), none: empty, scales };
  const { y } = runNode(nodeOf("Resize", inputs, { mode: "nearest" }), inputs);
  assert.deepEqual({ ...y }, { ...tensorOf("int4", [1, 1, 4, 4], DOUBLED) });
  const refused = nodeOf("Resize", inputs, { mode: "linear" });
  assert.throws(() => runNode(refused, inputs), { name: "ModelError", message: /input 0 expected float32/ });
});

test("a crop's outside is the extrapolation value, in nearest mode too", () => {
  const roi = tensorOf("float32", [8], [0, 0, 0, 0, 1, 1, 1, 2]);
  const sizes = tensorOf("int64", [4], [1, 1, 2, 3]);
  const inputs = { x, roi, none: empty, sizes };
  for (const mode of ["linear", "nearest"]) {
    const node = nodeOf("Resize", inputs, {
      mode,
      coordinate_transformation_mode: "tf_crop_and_resize",
      extrapolation_value: 9.5,
    });
    assert.deepEqual(floats(runNode(node, inputs).y), [1, 2, 9.5, 3, 4, 9.5], mode);
  }
});

test("float16 is blended in float32; a Resize to the same size is a copy", () => {
  const half = { x: tensorOf("float16", [2], [0x3c00, 0x4000]), none: empty, scales: tensorOf("float32", [1], [2]) };
  const { y } = runNode(nodeOf("Resize", half, { mode: "linear" }), half);
  assert.deepEqual(Array.from(y?.data as Uint16Array), [0x3c00, 0x3d00, 0x3f00, 0x4000]);
  const same = { x, none: empty, none2: empty, sizes: tensorOf("int64", [4], [1, 1, 2, 2]) };
  assert.deepEqual(floats(runNode(nodeOf("Resize", same, { mode: "cubic" }), same).y), [1, 2, 3, 4]);
});

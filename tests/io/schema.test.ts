// The tables of ONNX's messages are those of the official schema.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AttributeProto, DataLocation, TensorProto, TypeProto } from "../../src/io/onnx-schema.ts";

test("onnx-schema.ts is what tools/onnx-schema.mjs makes of tools/onnx.proto", () => {
  const root = new URL("../../", import.meta.url);
  const made = execFileSync(process.execPath, ["tools/onnx-schema.mjs", "--print"], { cwd: root, encoding: "utf8" });
  assert.equal(made, readFileSync(new URL("src/io/onnx-schema.ts", root), "utf8"));
});

test("fields have the numbers and types of ONNX's documentation", () => {
  assert.deepEqual(AttributeProto[3], ["i", "int64"]);
  assert.deepEqual(AttributeProto[20], ["type", "int32"]);
  assert.deepEqual(TensorProto[9], ["raw_data", "bytes"]);
  assert.deepEqual(TensorProto[1], ["dims", "int64[]"]);
  assert.deepEqual(TypeProto[1], ["tensor_type", "message"]);
  assert.equal(DataLocation.EXTERNAL, 1);
});

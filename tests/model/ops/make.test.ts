// Rows that make tensors, tell shapes or change formats: what the ONNX backend suite has no case for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeNode } from "../../../src/model/graph.ts";
import { infer } from "../../../src/model/infer.ts";
import { run } from "../../../src/runtime/run.ts";
import { integers, modelOf } from "../models.ts";
import { nodeOf, runNode, tensorOf } from "./rows.ts";

const BFLOAT16 = 16n;
const FLOAT8 = 17n;
const INT64 = 7n;

test("Constants of every kind of attribute, 64 bits exact", () => {
  const most = 2n ** 63n - 1n;
  const cases = [
    [{ value_int: most }, "int64", [], [most]],
    [{ value_ints: [1n, most] }, "int64", [2], [1n, most]],
    [{ value_float: 0.5 }, "float32", [], [0.5]],
    [{ value: tensorOf("int4", [3], [1, 2, 3]) }, "int4", [3], [0x21, 3]],
  ] as const;
  for (const [attributes, format, shape, data] of cases) {
    const { y } = runNode(nodeOf("Constant", {}, attributes as never), {});
    assert.deepEqual([y?.format, y?.shape, Array.from(y?.data as ArrayLike<number>)], [format, shape, data]);
  }
});

test("ConstantOfShape fills packed formats too", () => {
  const shape = integers([2], [1, 3]);
  const { y } = runNode(nodeOf("ConstantOfShape", { shape }, { value: tensorOf("int4", [1], [-3]) }), { shape });
  assert.deepEqual({ ...y }, { ...tensorOf("int4", [1, 3], [-3, -3, -3]) });
  const plain = runNode(nodeOf("ConstantOfShape", { shape }), { shape });
  assert.deepEqual({ ...plain.y }, { ...tensorOf("float32", [1, 3], [0, 0, 0]) });
});

test("EyeLike has ones on a diagonal, in its own format", () => {
  const x = tensorOf("int32", [2, 3], [5, 5, 5, 5, 5, 5]);
  const eye = (attributes: object) => runNode(nodeOf("EyeLike", { x }, attributes as never), { x }).y;
  assert.deepEqual({ ...eye({}) }, { ...tensorOf("int32", [2, 3], [1, 0, 0, 0, 1, 0]) });
  assert.deepEqual({ ...eye({ k: -1n, dtype: INT64 }) }, { ...tensorOf("int64", [2, 3], [0, 0, 0, 1, 0, 0]) });
  assert.deepEqual(Array.from(eye({ k: 1n, dtype: BFLOAT16 })?.data as Uint16Array), [0, 0x3f80, 0, 0, 0, 0x3f80]);
});

test("NonZero tells indices, an axis a row; minus zero is zero", () => {
  const x = tensorOf("float16", [2, 2], [0x8000, 1, 0x3c00, 0]);
  assert.deepEqual({ ...runNode(nodeOf("NonZero", { x }), { x }).y }, { ...tensorOf("int64", [2, 2], [0, 1, 1, 0]) });
});

test("OneHot along the first axis, with indices of floats", () => {
  const inputs = {
    x: tensorOf("float32", [2], [-1, 5]),
    depth: tensorOf("float32", [1], [3]),
    values: tensorOf("int8", [2], [4, 9]),
  };
  const { y } = runNode(nodeOf("OneHot", inputs, { axis: 0n }), inputs);
  assert.deepEqual({ ...y }, { ...tensorOf("int8", [3, 2], [4, 4, 4, 4, 9, 4]) });
});

test("Range of int64 and float64", () => {
  const range = (format: "int64" | "float64", ...numbers: number[]) => {
    const inputs = Object.fromEntries(
      ["a", "b", "c"].map((name, i) => [name, tensorOf(format, [], [numbers[i] as number])]),
    );
    return { ...runNode(nodeOf("Range", inputs), inputs).y };
  };
  assert.deepEqual(range("int64", 5, -2, -3), { ...tensorOf("int64", [3], [5, 2, -1]) });
  assert.deepEqual(range("float64", 0, 0.5, 0.25), { ...tensorOf("float64", [2], [0, 0.25]) });
  assert.deepEqual(range("int64", 1, 1, 1), { ...tensorOf("int64", [0], []) });
});

test("shapes are known from shapes: nothing of them is left to run, and no input has to be known", () => {
  const nodes = [
    makeNode("Shape", ["x"], ["shape"]),
    makeNode("Gather", ["shape", "last"], ["extent"]),
    makeNode("Concat", ["minus", "extent"], ["target"], { axis: 0n }),
    makeNode("Reshape", ["x", "target"], ["y"]),
  ];
  const constants = new Map([
    ["last", integers([1], [-1])],
    ["minus", integers([1], [-1])],
  ]);
  const model = modelOf(nodes, { constants });
  const { known, steps, wanted } = infer(model, new Map([["x", { format: "float32", shape: [2, 3, 4] }]]));
  assert.deepEqual(
    [wanted.size, steps.map(({ site }) => site.node.op), known.get("y")?.shape],
    [0, ["Reshape"], [6, 4]],
  );
  const x = tensorOf("float32", [1, 2, 2], [1, 2, 3, 4]);
  assert.deepEqual({ ...run(model, { x }).y }, { ...tensorOf("float32", [2, 2], [1, 2, 3, 4]) });
});

/** A cast's results, as numbers; bigints where they are. */
function cast(x: Parameters<typeof runNode>[1][string], to: bigint, attributes = {}): (number | bigint)[] {
  const { y } = runNode(nodeOf("Cast", { x }, { to, ...attributes }), { x });
  return Array.from(y?.data as ArrayLike<number | bigint>);
}

test("Cast rounds once, whatever it comes from", () => {
  // 2^24 + 1 + 2^-20: float32 is half way, float64 is not
  const wide = {
    format: "int64",
    shape: [2],
    data: BigInt64Array.of((2n ** 24n + 1n) * 2n ** 38n + 1n, -(2n ** 24n + 1n)),
  } as const;
  assert.deepEqual(cast(wide, 1n), [(2 ** 24 + 2) * 2 ** 38, -(2 ** 24)]);
  // between 1 and the next float8: half way in float32, above in float64
  const tie = tensorOf("float64", [3], [1.0625 + 2 ** -40, 1.0625, -1e300]);
  assert.deepEqual(cast(tie, FLOAT8), [0x39, 0x38, 0xfe]);
  assert.deepEqual(cast(tie, FLOAT8, { saturate: 0n }), [0x39, 0x38, 0xff]);
  assert.deepEqual(cast(tensorOf("float64", [2], [1 + 2 ** -11 + 2 ** -40, 65520]), 10n), [0x3c01, 0x7c00]);
});

test("Cast to integers goes toward zero and wraps; NaN and infinities are 0", () => {
  const x = tensorOf("float32", [6], [-1.9, 300.5, 2 ** 33 + 4096, Number.NaN, Number.POSITIVE_INFINITY, -129]);
  assert.deepEqual(cast(x, 3n), [-1, 44, 0, 0, 0, 127]);
  assert.deepEqual(cast(x, 6n), [-1, 300, 4096, 0, 0, -129]);
  assert.deepEqual(cast(x, INT64), [-1n, 300n, 2n ** 33n + 4096n, 0n, 0n, -129n]);
  assert.deepEqual(cast(tensorOf("int64", [2], [2 ** 32 + 5, -1]), 2n), [5, 255]);
});

test("Cast to bool and from it", () => {
  assert.deepEqual(cast(tensorOf("float32", [4], [0, -0, Number.NaN, 0.1]), 9n), [0, 0, 1, 1]);
  assert.deepEqual(cast(tensorOf("int64", [2], [0, -7]), 9n), [0, 1]);
  assert.deepEqual(cast(tensorOf("bool", [2], [0, 1]), INT64), [0n, 1n]);
});

test("CastLike takes its format from the other input", () => {
  const inputs = { x: tensorOf("float32", [3], [1, -2, 7]), like: tensorOf("int4", [1], [0]) };
  assert.deepEqual({ ...runNode(nodeOf("CastLike", inputs), inputs).y }, { ...tensorOf("int4", [3], [1, -2, 7]) });
});

// Attention against tests/reference/attention.ts: groups of heads, keys of before, masks, lengths, caps; RotaryEmbedding of
// onnxruntime's order. The rest is in the ONNX backend suite.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Constant } from "../../../src/model/graph.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { randomWords } from "../../kernels/harness.ts";
import { attention } from "../../reference/attention.ts";
import { floats } from "../models.ts";
import { nodeOf, runNode, tensorOf } from "./rows.ts";

const next = randomWords(75);
const random = (...shape: number[]) =>
  floats(
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next() / 2 ** 31 - 1),
  );

const [BATCH, HEADS, GROUPS, LENGTH, DEPTH, WIDTH, KEYS, PAST] = [2, 4, 2, 3, 5, 6, 4, 2];

const q = random(BATCH, HEADS, LENGTH, DEPTH);
const k = random(BATCH, GROUPS, KEYS, DEPTH);
const v = random(BATCH, GROUPS, KEYS, WIDTH);
const pastKey = random(BATCH, GROUPS, PAST, DEPTH);
const pastValue = random(BATCH, GROUPS, PAST, WIDTH);

/** Keys of before, then keys: along the third axis. */
function joined(before: Tensor, after: Tensor): Tensor {
  const inputs = { before, after };
  return runNode(nodeOf("Concat", inputs, { axis: 2n }), inputs).y as Tensor;
}

const vectors = ({ shape, data }: Tensor) => ({ shape, values: data as Float32Array });

function assertNear(got: Tensor | undefined, wanted: readonly number[], what: string): void {
  const values = got?.data as Float32Array;
  assert.equal(values.length, wanted.length, what);
  wanted.forEach((w, i) => {
    assert.ok(Math.abs((values[i] as number) - w) < 2e-6, `${what}, index ${i}: expected ${w}, got ${values[i]}`);
  });
}

test("groups of heads, keys of before, a short mask, a cap, queries that see what is before them", () => {
  const mask = random(HEADS, LENGTH, KEYS + 1);
  const inputs = { q, k, v, mask, pastKey, pastValue };
  const outputs = ["y", "key", "value", "shown"];
  const node = nodeOf(
    "Attention",
    inputs,
    { is_causal: 1n, softcap: 0.7, scale: 0.31, qk_matmul_output_mode: 3n },
    outputs,
  );
  const got = runNode(node, inputs, 24);
  const [keys, values] = [joined(pastKey, k), joined(pastValue, v)];
  assert.deepEqual([got.key?.data, got.value?.data], [keys.data, values.data]);
  const bias = (_: number, head: number, i: number, j: number) => {
    if (j > KEYS || j > i + PAST) return Number.NEGATIVE_INFINITY;
    return mask.data[(head * LENGTH + i) * (KEYS + 1) + j] as number;
  };
  const wanted = attention({ q: vectors(q), k: vectors(keys), v: vectors(values), scale: 0.31, cap: 0.7, bias });
  assertNear(got.y, wanted, "y");
  assert.deepEqual(got.shown?.shape, [BATCH, HEADS, LENGTH, PAST + KEYS]);
  const rows = got.shown?.data as Float32Array;
  assert.ok(Math.abs(rows.slice(0, PAST + KEYS).reduce((a, b) => a + b) - 1) < 1e-6);
});

test("three axes, a mask of bools, and keys that count up to a length", () => {
  const flat = (tensor: Tensor): Constant => {
    const [batch = 0, heads = 0, length = 0, depth = 0] = tensor.shape;
    const turned = runNode(nodeOf("Transpose", { tensor }, { perm: [0n, 2n, 1n, 3n] }), { tensor }).y as Constant;
    return { ...turned, shape: [batch, length, heads * depth] };
  };
  const mask = tensorOf("bool", [LENGTH, KEYS], [1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
  const lengths = tensorOf("int64", [BATCH], [3, 4]);
  const inputs = { q: flat(q), k: flat(k), v: flat(v), mask, none: q, none2: q, lengths };
  const node = nodeOf("Attention", inputs, { q_num_heads: BigInt(HEADS), kv_num_heads: BigInt(GROUPS) });
  const { y } = runNode(node, inputs, 24);
  const bias = (b: number, _: number, i: number, j: number) =>
    mask.data[i * KEYS + j] && j < (b === 0 ? 3 : 4) ? 0 : Number.NEGATIVE_INFINITY;
  const wanted = attention({ q: vectors(q), k: vectors(k), v: vectors(v), scale: 1 / Math.sqrt(DEPTH), cap: 0, bias });
  const expected = flat(floats([BATCH, HEADS, LENGTH, WIDTH], wanted));
  assert.deepEqual(y?.shape, [BATCH, LENGTH, HEADS * WIDTH]);
  assertNear(y, Array.from(expected.data as Float32Array), "y");
});

test("Attention refuses what does not fit", () => {
  const cases: [Record<string, Tensor>, RegExp][] = [
    [{ q, k, v: random(BATCH, GROUPS, KEYS + 1, WIDTH) }, /queries, keys and values that fit/],
    [{ q, k, v, mask: random(2, 2) }, /input 3 expected a shape that broadcasts/],
    [{ q, k, v, none: q, pastKey }, /input 5 expected \[2,2,2,6\]/],
    [{ q: random(2, 3), k, v }, /expected four axes/],
  ];
  for (const [inputs, sentence] of cases) {
    assert.throws(() => runNode(nodeOf("Attention", inputs), inputs), { name: "ModelError", message: sentence });
  }
});

test("RotaryEmbedding turns pairs by the angles of positions; one position is the first", () => {
  const angles = Array.from({ length: 8 }, (_, i) => i / 3);
  const cos = floats([4, 2], angles.map(Math.cos));
  const sin = floats([4, 2], angles.map(Math.sin));
  const x = random(1, 2, 3, 4);
  const turned = (positions: readonly number[]) =>
    Array.from({ length: 24 }, (_, i) => {
      const [pair, isSecond] = [i % 2, i % 4 > 1];
      const angle = ((positions[Math.floor(i / 4) % 3] as number) * 2 + pair) / 3;
      const [u, w] = [x.data[i - (isSecond ? 2 : 0)] as number, x.data[i + (isSecond ? 0 : 2)] as number];
      return isSecond ? u * Math.sin(angle) + w * Math.cos(angle) : u * Math.cos(angle) - w * Math.sin(angle);
    });
  for (const [positions, wanted] of [
    [tensorOf("int64", [1], [1]), [1, 2, 3]],
    [tensorOf("int64", [1, 3], [3, 0, 2]), [3, 0, 2]],
  ] as const) {
    const inputs = { x, positions, cos, sin };
    const node = { ...nodeOf("RotaryEmbedding", inputs), domain: "com.microsoft" };
    assertNear(runNode(node, inputs).y, turned(wanted), "y");
  }
  const inputs = { x, cos, sin, positions: tensorOf("int64", [1, 3], [0, 1, 4]) };
  const refused = { name: "ModelError", message: /"position_ids" expected integers of 0\.\.3, got 4/ };
  assert.throws(() => runNode(nodeOf("RotaryEmbedding", inputs), inputs, 23), refused);
});

// What holds of products and convolutions whatever the numbers: the same codes come out of the same values in another
// format, in parts, or with a weight packed in another tier.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulate, conv2d, matmul, prepare, type QTensor, useTier } from "../../src/index.ts";
import { engine } from "../../src/wasm/kernels.ts";
import { tensorOf } from "../conformance/integer.product.ts";
import { tiers } from "../kernels/harness.ts";
import { operandOf, randomScales, testTiers } from "./operands.ts";

/** int8 codes as uint8 ones, 128 higher, as is the zero. */
function asUnsigned(q: QTensor): QTensor {
  const data = Uint8Array.from(q.data, (code) => code + 128);
  return { ...q, format: "uint8", data, zero: q.zero.map((zero) => zero + 128) };
}

/** Weights of n outputs with a scale and zero each. */
function weight(shape: readonly [number, ...number[]], seed: number): QTensor {
  const zero = Array.from({ length: shape[0] }, (_, i) => ((i * 37) % 256) - 128);
  return tensorOf(operandOf("int8", shape, seed, { zero, scale: randomScales(shape[0], seed) }), 0);
}

const activations = (shape: readonly number[], seed: number): QTensor =>
  tensorOf(operandOf("int8", shape, seed, { zero: [-77] }), 0);

/** Some of a tensor's values along its first axis. */
function slice(q: QTensor, from: number, to: number): QTensor {
  const each = q.data.length / (q.shape[0] as number);
  const parts = q.scale.length > 1 && { scale: q.scale.slice(from, to), zero: q.zero.slice(from, to) };
  return { ...q, shape: [to - from, ...q.shape.slice(1)], data: q.data.slice(from * each, to * each), ...parts };
}

const result = { scale: 3, zero: 5, format: "int8" } as const;

testTiers("the sign of a format changes nothing where codes and zeros move together", () => {
  for (const k of [1, 5, 16, 33, 257]) {
    const [x, w] = [activations([5, k], k), weight([9, k], k)];
    const wanted = matmul(x, w, result);
    for (const [a, b] of [
      [asUnsigned(x), w],
      [x, asUnsigned(w)],
      [asUnsigned(x), asUnsigned(w)],
    ] as const) {
      assert.deepEqual(matmul(a, b, result), wanted);
      assert.deepEqual(accumulate(a, b), accumulate(x, w));
    }
  }
  const [image, kernel] = [activations([2, 7, 6, 16], 1), weight([16, 3, 3, 1], 2)];
  const options = { ...result, groups: 16, pads: [1, 1, 1, 1] };
  assert.deepEqual(conv2d(asUnsigned(image), asUnsigned(kernel), options), conv2d(image, kernel, options));
});

testTiers("rows, images and outputs are computed apart as they are together", () => {
  const [x, w] = [activations([13, 33], 1), weight([19, 33], 2)];
  const whole = matmul(x, w, result);
  for (const cut of [1, 4, 7, 12]) {
    const parts = [slice(x, 0, cut), slice(x, cut, 13)].flatMap((part) => [...matmul(part, w, result).data]);
    assert.deepEqual(parts, [...whole.data]);
    const [left, right] = [slice(w, 0, cut), slice(w, cut, 19)].map((part) => matmul(x, part, result).data);
    const rows = Array.from({ length: 13 }, (_, i) => [
      ...(left?.slice(i * cut, (i + 1) * cut) ?? []),
      ...(right?.slice(i * (19 - cut), (i + 1) * (19 - cut)) ?? []),
    ]);
    assert.deepEqual(rows.flat(), [...whole.data]);
  }
  const [images, kernel] = [activations([3, 6, 5, 7], 3), weight([10, 3, 2, 7], 4)];
  const each = [0, 1, 2].flatMap((i) => [...conv2d(slice(images, i, i + 1), kernel, result).data]);
  assert.deepEqual(each, [...conv2d(images, kernel, result).data]);
});

testTiers("a convolution of a whole number of groups is the convolution of its groups", () => {
  const [groups, depth, outputs] = [3, 4, 5];
  const [image, kernel] = [activations([1, 6, 5, groups * depth], 5), weight([groups * outputs, 3, 3, depth], 6)];
  const whole = conv2d(image, kernel, { ...result, groups, pads: [1, 0, 1, 0] });
  for (let g = 0; g < groups; g++) {
    const data = Int8Array.from({ length: 30 * depth }, (_, i) => {
      return Number(image.data[Math.floor(i / depth) * groups * depth + g * depth + (i % depth)]);
    });
    const part = { ...image, shape: [1, 6, 5, depth], data };
    const own = conv2d(part, slice(kernel, g * outputs, (g + 1) * outputs), { ...result, pads: [1, 0, 1, 0] });
    const wanted = [...whole.data].filter((_, i) => Math.floor((i % (groups * outputs)) / outputs) === g);
    assert.deepEqual([...own.data], wanted);
  }
});

testTiers("what comes out is new, and what goes in stays as it was", () => {
  const [x, w] = [activations([3, 5], 1), weight([4, 5], 2)];
  const bias = Int32Array.of(1, 2, 3, 4);
  const before = structuredClone({ x, w, bias });
  const first = matmul(x, w, { ...result, bias });
  const kept = structuredClone(first);
  matmul(activations([300, 500], 3), weight([100, 500], 4), result);
  assert.deepEqual(first, kept);
  assert.deepEqual({ x, w, bias }, before);
});

test("a weight that was prepared in one tier gives the same in another", () => {
  const [x, w] = [activations([5, 33], 7), weight([9, 33], 8)];
  for (const made of tiers()) {
    useTier(made);
    const prepared = prepare(w);
    for (const used of tiers()) {
      useTier(used);
      assert.deepEqual(matmul(x, prepared, result), matmul(x, w, result), `${made}, ${used}`);
    }
    prepared.dispose();
  }
});

test("dispose gives the memory back, and may be called again", () => {
  const large = weight([512, 2048], 9);
  const use = () => {
    const prepared = prepare(large);
    matmul(activations([1, 2048], 1), prepared, result);
    prepared.dispose();
    prepared.dispose();
    return engine().kernels.memory.buffer.byteLength;
  };
  const bytes = use();
  for (let i = 0; i < 20; i++) assert.equal(use(), bytes);
});

testTiers("float32 results are the sums times their scales, and a float32 bias is added to them as it is", () => {
  const bias = Float32Array.from({ length: 21 }, (_, i) => (i - 10) * 1.7e9 + i / 7);
  for (const format of ["int8", "int16"]) {
    for (const m of [1, 5]) {
      const x = tensorOf(operandOf(format, [m, 33], 3, { zero: [-77] }), 0);
      const w = weight([21, 33], 4);
      const sums = accumulate(x, w);
      const scaleAt = (i: number) => Math.fround((x.scale[0] as number) * (w.scale[i % 21] as number));
      const real = Float32Array.from(sums as Int32Array, (sum, i) => Math.fround(Number(sum)) * scaleAt(i));
      assert.deepEqual(matmul(x, w, { format: "float32" }), { format: "float32", shape: [m, 21], data: real });
      const offset = real.map((v, i) => v + (bias[i % 21] as number));
      assert.deepEqual(matmul(x, w, { format: "float32", bias }).data, offset);
    }
  }
});

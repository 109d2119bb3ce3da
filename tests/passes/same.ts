// What the tests of passes share: seeded values, a model's operators, and that two models give the same.
import assert from "node:assert/strict";
import type { Model } from "../../src/index.ts";
import { run } from "../../src/index.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { randomWords } from "../kernels/harness.ts";
import { floats } from "../model/models.ts";

/** Float32 values of a shape, of low..high. */
export function seeded(shape: readonly number[], seed: number, low = -2, high = 2) {
  const next = randomWords(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  return floats(
    shape,
    Array.from({ length: count }, () => low + (next() / 2 ** 32) * (high - low)),
  );
}

/** The operators of a model, in order. */
export function operators({ graph }: Model): string[] {
  return graph.nodes.map(({ op }) => op);
}

/** Outputs of both models on the same inputs, held together: apart by at most `tolerance` of the largest value. */
export function assertSame(before: Model, after: Model, feeds: Record<string, Tensor>, tolerance: number): void {
  const wanted = run(before, feeds);
  const given = run(after, feeds);
  assert.deepEqual(Object.keys(given), Object.keys(wanted));
  for (const [name, { shape, data, format }] of Object.entries(wanted)) {
    const other = given[name] as Tensor;
    assert.deepEqual([other.format, other.shape], [format, shape]);
    if (tolerance === 0) assert.deepEqual(other.data, data);
    const values = Array.from(data as Float32Array);
    const largest = Math.max(...values.map(Math.abs), 1e-30);
    const off = Math.max(0, ...values.map((value, i) => Math.abs(value - Number(other.data[i]))));
    assert.ok(values.some((value) => value !== 0) && off <= tolerance * largest, `${name}: ${off} of ${largest}`);
  }
}

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

/** How far the outputs of two models are apart at most (infinities and NaN are no distance apart), how large they are, and whether they are the same. */
export function compare(before: Model, after: Model, feeds: Record<string, Tensor>) {
  const wanted = run(before, feeds);
  const given = run(after, feeds);
  assert.deepEqual(Object.keys(given), Object.keys(wanted));
  let [apart, largest, isSame] = [0, 0, true];
  for (const [name, { shape, data, format }] of Object.entries(wanted)) {
    const other = given[name] as Tensor;
    assert.deepEqual([other.format, other.shape], [format, shape]);
    (data as Float32Array).forEach((value, i) => {
      const off = Math.abs(value - Number(other.data[i]));
      isSame &&= Object.is(value, other.data[i]);
      apart = Math.max(apart, Number.isFinite(value) ? off : 0);
      largest = Math.max(largest, Number.isFinite(value) ? Math.abs(value) : 0);
      if (!Number.isFinite(value)) assert.ok(!Number.isFinite(Number(other.data[i])), `${name}: ${value}`);
    });
  }
  return { apart, largest, isSame };
}

/** Outputs of both models, some of which are not 0, held together: apart by at most `tolerance` of the largest; 0: the same bits. */
export function assertSame(before: Model, after: Model, feeds: Record<string, Tensor>, tolerance: number): void {
  const { apart, largest, isSame } = compare(before, after, feeds);
  assert.ok(tolerance > 0 || isSame);
  assert.ok(largest > 0 && apart <= tolerance * largest, `${apart} of ${largest}`);
}

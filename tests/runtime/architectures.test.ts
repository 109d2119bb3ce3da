// Networks as exporters write them: the passes and a file in between change nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
// @ts-expect-error plain JavaScript, for the benchmark's
import { uniformFrom } from "../../bench/data.mjs";
import { type Model, optimize, readOnnx, run, Session, type Tensor, writeOnnx } from "../../src/index.ts";
// @ts-expect-error plain JavaScript, for the benchmark's
import * as networks from "../architectures.mjs";

interface Architecture {
  readonly name: string;
  readonly extents: Readonly<Record<string, number>>;
  make(): Model;
}

const ARCHITECTURES: readonly Architecture[] = networks.ARCHITECTURES;
const feedsOf: (model: Model, uniform: () => number, extents: object) => Record<string, Tensor> = networks.feedsOf;

/** Fails where outputs differ by more than a part of their largest. */
function assertNear(ours: Record<string, Tensor>, wanted: Record<string, Tensor>, part: number): void {
  assert.deepEqual(Object.keys(ours), Object.keys(wanted));
  for (const [name, { data, shape }] of Object.entries(wanted)) {
    assert.deepEqual(ours[name]?.shape, shape);
    const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
    const most = numbers.reduce((largest, each) => Math.max(largest, Math.abs(each)), 0);
    assert.ok(most > 0 && most < 1e4, `${name} is dull: ${most}`);
    numbers.forEach((value, i) => {
      assert.ok(Math.abs(Number(ours[name]?.data[i]) - value) <= part * most, `${name}[${i}]`);
    });
  }
}

for (const { name, make, extents } of ARCHITECTURES) {
  test(`${name}: as it is, from a file, optimized, and for other extents`, () => {
    const model = make();
    const uniform = uniformFrom(7);
    const feeds = feedsOf(model, uniform, extents);
    const plain = run(model, feeds);
    assert.deepEqual(run(readOnnx(writeOnnx(model)), feeds), plain);
    const session = new Session(optimize(model));
    assertNear(session.run(feeds), plain, 2e-5);
    const wider = feedsOf(model, uniform, { ...extents, batch: 2, past: 7, height: 20 });
    assertNear(session.run(wider), run(model, wider), 2e-5);
    session.dispose();
  });
}

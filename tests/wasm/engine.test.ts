// The wasm floor: scopes give memory back whatever happens, growth is survived, running out of memory is told and survived.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { copies, frequent, own, simd } from "../../build/modules.ts";
import { quantize, ready, tier, useTier } from "../../src/index.ts";
import { applyDelta } from "../../src/wasm/delta.ts";
import { engine } from "../../src/wasm/kernels.ts";
import { fromText } from "../../src/wasm/text.ts";
import { deltaOf } from "../../tools/delta.mjs";
import { frequentOf, textOf } from "../../tools/text.mjs";

const used = () => engine().arena.scope(() => engine().arena.reserve(16));

test("a scope gives its memory back, also when it throws", () => {
  const { arena } = engine();
  const before = used();
  arena.scope(() => arena.reserve(1000));
  assert.equal(used(), before);
  assert.throws(
    () =>
      arena.scope(() => {
        arena.reserve(1000);
        throw new Error("inside");
      }),
    /inside/,
  );
  assert.equal(used(), before);
  assert.throws(() => quantize(Float32Array.of(NaN), { format: "int8" }), /NaN/);
  assert.equal(used(), before);
});

test("reservations are aligned and do not overlap; what was written survives growth", () => {
  const { arena } = engine();
  arena.scope(() => {
    const a = arena.copy(Uint8Array.of(1, 2, 3));
    const b = arena.zeros(5);
    assert.equal(a % 16, 0);
    assert.ok(b >= a + 3);
    arena.reserve(2 ** 20);
    assert.deepEqual([...arena.view(Uint8Array, a, 3)], [1, 2, 3]);
    const back = new Uint8Array(3);
    arena.read(a, back);
    assert.deepEqual([...back], [1, 2, 3]);
  });
});

test("out of wasm memory is a RangeError with the bytes asked for, and the engine works on", () => {
  const { arena, kernels } = engine();
  const inUse = kernels.memory.buffer.byteLength;
  assert.throws(() => arena.scope(() => arena.reserve(5e9)), {
    name: "RangeError",
    message: `out of wasm memory: 5000000000 bytes more were asked for, ${inUse} are in use`,
  });
  assert.deepEqual([...quantize(Float32Array.of(1, -1), { format: "int8", scale: 1 }).data], [1, -1]);
});

test("large arrays do not need large wasm memory", () => {
  quantize(new Float32Array(2 ** 24), { format: "uint8", block: 32 });
  assert.ok(engine().kernels.memory.buffer.byteLength < 16 * 2 ** 20 + 2 ** 24, "memory stays small");
});

test("tiers can be forced, and ready() resolves", async () => {
  const best = tier();
  useTier("simd");
  assert.equal(tier(), "simd");
  useTier();
  assert.equal(tier(), best);
  await ready();
  if (best === "simd") assert.throws(() => useTier("relaxed"), /"tier" expected "simd"/);
});

test("a delta makes one file of another", () => {
  const words = (seed: number, n: number) =>
    Buffer.from(Uint32Array.from({ length: n }, (_, i) => Math.imul(i + seed, 2654435761)).buffer);
  const base = words(1, 500);
  const targets = [
    base,
    Buffer.alloc(0),
    words(7, 300),
    Buffer.concat([base.subarray(400, 900), words(3, 20), base.subarray(100)]),
  ];
  for (const target of targets) {
    const delta = deltaOf(base, target);
    assert.deepEqual(Buffer.from(applyDelta(base, delta.own, delta.copies)), target);
  }
  const build = (name: string) => readFileSync(new URL(`../../build/${name}.wasm`, import.meta.url));
  assert.deepEqual(Buffer.from(fromText(simd, frequent)), build("simd"));
  assert.deepEqual(Buffer.from(applyDelta(build("simd"), fromText(own, frequent), copies)), build("relaxed"));
});

test("any bytes are text, and bytes again", () => {
  const all = Uint8Array.from({ length: 1024 }, (_, i) => i * i);
  for (const bytes of [new Uint8Array(0), Uint8Array.of(0), Uint8Array.from({ length: 256 }, (_, i) => i), all]) {
    const order = frequentOf(bytes);
    const text = textOf(bytes, order);
    assert.match(text, /^[ !#-;=-[\]-~]*$/);
    assert.deepEqual(fromText(text, order), bytes);
  }
});

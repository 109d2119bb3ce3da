// The wasm floor: scopes give memory back whatever happens, growth is survived, running out of memory is told and survived.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { quantize, ready, tier, useTier } from "../../src/index.ts";
import { engine } from "../../src/wasm/kernels.ts";
import { bytesOf, moduleOf } from "../../src/wasm/unpack.ts";
import { pack } from "../../tools/packer.mjs";

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

const built = (name: string) => readFileSync(new URL(`../../build/${name}.wasm`, import.meta.url));

test("the modules inside are those that were built", () => {
  assert.deepEqual(Buffer.from(moduleOf("simd")), built("simd"));
  assert.deepEqual(Buffer.from(moduleOf("relaxed")), built("relaxed"));
  assert.deepEqual(bytesOf("0061ff"), Uint8Array.of(0, 97, 255));
});

/** What the unpacker makes of digits. */
function unpacked(digits: readonly number[], length: number): Buffer {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(built("unpacker")), { env: { memory } });
  const { ROOM, unpack } = exports as { ROOM: WebAssembly.Global; unpack(at: number, to: number, end: number): void };
  new Uint8Array(memory.buffer).set(digits, ROOM.value);
  const to = ROOM.value + digits.length + 1;
  unpack(ROOM.value, to, to + length);
  return Buffer.from(memory.buffer.slice(to, to + length + 1));
}

test("what was packed is unpacked, byte for byte, and nothing behind it", () => {
  const random = Buffer.from(Uint32Array.from({ length: 500 }, (_, i) => Math.imul(i + 7, 2654435761)).buffer);
  const patterns = [0, 1, 2, 3, 300, 5000].flatMap((n) => [
    Buffer.alloc(n),
    Buffer.alloc(n, 255),
    Buffer.alloc(n, "abcab"),
    random.subarray(0, n),
  ]);
  const again = Buffer.concat([
    random,
    random.subarray(3, 1400),
    Buffer.of(1),
    random.subarray(1100),
    Buffer.alloc(3000),
  ]);
  for (const bytes of [...patterns, again]) {
    const digits = pack(bytes);
    assert.ok(digits.every((digit) => digit >= 0 && digit < 64));
    assert.deepEqual(unpacked(digits, bytes.length), Buffer.concat([bytes, Buffer.of(0)]));
  }
  assert.ok(pack(again).length * 6 < (again.length * 8) / 2);
});

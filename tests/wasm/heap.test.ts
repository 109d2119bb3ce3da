// The heap: blocks do not overlap, what is given back is used again, in whatever order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { matmul, prepare, type QTensor } from "../../src/index.ts";
import { Heap } from "../../src/wasm/heap.ts";
import { engine } from "../../src/wasm/kernels.ts";
import { randomWords } from "../kernels/harness.ts";

const BASE = 1000;

test("blocks are aligned, lie behind the base and do not overlap", () => {
  const heap = new Heap(new WebAssembly.Memory({ initial: 1 }), BASE);
  const next = randomWords(1);
  const taken: { at: number; bytes: number }[] = [];
  for (let turn = 0; turn < 2000; turn++) {
    if (next() % 3 === 0 && taken.length > 0) {
      const [block] = taken.splice(next() % taken.length, 1) as [{ at: number; bytes: number }];
      heap.give(block.at, block.bytes);
    } else {
      const bytes = next() % 5000;
      taken.push({ at: heap.take(bytes), bytes });
    }
  }
  taken.sort((a, b) => a.at - b.at);
  let end = BASE;
  for (const { at, bytes } of taken) {
    assert.equal(at % 16, 0);
    assert.ok(at >= end || bytes === 0, `${at} is inside the block before it`);
    end = at + bytes;
  }
  assert.ok(end <= heap.memory.buffer.byteLength);
});

test("memory that was given back is used again: the heap does not grow", () => {
  const heap = new Heap(new WebAssembly.Memory({ initial: 1 }), BASE);
  const blocks = Array.from({ length: 20 }, () => heap.take(100_000));
  const grown = heap.memory.buffer.byteLength;
  for (const odd of [1, 0]) {
    blocks.forEach((at, i) => {
      if (i % 2 === odd) heap.give(at, 100_000);
    });
  }
  assert.equal(heap.take(2_000_000), blocks[0]);
  assert.equal(heap.memory.buffer.byteLength, grown);
});

function weightOf(n: number): QTensor {
  const data = new Int8Array(n * n).fill(1);
  return { format: "int8", shape: [n, n], data, scale: Float32Array.of(1), zero: Int32Array.of(0) };
}

test("a prepared weight keeps its memory until it is disposed of; then it is refused by name", () => {
  const before = () => engine().heap.take(16);
  const w = prepare(weightOf(64));
  const x: QTensor = { ...weightOf(64), shape: [64, 64] };
  const options = { scale: 1, activation: [0, 3] as const };
  assert.deepEqual(new Set(matmul(x, w, options).data), new Set([3]));
  const inUse = before();
  w.dispose();
  w.dispose();
  assert.notEqual(before(), inUse);
  assert.throws(() => matmul(x, w, options), {
    name: "TypeError",
    message: '"w" expected a prepared weight that is in memory, got one that was disposed',
  });
});

test("preparing and disposing in a loop does not grow the memory", () => {
  const w = weightOf(256);
  prepare(w).dispose();
  const { byteLength } = engine().kernels.memory.buffer;
  for (let i = 0; i < 100; i++) prepare(w)[Symbol.dispose]();
  assert.equal(engine().kernels.memory.buffer.byteLength, byteLength);
});

test("a weight too large for wasm memory is a RangeError with the bytes asked for, and the engine works on", () => {
  const { heap } = engine();
  assert.throws(() => heap.take(5e9), { name: "RangeError", message: /5000000000 bytes more were asked for/ });
  assert.equal(matmul(weightOf(4), weightOf(4), { scale: 1 }).data[0], 4);
});

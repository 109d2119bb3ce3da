// Hosts whose relaxed dot product reads its second operand as signed (Arm) take other corrections. Where activations are 0..127
// as signed bytes every host computes the same, so that the arithmetic of those hosts is tested on this one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulate, type QTensor, useTier } from "../../src/index.ts";
import { engine } from "../../src/wasm/kernels.ts";
import { randomWords, tiers } from "../kernels/harness.ts";

/** A tensor whose codes as signed bytes are 0..127: of uint8 the upper half. */
function activations(format: "int8" | "uint8", shape: number[], zero: number): QTensor {
  const next = randomWords(shape.length);
  const offset = format === "uint8" ? 128 : 0;
  const codes = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (next() % 128) + offset);
  const data = format === "uint8" ? Uint8Array.from(codes) : Int8Array.from(codes);
  return { format, shape, data, scale: Float32Array.of(1), zero: Int32Array.of(zero + offset) };
}

function weights(format: "int8" | "uint8", shape: number[], zero: number): QTensor {
  const next = randomWords(shape.length + 10);
  const data = new (format === "uint8" ? Uint8Array : Int8Array)(shape.reduce((a, b) => a * b, 1)).map(() => next());
  return { format, shape, data, scale: Float32Array.of(1), zero: Int32Array.of(zero) };
}

const CASES = [
  { x: [9, 45], w: [17, 45], placement: undefined },
  { x: [1, 300], w: [40, 300], placement: undefined },
  { x: [2, 6, 7, 9], w: [10, 3, 3, 9], placement: { pads: [1, 1, 1, 1] } },
  { x: [2, 6, 9, 20], w: [20, 3, 3, 1], placement: { pads: [1, 1, 1, 1], groups: 20 } },
  { x: [1, 6, 9, 20], w: [40, 2, 3, 1], placement: { groups: 20, strides: [1, 2] } },
];

function compareSums(): void {
  for (const { x, w, placement } of CASES) {
    for (const format of ["int8", "uint8"] as const) {
      for (const [kind, zero] of [
        ["int8", 0],
        ["int8", -7],
        ["uint8", 128],
        ["uint8", 3],
      ] as const) {
        const operands = [activations(format, x, 5), weights(kind, w, zero), placement] as const;
        useTier("simd");
        const wanted = accumulate(...operands);
        useTier("relaxed");
        const running = engine() as { dot: "unsigned" | "signed" | undefined };
        const { dot } = running;
        try {
          running.dot = "signed";
          assert.deepEqual(accumulate(...operands), wanted, `${x} ${format} by ${w} ${kind} ${zero}`);
        } finally {
          running.dot = dot;
        }
      }
    }
  }
}

if (tiers().includes("relaxed")) test("sums are the same where the dot product is signed", compareSums);

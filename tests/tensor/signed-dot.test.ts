// Hosts whose relaxed dot product reads its second operand as signed (Arm) take other corrections. Where activations are 0..127
// as signed bytes every host computes the same, so that the arithmetic of those hosts is tested on this one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulate, type QTensor, useTier } from "../../src/index.ts";
import { engine } from "../../src/wasm/kernels.ts";
import { randomWords, tiers } from "../kernels/harness.ts";
import { convolutionSums, geometryOf } from "../reference/conv.ts";
import { linearSums } from "../reference/gemm.ts";

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

const ZEROS = [
  ["int8", 0],
  ["int8", -7],
  ["uint8", 128],
  ["uint8", 3],
] as const;

const CASES = [
  { x: [9, 45], w: [17, 45], placement: undefined },
  { x: [1, 300], w: [40, 300], placement: undefined },
  { x: [2, 6, 7, 9], w: [10, 3, 3, 9], placement: { pads: [1, 1, 1, 1] } },
  { x: [2, 6, 9, 20], w: [20, 3, 3, 1], placement: { pads: [1, 1, 1, 1], groups: 20 } },
  { x: [1, 6, 9, 20], w: [40, 2, 3, 1], placement: { groups: 20, strides: [1, 2] } },
];

/** The exact sums, by the oracle. */
function exactSums(x: QTensor, w: QTensor, placement: (typeof CASES)[number]["placement"]): Float64Array {
  const codesOf = ({ shape, data, zero }: QTensor) => ({ shape, codes: data, zero });
  const [a, b] = [codesOf(x), codesOf(w)];
  return w.shape.length === 2 ? linearSums(a, b).sums : convolutionSums(a, b, geometryOf(placement as object)).sums;
}

/** Runs as if the dot product read its second operand as `dot`. */
function withDot<R>(dot: "signed" | undefined, work: () => R): R {
  const running = engine() as { dot: "unsigned" | "signed" | undefined };
  const own = running.dot;
  try {
    running.dot = dot ?? own;
    return work();
  } finally {
    running.dot = own;
  }
}

for (const tier of tiers()) {
  test(`sums of activations that all dot products read alike (${tier})`, () => {
    useTier(tier);
    for (const { x, w, placement } of CASES) {
      for (const format of ["int8", "uint8"] as const) {
        for (const [kind, zero] of ZEROS) {
          const operands = [activations(format, x, 5), weights(kind, w, zero), placement] as const;
          const wanted = Int32Array.from(exactSums(...operands));
          for (const dot of tier === "relaxed" ? (["signed", undefined] as const) : [undefined]) {
            const sums = withDot(dot, () => accumulate(...operands));
            assert.deepEqual(sums, wanted, `${x} ${format} by ${w} ${kind} ${zero}, ${dot}`);
          }
        }
      }
    }
  });
}

// A product of matrices in an accumulator of few bits, as hardware would have it (docs/math.md, equation 25).

import { checkInteger, checkOptions, checkWord, rangeError } from "../check.ts";
import { engine } from "../wasm/kernels.ts";
import { checkDepth } from "./finish.ts";
import { checkOperand } from "./operand.ts";
import { sizeOf } from "./shape.ts";
import type { QTensor } from "./tensor.ts";
import { checkWeight } from "./weight.ts";

/** The accumulator of few bits that `accumulate` simulates. */
export interface NarrowOptions {
  /** Bits of the accumulator, 2..31. */
  readonly accumulator: number;
  /** What it does with a sum that it cannot hold. */
  readonly overflow: "saturate" | "wrap";
}

/** Sums of an accumulator of few bits. */
export interface NarrowSums {
  /** Row-major. */
  readonly sums: Int32Array;
  /** The steps at which a sum left the accumulator's range. */
  readonly overflows: number;
}

/** The keys of {@link NarrowOptions}. */
export const NARROW_KEYS = ["accumulator", "overflow"] as const;

/** Codes less their rows' zeros. */
function differences(codes: Int8Array | Uint8Array, length: number, zeros: ArrayLike<number>): Int16Array {
  const values = new Int16Array(codes.length);
  for (let row = 0, i = 0; i < codes.length; row++) {
    const zero = zeros[zeros.length === 1 ? 0 : row] as number;
    for (const end = i + length; i < end; i++) values[i] = (codes[i] as number) - zero;
  }
  return values;
}

/**
 * Sums of (x - x.zero)(w - w.zero) over k, one product at a time in an accumulator of few bits.
 * @param x int8 or uint8 of shape [..., m, k], one scale and zero
 * @param w int8, uint8, int4 or uint4 of shape [n, k], one scale and zero, or one of each a row
 * @returns m * n sums, row-major, and the number of steps at which a sum left the accumulator's range
 */
export function accumulateNarrow(x: QTensor, w: QTensor, options: NarrowOptions): NarrowSums {
  const { accumulator, overflow } = checkOptions(options, NARROW_KEYS, "accumulate");
  checkInteger(accumulator, 2, 31, "accumulator");
  checkWord(overflow, ["saturate", "wrap"], "overflow");
  const { data, shape, zero } = checkOperand(x, "x", ["int8", "uint8"]);
  const { bytes, signed, columns: n, length: k, zero: zeros } = checkWeight(w, 1);
  if (w.shape.length !== 2) throw rangeError("w.shape", "[n, k]", w.shape);
  checkDepth(shape, w.shape);
  const m = sizeOf(shape.slice(0, -1));
  const sums = new Int32Array(m * n);
  const { kernels, arena } = engine();
  return arena.scope(() => {
    const rows = arena.copy(differences(data as Int8Array, k, [zero]));
    const weights = signed ? new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
    const columns = arena.copy(differences(weights, k, zeros));
    const to = arena.reserve(sums.byteLength);
    const run = kernels.accumulate_i16_i16_i32_narrow;
    const overflows = run(rows, columns, to, m, n, k, accumulator, +(overflow === "wrap"));
    arena.read(to, sums);
    return { sums, overflows };
  });
}

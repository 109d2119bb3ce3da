// How wide an accumulator has to be (docs/math.md, equation 24).

import { checkInteger, checkZeros, rangeError, typeError } from "../check.ts";
import { checkFormat } from "../check-format.ts";
import { engine } from "../wasm/kernels.ts";
import { blockSizes, checkBlockWeight } from "./block-weight.ts";
import { contentOf, PreparedWeight } from "./prepare.ts";
import { type QTensor, rangeOf } from "./tensor.ts";
import { checkWeight, sumsOf } from "./weight.ts";

/** Codes of which only the format is known. A {@link QTensor} is one as well: its codes are not looked at. */
export interface CodesOf {
  readonly format: QTensor["format"];
  /** One number; default 0. */
  readonly zero?: number | Int32Array;
  /** Bits used, where fewer than the format has. */
  readonly bits?: number;
  /** Whether the lowest code of a signed format is left out. */
  readonly narrow?: boolean;
}

/** Weights of which only the format is known, and how many meet in one sum. */
export interface WeightsOf extends CodesOf {
  readonly k: number;
}

/** The largest |code - zero| of a format. */
function reachOf(codes: CodesOf, name: string): number {
  if (codes === null || typeof codes !== "object") throw typeError(name, "a quantized tensor or { format }", codes);
  const row = checkFormat(codes.format, `${name}.format`);
  if (row.kind !== "integer" || row.bits > 16) {
    throw rangeError(`${name}.format`, "an integer of at most 16 bits", codes.format);
  }
  const bits = checkInteger(codes.bits ?? row.bits, 2, row.bits, `${name}.bits`);
  const { lo, hi } = rangeOf(row, bits, codes.narrow);
  const [zero = 0] = checkZeros(codes.zero, 1, lo, hi, row.name, `${name}.zero`);
  return Math.max(hi - zero, zero - lo);
}

/** The sums of |code - zero| that accumulators meet: over each output, or each block. */
function sizesOf(w: QTensor | PreparedWeight): Int32Array {
  if (w instanceof PreparedWeight) {
    const packed = contentOf(w);
    if ("sums" in packed) return packed.sums().size;
    throw rangeError("w", "a weight that was not prepared, where it has blocks", w);
  }
  return w.block === undefined ? sumsOf(engine(), checkWeight(w, 1)).size : blockSizes(checkBlockWeight(w));
}

/**
 * The bits of a signed accumulator that no sum of (x - x.zero)(w - w.zero) can overflow, whatever the order of its products.
 * @param x int2 to int16 or uint2 to uint16, one zero: a tensor, of which all codes of the format are taken for possible, or its
 *   format and zero
 * @param w a weight [n, k] or convolution kernel [o, ...], whose actual codes count: int8, uint8, int4, uint4, with blocks also
 *   int2 and uint2, then for the sum over one block; or its format, zero and k, the number of values that one sum meets
 */
export function accumulatorBits(x: CodesOf, w: QTensor | PreparedWeight | WeightsOf): number {
  const reach = reachOf(x, "x");
  if (w === null || typeof w !== "object") throw typeError("w", "a quantized tensor or { format, k }", w);
  if (!("k" in w) && !("shape" in w)) throw typeError("w.k", "how many values one sum meets", undefined);
  const largest = "k" in w ? checkInteger(w.k, 0, 2 ** 31, "w.k") * reachOf(w, "w") : largestOf(sizesOf(w));
  let bits = 1;
  while (largest * reach > 2 ** (bits - 1) - 1) bits++;
  return bits;
}

function largestOf(sizes: Int32Array): number {
  return sizes.reduce((a, b) => Math.max(a, b), 0);
}

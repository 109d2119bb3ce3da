// Accumulators as they are: what a product of codes sums up to before it is requantized (docs/math.md, equation 50).

import { checkOptions } from "../check.ts";
import { accumulateConv, PLACEMENT_KEYS, type Placement } from "./conv.ts";
import { linear } from "./matmul.ts";
import { accumulateNarrow, NARROW_KEYS, type NarrowOptions, type NarrowSums } from "./narrow.ts";
import { checkOperand } from "./operand.ts";
import type { PreparedWeight } from "./prepare.ts";
import type { QTensor } from "./tensor.ts";

const KEYS = [...PLACEMENT_KEYS, ...NARROW_KEYS];

/**
 * Sums of (x - x.zero)(w - w.zero) in integers, row-major.
 * @param x int8, uint8 or int16, one scale and zero: [..., m, k], or an image [n, h, w, c]
 * @param w int8, uint8, int4 or uint4. Its axes say what is summed: two, [n, k], a matrix; three, [b, n, k], a batch of
 *   matrices; four, [o, kh, kw, c / groups], the kernel of a convolution, which takes strides, pads, dilations and groups as options
 * @param options `{ accumulator, overflow }` (int8 or uint8 by [n, k] only) simulates an accumulator of fewer bits, product by
 *   product, and counts the steps at which a sum left its range
 * @returns int32, which wrap as ONNX's MatMulInteger and ConvInteger do; int64 for int16
 */
export function accumulate(x: QTensor, w: QTensor, options: NarrowOptions): NarrowSums;
export function accumulate(x: QTensor, w: QTensor | PreparedWeight, options?: Placement): Int32Array | BigInt64Array;
export function accumulate(
  x: QTensor,
  w: QTensor | PreparedWeight,
  options?: Placement | NarrowOptions,
): Int32Array | BigInt64Array | NarrowSums {
  checkOptions(options, KEYS, "accumulate");
  if (options && NARROW_KEYS.some((key) => key in options)) {
    return accumulateNarrow(x, w as QTensor, options as NarrowOptions);
  }
  const placement = (options ?? {}) as Placement;
  const operand = checkOperand(x, "x");
  const output = operand.codes.bits > 8 ? "wide-sums" : "sums";
  if (w?.shape?.length === 4) return accumulateConv(operand, w, placement, output) as Int32Array;
  checkOptions(placement, [], "accumulate with a matrix");
  return linear(operand, w, { output }).data as Int32Array;
}

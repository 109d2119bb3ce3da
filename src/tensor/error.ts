// What quantization costs: squared error with clipping and rounding apart (docs/math.md, equations 17 and 18), and a table of
// it over formats.

import { checkFloats, checkOptions, rangeError, typeError } from "../check.ts";
import { checkFormat } from "../check-format.ts";
import {
  bitsPerValue,
  type FloatFormat,
  type Format,
  floatCodes,
  floatMax,
  floatValue,
  relativeCost,
} from "../formats.ts";
import type { CodeRange } from "../quantizer.ts";
import { engine } from "../wasm/kernels.ts";
import { type Chunk, eachChunk } from "./grain.ts";
import { sumLanes } from "./mse.ts";
import { dequantize, effective, type QuantizeOptions, quantize } from "./quantize.ts";
import { type Checked, checkTensor, type QTensor } from "./tensor.ts";
import { bitsOf, floatOf } from "./values.ts";

/** Error of a quantized tensor against the values it was made from; over finite values. */
export interface QuantizationError {
  /** Mean squared error: clipping + rounding. */
  readonly mse: number;
  /** Signal power over error power in dB; Infinity where there is no error. */
  readonly sqnr: number;
  /** The part of clipped values: those whose rounded code lies outside the format's range before the clamp. */
  readonly clipping: number;
  /** The part of the other values. */
  readonly rounding: number;
  /** How many values are clipped. */
  readonly clipped: number;
}

/**
 * Error figures of q against x.
 * @param x the values that q was made from
 * @throws RangeError if x and q differ in length
 */
export function quantizationError(x: Float32Array, q: QTensor): QuantizationError {
  checkFloats(x, "x");
  const checked = checkTensor(q, "q");
  if (checked.length !== x.length) throw rangeError("x", `${checked.length} values, as "q" has`, x.length);
  const values = dequantize(q);
  const limits = limitsOf(checked);
  const { arena } = engine();
  return arena.scope(() => {
    const sums = arena.zeros(SUMS * 8);
    eachChunk(x.length, checked.grain, effective(checked.row, q), (chunk) =>
      addErrors(chunk, x, values, checked, limits, sums),
    );
    return figures(arena.view(Float64Array, sums, SUMS));
  });
}

/** Three sums of eight lanes each and two counts: see split_error_f32_f64. */
const SUMS = 26;

function addErrors(
  chunk: Chunk,
  x: Float32Array,
  values: Float32Array,
  { codes }: Checked,
  limits: CodeRange,
  sums: number,
): void {
  const { kernels, arena, start, count, place } = chunk;
  const at = arena.copy(x.subarray(start, start + count));
  const back = arena.copy(values.subarray(start, start + count));
  const v = arena.reserve(count * 4);
  if (codes.kind === "integer") kernels.quantize_f32_f32(at, v, count, place, 0, 0);
  else kernels.divide_f32_f32(at, v, count, place, 0, 0);
  kernels.split_error_f32_f64(at, back, v, sums, count, limits.lo, limits.hi);
}

/** Signal over error power in dB, at their ends too: no error, no signal, an error that overflowed. */
export function decibels(signal: number, mse: number): number {
  if (mse === 0) return Infinity;
  if (signal === 0 || mse === Infinity) return -Infinity;
  return Number.isNaN(mse) ? Number.NaN : DECIBEL * engine().kernels.log_f64(signal / mse);
}

/** 10 / ln 10: natural logarithm to decibel. */
const DECIBEL = 4.342944819032518;

function figures(sums: Float64Array): QuantizationError {
  const [clippingSum, roundingSum, signal] = [0, 8, 16].map((at) => sumLanes(sums.subarray(at, at + 8))) as [
    number,
    number,
    number,
  ];
  const [clipped, count] = [sums[24] as number, Math.max(sums[25] as number, 1)];
  const [clipping, rounding] = [clippingSum / count, roundingSum / count];
  const mse = clipping + rounding;
  const sqnr = decibels(signal / count, mse);
  return { mse, sqnr, clipping, rounding, clipped };
}

/** The largest and smallest unclamped codes, or scaled values, that are not clipped. */
function limitsOf({ codes, range }: Checked): CodeRange {
  if (codes.kind === "integer") return { lo: -floorFloat(-range.lo), hi: floorFloat(range.hi) };
  const hi = lastNotClipped(codes);
  return { lo: -hi, hi };
}

/** The largest float32 that is not above v > 0: unclamped codes are float32. */
function floorFloat(v: number): number {
  const nearest = Math.fround(v);
  return nearest > v ? floatOf(bitsOf(nearest) - 1) : nearest;
}

/** The largest float32 that rounds to a finite number of a format: halfway to what would follow the largest, or just below. */
function lastNotClipped(format: FloatFormat): number {
  const { max } = floatCodes(format);
  const largest = floatMax(format);
  if (format.mantissa === 23) return largest;
  const halfway = Math.fround(largest + (largest - floatValue(format, max - 1)) / 2);
  // from an odd code halfway goes to the even neighbour, which is beyond
  return max % 2 === 1 ? floatOf(bitsOf(halfway) - 1) : halfway;
}

/** A row of {@link compareFormats}. */
export interface FormatComparison extends QuantizationError {
  /** The format's name; a float of your own is called after its bits, `float8_e2m5`. */
  readonly format: string;
  /** Bits per value, its share of the scales of its block included. */
  readonly bits: number;
  /** Hardware cost of a multiply-accumulate, int8 being 1: a gate count (docs/math.md, "Relative cost"). */
  readonly relativeCost: number;
}

/** Options of {@link compareFormats}, as for {@link quantize}; block formats and floats of more than 8 bits take only the shape. */
export type CompareOptions = Pick<QuantizeOptions, "shape" | "axis" | "block" | "range" | "powerOfTwo">;

/** Quantizes the same values to each format, and tells what each costs in error, bits and hardware. */
export function compareFormats(
  x: Float32Array,
  formats: readonly Format[],
  options?: CompareOptions,
): FormatComparison[] {
  checkFloats(x, "x");
  if (!Array.isArray(formats)) throw typeError("formats", "an array of formats", formats);
  const { shape, ...rest } = checkOptions(options, ["shape", "axis", "block", "range", "powerOfTwo"], "compareFormats");
  return formats.map((format) => {
    const row = checkFormat(format);
    const scaled = row.kind === "integer" || (row.kind === "float" && row.bits <= 8);
    const chosen = scaled ? rest : {};
    const q = quantize(x, { format, ...(shape && { shape }), ...chosen });
    const scaleBits = chosen.block ? 32 / chosen.block : 0;
    return {
      format: row.name,
      bits: bitsPerValue(row) + scaleBits,
      ...quantizationError(x, q),
      relativeCost: relativeCost(row),
    };
  });
}

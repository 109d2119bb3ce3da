// Products with weights whose blocks along k have a scale and zero each: of float32 activations (docs/math.md, equation 26), or
// of 8-bit ones (equation 27).

import { checkCount, checkFiniteFloats, checkFloats, checkOptions, checkShape, rangeError } from "../check.ts";
import { codeType } from "../formats.ts";
import type { BlockPanels, BlockWeight } from "./block-weight.ts";
import { checkDepth } from "./finish.ts";
import { onePlace } from "./grain.ts";
import { checkOperand, type Operand } from "./operand.ts";
import { RESULT_KEYS, type Result, type ResultOptions, resultOf, resultTensor } from "./result.ts";
import { sizeOf } from "./shape.ts";
import { codeArray, type FloatTensor, type QTensor } from "./tensor.ts";
import { type Sink, type Source, sinkOf, sourceOf } from "./values.ts";

/** Options of {@link matmul} with blocks with a quantized result: arithmetic `"onnx"` only. */
export interface BlockMatmulOptions extends ResultOptions {
  /** n numbers. */
  readonly bias?: Float32Array;
}

/** Options of {@link matmul} with blocks with a float32 result. */
interface BlockFloatOptions {
  readonly bias?: Float32Array;
  readonly format?: "float32";
}

/** Rows of either kind of activations. */
interface Rows {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int8Array | Uint8Array;
  /** What rows of codes are: their scale and zero. */
  readonly operand: Operand | undefined;
}

function checkRows(x: FloatTensor | QTensor): Rows {
  if (x?.format !== "float32") {
    const operand = checkOperand(x as QTensor, "x", ["int8", "uint8", "float32"]);
    return { shape: operand.shape, data: operand.data as Int8Array, operand };
  }
  const data = checkFloats(x.data, "x.data");
  return { shape: checkShape(x.shape, "x.shape", data.length), data, operand: undefined };
}

/** The longest block whose sums of products of 8 bits by `bits` bits stay within int32. */
function longestBlock(bits: number): number {
  return Math.floor((2 ** 31 - 1) / 255 / (2 ** bits - 1));
}

function checkFit({ shape, operand }: Rows, { n, k, block, bits }: BlockWeight): void {
  checkDepth(shape, [n, k]);
  if (operand && block > longestBlock(bits)) {
    throw rangeError("w.block", `at most ${longestBlock(bits)} values of ${bits} bits, for a sum in int32`, block);
  }
}

/** Bytes of arranged rows, and of their results, that stay in the cache while all panels pass. */
const ROW_BYTES = 1 << 17;
const RESULT_BYTES = 1 << 20;

/** How many rows are worked on at a time: whole tiles of four. */
function rowsAtATime(rowBytes: number, n: number): number {
  const fit = Math.min(ROW_BYTES / Math.max(rowBytes, 1), RESULT_BYTES / Math.max(n * 4, 1));
  return Math.max(Math.floor(fit / 4), 1) * 4;
}

/** Rows as kernels read them: float32, or codes with a scale and zero. */
interface RowsInMemory {
  readonly m: number;
  readonly operand: Operand | undefined;
  readonly source: Source;
}

/** Writes y = x w + bias as float32, some rows at a time; the bias is in memory, 0 if there is none. */
export function multiplyPanels({ m, operand, source }: RowsInMemory, w: BlockPanels, bias: number, sink: Sink): void {
  const { kernels, arena } = w.engine;
  const { n, k, block, bits } = w.weight;
  const rowBytes = kernels.bytes_row(k, block, bits, +!operand);
  const most = Math.min(rowsAtATime(rowBytes, n), m);
  const rows = arena.reserve(most * rowBytes);
  for (let start = 0; start < m; start += most) {
    const count = Math.min(most, m - start);
    arena.scope(() => {
      const x = source(start * k, count * k);
      const sizes = [count, n, k, block, bits, n * 4] as const;
      if (operand)
        kernels.arrange_i8_rows(x, rows, count, k, block, bits, operand.zero, operand.codes.signed ? 0 : 128);
      else kernels.arrange_f32_rows(x, rows, count, k, block, bits);
      sink(start * n, count * n, (y) => {
        if (operand) kernels.multiply_i8_panels_f32(rows, w.at, bias, y, ...sizes, operand.scale);
        else kernels.multiply_f32_panels_f32(rows, w.at, bias, y, ...sizes);
      });
    });
  }
}

/** Products of rows in an array, and their shape. */
function multiplyArray({ shape, data, operand }: Rows, w: BlockPanels, bias: Float32Array | undefined, sink: Sink) {
  const { arena } = w.engine;
  const rows = { m: sizeOf(shape.slice(0, -1)), operand, source: sourceOf(w.engine, data) };
  arena.scope(() => multiplyPanels(rows, w, bias ? arena.copy(bias) : 0, sink));
}

function floatResult(x: Rows, w: BlockPanels, bias: Float32Array | undefined): FloatTensor {
  const shape = [...x.shape.slice(0, -1), w.weight.n];
  const data = new Float32Array(sizeOf(shape));
  multiplyArray(x, w, bias, sinkOf(w.engine, data));
  return { format: "float32", shape, data };
}

function codeResult(x: Rows, w: BlockPanels, bias: Float32Array | undefined, result: Result): QTensor {
  const { kernels, arena } = w.engine;
  const { codes, range } = result;
  const shape = [...x.shape.slice(0, -1), w.weight.n];
  const data = new (codeArray(codes))(sizeOf(shape));
  const run = kernels[`quantize_f32_${codeType(codes) as "i8"}`];
  multiplyArray(x, w, bias, (start, count, write) => {
    const y = arena.reserve(count * 4);
    write(y);
    if (run(y, y, count, onePlace(arena, count, result), range.lo, range.hi)) {
      throw rangeError("w.scale", "scales whose products stay within float32", w.weight.scale);
    }
    arena.read(y, data.subarray(start, start + count));
  });
  return resultTensor(result, shape, data);
}

function checkBias(bias: Float32Array | undefined, n: number): Float32Array | undefined {
  if (bias === undefined) return undefined;
  return checkCount(checkFloats(bias, "bias"), n, "an output", "bias");
}

/** Checks operands against each other, and multiplies. */
export function multiplyBlocks(
  x: FloatTensor | QTensor,
  w: BlockPanels,
  options: BlockMatmulOptions | BlockFloatOptions | undefined,
): FloatTensor | QTensor {
  const rows = checkRows(x);
  checkFit(rows, w.weight);
  const bias = checkBias(options?.bias, w.weight.n);
  if (!rows.operand || options?.format === "float32") {
    checkOptions(options, ["bias", "format"], "matmul with a float32 result");
    if (options?.format !== undefined && options.format !== "float32") {
      throw rangeError("format", `"float32", as "x" is`, options.format);
    }
    return floatResult(rows, w, bias);
  }
  const wanted = checkOptions(options as BlockMatmulOptions, ["bias", ...RESULT_KEYS], "matmul");
  const result = resultOf(wanted, rows.operand.codes);
  if (result.arithmetic !== "onnx") {
    throw rangeError("arithmetic", `"onnx" for a weight with blocks`, result.arithmetic);
  }
  if (bias) checkFiniteFloats(bias, "bias");
  return codeResult(rows, w, bias, result);
}

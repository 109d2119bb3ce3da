// float32 <-> quantized tensors (docs/math.md, equations 1 to 3): scales given or found, per tensor, axis or block.

import {
  checkAxis,
  checkFloats,
  checkInteger,
  checkOptions,
  checkScales,
  checkShape,
  checkWord,
  checkZeros,
  conflict,
  rangeError,
  typeError,
} from "../check.ts";
import { checkFormat, formatOf } from "../check-format.ts";
import { type Format, type FormatRow, floatMax } from "../formats.ts";
import { blockScales } from "./block.ts";
import { throwNan } from "./codec.ts";
import { requantizeFixed } from "./codemap.ts";
import { eachChunk, type Grain, grainOf, type Scales } from "./grain.ts";
import { type Target, targetOf } from "./parameters.ts";
import { checkRange, type Method, type Range, searchScales } from "./range.ts";
import { ARITHMETICS, type Arithmetic } from "./result.ts";
import { dequantizeChunk, fakeChunk, quantizeChunk } from "./steps.ts";
import { type CodeFormat, checkTensor, codeArray, codeBytes, codeFormat, type QTensor } from "./tensor.ts";

/** Options of {@link quantize} and {@link fakeQuantize}. */
export interface QuantizeOptions {
  readonly format: Format;
  /** Row-major extents; default one dimension. */
  readonly shape?: readonly number[];
  /** One scale per index of this axis. With `block`, the axis that is cut into blocks. */
  readonly axis?: number;
  /** One scale per so many values along the last axis (or `axis`); the last block may be short. */
  readonly block?: number;
  /** Zero at code 0. Default: true in signed and float formats, false in unsigned ones. */
  readonly symmetric?: boolean;
  /** Leave out the lowest code of a signed format, so that codes are -127..127. Default false. */
  readonly narrow?: boolean;
  /** Fewer bits than the format has, 2 or more. Integer formats only. */
  readonly bits?: number;
  /** Round searched scales up to powers of two. */
  readonly powerOfTwo?: boolean;
  /** How a range is found where no scale is given; default `"minmax"`. */
  readonly range?: Range;
  /** Scales given: one, or one per axis index or block, row-major. No range is searched. */
  readonly scale?: number | Float32Array | readonly number[];
  /** Zeros given, in codes; default 0. */
  readonly zero?: number | Int32Array | readonly number[];
  /** To nearest, ties to even (default), or up or down at random in proportion to the distance. */
  readonly rounding?: "even" | "stochastic";
  /** Seed of stochastic rounding, an integer of 0..2^53 - 1. */
  readonly seed?: number;
}

const KEYS = [
  "format",
  "shape",
  "axis",
  "block",
  "symmetric",
  "narrow",
  "bits",
  "powerOfTwo",
  "range",
  "scale",
  "zero",
  "rounding",
  "seed",
];

/** What the options of a quantizer come to. */
interface Plan extends Target {
  readonly row: FormatRow;
  readonly shape: readonly number[];
  readonly axis: number | undefined;
  readonly block: number | undefined;
  readonly grain: Grain;
  readonly seed: bigint | undefined;
  readonly options: QuantizeOptions;
}

function planOf(x: Float32Array, given: QuantizeOptions, of: string): Plan {
  const options = checkOptions(given, KEYS, of);
  const row = checkFormat(options.format);
  const shape = options.shape === undefined ? [x.length] : checkShape(options.shape, "shape", x.length);
  const axis = options.axis === undefined ? undefined : checkAxis(options.axis, shape);
  if (row.kind === "block") refuseForBlocks(options, row.name);
  const block = row.kind === "block" ? row.block : options.block;
  if (block !== undefined) checkInteger(block, 1, 2 ** 31 - 1, "block");
  // MX has its integer elements narrow
  const isNarrow = row.name === "mxint8" ? { narrow: true } : {};
  const target = targetOf(codeFormat(row), { ...options, ...isNarrow });
  return { ...target, row, shape, axis, block, grain: grainOf(shape, axis, block), seed: seedOf(options), options };
}

function refuseForBlocks(options: QuantizeOptions, format: string): void {
  for (const key of ["axis", "block", "symmetric", "narrow", "bits", "powerOfTwo", "range", "scale", "zero"] as const) {
    if (options[key]) throw conflict(key, "format", `${format} has blocks and scales of its own`);
  }
}

function seedOf({ rounding = "even", seed }: QuantizeOptions): bigint | undefined {
  checkWord(rounding, ["even", "stochastic"], "rounding");
  if (rounding === "even") {
    if (seed !== undefined) throw conflict("seed", "rounding", "only stochastic rounding has a seed");
    return undefined;
  }
  if (seed === undefined) throw rangeError("seed", `an integer of 0..2^53 - 1 with rounding "stochastic"`, seed);
  return BigInt(checkInteger(seed, 0, Number.MAX_SAFE_INTEGER, "seed"));
}

/** What code 1 of an MXINT8 element stands for. */
const INT8_STEP = 2 ** -6;

/** Scales of a plan, and how many infinities the search for them passed over. */
interface Found extends Scales {
  readonly infinite: number;
  readonly tensorScale?: number;
}

function scalesOf(x: Float32Array, plan: Plan): Found {
  const { row, codes, grain, range, options } = plan;
  if (row.kind === "block") return blockScales(x, row, grain);
  if (options.scale === undefined) {
    if (options.zero !== undefined) throw typeError("scale", `a scale for the given "zero"`, undefined);
    return searchScales(x, plan, methodOf(plan), grain);
  }
  for (const key of ["range", "powerOfTwo"] as const) {
    if (options[key]) throw conflict(key, "scale", "a given scale leaves nothing to search");
  }
  const scale = checkScales(options.scale, grain.count);
  const zero = checkZeros(options.zero, grain.count, range.lo, range.hi, codes.name);
  return { scale, zero, infinite: 0 };
}

/** Floats of more than 8 bits reach far enough: their scale is 1 unless a range or power of two is asked for. */
function methodOf({ codes, options }: Plan): Method {
  const unscaled = codes.kind === "float" && codes.bits > 8 && options.range === undefined && !options.powerOfTwo;
  if (!unscaled) return checkRange(options.range, codes);
  const max = floatMax(codes);
  return { kind: "given", interval: [-max, max] };
}

/** The scales that multiply codes: with the tensor's own scale, and the element's, where there are such. */
export function effective(
  row: FormatRow,
  { scale, zero, tensorScale = 1 }: Scales & { tensorScale?: number | undefined },
): Scales {
  const unit = row.name === "mxint8" ? INT8_STEP : tensorScale;
  return { scale: unit === 1 ? scale : scale.map((s) => Math.max(Math.fround(s * unit), 2 ** -149)), zero };
}

/**
 * Quantizes values: code = clamp(round(x / scale) + zero).
 * @param x values, row-major; infinities clamp, and a searched range passes over them
 * @throws RangeError naming the first NaN of x, where the format has none
 */
export function quantize(x: Float32Array, options: QuantizeOptions): QTensor {
  const plan = planOf(checkFloats(x, "x"), options, "quantize");
  const found = scalesOf(x, plan);
  const { codes, grain } = plan;
  const packed = codes.bits < 8;
  const data = packed ? new Uint8Array(Math.ceil((x.length * codes.bits) / 8)) : new (codeArray(codes))(x.length);
  eachChunk(x.length, grain, effective(plan.row, found), (chunk) => {
    const { kernels, arena, start, count } = chunk;
    const from = arena.copy(x.subarray(start, start + count));
    const to = arena.reserve(count * codeBytes(codes));
    if (quantizeChunk(chunk, plan, from, to)) throwNan(x, "x", plan.row.name);
    if (packed) kernels.pack_u8(to, to, count, codes.bits);
    arena.read(to, pieceOf(data, codes, start, count));
  });
  return tensorOf(plan, found, data as QTensor["data"]);
}

/** The part of a tensor's data that holds `count` codes from `start` on, a multiple of 8. */
function pieceOf(data: ArrayBufferView, codes: CodeFormat, start: number, count: number): Uint8Array {
  const bits = codes.bits < 8 ? codes.bits : codeBytes(codes) * 8;
  return new Uint8Array(data.buffer, data.byteOffset + (start * bits) / 8, Math.ceil((count * bits) / 8));
}

function tensorOf(plan: Plan, found: Found, data: QTensor["data"]): QTensor {
  const { row, shape, axis, block, options } = plan;
  return {
    format: formatOf(options.format),
    shape,
    data,
    scale: found.scale,
    zero: found.zero,
    ...(axis !== undefined && { axis }),
    ...(block !== undefined && { block }),
    ...(options.bits !== undefined && { bits: options.bits }),
    ...((options.narrow || row.name === "mxint8") && { narrow: true }),
    ...(found.tensorScale !== undefined && { tensorScale: found.tensorScale }),
    ...(found.infinite > 0 && { infinite: found.infinite }),
  };
}

/** The values that a quantized tensor stands for: scale (code - zero), one float32 each. */
export function dequantize(q: QTensor): Float32Array {
  const { row, codes, grain, length, packed } = checkTensor(q, "q");
  const values = new Float32Array(length);
  const signed = codes.kind === "integer" && codes.signed;
  eachChunk(length, grain, effective(row, q), (chunk) => {
    const { kernels, arena, start, count } = chunk;
    const piece = pieceOf(q.data, codes, start, count);
    const from = arena.copy(piece);
    const to = arena.reserve(count * 4);
    const unpacked = packed ? arena.reserve(count) : from;
    if (packed) kernels.unpack_u8(from, unpacked, count, codes.bits, +signed);
    dequantizeChunk(chunk, codes, unpacked, to);
    arena.read(to, values.subarray(start, start + count));
  });
  return values;
}

/**
 * Quantizes and dequantizes at once: the values that {@link quantize} with the same options stands for.
 * @throws RangeError naming the first NaN of x, where the format has none
 */
export function fakeQuantize(x: Float32Array, options: QuantizeOptions): Float32Array {
  const plan = planOf(checkFloats(x, "x"), options, "fakeQuantize");
  const values = new Float32Array(x.length);
  eachChunk(x.length, plan.grain, effective(plan.row, scalesOf(x, plan)), (chunk) => {
    const { arena, start, count } = chunk;
    const from = arena.copy(x.subarray(start, start + count));
    const to = arena.reserve(count * 4);
    if (fakeChunk(chunk, plan, from, to)) throwNan(x, "x", plan.row.name);
    arena.read(to, values.subarray(start, start + count));
  });
  return values;
}

/** Options of {@link requantize}. */
export interface RequantizeOptions extends Omit<QuantizeOptions, "shape"> {
  /** Default `"onnx"`: dequantized, then quantized. The others know no other option than format, scale and zero. */
  readonly arithmetic?: Arithmetic;
}

/**
 * Quantizes what a quantized tensor stands for with new parameters. The shape is kept.
 * @param options as for {@link quantize}, without `shape`. With arithmetic `"tflite"` or `"tflite-single"` codes of int8, uint8,
 *   int16 or int32 with one scale are rescaled in integers, as TensorFlow Lite's QUANTIZE has it (equation 34)
 */
export function requantize(q: QTensor, options: RequantizeOptions): QTensor {
  const known = [...KEYS.filter((key) => key !== "shape"), "arithmetic"];
  const { arithmetic, ...others } = checkOptions(options, known, "requantize");
  if (arithmetic !== undefined && checkWord(arithmetic, ARITHMETICS, "arithmetic") !== "onnx") {
    return requantizeFixed(q, { ...others, arithmetic });
  }
  return quantize(dequantize(q), { ...others, shape: q.shape });
}

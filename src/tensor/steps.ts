// One chunk quantized, dequantized, or both: the kernels put together for every kind of format.

import { codeType, type FloatFormat } from "../formats.ts";
import type { CodeRange } from "../quantizer.ts";
import { decodeFloats, encodeFloats, hasNan, holdsNan } from "./codec.ts";
import type { Chunk } from "./grain.ts";
import { type CodeFormat, codeBytes } from "./tensor.ts";

/** How values become codes. */
export interface Step {
  readonly codes: CodeFormat;
  /** The codes used of an integer format. */
  readonly range: CodeRange;
  /** The seed of stochastic rounding, where that is asked for. */
  readonly seed?: bigint | undefined;
  /** The format of 16 bits that quotients are rounded to (docs/math.md, equation 76); absent: they are float32. */
  readonly precision?: FloatFormat | undefined;
  /** Whether what is beyond a float format's largest number becomes that number; default: up to 8 bits. */
  readonly saturate?: boolean | undefined;
}

/** Quantizes the values of a chunk at `from` to codes at `to`; whether it met a NaN that the format cannot hold. */
export function quantizeChunk(chunk: Chunk, step: Step, from: number, to: number): boolean {
  const { codes, range, seed, precision, saturate = codes.bits <= 8 } = step;
  const { kernels, count, start, place } = chunk;
  if (precision) {
    const x = chunk.arena.reserve(count * 4);
    roundTo(chunk, precision, from, x);
    const [v, ones] = quotients(chunk, x);
    roundTo(chunk, precision, v, v);
    return quantizeChunk({ ...chunk, place: ones }, { ...step, precision: undefined }, v, to);
  }
  if (codes.kind === "float") {
    const y = chunk.arena.reserve(count * 4);
    kernels.divide_f32_f32(from, y, count, place, 0, 0);
    const rounding = seed === undefined ? "even" : "stochastic";
    encodeFloats(chunk, codes, y, to, count, { saturate, rounding, seed: seed ?? 0n }, start);
    return !hasNan(codes) && holdsNan(chunk, from, count);
  }
  const run = kernels[`quantize_f32_${codeType(codes) as "i8"}`];
  if (seed === undefined) return run(from, to, count, place, range.lo, range.hi) !== 0;
  const [v, ones] = quotients(chunk, from);
  kernels.round_f32_stochastic(v, v, count, seed, BigInt(start));
  return run(v, to, count, ones, range.lo, range.hi) !== 0;
}

/** Rounds the float32 values of a chunk to those that a format of 16 bits has. */
function roundTo(chunk: Chunk, format: FloatFormat, from: number, to: number): void {
  const codes = chunk.arena.reserve(chunk.count * 2);
  encodeFloats(chunk, format, from, codes, chunk.count, { saturate: false, rounding: "even", seed: 0n }, 0);
  decodeFloats(chunk, format, codes, to, chunk.count);
}

/** x / s, and a place with scales of 1 for what is left to do: adding the zero and the clamp. */
function quotients({ kernels, arena, count, place }: Chunk, from: number): [number, number] {
  const v = arena.reserve(count * 4);
  kernels.divide_f32_f32(from, v, count, place, 0, 0);
  const [position = 0, length = 0, block = 0, lanes = 0, index = 0, total = 0, , zeros = 0] = arena.view(
    Uint32Array,
    place,
    8,
  );
  const ones = arena.copy(new Float32Array(total).fill(1));
  return [v, arena.copy(Uint32Array.of(position, length, block, lanes, index, total, ones, zeros))];
}

/** Dequantizes the codes of a chunk at `from` to float32 at `to`. */
export function dequantizeChunk(chunk: Chunk, codes: CodeFormat, from: number, to: number): void {
  const { kernels, count, place } = chunk;
  if (codes.kind === "float") {
    decodeFloats(chunk, codes, from, to, count);
    kernels.multiply_f32_f32(to, to, count, place, 0, 0);
  } else kernels[`dequantize_${codeType(codes) as "i8"}_f32`](from, to, count, place, 0, 0);
}

/** {@link quantizeChunk} and {@link dequantizeChunk} at once. */
export function fakeChunk(chunk: Chunk, step: Step, from: number, to: number): boolean {
  const { codes, range, seed } = step;
  // the fake kernel rounds by adding 1.5 * 2^23, which holds 17 bits and more, but not 32
  if (codes.kind === "integer" && codes.bits <= 16 && seed === undefined) {
    return chunk.kernels.fake_f32_f32(from, to, chunk.count, chunk.place, range.lo, range.hi) !== 0;
  }
  const q = chunk.arena.reserve(chunk.count * codeBytes(codes));
  const found = quantizeChunk(chunk, step, from, q);
  dequantizeChunk(chunk, codes, q, to);
  return found;
}

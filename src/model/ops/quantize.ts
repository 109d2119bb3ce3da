// From numbers to codes and back: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.

import { nodeError } from "../../check.ts";
import { type FloatFormat, FORMATS, type FormatName } from "../../formats.ts";
import { affineParameters, type Parameters } from "../../quantizer.ts";
import { decodeCodes, decodeFloats, encodeFloats, encodeReals } from "../../tensor/codec.ts";
import {
  type Chunk,
  type ChunkWalk,
  chunkWalk,
  type Grain,
  grainOf,
  onePlace,
  type Scales,
  writePlace,
} from "../../tensor/grain.ts";
import { dequantizeChunk, quantizeChunk, type Step } from "../../tensor/steps.ts";
import { type CodeFormat, codeBytes, rangeOf } from "../../tensor/tensor.ts";
import { intOf } from "../attributes.ts";
import { formatOfType } from "../data-types.ts";
import type { Node } from "../graph.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import { parametersOf, programRow, SCALE_FORMATS } from "../quantized.ts";
import { axisIn, checkFormats, input } from "../site.ts";

/** Formats on the side of the numbers. */
const NUMBERS: readonly FormatName[] = ["float32", "float16", "bfloat16"];

/** Formats of codes: integers of at most `bits` bits, floats of at most 8. */
function codeFormats(bits: number): FormatName[] {
  const fits = ({ kind, bits: own }: { kind: string; bits: number }) =>
    (kind === "integer" && own <= bits) || (kind === "float" && own <= 8);
  return [...FORMATS.values()].flatMap((row) => (row.kind !== "block" && fits(row) ? [row.name as FormatName] : []));
}

const QUANTIZED = codeFormats(16);
const DEQUANTIZED = codeFormats(32);

/** How the values of input 0 share the scales of input 1: one for all, one an index of an axis, or one a block along it. */
function grainFor(site: Site): Grain {
  const { node } = site;
  const [{ shape }, scale] = [input(site, 0), input(site, 1)];
  const zero = site.inputs[2];
  checkFormats(site, 1, SCALE_FORMATS);
  if (zero && lengthOf(zero) !== lengthOf(scale)) {
    throw nodeError(node, `input 2 expected the shape of the scales, [${scale.shape}], got [${zero.shape}]`);
  }
  const block = intOf(node, "block_size", 0);
  if (block < 0) throw nodeError(node, `"block_size" expected at least 0, got ${block}`);
  if (scale.shape.length === 0 || (block === 0 && lengthOf(scale) === 1)) return grainOf(shape);
  const axis = axisIn(site, 1);
  const extent = shape[axis] as number;
  const wanted = block === 0 ? [extent] : shape.map((n, i) => (i === axis ? Math.ceil(n / block) : n));
  if (wanted.join() !== scale.shape.join()) {
    throw nodeError(node, `input 1 expected scales of shape [${wanted}] for [${shape}], got [${scale.shape}]`);
  }
  return grainOf(shape, axis, block || undefined);
}

/** The format that an attribute of the node says; undefined where it is absent or 0. */
function formatIn({ node }: Site, name: string, formats: readonly FormatName[]): FormatName | undefined {
  const number = intOf(node, name, 0);
  if (number === 0) return undefined;
  const format = formatOfType(node, name, number);
  if (formats.includes(format)) return format;
  throw nodeError(node, `"${name}" expected the type of ${formats.join(" or ")}, got ${format}`);
}

/** The format of a QuantizeLinear's result: that of its zero, or as `output_dtype` says. */
function codesFormat(site: Site): FormatName {
  checkFormats(site, 2, QUANTIZED);
  const zero = site.inputs[2]?.format;
  const named = formatIn(site, "output_dtype", QUANTIZED);
  if (zero && named && zero !== named) {
    throw nodeError(site.node, `"output_dtype" expected ${zero}, as input 2 is, got ${named}`);
  }
  return zero ?? named ?? "uint8";
}

/** What division is rounded to: a format of 16 bits, or undefined for float32. */
function precisionOf(site: Site): FloatFormat | undefined {
  const named = formatIn(site, "precision", NUMBERS) ?? input(site, 1).format;
  return named === "float16" || named === "bfloat16" ? (FORMATS.get(named) as FloatFormat) : undefined;
}

/** Scales that values can be divided by. */
function divisors(call: Call, precision: FloatFormat | undefined): Scales {
  const { scale, zero } = parametersOf(call, { scale: 1, zero: 2 });
  const how = { saturate: false, rounding: "even" } as const;
  const rounded = precision ? decodeCodes(encodeReals(scale, precision, how), precision) : scale;
  const at = rounded.findIndex((each) => !(each > 0 && each < Infinity));
  if (at < 0) return { scale: rounded, zero };
  throw nodeError(call.node, `scale expected positive finite numbers, got ${scale[at]} at index ${at}`);
}

/** Pointer to a chunk's values as float32. */
function floatsOf(chunk: Chunk, { format, at }: Place): number {
  const { kernels, arena, start, count } = chunk;
  if (format === "float32") return at + start * 4;
  const to = arena.reserve(count * 4);
  if (format === "int32") {
    kernels.dequantize_i32_f32(at + start * 4, to, count, onePlace(arena, count, { scale: 1, zero: 0 }), 0, 0);
  } else decodeFloats(chunk, FORMATS.get(format) as FloatFormat, at + start * 2, to, count);
  return to;
}

/** Pointer to the code at `start`, a multiple of 8. */
function codeAt({ at }: Pick<Place, "at">, codes: CodeFormat, start: number): number {
  return at + start * (codes.bits < 8 ? codes.bits / 8 : codeBytes(codes));
}

/** Quantizes the values at a place to codes at another. */
function quantizePlace(node: Node, x: Place, y: Pick<Place, "at">, walk: ChunkWalk, step: Step): void {
  const { codes } = step;
  walk((chunk) => {
    const { kernels, arena, start, count } = chunk;
    const from = floatsOf(chunk, x);
    const at = codeAt(y, codes, start);
    const to = codes.bits < 8 ? arena.reserve(count) : at;
    if (quantizeChunk(chunk, step, from, to)) {
      throw nodeError(node, `input 0 holds NaN, which ${codes.name} cannot represent`);
    }
    if (codes.bits < 8) kernels.pack_u8(to, at, count, codes.bits);
  });
}

const QuantizeLinear = programRow(
  (site) => {
    checkFormats(site, 0, [...NUMBERS, "int32"]);
    grainFor(site);
    precisionOf(site);
    return [{ format: codesFormat(site), shape: input(site, 0).shape }];
  },
  (call, y, take) => {
    const x = input(call, 0);
    const precision = precisionOf(call);
    const codes = FORMATS.get(y.format) as CodeFormat;
    const saturate = intOf(call.node, "saturate", 1) !== 0;
    const step: Step = { codes, range: rangeOf(codes), precision, saturate };
    const walk = chunkWalk(lengthOf(x), grainFor(call), divisors(call, precision), take, call.store.engine);
    return () => quantizePlace(call.node, x, y, walk, step);
  },
);

/** Dequantizes the codes at a place to numbers at another. */
function dequantizePlace(x: Place, y: Place, walk: ChunkWalk): void {
  const codes = FORMATS.get(x.format) as CodeFormat;
  const signed = +(codes.kind === "integer" && codes.signed);
  const half = y.format === "float32" ? undefined : (FORMATS.get(y.format) as FloatFormat);
  walk((chunk) => {
    const { kernels, arena, start, count } = chunk;
    const packed = codeAt(x, codes, start);
    const from = codes.bits < 8 ? arena.reserve(count) : packed;
    if (codes.bits < 8) kernels.unpack_u8(packed, from, count, codes.bits, signed);
    const to = half ? arena.reserve(count * 4) : y.at + start * 4;
    dequantizeChunk(chunk, codes, from, to);
    const how = { saturate: false, rounding: "even", seed: 0n } as const;
    if (half) encodeFloats(chunk, half, to, y.at + start * 2, count, how, 0);
  });
}

/** The format of a DequantizeLinear's result: that of its scales, or as `output_dtype` says. */
function numbersFormat(site: Site): FormatName {
  const format = formatIn(site, "output_dtype", NUMBERS) ?? input(site, 1).format;
  if (NUMBERS.includes(format)) return format;
  throw nodeError(site.node, `"output_dtype" expected the type of the result where scales are ${format}, got none`);
}

const DequantizeLinear = programRow(
  (site) => {
    checkFormats(site, 0, DEQUANTIZED);
    const { format, shape } = input(site, 0);
    checkFormats(site, 2, [format]);
    grainFor(site);
    return [{ format: numbersFormat(site), shape }];
  },
  (call, y, take) => {
    const x = input(call, 0);
    const scales = parametersOf(call, { scale: 1, zero: 2 });
    const walk = chunkWalk(lengthOf(x), grainFor(call), scales, take, call.store.engine);
    return () => dequantizePlace(x, y, walk);
  },
);

/** The least and the largest finite value at a place; 0 and 0 where there is none. */
function extremesOf({ store }: Call, x: Place): [lo: number, hi: number] {
  const { kernels, arena } = store.engine;
  const at = arena.copy(Float32Array.of(Infinity, -Infinity));
  const place = writePlace(arena, grainOf([lengthOf(x)]), 0, 0, 1, [at, at + 4]);
  kernels.extremes_f32_f32(x.at, 0, lengthOf(x), place, 0, 0);
  const [lo = 0, hi = 0] = arena.view(Float32Array, at, 2);
  return lo > hi ? [0, 0] : [lo, hi];
}

const UINT8 = FORMATS.get("uint8") as CodeFormat;

/** Quantizes the finite range of float32 values to uint8 at `to`. */
export function quantizeDynamically(call: Call, x: Place, to: number): Parameters {
  const step: Step = { codes: UINT8, range: rangeOf(UINT8) };
  const parameters = affineParameters(...extremesOf(call, x), step.range, false);
  const scales = { scale: Float32Array.of(parameters.scale), zero: Int32Array.of(parameters.zero) };
  const { engine } = call.store;
  const walk = chunkWalk(lengthOf(x), grainOf(x.shape), scales, engine.arena.scratch, engine);
  quantizePlace(call.node, x, { at: to }, walk, step);
  return parameters;
}

const DynamicQuantizeLinear: Operator = {
  infer(site): Known[] {
    checkFormats(site, 0, ["float32"]);
    const one = { shape: [] };
    return [
      { format: "uint8", shape: input(site, 0).shape },
      { format: "float32", ...one },
      { format: "uint8", ...one },
    ];
  },
  compile(call) {
    const x = input(call, 0);
    const [y, scaleAt, zeroAt] = call.outputs;
    const { arena } = call.store.engine;
    return () => {
      const { scale, zero } = quantizeDynamically(call, x, y?.at ?? arena.reserve(lengthOf(x)));
      if (scaleAt) arena.write(scaleAt.at, Float32Array.of(scale));
      if (zeroAt) arena.write(zeroAt.at, Uint8Array.of(zero));
    };
  },
};

export const QUANTIZERS: Readonly<Record<string, Operator>> = {
  QuantizeLinear,
  DequantizeLinear,
  DynamicQuantizeLinear,
  "com.microsoft:QuantizeLinear": QuantizeLinear,
  "com.microsoft:DequantizeLinear": DequantizeLinear,
};

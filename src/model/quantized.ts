// What the rows of quantized operators share: operands as the kernels take them, parameters that are known beforehand or not, weights
// that are packed once.

import { checkScales, nodeError, nodeRangeError } from "../check.ts";
import { type CodeArray, FORMATS, type FormatName, type IntegerFormat } from "../formats.ts";
import { decodeCodes, type RealFormat, unpackCodes } from "../tensor/codec.ts";
import { mapAll, type Step, tabled } from "../tensor/codemap.ts";
import type { Scales } from "../tensor/grain.ts";
import type { Output, Tables } from "../tensor/multipliers.ts";
import { type Operand, operandOf } from "../tensor/operand.ts";
import { type PackedWeight, packedBy } from "../tensor/prepare.ts";
import type { Result } from "../tensor/result.ts";
import { sizeOf } from "../tensor/shape.ts";
import { tablesWith } from "../tensor/tables.ts";
import { type CodeFormat, rangeOf, type Tensor } from "../tensor/tensor.ts";
import { inMemory } from "../tensor/values.ts";
import { weightOf } from "../tensor/weight.ts";
import type { Arena, Take } from "../wasm/arena.ts";
import { SLACK } from "../wasm/heap.ts";
import type { Engine } from "../wasm/kernels.ts";
import { intOf, intsOf } from "./attributes.ts";
import { readPlace } from "./evaluate.ts";
import type { Node } from "./graph.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "./operator.ts";
import { checkFormats, input } from "./site.ts";
import { copyAlong, transposition } from "./transpose.ts";

/** Which inputs of a node are a quantized tensor: where there is no scale, or it is left out, it is 1; a zero, 0. */
export interface Quantized {
  readonly codes: number;
  readonly scale?: number;
  readonly zero?: number;
}

/** Two of them, where a node has two. */
export interface Operands {
  readonly a: Quantized;
  readonly b: Quantized;
}

/** Operands of operators that give sums: a, b, and their zeros. */
export const INTEGERS: Operands = { a: { codes: 0, zero: 2 }, b: { codes: 1, zero: 3 } };

/** Operands of operators that give codes: each with its scale and zero behind. */
export const QUANTIZED: Operands = { a: { codes: 0, scale: 1, zero: 2 }, b: { codes: 3, scale: 4, zero: 5 } };

/** Formats that scales may have. */
export const SCALE_FORMATS: readonly FormatName[] = ["float32", "float16", "bfloat16", "float8_e8m0fnu", "int32"];

/** Formats of the codes that products and functions take. */
export const BYTES: readonly FormatName[] = ["int8", "uint8"];

/** Checks what is known of an operand; its scales and zeros are one, or `count`. */
export function checkOperand(site: Site, at: Quantized, count = 1): Known {
  const { codes, scale, zero } = at;
  checkFormats(site, codes, BYTES);
  const found = input(site, codes);
  if (scale !== undefined) checkFormats(site, scale, SCALE_FORMATS);
  if (zero !== undefined) checkFormats(site, zero, [found.format]);
  for (const i of [scale, zero]) {
    const given = i === undefined ? undefined : site.inputs[i];
    if (!given || lengthOf(given) === 1 || lengthOf(given) === count) continue;
    const wanted = count === 1 ? "one number" : `one number or ${count}, one an output`;
    throw nodeError(site.node, `input ${i} expected ${wanted}, got [${given.shape}]`);
  }
  return found;
}

/** What makers of kernels' constants refuse is told as the node's. */
function asNode<R>(node: Node, work: () => R): R {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw nodeError(node, error.message);
    throw error;
  }
}

/**
 * A row that computes its one output, or its first. All inputs but some are parameters: where they are known, what is made of them
 * is made once, else whenever the node runs.
 * @param program makes what computes y, with its constants in memory that `take` gives
 * @param streams says which inputs are no parameters; default the first
 */
export function programRow(
  infer: Operator["infer"],
  program: (call: Call, y: Place, take: Take) => () => void,
  streams: (i: number) => boolean = (i) => i === 0,
): Operator {
  return {
    infer: (site) => asNode(site.node, () => infer(site)),
    compile(call) {
      const { node, inputs, store } = call;
      const [y] = call.outputs;
      if (!y) return () => {};
      const make = (take: Take) => asNode(node, () => program(call, y, take));
      if (inputs.every((place, i) => !place || place.value || streams(i))) return make((bytes) => store.keep(bytes));
      return () => make(store.engine.arena.scratch)();
    },
  };
}

/** An input's tensor: itself where it is known, else a copy of what is at its place. */
export function tensorOf(call: Call, place: Place): Tensor {
  return place.value ?? readPlace(call.store, place);
}

function scalesOf({ format, data }: Tensor): Float32Array {
  if (format === "float32") return data as Float32Array;
  if (format === "int32") return Float32Array.from(data as Int32Array);
  return decodeCodes(data as Uint16Array, FORMATS.get(format as FormatName) as RealFormat);
}

function zerosOf(node: Node, { format, data }: Tensor, length: number): Int32Array {
  const row = FORMATS.get(format as FormatName) as CodeFormat;
  const codes = row.bits < 8 ? unpackCodes(data as Uint8Array, row, length) : data;
  if (row.kind === "float" && codes.some((code: number | bigint) => code !== 0)) {
    throw nodeError(node, `zeros expected 0 for ${format}, got codes ${Array.from(codes as Uint8Array).slice(0, 8)}`);
  }
  return Int32Array.from(codes as Int32Array);
}

/** As many as `count` of one, or as they are. */
function spread<A extends Float32Array | Int32Array>(values: A, count: number): A {
  if (values.length !== 1 || count === 1) return values;
  return new (values.constructor as new (length: number) => A)(count).fill(values[0] as number) as A;
}

/** Scales and zeros of an operand, as many of both. */
export function parametersOf(call: Call, { scale, zero }: Omit<Quantized, "codes">): Scales {
  const given = (i: number | undefined) => (i === undefined ? undefined : call.inputs[i]);
  const [s, z] = [given(scale), given(zero)];
  const scales = s ? scalesOf(tensorOf(call, s)) : Float32Array.of(1);
  const zeros = z ? zerosOf(call.node, tensorOf(call, z), lengthOf(z)) : Int32Array.of(0);
  const count = Math.max(scales.length, zeros.length);
  return { scale: spread(scales, count), zero: spread(zeros, count) };
}

/** The one scale and zero of codes. */
function parameterOf(call: Call, at: Omit<Quantized, "codes">) {
  const { scale, zero } = parametersOf(call, at);
  checkScales(scale, 1);
  return { scale: scale[0] as number, zero: zero[0] as number };
}

const integerOf = ({ format }: Known) => FORMATS.get(format) as IntegerFormat;

/** An operand of a shape, its input's by default. */
export function codesOf(call: Call, at: Quantized, shape = input(call, at.codes).shape): Operand {
  return operandOf(integerOf(input(call, at.codes)), shape, parameterOf(call, at));
}

/** What the codes at a place are to be; a node's `clamp` has the least and the largest that a fused activation leaves. */
export function resultOf(call: Call, y: Place, scale: number, zero: number): Result {
  const codes = integerOf(y);
  const all = rangeOf(codes);
  const clamp = intsOf(call.node, "clamp", [all.lo, all.hi]);
  const [lo = 0, hi = 0] = clamp;
  if (clamp.length !== 2 || lo < all.lo || hi > all.hi || lo > hi) {
    throw nodeRangeError(call.node, "clamp", `two codes of ${all.lo}..${all.hi} in order`, clamp);
  }
  const arithmetic = call.arithmetic ?? "onnx";
  return { codes, ...parameterOf(call, { scale, zero }), range: { lo, hi }, arithmetic };
}

/** What the sums of a product become: codes, or float32 where y is that. */
export function outputOf(call: Call, y: Place, scale: number, zero: number): { output: Output; tables?: Tables } {
  if (y.format === "float32") return { output: y.format };
  const output = resultOf(call, y, scale, zero);
  return output.arithmetic === "onnx" ? { output } : { output, tables: tablesWith(undefined) };
}

/** The format of a quantized result: that of its zero, or the first operand's. */
export function resultFormat(site: Site, scale: number, zero: number, operand = 0): FormatName {
  checkFormats(site, scale, SCALE_FORMATS);
  checkFormats(site, zero, BYTES);
  for (const i of [scale, zero]) {
    const { shape } = site.inputs[i] ?? { shape: [] };
    if (sizeOf(shape) !== 1) throw nodeError(site.node, `input ${i} expected one number, got [${shape}]`);
  }
  return (site.inputs[zero] ?? input(site, operand)).format;
}

/** The numbers of a bias; undefined where it is left out. */
export function biasOf<A extends Int32Array | Float32Array>(call: Call, at: number): A | undefined {
  const place = call.inputs[at];
  return place && (tensorOf(call, place).data as A);
}

export function checkBias(site: Site, at: number, format: FormatName, count: number): void {
  checkFormats(site, at, [format]);
  const bias = site.inputs[at];
  if (bias && lengthOf(bias) !== count) {
    throw nodeError(site.node, `input ${at} expected ${count} numbers, one an output, got [${bias.shape}]`);
  }
}

/** What takes a step with all codes of an operand, from x to y. */
export function mapper(engine: Engine, x: Operand, { codes }: Result, step: Step, take: Take) {
  const map = tabled(engine, x, codes, step, take);
  return (from: number, to: number) => mapAll(engine, map, x.length, inMemory(from, 1).source, inMemory(to, 1).sink);
}

/** An image's channels and spatial axes, wherever its channels are, and the shape of another of the same kind. */
export function imageOf({ node }: Site, { shape }: Known) {
  if (shape.length < 3) throw nodeError(node, `expected images of three axes or more, got [${shape}]`);
  const isLast = intOf(node, "channels_last", 0) !== 0;
  const [images = 0, ...extents] = shape;
  const channels = (isLast ? extents.pop() : extents.shift()) as number;
  const shaped = (others: readonly number[], count = channels) =>
    isLast ? [images, ...others, count] : [images, count, ...others];
  return { isLast, images, channels, extents, shaped };
}

/** Extents whose last two axes are exchanged. */
export type Plane = readonly [outer: number, a: number, b: number];

/** Where bytes are with the last two axes exchanged: a copy in scratch memory, or where they were if that is the same. */
export function exchanged(engine: Engine, extents: Plane, at: number): number {
  const [outer, a, b] = extents;
  if (a <= 1 || b <= 1) return at;
  const to = engine.arena.reserve(outer * a * b + SLACK);
  copyAlong(engine, transposition(extents, [0, 2, 1], 1), at, to);
  return to;
}

/** Has values of `bytes` bytes written, and gives them to y with the last two axes exchanged. */
export function exchangedTo(
  engine: Engine,
  extents: Plane,
  bytes: number,
  y: number,
  write: (to: number) => void,
): void {
  const [outer, a, b] = extents;
  if (a <= 1 || b <= 1) {
    write(y);
    return;
  }
  const from = engine.arena.reserve(outer * a * b * bytes);
  write(from);
  copyAlong(engine, transposition(extents, [0, 2, 1], bytes), from, y);
}

/** How codes become weights: `count` of them, one behind the other, of a shape with the outputs first. */
export interface Arrangement {
  readonly shape: readonly number[];
  readonly groups?: number;
  readonly count?: number;
  /** What one is before its last two axes are exchanged; absent: it is as it is to be. */
  readonly from?: Plane;
}

/** The weights of a product: packed once where they are known, else into memory that `take` gives. */
export function weightsOf(call: Call, at: Quantized, arrangement: Arrangement, take: Take): PackedWeight[] {
  const { node, store } = call;
  const { engine } = store;
  const place = input(call, at.codes);
  const { shape, groups = 1, count = 1, from } = arrangement;
  const { value } = place;
  const size = sizeOf(shape);
  const make = (to: Take) => {
    const parameters = parametersOf(call, at);
    checkScales(parameters.scale, parameters.scale.length);
    const first = value ? 0 : place.at;
    return Array.from({ length: count }, (_, i) => {
      const pointer = (arena: Arena) =>
        value ? arena.copy((value.data as CodeArray).subarray(i * size, (i + 1) * size)) : first + i * size;
      const codes = (arena: Arena) => (from ? exchanged(engine, from, pointer(arena)) : pointer(arena));
      return packedBy(engine, weightOf(integerOf(place), shape, groups, parameters, codes), to);
    });
  };
  const parameters = [at.scale, at.zero].filter((i) => i !== undefined && call.inputs[i]) as number[];
  if (!value || !parameters.every((i) => call.inputs[i]?.value)) return make(take);
  const names = parameters.map((i) => node.inputs[i]);
  return store.once(value, JSON.stringify([arrangement, at, names]), (keeper) => make((bytes) => keeper.keep(bytes)));
}

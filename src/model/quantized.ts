// What the rows of quantized operators share: operands as the array functions take them, parameters that are known beforehand or
// not, weights that are packed once.

import { nodeError } from "../check.ts";
import { type CodeArray, FORMATS, type FormatName } from "../formats.ts";
import { decode, unpack } from "../tensor/codec.ts";
import type { Scales } from "../tensor/grain.ts";
import { type PreparedWeight, prepare } from "../tensor/prepare.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { QTensor, Tensor, TensorArray } from "../tensor/tensor.ts";
import type { Node } from "./graph.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, readOf, type Site } from "./operator.ts";
import { checkFormats, input } from "./site.ts";
import { copyAlong, transposition } from "./transpose.ts";

/** Which inputs of a node are a quantized tensor: where there is no scale, or it is left out, it is 1; a zero, 0. */
export interface Operand {
  readonly codes: number;
  readonly scale?: number;
  readonly zero?: number;
}

/** Two of them, where a node has two. */
export interface Operands {
  readonly a: Operand;
  readonly b: Operand;
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
export function checkOperand(site: Site, at: Operand, count = 1): Known {
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

/** Runs array functions; what they refuse is told as the node's. */
function asNode<R>(node: Node, work: () => R): R {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw nodeError(node, error.message);
    throw error;
  }
}

/** [outer, a, b] with its two last axes exchanged: [outer, b, a]. */
export function exchanged<A extends CodeArray>(
  { store: { engine } }: Call,
  data: A,
  outer: number,
  a: number,
  b: number,
): A {
  const { arena } = engine;
  const moved = data.slice() as A;
  if (a <= 1 || b <= 1) return moved;
  arena.scope(() => {
    const to = arena.reserve(data.byteLength);
    const walk = transposition([outer, a, b], [0, 2, 1], data.BYTES_PER_ELEMENT);
    copyAlong(engine, walk, arena.copy(data), to);
    arena.read(to, moved);
  });
  return moved;
}

/** A row that computes the data of its one output with array functions. */
export function arrayRow(infer: Operator["infer"], compute: (call: Call) => () => TensorArray): Operator {
  return {
    infer: (site) => asNode(site.node, () => infer(site)),
    compile(call) {
      const run = asNode(call.node, () => compute(call));
      const [y] = call.outputs;
      return () => {
        const data = asNode(call.node, run);
        if (y) call.store.engine.arena.write(y.at, data);
      };
    },
  };
}

/** An input's tensor: itself where it is known, else a copy of what is at its place. */
export function tensorOf(call: Call, place: Place): Tensor {
  return place.value ?? readOf(call, place);
}

/** Whether inputs, where they are there, are known beforehand. */
export function areKnown(call: Call, inputs: readonly (number | undefined)[]): boolean {
  return inputs.every((i) => i === undefined || !call.inputs[i] || call.inputs[i].value);
}

/** What is made of inputs: once where they are known, else whenever it is asked for. */
export function derived<T>(call: Call, inputs: readonly (number | undefined)[], make: () => T): () => T {
  if (!areKnown(call, inputs)) return make;
  const made = make();
  return () => made;
}

function scalesOf({ format, data }: Tensor): Float32Array {
  if (format === "float32") return data as Float32Array;
  return format === "int32" ? Float32Array.from(data as Int32Array) : decode(data as Uint16Array, format);
}

function zerosOf(node: Node, { format, data }: Tensor, length: number): Int32Array {
  const row = FORMATS.get(format as FormatName);
  const codes = row?.kind !== "block" && row && row.bits < 8 ? unpack(data as Uint8Array, format, { length }) : data;
  if (row?.kind === "float" && codes.some((code: number | bigint) => code !== 0)) {
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
export function parametersOf(call: Call, { scale, zero }: Omit<Operand, "codes">): Scales {
  const given = (i: number | undefined) => (i === undefined ? undefined : call.inputs[i]);
  const [s, z] = [given(scale), given(zero)];
  const scales = s ? scalesOf(tensorOf(call, s)) : Float32Array.of(1);
  const zeros = z ? zerosOf(call.node, tensorOf(call, z), lengthOf(z)) : Int32Array.of(0);
  const count = Math.max(scales.length, zeros.length);
  return { scale: spread(scales, count), zero: spread(zeros, count) };
}

/** An operand with one scale and zero, read when it is asked for. */
export function operandOf(call: Call, at: Operand): () => QTensor {
  const place = input(call, at.codes);
  const parameters = derived(call, [at.scale, at.zero], () => parametersOf(call, at));
  return () => ({ ...tensorOf(call, place), ...parameters() }) as QTensor;
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

/** What a quantized result is, as options of the array functions. */
export interface ResultParameters extends Scales {
  readonly format: "int8" | "uint8";
}

/** Format, scale and zero of the first output. */
export function resultOf(call: Call, scale: number, zero: number): () => ResultParameters {
  const format = call.outputs[0]?.format as "int8";
  return derived(call, [scale, zero], () => ({ format, ...parametersOf(call, { scale, zero }) }));
}

/** A bias, where there is one, as an option. */
export function biasOf<A extends Int32Array | Float32Array>(call: Call, at: number): () => { bias?: A } {
  const place = call.inputs[at];
  return derived(call, [at], () => (place ? { bias: tensorOf(call, place).data as A } : {}));
}

export function checkBias(site: Site, at: number, format: FormatName, count: number): void {
  checkFormats(site, at, [format]);
  const bias = site.inputs[at];
  if (bias && lengthOf(bias) !== count) {
    throw nodeError(site.node, `input ${at} expected ${count} numbers, one an output, got [${bias.shape}]`);
  }
}

/** How a weight meets a product: outputs first, what is summed last. */
export interface Arranged {
  readonly weight: Tensor;
  /** The axis of the outputs. */
  readonly axis: number;
}

/**
 * The weight of a product: packed once where it is known, else arranged anew whenever it is asked for.
 * @param form a name of what `arrange` does
 */
export function weightOf(
  call: Call,
  at: Operand,
  form: string,
  arrange: (w: Tensor) => Arranged,
  groups = 1,
): () => QTensor | PreparedWeight {
  const { node, store } = call;
  const place = input(call, at.codes);
  const make = (): { w: QTensor; axis: number } => {
    const { weight, axis } = arrange(tensorOf(call, place));
    const parameters = parametersOf(call, at);
    return { w: { ...weight, ...parameters, ...(parameters.scale.length !== 1 && { axis }) } as QTensor, axis };
  };
  const { codes, scale, zero } = at;
  if (!place.value || !areKnown(call, [codes, scale, zero])) return () => make().w;
  const names = [scale, zero].map((i) => (i === undefined ? "" : node.inputs[i]));
  const weight = store.once(place.value, JSON.stringify(["weight", form, ...names]), () => {
    const { w, axis } = make();
    // a batch of matrices is packed matrix by matrix
    return axis === 0 ? store.own(prepare(w, { groups })) : w;
  });
  return () => weight;
}

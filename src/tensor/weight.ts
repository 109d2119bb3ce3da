// Weights of matrix products and convolutions: checked, and packed as the kernels read them (assembly/gemm.ts, depthwise.ts).

import { checkInteger, checkWord, rangeError } from "../check.ts";
import type { IntegerFormat } from "../formats.ts";
import type { Arena } from "../wasm/arena.ts";
import type { Engine } from "../wasm/kernels.ts";
import { unpack } from "./codec.ts";
import type { Scales } from "./grain.ts";
import { sizeOf } from "./shape.ts";
import { checkTensor, type QTensor } from "./tensor.ts";

/** How weights are packed: panels of bytes or int16, or for depthwise kernels with four taps of bytes or two of int16. */
export type Packing = "bytes" | "words" | "depthwise-bytes" | "depthwise-words";

/** What a weight is, whether packed or not. */
export interface Weight {
  readonly shape: readonly number[];
  readonly groups: number;
  /** Outputs in all. */
  readonly columns: number;
  /** Values that one output meets. */
  readonly length: number;
  readonly signed: boolean;
  /** One a column, or one for all. */
  readonly scale: Float32Array;
  /** One a column. */
  readonly zero: Int32Array;
  /** Whether the zeros of the signed bytes are 0 (those of unsigned codes 128). */
  readonly symmetric: boolean;
  /** Pointer to the codes, a byte each, good in the current scope. */
  codes(arena: Arena): number;
}

/** A weight whose codes are in an array. */
export interface ArrayWeight extends Weight {
  /** A byte each. */
  readonly bytes: Uint8Array;
}

/** What follows from a weight's codes: for each column the sum of code - zero, and of its magnitude. */
export interface Sums {
  readonly sum: Int32Array;
  readonly size: Int32Array;
}

const FORMATS = ["int8", "uint8", "int4", "uint4"];

/** The first length whose sums could overflow the int32 that they are taken in. */
const LONGEST = 2 ** 23;

/** The weight of some codes, outputs first; scale and zero are one, or one an output. */
export function weightOf(
  { signed }: IntegerFormat,
  shape: readonly number[],
  groups: number,
  { scale, zero: zeros }: Scales,
  codes: (arena: Arena) => number,
): Weight {
  const [columns = 0, ...rest] = shape;
  const length = sizeOf(rest);
  if (length >= LONGEST) throw rangeError("w.shape", `less than ${LONGEST} values an output`, shape);
  const zero = zeros.length === 1 ? new Int32Array(columns).fill(zeros[0] as number) : zeros;
  const middle = signed ? 0 : 128;
  const symmetric = zeros.every((each) => each === middle);
  return { shape, groups, columns, length, signed, scale, zero, symmetric, codes };
}

/** Checks a weight of one scale and zero, or one of each per output (its first axis). */
export function checkWeight(w: QTensor, groups: number): ArrayWeight {
  const { codes, row } = checkTensor(w, "w");
  checkWord(row.name, FORMATS, "w.format");
  if (w.shape.length < 2)
    throw rangeError("w.shape", "[outputs, inputs] or [outputs, height, width, channels]", w.shape);
  if (w.block !== undefined) throw rangeError("w.block", "no blocks for this operator", w.block);
  if (w.axis !== undefined && w.axis !== 0) throw rangeError("w.axis", "0, the outputs, or none", w.axis);
  const columns = w.shape[0] as number;
  checkInteger(groups, 1, Math.max(columns, 1), "groups");
  if (groups > 1 && w.shape.length === 2) throw rangeError("groups", "1 for a matrix", groups);
  if (columns % groups !== 0) throw rangeError("groups", `a divisor of the ${columns} outputs of "w"`, groups);
  const { shape } = w;
  const data = codes.bits < 8 ? unpack(w.data as Uint8Array, codes.name as "int4", { length: sizeOf(shape) }) : w.data;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { ...weightOf(codes as IntegerFormat, shape, groups, w, (arena) => arena.copy(bytes)), bytes };
}

/** Sums of a weight's columns. */
export function sumsOf({ kernels, arena }: Engine, w: Weight): Sums {
  const [sum, size] = [new Int32Array(w.columns), new Int32Array(w.columns)];
  arena.scope(() => {
    const sums = arena.reserve(w.columns * 4);
    const sizes = arena.reserve(w.columns * 4);
    kernels.sum_i8_i32(w.codes(arena), arena.copy(w.zero), sums, sizes, w.columns, w.length, +w.signed);
    arena.read(sums, sum);
    arena.read(sizes, size);
  });
  return { sum, size };
}

/** Whether weights are exclusive-or-ed with this to be signed bytes. */
function maskOf({ signed }: Weight): number {
  return signed ? 0 : 0x80;
}

/** The zeros of a weight's signed bytes. */
export function signedZeros(w: Weight): Int32Array {
  return w.signed ? w.zero : w.zero.map((zero) => zero - 128);
}

/** Whether every output meets one channel: a depthwise convolution. */
export function isDepthwise({ groups, shape }: Weight): boolean {
  return groups > 1 && shape.at(-1) === 1;
}

/** How a weight is packed to meet activations of 8 bits. */
export function preferredPacking({ dot }: Engine, w: Weight): Packing {
  if (!isDepthwise(w)) return dot ? "bytes" : "words";
  // a channel's bytes are not summed: only weights without zeros need no sums
  return dot && w.symmetric ? "depthwise-bytes" : "depthwise-words";
}

const DEPTHWISE_TAPS = { "depthwise-bytes": 4, "depthwise-words": 2 };

/** Taps of a group in a depthwise packing. */
export function depthwiseTaps(packing: "depthwise-bytes" | "depthwise-words"): number {
  return DEPTHWISE_TAPS[packing];
}

/** Bytes of one group's panels. */
export function panelBytes(w: Weight, packing: "bytes" | "words"): number {
  const steps = Math.ceil(w.length / (packing === "bytes" ? 4 : 2));
  return Math.ceil(w.columns / w.groups / 8) * steps * 32;
}

/**
 * Whether groups of taps are columns of the kernel: of the most frequent one, 3 x 3 with an output a channel, in bytes (depthwise.ts).
 */
export function byColumns({ shape, columns, groups }: Weight, packing: Packing): boolean {
  const [height, width] = shape.slice(-3);
  const isSquare = height === 3 && width === 3 && shape.length === 4;
  return packing === "depthwise-bytes" && isSquare && columns === groups;
}

/** Bytes of a weight's packed form. */
export function packedBytes(w: Weight, packing: Packing): number {
  if (packing === "bytes" || packing === "words") return w.groups * panelBytes(w, packing);
  return Math.ceil(w.columns / 16) * Math.ceil(w.length / DEPTHWISE_TAPS[packing]) * 64;
}

/** Packs a weight to `to`. */
export function pack({ kernels: k, arena }: Engine, w: Weight, packing: Packing, to: number): void {
  arena.scope(() => {
    const from = w.codes(arena);
    const zeros = arena.copy(w.zero);
    if (packing !== "bytes" && packing !== "words") {
      const lines = byColumns(w, packing) ? 3 : 0;
      const taps = DEPTHWISE_TAPS[packing];
      k.pack_i8_depthwise(from, zeros, to, w.columns, w.length, taps, lines, maskOf(w), +w.signed);
      return;
    }
    const columns = w.columns / w.groups;
    const bytes = panelBytes(w, packing);
    for (let g = 0; g < w.groups; g++) {
      const [source, target] = [from + g * columns * w.length, to + g * bytes];
      if (packing === "bytes") k.pack_i8_i8_panels(source, target, columns, w.length, maskOf(w));
      else k.pack_i8_i16_panels(source, zeros + g * columns * 4, target, columns, w.length, +w.signed);
    }
  });
}

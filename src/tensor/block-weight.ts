// Weights whose blocks along k have a scale and zero each: checked, and packed as assembly/blockpanels.ts reads them.

import { checkWord, rangeError } from "../check.ts";
import type { IntegerFormat } from "../formats.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import { unpack } from "./codec.ts";
import { checkTensor, type QTensor } from "./tensor.ts";

/** A checked weight [n, k] of integers of 8 bits at most. */
export interface BlockWeight {
  readonly n: number;
  readonly k: number;
  /** Values of a block; the last of a row may have fewer. */
  readonly block: number;
  readonly bits: number;
  readonly signed: boolean;
  /** Of shape [n, ceil(k / block)]. */
  readonly scale: Float32Array;
  readonly zero: Int32Array;
  /** Codes, packed where they have less than 8 bits. */
  readonly bytes: Uint8Array;
}

/** A weight's panels in memory. */
export interface BlockPanels {
  readonly engine: Engine;
  readonly weight: BlockWeight;
  readonly at: number;
}

const FORMATS = ["int2", "uint2", "int4", "uint4", "int8", "uint8"];

/** Checks a weight with blocks along its last axis. */
export function checkBlockWeight(w: QTensor): BlockWeight {
  const { row, codes } = checkTensor(w, "w");
  checkWord(row.name, FORMATS, "w.format");
  if (w.shape.length !== 2) throw rangeError("w.shape", "[n, k]", w.shape);
  if (w.block === undefined) throw rangeError("w.block", "the values of a block", w.block);
  if (w.axis !== undefined && w.axis !== 1)
    throw rangeError("w.axis", "1, along which blocks are cut, or none", w.axis);
  const [n = 0, k = 0] = w.shape;
  const { data, scale, zero } = w;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return {
    n,
    k,
    block: Math.min(w.block, Math.max(k, 1)),
    bits: codes.bits,
    signed: (codes as IntegerFormat).signed,
    scale,
    zero,
    bytes,
  };
}

/** Columns of a panel. */
const COLUMNS = 4;

/** Bytes of a weight's panels. */
export function blockPanelBytes({ kernels }: Engine, { n, k, block, bits }: BlockWeight): number {
  return Math.ceil(n / COLUMNS) * kernels.bytes_panel(k, block, bits);
}

/** Packs a weight's panels to `to`. */
export function packBlockPanels({ kernels, arena }: Engine, w: BlockWeight, to: number): void {
  const { n, k, block, bits, signed } = w;
  arena.scope(() => {
    const sources = [arena.copy(w.bytes), arena.copy(w.scale), arena.copy(w.zero)] as const;
    const scratch = arena.reserve(bits < 8 ? COLUMNS * k : 0);
    kernels.pack_panels(...sources, to, scratch, n, k, block, bits, signed ? 2 ** (bits - 1) : 0);
  });
}

/** The sum of |code - zero| over each block. */
export function blockSizes(w: BlockWeight): Int32Array {
  const { kernels, arena } = engine();
  const { n, k, block, bits, signed, zero } = w;
  const format = `${signed ? "" : "u"}int${bits}` as "int4";
  const codes = bits < 8 ? unpack(w.bytes, format, { length: n * k }) : w.bytes;
  const sizes = new Int32Array(zero.length);
  arena.scope(() => {
    const [from, zeros] = [arena.copy(codes), arena.copy(zero)];
    const [sums, to] = [arena.reserve(zero.byteLength), arena.reserve(zero.byteLength)];
    const sum = (row: number, at: number, columns: number, length: number) => {
      const first = (row * Math.ceil(k / block) + at / block) * 4;
      kernels.sum_i8_i32(from + row * k + at, zeros + first, sums + first, to + first, columns, length, +signed);
    };
    const whole = Math.floor(k / block);
    for (let row = 0; row < n; row++) {
      sum(row, 0, whole, block);
      if (whole * block < k) sum(row, whole * block, 1, k - whole * block);
    }
    arena.read(to, sizes);
  });
  return sizes;
}

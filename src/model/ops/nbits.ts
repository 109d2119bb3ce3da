// onnxruntime's MatMulNBits: float32 activations times weights of 2, 4 or 8 bits, with a scale and a zero for every block of k
// (docs/math.md, equation 77).

import { checkScales, nodeError } from "../../check.ts";
import { FORMATS, type FormatName, type IntegerFormat } from "../../formats.ts";
import { multiplyPanels } from "../../tensor/block-matmul.ts";
import type { BlockPanels, BlockWeight } from "../../tensor/block-weight.ts";
import { packCodes, unpackCodes } from "../../tensor/codec.ts";
import { panelsBy } from "../../tensor/prepare.ts";
import { inMemory } from "../../tensor/values.ts";
import type { Take } from "../../wasm/arena.ts";
import { intOf } from "../attributes.ts";
import { combiner } from "../float.ts";
import { inFloat32 } from "../float-row.ts";
import { type Call, lengthOf, type Operator, type Site } from "../operator.ts";
import { biasOf, checkBias, programRow, tensorOf } from "../quantized.ts";
import { checkFormats, input } from "../site.ts";

const NUMBERS: readonly FormatName[] = ["float32", "float16", "bfloat16"];

/** The extents of a weight [n, k]: blocks of a row, and bits of a code. */
interface Extents {
  readonly n: number;
  readonly k: number;
  readonly block: number;
  readonly blocks: number;
  readonly bits: 2 | 4 | 8;
}

function extentsOf(site: Site): Extents {
  const { node } = site;
  const [n, k, block, bits] = ["N", "K", "block_size", "bits"].map((name) => {
    const value = intOf(node, name, name === "bits" ? 4 : undefined);
    if (value !== undefined && value >= 1 && value < 2 ** 31) return value;
    throw nodeError(node, `"${name}" expected a positive integer, got ${value}`);
  }) as [number, number, number, 2 | 4 | 8];
  if (![2, 4, 8].includes(bits)) throw nodeError(node, `"bits" expected 2, 4 or 8, got ${bits}`);
  if (block % 16 !== 0) throw nodeError(node, `"block_size" expected a multiple of 16, got ${block}`);
  return { n, k, block, blocks: Math.ceil(k / block), bits };
}

/** Checks how many values an input has; zeros may be left out. */
function checkLength(site: Site, i: number, wanted: number, what: string): void {
  const found = i < 3 ? input(site, i) : site.inputs[i];
  if (!found || lengthOf(found) === wanted) return;
  throw nodeError(site.node, `input ${i} expected ${wanted} values, ${what}, got [${found.shape}]`);
}

function check(site: Site): Extents {
  const { node, inputs } = site;
  const extents = extentsOf(site);
  const { n, k, block, blocks, bits } = extents;
  const { format, shape } = input(site, 0);
  checkFormats(site, 0, NUMBERS);
  checkFormats(site, 1, ["uint8"]);
  checkFormats(site, 2, [format]);
  checkFormats(site, 3, ["uint8", format]);
  if (shape.at(-1) !== k) throw nodeError(node, `expected activations [..., ${k}], got [${shape}]`);
  if (inputs[4]) throw nodeError(node, `expected no input 4: groups by "g_idx" are not supported`);
  checkLength(site, 1, (n * blocks * block * bits) / 8, `the codes of ${n} rows of ${blocks} blocks`);
  checkLength(site, 2, n * blocks, `a scale for each of ${n} x ${blocks} blocks`);
  const zeros = inputs[3]?.format === "uint8" ? n * Math.ceil((blocks * bits) / 8) : n * blocks;
  checkLength(site, 3, zeros, `the zeros of ${n} x ${blocks} blocks`);
  checkBias(site, 5, format, n);
  return extents;
}

/** The first `length` codes of each of `n` rows of whole bytes. */
function codesOf(bytes: Uint8Array, n: number, length: number, bits: number): Uint8Array {
  const all =
    bits === 8
      ? bytes
      : (unpackCodes(
          bytes,
          FORMATS.get(`uint${bits}` as "uint4") as IntegerFormat,
          (bytes.length * 8) / bits,
        ) as Uint8Array);
  const row = all.length / n;
  if (row === length) return all.slice();
  const codes = new Uint8Array(n * length);
  for (let i = 0; i < n; i++) codes.set(all.subarray(i * row, i * row + length), i * length);
  return codes;
}

/** The zeros of blocks as real numbers. */
function zerosOf(call: Call, { n, blocks, bits }: Extents): ArrayLike<number> {
  const place = call.inputs[3];
  if (!place) return new Uint8Array(n * blocks).fill(2 ** (bits - 1));
  const { data } = tensorOf(call, place);
  return place.format === "uint8" ? codesOf(data as Uint8Array, n, blocks, bits) : (data as Float32Array);
}

/** Calls `each` with the number of a block, and where its codes are. */
function eachBlock({ n, k, block, blocks }: Extents, each: (index: number, from: number, till: number) => void): void {
  for (let row = 0; row < n; row++) {
    for (let i = 0; i < blocks; i++)
      each(row * blocks + i, row * k + i * block, row * k + Math.min((i + 1) * block, k));
  }
}

/** A weight whose codes have `bits` bits. */
function weightOf(
  { n, k, block, bits }: Extents,
  codes: Uint8Array,
  scale: Float32Array,
  zero: Int32Array,
): BlockWeight {
  const bytes = bits === 8 ? codes : packCodes(codes, bits);
  checkScales(scale, scale.length);
  return { n, k, block: Math.min(block, k), bits, signed: false, scale, zero, bytes };
}

/**
 * A weight with positive scales and integer zeros: (q - z) s is ((2^bits - 1 - q) - (2^bits - 1 - z)) (-s), and any code is its own zero
 * where s is 0.
 */
function integerPart(extents: Extents, given: Uint8Array, scales: Float32Array, zeros: Int32Array): BlockWeight {
  const most = 2 ** extents.bits - 1;
  const [codes, scale, zero] = [given.slice(), scales.slice(), zeros.slice()];
  eachBlock(extents, (i, from, till) => {
    if (scales[i] === 0) {
      scale[i] = 1;
      codes.fill(zero[i] as number, from, till);
    } else if ((scales[i] as number) < 0) {
      scale[i] = -(scales[i] as number);
      zero[i] = most - (zeros[i] as number);
      for (let at = from; at < till; at++) codes[at] = most - (given[at] as number);
    }
  });
  return weightOf(extents, codes, scale, zero);
}

/** What is left of zeros beside integers, as a weight of one code a block: -(rest s), as 1 - 0 or 0 - 1 times a scale. */
function fractionalPart(extents: Extents, scales: Float32Array, rests: Float32Array): BlockWeight {
  const codes = new Uint8Array(extents.n * extents.k);
  const zero = new Int32Array(scales.length);
  const scale = new Float32Array(scales.length).fill(1);
  eachBlock(extents, (i, from, till) => {
    const offset = -Math.fround((rests[i] as number) * (scales[i] as number));
    if (offset === 0) return;
    scale[i] = Math.abs(offset);
    if (offset > 0) codes.fill(1, from, till);
    else zero[i] = 1;
  });
  return weightOf(extents, codes, scale, zero);
}

/** The weights that the activations are multiplied by, and whose products are added: one, or two where zeros are no codes. */
function weightsOf(call: Call, extents: Extents): BlockWeight[] {
  const { n, k, bits } = extents;
  const codes = codesOf(tensorOf(call, input(call, 1)).data as Uint8Array, n, k, bits);
  const scales = tensorOf(call, input(call, 2)).data as Float32Array;
  const real = zerosOf(call, extents);
  const zeros = Int32Array.from(real, (zero) => Math.min(Math.max(Math.round(zero), 0), 2 ** bits - 1));
  const rests = Float32Array.from(real, (zero, i) => zero - (zeros[i] as number));
  const whole = integerPart(extents, codes, scales, zeros);
  return rests.every((rest) => rest === 0) ? [whole] : [whole, fractionalPart(extents, scales, rests)];
}

/** The weights, packed once where they are known, else into memory that `take` gives. */
function packedWeights(call: Call, extents: Extents, take: Take): BlockPanels[] {
  const { node, store, inputs } = call;
  const make = (to: Take) => weightsOf(call, extents).map((weight) => panelsBy(store.engine, weight, to));
  const codes = inputs[1]?.value;
  if (!codes || inputs.slice(2, 4).some((place) => place && !place.value)) return make(take);
  const form = JSON.stringify(["blocks", extents, node.inputs.slice(2, 4)]);
  return store.once(codes, form, (keeper) => make((bytes) => keeper.keep(bytes)));
}

const MatMulNBits = programRow(
  (site) => {
    const { n } = check(site);
    const { format, shape } = input(site, 0);
    return [{ format, shape: [...shape.slice(0, -1), n] }];
  },
  (call, y, take) => {
    const { store } = call;
    const { arena } = store.engine;
    const extents = check(call);
    const [whole, rest] = packedWeights(call, extents, take) as [BlockPanels, BlockPanels?];
    const [x, length, bias] = [input(call, 0), lengthOf(y), biasOf<Float32Array>(call, 5)];
    const offsets = bias ? arena.copy(bias, take) : 0;
    const multiply = (w: BlockPanels, offsets: number, to: number) => {
      const rows = { m: lengthOf(x) / extents.k, operand: undefined, source: inMemory(x.at, 4).source };
      multiplyPanels(rows, w, offsets, inMemory(to, 4).sink);
    };
    const add = combiner(store, "OPERATION_ADD", [length], [length], [length]);
    return () => {
      multiply(whole, offsets, y.at);
      if (!rest) return;
      const more = arena.reserve(length * 4);
      multiply(rest, 0, more);
      add(y.at, more, y.at);
    };
  },
);

export const BLOCK_PRODUCTS: Readonly<Record<string, Operator>> = {
  "com.microsoft:MatMulNBits": inFloat32(MatMulNBits),
};

// Products of matrices with constant weights: their matrix, and onnxruntime's product with a scale for each block of weights.

import { checkWord } from "../check.ts";
import { intOf } from "../model/attributes.ts";
import { type Constant, makeNode, type Node } from "../model/graph.ts";
import { isPlain } from "../model/quantizable.ts";
import { packCodes } from "../tensor/codec.ts";
import type { QTensor } from "../tensor/tensor.ts";
import { type Draft, quantizeConstant } from "./draft.ts";
import type { WeightScheme } from "./scheme.ts";

/** The constant weight of a node. */
export interface Weight {
  readonly name: string;
  readonly constant: Constant;
  readonly scheme: WeightScheme;
  /** The axis of output channels that have a scale each. */
  readonly axis: number | undefined;
}

/** How a weight becomes codes, without what its scales are for. */
export function codesOf({ perChannel: _, block: __, ...options }: WeightScheme, axis?: number) {
  return axis === undefined ? options : { ...options, axis };
}

/** Whether a node is a product of matrices x w, w having two axes, to which no more than a bias is added. */
export function isProduct(node: Node, { shape, data }: Constant): boolean {
  if (node.domain !== "" || shape.length !== 2 || data.length === 0) return false;
  return node.op === "MatMul" || (node.op === "Gemm" && isPlain(node) && intOf(node, "transA", 0) === 0);
}

/** A matrix with its rows as columns. */
export function turned({ shape, data, ...others }: Constant): Constant {
  const [rows, columns] = shape as readonly [number, number];
  const result = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j] as number;
  return { ...others, shape: [columns, rows], data: result };
}

/** Whether the weight of a product is [n, k], and not [k, n]. */
export function isTurned(node: Node): boolean {
  return intOf(node, "transB", 0) !== 0;
}

/** Rows with zeros behind them, so that each has a length. */
function padded<A extends Float32Array | Uint8Array>(rows: A, n: number, length: number): A {
  const own = rows.length / n;
  if (own === length) return rows;
  const result = new (rows.constructor as new (length: number) => A)(n * length);
  for (let i = 0; i < n; i++) result.set(rows.subarray(i * own, (i + 1) * own), i * length);
  return result;
}

const BLOCKS = ["16", "32", "64", "128", "256"];
const FORMATS = ["int4", "uint4", "int8", "uint8"] as const;

/** Codes as unsigned ones of so many bits; the zeros of their blocks, where they are not in the middle. */
function unsigned({ format, data, zero }: QTensor, n: number, bits: 4 | 8): [codes: Uint8Array, zeros?: Uint8Array] {
  const middle = 2 ** (bits - 1);
  const offset = format === `int${bits}` ? middle : 0;
  const codes = Uint8Array.from(data, (code) => code ^ (bits === 4 ? offset * 0x11 : offset));
  const zeros = Uint8Array.from(zero, (each) => each + offset);
  if (zeros.every((each) => each === middle)) return [codes];
  if (bits === 8) return [codes, zeros];
  const blocks = zeros.length / n;
  return [codes, packCodes(padded(zeros, n, blocks + (blocks % 2)), bits)];
}

/** How the weight of a product is cut into blocks. */
interface Cut {
  readonly n: number;
  readonly k: number;
  readonly block: number;
  readonly bits: 4 | 8;
}

/** The names of a weight's codes, its scales and its zeros. */
function namesOf(draft: Draft, node: Node, { name, constant, scheme }: Weight, { n, k, block, bits }: Cut) {
  const { data } = isTurned(node) ? constant : turned(constant);
  const blocks = Math.ceil(k / block);
  const rows = { ...constant, shape: [n, blocks * block], data: padded(data as Float32Array, n, blocks * block) };
  const quantized = quantizeConstant(name, rows, { ...codesOf(scheme), block });
  const [codes, zeros] = unsigned(quantized, n, bits);
  return [
    draft.add(`${name}_Q${bits}`, { format: "uint8", shape: [n, blocks, (block * bits) / 8], data: codes }),
    draft.addConstant(`${name}_scales`, quantized.scale, [n * blocks]),
    ...(zeros ? [draft.add(`${name}_zero_points`, { format: "uint8", shape: [zeros.length], data: zeros })] : []),
  ];
}

/** Writes a product with a scale for each block of weights along k. */
export function writeBlocks(draft: Draft, node: Node, weight: Weight): void {
  const { block = 0, format } = weight.scheme;
  checkWord(`${block}`, BLOCKS, "weights.block");
  const bits = checkWord(format as "int4", FORMATS, "weights.format").endsWith("4") ? 4 : 8;
  const { shape } = weight.constant;
  const [k, n] = (isTurned(node) ? [shape[1], shape[0]] : shape) as [number, number];
  const key = JSON.stringify(["blocks", weight.name, weight.scheme, isTurned(node)]);
  const names = draft.once(key, () => namesOf(draft, node, weight, { n, k, block, bits }));
  const numbers = Object.entries({ K: k, N: n, bits, block_size: block });
  const attributes = Object.fromEntries(numbers.map(([name, value]) => [name, BigInt(value)]));
  const [x = "", , bias] = node.inputs;
  const [y = ""] = node.outputs;
  const product = bias ? draft.freshName(`${y}_MatMulNBits_Output`) : y;
  draft.keep(makeNode("MatMulNBits", [x, ...names], [product], attributes, "com.microsoft"));
  if (bias) draft.keep(makeNode("Add", [product, bias], [y]));
}

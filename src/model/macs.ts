// How many multiplications with addition a node takes: those of products, convolutions and recurrences.

import { sizeOf } from "../tensor/shape.ts";
import { intOf } from "./attributes.ts";
import type { Node } from "./graph.ts";
import type { Known } from "./operator.ts";
import { operatorName } from "./ops/index.ts";

/** The shapes at a node. */
interface Shaped {
  readonly node: Node;
  readonly inputs: readonly (readonly number[] | undefined)[];
  readonly output: readonly number[];
}

/** Multiplications of a node; NaN where a shape that they follow from is unknown. */
type Work = (shaped: Shaped) => number;

/** Every output is a sum over what one output's kernel holds. */
function convolution(weight: number): Work {
  return ({ inputs, output }) => {
    const shape = inputs[weight] ?? [];
    return (sizeOf(output) * sizeOf(shape)) / (shape[0] ?? Number.NaN);
  };
}

/** Every input goes through what one input's kernel holds. */
const transposedConvolution: Work = ({ inputs: [x = [], weight = []] }) =>
  (sizeOf(x) * sizeOf(weight)) / (weight[0] ?? Number.NaN);

/** Every output is a sum over the last axis of the left side, or the one before it where that is transposed. */
const product: Work = ({ node, inputs: [a = []], output }) =>
  sizeOf(output) * (a.at(intOf(node, "transA", 0) ? -2 : -1) ?? Number.NaN);

/** Every step of every sequence goes through both weights. */
const recurrence: Work = ({ inputs: [x = [], weight = [], recurrent = []] }) =>
  (x[0] ?? Number.NaN) * (x[1] ?? Number.NaN) * (sizeOf(weight) + sizeOf(recurrent));

/** Operators whose work is a product. */
const PRODUCTS = [
  "MatMul",
  "Gemm",
  "MatMulInteger",
  "QLinearMatMul",
  "com.microsoft:FusedMatMul",
  "com.microsoft:FusedMatMulActivation",
  "com.microsoft:FusedGemm",
  "com.microsoft:QGemm",
  "com.microsoft:DynamicQuantizeMatMul",
  "com.microsoft:MatMulIntegerToFloat",
  "com.microsoft:MatMulNBits",
];

const WORK: ReadonlyMap<string, Work> = new Map([
  ["Conv", convolution(1)],
  ["com.microsoft:FusedConv", convolution(1)],
  ["ConvInteger", convolution(1)],
  ["QLinearConv", convolution(3)],
  ["ConvTranspose", transposedConvolution],
  ...PRODUCTS.map((name) => [name, product] as const),
  ["LSTM", recurrence],
  ["GRU", recurrence],
  ["RNN", recurrence],
]);

/** Multiplications of a node: 0 for operators whose work is none; undefined where shapes are unknown. */
export function macsOf(node: Node, known: ReadonlyMap<string, Known>): number | undefined {
  const work = WORK.get(operatorName(node));
  const output = known.get(node.outputs.find(Boolean) ?? "")?.shape;
  if (!work) return 0;
  const macs = output && work({ node, inputs: node.inputs.map((name) => known.get(name)?.shape), output });
  return Number.isFinite(macs) ? macs : undefined;
}

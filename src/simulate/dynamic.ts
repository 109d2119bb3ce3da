// Products and convolutions whose activations are quantized as they come: codes times codes, and the sums times the product of the
// scales, which are one an output channel.

import { checkWord } from "../check.ts";
import { type Constant, constantOf, type Graph, makeNode, type Node } from "../model/graph.ts";
import type { QTensor } from "../tensor/tensor.ts";
import { codesConstant, type Draft, quantizeConstant } from "./draft.ts";
import { codesOf, isProduct, isTurned, turned, type Weight } from "./products.ts";

const FORMATS = ["int8", "uint8"] as const;

/** How sums of codes are written. */
interface Sums {
  readonly op: string;
  /** Quantizes the weight. */
  weight(): QTensor;
  /** Extents behind those of the channels. */
  readonly behind: readonly number[];
  readonly bias: string | undefined;
}

/** A product's weight as codes [k, n]. */
function productWeight(node: Node, { name, constant, scheme, axis }: Weight): QTensor {
  const matrix = isTurned(node) ? turned(constant) : constant;
  return quantizeConstant(name, matrix, codesOf(scheme, axis === undefined ? axis : 1));
}

/** A convolution's weight as unsigned codes with one zero, which are all that onnxruntime has. */
function imageWeight({ name, constant, scheme, axis }: Weight): QTensor {
  const codes = quantizeConstant(name, constant, codesOf(scheme, scheme.symmetric ? axis : undefined));
  if (codes.format === "uint8") return codes;
  const { data, zero } = codes;
  return {
    ...codes,
    format: "uint8",
    data: Uint8Array.from(data, (code) => code + 128),
    zero: zero.map((z) => z + 128),
  };
}

/** What a node is as sums of codes; undefined: it has to stay as it is. */
function sumsOf(draft: Draft, graph: Graph, node: Node, weight: Weight): Sums | undefined {
  const { shape } = weight.constant;
  const bias = node.inputs[2] || undefined;
  if (isProduct(node, weight.constant)) {
    return { op: "MatMulInteger", weight: () => productWeight(node, weight), behind: [], bias };
  }
  const isImage = node.op === "Conv" && (shape.length === 3 || shape.length === 4);
  const offsets = constantOf(graph, bias ?? "");
  if (!isImage || (bias && !offsets)) return undefined;
  const behind = shape.slice(2).map(() => 1);
  const column = { ...(offsets as Constant), shape: [shape[0] as number, ...behind] };
  return {
    op: "ConvInteger",
    weight: () => imageWeight(weight),
    behind,
    bias: bias && draft.add(`${bias}_column`, column),
  };
}

/** The zeros of weights as an input that is left out where they are 0. */
function zerosOf(draft: Draft, base: string, { format, zero }: QTensor): string[] {
  if (zero.every((each) => each === 0)) return [];
  const numbers = zero.every((each) => each === zero[0]) ? zero.slice(0, 1) : zero;
  const shape = numbers.length > 1 ? [numbers.length] : [];
  return [draft.add(`${base}_zero_point`, codesConstant(format as "int8", shape, numbers))];
}

/** The names of a weight's codes, its scales and its zeros. */
function namesOf(draft: Draft, node: Node, { name, scheme }: Weight, { op, weight, behind }: Sums): readonly string[] {
  return draft.once(JSON.stringify([op, name, scheme, isTurned(node)]), () => {
    const quantized = weight();
    const { format, shape, data, axis, scale } = quantized;
    const codes = draft.add(`${name}_quantized`, { format: format as "int8", shape, data });
    const scales = draft.addConstant(`${name}_scale`, scale, axis === undefined ? [] : [scale.length, ...behind]);
    return [codes, scales, ...zerosOf(draft, name, quantized)];
  });
}

/** Writes a node with codes made of its activations as they come; whether it can be. */
export function writeDynamic(draft: Draft, graph: Graph, node: Node, weight: Weight): boolean {
  checkWord(weight.scheme.format as "int8", FORMATS, "weights.format");
  const sums = sumsOf(draft, graph, node, weight);
  if (!sums) return false;
  const [source = ""] = node.inputs;
  const { op, bias } = sums;
  const kinds = ["quantized", "scale", "zero_point"].map((kind) => `${source}_${kind}`);
  const dynamic = draft.once(`dynamic ${source}`, () => draft.putAll("DynamicQuantizeLinear", [source], kinds));
  const [x, scale, zero] = dynamic as [string, string, string];
  const [w = "", scales = "", ...zeros] = namesOf(draft, node, weight, sums);
  const [y = ""] = node.outputs;
  const integers = draft.freshName(`${y}_${op}_Output`);
  const attributes = op === "ConvInteger" ? node.attributes : new Map();
  draft.keep({ ...makeNode(op, [x, w, zero, ...zeros], [integers]), attributes });
  const factor = draft.put("Mul", [scale, scales], `${y}_scale`);
  const numbers = draft.toFloat(integers, draft.freshName(`${y}_Cast_Output`));
  const scaled = bias ? draft.freshName(`${y}_Mul_Output`) : y;
  draft.keep(makeNode("Mul", [numbers, factor], [scaled]));
  if (bias) draft.keep(makeNode("Add", [scaled, bias], [y]));
  return true;
}

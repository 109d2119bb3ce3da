// Linear nodes with constant weights, as the folding of batch norms sees them, and made again with other weights.

import { floatOf, intOf, intsOf, stringOf } from "../model/attributes.ts";
import { type Constant, type Node, withAttributes } from "../model/graph.ts";
import type { FloatWeight } from "../tensor/fold.ts";
import type { Edit } from "./edit.ts";
import { rankOf } from "./outline.ts";

/** A linear node's weight and bias. */
export interface Linear {
  readonly layer: FloatWeight;
  /** Channels of its output. */
  readonly channels: number;
  /** Axes of its output behind the one of channels. */
  readonly spatial: number;
  /** Padding with zeros; a convolution that finds out its padding when it runs has some. */
  readonly pads: readonly number[];
}

/** A float32 constant, or why there is none. */
function floats(edit: Edit, node: Node, i: number): (Constant & { readonly data: Float32Array }) | string {
  const name = node.inputs[i] ?? "";
  const found = edit.constant(name);
  if (!found) return `"${name}" is not constant`;
  if (found.format !== "float32") return `"${name}" is ${found.format}, not float32`;
  return found as Constant & { readonly data: Float32Array };
}

function convolution(edit: Edit, node: Node): Linear | string {
  const weight = floats(edit, node, 1);
  const bias = node.inputs[2] ? floats(edit, node, 2) : undefined;
  if (typeof weight === "string") return weight;
  if (typeof bias === "string") return bias;
  const groups = intOf(node, "group", 1);
  const transposed = node.op === "ConvTranspose";
  const [first = 0, second = 0] = weight.shape;
  const isOpen = stringOf(node, "auto_pad", "NOTSET").startsWith("SAME");
  return {
    layer: { weight: weight.data, shape: weight.shape, groups, transposed, ...(bias && { bias: bias.data }) },
    channels: transposed ? second * groups : first,
    spatial: weight.shape.length - 2,
    pads: isOpen ? [1] : intsOf(node, "pads", []),
  };
}

/** The bias of a Gemm, one number a column; undefined where it has another for every row. */
function columnBias(c: Constant & { readonly data: Float32Array }, columns: number, beta: number) {
  if (c.data.length === columns && (c.shape.at(-1) ?? 1) === columns) return c.data.map((value) => value * beta);
  return c.data.length === 1 ? new Float32Array(columns).fill((c.data[0] as number) * beta) : undefined;
}

function product(edit: Edit, node: Node): Linear | string {
  const weight = floats(edit, node, 1);
  const c = node.inputs[2] ? floats(edit, node, 2) : undefined;
  if (typeof weight === "string") return weight;
  if (typeof c === "string") return c;
  const { data, shape } = weight;
  const rank = node.op === "Gemm" ? 2 : rankOf(edit.outline(node.inputs[0] ?? ""));
  if (shape.length !== 2 || rank !== 2) return `${node.op} is not known to be of two matrices`;
  const transposed = intOf(node, "transB", 0) === 0;
  const columns = shape[transposed ? 1 : 0] as number;
  const bias = c && columnBias(c, columns, floatOf(node, "beta", 1));
  if (c && !bias) return `"${node.inputs[2]}" of shape [${c.shape.join(", ")}] is no row of ${columns} numbers`;
  const alpha = floatOf(node, "alpha", 1);
  const scaled = alpha === 1 ? data : data.map((value) => value * alpha);
  const layer = { weight: scaled, shape, transposed, ...(bias && { bias }) };
  return { layer, channels: columns, spatial: 0, pads: [] };
}

/** How the linear operators are seen. */
const LINEAR = new Map(
  Object.entries({
    Conv: convolution,
    ConvTranspose: convolution,
    Gemm: product,
    MatMul: product,
  }),
);

export const LINEAR_NAMES = [...LINEAR.keys()].join(", ");

/** A linear node's weight and bias, or why batch norms cannot be folded into it; undefined for other operators. */
export function linearOf(edit: Edit, node: Node): Linear | string | undefined {
  return node.domain === "" ? LINEAR.get(node.op)?.(edit, node) : undefined;
}

/** The same node with another weight and bias. A MatMul becomes a Gemm. */
export function withWeight(
  edit: Edit,
  node: Node,
  layer: FloatWeight,
  folded: { weight: Float32Array; bias: Float32Array },
): Node {
  const { weight, bias } = folded;
  const [x = "", w = "", b] = node.inputs;
  const weightName = edit.changeConstant(w, node, weight, layer.shape);
  const shape = [bias.length];
  const biasName = b ? edit.changeConstant(b, node, bias, shape) : edit.addConstant(`${w}_bias`, bias, shape);
  const inputs = [x, weightName, biasName];
  if (node.op.startsWith("Conv")) return { ...node, inputs };
  // the factors are in its weight and bias
  const gemm = withAttributes(node, {
    alpha: undefined,
    beta: undefined,
    ...(edit.version(node) < 7 && { broadcast: 1n }),
  });
  return { ...gemm, op: "Gemm", inputs };
}

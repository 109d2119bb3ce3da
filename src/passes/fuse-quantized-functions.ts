// Operators between quantizers for which onnxruntime has one of codes: sums, products, pools, softmax, concatenation.

import { intOf, intsOf } from "../model/attributes.ts";
import { type Attribute, makeNode, type Node } from "../model/graph.ts";
import type { Edit } from "./edit.ts";
import {
  type Codes,
  dequantized,
  inputsOf,
  isActivation,
  replaceUntil,
  targetOf,
  targetParameters,
} from "./fuse-quantized-values.ts";

type Attributes = ReadonlyMap<string, Attribute>;

/** What stands for an operator: its name with `QLinear` before it. */
interface Row {
  /** How many of its inputs are codes; default: all. */
  readonly operands?: number;
  /** The attributes of the operator of codes, default the same; undefined: it cannot be. */
  readonly attributes?: (edit: Edit, node: Node) => Attributes | undefined;
  /** Whether the result's parameters stand before the operands. */
  readonly isResultFirst?: boolean;
  /** Whether it is for onnxruntime, or for octavo; default: for both. */
  readonly portable?: boolean;
}

const attributesOf = (values: Parameters<typeof makeNode>[3]): Attributes => makeNode("", [], [], values).attributes;

/** Kernels take windows of one or two axes, none of which lies on pads alone. */
function poolAttributes(_: Edit, node: Node): Attributes | undefined {
  const kernel = intsOf(node, "kernel_shape", []);
  const dilations = intsOf(node, "dilations", undefined) ?? kernel.map(() => 1);
  const reach = kernel.map((taps, i) => (taps - 1) * (dilations[i] as number));
  const pads = intsOf(node, "pads", []);
  const fits = kernel.length <= 2 && pads.every((pad, i) => pad <= (reach[i % kernel.length] as number));
  return fits ? node.attributes : undefined;
}

/** Axes as an attribute, from the input that later versions have for them. */
function meanAttributes(edit: Edit, node: Node): Attributes | undefined {
  const axes = node.inputs[1] ? edit.constant(node.inputs[1])?.data : intsOf(node, "axes", []);
  const isAll = axes?.length === 0 && intOf(node, "noop_with_empty_axes", 0) === 0;
  if (!axes || (axes.length === 0 && !isAll)) return undefined;
  return attributesOf({ axes: Array.from(axes as number[], BigInt), keepdims: BigInt(intOf(node, "keepdims", 1)) });
}

/** Versions of softmax differ in what is one row. */
function softmaxAttributes(edit: Edit, node: Node): Attributes {
  const opset = edit.version(node);
  return attributesOf({ axis: BigInt(intOf(node, "axis", opset < 13 ? 1 : -1)), opset: BigInt(opset) });
}

const ROWS = new Map(
  Object.entries<Row>({
    Add: {},
    AveragePool: { attributes: poolAttributes },
    Concat: { isResultFirst: true },
    GlobalAveragePool: {},
    LeakyRelu: { portable: true },
    Mul: {},
    ReduceMean: { operands: 1, attributes: meanAttributes, portable: false },
    Sigmoid: { portable: true },
    Softmax: { attributes: softmaxAttributes },
  }),
);

/** Makes a function of dequantized operands whose result is quantized one of codes; whether it could. */
export function fuseFunction(edit: Edit, node: Node, portable: boolean): boolean {
  const row = ROWS.get(node.op);
  const target = row && targetOf(edit, node);
  if (!target || (row.portable ?? portable) !== portable) return false;
  const operands = node.inputs.slice(0, row.operands).map((name) => dequantized(edit, name));
  const isAlike = operands.every((codes) => codes?.format === target.codes.format);
  if (!operands.every(isActivation) || (portable && (!isAlike || target.clamp))) return false;
  const attributes = row.attributes ? row.attributes(edit, node) : node.attributes;
  if (!attributes || (portable && attributes.has("dilations"))) return false;
  const [x, y] = [(operands as Codes[]).flatMap((codes) => inputsOf(edit, codes)), targetParameters(edit, target)];
  const inputs = row.isResultFirst ? [...y, ...x] : [...x, ...y];
  replaceUntil(edit, node, target, { op: `QLinear${node.op}`, domain: "com.microsoft", inputs, attributes });
  return true;
}

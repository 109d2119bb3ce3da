// What may be quantized of each operator: where its values and its weights are, and whether its result needs a scale of its own.

import { nodeError } from "../check.ts";
import { floatOf, intOf, stringOf } from "./attributes.ts";
import type { Constant, Model, Node } from "./graph.ts";
import { operatorName } from "./ops/index.ts";
import { OWN } from "./ops/quantizer.ts";

/** What quantization may do with the nodes of an operator. */
export interface Quantizable {
  /**
   * `"linear"`: sums of products with weights. `"values"`: another function, whose result has a scale of its own. `"moves"`: the
   * result is values of input 0, so that it shares its scale.
   */
  readonly kind: "linear" | "values" | "moves";
  /** Inputs that are quantized as activations; default the first. */
  operands?(node: Node): number[];
  /** The axis of the output channels of weights, input 1, of a rank; undefined: they are not apart. */
  channels?(node: Node, rank: number): number | undefined;
  /** Whether a Relu or Clip behind it is part of it. */
  readonly fuses?: boolean;
  /** Why a node cannot be quantized, given the graph's constants. */
  refuses?(node: Node, constant: (name: string) => Constant | undefined): string | undefined;
}

/** Whether a product is not multiplied by anything else, nor its bias: a Gemm may be. */
export function isPlain(node: Node): boolean {
  return floatOf(node, "alpha", 1) === 1 && floatOf(node, "beta", 1) === 1;
}

const LINEAR = { kind: "linear", fuses: true } as const;
const VALUES: Quantizable = { kind: "values" };
const MOVES: Quantizable = { kind: "moves" };

/** All inputs that are there. */
const all = ({ inputs }: Node) => inputs.flatMap((name, i) => (name ? [i] : []));

function named(names: readonly string[], row: Quantizable): [string, Quantizable][] {
  return names.map((name) => [name, row]);
}

/** Functions of one value that 256 codes make a table of, without steep places. */
const FUNCTIONS = [
  "Abs",
  "Celu",
  "Clip",
  "Elu",
  "Erf",
  "Gelu",
  "HardSigmoid",
  "HardSwish",
  "LeakyRelu",
  "Mish",
  "Neg",
  "Relu",
  "Selu",
  "Sigmoid",
  "Softplus",
  "Softsign",
  "Swish",
  "Tanh",
  "com.microsoft:Gelu",
  "com.microsoft:QuickGelu",
];

/** Functions of two values, and the operand that may be a number: then they are functions of one. */
const PAIRS: Readonly<Record<string, readonly number[]>> = { Add: [0, 1], Div: [1], Mul: [0, 1], Sub: [0, 1] };

/** The operand of a function of one value; undefined for other operators. */
export function argumentOf(node: Node, constant: (name: string) => Constant | undefined): number | undefined {
  const name = operatorName(node);
  if (FUNCTIONS.includes(name))
    return node.inputs.every((input, i) => i === 0 || !input || constant(input)) ? 0 : undefined;
  const number = PAIRS[name]?.find((i) => constant(node.inputs[i] ?? "")?.data.length === 1);
  return number === undefined ? undefined : 1 - number;
}

/** Operators that only say where their input's values go. */
export const MOVING = [
  "DepthToSpace",
  "Expand",
  "Flatten",
  "Gather",
  "GatherElements",
  "GatherND",
  "Identity",
  "Reshape",
  "Slice",
  "SpaceToDepth",
  "Split",
  "Squeeze",
  "Tile",
  "Transpose",
  "Unsqueeze",
];

/** Zeros and values of the input are on its grid; another constant need not be. */
const padsOther: Quantizable["refuses"] = (node, constant) => {
  const value = node.inputs[2] ? constant(node.inputs[2])?.data[0] : floatOf(node, "value", 0);
  return value === 0 ? undefined : "it pads with a value other than 0";
};

const interpolates: Quantizable["refuses"] = (node) =>
  stringOf(node, "mode", "nearest") === "nearest" ? undefined : "it interpolates";

const ROWS = new Map<string, Quantizable>([
  ["Conv", { ...LINEAR, channels: () => 0 }],
  // DequantizeLinear has no axis for channels that are spread over groups
  ["ConvTranspose", { ...LINEAR, channels: (node) => (intOf(node, "group", 1) === 1 ? 1 : undefined) }],
  ["Gemm", { ...LINEAR, channels: (node) => (intOf(node, "transB", 0) ? 0 : 1) }],
  ["MatMul", { ...LINEAR, channels: (_, rank) => (rank > 1 ? rank - 1 : undefined) }],
  ["Add", { ...VALUES, fuses: true, operands: all }],
  ["Mul", { ...VALUES, operands: all }],
  ["Concat", { ...VALUES, operands: all }],
  ...named([...FUNCTIONS, "AveragePool", "GlobalAveragePool", "ReduceMean"], VALUES),
  ...named([...MOVING, "GlobalMaxPool", "MaxPool"], MOVES),
  ["Pad", { ...MOVES, refuses: padsOther }],
  ["Resize", { ...MOVES, refuses: interpolates }],
]);

/** What may be quantized of a node; undefined: nothing. */
export function quantizableOf(node: Node): Quantizable | undefined {
  return ROWS.get(operatorName(node));
}

/** The names of the operators of which something may be quantized. */
export const QUANTIZABLE: ReadonlySet<string> = new Set(ROWS.keys());

/** Operators of models that are quantized already. */
const CODED = /^(Quantize|Dequantize|DynamicQuantize|QLinear|QGemm|QAttention|ConvInteger|MatMulInteger|MatMulNBits)/;

/** @throws ModelError for a model that is quantized already, naming a node that shows it */
export function checkFloat({ graph }: Model): void {
  const coded = graph.nodes.find(({ op, domain }) => CODED.test(op) || domain === OWN);
  if (coded) throw nodeError(coded, "expected a float model, got one that is quantized already");
}

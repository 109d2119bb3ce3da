// Functions of one value between DequantizeLinear and QuantizeLinear: computed for every code, they are a table.

import { FORMATS, type FormatName, type IntegerFormat } from "../formats.ts";
import { evaluate } from "../model/evaluate.ts";
import { type Constant, makeNode, type Node } from "../model/graph.ts";
import { knownOf } from "../model/operator.ts";
import { ACTIVATIONS } from "../model/ops/activation.ts";
import { ELEMENTWISE } from "../model/ops/elementwise.ts";
import { operatorName, operatorOf } from "../model/ops/index.ts";
import { OWN } from "../model/ops/quantizer.ts";
import { tensorArray } from "../tensor/tensor.ts";
import type { Edit } from "./edit.ts";
import { type Codes, codesOf } from "./fuse-quantized-values.ts";
import { rankOf } from "./outline.ts";

/** The most values that one table is computed from. */
const MOST_VALUES = 64;

const CODES: readonly FormatName[] = ["int8", "uint8", "int16", "uint16"];

/** What dequantizes the one value that elementwise operators make a value of; undefined where they are others, or none. */
function sourceOf(edit: Edit, name: string): Codes | undefined {
  let at = edit.maker(name);
  for (let i = 0; at && i < MOST_VALUES; i++) {
    const codes = codesOf(edit, at, "DequantizeLinear");
    if (codes) return codes.axis === undefined && CODES.includes(codes.format) ? codes : undefined;
    const inner: string | undefined = at.inputs.find((each) => each && !edit.constant(each));
    at = isElementwise(at) ? edit.maker(inner ?? "") : undefined;
  }
  return undefined;
}

function isElementwise(node: Node): boolean {
  const name = operatorName(node);
  return Object.hasOwn(ACTIVATIONS, name) || Object.hasOwn(ELEMENTWISE, name);
}

/** All codes of a format, in the order of their bits. */
function allCodes(format: FormatName): Constant {
  const count = 2 ** (FORMATS.get(format) as IntegerFormat).bits;
  // wraps to the code with the same bits
  const data = new (tensorArray(format) as typeof Uint16Array)(Array.from({ length: count }, (_, i) => i));
  return { format, shape: [count], data };
}

/** Computes values for every code of a source. */
class Tabulation {
  private readonly edit: Edit;
  private readonly known: Map<string, Constant | undefined>;
  /** The source as it is dequantized. */
  private readonly float: string;

  constructor(edit: Edit, { name, format, node }: Codes) {
    this.edit = edit;
    this.known = new Map([[name, allCodes(format)]]);
    this.float = node.outputs[0] ?? "";
  }

  /** A value for every code, or for all; undefined where it is not made of the source alone. */
  private of(name: string): Constant | undefined {
    if (!this.known.has(name) && this.known.size < MOST_VALUES) {
      this.known.set(name, undefined);
      this.known.set(name, this.compute(name));
    }
    return this.known.get(name);
  }

  private compute(name: string): Constant | undefined {
    const constant = this.edit.constant(name);
    if (constant) return constant.data.length === 1 ? constant : undefined;
    const node = this.edit.maker(name);
    const isOne = node && isElementwise(node) && node.inputs.every((each) => this.keepsRank(each));
    return isOne || codesOf(this.edit, node, "DequantizeLinear") ? this.output(node as Node) : undefined;
  }

  /** Whether an operand has no more axes than the source, which it would give to the result. */
  private keepsRank(name: string): boolean {
    const rank = this.edit.constant(name)?.shape.length ?? 0;
    return rank === 0 || rank <= (rankOf(this.edit.outline(this.float)) ?? 0);
  }

  /** The output of a node whose inputs can be had. */
  output(node: Node): Constant | undefined {
    const operator = operatorOf(node);
    const inputs = node.inputs.map((name) => (name ? this.of(name) : undefined));
    if (!operator || inputs.some((input, i) => !input && node.inputs[i])) return undefined;
    const site = { node, version: this.edit.version(node), inputs: inputs.map((input) => input && knownOf(input)) };
    try {
      return evaluate(operator, site)[0];
    } catch {
      return undefined; // of some codes there is no value (the logarithm of a negative number): running it will tell of which
    }
  }
}

/** Makes a quantizer, and what is computed of one dequantized value before it, a table. Codes that stay as they are need none. */
export function tabulate(edit: Edit, node: Node, portable: boolean): void {
  const codes = codesOf(edit, node, "QuantizeLinear");
  const source = codes?.axis === undefined && codes && sourceOf(edit, node.inputs[0] ?? "");
  const table = source && CODES.includes(codes.format) ? new Tabulation(edit, source).output(node) : undefined;
  if (!source || !table) return;
  const { format, data } = allCodes(source.format);
  const isSame = format === table.format && (data as Uint8Array).every((code, i) => code === table.data[i]);
  if (isSame) edit.bypass(node, source.name);
  if (isSame || portable) return;
  const inputs = [source.name, edit.addConstant(`${codes.name}_table`, table.data, table.shape, table.format)];
  edit.replace(node, { ...makeNode("LookUp", inputs, node.outputs, {}, OWN), name: node.name });
}

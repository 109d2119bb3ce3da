// Quantization that need not execute the model: weights alone, or activations as they come. Nodes that octavo does not know, and what
// is in subgraphs, stay as they are.

import { type FloatFormat, FORMATS, type FormatName, floatMax } from "../formats.ts";
import { raiseAsNeeded } from "../io/opset.ts";
import { intOf } from "../model/attributes.ts";
import { type Constant, constantOf, inOrder, type Model, makeNode, type Node, takenBy } from "../model/graph.ts";
import { checkFloat, type Quantizable, quantizableOf } from "../model/quantizable.ts";
import { encode } from "../tensor/codec.ts";
import { Draft, numbersOf, quantizeConstant } from "./draft.ts";
import { writeDynamic } from "./dynamic.ts";
import { codesOf, isProduct, type Weight, writeBlocks } from "./products.ts";
import { type ChosenNode, chooserOf, type Scheme, type WeightScheme } from "./scheme.ts";

const RECURRENT = ["GRU", "LSTM", "RNN"];

/** Constants of fewer values are no weights, or not worth it. */
const LEAST = 1024;

/** Whether a format is a float of 16 bits, which constants are stored in without scales. */
function isHalf(format: unknown): boolean {
  const row = FORMATS.get(format as string);
  return row?.kind === "float" && row.bits > 8;
}

/** Whether a scheme is for weights alone, or for activations as they come: no range of an activation has to be known. */
export function needsNoData({ weights = "int8", activations = "uint8" }: Scheme): boolean {
  const { format, block }: WeightScheme = typeof weights === "string" ? { format: weights } : weights;
  const other = typeof activations === "string" ? activations : activations.format;
  const isFloat = format !== "float32" && FORMATS.get(format)?.kind === "float";
  return isFloat || block !== undefined || other === "dynamic" || other === "float32";
}

/** A float32 constant of the model. */
function floats(model: Model, name: string | undefined): Constant | undefined {
  const constant = constantOf(model.graph, name ?? "");
  return constant?.format === "float32" ? constant : undefined;
}

type Channels = Quantizable["channels"];

/** A model whose weights are being quantized. */
class Weights {
  private readonly model: Model;
  private readonly scheme: Scheme;
  private readonly draft: Draft;
  private readonly nodes: readonly Node[];
  private readonly chosen: ReadonlyMap<Node, ChosenNode>;

  constructor(model: Model, scheme: Scheme) {
    this.model = model;
    this.scheme = scheme;
    this.draft = new Draft(model);
    this.nodes = inOrder(model.graph);
    const choose = chooserOf(scheme, this.nodes);
    this.chosen = new Map(this.nodes.map((node) => [node, choose(node)]));
    this.writeHalves();
    for (const node of this.nodes) this.write(node);
  }

  get result(): Model {
    return this.draft.model;
  }

  /** The format that a node has its weights in; undefined: they stay in float32. */
  private formatFor(node: Node): FormatName | undefined {
    const { weights, skip } = this.chosen.get(node) as ChosenNode;
    return skip ? undefined : weights?.scheme.format;
  }

  /** Stores constants in 16 bits, where all that take one agree. */
  private writeHalves(): void {
    const formats = new Map<string, Set<FormatName | undefined>>();
    for (const node of this.nodes) {
      for (const name of takenBy(node)) formats.set(name, (formats.get(name) ?? new Set()).add(this.formatFor(node)));
    }
    for (const [name, wanted] of formats) {
      const [format] = wanted;
      const constant = wanted.size === 1 && isHalf(format) ? floats(this.model, name) : undefined;
      if (constant && constant.data.length >= LEAST) this.writeHalf(name, constant, format as FormatName);
    }
  }

  private writeHalf(name: string, constant: Constant, format: FormatName): void {
    const values = numbersOf(name, constant);
    const most = floatMax(FORMATS.get(format) as FloatFormat);
    // masks hold numbers that would become infinite
    if (values.some((value) => Number.isFinite(value) && Math.abs(value) > most)) return;
    const stored = this.draft.add(`${name}_${format}`, { ...constant, format, data: encode(values, format) });
    this.draft.remove(name);
    this.draft.toFloat(stored, name);
  }

  private write(node: Node): void {
    const format = this.formatFor(node);
    const isDone =
      format && !isHalf(format) && (this.writeTable(node) || this.writeLinear(node) || this.writeRecurrent(node));
    if (!isDone) this.draft.keep(node);
  }

  /** A node's constant weight; undefined where it has none. */
  private weightOf(node: Node, index: number, channels: Channels): Weight | undefined {
    const { weights } = this.chosen.get(node) as ChosenNode;
    const name = node.inputs[index] ?? "";
    const constant = floats(this.model, name);
    if (!constant || !weights) return undefined;
    const { scheme } = weights;
    const axis = scheme.perChannel === false ? undefined : channels?.(node, constant.shape.length);
    return { name, constant, scheme, axis };
  }

  private writeLinear(node: Node): boolean {
    const row = quantizableOf(node);
    const weight = row?.kind === "linear" ? this.weightOf(node, 1, row.channels) : undefined;
    if (!weight) return false;
    if (weight.scheme.block !== undefined && isProduct(node, weight.constant)) {
      writeBlocks(this.draft, node, weight);
      return true;
    }
    if (this.isDynamic(node) && writeDynamic(this.draft, this.model.graph, node, weight)) return true;
    this.draft.keep({ ...node, inputs: node.inputs.map((name, i) => (i === 1 ? this.dequantized(weight) : name)) });
    return true;
  }

  /** Codes of the weights of gates, which are one an index of axis 1. */
  private writeRecurrent(node: Node): boolean {
    if (node.domain !== "" || !RECURRENT.includes(node.op)) return false;
    const inputs = node.inputs.map((name, i) => {
      const weight = i === 1 || i === 2 ? this.weightOf(node, i, () => 1) : undefined;
      return weight ? this.dequantized(weight) : name;
    });
    this.draft.keep({ ...node, inputs });
    return true;
  }

  private dequantized({ name, constant, scheme, axis }: Weight): string {
    const options = codesOf(scheme, axis);
    const key = `weight ${JSON.stringify([name, options])}`;
    return this.draft.once(key, () => [this.draft.dequantized(name, quantizeConstant(name, constant, options))])[0];
  }

  private isDynamic({ name, op }: Node): boolean {
    const { activations, nodes } = this.scheme;
    return activations === "dynamic" && !nodes?.[name]?.activations && !nodes?.[op]?.activations;
  }

  /** Takes rows from a table of int8, whatever the format is, and their scales from another: it is never there in float. */
  private writeTable(node: Node): boolean {
    const [name = "", rows = ""] = node.inputs;
    const { scheme } = (this.chosen.get(node) as ChosenNode).weights ?? {};
    const table = node.op === "Gather" && node.domain === "" ? floats(this.model, name) : undefined;
    if (!scheme || table?.shape.length !== 2 || table.data.length < LEAST || intOf(node, "axis", 0) !== 0) return false;
    const isByRow = scheme.perChannel !== false;
    const [codes, scales] = this.draft.once(`table ${name}`, () => this.addTable(name, table, isByRow));
    const [y = ""] = node.outputs;
    const row = this.draft.put("Gather", [codes, rows], `${y}_quantized`);
    const scale = isByRow ? this.draft.put("Gather", [scales, rows], `${y}_scale`) : scales;
    const numbers = this.draft.toFloat(row, this.draft.freshName(`${y}_Cast_Output`));
    this.draft.keep(makeNode("Mul", [numbers, scale], [y]));
    return true;
  }

  private addTable(name: string, table: Constant, isByRow: boolean): readonly [codes: string, scales: string] {
    const place = isByRow ? { axis: 0 } : {};
    const { data, scale } = quantizeConstant(name, table, { format: "int8", narrow: true, ...place });
    return [
      this.draft.add(`${name}_quantized`, { ...table, format: "int8", data }),
      this.draft.addConstant(`${name}_scale`, scale, isByRow ? [scale.length, 1] : []),
    ];
  }
}

/**
 * A model, its constants folded, whose weights are codes, and whose activations are made codes as they come where the scheme says "dynamic".
 * @throws ModelError for a model that is quantized already, or naming a weight that holds NaN
 * @throws TypeError or RangeError for a scheme that is none
 */
export function quantizeWeights(model: Model, scheme: Scheme = {}): Model {
  checkFloat(model);
  return raiseAsNeeded(new Weights(model, scheme).result);
}

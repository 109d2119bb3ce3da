// From a simulated model to one of codes in ONNX's words: QuantizeLinear and DequantizeLinear around float operators, or operators of
// codes themselves.

import { checkOptions, checkWord } from "../check.ts";
import { raiseAsNeeded, raiseOpset } from "../io/opset.ts";
import { captured, type Graph, inOrder, type Model, type Node } from "../model/graph.ts";
import { fuseQuantizers } from "../passes/fuse-quantizers.ts";
import { type Bias, biasesOf } from "./biases.ts";
import { Draft, quantizeConstant } from "./draft.ts";
import { type Grid, type Grids, gridsOf, isNarrowed, movedBy, optionsOf } from "./grids.ts";
import { isQuantizer } from "./observe-model.ts";

/** Options of {@link convert}. */
export interface ConvertOptions {
  /** `"qdq"` (default): float operators between QuantizeLinear and DequantizeLinear; `"qoperator"`: operators of codes. */
  readonly form?: "qdq" | "qoperator";
}

export function checkForm(form: ConvertOptions["form"] = "qdq") {
  return checkWord(form, ["qdq", "qoperator"], "form");
}

/** The version in which scales may be for an axis, and Clip has its bounds as inputs. */
export const OPSET = 13;

/** Names that a graph's outputs have, or that subgraphs take: these stay. */
function fixedNames({ nodes, outputs }: Graph): Set<string> {
  return new Set([...outputs.map(({ name }) => name), ...nodes.flatMap(captured)]);
}

/** The names that nodes take, but for biases that become others. */
function takenNames({ nodes }: Graph, biases: ReadonlyMap<Node, Bias>): Set<string> {
  return new Set(nodes.flatMap((node) => node.inputs.filter((_, i) => i !== BIAS || !biases.has(node))));
}

const BIAS = 2;

/** A simulated model's nodes with codes in the place of its quantizers. */
class Conversion {
  private readonly graph: Graph;
  private readonly draft: Draft;
  private readonly grids: Grids;
  private readonly biases: ReadonlyMap<Node, Bias>;
  private readonly fixed: ReadonlySet<string>;
  private readonly taken: ReadonlySet<string>;
  /** What values are called where they are taken. */
  private readonly renamed = new Map<string, string>();

  constructor(model: Model) {
    const { graph } = model;
    this.graph = graph;
    this.grids = gridsOf(graph);
    this.biases = biasesOf(graph, this.grids);
    this.fixed = fixedNames(graph);
    this.taken = takenNames(graph, this.biases);
    const made = graph.nodes.filter(isQuantizer).flatMap(({ inputs, outputs }) => [...inputs.slice(1), ...outputs]);
    const free = made.filter((name) => !this.fixed.has(name));
    this.draft = new Draft(model, free);
    for (const node of inOrder(graph)) this.write(node);
  }

  get model(): Model {
    return this.draft.model;
  }

  private write(node: Node): void {
    if (isQuantizer(node)) {
      this.quantize(node);
      return;
    }
    const inputs = node.inputs.map((name) => this.renamed.get(name) ?? name);
    const bias = this.biases.get(node);
    if (bias) inputs[BIAS] = this.integers(bias);
    this.draft.keep({ ...node, inputs });
    for (const name of movedBy(this.graph, node)) {
      const grid = this.grids.get(name);
      // codes go on as codes; what only leaves the graph is a float
      if (grid && this.taken.has(name)) this.renamed.set(name, this.throughCodes(name, name, grid));
    }
  }

  private quantize({ inputs: [x = ""], outputs: [y = ""] }: Node): void {
    const grid = this.grids.get(y) as Grid;
    const isFixed = this.fixed.has(y);
    if (!isFixed && !this.taken.has(y)) return;
    const output = isFixed ? y : undefined;
    const { source } = grid;
    const base = source || this.graph.inputs.some(({ name }) => name === x) ? x : y;
    const from = this.renamed.get(x) ?? x;
    const name = source
      ? this.draft.dequantized(base, quantizeConstant(base, source, optionsOf(grid)), output)
      : this.throughCodes(isNarrowed(grid) ? this.clamped(from, base, grid) : from, base, grid, output);
    if (!isFixed) this.renamed.set(y, name);
  }

  /** A value quantized and dequantized. */
  private throughCodes(x: string, base: string, grid: Grid, output?: string): string {
    const { axis } = grid;
    const parameters = this.draft.parameters(base, grid);
    const along = axis === undefined ? {} : { axis: BigInt(axis) };
    const codes = this.draft.put("QuantizeLinear", [x, ...parameters], `${base}_QuantizeLinear_Output`, along);
    return this.draft.dequantize([codes, ...parameters], base, axis, output);
  }

  /** A value within what the codes of a grid stand for, where QuantizeLinear would use more of them. */
  private clamped(x: string, base: string, { scale: [scale = 1], zero: [zero = 0], range }: Grid): string {
    const bounds = Object.entries({ min: range.lo, max: range.hi }).map(([name, code]) =>
      this.draft.addConstant(`${base}_${name}`, Float32Array.of(scale * (code - zero)), []),
    );
    return this.draft.put("Clip", [x, ...bounds], `${base}_Clip_Output`);
  }

  private integers({ name, constant, scale }: Bias): string {
    const along = scale.length > 1 ? { axis: 0 } : {};
    const flat = { ...constant, shape: [constant.data.length] };
    return this.draft.dequantized(name, quantizeConstant(name, flat, { format: "int32", scale, ...along }));
  }
}

/**
 * A simulated and calibrated model as others run it: a model of integers, with int32 biases at the scale of their sums. Scales of
 * weights whose bias would not fit are made coarser. The version of the operators is raised where codes need it.
 * @throws ModelError naming a quantizer that is not calibrated, or of a format that ONNX does not have
 */
export function convert(model: Model, options?: ConvertOptions): Model {
  const form = checkForm(checkOptions(options, ["form"], "convert").form);
  const converted = raiseAsNeeded(new Conversion(raiseOpset(model, OPSET)).model);
  return form === "qdq" ? converted : fuseQuantizers(converted, { portable: true });
}

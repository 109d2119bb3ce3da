// Einsum as products, sums and transposes of ONNX's own: its operands are multiplied one after the other (docs/math.md, equation 80).

import { nodeError } from "../check.ts";
import { sizeOf } from "../tensor/shape.ts";
import { stringOf } from "./attributes.ts";
import type { Branch } from "./branch.ts";
import { makeNode, type Node } from "./graph.ts";
import type { Known, Site } from "./operator.ts";
import { input } from "./site.ts";

type Extents = ReadonlyMap<string, number>;

/** A value whose axes have labels. */
interface Term {
  readonly name: string;
  readonly labels: readonly string[];
  /** Of each axis; 1 where it is broadcast. */
  readonly shape: readonly number[];
}

/** The nodes as they are added. */
class Lowering {
  readonly site: Site;
  readonly nodes: Node[] = [];
  readonly constants = new Map();

  constructor(site: Site) {
    this.site = site;
  }

  private name(): string {
    return `${this.nodes.length + this.constants.size} in ${this.site.node.outputs[0]}`;
  }

  add(op: string, inputs: readonly string[], attributes: Parameters<typeof makeNode>[3] = {}): string {
    const name = this.name();
    this.nodes.push(makeNode(op, inputs, [name], attributes));
    return name;
  }

  integers(values: readonly number[]): string {
    const name = this.name();
    this.constants.set(name, { format: "int64", shape: [values.length], data: BigInt64Array.from(values, BigInt) });
    return name;
  }

  /** A term's sum over the labels that are not kept. */
  sum({ name, labels, shape }: Term, kept: ReadonlySet<string>): Term {
    const axes = labels.flatMap((label, axis) => (kept.has(label) ? [] : [axis]));
    if (axes.length === 0) return { name, labels, shape };
    const isListed = this.site.version < 13;
    const inputs = isListed ? [name] : [name, this.integers(axes)];
    const summed = this.add("ReduceSum", inputs, { keepdims: 0n, ...(isListed && { axes: axes.map(BigInt) }) });
    const stay = (_: unknown, axis: number) => !axes.includes(axis);
    return { name: summed, labels: labels.filter(stay), shape: shape.filter(stay) };
  }

  transpose({ name, labels, shape }: Term, order: readonly string[]): Term {
    const axes = order.map((label) => labels.indexOf(label));
    if (axes.every((axis, i) => axis === i)) return { name, labels, shape };
    const turned = this.add("Transpose", [name], { perm: axes.map(BigInt) });
    return { name: turned, labels: order, shape: axes.map((axis) => shape[axis] as number) };
  }

  reshape(name: string, shape: readonly number[]): string {
    return this.add("Reshape", [name, this.integers(shape)], this.site.version < 14 ? {} : { allowzero: 1n });
  }

  /** A term's data as matrices: the axes that both terms have, then those of each group in one. */
  matrices(
    term: Term,
    both: readonly string[],
    groups: readonly (readonly string[])[],
  ): { name: string; both: number[] } {
    const turned = this.transpose(term, [...both, ...groups.flat()]);
    const shared = turned.shape.slice(0, both.length);
    const extent = (label: string) => turned.shape[turned.labels.indexOf(label)] as number;
    return {
      name: this.reshape(turned.name, [...shared, ...groups.map((each) => sizeOf(each.map(extent)))]),
      both: shared,
    };
  }

  /** The product of two terms, summed over what is not kept. */
  product(first: Term, second: Term, kept: ReadonlySet<string>): Term {
    const own = (labels: readonly string[], other: Term) =>
      labels.filter((label) => kept.has(label) || other.labels.includes(label));
    const a = this.sum(first, new Set(own(first.labels, second)));
    const b = this.sum(second, new Set(own(second.labels, first)));
    const shared = a.labels.filter((label) => b.labels.includes(label));
    const both = shared.filter((label) => kept.has(label));
    const inner = shared.filter((label) => !kept.has(label));
    const rows = a.labels.filter((label) => !shared.includes(label));
    const columns = b.labels.filter((label) => !shared.includes(label));
    const [p, q] = [this.matrices(a, both, [rows, inner]), this.matrices(b, both, [inner, columns])];
    const extent = (label: string, { labels, shape }: Term) => shape[labels.indexOf(label)] as number;
    const shape = [
      ...p.both.map((each, i) => (each === 1 ? (q.both[i] as number) : each)),
      ...rows.map((label) => extent(label, a)),
      ...columns.map((label) => extent(label, b)),
    ];
    const name = this.reshape(this.add("MatMul", [p.name, q.name]), shape);
    return { name, labels: [...both, ...rows, ...columns], shape };
  }
}

/** The labels of a term's axes; those that an ellipsis stands for are numbered from the last. */
function labelsOf(term: string, rank: number, { node }: Site): string[] {
  const [before = "", after, ...more] = term.split("...");
  const hidden = rank - before.length - (after?.length ?? 0);
  const isPlain = /^[A-Za-z]*$/.test(before + (after ?? "")) && more.length === 0;
  if (!isPlain || hidden < 0 || (after === undefined && hidden > 0)) {
    throw nodeError(node, `"equation" has "${term}" for an input of ${rank} axes`);
  }
  return [...before, ...Array.from({ length: hidden }, (_, i) => `...${hidden - i}`), ...(after ?? "")];
}

/** The inputs with labels; each label's extent. */
function termsOf(site: Site, texts: readonly string[]): { terms: Term[]; extents: Extents } {
  if (texts.length !== site.inputs.length) {
    throw nodeError(site.node, `"equation" has ${texts.length} terms, expected ${site.inputs.length}`);
  }
  const extents = new Map<string, number>();
  const terms = texts.map((text, i) => {
    const { shape }: Known = input(site, i);
    const labels = labelsOf(text, shape.length, site);
    if (new Set(labels).size < labels.length) throw nodeError(site.node, `"equation" has a label twice in "${text}"`);
    labels.forEach((label, axis) => {
      const [said = 1, extent = 1] = [extents.get(label), shape[axis]];
      const isSpread = label.startsWith(".") && (said === 1 || extent === 1);
      if (extents.has(label) && said !== extent && !isSpread) {
        throw nodeError(site.node, `"equation" has "${label}" for axes of ${said} and ${extent}`);
      }
      extents.set(label, said === 1 ? extent : said);
    });
    return { name: site.node.inputs[i] as string, labels, shape };
  });
  return { terms, extents };
}

/** The labels of the output where the equation does not list them: the ellipsis, then those that are met once, by name. */
function labelsLeft(terms: readonly Term[], extents: Extents): string[] {
  const all = terms.flatMap(({ labels }) => labels);
  const once = [...extents.keys()].filter(
    (label) => !label.startsWith(".") && all.filter((each) => each === label).length === 1,
  );
  return [...hiddenLabels(extents), ...once.sort()];
}

const hiddenLabels = (extents: Extents) =>
  [...extents.keys()].filter((label) => label.startsWith(".")).sort((a, b) => Number(b.slice(3)) - Number(a.slice(3)));

/** What an Einsum stands for. */
export function expandEinsum(site: Site): Branch {
  const [left = "", right] = stringOf(site.node, "equation", "").replaceAll(" ", "").split("->");
  const { terms, extents } = termsOf(site, left.split(","));
  const rank = (right ?? "").replace("...", "").length + (right?.includes("...") ? hiddenLabels(extents).length : 0);
  const wanted = right === undefined ? labelsLeft(terms, extents) : labelsOf(right, rank, site);
  const lost = wanted.filter((label, i) => !extents.has(label) || wanted.indexOf(label) !== i);
  if (lost.length > 0)
    throw nodeError(site.node, `"equation" has an output "${lost[0]}" that is not once in the inputs`);
  const lowering = new Lowering(site);
  const [first, ...others] = terms as [Term, ...Term[]];
  const product = others.reduce((done, term, i) => {
    const kept = new Set([...wanted, ...others.slice(i + 1).flatMap(({ labels }) => labels)]);
    return lowering.product(done, term, kept);
  }, first);
  const { name } = lowering.transpose(lowering.sum(product, new Set(wanted)), wanted);
  const nodes = [...lowering.nodes, makeNode("Identity", [name], [site.node.outputs[0] as string])];
  return { nodes, constants: lowering.constants };
}

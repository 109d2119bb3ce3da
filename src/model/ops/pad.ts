// Pad: what stands around a tensor, or less of it where pads are negative.

import { nodeRangeError } from "../../check.ts";
import { floatOf, intsOf, stringOf } from "../attributes.ts";
import { codeOf } from "../convert.ts";
import { type Call, type Known, type Operator, type Place, type Site, viewOf } from "../operator.ts";
import { inBytes } from "../packed-row.ts";
import { axisOf, checkedShape, input, numbersOf } from "../site.ts";
import { taking } from "../take.ts";
import { stridesOf } from "../transpose.ts";
import { copying } from "./move.ts";

/** An axis: the part of the source that is taken, and where it begins in the result. */
interface Padded {
  readonly extent: number;
  /** The first that is kept, and how many are. */
  readonly first: number;
  readonly kept: number;
  /** How many stand before them. */
  readonly before: number;
}

function padsOf({ shape }: Known, site: Site): Padded[] {
  const pads = numbersOf(site, 1) ?? intsOf(site.node, "pads", []);
  const axes = numbersOf(site, 3)?.map((axis) => axisOf(site, axis, shape.length)) ?? shape.map((_, axis) => axis);
  const count = axes.length;
  if (pads.length !== 2 * count) throw nodeRangeError(site.node, "pads", `${2 * count} integers`, pads);
  return shape.map((extent, axis) => {
    const at = axes.indexOf(axis);
    const [before, after] = at < 0 ? [0, 0] : [pads[at] as number, pads[at + count] as number];
    const first = Math.max(-before, 0);
    const kept = Math.max(extent - first - Math.max(-after, 0), 0);
    return { extent: extent + before + after, first, kept, before: Math.max(before, 0) };
  });
}

/** The place of index i, of n, where i may lie beyond them. */
const PLACES = {
  reflect: (i: number, n: number) => {
    if (n === 1) return 0;
    const period = 2 * (n - 1);
    const at = ((i % period) + period) % period;
    return at < n ? at : period - at;
  },
  edge: (i: number, n: number) => Math.min(Math.max(i, 0), n - 1),
  wrap: (i: number, n: number) => ((i % n) + n) % n,
};

type Mode = keyof typeof PLACES | "constant";

function modeOf({ node }: Site): Mode {
  return stringOf<Mode>(node, "mode", "constant", ["constant", "reflect", "edge", "wrap"]);
}

/** A constant around what is kept. */
function surrounding(call: Call, x: Place, y: Place, pads: readonly Padded[]): () => void {
  const [from, to] = [stridesOf(x.shape), stridesOf(y.shape)];
  const axes = pads.map(({ kept }, a) => ({ extent: kept, from: from[a] as number, to: to[a] as number }));
  const offset = (strides: readonly number[], key: "first" | "before") =>
    pads.reduce((sum, pad, a) => sum + pad[key] * (strides[a] as number), 0);
  const copy = copying(call, x, y, { axes, from: offset(from, "first"), to: offset(to, "before") });
  const fill = call.inputs[2];
  const attribute = codeOf(x.format, floatOf(call.node, "value", 0));
  return () => {
    viewOf(call, y).fill((fill ? viewOf(call, fill)[0] : attribute) as never);
    copy();
  };
}

const PAD: Operator = inBytes({
  values: [1, 3],
  infer(site) {
    const x = input(site, 0);
    const pads = padsOf(x, site);
    const isEmpty = modeOf(site) !== "constant" && pads.some(({ kept, extent }) => kept < 1 && extent > 0);
    const shape = checkedShape(
      site,
      pads.map(({ extent }) => extent),
      x.format,
    );
    if (isEmpty) throw nodeRangeError(site.node, "pads", "pads that leave something to repeat", shape);
    return [{ format: x.format, shape }];
  },
  compile(call) {
    const x = input(call, 0);
    const [y] = call.outputs as [Place];
    const pads = padsOf(x, call);
    const mode = modeOf(call);
    if (mode === "constant") return surrounding(call, x, y, pads);
    const tables = pads.map(({ extent, first, kept, before }) =>
      Array.from({ length: extent }, (_, i) => first + PLACES[mode](i - before, kept)),
    );
    return taking(call, x, y, tables);
  },
});

export const PADS: Readonly<Record<string, Operator>> = { Pad: PAD };

// What exporters scatter over many nodes, put together: the forms of docs/math.md, equation 79, one row each.

import { floatOf, intOf, intsOf, stringOf } from "../model/attributes.ts";
import { type Constant, type Model, makeNode, type Node, withAttributes } from "../model/graph.ts";
import { type Edit, rewrite } from "./edit.ts";
import { boundsOf, type Match, match, type Pattern } from "./match.ts";
import { endsIn, rankOf } from "./outline.ts";

/** The highest version that a model is raised to, when it is written, for the sake of a node that was put together. */
const MOST_RAISED = 20;

/** The inputs and attributes of a node. */
interface Parts {
  readonly inputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | bigint | string>>;
}

/** A form that nodes may have, and the one operator that does the same. */
interface Fusion {
  readonly op: string;
  /** Default: ONNX's own. */
  readonly domain?: string;
  /** The first version of the operator set that has the operator. */
  readonly since: number;
  readonly pattern: Pattern;
  /** Default: the value "x" and no attributes. Undefined: it is not the same after all. */
  readonly make?: (found: Match, edit: Edit, root: Node) => Parts | undefined;
}

const take =
  (op: string) =>
  (...operands: Pattern[]): Pattern => ({ op, operands });
const either = (...patterns: Pattern[]): Pattern => ({ either: patterns });
const scalar = (name: string): Pattern => ({ scalar: name });
const constant = (name: string): Pattern => ({ constant: name });

const [add, sub, mul, div, pow] = ["Add", "Sub", "Mul", "Div", "Pow"].map(take) as Five;
const [clip, min, max, relu, erf] = ["Clip", "Min", "Max", "Relu", "Erf"].map(take) as Five;
const [exp, log, tanh, sigmoid, sqrt] = ["Exp", "Log", "Tanh", "Sigmoid", "Sqrt"].map(take) as Five;
const [mean, reciprocal, softplus, hardSigmoid, layerNorm] = [
  "ReduceMean",
  "Reciprocal",
  "Softplus",
  "HardSigmoid",
  "LayerNormalization",
].map(take) as Five;

type Take = ReturnType<typeof take>;
type Five = [Take, Take, Take, Take, Take];

const square = (of: Pattern) => either(pow(of, 2), mul(of, of));
const over = (of: Pattern, by: number) => either(div(of, by), mul(of, 1 / by));

const RELU6_OF_X3 = clip(add("x", 3), 0, 6);

/** x (1 + of) / 2, in the orders that are met. */
const half = (of: Pattern) =>
  either(over(mul("x", add(of, 1)), 2), mul(over("x", 2), add(of, 1)), mul("x", over(add(of, 1), 2)));

const CUBE = either(pow("x", 3), mul("x", square("x")), mul(mul("x", "x"), "x"));
const ROOT = Math.sqrt(2 / Math.PI);
const TANH_OF_X = tanh(
  either(
    mul(add("x", mul(CUBE, 0.044715)), ROOT),
    mul(mul("x", ROOT), add(mul(square("x"), 0.044715), 1)),
    mul(mul("x", ROOT), add(mul(mul("x", 0.044715), "x"), 1)),
  ),
);

/** x over the root of the mean of squares of x, of some axes. */
const normalized = (x: Pattern) => {
  const root = sqrt(add(mean(square(x)), scalar("epsilon")));
  return either(div(x, root), mul(x, either(reciprocal(root), div(1, root))));
};
const CENTERED = sub("x", mean("x"));

/** The axes of a reduction; undefined where they are all, not known, or taken away. */
function axesOf(edit: Edit, node: Node): number[] | undefined {
  if (intOf(node, "keepdims", 1) === 0) return undefined;
  const listed = edit.constant(node.inputs[1])?.data as BigInt64Array | undefined;
  return listed ? Array.from(listed, Number) : intsOf(node, "axes", undefined);
}

/** Whether axes are the last of a value, all those that `shape` has. */
function areLast(edit: Edit, axes: readonly number[] | undefined, x: string, shape: readonly number[]): boolean {
  const outline = edit.outline(x);
  const rank = rankOf(outline) ?? 0;
  const fromEnd = axes?.map((axis) => (axis < 0 ? axis : axis - rank)).sort((a, b) => b - a);
  return fromEnd?.length === shape.length && fromEnd.every((axis, i) => axis === -1 - i) && endsIn(outline, shape);
}

/** A normalization over the last axes, scaled by a constant of their shape. */
function scaledNorm(found: Match, edit: Edit): Parts | undefined {
  const [x = "", scale = ""] = ["x", "scale"].map((name) => found.values.get(name));
  const { shape } = edit.constant(scale) as Constant;
  const means = found.nodes.filter(({ op }) => op === "ReduceMean");
  if (!means.every((node) => areLast(edit, axesOf(edit, node), x, shape))) return undefined;
  const epsilon = found.scalars.get("epsilon") as number;
  return { inputs: [x, scale], attributes: { axis: BigInt(-shape.length), epsilon } };
}

/** A layer norm that is shifted by a constant of its scale's shape. */
function shiftedNorm({ values, nodes }: Match, edit: Edit): Parts | undefined {
  const [x = "", scale = "", shift = ""] = ["x", "scale", "shift"].map((name) => values.get(name));
  const [a, b] = [scale, shift].map((name) => (edit.constant(name) as Constant).shape.join());
  const norm = nodes.find(({ op }) => op === "LayerNormalization") as Node;
  const attributes = Object.fromEntries(Array.from(norm.attributes, ([name, { value }]) => [name, value as number]));
  return a === b ? { inputs: [x, scale, shift], attributes } : undefined;
}

/** A clamp to constants, in the form of the version. */
function clampParts(edit: Edit, root: Node, x: string, low: number, high: number): Parts {
  const bounds = Object.entries({ min: low, max: high });
  const isBound = (bound: number) => Math.abs(bound) < Infinity;
  if (edit.version(root) < 11)
    return { inputs: [x], attributes: Object.fromEntries(bounds.filter(([, bound]) => isBound(bound))) };
  const [min = "", max = ""] = bounds.map(([name, bound]) =>
    isBound(bound) ? edit.addConstant(`${root.outputs[0]}_${name}`, Float32Array.of(bound), []) : "",
  );
  return { inputs: max ? [x, min, max] : [x, min] };
}

const clamped =
  (least: number) =>
  ({ values, scalars }: Match, edit: Edit, root: Node): Parts =>
    clampParts(edit, root, values.get("x") as string, scalars.get("low") ?? least, scalars.get("high") ?? Infinity);

const ofX = (attributes: NonNullable<Parts["attributes"]>) => (found: Match) => ({
  inputs: [found.values.get("x") as string],
  attributes,
});

const withScalars =
  (of: (scalar: (name: string) => number) => NonNullable<Parts["attributes"]>) =>
  ({ values, scalars }: Match) => ({
    inputs: [values.get("x") as string],
    attributes: of((name) => scalars.get(name) as number),
  });

const SILU = { op: "QuickGelu", domain: "com.microsoft", since: 6 };

const FUSIONS: readonly Fusion[] = [
  { op: "Clip", since: 6, pattern: min(relu("x"), scalar("high")), make: clamped(0) },
  { op: "Clip", since: 6, pattern: min(clip("x", scalar("low"), Infinity), scalar("high")), make: clamped(-Infinity) },
  {
    op: "Clip",
    since: 6,
    pattern: either(max("x", scalar("low")), min("x", scalar("high"))),
    make: clamped(-Infinity),
  },
  {
    op: "Relu",
    since: 6,
    pattern: clip("x", 0, scalar("high")),
    make: ({ values, scalars }) =>
      (scalars.get("high") as number) > 3.4e38 ? { inputs: [values.get("x") as string] } : undefined,
  },
  {
    op: "HardSigmoid",
    since: 6,
    pattern: over(RELU6_OF_X3, 6),
    make: ofX({ alpha: 1 / 6, beta: 0.5 }),
  },
  {
    op: "HardSigmoid",
    since: 6,
    pattern: clip(add(mul("x", scalar("alpha")), scalar("beta")), 0, 1),
    make: withScalars((get) => ({ alpha: get("alpha"), beta: get("beta") })),
  },
  {
    op: "HardSigmoid",
    since: 6,
    pattern: clip(add(div("x", scalar("divisor")), scalar("beta")), 0, 1),
    make: withScalars((get) => ({ alpha: 1 / get("divisor"), beta: get("beta") })),
  },
  {
    op: "HardSwish",
    since: 14,
    pattern: either(
      mul("x", hardSigmoid("x", 1 / 6, 0.5)),
      over(mul("x", RELU6_OF_X3), 6),
      mul(over("x", 6), RELU6_OF_X3),
    ),
  },
  { op: "Softplus", since: 6, pattern: log(add(exp("x"), 1)) },
  { op: "Mish", since: 18, pattern: mul("x", tanh(softplus("x"))) },
  { op: "Swish", since: 24, pattern: mul("x", sigmoid("x")) },
  {
    op: "Swish",
    since: 24,
    pattern: mul("x", sigmoid(mul("x", scalar("alpha")))),
    make: withScalars((get) => ({ alpha: get("alpha") })),
  },
  // below 24 a Swish has another name; raising a model so far would be too much for it
  { ...SILU, pattern: mul("x", sigmoid("x")), make: ofX({ alpha: 1 }) },
  {
    ...SILU,
    pattern: mul("x", sigmoid(mul("x", scalar("alpha")))),
    make: withScalars((get) => ({ alpha: get("alpha") })),
  },
  { op: "Gelu", since: 20, pattern: half(erf(over("x", Math.SQRT2))) },
  { op: "Gelu", since: 20, pattern: half(TANH_OF_X), make: ofX({ approximate: "tanh" }) },
  { op: "LayerNormalization", since: 17, pattern: mul(normalized(CENTERED), constant("scale")), make: scaledNorm },
  {
    op: "LayerNormalization",
    since: 17,
    pattern: add(layerNorm("x", constant("scale")), constant("shift")),
    make: shiftedNorm,
  },
  { op: "RMSNormalization", since: 23, pattern: mul(normalized("x"), constant("scale")), make: scaledNorm },
];

/** Whether a constant of one value has no more axes than what it meets, which it would give to the result. */
function fits(edit: Edit, { values, rank }: Match): boolean {
  return rank === 0 || rank <= (rankOf(edit.outline(values.get("x") ?? "")) ?? 0);
}

/** Puts the nodes that end in this one together, if they have one of the forms; whether they have. */
function fuse(edit: Edit, node: Node): boolean {
  const version = edit.version(node);
  for (const { op, domain = "", since, pattern, make = ofX({}) } of FUSIONS) {
    const found = since <= Math.max(version, MOST_RAISED) ? match(edit, node, pattern) : undefined;
    const parts = found && fits(edit, found) ? make(found, edit, node) : undefined;
    if (!parts) continue;
    const made = makeNode(op, parts.inputs, node.outputs, roundAll(parts.attributes), domain);
    edit.replace(node, { ...made, name: node.name });
    return true;
  }
  return false;
}

/** Attributes as a file keeps them, in float32. */
function roundAll(attributes: Parts["attributes"] = {}): NonNullable<Parts["attributes"]> {
  const entries = Object.entries(attributes);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === "number" ? Math.fround(value) : value]),
  );
}

/** The zeros that a Pad puts around the places of an image, first all before, then all behind; undefined where it does anything else. */
function zerosOf(edit: Edit, pad: Node): number[] | undefined {
  if (pad.op !== "Pad" || pad.domain !== "" || stringOf(pad, "mode", "constant") !== "constant") return undefined;
  const isOld = edit.version(pad) < 11;
  const value = isOld || !pad.inputs[2] ? 0 : edit.constant(pad.inputs[2])?.data[0];
  if (Number(value) !== 0 || pad.inputs[3] || pad.attributes.has("value")) return undefined;
  const listed = edit.constant(pad.inputs[1])?.data as BigInt64Array | undefined;
  const pads = isOld ? intsOf(pad, "pads", []) : Array.from(listed ?? [], Number);
  const rank = pads.length / 2;
  const isInside = pads.every((extent, i) => extent === 0 || (extent > 0 && i % rank >= 2));
  return rank > 2 && isInside ? pads.filter((_, i) => i % rank >= 2) : undefined;
}

/** Lets a convolution pad with zeros itself. */
function absorbPad(edit: Edit, node: Node): void {
  const [x = "", ...others] = node.inputs;
  const pad = edit.maker(x);
  const zeros = pad && zerosOf(edit, pad);
  if (!zeros || stringOf(node, "auto_pad", "NOTSET") !== "NOTSET") return;
  const own = intsOf(
    node,
    "pads",
    zeros.map(() => 0),
  );
  if (own.length !== zeros.length) return;
  const value = zeros.map((extent, i) => BigInt(extent + (own[i] as number)));
  edit.replace(node, { ...withAttributes(node, { pads: value }), inputs: [pad.inputs[0] ?? "", ...others] });
}

/** Clips before a leaky relu instead of behind it, where the operator before takes the clip in and has less of a range to quantize. */
function clipFirst(edit: Edit, node: Node): void {
  const [y = ""] = node.inputs;
  const leaky = edit.maker(y);
  if (leaky?.op !== "LeakyRelu" || leaky.domain !== "" || !edit.isOnlyFor(y, [node])) return;
  const alpha = floatOf(leaky, "alpha", 0.01);
  const bounds = boundsOf(edit, node);
  if (!bounds || !(alpha > 0)) return;
  const before = (value: number) => (value < 0 ? value / alpha : value);
  const { inputs, attributes } = clampParts(
    edit,
    node,
    leaky.inputs[0] ?? "",
    ...(bounds.map(before) as [number, number]),
  );
  const x = edit.freshName(`${y}_clipped`);
  const first = { ...makeNode("Clip", inputs, [x], roundAll(attributes)), name: node.name };
  edit.replace(node, first, { ...leaky, inputs: [x], outputs: node.outputs });
}

/** The model with what exporters scatter over many nodes put together. Outputs stay the same within 1e-5 of their largest. */
export function fusePatterns(model: Model): Model {
  return rewrite(model, (edit, node) => {
    if (node.domain !== "" || edit.version(node) < 7 || node.outputs.length !== 1) return;
    if (node.op === "Conv") absorbPad(edit, node);
    else if (!fuse(edit, node) && node.op === "Clip") clipFirst(edit, node);
  });
}

// Every form that exporters scatter is put together and gives the same; near misses are left as they are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fusePatterns, type Model } from "../../src/index.ts";
import { type Constant, makeNode, type Node, type Value } from "../../src/model/graph.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { assertSame, operators, seeded } from "./same.ts";

const TOLERANCE = 1e-5;
const SHAPE = [2, 3, 8];
const X: Value = { name: "x", format: "float32", shape: ["N", 3, 8] };

type Operand = string | number | Constant;

/** Nodes as formulas: operands are values, float32 numbers and constants. */
class Formula {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Constant>();
  readonly opset: number;

  constructor(opset: number) {
    this.opset = opset;
  }

  private name(operand: Operand): string {
    if (typeof operand === "string") return operand;
    const name = `c${this.constants.size}`;
    this.constants.set(name, typeof operand === "number" ? floats([], [operand]) : operand);
    return name;
  }

  /** Adds a node; returns its output. */
  take(op: string, ...operands: Operand[]): string {
    return this.with(op, {}, ...operands);
  }

  with(op: string, attributes: Parameters<typeof makeNode>[3], ...operands: Operand[]): string {
    const output = `v${this.nodes.length}`;
    const inputs = operands.map((operand) => this.name(operand));
    this.nodes.push(makeNode(op, inputs, [output], attributes));
    return output;
  }

  /** A mean in the form of the version. */
  mean(x: string, axes: number[], keep = 1n): string {
    if (this.opset >= 18) return this.with("ReduceMean", { keepdims: keep }, x, integers([axes.length], axes));
    return this.with("ReduceMean", { keepdims: keep, axes: axes.map(BigInt) }, x);
  }

  /** Where the formula ends. */
  model(y: string, others: readonly string[] = []): Model {
    const end = makeNode("Identity", [y], ["y"]);
    const outputs = ["y", ...others].map((name) => ({ name }));
    return modelOf([...this.nodes, end], { inputs: [X], outputs, constants: this.constants }, this.opset);
  }
}

const SCALE = seeded([8], 5);
const SHIFT = seeded([8], 6);
const EPSILON = 1e-5;

const relu6 = (f: Formula) => f.take("Clip", f.take("Add", "x", 3), 0, 6);
const plus1 = (f: Formula, x: string) => f.take("Add", x, 1);
const erf = (f: Formula) => f.take("Erf", f.take("Div", "x", Math.SQRT2));
const ROOT = Math.sqrt(2 / Math.PI);
const cube = (f: Formula) => f.take("Pow", "x", 3);
const tanh = (f: Formula, x3 = cube(f)) =>
  f.take("Tanh", f.take("Mul", f.take("Add", "x", f.take("Mul", x3, 0.044715)), ROOT));

/** The parts of a layer norm: what is centered, and its root of the mean of squares. */
function centered(f: Formula, axes = [-1]) {
  const d = f.take("Sub", "x", f.mean("x", axes));
  return [d, f.take("Sqrt", f.take("Add", f.mean(f.take("Pow", d, 2), axes), EPSILON))] as const;
}

/** The operators that are left before the Identity, the formula, and the version. */
const FUSED: readonly [string, (f: Formula) => string, number?][] = [
  ["Clip", (f) => f.take("Min", f.take("Max", "x", -1), 0.5)],
  ["Clip", (f) => f.take("Min", 6, f.take("Max", 0, "x")), 10],
  ["Clip", (f) => f.take("Min", f.take("Relu", "x"), 1)],
  ["Clip", (f) => f.take("Max", "x", -0.5)],
  ["Clip", (f) => f.take("Min", 0.5, "x"), 10],
  ["Relu", (f) => f.take("Max", 0, "x")],
  ["Relu", (f) => f.take("Clip", "x", 0)],
  ["Relu", (f) => f.with("Clip", { min: 0, max: 3.4028234663852886e38 }, "x"), 9],
  ["HardSigmoid", (f) => f.take("Div", relu6(f), 6)],
  ["HardSigmoid", (f) => f.take("Mul", 1 / 6, relu6(f))],
  ["HardSigmoid", (f) => f.take("Clip", f.take("Add", f.take("Mul", "x", 0.2), 0.5), 0, 1)],
  ["HardSigmoid", (f) => f.take("Clip", f.take("Add", f.take("Div", "x", 6), 0.5), 0, 1)],
  ["HardSwish", (f) => f.take("Mul", "x", f.with("HardSigmoid", { alpha: 1 / 6, beta: 0.5 }, "x"))],
  ["HardSwish", (f) => f.take("Mul", f.take("Div", relu6(f), 6), "x")],
  ["HardSwish", (f) => f.take("Div", f.take("Mul", "x", relu6(f)), 6)],
  ["HardSwish", (f) => f.take("Mul", f.take("Mul", "x", relu6(f)), 1 / 6)],
  ["HardSwish", (f) => f.take("Mul", f.take("Div", "x", 6), relu6(f))],
  [
    "HardSwish",
    (f) => f.take("Mul", "x", f.take("Div", f.with("Clip", { min: 0, max: 6 }, f.take("Add", "x", 3)), 6)),
    9,
  ],
  ["HardSwish", (f) => f.take("Mul", "x", f.take("Div", f.take("Min", f.take("Max", f.take("Add", "x", 3), 0), 6), 6))],
  ["Softplus", (f) => f.take("Log", f.take("Add", f.take("Exp", "x"), 1))],
  ["Mish", (f) => f.take("Mul", "x", f.take("Tanh", f.take("Softplus", "x")))],
  ["Mish", (f) => f.take("Mul", f.take("Tanh", f.take("Log", f.take("Add", 1, f.take("Exp", "x")))), "x")],
  ["Swish", (f) => f.take("Mul", "x", f.take("Sigmoid", "x")), 24],
  ["Swish", (f) => f.take("Mul", "x", f.take("Sigmoid", f.take("Mul", "x", 1.702))), 24],
  ["QuickGelu", (f) => f.take("Mul", "x", f.take("Sigmoid", "x"))],
  ["QuickGelu", (f) => f.take("Mul", f.take("Sigmoid", f.take("Mul", 1.702, "x")), "x"), 9],
  ["Gelu", (f) => f.take("Mul", f.take("Mul", "x", plus1(f, erf(f))), 0.5)],
  ["Gelu", (f) => f.take("Mul", f.take("Mul", "x", 0.5), plus1(f, erf(f)))],
  ["Gelu", (f) => f.take("Mul", "x", f.take("Mul", 0.5, plus1(f, erf(f)))), 13],
  ["Gelu", (f) => f.take("Mul", f.take("Div", "x", 2), plus1(f, f.take("Erf", f.take("Mul", "x", Math.SQRT1_2))))],
  ["Gelu", (f) => f.take("Mul", f.take("Mul", "x", 0.5), plus1(f, tanh(f)))],
  [
    "Gelu",
    (f) => f.take("Mul", 0.5, f.take("Mul", "x", plus1(f, tanh(f, f.take("Mul", f.take("Mul", "x", "x"), "x"))))),
  ],
  [
    "Gelu",
    (f) => f.take("Mul", "x", f.take("Mul", plus1(f, tanh(f, f.take("Mul", "x", f.take("Mul", "x", "x")))), 0.5)),
  ],
  [
    "Gelu",
    (f) => {
      const inner = f.take("Add", 1, f.take("Mul", f.take("Mul", 0.044715, "x"), "x"));
      const t = f.take("Tanh", f.take("Mul", f.take("Mul", "x", ROOT), inner));
      return f.take("Mul", f.take("Mul", 0.5, "x"), plus1(f, t));
    },
  ],
  ["LayerNormalization", (f) => f.take("Add", f.take("Mul", f.take("Div", ...centered(f)), SCALE), SHIFT)],
  ["LayerNormalization", (f) => f.take("Add", SHIFT, f.take("Mul", SCALE, f.take("Div", ...centered(f, [2])))), 13],
  ["LayerNormalization", (f) => f.take("Mul", f.take("Div", ...centered(f)), SCALE)],
  [
    "LayerNormalization",
    (f) => {
      const [d, root] = centered(f, [1, 2]);
      return f.take("Mul", f.take("Mul", d, f.take("Reciprocal", root)), seeded([3, 8], 5));
    },
  ],
  [
    "LayerNormalization",
    (f) => {
      const d = f.take("Sub", "x", f.mean("x", [-1]));
      const root = f.take("Sqrt", f.take("Add", EPSILON, f.mean(f.take("Mul", d, d), [-1])));
      return f.take("Add", f.take("Mul", f.take("Div", d, root), SCALE), SHIFT);
    },
  ],
  [
    "RMSNormalization",
    (f) => {
      const root = f.take("Sqrt", f.take("Add", f.mean(f.take("Pow", "x", 2), [-1]), EPSILON));
      return f.take("Mul", f.take("Mul", "x", f.take("Div", 1, root)), SCALE);
    },
    23,
  ],
];

for (const [op, formula, opset = 22] of FUSED) {
  const f = new Formula(opset);
  const model = f.model(formula(f));
  test(`${op} of ${operators(model).slice(0, -1)} (${opset})`, () => {
    const after = fusePatterns(model);
    assert.deepEqual(operators(after), [op, "Identity"]);
    assert.equal(after.graph.nodes[0]?.outputs[0], model.graph.nodes.at(-1)?.inputs[0]);
    assert.equal(fusePatterns(after), after);
    assertSame(model, after, { x: seeded(SHAPE, 1, -5, 5) }, TOLERANCE);
  });
}

const KEPT: readonly [string, (f: Formula) => string, number?][] = [
  [
    "RMS norm before opset 23",
    (f) => {
      const root = f.take("Sqrt", f.take("Add", f.mean(f.take("Pow", "x", 2), [-1]), EPSILON));
      return f.take("Mul", f.take("Div", "x", root), SCALE);
    },
  ],
  ["a hard swish with other numbers", (f) => f.take("Mul", "x", f.with("HardSigmoid", { alpha: 0.2, beta: 0.5 }, "x"))],
  ["a gelu of two values", (f) => f.take("Mul", f.take("Mul", f.take("Neg", "x"), plus1(f, erf(f))), 0.5)],
  [
    "a gelu with a wrong number",
    (f) => f.take("Mul", f.take("Mul", "x", plus1(f, f.take("Erf", f.take("Div", "x", 1.5)))), 0.5),
  ],
  ["a layer norm of another axis", (f) => f.take("Mul", f.take("Div", ...centered(f, [1])), seeded([8], 5))],
  ["a layer norm scaled along more axes", (f) => f.take("Mul", f.take("Div", ...centered(f)), seeded([3, 8], 5))],
  ["a layer norm scaled by one number", (f) => f.take("Mul", f.take("Div", ...centered(f)), floats([1], [2]))],
  ["a clip below something", (f) => f.take("Clip", "x", 0, 5)],
  ["a clip in numbers of more axes", (f) => f.take("Max", "x", floats([1, 1, 1, 1], [0]))],
  ["a largest of two values", (f) => f.take("Max", "x", f.take("Neg", "x"))],
  ["a clip of a leaky relu that turns round", (f) => f.take("Clip", f.with("LeakyRelu", { alpha: -0.1 }, "x"), -1, 2)],
  ["a softplus of a base", (f) => f.take("Log", f.take("Add", f.take("Exp", "x"), 2))],
  ["an old version", (f) => f.take("Min", f.take("Relu", "x"), 6), 6],
];

for (const [what, formula, opset = 22] of KEPT) {
  test(`kept: ${what}`, () => {
    const f = new Formula(opset);
    const model = f.model(formula(f));
    assert.equal(fusePatterns(model), model);
  });
}

test("kept: a form whose inner value is taken elsewhere, or is an output", () => {
  const f = new Formula(22);
  const inner = relu6(f);
  const y = f.take("Div", inner, 6);
  const model = f.model(y, [inner]);
  assert.equal(fusePatterns(model), model);
});

for (const [opset, bound] of [
  [22, -0.4],
  [22, 0.4],
  [10, -0.4],
] as const) {
  test(`a leaky relu above ${bound} is one of what is clipped (${opset})`, () => {
    const f = new Formula(opset);
    const model = f.model(f.take("Max", f.with("LeakyRelu", { alpha: 0.2 }, "x"), bound));
    const after = fusePatterns(model);
    assert.deepEqual(operators(after), ["Clip", "LeakyRelu", "Identity"]);
    assert.equal(fusePatterns(after), after);
    assertSame(model, after, { x: seeded(SHAPE, 1, -5, 5) }, TOLERANCE);
  });
}

/** A Pad before a convolution of 3 x 3. */
function padded(
  pads: readonly number[],
  options: { opset?: number; mode?: string; value?: number; conv?: Parameters<typeof makeNode>[3] } = {},
) {
  const { opset = 22, mode = "constant", value, conv = {} } = options;
  const constants = new Map<string, Constant>([
    ["w", seeded([4, 2, 3, 3], 1)],
    ["p", integers([pads.length], pads)],
  ]);
  if (value !== undefined) constants.set("v", floats([], [value]));
  const inputs = ["x", "p", ...(value === undefined ? [] : ["v"])];
  const pad =
    opset < 11
      ? makeNode("Pad", ["x"], ["a"], { mode, pads: pads.map(BigInt), ...(value !== undefined && { value }) })
      : makeNode("Pad", inputs, ["a"], { mode });
  const nodes = [pad, makeNode("Conv", ["a", "w"], ["y"], conv)];
  return modelOf(nodes, { constants }, opset);
}

const PADS = [0, 0, 1, 0, 0, 0, 2, 1];

for (const model of [
  padded(PADS),
  padded(PADS, { value: 0 }),
  padded(PADS, { opset: 9 }),
  padded(PADS, { conv: { pads: [1n, 1n, 1n, 1n] } }),
]) {
  test(`a Pad of zeros becomes the convolution's: ${model.opsets.get("")} ${model.graph.constants.size}`, () => {
    const after = fusePatterns(model);
    assert.deepEqual(operators(after), ["Conv"]);
    assertSame(model, after, { x: seeded([1, 2, 6, 5], 2) }, 0);
  });
}

const UNPADDED: readonly [string, Model][] = [
  ["of other values", padded(PADS, { value: 1 })],
  ["of other values, in an old version", padded(PADS, { opset: 9, value: 1 })],
  ["that repeats", padded(PADS, { mode: "edge" })],
  ["of channels", padded([0, 1, 0, 0, 0, 0, 0, 0])],
  ["that cuts", padded([0, 0, 1, 0, 0, 0, -1, 0])],
  ["before padding that is found out at run time", padded(PADS, { conv: { auto_pad: "SAME_UPPER" } })],
];

for (const [what, model] of UNPADDED) {
  test(`kept: a Pad ${what}`, () => assert.equal(fusePatterns(model), model));
}

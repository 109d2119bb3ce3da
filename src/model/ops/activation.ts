// Functions of one value.

import { nodeRangeError } from "../../check.ts";
import type { FormatName } from "../../formats.ts";
import { floatOf, intOf, stringOf } from "../attributes.ts";
import { combiner, type FunctionName, mapFloats } from "../float.ts";
import { inFloat32, inFloats } from "../float-row.ts";
import { type Exact, exactOf, FLOATS, INTEGERS, leastOf, mostOf, viewsOf } from "../integers.ts";
import { type Call, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import { checkFormats, input } from "../site.ts";

/** The numbers of a node's function. */
type Parameters = (site: Site) => readonly number[];

/** A function by the kernel's name, or chosen by the node. */
type Named = FunctionName | ((site: Site) => FunctionName);

/** A function of floats, and of integers where it has one. */
function mapping(named: Named, parameters: Parameters = () => [], exact?: Exact<1>): Operator {
  return inFloat32({
    infer(site) {
      checkFormats(site, 0, exact ? [...FLOATS, ...INTEGERS] : FLOATS);
      const { format, shape } = input(site, 0);
      return [{ format, shape }];
    },
    compile(call) {
      const [x, y, n] = [input(call, 0), call.outputs[0] as Place, lengthOf(input(call, 0))];
      if (exact && x.format !== "float32") return compileExact(call, exactOf(exact, x.format));
      const name = typeof named === "string" ? named : named(call);
      const [alpha, beta] = parameters(call);
      return () => mapFloats(call.store, name, x.at, y.at, n, alpha, beta);
    },
  });
}

function compileExact(call: Call, f: (value: number) => number): () => void {
  const [x, y] = [input(call, 0), call.outputs[0] as Place];
  return () => {
    const [from, to] = viewsOf(call, [x, y]);
    for (let i = 0; i < to.length; i++) to[i] = f(from[i] as number);
  };
}

/** Attributes of floats, with their defaults. */
function floats(...attributes: readonly (readonly [name: string, fallback: number])[]): Parameters {
  return ({ node }) => attributes.map(([name, fallback]) => floatOf(node, name, fallback));
}

const gelu: Named = ({ node }) =>
  stringOf(node, "approximate", "none", ["none", "tanh"]) === "tanh" ? "ACTIVATION_GELU_TANH" : "ACTIVATION_GELU";

const ABS = { number: Math.abs, bigint: (a: bigint) => (a < 0n ? -a : a) };
const NEG = { number: (a: number) => -a, bigint: (a: bigint) => -a };
const RELU = { number: (a: number) => Math.max(a, 0), bigint: (a: bigint) => (a < 0n ? 0n : a) };
const SIGN = { number: Math.sign, bigint: (a: bigint) => (a > 0n ? 1n : a < 0n ? -1n : 0n) };

/** A function of x, then of its product with or sum with the second input, which is broadcast along the last axis. */
function withBias(name: FunctionName): Operator {
  return inFloat32({
    infer(site) {
      for (const i of [0, 1]) checkFormats(site, i, FLOATS);
      const { format, shape } = input(site, 0);
      const bias = site.inputs[1];
      if (bias) checkLast(site, shape, bias.shape);
      return [{ format, shape }];
    },
    compile(call) {
      const [x, bias, y] = [input(call, 0), call.inputs[1], call.outputs[0] as Place];
      const n = lengthOf(x);
      if (!bias) return () => mapFloats(call.store, name, x.at, y.at, n);
      const add = combiner(call.store, "OPERATION_ADD", x.shape, bias.shape, y.shape);
      return () => {
        add(x.at, bias.at, y.at);
        mapFloats(call.store, name, y.at, y.at, n);
      };
    },
  });
}

function checkLast({ node }: Site, shape: readonly number[], bias: readonly number[]): void {
  const last = shape.at(-1);
  if (bias.length !== 1 || bias[0] !== last) throw nodeRangeError(node, "bias", `shape [${last}]`, bias);
}

/** Swish of the first input times the second. */
const SWIGLU: Operator = inFloat32({
  infer(site) {
    for (const i of [0, 1]) checkFormats(site, i, FLOATS);
    const { format, shape } = input(site, 0);
    const other = input(site, 1).shape;
    if (other.join() !== shape.join()) throw nodeRangeError(site.node, "input 1", `shape [${shape}]`, other);
    return [{ format, shape }];
  },
  compile(call) {
    const [gate, value, y] = [input(call, 0), input(call, 1), call.outputs[0] as Place];
    const alpha = floatOf(call.node, "alpha", 1);
    const multiply = combiner(call.store, "OPERATION_MUL", y.shape, value.shape, y.shape);
    return () => {
      mapFloats(call.store, "ACTIVATION_SILU", gate.at, y.at, lengthOf(y), alpha);
      multiply(y.at, value.at, y.at);
    };
  },
});

/** Values held between two: attributes before opset 11, then inputs, either of which may be left out. */
const CLIP: Operator = inFloat32({
  infer(site) {
    const { format, shape } = input(site, 0);
    checkFormats(site, 0, [...FLOATS, ...INTEGERS]);
    for (const i of [1, 2]) {
      checkFormats(site, i, [format]);
      const bound = site.inputs[i];
      if (bound && lengthOf(bound) !== 1) throw nodeRangeError(site.node, `input ${i}`, "one number", bound.shape);
    }
    return [{ format, shape }];
  },
  compile(call) {
    const [x, y] = [input(call, 0), call.outputs[0] as Place];
    const isFloat = x.format === "float32";
    const least = isFloat ? floatOf(call.node, "min", -Infinity) : leastOf(x.format);
    const most = isFloat ? floatOf(call.node, "max", Infinity) : mostOf(x.format);
    const [low, high] = [call.inputs[1], call.inputs[2]];
    const bound = (place: Place | undefined, fallback: number) =>
      place ? (viewsOf(call, [place])[0][0] as number) : fallback;
    return () => {
      const [lo, hi] = [bound(low, least), bound(high, most)];
      if (isFloat) return mapFloats(call.store, "FUNCTION_CLIP", x.at, y.at, lengthOf(x), lo, hi);
      const [from, to] = viewsOf(call, [x, y]);
      for (let i = 0; i < to.length; i++) {
        const raised = (from[i] as number) < lo ? lo : (from[i] as number);
        to[i] = raised > hi ? hi : raised;
      }
    };
  },
});

/** A test of one value. */
function testing(formats: readonly FormatName[], testOf: (site: Site) => (value: number) => boolean): Operator {
  return inFloats({
    infer(site) {
      checkFormats(site, 0, formats);
      return [{ format: "bool", shape: input(site, 0).shape }];
    },
    compile(call) {
      const test = testOf(call);
      return compileExact(call, (value) => +test(value));
    },
  });
}

function infinityTest({ node }: Site): (value: number) => boolean {
  const [below, above] = [intOf(node, "detect_negative", 1), intOf(node, "detect_positive", 1)];
  return (value) => (value === Infinity && above !== 0) || (value === -Infinity && below !== 0);
}

const BITWISE_NOT: Operator = {
  infer(site) {
    checkFormats(site, 0, INTEGERS);
    const { format, shape } = input(site, 0);
    return [{ format, shape }];
  },
  compile: (call) =>
    compileExact(call, exactOf({ number: (a: number) => ~a, bigint: (a: bigint) => ~a }, input(call, 0).format)),
};

/** Functions of floats without numbers of their own. */
const PLAIN: Readonly<Record<string, FunctionName>> = {
  Acos: "FUNCTION_ACOS",
  Acosh: "FUNCTION_ACOSH",
  Asin: "FUNCTION_ASIN",
  Asinh: "FUNCTION_ASINH",
  Atan: "FUNCTION_ATAN",
  Atanh: "FUNCTION_ATANH",
  Ceil: "FUNCTION_CEIL",
  Cos: "FUNCTION_COS",
  Cosh: "FUNCTION_COSH",
  Erf: "ACTIVATION_ERF",
  Exp: "ACTIVATION_EXP",
  Floor: "FUNCTION_FLOOR",
  HardSwish: "ACTIVATION_HARD_SWISH",
  Log: "ACTIVATION_LOG",
  Mish: "ACTIVATION_MISH",
  Reciprocal: "FUNCTION_RECIPROCAL",
  Round: "FUNCTION_ROUND",
  Sigmoid: "ACTIVATION_SIGMOID",
  Sin: "FUNCTION_SIN",
  Sinh: "FUNCTION_SINH",
  Softplus: "ACTIVATION_SOFTPLUS",
  Softsign: "ACTIVATION_SOFTSIGN",
  Sqrt: "ACTIVATION_SQRT",
  Tan: "FUNCTION_TAN",
  Tanh: "ACTIVATION_TANH",
};

export const ACTIVATIONS: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(Object.entries(PLAIN).map(([op, name]) => [op, mapping(name)])),
  Abs: mapping("FUNCTION_ABS", undefined, ABS),
  BitwiseNot: BITWISE_NOT,
  Celu: mapping("FUNCTION_CELU", floats(["alpha", 1])),
  Clip: CLIP,
  Elu: mapping("ACTIVATION_ELU", floats(["alpha", 1])),
  Gelu: mapping(gelu),
  HardSigmoid: mapping("ACTIVATION_HARD_SIGMOID", floats(["alpha", 0.2], ["beta", 0.5])),
  IsInf: testing(FLOATS, infinityTest),
  IsNaN: testing(FLOATS, () => Number.isNaN),
  LeakyRelu: mapping("ACTIVATION_LEAKY_RELU", floats(["alpha", 0.01])),
  Neg: mapping("FUNCTION_NEG", undefined, NEG),
  Not: testing(["bool"], () => (value) => value === 0),
  Relu: mapping("ACTIVATION_RELU", undefined, RELU),
  Selu: mapping("FUNCTION_SELU", floats(["alpha", 1.6732632], ["gamma", 1.050701])),
  Sign: mapping("FUNCTION_SIGN", undefined, SIGN),
  SwiGLU: SWIGLU,
  Swish: mapping("ACTIVATION_SILU", floats(["alpha", 1])),
  ThresholdedRelu: mapping("FUNCTION_THRESHOLDED_RELU", floats(["alpha", 1])),
  "com.microsoft:BiasGelu": withBias("ACTIVATION_GELU"),
  "com.microsoft:FastGelu": withBias("ACTIVATION_GELU_TANH"),
  "com.microsoft:Gelu": mapping("ACTIVATION_GELU"),
  "com.microsoft:QuickGelu": mapping("ACTIVATION_SILU", floats(["alpha", 1.702])),
};

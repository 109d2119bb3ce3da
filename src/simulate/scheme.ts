// What is to be quantized, and how: one object for simulation, calibration, conversion and the command line's flags.

import { checkFlag, checkOptions, rangeError } from "../check.ts";
import { checkFormatName } from "../check-format.ts";
import type { FormatName } from "../formats.ts";
import type { Node } from "../model/graph.ts";
import { operatorName } from "../model/ops/index.ts";
import { QUANTIZABLE } from "../model/quantizable.ts";
import { type Target, targetOf } from "../tensor/parameters.ts";
import { checkRange, type Range } from "../tensor/range.ts";
import { type CodeFormat, codeFormat } from "../tensor/tensor.ts";

/** How a tensor's values become codes. A format's name stands for one with defaults. */
export interface TensorScheme {
  readonly format: FormatName;
  /** Fewer bits than the format has. */
  readonly bits?: number;
  /** Default: of signed formats, as in {@link quantize}. */
  readonly symmetric?: boolean;
  /** Whether a signed format's lowest code is left out; default: of weights. */
  readonly narrow?: boolean;
  /** Whether scales are powers of two. */
  readonly powerOfTwo?: boolean;
}

/** How weights are quantized. */
export interface WeightScheme extends TensorScheme {
  /** Whether every output channel has its scale; default true. */
  readonly perChannel?: boolean;
  /** A scale for so many weights along the reduced axis: weight-only quantization of matrix products. */
  readonly block?: number;
  /** Default `"minmax"`. */
  readonly range?: Range;
}

/** How activations are quantized: one scale a tensor. */
export interface ActivationScheme extends TensorScheme {
  /** Default `"auto"`: of the methods, the one with the least error of the model's outputs on the calibration samples. */
  readonly range?: Range | "auto";
}

/** What a node does otherwise than the rest of the model. */
export interface NodeScheme {
  readonly weights?: FormatName | WeightScheme;
  readonly activations?: FormatName | ActivationScheme;
  /** Whether the node is left in float. */
  readonly skip?: boolean;
}

/** What is quantized and how. All of it has defaults. */
export interface Scheme {
  /** Default int8, symmetric, narrow, a scale a channel. `"float16"` and other float formats store weights only. */
  readonly weights?: FormatName | WeightScheme;
  /**
   * Default uint8. `"float32"`: weights alone are quantized; `"dynamic"`: activations are quantized as they come, with ranges of
   * their own every time. Neither needs calibration, and operators that octavo does not know pass through untouched.
   */
  readonly activations?: FormatName | "dynamic" | ActivationScheme;
  /** Whether biases are rounded to int32 in a simulation as well; default false. */
  readonly bias?: boolean;
  /** By a node's name, or an operator's; the name counts more. */
  readonly nodes?: Readonly<Record<string, NodeScheme>>;
}

/** How a tensor is quantized, checked and with all defaults. */
export interface Chosen<S extends TensorScheme = WeightScheme | ActivationScheme> {
  readonly scheme: S;
  readonly target: Target;
}

/** How a node is quantized; what is absent stays in float. */
export interface ChosenNode {
  readonly weights?: Chosen<WeightScheme>;
  readonly activations?: Chosen<ActivationScheme>;
  readonly skip: boolean;
}

const TENSOR_KEYS = ["format", "bits", "symmetric", "narrow", "powerOfTwo", "range"];
const WEIGHT_KEYS = [...TENSOR_KEYS, "perChannel", "block"];
/** Weights that may have one scale, as onnxruntime has them. */
const BLOCKS = [16, 32, 64, 128, 256];
export const SCHEME_KEYS = ["weights", "activations", "bias", "nodes"];

/** A tensor's scheme, checked; undefined for a format that values are computed in. */
function choose<S extends WeightScheme | ActivationScheme>(
  given: FormatName | S,
  keys: readonly string[],
  defaults: (codes: CodeFormat) => Partial<S>,
  of: string,
): Chosen<S> | undefined {
  const options = typeof given === "string" ? ({ format: given } as S) : checkOptions(given, keys, of);
  const row = checkFormatName(options.format, `${of}.format`);
  if (row.name === "float32") return undefined;
  if (row.kind === "block") throw rangeError(`${of}.format`, "a format with a scale a tensor or a channel", row.name);
  const codes = codeFormat(row, `${of}.format`);
  const { range, symmetric = row.kind === "float" || isSigned(codes), ...others } = { ...defaults(codes), ...options };
  if (range !== "auto") checkRange(range, codes);
  const scheme = { ...others, symmetric, ...(range !== undefined && { range }) } as unknown as S;
  return { scheme, target: targetOf(codes, scheme) };
}

const isSigned = (codes: CodeFormat) => codes.kind === "integer" && codes.signed;

const weightDefaults = (codes: CodeFormat) => ({ perChannel: true, narrow: isSigned(codes) });
const activationDefaults = () => ({ range: "auto" }) as const;

function chooseWeights(given: FormatName | WeightScheme, of: string): Chosen<WeightScheme> | undefined {
  const chosen = choose(given, WEIGHT_KEYS, weightDefaults, of);
  const { perChannel, block } = chosen?.scheme ?? {};
  checkFlag(perChannel, `${of}.perChannel`);
  if (block !== undefined && !BLOCKS.includes(block)) throw rangeError(`${of}.block`, BLOCKS.join(" or "), block);
  return chosen;
}

function chooseActivations(given: FormatName | ActivationScheme, of: string): Chosen<ActivationScheme> | undefined {
  const chosen = choose(given, TENSOR_KEYS, activationDefaults, of);
  const codes = chosen?.target.codes;
  if (codes && codes.bits > (codes.kind === "float" ? 8 : 16)) {
    throw rangeError(`${of}.format`, "integers of at most 16 bits, floats of at most 8, or float32", codes.name);
  }
  return chosen;
}

/** What a scheme's `nodes` say, checked. */
type Override = {
  weights?: Chosen<WeightScheme> | undefined;
  activations?: Chosen<ActivationScheme> | undefined;
  skip?: boolean;
};

function override(given: NodeScheme, of: string): Override {
  const { weights, activations, skip } = checkOptions(given, ["weights", "activations", "skip"], of);
  checkFlag(skip, `${of}.skip`);
  return {
    ...(weights !== undefined && { weights: chooseWeights(weights, `${of}.weights`) }),
    ...(activations !== undefined && { activations: chooseActivations(activations, `${of}.activations`) }),
    ...(skip !== undefined && { skip }),
  };
}

/**
 * Says how each node is quantized.
 * @throws TypeError or RangeError for what a scheme cannot have: unknown keys, formats, nodes that are not in the model
 */
export function chooserOf(scheme: Scheme | undefined, nodes: readonly Node[]): (node: Node) => ChosenNode {
  const {
    weights = "int8",
    activations = "uint8",
    bias,
    nodes: given = {},
  } = checkOptions(scheme, SCHEME_KEYS, "simulate");
  checkFlag(bias, "bias");
  const known = new Set([...QUANTIZABLE, ...nodes.flatMap((node) => [node.name, operatorName(node)])]);
  const strange = Object.keys(given).find((name) => !known.has(name));
  if (strange !== undefined) throw rangeError("nodes", "names of the model's nodes or operators", strange);
  const others = new Map(Object.entries(given).map(([name, each]) => [name, override(each, `nodes.${name}`)]));
  const all: Override = {
    weights: chooseWeights(weights, "weights"),
    activations: activations === "dynamic" ? undefined : chooseActivations(activations, "activations"),
  };
  return (node) => {
    const chosen = { skip: false, ...all, ...others.get(operatorName(node)), ...others.get(node.name) };
    return chosen as ChosenNode;
  };
}

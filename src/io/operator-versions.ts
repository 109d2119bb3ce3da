// Versions of ONNX's operator sets: since when each operator is there, and since when forms of it are.

import { constantOf, type Graph, graphsOf, NEWEST, type Node, OLDEST } from "../model/graph.ts";

/** Operators by the version that they came with; those of `OLDEST` or before by that. */
const OPERATORS: Readonly<Record<number, string>> = {
  6: `Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv ConvTranspose
    DepthToSpace Div Dropout Elu Equal Exp Flatten Floor GRU Gather Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool
    Greater HardSigmoid Hardmax Identity If InstanceNormalization LRN LSTM LeakyRelu Less Log LogSoftmax Loop
    LpNormalization LpPool MatMul Max MaxPool MaxRoiPool Mean Min Mul Neg Not Or PRelu Pad Pow RNN RandomNormal
    RandomNormalLike RandomUniform RandomUniformLike Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Selu Shape Sigmoid Size Slice Softmax
    Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Unsqueeze Upsample Xor`,
  7: "Acos Asin Atan Cos Multinomial Sin Tan",
  8: "Expand Scan",
  9: `Acosh Asinh Atanh ConstantOfShape Cosh Erf EyeLike IsNaN MaxUnpool MeanVarianceNormalization NonZero OneHot Scatter
    Shrink Sign Sinh TfIdfVectorizer Where`,
  10: `ConvInteger DequantizeLinear IsInf MatMulInteger Mod NonMaxSuppression QLinearConv QLinearMatMul QuantizeLinear
    Resize ReverseSequence RoiAlign StringNormalizer ThresholdedRelu`,
  11: `BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND Range Round ScatterElements
    ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SplitToSequence
    Unique`,
  12: "Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
  14: "HardSwish Trilu",
  15: "Bernoulli CastLike Optional OptionalGetElement OptionalHasElement",
  16: "GridSample",
  17: "BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap",
  18: "BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization Mish",
  19: "DeformConv",
  20: "AffineGrid Gelu ImageDecoder RegexFullMatch StringConcat StringSplit",
  23: "Attention RMSNormalization RotaryEmbedding",
  24: "Swish TensorScatter",
};

function byName(rows: Readonly<Record<number, string>>): ReadonlyMap<string, number> {
  const entries = Object.entries(rows).flatMap(([version, names]) =>
    names.split(/\s+/).map((name) => [name, Number(version)] as const),
  );
  return new Map(entries);
}

/** Made when it is first asked for. */
let since: ReadonlyMap<string, number> | undefined;

/** Since when quantizers take formats, where not from their beginning. */
const FORMATS: Readonly<Record<string, number>> = {
  float16: 19,
  bfloat16: 19,
  float8_e4m3fn: 19,
  float8_e4m3fnuz: 19,
  float8_e5m2: 19,
  float8_e5m2fnuz: 19,
  int4: 21,
  uint4: 21,
  int16: 21,
  uint16: 21,
  float4_e2m1fn: 23,
  int2: 25,
  uint2: 25,
};

/** Since when quantizers have attributes. */
const ATTRIBUTES: Readonly<Record<string, number>> = {
  axis: 13,
  saturate: 19,
  block_size: 21,
  output_dtype: 21,
  precision: 23,
};

/** Casts' versions: those of formats that they did not always take. */
function sinceOfCast(graph: Graph, node: Node): number {
  return constantOf(graph, node.inputs[0] ?? "")?.format === "bfloat16" ? 13 : 0;
}

/** Quantizers' versions: what their attributes ask for, scales for an axis, and formats of their constants. */
function sinceOfQuantizer(graph: Graph, node: Node): number {
  const attributes = Array.from(node.attributes.keys(), (name) => ATTRIBUTES[name] ?? 0);
  const constants = node.inputs.flatMap((name) => constantOf(graph, name) ?? []);
  const formats = constants.map(({ format }) => FORMATS[format] ?? 0);
  const scale = constantOf(graph, node.inputs[1] ?? "");
  return Math.max(...attributes, ...formats, scale && scale.data.length > 1 ? (ATTRIBUTES.axis as number) : 0);
}

/** Since when an operator of ONNX's own is there; undefined if octavo does not know it. */
export function sinceOf({ op }: Node): number | undefined {
  since ??= byName(OPERATORS);
  return since.get(op);
}

/** Operators of which not all forms are as old as they. */
const FORMS = new Map([
  ["Cast", sinceOfCast],
  ["DequantizeLinear", sinceOfQuantizer],
  ["QuantizeLinear", sinceOfQuantizer],
]);

/** The lowest version that has all nodes of a graph as they are. */
export function versionNeeded(graph: Graph): number {
  const versions = graph.nodes.map((node) => {
    const inner = [...node.attributes.values()].flatMap(graphsOf).map(versionNeeded);
    const own = node.domain === "" ? Math.max(sinceOf(node) ?? 0, FORMS.get(node.op)?.(graph, node) ?? 0) : 0;
    return Math.max(own, ...inner);
  });
  return versions.reduce((most, version) => Math.max(most, version), OLDEST);
}

/** The lowest version of the file format that goes with operator sets up to one. */
const FORMATS_OF_FILES: readonly (readonly [opset: number, ir: number])[] = [
  [8, 3],
  [9, 4],
  [10, 5],
  [11, 6],
  [14, 7],
  [18, 8],
  [20, 9],
  [22, 10],
  [23, 11],
  [24, 12],
  [NEWEST, 13],
];

/** The lowest version of the file format that an operator set goes with. */
export function irOf(version: number): number {
  return (FORMATS_OF_FILES.find(([last]) => version <= last) as readonly [number, number])[1];
}

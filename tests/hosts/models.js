// What the smoke test does with models: every operator at least once, written as an ONNX file, read back and run.

import { bell, randomBytes } from "./inputs.js";

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** Bell-shaped floats. */
const f = (...shape) => ({ format: "float32", shape, data: bell(sizeOf(shape), 200 + shape.length) });

/** The same, held within [0.1, 0.9]. */
function positive(...shape) {
  const { data, ...rest } = f(...shape);
  return { ...rest, data: data.map((x) => 0.1 + 0.8 * Math.abs(x - Math.trunc(x))) };
}

/** Floats of one list of numbers. */
const of = (...values) => ({ format: "float32", shape: [values.length], data: Float32Array.from(values) });
const scalar = (value) => ({ format: "float32", shape: [], data: Float32Array.of(value) });
const ints = (...values) => ({ format: "int64", shape: [values.length], data: BigInt64Array.from(values, BigInt) });
const int = (value) => ({ ...ints(value), shape: [] });
const codes = (format, ...shape) => {
  const bytes = randomBytes(sizeOf(shape), 220 + shape.length);
  return { format, shape, data: format === "int8" ? new Int8Array(bytes.buffer) : bytes };
};
const u8 = (...shape) => codes("uint8", ...shape);
const i8 = (...shape) => codes("int8", ...shape);
const code = (value) => ({ format: "uint8", shape: [], data: Uint8Array.of(value) });
const signed = (value) => ({ format: "int8", shape: [], data: Int8Array.of(value) });
const bools = (...shape) => ({ format: "bool", shape, data: randomBytes(sizeOf(shape), 230).map((x) => x & 1) });
const sums = (...shape) => ({
  format: "int32",
  shape,
  data: Int32Array.from(bell(sizeOf(shape), 240), (x) => Math.trunc(x * 900)),
});

/** Scale and zero of uint8 codes. */
const quantizer = (scale, zero) => [scalar(scale), code(zero)];

/** The inputs of a QLinearConv of images with 6 channels. */
const convolution = (x) => [
  x,
  ...quantizer(0.02, 130),
  i8(5, 6, 3, 3),
  scalar(0.01),
  signed(0),
  ...quantizer(0.05, 100),
  sums(5),
];

const IMAGE = f(2, 6, 9, 7);

/** A subgraph of one node on a constant. */
const branch = (op) => ({
  name: op,
  nodes: [{ name: "", op, domain: "", inputs: ["w"], outputs: ["v"], attributes: new Map() }],
  inputs: [],
  outputs: [{ name: "v" }],
  values: [],
  constants: new Map([["w", f(35)]]),
});
const MICROSOFT = "com.microsoft:";

/** An operator of a number of inputs on the same floats. */
const each = (names, ...cases) => names.split(" ").flatMap((op) => cases.map((inputs) => [op, inputs]));

/** [operator, inputs, attributes, outputs (1), version of the operator set (22)] each; an attribute's bigints are integers. */
const NODES = [
  ...each("Abs Ceil Cos Cosh Erf Exp Floor Neg Round Sign Sin Sinh Tan Tanh Atan Asinh Identity IsNaN", [f(3, 35)]),
  ...each("Acos Asin Atanh Sqrt Log Reciprocal", [positive(3, 35)]),
  ["Acosh", [of(1, 1.5, 2, 700)]],
  ["IsInf", [of(1, Infinity, -Infinity, Number.NaN)]],
  ...each(
    "Celu Elu Gelu HardSigmoid HardSwish LeakyRelu Mish Relu Selu Sigmoid Softplus Softsign",
    [f(5, 31)],
    [f(4099)],
  ),
  ...each("ThresholdedRelu Hardmax LogSoftmax Softmax Dropout", [f(5, 31)]),
  ["Gelu", [f(5, 31)], { approximate: "tanh" }],
  ["Swish", [f(5, 31)], {}, 1, 24],
  ["SwiGLU", [f(5, 32), f(5, 32)], {}, 1, 28],
  ["PRelu", [f(2, 3, 5), f(3, 1)]],
  ["Clip", [f(5, 31), scalar(-0.5), scalar(1)]],
  ...each(
    "Add Sub Mul Div Pow Max Min Mean Sum Greater Less Equal GreaterOrEqual LessOrEqual",
    [f(2, 3, 37), f(3, 1)],
    [positive(3, 5), f(3, 5)],
  ),
  ["Mod", [f(3, 5), positive(3, 5)], { fmod: 1n }],
  ...each("Mod BitwiseAnd BitwiseOr BitwiseXor", [ints(7, -8, 9), ints(3, 5, -2)]),
  ["BitwiseNot", [ints(7, -8)]],
  ["BitShift", [u8(7), code(2)], { direction: "LEFT" }],
  ...each("And Or Xor", [bools(3, 5), bools(5)]),
  ["Not", [bools(7)]],
  ["Where", [bools(3, 5), f(3, 5), f(5)]],
  ["Einsum", [f(2, 3, 5), f(2, 4, 5)], { equation: "bik,bjk->jbi" }],
  ["If", [bools()], { then_branch: branch("Exp"), else_branch: branch("Erf") }],
  ...[
    "ReduceL1",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
  ].flatMap((op) => [
    [op, [f(4, 5, 33), ints(1)]],
    [op, [f(4, 5, 33), ints(0, 2)], { keepdims: 0n }],
  ]),
  ...each("ReduceLogSum ReduceLogSumExp", [positive(4, 5, 33), ints(2)]),
  ...each("ArgMax ArgMin", [f(4, 33)]),
  ["CumSum", [f(4, 33), int(1)], { exclusive: 1n, reverse: 1n }],
  ["TopK", [f(4, 33), ints(5)], {}, 2],
  ["MaxPool", [IMAGE], { kernel_shape: [3n, 2n], strides: [2n, 1n], pads: [1n, 0n, 1n, 1n] }, 2],
  ["AveragePool", [IMAGE], { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n], ceil_mode: 1n, strides: [2n, 2n] }],
  ["LpPool", [IMAGE], { kernel_shape: [2n, 2n] }],
  ...each("GlobalAveragePool GlobalMaxPool GlobalLpPool", [IMAGE]),
  ["BatchNormalization", [IMAGE, f(6), f(6), f(6), positive(6)]],
  ["LayerNormalization", [f(4, 33), f(33), f(33)], {}, 3],
  ["RMSNormalization", [f(4, 33), f(33)], {}, 1, 23],
  ["SimplifiedLayerNormalization", [f(4, 33), f(33)]],
  [`${MICROSOFT}SkipLayerNormalization`, [f(2, 3, 8), f(2, 3, 8), f(8), f(8)], { epsilon: 0.001 }],
  ["InstanceNormalization", [IMAGE, f(6), f(6)]],
  ["GroupNormalization", [IMAGE, f(6), f(6)], { num_groups: 3n }],
  ["LpNormalization", [f(4, 33)]],
  ["LRN", [IMAGE], { size: 3n }],
  ["MeanVarianceNormalization", [IMAGE]],
  ["Conv", [IMAGE, f(13, 6, 3, 3), f(13)], { pads: [1n, 1n, 1n, 1n] }],
  ["Conv", [IMAGE, f(6, 1, 3, 3)], { group: 6n, strides: [2n, 2n] }],
  ["Conv", [IMAGE, f(8, 3, 2, 3)], { group: 2n, dilations: [2n, 1n], auto_pad: "SAME_UPPER" }],
  ["Conv", [f(1, 37, 11, 5), f(21, 37, 1, 1)]],
  ["ConvTranspose", [IMAGE, f(6, 5, 3, 3), f(5)], { strides: [2n, 3n], pads: [1n, 0n, 0n, 1n] }],
  ["Gemm", [f(5, 33), f(19, 33), f(19)], { transB: 1n, alpha: 0.5, beta: 2 }],
  ["MatMul", [f(2, 7, 33), f(33, 19)]],
  ["MatMul", [f(33), f(33, 50)]],
  [`${MICROSOFT}FusedConv`, [IMAGE, f(13, 6, 1, 1), f(13)], { activation: "Relu" }],
  [`${MICROSOFT}FusedGemm`, [f(5, 33), f(33, 19), f(19)], { activation: "LeakyRelu", leaky_relu_alpha: 0.1 }],
  [`${MICROSOFT}FusedMatMul`, [f(5, 33), f(33, 19)], { alpha: 0.25 }],
  [`${MICROSOFT}FusedMatMulActivation`, [f(5, 33), f(33, 19)], { activation: "Tanh" }],
  ...each(`${MICROSOFT}Gelu ${MICROSOFT}FastGelu ${MICROSOFT}QuickGelu`, [f(5, 31)]),
  [`${MICROSOFT}BiasGelu`, [f(5, 31), f(31)]],
  ["LSTM", [f(3, 2, 5), f(2, 16, 5), f(2, 16, 4), f(2, 32)], { hidden_size: 4n, direction: "bidirectional" }, 3],
  ["GRU", [f(3, 2, 5), f(1, 12, 5), f(1, 12, 4), f(1, 24)], { hidden_size: 4n, linear_before_reset: 1n }, 2],
  ["RNN", [f(3, 2, 5), f(1, 4, 5), f(1, 4, 4)], { hidden_size: 4n }, 2],
  ["Attention", [f(1, 2, 5, 8), f(1, 2, 7, 8), f(1, 2, 7, 8)], { is_causal: 1n }, 1, 23],
  ["RotaryEmbedding", [f(2, 3, 5, 8), f(2, 5, 4), f(2, 5, 4)], {}, 1, 23],
  [`${MICROSOFT}RotaryEmbedding`, [f(2, 3, 8), { ...ints(0, 1, 2, 2, 1, 0), shape: [2, 3] }, f(5, 4), f(5, 4)]],
  ["Resize", [f(1, 2, 5, 7), undefined, of(1, 1, 1.7, 2.3)], { mode: "linear" }],
  ["Resize", [f(1, 2, 5, 7), undefined, undefined, ints(1, 2, 8, 3)], { mode: "cubic" }],
  ["Upsample", [f(1, 2, 5, 7), of(1, 1, 2, 3)], { mode: "nearest" }, 1, 9],
  ["Cast", [f(3, 35)], { to: 10n }],
  ["Cast", [f(3, 35)], { to: 19n }],
  ["CastLike", [f(3, 35), u8(1)]],
  ["Concat", [f(2, 3), f(2, 5)], { axis: 1n }],
  ["Constant", [], { value_ints: [3n, -4n] }],
  ["ConstantOfShape", [ints(2, 3)]],
  ["DepthToSpace", [f(1, 8, 2, 3)], { blocksize: 2n }],
  ["SpaceToDepth", [f(1, 2, 4, 6)], { blocksize: 2n }],
  ["Expand", [f(3, 1), ints(2, 3, 4)]],
  ["EyeLike", [f(3, 4)]],
  ["Flatten", [f(2, 3, 4)]],
  ["Gather", [f(5, 4), ints(3, 0, -1)]],
  ["GatherElements", [f(3, 2), { ...ints(0, 1), shape: [1, 2] }]],
  ["GatherND", [f(3, 2), { ...ints(0, 1, 2, 0), shape: [2, 2] }]],
  ["ScatterElements", [f(3, 2), { ...ints(0, 1), shape: [1, 2] }, f(1, 2)]],
  ["Scatter", [f(3, 2), { ...ints(0, 1), shape: [1, 2] }, f(1, 2)], {}, 1, 9],
  ["ScatterND", [f(3, 2), { ...ints(0, 2), shape: [2, 1] }, f(2, 2)], { reduction: "add" }],
  ["NonZero", [bools(3, 5)]],
  ["OneHot", [ints(1, 0, 2), int(3), of(0, 5)]],
  ["Pad", [f(2, 5), ints(1, 2, 0, 1)], { mode: "reflect" }],
  ["Range", [int(3), int(17), int(4)]],
  ["Reshape", [f(4, 6), ints(0, -1, 2)]],
  ["Shape", [f(4, 6)]],
  ["Size", [f(4, 6)]],
  ["Slice", [f(9, 7), ints(8, 1), ints(-10, 9), ints(0, 1), ints(-2, 3)]],
  ["Split", [f(4, 6), ints(1, 5)], { axis: 1n }, 2],
  ["Squeeze", [f(1, 4, 1)]],
  ["Unsqueeze", [f(4, 6), ints(0, 3)]],
  ["Tile", [f(2, 3), ints(2, 2)]],
  ["Transpose", [f(2, 9, 33, 5)], { perm: [0n, 2n, 3n, 1n] }],
  ["Trilu", [f(4, 6)]],
  ["QuantizeLinear", [f(3, 35), ...quantizer(0.02, 120)]],
  ["QuantizeLinear", [f(3, 4), positive(3)], { axis: 0n, output_dtype: 17n }],
  ["DequantizeLinear", [i8(3, 4), positive(4), i8(4)], { axis: 1n }],
  ["DynamicQuantizeLinear", [f(3, 35)], {}, 3],
  ["QLinearConv", convolution(u8(1, 6, 9, 7))],
  [`${MICROSOFT}QLinearConv`, convolution(u8(1, 9, 7, 6)), { channels_last: 1n, clamp: [90n, 130n] }],
  ["octavo:MaxPool", [u8(1, 9, 7, 19)], { kernel_shape: [3n, 2n], channels_last: 1n }],
  [
    `${MICROSOFT}QLinearConv`,
    [u8(2, 6, 9, 7), ...quantizer(0.02, 130), i8(6, 1, 3, 3), scalar(0.01), signed(0), ...quantizer(0.05, 100)],
    { group: 6n, clamp: [100n, 200n] },
  ],
  [
    "octavo:QLinearConvTranspose",
    [u8(2, 6, 5, 4), ...quantizer(0.02, 130), i8(6, 3, 3, 2), scalar(0.01), signed(0), ...quantizer(0.05, 100)],
    { strides: [2n, 3n], pads: [1n, 0n, 0n, 1n] },
  ],
  [
    "octavo:Quantizer",
    [f(3, 35), scalar(0.02), { format: "int32", shape: [], data: Int32Array.of(120) }],
    { format: "uint8", lo: 0n, hi: 255n },
  ],
  ["octavo:LookUp", [u8(5, 33), u8(256)]],
  ["QLinearMatMul", [u8(5, 33), ...quantizer(0.02, 130), u8(33, 7), ...quantizer(0.01, 120), ...quantizer(0.05, 100)]],
  ["MatMulInteger", [u8(5, 33), i8(33, 7), code(3)]],
  ["ConvInteger", [u8(1, 6, 9, 7), u8(5, 6, 3, 3), code(3)]],
  [
    `${MICROSOFT}QGemm`,
    [u8(5, 33), ...quantizer(0.02, 130), u8(33, 7), ...quantizer(0.01, 120), sums(7), ...quantizer(0.05, 100)],
  ],
  ...each(`${MICROSOFT}QLinearAdd ${MICROSOFT}QLinearMul`, [
    u8(5, 33),
    ...quantizer(0.02, 130),
    u8(33),
    ...quantizer(0.01, 120),
    ...quantizer(0.05, 100),
  ]),
  ...each(`${MICROSOFT}QLinearSigmoid ${MICROSOFT}QLinearLeakyRelu`, [
    u8(5, 33),
    ...quantizer(0.02, 130),
    ...quantizer(0.05, 100),
  ]),
  [`${MICROSOFT}QLinearSoftmax`, [u8(5, 33), ...quantizer(0.02, 130), ...quantizer(1 / 256, 0)], { opset: 13n }],
  [
    `${MICROSOFT}QLinearAveragePool`,
    [u8(1, 6, 9, 7), ...quantizer(0.02, 130), ...quantizer(0.05, 100)],
    { kernel_shape: [3n, 2n] },
  ],
  [
    `${MICROSOFT}QLinearGlobalAveragePool`,
    [u8(1, 6, 9, 7), ...quantizer(0.02, 130), ...quantizer(0.05, 100)],
    { channels_last: 0n },
  ],
  [`${MICROSOFT}QLinearReduceMean`, [u8(4, 9), ...quantizer(0.02, 130), ...quantizer(0.05, 100)], { axes: [1n] }],
  [
    `${MICROSOFT}QLinearConcat`,
    [...quantizer(0.05, 100), u8(2, 9), ...quantizer(0.02, 130), u8(2, 5), ...quantizer(0.01, 3)],
    { axis: 1n },
  ],
  [
    `${MICROSOFT}QLinearWhere`,
    [bools(5, 33), u8(5, 33), ...quantizer(0.02, 130), u8(33), ...quantizer(0.01, 120), ...quantizer(0.05, 100)],
  ],
  [`${MICROSOFT}QuantizeLinear`, [f(3, 35), ...quantizer(0.02, 120)]],
  [`${MICROSOFT}DequantizeLinear`, [u8(3, 35), ...quantizer(0.02, 120)]],
  [`${MICROSOFT}DynamicQuantizeMatMul`, [f(5, 33), i8(33, 7), scalar(0.01)]],
  [`${MICROSOFT}MatMulIntegerToFloat`, [u8(5, 33), i8(33, 7), scalar(0.02), scalar(0.01)]],
  [`${MICROSOFT}MatMulNBits`, [f(3, 64), u8(8, 2, 16), positive(16)], { K: 64n, N: 8n, bits: 4n, block_size: 32n }],
];

function attributeOf(value) {
  if (typeof value === "bigint") return { kind: "int", value };
  if (typeof value === "number") return { kind: "float", value };
  if (Array.isArray(value)) return { kind: "ints", value };
  return typeof value === "string" ? { kind: "string", value } : { kind: "graph", value };
}

/** A model of one node; the inputs from `fed` on are constants. */
function modelOf([name, inputs, attributes = {}, count = 1, opset = 22], fed) {
  const [op, domain = ""] = name.split(":").reverse();
  const names = Array.from(inputs, (input, i) => (input ? `x${i}` : ""));
  const outputs = Array.from({ length: count }, (_, i) => ({ name: `y${i}` }));
  const given = inputs.map((tensor, i) => [`x${i}`, tensor]).filter(([, tensor]) => tensor);
  const entries = Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)]);
  const node = {
    name,
    op,
    domain,
    inputs: names,
    outputs: outputs.map(({ name }) => name),
    attributes: new Map(entries),
  };
  const graph = {
    name: "exercise",
    nodes: [node],
    inputs: given.slice(0, fed).map(([input, { format, shape }]) => ({ name: input, format, shape })),
    outputs,
    values: [],
    constants: new Map(given.slice(fed)),
  };
  const opsets = new Map([
    ["", opset],
    ["com.microsoft", 1],
    ["octavo", 1],
  ]);
  return { model: { graph, opsets, ir: 10, metadata: new Map() }, feeds: Object.fromEntries(given.slice(0, fed)) };
}

/** Names of the operators that are exercised. */
export const OPERATORS = [...new Set(NODES.map(([op]) => op))];

/** Every operator's model, read from what was written of it: with its inputs fed, and with all but the first constant. */
function* models(octavo) {
  for (const node of NODES) {
    for (const fed of [node[1].length, 1]) {
      const { model, feeds } = modelOf(node, fed);
      yield { model: octavo.readOnnx(octavo.writeOnnx(model)), feeds };
    }
  }
}

/** A convolution, its batch norm, and a hard swish as exporters write it. */
function network() {
  const { model } = modelOf(["Conv", [f(1, 6, 9, 7), f(5, 6, 3, 3)]], 1);
  const node = (op, inputs, output) => ({
    name: output,
    op,
    domain: "",
    inputs,
    outputs: [output],
    attributes: new Map(),
  });
  const nodes = [
    ...model.graph.nodes,
    node("BatchNormalization", ["y0", "gamma", "beta", "beta", "variance"], "n"),
    node("Relu", ["n"], "r"),
    node("Identity", ["r"], "i"),
    node("Add", ["i", "three"], "a"),
    node("Clip", ["a", "zero", "six"], "c"),
    node("Mul", ["i", "c"], "m"),
    node("Div", ["m", "six"], "y"),
  ];
  const constants = new Map([
    ...model.graph.constants,
    ["gamma", f(5)],
    ["beta", positive(5)],
    ["variance", positive(5)],
    ["zero", scalar(0)],
    ["three", scalar(3)],
    ["six", scalar(6)],
  ]);
  return { ...model, graph: { ...model.graph, nodes, constants, outputs: [{ name: "y" }] } };
}

/** An exercise of a pass: the file of what it makes, and what that gives. */
function pass(name) {
  return (octavo, record) => {
    const made = octavo[name](network());
    record(octavo.writeOnnx(made), octavo.run(made, { x0: IMAGE_OF_ONE.data }).y.data);
  };
}

const IMAGE_OF_ONE = f(1, 6, 9, 7);

const SAMPLES = [1, 2, 3].map((seed) => ({ x0: bell(6 * 9 * 7, seed) }));

/** A network that is calibrated, with its quantizers. */
function simulated(octavo) {
  return octavo.calibrate(octavo.simulate(octavo.prepareModel(network())), SAMPLES);
}

/** How a promise is refused; its sentence names the host's own reasons, so its kind alone is recorded. */
const refusal = (promise) =>
  promise.then(
    () => "taken",
    (error) => error.name,
  );

export const MODEL_EXERCISES = {
  run(octavo, record) {
    for (const { model, feeds } of models(octavo)) {
      record(...Object.values(octavo.run(model, feeds)).map(({ data }) => data));
    }
  },
  Session(octavo, record) {
    const session = new octavo.Session(network());
    for (let i = 0; i < 3; i++) record(session.run({ x0: IMAGE_OF_ONE }).y.data);
    session.dispose();
  },
  writeOnnx(octavo, record) {
    for (const { model } of models(octavo)) record(octavo.writeOnnx(model));
  },
  readOnnx(octavo, record) {
    const { graph } = octavo.readOnnx(octavo.writeOnnx(network()));
    record(...graph.nodes.map(({ name }) => name), ...[...graph.constants.values()].map(({ data }) => data));
  },
  externalFiles(octavo, record) {
    record(octavo.externalFiles(octavo.writeOnnx(network())));
  },
  ModelError(octavo, record) {
    const { model, feeds } = modelOf(["Nothing", [f(3)]], 1);
    for (const call of [() => octavo.run(model, feeds), () => octavo.readOnnx(Uint8Array.of(10, 200, 1))]) {
      try {
        call();
      } catch (error) {
        record(error instanceof octavo.ModelError, error.message);
      }
    }
  },
  raiseOpset(octavo, record) {
    const { model } = modelOf(["Softmax", [f(2, 3, 4)]], 1);
    const old = { ...model, opsets: new Map([["", 11]]) };
    record(octavo.writeOnnx(octavo.raiseOpset(old, 13)));
  },
  inspect(octavo, record) {
    record(JSON.stringify(octavo.inspect(network())));
  },
  keptBatchNorms(octavo, record) {
    record(octavo.keptBatchNorms(network()).length);
  },
  foldBatchNorms: pass("foldBatchNorms"),
  foldConstants: pass("foldConstants"),
  fuseActivations: pass("fuseActivations"),
  fusePatterns: pass("fusePatterns"),
  optimize: pass("optimize"),
  removeIdentities: pass("removeIdentities"),
  prepareModel: pass("prepareModel"),
  simulate: pass("simulate"),
  planQuantization(octavo, record) {
    const { quantized, float } = octavo.planQuantization(octavo.prepareModel(network()));
    record(quantized.length, ...float.map(({ reason }) => reason));
  },
  async observeModel(octavo, record) {
    const seen = await octavo.observeModel(octavo.simulate(octavo.prepareModel(network())), SAMPLES);
    for (const [name, observer] of seen) record(name, ...observer.range());
  },
  async calibrate(octavo, record) {
    record(octavo.writeOnnx(await simulated(octavo)));
  },
  async correctBias(octavo, record) {
    record(octavo.writeOnnx(await octavo.correctBias(await simulated(octavo), SAMPLES)));
  },
  async convert(octavo, record) {
    const model = await simulated(octavo);
    for (const form of ["qdq", "qoperator"]) record(octavo.writeOnnx(octavo.convert(model, { form })));
  },
  async quantizeModel(octavo, record) {
    for (const activations of ["uint8", "int8", "int16", "dynamic", "float32"]) {
      const model = await octavo.quantizeModel(network(), { activations, calibration: SAMPLES });
      record(octavo.writeOnnx(model), octavo.run(model, { x0: IMAGE_OF_ONE.data }).y.data);
    }
  },
  async compareModels(octavo, record) {
    const model = await octavo.quantizeModel(network(), { calibration: SAMPLES });
    record(await octavo.compareModels(network(), model, SAMPLES));
  },
  async open(octavo, record) {
    record(await octavo.open(Uint8Array.of(1, 2, 3)), await octavo.open(new Blob([Uint8Array.of(4, 5)])));
  },
  async save(octavo, record) {
    record(await refusal(octavo.save(5, Uint8Array.of(1))), await refusal(octavo.save("nothing", "text")));
  },
  writeNpy(octavo, record) {
    for (const tensor of [f(2, 3), ints(1, 2), bools(5), i8(3)]) record(octavo.writeNpy(tensor));
  },
  readNpy(octavo, record) {
    for (const tensor of [f(2, 3), ints(1, 2), bools(5), i8(3)]) {
      record(octavo.readNpy(octavo.writeNpy(tensor)).data);
    }
  },
};

// The public names, from the ground floor up. The bundle has its modules in this order: those that are alike are near each other, where
// gzip sees both.

// Errors and formats.

export { ModelError } from "./check.ts";
export type { CodeArray, CustomFloat, Format, FormatName } from "./formats.ts";

// Tensors.

export { accumulate } from "./tensor/accumulate.ts";
export { accumulatorBits, type CodesOf, type WeightsOf } from "./tensor/accumulator.ts";
export { type ActivateOptions, type Activation, activate } from "./tensor/activate.ts";
export { add, maximum, minimum, mul, prelu, squaredDifference, sub } from "./tensor/binary.ts";
export { decode, type EncodeOptions, encode, pack, type Rounding, unpack } from "./tensor/codec.ts";
export { type ConcatOptions, concat, type PadOptions, pad } from "./tensor/concat.ts";
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  convTranspose2d,
  type Placement,
} from "./tensor/conv.ts";
export {
  type CompareOptions,
  compareFormats,
  type FormatComparison,
  type QuantizationError,
  quantizationError,
} from "./tensor/error.ts";
export type { Bias, ProductOptions } from "./tensor/finish.ts";
export { type BatchNorm, type FloatWeight, type FoldOptions, foldBatchNorm } from "./tensor/fold.ts";
export { type FloatMatmulOptions, matmul } from "./tensor/matmul.ts";
export type { NarrowOptions, NarrowSums } from "./tensor/narrow.ts";
export { type LayerNormOptions, layerNorm } from "./tensor/normalize.ts";
export { type ObservedRangeOptions, Observer, type ObserverState, observe } from "./tensor/observe.ts";
export {
  type AveragePool1dOptions,
  type AveragePoolOptions,
  averagePool1d,
  averagePool2d,
  type MaxPool1dOptions,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  type WindowOptions,
} from "./tensor/pool.ts";
export { PreparedWeight, prepare } from "./tensor/prepare.ts";
export {
  dequantize,
  fakeQuantize,
  type QuantizeOptions,
  quantize,
  type RequantizeOptions,
  requantize,
} from "./tensor/quantize.ts";
export type { Range } from "./tensor/range.ts";
export {
  type AxesOptions,
  globalAveragePool,
  globalMaxPool,
  type ReduceMeanOptions,
  type ReduceSumOptions,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
} from "./tensor/reduce.ts";
export { type ResizeOptions, resize } from "./tensor/resize.ts";
export type { Arithmetic, Clamp, ResultOptions } from "./tensor/result.ts";
export { logSoftmax, type SoftmaxOptions, softmax } from "./tensor/softmax.ts";
export type { FloatTensor, QTensor, Tensor, TensorArray, TypedTensor } from "./tensor/tensor.ts";
export { ready, type Tier, tier, useTier } from "./wasm/kernels.ts";

// Models.

export { foldConstants } from "./model/fold-constants.ts";
export type { Attribute, Constant, Extent, Graph, Model, Node, OpaqueConstant, Value } from "./model/graph.ts";

// Passes.

export { foldBatchNorms, type KeptBatchNorm, keptBatchNorms } from "./passes/fold-batch-norms.ts";
export { fuseActivations } from "./passes/fuse-activations.ts";
export { fusePatterns } from "./passes/fuse-patterns.ts";
export { optimize } from "./passes/optimize.ts";
export { removeIdentities } from "./passes/remove-identities.ts";

// Files.

export { type Openable, open, save } from "./host.ts";
export type { External } from "./io/external.ts";
export { readNpy, writeNpy } from "./io/npy.ts";
export { externalFiles, type ReadOptions, readOnnx, writeOnnx } from "./io/onnx.ts";
export { raiseOpset } from "./io/opset.ts";

// Running.

export type { Feeds } from "./runtime/feeds.ts";
export { type InspectedNode, type InspectedValue, type Inspection, inspect, type Shapes } from "./runtime/inspect.ts";
export type { Observe } from "./runtime/plan.ts";
export { run } from "./runtime/run.ts";
export { type RunOptions, Session, type SessionOptions } from "./runtime/session.ts";

// Quantization.

export { prepareModel, type QuantizeModelOptions, quantizeModel } from "./quantize-model.ts";
export { type CalibrateOptions, calibrate } from "./simulate/calibrate.ts";
export { type FloatNode, planQuantization, type QuantizationPlan } from "./simulate/choose.ts";
export {
  type Comparison,
  compareModels,
  type Difference,
  type LayerDifference,
  type OutputDifference,
} from "./simulate/compare.ts";
export { type ConvertOptions, convert } from "./simulate/convert.ts";
export { correctBias } from "./simulate/correct-bias.ts";
export { type Observations, observeModel } from "./simulate/observe-model.ts";
export type { JobOptions, Progress, Samples } from "./simulate/samples.ts";
export type { ActivationScheme, NodeScheme, Scheme, TensorScheme, WeightScheme } from "./simulate/scheme.ts";
export { simulate } from "./simulate/simulate.ts";

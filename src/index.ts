// The public names.

export type { CodeArray, CustomFloat, Format, FormatName } from "./formats.ts";
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
export { matmul } from "./tensor/matmul.ts";
export { type ObservedRangeOptions, Observer, type ObserverState, observe } from "./tensor/observe.ts";
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
export type { Arithmetic, Clamp, ResultOptions } from "./tensor/result.ts";
export type { QTensor, Tensor } from "./tensor/tensor.ts";
export { ready, type Tier, tier, useTier } from "./wasm/kernels.ts";

// The public names.

export type { CodeArray, CustomFloat, Format, FormatName } from "./formats.ts";
export { decode, type EncodeOptions, encode, pack, type Rounding, unpack } from "./tensor/codec.ts";
export {
  type CompareOptions,
  compareFormats,
  type FormatComparison,
  type QuantizationError,
  quantizationError,
} from "./tensor/error.ts";
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
export { dequantize, fakeQuantize, type QuantizeOptions, quantize, requantize } from "./tensor/quantize.ts";
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
export type { QTensor, Tensor } from "./tensor/tensor.ts";
export { ready, type Tier, tier, useTier } from "./wasm/kernels.ts";

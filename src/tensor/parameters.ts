// What a range is searched for: the codes it has to fit, and the parameters that follow from it.

import { type FloatFormat, floatMax } from "../formats.ts";
import { affineParameters, type CodeRange, type Parameters, symmetricParameters } from "../quantizer.ts";
import type { Interval } from "./mse.ts";
import type { CodeFormat } from "./tensor.ts";

/** The codes that values are to be quantized to. */
export interface Target {
  readonly codes: CodeFormat;
  /** The codes used of an integer format. */
  readonly range: CodeRange;
  readonly symmetric: boolean;
  readonly powerOfTwo: boolean;
}

/** Scale and zero for values of [lo, hi] (docs/math.md, equation 9). */
export function parametersOf([lo, hi]: Interval, { codes, range, symmetric, powerOfTwo }: Target): Parameters {
  if (codes.kind === "float") return symmetricParameters(lo, hi, floatRange(codes), powerOfTwo);
  return symmetric ? symmetricParameters(lo, hi, range, powerOfTwo) : affineParameters(lo, hi, range, powerOfTwo);
}

function floatRange(format: FloatFormat): CodeRange {
  const hi = floatMax(format);
  return { lo: -hi, hi };
}

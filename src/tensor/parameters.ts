// What a range is searched for: the codes it has to fit, and the parameters that follow from it.

import { checkFlag, checkInteger, conflict } from "../check.ts";
import { type FloatFormat, floatMax } from "../formats.ts";
import { affineParameters, type CodeRange, type Parameters, symmetricParameters } from "../quantizer.ts";
import type { Interval } from "./mse.ts";
import { type CodeFormat, rangeOf } from "./tensor.ts";

/** The codes that values are to be quantized to. */
export interface Target {
  readonly codes: CodeFormat;
  /** The codes used of an integer format. */
  readonly range: CodeRange;
  readonly symmetric: boolean;
  readonly powerOfTwo: boolean;
}

/** The options that say which codes are used. */
export interface TargetOptions {
  readonly bits?: number;
  readonly symmetric?: boolean;
  readonly narrow?: boolean;
  readonly powerOfTwo?: boolean;
}

/** Checks the options of a target against its format. */
export function targetOf(codes: CodeFormat, { bits, symmetric, narrow, powerOfTwo = false }: TargetOptions): Target {
  for (const [key, value] of Object.entries({ symmetric, narrow, powerOfTwo })) checkFlag(value, key);
  const isFloat = codes.kind === "float";
  if (isFloat && bits !== undefined) throw conflict("bits", "format", `${codes.name} is no integer format`);
  if (isFloat && narrow) throw conflict("narrow", "format", `${codes.name} is no integer format`);
  if (isFloat && symmetric === false) throw conflict("symmetric", "format", `${codes.name} is symmetric`);
  if (bits !== undefined) checkInteger(bits, 2, codes.bits, "bits");
  if (narrow && !isFloat && !codes.signed)
    throw conflict("narrow", "format", "unsigned codes have no lowest to leave out");
  return { codes, range: rangeOf(codes, bits, narrow), symmetric: symmetric ?? (isFloat || codes.signed), powerOfTwo };
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

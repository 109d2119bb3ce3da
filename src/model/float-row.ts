// Operators of floats that are computed in float32: other float formats are decoded before and encoded behind.

import { type FloatFormat, FORMATS, type FormatName } from "../formats.ts";
import { decodeFloats, encodeFloats } from "../tensor/codec.ts";
import { converted, type Inner } from "./converted-row.ts";
import { choosing, lengthOf, type Operator } from "./operator.ts";

/** Formats that are computed in float32. A float64 is rounded to it. */
const CONVERTED: readonly FormatName[] = ["float16", "bfloat16", "float64"];

const FLOAT32: Inner = {
  format: "float32",
  bytes: 4,
  has: ({ format }) => CONVERTED.includes(format),
  read({ store }, from, to) {
    const [source, target] = [from.at, to.at];
    if (from.format === "float64")
      (store.view(to, target) as Float32Array).set(store.view(from, source) as Float64Array);
    else decodeFloats(store.engine, FORMATS.get(from.format) as FloatFormat, source, target, lengthOf(from));
  },
  write({ store }, from, to) {
    const how = { saturate: false, rounding: "even", seed: 0n } as const;
    const format = FORMATS.get(to.format) as FloatFormat;
    if (to.format === "float64") (store.view(to, to.at) as Float64Array).set(store.view(from, from.at) as Float32Array);
    else encodeFloats(store.engine, format, from.at, to.at, lengthOf(from), how, 0);
  },
};

/** The row, with inputs and outputs of other float formats computed in float32. */
export function inFloat32(operator: Operator): Operator {
  return converted(operator, FLOAT32);
}

/** The row, with float16 and bfloat16 computed in float32, float64 as it is. */
export function inFloats(row: Operator): Operator {
  const single = inFloat32(row);
  return choosing(row, (site) => (site.inputs[0]?.format === "float64" ? row : single));
}

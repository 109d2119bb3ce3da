// Operators of floats that are computed in float32: other float formats are decoded before and encoded behind.

import { type FloatFormat, FORMATS, type FormatName } from "../formats.ts";
import { decodeFloats, encodeFloats } from "../tensor/codec.ts";
import { constantPlace, readPlace } from "./evaluate.ts";
import { type Call, lengthOf, type Operator, type Place } from "./operator.ts";

/** Formats that are computed in float32. A float64 is rounded to it. */
const CONVERTED: readonly FormatName[] = ["float16", "bfloat16", "float64"];

const isConverted = (place: Place | undefined) => place !== undefined && CONVERTED.includes(place.format);

/** A place of as many float32; a constant's is decoded here, once. */
function float32Place(call: Call, { format, shape, value, at }: Place): Place {
  const place = { format: "float32" as const, shape };
  if (!value) return { ...place, at: call.store.keep(lengthOf(place) * 4) };
  const decoded = call.store.once(value, "float32", () => {
    const to = { ...place, at: call.store.keep(lengthOf(place) * 4) };
    decode(call, { format, shape, at }, to);
    return readPlace(call.store, to);
  });
  return constantPlace(call.store, place, decoded);
}

function decode({ store }: Call, from: Place, to: Place): void {
  const count = lengthOf(from);
  if (from.format === "float64") (store.view(to, to.at) as Float32Array).set(store.view(from, from.at) as Float64Array);
  else decodeFloats(store.engine, FORMATS.get(from.format) as FloatFormat, from.at, to.at, count);
}

function encode({ store }: Call, from: Place, to: Place): void {
  const count = lengthOf(from);
  const how = { saturate: false, rounding: "even", seed: 0n } as const;
  if (to.format === "float64") (store.view(to, to.at) as Float64Array).set(store.view(from, from.at) as Float32Array);
  else encodeFloats(store.engine, FORMATS.get(to.format) as FloatFormat, from.at, to.at, count, how, 0);
}

/** The row, with inputs and outputs of other float formats computed in float32. */
export function inFloat32(operator: Operator): Operator {
  return {
    ...operator,
    compile(call) {
      if (![...call.inputs, ...call.outputs].some(isConverted)) return operator.compile(call);
      const inner = (place: Place | undefined) => (place && isConverted(place) ? float32Place(call, place) : place);
      const inputs = call.inputs.map(inner);
      const outputs = call.outputs.map(inner);
      const run = operator.compile({ ...call, inputs, outputs });
      return () => {
        call.inputs.forEach((place, i) => {
          if (place && !place.value && inputs[i] !== place) decode(call, place, inputs[i] as Place);
        });
        run();
        call.outputs.forEach((place, i) => {
          if (place && outputs[i] !== place) encode(call, outputs[i] as Place, place);
        });
      };
    },
  };
}

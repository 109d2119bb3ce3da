// Operators of floats that are computed in float32: other float formats are decoded before and encoded behind.

import { type FloatFormat, FORMATS, type FormatName } from "../formats.ts";
import { decode as decodeCodes, decodeFloats, encodeFloats } from "../tensor/codec.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { aligned } from "../wasm/heap.ts";
import { constantPlace } from "./evaluate.ts";
import { type Call, type Known, lengthOf, type Operator, type Place } from "./operator.ts";
import type { Store } from "./store.ts";

/** Formats that are computed in float32. A float64 is rounded to it. */
const CONVERTED: readonly FormatName[] = ["float16", "bfloat16", "float64"];

function isConverted<K extends Known>(known: K | undefined): known is K {
  return known !== undefined && CONVERTED.includes(known.format);
}

const float32Bytes = (known: Known) => aligned(lengthOf(known) * 4);

/** A constant in float32, decoded once. */
function float32Constant(store: Store, { shape }: Known, value: Tensor): Place {
  const decoded = store.once(value, "float32", (): Tensor => {
    const data =
      value.format === "float64"
        ? Float32Array.from(value.data as Float64Array)
        : decodeCodes(value.data as Uint16Array, value.format as FormatName);
    return { format: "float32", shape, data };
  });
  return constantPlace(store, { format: "float32", shape }, decoded);
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
    scratch(site, outputs) {
      const inputs = site.inputs.filter((each) => !each?.value);
      return [...inputs, ...outputs].filter(isConverted).reduce((sum, each) => sum + float32Bytes(each), 0);
    },
    compile(call) {
      if (![...call.inputs, ...call.outputs].some(isConverted)) return operator.compile(call);
      let at = call.scratch;
      const copyOf = (place: Place): Place => {
        const copy = { format: "float32", shape: place.shape, at } as const;
        at += float32Bytes(place);
        return copy;
      };
      const inputs = call.inputs.map((place) => {
        if (!isConverted(place)) return place;
        return place.value ? float32Constant(call.store, place, place.value) : copyOf(place);
      });
      const outputs = call.outputs.map((place) => (isConverted(place) ? copyOf(place) : place));
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

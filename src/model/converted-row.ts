// Rows that compute in another format than some of their values have: inputs are converted before, outputs behind.

import type { Tensor } from "../tensor/tensor.ts";
import { aligned } from "../wasm/heap.ts";
import { constantPlace, readPlace } from "./evaluate.ts";
import { type Call, type Known, lengthOf, type Operator, type Place } from "./operator.ts";

/** A format that values are converted to. */
export interface Inner {
  readonly format: "float32" | "uint8";
  /** Bytes of one of its values. */
  readonly bytes: number;
  /** Whether a value is converted. */
  has(value: Known): boolean;
  /** Converts what is at a place to what the row works on. */
  read(call: Call, from: Place, to: Place): void;
  /** The other way. */
  write(call: Call, from: Place, to: Place): void;
}

/** A constant converted, once. */
function innerConstant(call: Call, inner: Inner, known: Known, value: Tensor): Place {
  const { store } = call;
  const { arena } = store.engine;
  const { format } = inner;
  const { shape } = known;
  const constant = store.once(value, format, () => {
    const to = { format, shape, at: arena.reserve(lengthOf(known) * inner.bytes) };
    inner.read(call, { ...known, at: arena.copy(value.data) }, to);
    return readPlace(store, to);
  });
  return constantPlace(store, { format, shape }, constant);
}

/** The row, with what `inner` says converted. */
export function converted(operator: Operator, inner: Inner): Operator {
  const bytesOf = (known: Known) => aligned(lengthOf(known) * inner.bytes);
  const isConverted = (known: Known | undefined): known is Known => known !== undefined && inner.has(known);
  return {
    ...operator,
    scratch(site, outputs) {
      const values = [...site.inputs.filter((each) => !each?.value), ...outputs].filter(isConverted);
      return values.reduce((sum, each) => sum + bytesOf(each), operator.scratch?.(site, outputs) ?? 0);
    },
    compile(call) {
      let at = call.scratch;
      const placeOf = (place: Place | undefined): Place | undefined => {
        if (!place || !isConverted(place)) return place;
        if (place.value) return innerConstant(call, inner, place, place.value);
        const made = { format: inner.format, shape: place.shape, at };
        at += bytesOf(place);
        return made;
      };
      const inputs = call.inputs.map(placeOf);
      const outputs = call.outputs.map(placeOf);
      const run = operator.compile({ ...call, inputs, outputs, scratch: at });
      const before = call.inputs.flatMap((from, i) =>
        from && !from.value && inputs[i] !== from ? [{ from, to: inputs[i] as Place }] : [],
      );
      const behind = call.outputs.flatMap((to, i) =>
        to && outputs[i] !== to ? [{ from: outputs[i] as Place, to }] : [],
      );
      if (before.length + behind.length === 0) return run;
      return () => {
        for (const { from, to } of before) inner.read(call, from, to);
        run();
        for (const { from, to } of behind) inner.write(call, from, to);
      };
    },
  };
}

// Rows that compute in another format than some of their values have: inputs are converted before, outputs behind.

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

/** The place that the row is given for another; a constant is converted here, once. */
function innerPlace(call: Call, inner: Inner, place: Place): Place {
  const { store } = call;
  const { format } = inner;
  const { shape, value } = place;
  const bytes = lengthOf(place) * inner.bytes;
  if (!value) return { format, shape, at: store.keep(bytes) };
  const constant = store.once(value, format, () => {
    const to = { format, shape, at: store.engine.arena.reserve(bytes) };
    inner.read(call, place, to);
    return readPlace(store, to);
  });
  return constantPlace(store, { format, shape }, constant);
}

/** The row, with what `inner` says converted. */
export function converted(operator: Operator, inner: Inner): Operator {
  return {
    ...operator,
    compile(call) {
      const placeOf = (place: Place | undefined) =>
        place && inner.has(place) ? innerPlace(call, inner, place) : place;
      const inputs = call.inputs.map(placeOf);
      const outputs = call.outputs.map(placeOf);
      const run = operator.compile({ ...call, inputs, outputs });
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

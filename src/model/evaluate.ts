// One node computed on its own: constants folded, shapes worked out, while a model is planned.

import { sizeOf } from "../tensor/shape.ts";
import { storedLength, type Tensor, tensorArray } from "../tensor/tensor.ts";
import type { Constant } from "./graph.ts";
import { bytesOf, type Known, type Operator, type Place, type Site } from "./operator.ts";
import { Store } from "./store.ts";

/** A constant's place; its data goes there when somebody asks where it is. */
export function constantPlace(store: Store, { format, shape }: Known, value: Tensor): Place {
  return {
    format,
    shape,
    value,
    get at() {
      return store.at(value);
    },
  };
}

/** The outputs of a node whose inputs are all known. */
export function evaluate(operator: Operator, site: Site): Constant[] {
  const store = new Store();
  try {
    const inputs = site.inputs.map((known) => known && constantPlace(store, known, known.value as Tensor));
    const outputs = operator.infer(site).map((known) => ({ ...known, at: store.keep(bytesOf(known)) }));
    const scratch = store.keep(operator.scratch?.(site, outputs) ?? 0);
    store.engine.arena.scope(() => operator.compile({ ...site, inputs, outputs, scratch, store })());
    // an alias is told its input's data
    const places = operator.alias ? [{ ...outputs[0], at: inputs[0]?.at } as Place, ...outputs.slice(1)] : outputs;
    return places.map((place) => readPlace(store, place));
  } finally {
    store.dispose();
  }
}

/** A copy of what is at a place. */
export function readPlace(store: Store, place: Place): Constant {
  const { format, shape, value } = place;
  if (value) return { format, shape, data: value.data.slice() };
  const data = new (tensorArray(format))(storedLength(format, sizeOf(shape)));
  store.engine.arena.read(place.at, data);
  return { format, shape, data };
}

// Operators that move values and never look at them: codes of less than 8 bits are unpacked before and packed behind, so that
// every value has bytes of its own.

import { FORMATS } from "../formats.ts";
import type { CodeFormat } from "../tensor/tensor.ts";
import { type Call, lengthOf, type Operator, type Place } from "./operator.ts";

const bitsOf = ({ format }: Place) => (FORMATS.get(format) as CodeFormat).bits;

const isPacked = (place: Place | undefined) => place !== undefined && bitsOf(place) < 8;

/** A place of a byte for each value; a constant's is filled here, once. */
function bytePlace(call: Call, place: Place): Place {
  const { shape, value } = place;
  const make = () => ({ format: "uint8" as const, shape, at: call.store.keep(lengthOf(place)) });
  if (!value) return make();
  return call.store.once(value, "bytes", () => {
    const bytes = make();
    unpack(call, place, bytes);
    return bytes;
  });
}

function unpack({ store }: Call, from: Place, to: Place): void {
  store.engine.kernels.unpack_u8(from.at, to.at, lengthOf(from), bitsOf(from), 0);
}

function pack({ store }: Call, from: Place, to: Place): void {
  store.engine.kernels.pack_u8(from.at, to.at, lengthOf(to), bitsOf(to));
}

/** The row, with packed inputs and outputs given to it as codes of a byte. */
export function inBytes(operator: Operator): Operator {
  return {
    ...operator,
    compile(call) {
      if (![...call.inputs, ...call.outputs].some(isPacked)) return operator.compile(call);
      const inner = (place: Place | undefined) => (place && isPacked(place) ? bytePlace(call, place) : place);
      const inputs = call.inputs.map(inner);
      const outputs = call.outputs.map(inner);
      const run = operator.compile({ ...call, inputs, outputs });
      return () => {
        call.inputs.forEach((place, i) => {
          if (place && !place.value && inputs[i] !== place) unpack(call, place, inputs[i] as Place);
        });
        run();
        call.outputs.forEach((place, i) => {
          if (place && outputs[i] !== place) pack(call, outputs[i] as Place, place);
        });
      };
    },
  };
}

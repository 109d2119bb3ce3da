// Operators that move values and never look at them: codes of less than 8 bits are unpacked before and packed behind, so that
// every value has bytes of its own.

import { FORMATS } from "../formats.ts";
import type { CodeFormat } from "../tensor/tensor.ts";
import { converted, type Inner } from "./converted-row.ts";
import { type Known, lengthOf, type Operator } from "./operator.ts";

const bitsOf = ({ format }: Known) => (FORMATS.get(format) as CodeFormat).bits;

const BYTES: Inner = {
  format: "uint8",
  bytes: 1,
  has: (value) => bitsOf(value) < 8,
  read: ({ store }, from, to) => store.engine.kernels.unpack_u8(from.at, to.at, lengthOf(from), bitsOf(from), 0),
  write: ({ store }, from, to) => store.engine.kernels.pack_u8(from.at, to.at, lengthOf(to), bitsOf(to)),
};

/** The row, with packed inputs and outputs given to it as codes of a byte. */
export function inBytes(operator: Operator): Operator {
  return converted(operator, BYTES);
}

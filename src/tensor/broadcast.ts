// How the values of an operand that broadcasts reach the kernels that take one for each of the result's.

import type { CodeArray } from "../formats.ts";
import type { Engine } from "../wasm/kernels.ts";
import type { ArrayOperand } from "./operand.ts";
import { offsetOf, type Run, runsOf } from "./shape.ts";
import { codeArray } from "./tensor.ts";
import { type Source, sourceOf } from "./values.ts";

/** Shorter rows that only repeat are laid out until they are this long: a copy has a price of its own. */
const LONG_ENOUGH = 4096;

/** The values of an operand, broadcast to a shape. */
export function feedOf(running: Engine, { codes, shape: own, data }: ArrayOperand, shape: readonly number[]): Source {
  let runs = runsOf(own, shape);
  let values = data;
  const [outer, row] = runs as [Run, Run?];
  if (runs.length === 1 && outer.stride === 1) {
    return sourceOf(running, data);
  }
  if (runs.length === 2 && outer.stride === 0 && row?.stride === 1 && row.extent < LONG_ENOUGH) {
    const times = Math.min(Math.ceil(LONG_ENOUGH / row.extent), outer.extent);
    values = new (codeArray(codes))(times * row.extent);
    for (let i = 0; i < times; i++) values.set(data, i * row.extent);
    runs = [outer, { extent: values.length, stride: 1 }];
  }
  const { arena } = running;
  return (start, count) => {
    const at = arena.reserve(count * values.BYTES_PER_ELEMENT);
    expand(arena.view(codeArray(codes), at, count), values, runs, start);
    return at;
  };
}

/** Fills `to` with the values from `start` on. */
function expand(to: CodeArray, data: CodeArray, runs: readonly Run[], start: number): void {
  const { extent, stride } = runs.at(-1) as Run;
  for (let done = 0; done < to.length; ) {
    const position = start + done;
    const count = Math.min(extent - (position % extent), to.length - done);
    const offset = offsetOf(runs, position);
    if (stride === 0) to.fill(data[offset] as number, done, done + count);
    else to.set(data.subarray(offset, offset + count), done);
    done += count;
  }
}

// Operands of elementwise operators: codes of 8 or 16 bits with one scale and zero, and how their shapes broadcast.

import { rangeError } from "../check.ts";
import type { CodeArray, IntegerFormat } from "../formats.ts";
import { codeRange } from "../quantizer.ts";
import type { Arena } from "../wasm/arena.ts";
import type { Operand } from "./operand.ts";
import { codeArray } from "./tensor.ts";

/** TensorFlow Lite's integer arithmetic counts on 16-bit codes without a zero. */
export function checkZero(format: IntegerFormat, zero: number, name: string): void {
  if (format.bits === 16 && zero !== 0) throw rangeError(name, "0 for int16 in TensorFlow Lite's arithmetic", zero);
}

/** All codes of a format, in the order of their bits. */
export function allCodes(codes: IntegerFormat): CodeArray {
  const { lo, hi } = codeRange(codes.bits, codes.signed, false);
  const array = new (codeArray(codes))(hi - lo + 1);
  for (let i = 0; i < array.length; i++) array[i] = i; // wraps to the code with the same bits
  return array;
}

/** The shape that two shapes broadcast to: numpy's rule. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const m = a[axis - rank + a.length] ?? 1;
    const n = b[axis - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) throw rangeError("b.shape", `a shape that broadcasts with [${a.join(", ")}]`, b);
    return m === 1 ? n : m;
  });
}

/** Neighbouring axes that an operand crosses in steps of `stride` values; 0 where it is repeated. */
interface Run {
  readonly extent: number;
  readonly stride: number;
}

function runsOf(operand: readonly number[], shape: readonly number[]): Run[] {
  const runs: Run[] = [{ extent: 1, stride: 1 }];
  let size = 1;
  for (let axis = 1; axis <= shape.length; axis++) {
    const extent = shape.at(-axis) as number;
    if (extent === 1) continue;
    const own = operand.at(-axis) ?? 1;
    const stride = own === 1 ? 0 : size;
    size *= own;
    const [inner] = runs as [Run];
    if (inner.extent === 1) runs[0] = { extent, stride };
    else if (stride === inner.stride * inner.extent) runs[0] = { extent: extent * inner.extent, stride: inner.stride };
    else runs.unshift({ extent, stride });
  }
  return runs;
}

/** Shorter rows that only repeat are laid out until they are this long: a copy has a price of its own. */
const LONG_ENOUGH = 4096;

/** Copies stretches of an operand, broadcast to a shape, into wasm memory. */
export type Feed = (arena: Arena, start: number, count: number) => number;

/** How the values of an operand reach a kernel that takes one for each of the result's. */
export function feedOf({ codes, shape: own, data }: Operand, shape: readonly number[]): Feed {
  let runs = runsOf(own, shape);
  let values = data;
  const [outer, row] = runs as [Run, Run?];
  if (runs.length === 1 && outer.stride === 1) {
    return (arena, start, count) => arena.copy(data.subarray(start, start + count));
  }
  if (runs.length === 2 && outer.stride === 0 && row?.stride === 1 && row.extent < LONG_ENOUGH) {
    const times = Math.min(Math.ceil(LONG_ENOUGH / row.extent), outer.extent);
    values = new (codeArray(codes))(times * row.extent);
    for (let i = 0; i < times; i++) values.set(data, i * row.extent);
    runs = [outer, { extent: values.length, stride: 1 }];
  }
  return (arena, start, count) => {
    const at = arena.reserve(count * values.BYTES_PER_ELEMENT);
    expand(arena.view(codeArray(codes), at, count), values, runs, start);
    return at;
  };
}

/** Where value `position` of the result comes from. */
function offsetOf(runs: readonly Run[], position: number): number {
  let rest = position;
  let offset = 0;
  for (let i = runs.length - 1; i >= 0; i--) {
    const { extent, stride } = runs[i] as Run;
    offset += (rest % extent) * stride;
    rest = Math.floor(rest / extent);
  }
  return offset;
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

// Cases of the operators that accumulate, as plain objects of one kind whatever engine they come from, and the tests that
// hold an implementation to them. Data are channels last, weights [..., n, k] or [o, kh, kw, c / groups].
import { test } from "node:test";
import { assertCount, skip } from "./data.ts";
import { assertSame } from "./formats.cases.ts";

/** A quantized operand; `codes` are signed as the format is, unpacked. */
export interface Operand {
  format: string;
  shape: number[];
  codes: number[];
  /** One, or one an output channel. */
  scale: Float32Array;
  zero: number[];
}

export interface SumsCase {
  name: string;
  operator: "linear" | "convolution" | "transposed";
  x: Operand;
  w: Operand;
  strides: [number, number];
  /** top, left, bottom, right */
  pads: [number, number, number, number];
  dilations: [number, number];
  groups: number;
  /** Row-major, channels last. */
  expected: number[];
}

export interface ProductCase extends SumsCase {
  bias: Int32Array | BigInt64Array | undefined;
  y: { format: string; scale: number; zero: number };
  activation: [lo: number, hi: number] | undefined;
  arithmetic: "onnx" | "tflite" | "tflite-single";
}

export interface IntegerImplementation {
  accumulate(each: SumsCase): ArrayLike<number>;
  /** The codes of the quantized result. */
  multiply(each: ProductCase): ArrayLike<number>;
}

/** The geometry of what has none. */
export const PLAIN: Pick<SumsCase, "strides" | "pads" | "dilations" | "groups"> = {
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  groups: 1,
};

/** Row-major numbers of `shape` with axes in another order: axis i of the result is axis order[i]. */
export function transpose(values: readonly number[], shape: readonly number[], order: readonly number[]): number[] {
  const step = (axis: number) => shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  return values.map((_, i) => {
    let rest = i;
    let from = 0;
    for (const axis of order.slice().reverse()) {
      const extent = shape[axis] as number;
      from += (rest % extent) * step(axis);
      rest = Math.floor(rest / extent);
    }
    return values[from] as number;
  });
}

/** Registers a test that holds `run` to cases, of which there are `count`. */
export function testCases<C extends SumsCase>(
  name: string,
  cases: () => Iterable<C>,
  count: number,
  run: (each: C) => ArrayLike<number>,
): void {
  test(name, { skip }, () => {
    let met = 0;
    for (const each of cases()) {
      assertSame(Array.from(run(each)), each.expected, each.name);
      met++;
    }
    assertCount(met, count, "cases");
  });
}

// Cases of the operators that accumulate, as plain objects of one kind whatever engine they come from, and the tests that
// hold an implementation to them. Data are channels last, weights [..., n, k] or [o, kh, kw, c / groups].
import { test } from "node:test";
import type { Accumulation, Multiplication } from "../reference/integer.ts";
import { assertCount, skip } from "./data.ts";
import { assertSame } from "./formats.cases.ts";

/** A case: what comes out, row-major and channels last. */
type Case<Operation> = Operation & { readonly name: string; readonly expected: readonly number[] };

export type SumsCase = Case<Accumulation>;
export type ProductCase = Case<Multiplication>;

export interface IntegerImplementation {
  accumulate(each: Accumulation): ArrayLike<number>;
  /** The codes of the quantized result. */
  multiply(each: Multiplication): ArrayLike<number>;
}

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
export function testCases<Operation extends Accumulation>(
  name: string,
  cases: () => Iterable<Case<Operation>>,
  count: number,
  run: (each: Operation) => ArrayLike<number>,
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

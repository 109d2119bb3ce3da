// TFLite's and gemmlowp's fixed-point helpers, row by row (tflite/fixedpoint.json), and the test that holds an
// implementation to them. A row is arguments followed by results.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertCount, readJson, skip } from "./data.ts";

export interface FixedPointCase {
  name: string;
  index: number;
  arguments: number[];
  expected: number[];
}

/** By the file's name of a function: its results for the row's arguments. */
export type FixedPointImplementation = Record<string, (...values: number[]) => number[]>;

/** How many of a row's last numbers are results, where not one. */
const RESULTS: Record<string, number> = {
  mbqm: 2,
  quantize_multiplier: 2,
  softmax_preprocess: 3,
  choose_params_u8: 2,
  choose_params_i8: 2,
};

export function* fixedPointCases(): Generator<FixedPointCase> {
  const { cases } = readJson<{ cases: Record<string, number[][]> }>("tflite", "fixedpoint.json");
  for (const [name, rows] of Object.entries(cases)) {
    for (const [index, row] of rows.entries()) {
      const split = row.length - (RESULTS[name] ?? 1);
      yield { name, index, arguments: row.slice(0, split), expected: row.slice(split) };
    }
  }
}

/** Registers the test that holds the functions of `implementation` to their rows; all 6,308 where it has all 21. */
export function testFixedPoint(name: string, implementation: FixedPointImplementation): void {
  test(`${name} computes every fixed-point row`, { skip }, () => {
    const names = new Set<string>();
    let rows = 0;
    for (const { name: function_, index, arguments: values, expected } of fixedPointCases()) {
      names.add(function_);
      rows++;
      const compute = implementation[function_];
      if (compute === undefined) continue;
      assert.deepEqual(compute(...values), expected, `${function_} row ${index}: (${values.join(", ")})`);
    }
    assertCount(rows, 6308, "fixed-point rows");
    for (const key of Object.keys(implementation)) assert.ok(names.has(key), `no rows for ${key}`);
  });
}

// What octavo run says of an output: its extremes and mean, the highest scores of its rows.

import type { FormatName } from "../formats.ts";
import { decode, type Tensor } from "../index.ts";
import { classesOf } from "../simulate/compare.ts";
import { describe, figure, many } from "./text.ts";

/** An index of a row, and the value there. */
type Score = readonly [index: number, value: number];

const TOP = 5;

/** Rows of scores that are shown. */
const MOST_ROWS = 5;

function topOf(row: readonly number[]): Score[] {
  const order = row.map((value, index) => [index, value] as const).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return order.slice(0, TOP);
}

/** What there is to say of an output. */
export interface Summary {
  readonly name: string;
  readonly format: FormatName;
  readonly shape: readonly number[];
  /** Of the values that are numbers. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** How many are no numbers. */
  readonly nan: number;
  /** How many rows of scores there are, where there are scores. */
  readonly rows?: number;
  /** The highest scores of the first of these rows. */
  readonly top?: readonly Score[][];
  /** Where it was written to. */
  readonly file?: string;
}

/** The figures of an output. */
export function summarize(name: string, tensor: Tensor, file: string | undefined): Summary {
  const data = tensor.format === "float16" ? decode(tensor.data as Uint16Array, "float16") : tensor.data;
  const values = Array.from(data as ArrayLike<number | bigint>, Number);
  const numbers = values.filter((value) => !Number.isNaN(value));
  const classes = classesOf(tensor);
  const rows = classes ? values.length / classes : 0;
  const shown = Array.from({ length: Math.min(rows, MOST_ROWS) }, (_, i) => i * (classes as number));
  return {
    name,
    format: tensor.format as FormatName,
    shape: tensor.shape,
    min: numbers.reduce((a, b) => Math.min(a, b), Infinity),
    max: numbers.reduce((a, b) => Math.max(a, b), -Infinity),
    mean: numbers.reduce((a, b) => a + b, 0) / numbers.length,
    nan: values.length - numbers.length,
    ...(classes && { rows, top: shown.map((at) => topOf(values.slice(at, at + classes))) }),
    ...(file !== undefined && { file }),
  };
}

/** The same as lines. */
export function describeSummary(summary: Summary): string[] {
  const { name, min, max, mean, nan, rows = 0, top = [], file } = summary;
  const figures = [`min ${figure(min)}`, `max ${figure(max)}`, `mean ${figure(mean)}`, ...(nan ? [`NaN ${nan}`] : [])];
  const scores = top.map((row, i) => {
    const text = row.map(([index, value]) => `${index}: ${figure(value)}`).join("  ");
    return `  row ${i}  ${text}`;
  });
  return [
    `output  "${name}" ${describe(summary)}  ${figures.join("  ")}`,
    ...scores,
    ...(rows > top.length ? [`  and ${many(rows - top.length, "more row")}`] : []),
    ...(file === undefined ? [] : [`  written to ${file}`]),
  ];
}

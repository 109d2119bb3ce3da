// The number formats' conformance cases (formats/*.json) as plain objects, and the tests that hold an implementation
// to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertCount, decodeBase64, decodeFloat32, formatName, jsonFiles, readJson, skip } from "./data.ts";

type Rounding = "even" | "away" | "zero" | "up" | "down";

/** One conversion of a format's whole list of float32 bit patterns. */
export interface EncodeCase {
  name: string;
  format: string;
  bits: Uint32Array;
  saturate: boolean;
  rounding: Rounding;
  expected: ArrayLike<number>;
}

export interface DecodeCase {
  name: string;
  format: string;
  expected: Float32Array;
}

/** A block of 32; `format` is the block format ("mxfp8_e4m3"), `element` its element's. */
export interface MxCase {
  name: string;
  format: string;
  element: string;
  x: Float32Array;
  scaleCode: number;
  codes: number[];
  expected: Float32Array;
}

export interface FormatImplementation {
  encode(bits: Uint32Array, format: string, options: { saturate: boolean; rounding: Rounding }): ArrayLike<number>;
  decode(codes: number[], format: string): ArrayLike<number>;
  encodeBlock(x: Float32Array, mx: MxCase): { scaleCode: number; codes: ArrayLike<number> };
  decodeBlock(scaleCode: number, codes: number[], mx: MxCase): ArrayLike<number>;
}

/** Parallel arrays in base64; the columns of results are out_*, onnx_*, exact_*. */
interface StoredEncode {
  target: string;
  out_dtype?: string;
  f32_bits: string;
  [column: string]: unknown;
}

/** What a column's name says of its rounding; the others round to even. */
function roundingOf(column: string): Rounding {
  if (column.endsWith("_rna")) return "away";
  if (column.endsWith("_rz")) return "zero";
  if (column.includes("_up_")) return "up";
  return column.includes("_down_") ? "down" : "even";
}

/** Formats of more than 8 bits overflow to infinity; the columns of the others say which they do. */
function encodeCase(name: string, column: string, stored: StoredEncode): EncodeCase {
  return {
    name: `${name} ${column}`,
    format: formatName(stored.target),
    bits: decodeBase64(stored.f32_bits, "uint32") as Uint32Array,
    saturate: column.endsWith("_sat"),
    rounding: roundingOf(column),
    expected: decodeBase64(stored[column] as string, stored.out_dtype ?? "uint8"),
  };
}

function* encodeColumns(columns: RegExp): Generator<EncodeCase> {
  for (const file of jsonFiles("formats").filter((name) => name.startsWith("encode_"))) {
    const stored = readJson<StoredEncode>("formats", file);
    for (const column of Object.keys(stored)) {
      if (columns.test(column)) yield encodeCase(file, column, stored);
    }
  }
}

/** Every conversion of every format, rounded by value. */
export function encodeCases(): Generator<EncodeCase> {
  return encodeColumns(/^(out_(sat|nosat|rne|rna|rz)|exact_.*)$/);
}

/** float8_e8m0fnu as ONNX's Cast has it, which differs from rounding by value for float32 subnormals. */
export function castCases(): Generator<EncodeCase> {
  return encodeColumns(/^onnx_/);
}

/** A number, or one of "nan", "inf", "-inf", "-0". */
function storedValue(value: number | string): number {
  return Number(typeof value === "string" ? value.replace("inf", "Infinity") : value);
}

interface StoredTable {
  dtype: string;
  values?: (number | string)[];
  f32_bits: string;
}

/** The value of every code of a format, by code. */
export function* decodeCases(): Generator<DecodeCase> {
  for (const file of jsonFiles("formats").filter((name) => name.startsWith("decode_"))) {
    const stored = readJson<StoredTable>("formats", file);
    const expected = stored.values ? Float32Array.from(stored.values, storedValue) : decodeFloat32(stored.f32_bits);
    yield { name: file, format: formatName(stored.dtype), expected };
  }
}

interface StoredBlock {
  id: number;
  x: string;
  scale_code: number;
  codes: number[];
  dequant: string;
}

/** "mx_mxfp8_e4m3.json" holds mxfp8_e4m3; mxfp4 has one element only and goes without its name. */
function blockFormat(file: string): string {
  return file.slice(3, -5).replace("mxfp4_e2m1", "mxfp4");
}

export function* mxCases(): Generator<MxCase> {
  for (const file of jsonFiles("formats").filter((name) => name.startsWith("mx_"))) {
    const stored = readJson<{ element: string; cases: StoredBlock[] }>("formats", file);
    for (const block of stored.cases) {
      yield {
        name: `${file} ${block.id}`,
        format: blockFormat(file),
        element: formatName(stored.element),
        x: decodeFloat32(block.x),
        scaleCode: block.scale_code,
        codes: block.codes,
        expected: decodeFloat32(block.dequant),
      };
    }
  }
}

/** Equal as values, -0 apart from 0 and any NaN equal to any NaN. */
export function assertSame(actual: ArrayLike<number>, expected: ArrayLike<number>, name: string): void {
  assert.equal(actual.length, expected.length, `${name}: length`);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(actual[i], expected[i])) {
      assert.fail(`${name}, index ${i}: expected ${expected[i]}, got ${actual[i]}`);
    }
  }
}

function testEncode(name: string, implementation: FormatImplementation): void {
  test(`${name} encodes every format`, { skip }, () => {
    const counts = new Map<string, number>();
    let conversions = 0;
    for (const { name: caseName, format, bits, saturate, rounding, expected } of encodeCases()) {
      assertSame(implementation.encode(bits, format, { saturate, rounding }), expected, `${format}, ${caseName}`);
      counts.set(format, bits.length);
      conversions++;
    }
    const cases = [...counts.values()].reduce((sum, count) => sum + count);
    assert.deepEqual({ formats: counts.size, conversions, cases }, { formats: 14, conversions: 28, cases: 35196 });
  });
}

function testDecode(name: string, implementation: FormatImplementation): void {
  test(`${name} decodes every code`, { skip }, () => {
    let tables = 0;
    for (const { name: caseName, format, expected } of decodeCases()) {
      const codes = Array.from(expected.keys());
      assertSame(implementation.decode(codes, format), expected, `${format}, ${caseName}`);
      tables++;
    }
    assertCount(tables, 12, "decode tables");
  });
}

function testBlocks(name: string, implementation: FormatImplementation): void {
  test(`${name} encodes and decodes MX blocks`, { skip }, () => {
    let blocks = 0;
    for (const mx of mxCases()) {
      const { scaleCode, codes } = implementation.encodeBlock(mx.x, mx);
      assert.equal(scaleCode, mx.scaleCode, `${mx.name}: scale`);
      assertSame(codes, mx.codes, `${mx.name}: codes`);
      assertSame(implementation.decodeBlock(mx.scaleCode, mx.codes, mx), mx.expected, `${mx.name}: values`);
      blocks++;
    }
    assertCount(blocks, 199, "MX blocks");
  });
}

/** Registers the tests that hold `implementation` to all of formats/. */
export function testFormats(name: string, implementation: FormatImplementation): void {
  testEncode(name, implementation);
  testDecode(name, implementation);
  testBlocks(name, implementation);
}

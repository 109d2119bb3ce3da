// Bad input: each gets its exact sentence, and the engine answers the next call.
import assert from "node:assert/strict";
import { afterEach } from "node:test";
import {
  compareFormats,
  decode,
  dequantize,
  encode,
  fakeQuantize,
  Observer,
  observe,
  pack,
  quantizationError,
  quantize,
  requantize,
  unpack,
  useTier,
} from "../../src/index.ts";
import { anything, type Sentence, testSentences } from "./sentences.ts";

const x = Float32Array.of(1, 2, 3, 4, 5, 6);
const q = quantize(x, { format: "int8" });
const detached = () => {
  const array = new Float32Array(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};

const FORMAT_NAMES =
  "int2, uint2, int4, uint4, int8, uint8, int16, uint16, int32, uint32, int64, uint64, float64, bool, float32, tfloat32, float16, " +
  "bfloat16, float8_e4m3fn, float8_e4m3fnuz, float8_e4m3, float8_e4m3b11fnuz, float8_e5m2, float8_e5m2fnuz, float8_e3m4, " +
  "float8_e8m0fnu, float6_e2m3fn, float6_e3m2fn, float4_e2m1fn, mxfp8_e4m3, mxfp8_e5m2, mxfp6_e2m3, mxfp6_e3m2, mxfp4, mxint8, nvfp4";

const OPTIONS =
  '"format", "shape", "axis", "block", "symmetric", "narrow", "bits", "powerOfTwo", "range", "scale", "zero", "rounding", "seed"';

/** What is called, and the error it has to throw. */
const SENTENCES: readonly Sentence[] = [
  [
    "wrong type",
    () => quantize(anything([1, 2]), { format: "int8" }),
    'TypeError: "x" expected a Float32Array, got [1, 2]',
  ],
  [
    "wrong array",
    () => quantize(anything(new Float64Array(3)), { format: "int8" }),
    'TypeError: "x" expected a Float32Array, got Float64Array(3)',
  ],
  ["null", () => quantize(anything(null), { format: "int8" }), 'TypeError: "x" expected a Float32Array, got null'],
  [
    "detached",
    () => quantize(detached(), { format: "int8" }),
    'TypeError: "x" expected a Float32Array with its buffer, got one whose buffer is detached or has shrunk',
  ],
  [
    "no options",
    () => quantize(x, anything(undefined)),
    'TypeError: "format" expected a name or { exponent, mantissa }, got undefined',
  ],
  [
    "options of a wrong type",
    () => quantize(x, anything("int8")),
    'TypeError: "options" expected an object for quantize, got "int8"',
  ],
  [
    "unknown option",
    () => quantize(x, anything({ format: "int8", scales: 1 })),
    `TypeError: unknown option "scales" of quantize; expected ${OPTIONS}`,
  ],
  [
    "unknown option",
    () => encode(x, "int8", anything({ round: "up" })),
    'TypeError: unknown option "round" of encode; expected "saturate", "rounding"',
  ],
  [
    "unknown format",
    () => quantize(x, { format: anything("int7") }),
    `RangeError: "format" expected one of ${FORMAT_NAMES}, got "int7"`,
  ],
  [
    "storage format",
    () => quantize(x, { format: "int64" }),
    'TypeError: "format" expected a format that values are quantized to, got "int64"',
  ],
  [
    "storage format",
    () => encode(x, "bool"),
    'TypeError: "format" expected an integer or float format of at most 32 bits, got "bool"',
  ],
  [
    "NaN",
    () => quantize(Float32Array.of(1, NaN), { format: "int8" }),
    'RangeError: "x" holds NaN at index 1, which int8 cannot represent',
  ],
  [
    "NaN far in",
    () => quantize(new Float32Array(100000).fill(1).fill(NaN, 99999), { format: "uint16", scale: 1 }),
    'RangeError: "x" holds NaN at index 99999, which uint16 cannot represent',
  ],
  [
    "NaN in a float without it",
    () => quantize(Float32Array.of(NaN), { format: "mxfp4" }),
    'RangeError: "x" holds NaN at index 0, which mxfp4 cannot represent',
  ],
  [
    "NaN in encode",
    () => encode(Float32Array.of(0, 0, NaN), "float6_e2m3fn"),
    'RangeError: "x" holds NaN at index 2, which float6_e2m3fn cannot represent',
  ],
  [
    "NaN in fakeQuantize",
    () => fakeQuantize(Float32Array.of(NaN), { format: "int4" }),
    'RangeError: "x" holds NaN at index 0, which int4 cannot represent',
  ],
  [
    "shape",
    () => quantize(x, { format: "int8", shape: [2, 2] }),
    'RangeError: "shape" expected 6 values in all, got [2, 2] (4 values)',
  ],
  [
    "negative size",
    () => quantize(x, { format: "int8", shape: [-6] }),
    'RangeError: "shape" expected sizes that are integers >= 0, got [-6]',
  ],
  [
    "axis",
    () => quantize(x, { format: "int8", shape: [2, 3], axis: 2 }),
    'RangeError: "axis" expected 0..1 for shape [2, 3], got 2',
  ],
  [
    "axis of a scalar",
    () => quantize(Float32Array.of(1), { format: "int8", shape: [], axis: 0 }),
    'RangeError: "axis" expected no axis for shape [], got 0',
  ],
  [
    "block",
    () => quantize(x, { format: "int8", block: 0 }),
    'RangeError: "block" expected an integer of 1..2147483647, got 0',
  ],
  [
    "scale 0",
    () => quantize(x, { format: "int8", scale: 0 }),
    'RangeError: "scale" expected positive finite float32 numbers, got 0 at index 0',
  ],
  [
    "negative scale",
    () => quantize(x, { format: "int8", shape: [2, 3], axis: 0, scale: [1, -1] }),
    'RangeError: "scale" expected positive finite float32 numbers, got -1 at index 1',
  ],
  [
    "NaN scale",
    () => quantize(x, { format: "int8", scale: NaN }),
    'RangeError: "scale" expected positive finite float32 numbers, got NaN at index 0',
  ],
  [
    "infinite scale",
    () => quantize(x, { format: "int8", scale: 1e39 }),
    'RangeError: "scale" expected positive finite float32 numbers, got 1e+39 at index 0',
  ],
  [
    "number of scales",
    () => quantize(x, { format: "int8", shape: [2, 3], axis: 1, scale: [1, 2] }),
    'RangeError: "scale" expected 3 numbers, got 2',
  ],
  [
    "scale of a wrong type",
    () => quantize(x, { format: "int8", scale: anything("1") }),
    'TypeError: "scale" expected a number or an array of numbers, got "1"',
  ],
  [
    "zero",
    () => quantize(x, { format: "uint8", scale: 1, zero: 256 }),
    'RangeError: "zero" expected integers of 0..255 for uint8, got 256 at index 0',
  ],
  [
    "zero with a fraction",
    () => quantize(x, { format: "int8", scale: 1, zero: 0.5 }),
    'RangeError: "zero" expected integers of -128..127 for int8, got 0.5 at index 0',
  ],
  [
    "zero in a float format",
    () => quantize(x, { format: "float8_e5m2", scale: 1, zero: 1 }),
    'RangeError: "zero" expected integers of 0..0 for float8_e5m2, got 1 at index 0',
  ],
  [
    "zero without scale",
    () => quantize(x, { format: "int8", zero: 1 }),
    'TypeError: "scale" expected a scale for the given "zero", got undefined',
  ],
  [
    "scale and range",
    () => quantize(x, { format: "int8", scale: 1, range: "mse" }),
    'TypeError: "range" and "scale" exclude each other: a given scale leaves nothing to search',
  ],
  [
    "range word",
    () => quantize(x, { format: "int8", range: anything("max") }),
    'TypeError: "range" expected "minmax", "percentile", "mse", "entropy", [lo, hi] or { percentile }, got "max"',
  ],
  [
    "range order",
    () => quantize(x, { format: "int8", range: [1, -1] }),
    'RangeError: "range" expected [lo, hi], finite with lo <= hi, got [1, -1]',
  ],
  [
    "percentile",
    () => quantize(x, { format: "int8", range: { percentile: 101 } }),
    'RangeError: "range.percentile" expected a number above 0 and at most 100, got 101',
  ],
  [
    "entropy of a float",
    () => quantize(x, { format: "float8_e5m2", range: "entropy" }),
    'TypeError: "range" expected a method other than "entropy" for a float format, got "float8_e5m2"',
  ],
  ["bits", () => quantize(x, { format: "int8", bits: 9 }), 'RangeError: "bits" expected an integer of 2..8, got 9'],
  [
    "bits of a float",
    () => quantize(x, { format: "float8_e5m2", bits: 4 }),
    'TypeError: "bits" and "format" exclude each other: float8_e5m2 is no integer format',
  ],
  [
    "narrow unsigned",
    () => quantize(x, { format: "uint8", narrow: true }),
    'TypeError: "narrow" and "format" exclude each other: unsigned codes have no lowest to leave out',
  ],
  [
    "flag",
    () => quantize(x, { format: "int8", symmetric: anything(1) }),
    'TypeError: "symmetric" expected true or false, got 1',
  ],
  [
    "block format with scale",
    () => quantize(x, { format: "mxfp4", scale: 1 }),
    'TypeError: "scale" and "format" exclude each other: mxfp4 has blocks and scales of its own',
  ],
  [
    "rounding",
    () => quantize(x, { format: "int8", rounding: anything("up") }),
    'RangeError: "rounding" expected "even" or "stochastic", got "up"',
  ],
  [
    "stochastic without a seed",
    () => quantize(x, { format: "int8", rounding: "stochastic" }),
    'RangeError: "seed" expected an integer of 0..2^53 - 1 with rounding "stochastic", got undefined',
  ],
  [
    "seed without stochastic",
    () => quantize(x, { format: "int8", seed: 1 }),
    'TypeError: "seed" and "rounding" exclude each other: only stochastic rounding has a seed',
  ],
  [
    "encode rounding",
    () => encode(x, "float16", { rounding: anything("nearest") }),
    'RangeError: "rounding" expected "even" or "away" or "zero" or "up" or "down", got "nearest"',
  ],
  [
    "custom exponent",
    () => encode(x, { exponent: 9, mantissa: 2 }),
    'RangeError: "format.exponent" expected an integer of 1..8, got 9',
  ],
  [
    "custom mantissa",
    () => encode(x, { exponent: 4, mantissa: 12 }),
    'RangeError: "format.mantissa" expected an integer of 0..11, got 12',
  ],
  [
    "custom bias",
    () => encode(x, { exponent: 4, mantissa: 3, bias: 200 }),
    'RangeError: "format.bias" expected an integer of 1..127, got 200',
  ],
  [
    "custom key",
    () => encode(x, anything({ exponent: 4, mantissa: 3, inf: true })),
    'TypeError: unknown option "inf" of format; expected "exponent", "mantissa", "bias", "finite", "infinity", "negativeZero"',
  ],
  [
    "custom flags",
    () => encode(x, { exponent: 4, mantissa: 3, finite: true, infinity: true }),
    'TypeError: "format.finite" and "format.infinity" exclude each other: every code is a finite number',
  ],
  [
    "codes",
    () => decode(anything(new Float32Array(2)), "int8"),
    'TypeError: "codes" expected a Uint8Array or an Int8Array, got Float32Array(2)',
  ],
  [
    "codes of a wrong width",
    () => decode(new Uint8Array(2), "float16"),
    'TypeError: "codes" expected a Uint16Array or an Int16Array, got Uint8Array(2)',
  ],
  [
    "pack 8 bits",
    () => pack(new Uint8Array(2), "int8"),
    'TypeError: "format" expected a format of less than 8 bits, got "int8"',
  ],
  [
    "unpack too many",
    () => unpack(new Uint8Array(2), "int4", { length: 5 }),
    'RangeError: "length" expected an integer of 0..4, got 5',
  ],
  ["no tensor", () => dequantize(anything(undefined)), 'TypeError: "q" expected a quantized tensor, got undefined'],
  [
    "tensor data",
    () => dequantize({ ...q, data: new Int8Array(5) }),
    'RangeError: "q.data" expected 6 elements for shape [6], got 5',
  ],
  [
    "tensor data type",
    () => dequantize({ ...q, data: new Uint8Array(6) }),
    'TypeError: "q.data" expected an Int8Array, got Uint8Array(6)',
  ],
  [
    "tensor scale",
    () => dequantize({ ...q, scale: Float32Array.of(-1) }),
    'RangeError: "q.scale" expected positive finite float32 numbers, got -1 at index 0',
  ],
  [
    "tensor scale of a wrong type",
    () => dequantize(anything({ ...q, scale: Float64Array.of(0.5) })),
    'TypeError: "q.scale" expected a Float32Array, got Float64Array(1)',
  ],
  [
    "tensor zero missing",
    () => dequantize(anything({ ...q, zero: undefined })),
    'TypeError: "q.zero" expected an Int32Array, got undefined',
  ],
  [
    "exponents without room for infinity",
    () => encode(x, { exponent: 8, mantissa: 2, finite: true }),
    'RangeError: "format.exponent" expected an integer of 1..7 where the highest exponent is a number\'s, as float32 has no 2^128, got 8',
  ],
  [
    "observed range of a float with bits",
    () => observe().add(x).range({ format: "float8_e5m2", bits: 4 }),
    'TypeError: "bits" and "format" exclude each other: float8_e5m2 is no integer format',
  ],
  [
    "state with min above max",
    () => Observer.from({ ...observe().add(x).toJSON(), min: 9 }),
    'TypeError: "state" expected min <= max and squares >= 0, got an object',
  ],
  [
    "shrunk buffer",
    () => {
      // lib.es2024 has resizable buffers; Node 20 has them too
      const buffer = Reflect.construct(ArrayBuffer, [16, { maxByteLength: 16 }]);
      const array = new Float32Array(buffer, 4, 2);
      Reflect.get(buffer, "resize").call(buffer, 4);
      return encode(array, "int8");
    },
    'TypeError: "x" expected a Float32Array with its buffer, got one whose buffer is detached or has shrunk',
  ],
  [
    "tensor scales",
    () => dequantize({ ...q, scale: Float32Array.of(1, 1) }),
    'RangeError: "q.scale" expected 1 number, got 2',
  ],
  ["tensor axis", () => dequantize({ ...q, axis: 1 }), 'RangeError: "axis" expected 0..0 for shape [6], got 1'],
  [
    "tensor scale of the tensor",
    () => dequantize({ ...quantize(x, { format: "nvfp4" }), tensorScale: 0 }),
    'RangeError: "q.tensorScale" expected positive finite float32 numbers, got 0 at index 0',
  ],
  [
    "requantize",
    () => requantize(q, anything({ format: "int8", shape: [6] })),
    `TypeError: unknown option "shape" of requantize; expected ${OPTIONS.replace('"shape", ', "")}, "arithmetic"`,
  ],
  ["error lengths", () => quantizationError(x.subarray(1), q), 'RangeError: "x" expected 6 values, as "q" has, got 5'],
  [
    "formats",
    () => compareFormats(x, anything("int8")),
    'TypeError: "formats" expected an array of formats, got "int8"',
  ],
  ["observe", () => observe(anything({ axis: 0 })), 'TypeError: unknown option "axis" of observe; expected none'],
  ["merge", () => observe().merge(anything({})), 'TypeError: "other" expected an Observer, got an object'],
  [
    "state",
    () => Observer.from(anything({ version: 2 })),
    'TypeError: "state" expected what an Observer\'s toJSON gives, version 1, got an object',
  ],
  [
    "state count",
    () => Observer.from({ ...observe().add(x).toJSON(), count: 7 }),
    'RangeError: "state.count" expected 6, the sum of all bins, got 7',
  ],
  [
    "observer range",
    () =>
      observe()
        .add(x)
        .range(anything({ method: "mse" })),
    'TypeError: unknown option "method" of range; expected "range", "format", "bits", "symmetric", "narrow", "powerOfTwo"',
  ],
  ["tier", () => useTier(anything("native")), 'RangeError: "tier" expected "simd" or "relaxed", got "native"'],
];

afterEach(() => {
  assert.deepEqual([...quantize(Float32Array.of(-1, 0, 1), { format: "int8", scale: 0.01 }).data], [-100, 0, 100]);
});

testSentences(SENTENCES);

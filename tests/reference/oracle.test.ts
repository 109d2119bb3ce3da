// The oracle's own checks where no conformance data reaches: each against a second derivation or a value done by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { roundHalfEven, splitmix64, stochasticCode, unclampedCode, uniform24 } from "./affine.ts";
import { at } from "./at.ts";
import { float32Bits, float32FromBits } from "./bits.ts";
import {
  blocksOf,
  decodeMxBlock,
  decodeNvfp4Block,
  encodeMxBlock,
  encodeNvfp4Block,
  nvfp4TensorScale,
} from "./block.ts";
import { histogramKey, minMax, moments, splitError, squaredError } from "./measure.ts";
import {
  castE8m0,
  decodeValue,
  encodeBits,
  encodeValue,
  FORMATS,
  type MiniFloat,
  maxCode,
  nanCode,
  overflowThreshold,
  type Rounding,
  stochasticEncode,
} from "./minifloat.ts";
import { packCodes, signExtend, unpackCodes } from "./pack.ts";
import { affineParameters, powerOfTwoScale, symmetricParameters } from "./range.ts";

const SMALLEST = float32FromBits(1);
const MODES: Rounding[] = ["even", "away", "zero", "up", "down"];

/** Float32 values of every exponent, seeded. */
function someFloats(count: number): number[] {
  const patterns = Array.from({ length: count }, (_, i) => Number(splitmix64(7, i) >> 32n));
  return patterns.map(float32FromBits).filter(Number.isFinite);
}

/** All finite non-negative values of a format, ascending: the index is the code. */
function finiteValues(format: MiniFloat): number[] {
  return Array.from({ length: maxCode(format) + 1 }, (_, code) => decodeValue(code, format));
}

/** The code a mode picks for x >= 0 between two neighbours, by comparing distances. */
function pickNeighbour(x: number, below: number, values: number[], mode: Rounding, negative: boolean): number {
  if (at(values, below) === x) return below;
  if (mode === "zero" || mode === (negative ? "up" : "down")) return below;
  if (mode === "up" || mode === "down") return below + 1;
  const difference = x - at(values, below) - (at(values, below + 1) - x);
  if (difference === 0) return mode === "away" || below % 2 === 1 ? below + 1 : below;
  return difference < 0 ? below : below + 1;
}

test("roundHalfEven", () => {
  const inputs = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, 2 ** 52 + 1];
  const expected = [0, 2, 2, 0, -2, -2, 0, 2 ** 52 + 1];
  assert.deepEqual(inputs.map(roundHalfEven), expected);
  assert.equal(roundHalfEven(Number.NEGATIVE_INFINITY), Number.NEGATIVE_INFINITY);
});

test("splitmix64 gives the published outputs of seed 1234567", () => {
  const published = [6457827717110365317n, 3203168211198807973n, 9817491932198370423n, 4593380528125082431n];
  for (const [i, expected] of published.entries()) assert.equal(splitmix64(1234567, i), expected, `output ${i}`);
});

test("every mode picks the right neighbour in every format of up to 8 bits", () => {
  for (const [name, format] of Object.entries(FORMATS)) {
    if (format.exponent + format.mantissa > 7 || format.special === "fnu") continue;
    const values = finiteValues(format);
    const midpoints = values.slice(1).map((value, i) => (value + at(values, i)) / 2);
    const largest = decodeValue(maxCode(format), format);
    const magnitudes = someFloats(5000).map(Math.abs);
    const inputs = [...values, ...midpoints, ...magnitudes.filter((x) => x <= largest)];
    for (const x of inputs) {
      const below = values.filter((value) => value <= x).length - 1;
      for (const rounding of MODES) {
        for (const sign of [1, -1]) {
          const code = encodeValue(sign * x, format, { saturate: false, rounding });
          const expected = sign * at(values, pickNeighbour(x, below, values, rounding, sign < 0));
          assert.equal(decodeValue(code, format) + 0, expected + 0, `${name} ${rounding} ${sign * x}`);
        }
      }
    }
  }
});

test("decoding, then encoding, gives the code back in formats of up to 16 bits", () => {
  for (const [name, format] of Object.entries(FORMATS)) {
    if (format.exponent + format.mantissa > 15) continue;
    const signs = format.special === "fnu" ? 1 : 2;
    for (let code = 0; code < signs * 2 ** (format.exponent + format.mantissa); code++) {
      const x = decodeValue(code, format);
      if (Number.isNaN(x) || (format.special === "ieee" && !Number.isFinite(x))) continue;
      assert.equal(encodeValue(x, format, { saturate: false, rounding: "even" }), code, `${name} ${code}`);
    }
  }
});

test("float32 encodes to its own bits", () => {
  for (const x of someFloats(2000)) {
    for (const rounding of MODES) {
      assert.equal(encodeValue(x, FORMATS.float32, { saturate: false, rounding }), float32Bits(x), `${x}`);
    }
  }
});

test("overflow: toward zero only an infinity overflows, away from zero every value beyond the maximum", () => {
  const format = FORMATS.float8_e4m3fn;
  const encode = (x: number, rounding: Rounding): number => encodeValue(x, format, { saturate: false, rounding });
  for (const rounding of ["zero", "down"] as const) {
    assert.equal(encode(1e6, rounding), 0x7e, rounding);
    assert.equal(encode(Number.POSITIVE_INFINITY, rounding), 0x7f, rounding);
  }
  for (const rounding of ["zero", "up"] as const) {
    assert.equal(encode(-1e6, rounding), 0xfe, rounding);
    assert.equal(encode(Number.NEGATIVE_INFINITY, rounding), 0xff, rounding);
  }
  assert.equal(encode(448.5, "up"), 0x7f);
  assert.equal(encode(-448.5, "down"), 0xff);
  assert.ok(Number.isNaN(nanCode(FORMATS.float4_e2m1fn)));
});

test("overflowThreshold is the first magnitude that leaves the format", () => {
  for (const [name, format] of Object.entries(FORMATS)) {
    const threshold = overflowThreshold(format);
    const before = float32FromBits(float32Bits(threshold) - 1);
    // With the codes above the maximum made reachable, leaving shows in the "finite" formats too.
    const open = format.special === "finite" ? { ...format, exponent: format.exponent + 1 } : format;
    const encode = (x: number): number => encodeValue(x, open, { saturate: false, rounding: "even" });
    assert.equal(encode(before), maxCode(format), `${name}: ${before}`);
    assert.notEqual(encode(threshold), maxCode(format), `${name}: ${threshold}`);
  }
  assert.equal(overflowThreshold(FORMATS.float16), 65520);
  assert.equal(overflowThreshold(FORMATS.float32), Number.POSITIVE_INFINITY);
  assert.equal(overflowThreshold(FORMATS.float4_e2m1fn), 7);
});

test("float8_e8m0fnu: subnormals by value, and as ONNX's Cast has them (onnx 1.23.1)", () => {
  const patterns = [0, 1, 0x3fffff, 0x400000, 0x400001, 0x5fffff, 0x600000, 0x80400001, 0xbfc00000];
  const nearest = { saturate: true, rounding: "even" } as const;
  const byValue = patterns.map((bits) => encodeBits(bits, FORMATS.float8_e8m0fnu, nearest));
  const cast = patterns.map((bits) => castE8m0(bits, nearest));
  assert.deepEqual(byValue, [0, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
  assert.deepEqual(cast, [0, 0, 0, 0, 1, 1, 1, 1, 0x80]);
});

test("stochastic rounding keeps grid points and meets the mean", () => {
  const draws = 40000;
  const format = FORMATS.float4_e2m1fn;
  let integers = 0;
  let floats = 0;
  for (let i = 0; i < draws; i++) {
    assert.ok(uniform24(3, i) < 1);
    assert.equal(stochasticCode(1.5, 0.5, 2, -8, 7, 3, i), 5);
    assert.equal(stochasticEncode(-3, format, { saturate: true }, 3, i), 0xd);
    integers += stochasticCode(-0.3, 1, 0, -8, 7, 3, i);
    floats += decodeValue(stochasticEncode(-3.2, format, { saturate: true }, 3, i), format);
  }
  assert.ok(Math.abs(integers / draws + 0.3) < 0.01, `${integers / draws}`);
  assert.ok(Math.abs(floats / draws + 3.2) < 0.01, `${floats / draws}`);
  assert.equal(unclampedCode(300, 1, 3), 303);
});

test("packing: 3-bit codes by hand, every width there and back", () => {
  assert.deepEqual(packCodes([1, 2, 3], 3), Uint8Array.of(0b11010001, 0));
  assert.deepEqual(packCodes([-1, -8, 7], 4), Uint8Array.of(0x8f, 0x07));
  for (let bits = 1; bits <= 7; bits++) {
    for (let length = 0; length <= 17; length++) {
      const codes = Uint8Array.from({ length }, (_, i) => Number(splitmix64(bits, i) & 0x7fn) % (1 << bits));
      assert.deepEqual(unpackCodes(packCodes(codes, bits), bits, length), codes, `${bits} bits, ${length} codes`);
    }
  }
  assert.deepEqual(
    [7, 8, 15].map((code) => signExtend(code, 4)),
    [7, -8, -1],
  );
});

test("measures: lanes, extremes, moments", () => {
  const x = Float32Array.of(1e8, 1, 2, 3, -1e8, 5, 6, 7, 0.5, 0.25);
  const total = 1e16 + 0.25 + 1e16 + (4 + 36) + (1 + 0.0625 + 25 + (9 + 49));
  const zeros = new Float32Array(10);
  assert.equal(squaredError(x, zeros), total);
  assert.equal(squaredError([1e8, 1e8, 1, 1, 0, 0, 1, 1], zeros), 2e16 + 4, "order of the lanes");
  assert.equal(squaredError([2, 1], zeros, [0.5, 3]), 5, "weights");
  const split = splitError(x, zeros, x, -100, 100);
  assert.deepEqual(split, { clipping: 2e16, rounding: 124.3125, clipped: 2, signal: total, finite: 10 });
  assert.deepEqual(minMax([-0, Number.NaN, Number.NEGATIVE_INFINITY]), { min: 0, max: 0, infinite: 1, nan: 1 });
  assert.deepEqual(moments([1, 2, 3, Number.NaN]), { count: 3, sum: 6, mean: 2, squares: 2 });
  assert.equal(histogramKey(-1), 0xbf80);
});

test("parameters take float32 steps where float64 ones end elsewhere", () => {
  const scale = Math.fround(0.011738158762454987);
  assert.equal(affineParameters(-0.7457817196846008, 2.2474489212036133, 0, 255).scale, scale);
  assert.equal(affineParameters(-0.12528455257415771, 0.08841150999069214, 0, 255).zero, 150);
});

test("parameters at the edges of float32", () => {
  assert.deepEqual(affineParameters(0, 0, 1, 255), { scale: 1, zero: 1 });
  assert.deepEqual(affineParameters(0, SMALLEST, 0, 255), { scale: SMALLEST, zero: 0 });
  const largest = float32FromBits(0x7f7fffff);
  assert.deepEqual(affineParameters(-largest, largest, 0, 255), { scale: Math.fround((2 * largest) / 255), zero: 128 });
  assert.deepEqual(symmetricParameters(-3, 2, 127), { scale: Math.fround(3 / 127), zero: 0 });
  assert.deepEqual(symmetricParameters(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 127), { scale: 1, zero: 0 });
  assert.deepEqual([0.3, 0.5, 1, 1.0000001].map(powerOfTwoScale), [0.5, 0.5, 1, 2]);
  assert.equal(powerOfTwoScale(SMALLEST), SMALLEST);
});

test("MXINT8: codes stand for code / 64 and stay within -127..127", () => {
  const { scaleCode, codes } = encodeMxBlock([1.999, -1.999, 0.5, 1 / 128, -0], "int8");
  assert.equal(scaleCode, 127);
  assert.deepEqual(codes, [127, -127, 32, 0, 0]);
  assert.deepEqual(decodeMxBlock(128, [64, -127], "int8"), Float32Array.of(2, -3.96875));
});

test("NVFP4: zeros, subnormals and short blocks", () => {
  assert.equal(nvfp4TensorScale([0, Number.NaN]), 1);
  assert.deepEqual(encodeNvfp4Block([0, -0], 1), { scaleCode: 1, codes: [0, 8] });
  const tensorScale = nvfp4TensorScale([SMALLEST]);
  const { scaleCode, codes } = encodeNvfp4Block([SMALLEST, 0], tensorScale);
  assert.deepEqual(decodeNvfp4Block(scaleCode, codes, tensorScale), Float32Array.of(SMALLEST, 0));
  const x = [6, 3, -1.5];
  const scale = nvfp4TensorScale(x);
  const block = encodeNvfp4Block(x, scale);
  assert.deepEqual(block, { scaleCode: 0x7e, codes: [7, 5, 11] });
  assert.deepEqual(blocksOf(20, 10, 8), [
    [0, 8],
    [8, 10],
    [10, 18],
    [18, 20],
  ]);
});

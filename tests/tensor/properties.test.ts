// What holds for every input: fast-check looks for one where it does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decode,
  dequantize,
  encode,
  type FormatName,
  fakeQuantize,
  Observer,
  observe,
  pack,
  type QuantizeOptions,
  quantizationError,
  quantize,
  type Range,
  unpack,
} from "../../src/index.ts";

const finite = fc.float({ noNaN: true, noDefaultInfinity: true });
const values = fc
  .array(fc.oneof(finite, fc.float({ min: -300, max: 300, noNaN: true })), { maxLength: 70 })
  .map((v) => Float32Array.from(v));
/** Values so far inside float32 that no code's value, a step beyond them, is an infinity. */
const moderate = values.map((x) => x.map((v) => Math.min(Math.max(v, -(2 ** 125)), 2 ** 125)));
const integers = fc.constantFrom<FormatName>("int2", "uint2", "int4", "uint4", "int8", "uint8", "int16", "uint16");
const granularity = fc.constantFrom<Partial<QuantizeOptions>>({}, { block: 5 }, { block: 16 }, { axis: 0 });
const options = fc.record({
  format: integers,
  symmetric: fc.boolean(),
  powerOfTwo: fc.boolean(),
  range: fc.constantFrom<Range>("minmax", "percentile", "mse", [-3, 5]),
});

test("real zero is exact in every affine quantization", () => {
  fc.assert(
    fc.property(values, options, granularity, (x, chosen, grain) => {
      const q = quantize(Float32Array.of(...x, 0), { ...chosen, ...grain });
      assert.equal(dequantize(q).at(-1), 0);
    }),
    { numRuns: 400 },
  );
});

test("inside the range the error is at most half a step", () => {
  fc.assert(
    fc.property(moderate, integers, fc.boolean(), fc.boolean(), (x, format, symmetric, powerOfTwo) => {
      const unsigned = format.startsWith("u");
      // symmetric unsigned codes have no negative side
      const data = symmetric && unsigned ? x.map(Math.abs) : x;
      const q = quantize(data, { format, symmetric, powerOfTwo });
      const back = dequantize(q);
      const scale = q.scale[0] as number;
      fc.pre(scale >= 2 ** -126); // a subnormal scale has too few bits to reach the ends of the range
      data.forEach((v, i) => {
        const bound = (scale / 2) * (1 + 2 ** -20) + Math.abs(v) * 2 ** -22;
        assert.ok(Math.abs(v - (back[i] as number)) <= bound, `${v} -> ${back[i]}, scale ${scale}`);
      });
    }),
    { numRuns: 1000 },
  );
});

test("quantize is monotone", () => {
  fc.assert(
    fc.property(values, options, (x, chosen) => {
      const sorted = x.slice().sort();
      const back = fakeQuantize(sorted, chosen);
      for (let i = 1; i < back.length; i++) assert.ok((back[i] as number) >= (back[i - 1] as number));
    }),
    { numRuns: 300 },
  );
});

test("quantizing again what was dequantized gives the same codes", () => {
  fc.assert(
    fc.property(moderate, options, granularity, (x, chosen, grain) => {
      const q = quantize(x, { ...chosen, ...grain });
      const again = quantize(dequantize(q), { format: chosen.format, ...grain, scale: q.scale, zero: q.zero });
      assert.deepEqual(again.data, q.data);
    }),
    { numRuns: 400 },
  );
});

test("fakeQuantize is dequantize after quantize", () => {
  const formats = fc.constantFrom<FormatName>(
    "int8",
    "uint4",
    "int32",
    "float8_e4m3fn",
    "float6_e3m2fn",
    "mxfp4",
    "nvfp4",
    "mxint8",
    "bfloat16",
  );
  fc.assert(
    fc.property(values, formats, (x, format) => {
      assert.deepEqual(fakeQuantize(x, { format }), dequantize(quantize(x, { format })));
    }),
    { numRuns: 300 },
  );
});

test("every code survives decode and encode, and pack and unpack", () => {
  const formats = fc.constantFrom<FormatName>(
    "float8_e4m3fn",
    "float8_e5m2fnuz",
    "float6_e2m3fn",
    "float4_e2m1fn",
    "float16",
    "int4",
    "uint2",
  );
  fc.assert(
    fc.property(formats, fc.array(fc.nat(65535), { maxLength: 50 }), (format, words) => {
      const bits = { float16: 16, float6_e2m3fn: 6, float4_e2m1fn: 4, int4: 4, uint2: 2 }[format as string] ?? 8;
      const codes = (bits > 8 ? Uint16Array : Uint8Array).from(words.map((w) => w % 2 ** bits));
      const decoded = decode(codes, format);
      const again = encode(decoded, format, { saturate: false });
      codes.forEach((code, i) => {
        if (!Number.isNaN(decoded[i])) assert.equal(again[i], code);
      });
      if (bits < 8)
        assert.deepEqual(
          Array.from(
            unpack(pack(codes as Uint8Array, format), format, { length: codes.length }),
            (c) => c & (2 ** bits - 1),
          ),
          [...codes],
        );
    }),
    { numRuns: 300 },
  );
});

test("clipping and rounding add up to the error", () => {
  fc.assert(
    fc.property(moderate, options, (x, chosen) => {
      const q = quantize(x, chosen);
      const error = quantizationError(x, q);
      const back = dequantize(q);
      const mse = x.length ? x.reduce((sum, v, i) => sum + (v - (back[i] as number)) ** 2, 0) / x.length : 0;
      assert.equal(error.mse, error.clipping + error.rounding);
      assert.ok(Math.abs(error.mse - mse) <= mse * 1e-12);
    }),
    { numRuns: 300 },
  );
});

/** What of an observer merges exactly. */
const exact = (observer: Observer) => {
  const { mean: _mean, squares: _squares, ...rest } = observer.toJSON();
  return rest;
};

test("observers merge to the observer of the concatenation, in any order and split, through JSON", () => {
  const piece = fc.array(fc.oneof(finite, fc.constantFrom(Infinity, -Infinity, NaN, 0, -0)), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), fc.boolean(), (pieces, reversed) => {
      const whole = observe().add(Float32Array.from(pieces.flat()));
      const parts = pieces.map((part) => observe().add(Float32Array.from(part)));
      if (reversed) parts.reverse();
      const merged = parts.reduce((a, b) => a.merge(Observer.from(JSON.parse(JSON.stringify(b)))), observe());
      assert.deepEqual(exact(merged), exact(whole));
      const size = Math.max(Math.abs(whole.min), Math.abs(whole.max));
      if (whole.count > 0) {
        assert.ok(Math.abs(merged.mean - whole.mean) <= size * 1e-12, `${merged.mean}, ${whole.mean}`);
        assert.ok(Math.abs(merged.variance - whole.variance) <= size * size * 1e-12);
      }
      for (const range of ["minmax", "percentile", "mse"] as const)
        assert.deepEqual(merged.range({ range }), whole.range({ range }));
    }),
    { numRuns: 150 },
  );
});

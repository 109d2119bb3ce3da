// quantize and its kin as users call them: grouping, options, containers, large and odd arrays.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import {
  compareFormats,
  dequantize,
  fakeQuantize,
  type QuantizeOptions,
  quantizationError,
  quantize,
  requantize,
  unpack,
} from "../../src/index.ts";
import { valuesOf } from "../kernels/harness.ts";
import { dequantizeValue, parameterIndex, quantizeValue, stochasticCode } from "../reference/affine.ts";
import { decodeNvfp4Block, encodeNvfp4Block, nvfp4TensorScale } from "../reference/block.ts";
import { affineParameters, powerOfTwoScale, symmetricParameters } from "../reference/range.ts";

const x = Float32Array.from({ length: 24 }, (_, i) => ((i * 7) % 24) - 9.5);

test("a quantized tensor is plain data", () => {
  const q = quantize(x, { format: "int4", shape: [2, 12], axis: 0, narrow: true, bits: 3 });
  assert.deepEqual(structuredClone(q), q);
  assert.deepEqual(Object.keys(q), ["format", "shape", "data", "scale", "zero", "axis", "bits", "narrow"]);
  assert.equal(q.data.length, 12);
});

test("defaults: signed and float formats symmetric, unsigned affine", () => {
  assert.equal(quantize(x, { format: "int8" }).zero[0], 0);
  assert.notEqual(quantize(x, { format: "uint8" }).zero[0], 0);
  assert.notEqual(quantize(x, { format: "int8", symmetric: false }).zero[0], 0);
  assert.equal(quantize(x, { format: "uint8", symmetric: true }).zero[0], 0);
});

test("scales and zeros are those of the equations", () => {
  const [lo, hi] = [-9.5, 13.5];
  const one = (options: QuantizeOptions) => {
    const { scale, zero } = quantize(x, options);
    return { scale: scale[0], zero: zero[0] };
  };
  assert.deepEqual(one({ format: "uint8" }), affineParameters(lo, hi, 0, 255));
  assert.deepEqual(one({ format: "int8", symmetric: false }), affineParameters(lo, hi, -128, 127));
  assert.deepEqual(one({ format: "int8" }), symmetricParameters(lo, hi, 127));
  assert.deepEqual(one({ format: "int16", bits: 12 }), symmetricParameters(lo, hi, 2047));
  assert.deepEqual(one({ format: "uint8", symmetric: true }), symmetricParameters(0, hi, 255));
  assert.equal(
    one({ format: "int8", powerOfTwo: true }).scale,
    powerOfTwoScale(symmetricParameters(lo, hi, 127).scale),
  );
  assert.equal(one({ format: "float8_e4m3fn" }).scale, Math.fround(13.5 / 448));
  assert.equal(one({ format: "bfloat16" }).scale, 1);
  assert.deepEqual(one({ format: "int8", range: [-2, 1] }), symmetricParameters(-2, 1, 127));
});

test("an all-zero or empty tensor has scale 1 and zero 0", () => {
  for (const format of ["int8", "uint8", "float8_e5m2", "int2"] as const) {
    for (const range of ["minmax", "percentile", "mse"] as const) {
      for (const n of [0, 5]) {
        const { scale, zero } = quantize(new Float32Array(n), { format, range });
        assert.deepEqual([scale[0], zero[0]], [1, 0], `${format} ${range} ${n}`);
      }
    }
  }
});

test("every grouping meets the scales that the equations say", () => {
  const shape = [3, 4, 5];
  const data = valuesOf(60, 3, true);
  for (const grain of [
    {},
    { axis: 0 },
    { axis: 1 },
    { axis: 2 },
    { block: 2 },
    { block: 5 },
    { block: 7 },
    { axis: 0, block: 2 },
    { axis: 1, block: 3 },
  ]) {
    const { axis, block } = grain as { axis?: number; block?: number };
    const q = quantize(data, { format: "uint8", shape, ...grain });
    const along = axis ?? (block === undefined ? undefined : 2);
    const wanted = Array.from(data, (v, i) => {
      const at = parameterIndex(i, shape, along, block);
      return quantizeValue(v, q.scale[at] as number, q.zero[at] as number, 0, 255);
    });
    assert.deepEqual([...q.data], wanted, JSON.stringify(grain));
    q.scale.forEach((scale, index) => {
      const group = data.filter((_v, i) => parameterIndex(i, shape, along, block) === index);
      assert.deepEqual(
        { scale, zero: q.zero[index] },
        affineParameters(Math.min(...group), Math.max(...group), 0, 255),
      );
    });
    assert.deepEqual(
      [...dequantize(q)],
      wanted.map((code, i) => {
        const at = parameterIndex(i, shape, along, block);
        return dequantizeValue(code, q.scale[at] as number, q.zero[at] as number);
      }),
    );
  }
});

test("a tensor of many chunks is the same as one of few, in every grouping and format", () => {
  const n = 200003;
  const large = valuesOf(n, 11, true);
  const cases: Partial<QuantizeOptions>[] = [
    { format: "uint8" },
    { format: "int4" },
    { format: "float6_e3m2fn" },
    { format: "mxfp4" },
    { format: "int16", block: 3 },
    { format: "int32" },
  ];
  for (const options of cases) {
    const q = quantize(large, options as QuantizeOptions);
    const back = dequantize(q);
    for (const at of [0, 65529, 65536, 131071, 196607, 199998]) {
      const start = Math.floor(at / 96) * 96; // whole blocks of 3 and 32
      const part = large.subarray(start, start + 96);
      const given = options.format === "mxfp4" ? {} : { scale: scalesFrom(q.scale, start, options.block, part.length) };
      const alone = fakeQuantize(part, {
        ...(options as QuantizeOptions),
        ...given,
        ...(options.format !== "mxfp4" && { zero: options.block ? 0 : (q.zero[0] as number) }),
      });
      assert.deepEqual(back.subarray(start, start + part.length), alone, `${options.format} at ${start}`);
    }
  }
});

function scalesFrom(scale: Float32Array, start: number, block: number | undefined, n: number): Float32Array | number {
  if (block === undefined) return scale[0] as number;
  return scale.slice(start / block, start / block + Math.ceil(n / block));
}

test("more scales than stay in wasm memory are copied piece by piece", () => {
  const data = valuesOf(300001, 5, true);
  for (const options of [{ block: 2 }, { shape: [300001, 1], axis: 0 }, { shape: [1, 300001], axis: 1 }] as const) {
    const q = quantize(data, { format: "uint8", ...options });
    const block = "block" in options ? 2 : 1;
    assert.equal(q.scale.length, Math.ceil(data.length / block));
    for (let i = 0; i < data.length; i += 997) {
      const at = Math.floor(i / block);
      assert.equal(
        q.data[i],
        quantizeValue(data[i] as number, q.scale[at] as number, q.zero[at] as number, 0, 255),
        `${i}`,
      );
    }
  }
  const rows = quantize(data.subarray(0, 300000), { format: "int8", shape: [3, 100000], axis: 1 });
  for (let i = 0; i < 300000; i += 991) {
    assert.equal(
      rows.data[i],
      quantizeValue(data[i] as number, rows.scale[i % 100000] as number, 0, -128, 127),
      `lane ${i}`,
    );
  }
});

test("narrow leaves out the lowest code; full range reaches it", () => {
  const data = Float32Array.of(-1000, -1, 1, 1000);
  assert.deepEqual([...quantize(data, { format: "int8", scale: 1 }).data], [-128, -1, 1, 127]);
  assert.deepEqual([...quantize(data, { format: "int8", scale: 1, narrow: true }).data], [-127, -1, 1, 127]);
  assert.deepEqual([...quantize(data, { format: "int8", scale: 1, bits: 5 }).data], [-16, -1, 1, 15]);
});

test("infinities: a searched range passes over them and says how many, given parameters clamp", () => {
  const data = Float32Array.of(-Infinity, 1, 2, Infinity, Infinity);
  const q = quantize(data, { format: "int8" });
  assert.equal(q.scale[0], Math.fround(2 / 127));
  assert.equal(q.infinite, 3);
  assert.deepEqual([...q.data], [-128, 64, 127, 127, 127]);
  assert.equal("infinite" in quantize(data, { format: "int8", scale: 1 }), false);
  assert.deepEqual(quantizationError(data, q).clipped, 0);
  for (const range of ["percentile", "mse", "entropy"] as const)
    assert.equal(quantize(data, { format: "int8", range }).infinite, 3);
});

test("NaN stays NaN in formats that have one", () => {
  for (const format of ["float8_e4m3fn", "float8_e5m2fnuz", "bfloat16", "mxfp8_e5m2"] as const) {
    const back = fakeQuantize(Float32Array.of(1, NaN, 2), { format });
    assert.deepEqual([...back].map(Number.isNaN), [false, true, false], format);
  }
});

test("stochastic rounding is the equation's, and its mean is the value", () => {
  const data = valuesOf(3000, 17, true);
  const q = quantize(data, { format: "int8", scale: 0.37, zero: 5, rounding: "stochastic", seed: 2 ** 40 + 1 });
  const wanted = Array.from(data, (v, i) => stochasticCode(v, Math.fround(0.37), 5, -128, 127, 2 ** 40 + 1, i));
  assert.deepEqual([...q.data], wanted);
  const thirds = new Float32Array(100000).fill(1 / 3);
  for (const format of ["int8", "float8_e4m3fn", "float6_e2m3fn"] as const) {
    const back = fakeQuantize(thirds, { format, scale: 1, rounding: "stochastic", seed: 7 });
    const mean = back.reduce((a, b) => a + b) / back.length;
    assert.ok(Math.abs(mean - 1 / 3) < 0.005, `${format}: ${mean}`);
  }
});

test("nvfp4 has two levels of scales", () => {
  const data = valuesOf(70, 23, true).map((v) => Math.min(Math.max(v, -1e20), 1e20));
  const q = quantize(data, { format: "nvfp4", shape: [2, 35] });
  const tensorScale = nvfp4TensorScale(data);
  assert.equal(q.tensorScale, tensorScale);
  assert.equal(q.scale.length, 6);
  const rows = [0, 35].flatMap((row) =>
    [0, 16, 32].map((start) => data.subarray(row + start, row + Math.min(start + 16, 35))),
  );
  const blocks = rows.map((block) => encodeNvfp4Block(block, tensorScale));
  const codes = unpack(q.data as Uint8Array, "float4_e2m1fn", { length: 70 });
  assert.deepEqual(
    [...codes],
    blocks.flatMap(({ codes }) => codes),
  );
  assert.deepEqual(
    [...dequantize(q)],
    blocks.flatMap(({ scaleCode, codes }) => [...decodeNvfp4Block(scaleCode, codes, tensorScale)]),
  );
});

test("requantize goes to new parameters", () => {
  const q = quantize(x, { format: "int8", shape: [4, 6], axis: 0 });
  const again = requantize(q, { format: "uint8", scale: 0.2, zero: 100 });
  assert.deepEqual(again.shape, [4, 6]);
  assert.deepEqual(
    [...again.data],
    Array.from(dequantize(q), (v) => quantizeValue(v, Math.fround(0.2), 100, 0, 255)),
  );
});

test("shared buffers, offsets and growth between calls give the right result", () => {
  const shared = new Float32Array(new SharedArrayBuffer(24 * 4));
  shared.set(x);
  const plain = quantize(x, { format: "int8" });
  assert.deepEqual(quantize(shared, { format: "int8" }), plain);
  assert.deepEqual(quantize(Float32Array.of(0, ...x).subarray(1), { format: "int8" }), plain);
  quantize(new Float32Array(3_000_000), { format: "int8", range: "mse" });
  assert.deepEqual(quantize(x, { format: "int8" }), plain);
});

test("clipping and rounding are told apart", () => {
  const data = Float32Array.of(0.4, 127.4, 127.5, 200, -129, -128.4);
  const error = quantizationError(data, quantize(data, { format: "int8", scale: 1 }));
  assert.equal(error.clipped, 3);
  assert.equal(error.clipping * 6, 0.25 + 73 ** 2 + 1);
  const floats = Float32Array.of(464, 464.1, 465, 449, -1e9);
  assert.equal(quantizationError(floats, quantize(floats, { format: "float8_e4m3fn", scale: 1 })).clipped, 3);
  const halves = Float32Array.of(65519, 65520, 1);
  assert.equal(quantizationError(halves, quantize(halves, { format: "float16" })).mse, Infinity);
});

test("error figures of nothing, of silence and of no error", () => {
  const silent = quantizationError(new Float32Array(3), quantize(new Float32Array(3), { format: "int8" }));
  assert.deepEqual(silent, { mse: 0, sqnr: Infinity, clipping: 0, rounding: 0, clipped: 0 });
  const none = quantizationError(new Float32Array(0), quantize(new Float32Array(0), { format: "int8" }));
  assert.deepEqual(none, silent);
  const q = quantize(x, { format: "int8" });
  const sqnr =
    10 *
    Math.log10(
      x.reduce((s, v) => s + v * v, 0) / x.reduce((s, v, i) => s + (v - (dequantize(q)[i] as number)) ** 2, 0),
    );
  assert.ok(Math.abs(quantizationError(x, q).sqnr - sqnr) < 1e-9);
});

test("an error that overflowed is no signal at all", () => {
  const [half, own] = compareFormats(Float32Array.of(1, 2, 1e6), [
    "float16",
    { exponent: 4, mantissa: 7, infinity: false },
  ]);
  assert.deepEqual([half?.mse, half?.sqnr], [Infinity, -Infinity]);
  assert.deepEqual([own?.mse, own?.sqnr], [Number.NaN, Number.NaN]);
  const large = Float32Array.of(500, 2 ** 31, -(2 ** 31));
  assert.equal(quantizationError(large, quantize(large, { format: "int32", scale: 1 })).clipped, 1);
});

test("a block longer than its axis is the whole axis", () => {
  const grain = { format: "int8", shape: [4, 6], axis: 0 } as const;
  const q = quantize(x, { ...grain, block: 2 ** 30 });
  assert.deepEqual([...q.scale], [...quantize(x, { ...grain, block: 4 }).scale]);
  assert.deepEqual(dequantize(q), dequantize(quantize(x, { ...grain, block: 4 })));
});

test("arrays from another realm are arrays", () => {
  const foreign = runInNewContext("Float32Array.of(1, -2, 3)");
  assert.deepEqual(quantize(foreign, { format: "int8" }), quantize(Float32Array.of(1, -2, 3), { format: "int8" }));
});

test("infinities and NaN in large data are passed over by every search", () => {
  const data = valuesOf(100000, 31, true).map((v) => Math.min(Math.max(v, -1e6), 1e6));
  const holed = Float32Array.of(Infinity, ...data.subarray(0, 50000), -Infinity, ...data.subarray(50000));
  for (const range of ["mse", "percentile", "entropy"] as const) {
    assert.deepEqual(quantize(holed, { format: "int8", range }).scale, quantize(data, { format: "int8", range }).scale);
  }
});

test("compareFormats gives a row a format, with bits and cost", () => {
  const rows = compareFormats(x, ["int8", "mxfp4", "nvfp4", { exponent: 2, mantissa: 5, finite: true }], { block: 8 });
  assert.deepEqual(
    rows.map(({ format, bits }) => [format, bits]),
    [
      ["int8", 12],
      ["mxfp4", 4.25],
      ["nvfp4", 4.5],
      ["float8_e2m5", 12],
    ],
  );
  assert.deepEqual(rows[0], {
    format: "int8",
    bits: 12,
    ...quantizationError(x, quantize(x, { format: "int8", block: 8 })),
    relativeCost: 1,
  });
});

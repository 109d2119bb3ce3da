// search.ts: the sum of squared errors of one quantizer, against quantize and dequantize of the oracle.
import { type FloatFormat, floatMax, FORMATS as ROWS } from "../../src/formats.ts";
import { quantizeValue } from "../reference/affine.ts";
import { squaredError } from "../reference/measure.ts";
import { decodeValue, encodeValue, FORMATS } from "../reference/minifloat.ts";
import { assertBits, SIZES, testKernel, valuesOf } from "./harness.ts";

/** Differences as the kernel takes them: in float32, against nothing. */
function errorOf(x: Float32Array, nearest: (v: number) => number, weights: Float32Array | undefined): number {
  const differences = x.map((v) => Math.fround(v - nearest(v)));
  return squaredError(differences, new Float32Array(x.length), weights);
}

function moderate(n: number): Float32Array {
  return valuesOf(n, n + 9, true).map((v) => Math.min(Math.max(v, -1e15), 1e15));
}

const weightsOf = (n: number) => Float32Array.from({ length: n }, (_, i) => (i * 3) % 7);

testKernel("error_f32_f64_integer", (bench) => {
  for (const n of SIZES) {
    for (const [scale, lo, hi] of [
      [1, -128, 127],
      [0.37, 0, 255],
      [1 / 3, -8, 7],
      [2 ** -9, -32768, 32767],
    ] as const) {
      const b = bench();
      const [x, weights] = [moderate(n), weightsOf(n)];
      const s = Math.fround(scale);
      const nearest = (v: number) => Math.fround(quantizeValue(v, s, 0, lo, hi) * s);
      for (const given of [undefined, weights]) {
        const error = b.k.error_f32_f64_integer(b.put(x), given ? b.put(given) : 0, n, s, lo, hi);
        assertBits([error], [errorOf(x, nearest, given)], `n ${n}, scale ${scale}, ${given ? "" : "not "}weighted`);
      }
    }
  }
});

testKernel("error_f32_f64_float", (bench) => {
  for (const name of ["float8_e4m3fn", "float8_e5m2", "float6_e2m3fn", "float4_e2m1fn", "float8_e3m4"] as const) {
    const row = ROWS.get(name) as FloatFormat;
    for (const n of SIZES) {
      const b = bench();
      const [x, weights, s] = [moderate(n), weightsOf(n), Math.fround(0.3)];
      const code = (v: number) => encodeValue(Math.fround(v / s), FORMATS[name], { saturate: true, rounding: "even" });
      const nearest = (v: number) => Math.fround(decodeValue(code(v), FORMATS[name]) * s);
      for (const given of [undefined, weights]) {
        const at = given ? b.put(given) : 0;
        const error = b.k.error_f32_f64_float(b.put(x), at, n, s, row.mantissa, 2 ** (1 - row.bias), floatMax(row));
        assertBits([error], [errorOf(x, nearest, given)], `${name}, n ${n}`);
      }
    }
  }
});

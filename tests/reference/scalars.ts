// Functions of float32 values in float64, rounded once (docs/math.md, equation 67).
import { float32Bits } from "./bits.ts";

const { abs, fround } = Math;

/** exp in float64 (equation 36), for equation 67. */
function exp64(x: number): number {
  if (x > 709.8) return Infinity;
  if (x < -745.2) return 0;
  const k = roundTo(x / (0.6931471803691238 + 1.9082149292705877e-10));
  const near = series64(x - k * 0.6931471803691238 - k * 1.9082149292705877e-10) + 1;
  const half = Math.floor(k / 2);
  return near * 2 ** half * 2 ** (k - half);
}

/** To the nearest integer, ties to even; |x| < 2^51. */
function roundTo(x: number): number {
  return x + 1.5 * 2 ** 52 - 1.5 * 2 ** 52;
}

function series64(r: number): number {
  let sum = 0;
  for (let n = 14; n > 0; n--) sum = ((sum + 1) * r) / n;
  return sum;
}

function expMinusOne64(x: number): number {
  return abs(x) < 0.6931471803691238 / 2 ? series64(x) : exp64(x) - 1;
}

const words = new DataView(new ArrayBuffer(8));

function log64(x: number): number {
  words.setFloat64(0, x);
  const bits = words.getBigUint64(0);
  const mantissa = bits & 0x000fffffffffffffn;
  const above = mantissa >= 0x0006a09e667f3bcdn ? 1n : 0n;
  const k = Number((bits >> 52n) - 1023n + above);
  words.setBigUint64(0, mantissa | ((1023n - above) << 52n));
  const m = words.getFloat64(0);
  const s = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 23; n > 1; n -= 2) sum = (sum + 1 / n) * s * s;
  return k * Math.LN2 + 2 * (s + s * sum);
}

function logOnePlus64(u: number): number {
  const w = 1 + u;
  return log64(w) + (u - (w - 1)) / w;
}

const HALF_PI = 1.5707963267948966;

/** 2 / pi, 216 bits with 24 zeros in front: 2 / pi = TWO_OVER_PI / 2^192. */
const TWO_OVER_PI = 0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041n;

/** Thirty-two bits of 2 / pi. */
const window = (byte: number) => (TWO_OVER_PI >> BigInt(8 * (23 - byte))) & 0xffffffffn;

/** Whole quarter turns of x >= 0 and the angle that is left. */
function quarters(x: number): { n: number; r: number } {
  if (x < 2) {
    const n = roundTo(x / HALF_PI);
    return { n, r: x - n * HALF_PI };
  }
  const exponent = Math.floor(float32Bits(x) / 2 ** 23) - 128;
  const mantissa = BigInt((float32Bits(x) & 0x7fffff) | 0x800000) << BigInt(exponent & 7);
  const byte = exponent >> 3;
  const [high, middle, low] = [byte, byte + 4, byte + 8].map((each) => mantissa * window(each));
  const turns = BigInt.asIntN(64, ((high as bigint) << 32n) + (middle as bigint) + ((low as bigint) >> 32n));
  const whole = ((turns + 2n ** 61n) >> 62n) << 62n;
  return { n: Number(BigInt.asUintN(2, whole >> 62n)), r: (Number(turns - whole) / 2 ** 62) * HALF_PI };
}

/** sin(x + start pi / 2) for x >= 0. */
function wave(x: number, start: number): number {
  if (!(x < Infinity)) return NaN;
  const { n, r } = quarters(x);
  const turn = n + start;
  const first = 1 - (turn % 2);
  let sum = 1;
  for (let k = 16 + first; k > first; k -= 2) sum = 1 - (sum * r * r) / (k * (k - 1));
  const y = first === 1 ? sum * r : sum;
  return turn & 2 ? -y : y;
}

const cos = (x: number) => wave(abs(x), 1);
const sin = (x: number) => (x < 0 || Object.is(x, -0) ? -1 : 1) * wave(abs(x), 0);
const withSign = (y: number, x: number) => (x < 0 || Object.is(x, -0) ? -abs(y) : abs(y));

function atan(x: number): number {
  const a = abs(x);
  let t = a > 1 ? 1 / a : a;
  t /= 1 + Math.sqrt(1 + t * t);
  t /= 1 + Math.sqrt(1 + t * t);
  let sum = 0;
  for (let n = 23; n > 0; n -= 2) sum = 1 / n - sum * t * t;
  return withSign(a > 1 ? HALF_PI - 4 * t * sum : 4 * t * sum, x);
}

function sinh(x: number): number {
  const e = expMinusOne64(Math.min(abs(x), 700));
  return withSign((e + e / (e + 1)) / 2, x);
}

function cosh(x: number): number {
  const e = exp64(Math.min(abs(x), 700));
  return (e + 1 / e) / 2;
}

function asinh(x: number): number {
  const a = abs(x);
  return a < Infinity ? withSign(logOnePlus64(a + (a * a) / (1 + Math.sqrt(1 + a * a))), x) : x;
}

function acosh(x: number): number {
  const t = x - 1;
  if (!(t >= 0 && t < Infinity)) return t === Infinity ? t : NaN;
  return logOnePlus64(t + Math.sqrt(t * (t + 2)));
}

function atanh(x: number): number {
  const a = abs(x);
  if (!(a < 1)) return a === 1 ? withSign(Infinity, x) : NaN;
  return withSign(logOnePlus64((2 * a) / (1 - a)) / 2, x);
}

/** a^b (equation 67). */
export function power(a: number, b: number): number {
  if (b === 2) return fround(a * a);
  if (b === 0.5) return fround(Math.sqrt(a));
  if (b === 0 || a === 1) return 1;
  if (Number.isNaN(a) || Number.isNaN(b)) return NaN;
  const size = abs(a);
  const edge = (size === 0) === b > 0 ? 0 : Infinity;
  const y = size > 0 && size < Infinity ? fround(exp64(b * log64(size))) : edge;
  if (a > 0 || Object.is(a, 0)) return y;
  const isWhole = !(abs(b) < Infinity) || Math.floor(b) === b;
  if (!isWhole) return size > 0 ? NaN : y;
  return Math.abs(b % 2) === 1 ? -y : y;
}

/** By the names of the kernels' numbers. */
export const SCALARS: Readonly<Record<string, (x: number) => number>> = {
  FUNCTION_SIN: (x) => fround(sin(x)),
  FUNCTION_COS: (x) => fround(cos(x)),
  FUNCTION_TAN: (x) => fround(sin(x) / cos(x)),
  FUNCTION_ASIN: (x) => fround(atan(x / Math.sqrt((1 - x) * (1 + x)))),
  FUNCTION_ACOS: (x) => fround(2 * atan(Math.sqrt((1 - x) / (1 + x)))),
  FUNCTION_ATAN: (x) => fround(atan(x)),
  FUNCTION_SINH: (x) => fround(sinh(x)),
  FUNCTION_COSH: (x) => fround(cosh(x)),
  FUNCTION_ASINH: (x) => fround(asinh(x)),
  FUNCTION_ACOSH: (x) => fround(acosh(x)),
  FUNCTION_ATANH: (x) => fround(atanh(x)),
};

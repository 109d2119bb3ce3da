// Functions of one value (docs/math.md, equations 35 and 36): rational ones in float64, in the order written; the others
// correctly rounded to float32, from fixed-point numbers of 256 bits. TensorFlow Lite's integer curves (34, 37 to 39).
import { clamp, dequantizeValue } from "./affine.ts";
import { codeOf, rescale, type Scaled, type Target } from "./elementwise.ts";
import {
  logistic,
  quantizeMultiplier,
  roundingDivideByPowerOfTwo,
  roundingDoublingHighMultiply,
  saturatingMultiplyByPowerOfTwo,
  tanh,
} from "./fixedpoint.ts";

/** Fraction bits: enough for e^-104, below which float32 is 0, with a hundred bits to spare. */
const BITS = 256n;
const ONE = 1n << BITS;

/** A float64 as a fixed-point number, exactly where it is a multiple of 2^-256. */
function fixed(v: number): bigint {
  if (v < 0) return -fixed(-v);
  const high = Math.floor(v);
  let result = BigInt(high) << BITS;
  let rest = v - high;
  for (let bit = BITS; rest > 0 && bit > 0n; ) {
    bit -= 32n;
    rest *= 2 ** 32;
    const word = Math.floor(rest);
    result += BigInt(word) << bit;
    rest -= word;
  }
  return result;
}

const multiply = (a: bigint, b: bigint): bigint => (a * b) >> BITS;
const divide = (a: bigint, b: bigint): bigint => (a << BITS) / b;

/** The float64 that a positive fixed-point number is cut to, its last bit set where anything was cut off: a float32 of it is rounded once. */
function toFloat(v: bigint): number {
  if (v < 0n) return -toFloat(-v);
  const length = v.toString(2).length;
  const cut = BigInt(Math.max(length - 52, 0));
  const sticky = (v >> cut) << cut === v ? 0n : 1n;
  return Number((v >> cut) | sticky) * 2 ** (Number(cut) - Number(BITS));
}

/** log(2) = sum of 1 / (n 2^n) */
const LN2 = ((): bigint => {
  let sum = 0n;
  for (let n = 1n; n <= BITS; n++) sum += ONE / (n << n);
  return sum;
})();

/** pi = 16 atan(1/5) - 4 atan(1/239) */
const PI = ((): bigint => {
  const inverseTangent = (n: bigint): bigint => {
    let sum = 0n;
    for (let k = 0n, power = ONE / n; power !== 0n; k++, power /= -n * n) sum += power / (2n * k + 1n);
    return sum;
  };
  return 16n * inverseTangent(5n) - 4n * inverseTangent(239n);
})();

function squareRoot(v: bigint): bigint {
  const target = v << BITS;
  let root = 1n << BigInt(Math.ceil(target.toString(2).length / 2));
  for (let next = 0n; ; root = next) {
    next = (root + target / root) >> 1n;
    if (next >= root) return root;
  }
}

function exp(v: bigint): bigint {
  const k = v / LN2 - (v < 0n ? 1n : 0n);
  const r = (v - k * LN2) >> 8n; // halved eight times, squared as often
  let sum = ONE;
  let term = ONE;
  for (let n = 1n; term !== 0n; n++) {
    term = multiply(term, r) / n;
    sum += term;
  }
  for (let i = 0; i < 8; i++) sum = multiply(sum, sum);
  return k >= 0n ? sum << k : sum >> -k;
}

/** log(v), v = 2^k m: 2 (s + s^3/3 + ...) with s = (m - 1) / (m + 1). */
function log(v: bigint): bigint {
  const k = BigInt(v.toString(2).length) - 1n - BITS;
  const m = k >= 0n ? v >> k : v << -k;
  const s = divide(m - ONE, m + ONE);
  const square = multiply(s, s);
  let sum = 0n;
  for (let n = 1n, power = s; power !== 0n; n += 2n, power = multiply(power, square)) sum += power / n;
  return k * LN2 + 2n * sum;
}

/** erf(v) = 2 / sqrt(pi) (v - v^3 / 3 + v^5 / (2! 5) - ...) */
function erf(v: bigint): bigint {
  if (v < 0n) return -erf(-v);
  if (v > 12n * ONE) return ONE;
  const square = multiply(v, v);
  let sum = 0n;
  for (let n = 0n, power = v; power !== 0n; n++, power = multiply(power, square) / -n) {
    sum += power / (2n * n + 1n);
  }
  return divide(2n * sum, squareRoot(PI));
}

/** x / (1 + exp(-t)) */
const gated = (x: bigint, t: bigint): bigint => divide(x, ONE + exp(-t));

/** What saturates every code is not computed: 2^11 is beyond each function's reach at 256 bits. */
const far = (v: bigint): boolean => v > ONE << 11n || v < -(ONE << 11n);

type Real = (x: number, alpha: number, beta: number) => number;

/** A function from its fixed-point one. */
function transcendental(compute: (x: bigint, alpha: bigint) => bigint): Real {
  return (x, alpha) => Math.fround(toFloat(compute(fixed(x), fixed(alpha))));
}

/** By the public names. */
export const ACTIVATIONS: Record<string, Real> = {
  relu: (x) => Math.max(x, 0),
  relu6: (x) => clamp(x, 0, 6),
  relu_n1_to_1: (x) => clamp(x, -1, 1),
  leaky_relu: (x, alpha) => Math.fround(x < 0 ? alpha * x : x),
  elu: transcendental((x, alpha) => (x < 0n ? multiply(alpha, exp(x) - ONE) : x)),
  sigmoid: transcendental((x) => gated(ONE, x)),
  tanh: transcendental((x) => 2n * gated(ONE, 2n * x) - ONE),
  hard_sigmoid: (x, alpha, beta) => Math.fround(clamp(alpha * x + beta, 0, 1)),
  hard_swish: (x) => Math.fround((x * clamp(x + 3, 0, 6)) / 6),
  silu: transcendental((x) => gated(x, x)),
  gelu: transcendental((x) => multiply(x, ONE + erf(divide(x, squareRoot(2n * ONE)))) >> 1n),
  gelu_tanh: transcendental((x) => {
    const cubic = x + multiply(fixed(0.044715), multiply(x, multiply(x, x)));
    return gated(x, 2n * multiply(squareRoot(divide(2n * ONE, PI)), cubic));
  }),
  mish: transcendental((x) => {
    const e = exp(x);
    const n = multiply(e, e + 2n * ONE);
    return divide(multiply(x, n), n + 2n * ONE);
  }),
  exp: transcendental((x) => (far(x) ? (x > 0n ? ONE << 200n : 0n) : exp(x))),
  log: (x) => (x > 0 ? Math.fround(toFloat(log(fixed(x)))) : -Infinity),
  sqrt: (x) => Math.fround(Math.sqrt(Math.max(x, 0))),
  softplus: transcendental((x) => log(ONE + exp(x))),
  softsign: (x) => Math.fround(x / (1 + Math.abs(x))),
  erf: transcendental(erf),
};

/** Equation 35. */
export function activate(code: number, name: string, x: Scaled, result: Target, alpha = 0, beta = 0): number {
  const real = ACTIVATIONS[name] as Real;
  return codeOf(real(dequantizeValue(code, x.scale, x.zero), Math.fround(alpha), Math.fround(beta)), result);
}

const { fround } = Math;

/** Node i of TensorFlow Lite's table of sigmoid(i / 24), 16 bits. */
export function sigmoidNode(i: number): number {
  if (i === 255) return 65535;
  const s = toFloat(gated(ONE, fixed(i) / 24n));
  return Math.floor(65536 * s + (4096 * s * (1 - s) * (2 * s - 1)) / 576 + 0.5);
}

const NODES = Array.from({ length: 256 }, (_, i) => sigmoidNode(i));

/** sigmoid between its nodes, v >= 0 in units of 1 / (24 2^bits). */
function interpolated(v: number, bits: number): number {
  const i = v >> bits;
  const [a = 0, b = 0] = NODES.slice(i, i + 2);
  return a * 2 ** bits + (v & (2 ** bits - 1)) * (b - a);
}

function tripled(x: number, scale: number, exact: readonly number[]): number {
  const power = exact.find((each) => Math.abs(scale / each - 1) < 0.000693);
  if (power !== undefined) return x * 3 * (power * 4096);
  let multiplier = scale * 12288;
  let shift = 0;
  for (; multiplier <= 32767 / 2 && shift <= 30; shift++) multiplier *= 2;
  return (Math.trunc(multiplier) * x + (shift > 0 ? 2 ** (shift - 1) : 0)) >> shift;
}

function sigmoid16(x: number, scale: number): number {
  const v = tripled(x, scale, [2 ** -12]);
  const curve = Math.abs(v) >> 9 >= 255 ? 0x7fff * 1024 : interpolated(Math.abs(v), 9);
  return Math.floor((v >= 0 ? curve + 512 : 2 ** 25 - curve + 511) / 1024);
}

function tanh16(x: number, scale: number): number {
  const v = tripled(x, scale, [2 ** -12, 2 ** -11]);
  const curve = Math.abs(v) >> 8 >= 255 ? 0xffff * 256 : interpolated(Math.abs(v), 8);
  return Math.floor((v >= 0 ? curve - 2 ** 23 + 128 : 2 ** 23 - curve + 127) / 256);
}

/** sigmoid or tanh of 8-bit codes by way of Q4. */
function curve8(x: number, name: string, scale: number, once: boolean): number {
  const real = scale * 2 ** 27;
  const { shift } = quantizeMultiplier(real);
  const radius = Math.floor((15 * 2 ** 27) / 2 ** shift);
  if (Math.abs(x) >= radius) return x <= -radius ? -Infinity : Infinity;
  const q4 = rescale(x, real, once);
  if (name === "sigmoid") return roundingDivideByPowerOfTwo(logistic(q4, 4), 23);
  return roundingDivideByPowerOfTwo(tanh(q4, 4), 24);
}

/** Multiplier in 16 bits and shift. */
function halfScale(real: number): { multiplier: number; shift: number } {
  const { multiplier, shift } = quantizeMultiplier(real);
  return { multiplier: multiplier >= 2 ** 31 - 1 - 2 ** 15 ? 32767 : (multiplier + 2 ** 15) >> 16, shift };
}

function hardSwish(x: number, scale: number, resultScale: number): number {
  const fine = fround(scale / 128);
  const output = halfScale(fround(fine / resultScale));
  const gate = halfScale(fround(fine / fround(3 / 32768)));
  const high = x * 128;
  let v = high;
  if (gate.shift > 0) v = saturatingMultiplyByPowerOfTwo(v, gate.shift - 1, 16);
  v = roundingDoublingHighMultiply(v, gate.multiplier, 16);
  if (gate.shift > 0) v = saturatingMultiplyByPowerOfTwo(v, 1, 16);
  if (gate.shift < 0) v = roundingDivideByPowerOfTwo(v, -gate.shift);
  const open = (v + 2 ** 15) >> 1;
  const product = Math.trunc((open * roundingDoublingHighMultiply(high, output.multiplier, 16)) / 2 ** 15);
  return roundingDivideByPowerOfTwo(product, -output.shift);
}

function fixedValue(x: number, name: string, a: Scaled, result: Target, alpha: number, once: boolean): number {
  if (name === "hard_swish") return hardSwish(x, a.scale, result.scale);
  if (name === "sigmoid") return a.bits === 8 ? curve8(x, name, a.scale, once) : sigmoid16(x, a.scale);
  if (name === "tanh") return a.bits === 8 ? curve8(x, name, a.scale, once) : tanh16(x, a.scale);
  if (name !== "leaky_relu") return rescale(x, a.scale / result.scale, once);
  return rescale(
    x,
    x < 0 ? fround(fround(a.scale * fround(alpha)) / result.scale) : fround(a.scale / result.scale),
    once,
  );
}

/** A code in TensorFlow Lite's integers; any name without a curve rescales, and relu's clamp is lo..hi. */
export function activateFixed(code: number, name: string, x: Scaled, result: Target, once: boolean, alpha = 0): number {
  return clamp(fixedValue(code - x.zero, name, x, result, alpha, once) + result.zero, result.lo, result.hi);
}

// Floats of few bits. |x| = steps * 2^(e - mantissa) with e = max(floor(log2 |x|), lowest exponent); steps is rounded
// once, on a grid whose exponent is unbounded above, and only then compared with the largest finite value.
// Codes are sign | exponent | mantissa; magnitude codes grow with the magnitude, so a carry needs no special case.
import { roundHalfEven, splitmix64 } from "./affine.ts";
import { exponentOf, float32Bits, float32FromBits, powerOfTwo } from "./bits.ts";

/**
 * "ieee": all-ones exponent holds Inf and NaN. "fn": no Inf, NaN where every bit but the sign is 1. "fnuz": no Inf, no
 * -0, the only NaN is 1000...0. "finite": every code is a number. "fnu": unsigned, no zero, no Inf, value
 * 2^(code - bias), 0xff is NaN.
 */
export interface MiniFloat {
  exponent: number;
  mantissa: number;
  bias: number;
  special: "ieee" | "fn" | "fnuz" | "finite" | "fnu";
}

export type Rounding = "even" | "away" | "zero" | "up" | "down";

function row(exponent: number, mantissa: number, bias: number, special: MiniFloat["special"]): MiniFloat {
  return { exponent, mantissa, bias, special };
}

export const FORMATS = {
  float32: row(8, 23, 127, "ieee"),
  tfloat32: row(8, 10, 127, "ieee"),
  float16: row(5, 10, 15, "ieee"),
  bfloat16: row(8, 7, 127, "ieee"),
  float8_e3m4: row(3, 4, 3, "ieee"),
  float8_e4m3: row(4, 3, 7, "ieee"),
  float8_e4m3fn: row(4, 3, 7, "fn"),
  float8_e4m3fnuz: row(4, 3, 8, "fnuz"),
  float8_e4m3b11fnuz: row(4, 3, 11, "fnuz"),
  float8_e5m2: row(5, 2, 15, "ieee"),
  float8_e5m2fnuz: row(5, 2, 16, "fnuz"),
  float8_e8m0fnu: row(8, 0, 127, "fnu"),
  float6_e2m3fn: row(2, 3, 1, "finite"),
  float6_e3m2fn: row(3, 2, 3, "finite"),
  float4_e2m1fn: row(2, 1, 1, "finite"),
} satisfies Record<string, MiniFloat>;

export function isFloatFormat(name: string): name is keyof typeof FORMATS {
  return Object.hasOwn(FORMATS, name);
}

/** The row of a format known by name only. */
export function formatNamed(name: string): MiniFloat {
  if (!isFloatFormat(name)) throw new RangeError(`no float format ${name}`);
  return FORMATS[name];
}

/** How many magnitude codes there are, which is also the sign bit's weight. */
function magnitudeCodes(format: MiniFloat): number {
  return powerOfTwo(format.exponent + format.mantissa);
}

function signOf(format: MiniFloat, negative: boolean): number {
  return negative ? magnitudeCodes(format) : 0;
}

/** The code of the largest finite value. */
export function maxCode(format: MiniFloat): number {
  const codes = magnitudeCodes(format);
  if (format.special === "ieee") return codes - powerOfTwo(format.mantissa) - 1;
  return format.special === "fn" || format.special === "fnu" ? codes - 2 : codes - 1;
}

/** The canonical NaN code; it keeps the sign where the format has signed NaNs. NaN where the format has none. */
export function nanCode(format: MiniFloat, negative = false): number {
  const codes = magnitudeCodes(format);
  if (format.special === "finite") return Number.NaN;
  if (format.special === "fnuz") return codes;
  if (format.special === "fnu") return codes - 1;
  const magnitude = format.special === "fn" ? codes - 1 : codes - powerOfTwo(format.mantissa - 1);
  return magnitude + signOf(format, negative);
}

/** The smallest exponent a normal value has; float8_e8m0fnu has no subnormals, hence one more. */
function lowestExponent(format: MiniFloat): number {
  return format.special === "fnu" ? -format.bias : 1 - format.bias;
}

/** `steps`, exact, and `offset`: the code of an integer n of steps is offset + n. */
function locate(magnitude: number, format: MiniFloat): { steps: number; offset: number } {
  const lowest = lowestExponent(format);
  const exponent = Math.max(exponentOf(magnitude), lowest);
  const steps = magnitude / powerOfTwo(exponent - format.mantissa);
  const offset = (exponent - lowest) * powerOfTwo(format.mantissa) - (format.special === "fnu" ? 1 : 0);
  return { steps, offset };
}

function isTowardZero(rounding: Rounding, negative: boolean): boolean {
  return rounding === "zero" || (rounding === "up" && negative) || (rounding === "down" && !negative);
}

function roundSteps(steps: number, rounding: Rounding, negative: boolean): number {
  if (rounding === "even") return roundHalfEven(steps);
  if (rounding === "away") return Math.floor(steps) + (steps % 1 >= 0.5 ? 1 : 0);
  return isTowardZero(rounding, negative) ? Math.floor(steps) : Math.ceil(steps);
}

function overflowCode(format: MiniFloat, negative: boolean, saturate: boolean): number {
  if (saturate || format.special === "finite") return maxCode(format) + signOf(format, negative);
  if (format.special === "ieee") return maxCode(format) + 1 + signOf(format, negative);
  return nanCode(format, negative);
}

/** A rounded magnitude code with its sign; below the smallest value of a format without zero lies the code 0. */
function finish(code: number, format: MiniFloat, negative: boolean, saturate: boolean): number {
  if (code > maxCode(format)) return overflowCode(format, negative, saturate);
  const magnitude = Math.max(code, 0);
  if (magnitude === 0 && format.special === "fnuz") return 0;
  return magnitude + signOf(format, negative);
}

/** The code of a value without a grid position: NaN, an infinity, a negative value in an unsigned format. */
function exceptionalCode(x: number, format: MiniFloat, saturate: boolean): number | undefined {
  if (Number.isNaN(x)) return nanCode(format);
  if (format.special === "fnu" && (x < 0 || !Number.isFinite(x))) return nanCode(format);
  return Number.isFinite(x) ? undefined : overflowCode(format, x < 0, saturate);
}

/**
 * The code of x (a float32, or any float64 with |x| = 0 or in 2^-900..2^900), rounded once. A mode that rounds this
 * sign toward zero takes finite values above the maximum to the maximum; an infinity always overflows. A negative value
 * or an infinity in float8_e8m0fnu is NaN. The result NaN means error: x is NaN and the format has none.
 */
export function encodeValue(
  x: number,
  format: MiniFloat,
  { saturate, rounding }: { saturate: boolean; rounding: Rounding },
): number {
  const exceptional = exceptionalCode(x, format, saturate);
  if (exceptional !== undefined) return exceptional;
  const negative = format.special !== "fnu" && (x < 0 || Object.is(x, -0));
  const { steps, offset } = locate(Math.abs(x), format);
  const code = offset + roundSteps(steps, rounding, negative);
  const held = isTowardZero(rounding, negative) ? Math.min(code, maxCode(format)) : code;
  return finish(held, format, negative, saturate);
}

/** encodeValue for a float32 given by its bits: the one way in which a NaN's sign is seen for certain. */
export function encodeBits(
  bits: number,
  format: MiniFloat,
  options: { saturate: boolean; rounding: Rounding },
): number {
  const x = float32FromBits(bits);
  return Number.isNaN(x) ? nanCode(format, bits >= 0x80000000) : encodeValue(x, format, options);
}

/**
 * float8_e8m0fnu as ONNX's Cast (opset 24) takes it from float32 bits: by the exponent field and the fraction alone, so
 * the sign is ignored and a subnormal counts as 2^-127 * (1 + fraction), with a tie that goes down. It differs from
 * encodeValue there only: for negative values and for subnormals.
 */
export function castE8m0(bits: number, { saturate, rounding }: { saturate: boolean; rounding: Rounding }): number {
  const field = (bits >>> 23) & 0xff;
  if (field === 0xff) return 0xff;
  const fraction = (bits & 0x7fffff) / 0x800000;
  const isSubnormalTie = rounding === "even" && field === 0 && fraction === 0.5;
  const code = isSubnormalTie ? 0 : field + roundSteps(1 + fraction, rounding, false) - 1;
  return saturate ? Math.min(code, 0xfe) : code;
}

/** The code of x, |x| between neighbours a <= |x| < b of the grid: b where r / 2^32 < (|x| - a) / (b - a), else a. */
export function stochasticEncode(
  x: number,
  format: MiniFloat,
  { saturate }: { saturate: boolean },
  seed: number | bigint,
  index: number,
): number {
  const exceptional = exceptionalCode(x, format, saturate);
  if (exceptional !== undefined) return exceptional;
  const negative = format.special !== "fnu" && (x < 0 || Object.is(x, -0));
  const { steps, offset } = locate(Math.abs(x), format);
  const r = Number(splitmix64(seed, index) >> 32n) / 0x100000000;
  const up = r < steps % 1 ? 1 : 0;
  return finish(offset + Math.floor(steps) + up, format, negative, saturate);
}

/** The value of a code, exact in float64 (and in float32). */
export function decodeValue(code: number, format: MiniFloat): number {
  const codes = magnitudeCodes(format);
  if (format.special === "fnuz" && code === codes) return Number.NaN;
  const negative = format.special !== "fnu" && code >= codes;
  const magnitude = decodeMagnitude(negative ? code - codes : code, format);
  return negative ? -magnitude : magnitude;
}

function decodeMagnitude(code: number, format: MiniFloat): number {
  if (code > maxCode(format)) {
    return format.special === "ieee" && code === maxCode(format) + 1 ? Number.POSITIVE_INFINITY : Number.NaN;
  }
  const binade = Math.floor(code / powerOfTwo(format.mantissa));
  const fraction = code % powerOfTwo(format.mantissa);
  if (binade === 0 && format.special !== "fnu") return fraction * powerOfTwo(1 - format.bias - format.mantissa);
  return (powerOfTwo(format.mantissa) + fraction) * powerOfTwo(binade - format.bias - format.mantissa);
}

/**
 * The smallest float32 magnitude whose round-to-even lies beyond the largest finite value: the midpoint after it where
 * its significand is odd, the next float32 where it is even (float8_e4m3fn); Infinity for float32 itself.
 */
export function overflowThreshold(format: MiniFloat): number {
  const max = decodeValue(maxCode(format), format);
  const step = powerOfTwo(exponentOf(max) - format.mantissa);
  const midpoint = Math.fround(max + step / 2);
  const isOdd = (max / step) % 2 === 1;
  return isOdd ? midpoint : float32FromBits(float32Bits(midpoint) + 1);
}

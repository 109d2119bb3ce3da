// Block formats. MX: e = clamp(floor(log2 amax) - emax, -127, 127), element code = encode(x / 2^e), saturating.
// NVFP4: blocks of 16 with a float8_e4m3fn scale under one float32 scale per tensor; amax is over finite values.
import { clamp, roundHalfEven } from "./affine.ts";
import { exponentOf, powerOfTwo } from "./bits.ts";
import { decodeValue, encodeValue, FORMATS, formatNamed } from "./minifloat.ts";

const EVEN = { saturate: true, rounding: "even" } as const;
const SMALLEST = powerOfTwo(-149);
const E4M3 = FORMATS.float8_e4m3fn;
const E2M1 = FORMATS.float4_e2m1fn;

/** floor(log2(largest value)) of each MX element; "int8" is MXINT8, whose codes stand for code / 64. */
const MX_EMAX = new Map([
  ["float8_e4m3fn", 8],
  ["float8_e5m2", 15],
  ["float6_e2m3fn", 2],
  ["float6_e3m2fn", 4],
  ["float4_e2m1fn", 2],
  ["int8", 0],
]);

function largestExponent(element: string): number {
  const emax = MX_EMAX.get(element);
  if (emax === undefined) throw new RangeError(`no MX element ${element}`);
  return emax;
}

function finiteAbsmax(x: ArrayLike<number>): number {
  const finite = Array.from(x).filter(Number.isFinite);
  return finite.reduce((amax, value) => Math.max(amax, Math.abs(value)), 0);
}

function encodeElement(x: number, element: string): number {
  if (element === "int8") return clamp(roundHalfEven(x * 64), -127, 127) + 0;
  return encodeValue(x, formatNamed(element), EVEN);
}

function decodeElement(code: number, element: string): number {
  return element === "int8" ? code / 64 : decodeValue(code, formatNamed(element));
}

/**
 * One MX block: scaleCode is float8_e8m0fnu (0 for a block of zeros). A code is NaN (an error) where x is NaN and the
 * element has no NaN; an infinity saturates.
 */
export function encodeMxBlock(x: ArrayLike<number>, element: string): { scaleCode: number; codes: number[] } {
  const amax = finiteAbsmax(x);
  const exponent = amax === 0 ? -127 : clamp(exponentOf(amax) - largestExponent(element), -127, 127);
  const codes = Array.from(x, (value) => encodeElement(value / powerOfTwo(exponent), element));
  return { scaleCode: exponent + 127, codes };
}

/** The float32 values of an MX block: element times 2^(scaleCode - 127), rounded once; all NaN for scale code 255. */
export function decodeMxBlock(scaleCode: number, codes: ArrayLike<number>, element: string): Float32Array {
  const scale = decodeValue(scaleCode, FORMATS.float8_e8m0fnu);
  return Float32Array.from(codes, (code) => decodeElement(code, element) * scale);
}

/** NVFP4's scale of a whole tensor: amax / (448 * 6) in float32; 1 for zeros, never 0. */
export function nvfp4TensorScale(x: ArrayLike<number>): number {
  const amax = finiteAbsmax(x);
  return amax === 0 ? 1 : Math.max(Math.fround(amax / (448 * 6)), SMALLEST);
}

/** The float32 scale of a block's elements: blockScale * tensorScale, never 0. */
function nvfp4Scale(scaleCode: number, tensorScale: number): number {
  return Math.max(Math.fround(decodeValue(scaleCode, E4M3) * tensorScale), SMALLEST);
}

/** One NVFP4 block (16 values, fewer at a row's end): scaleCode is float8_e4m3fn and at least 1, which is 2^-9. */
export function encodeNvfp4Block(x: ArrayLike<number>, tensorScale: number): { scaleCode: number; codes: number[] } {
  const wanted = Math.fround(Math.fround(finiteAbsmax(x) / 6) / tensorScale);
  const scaleCode = Math.max(encodeValue(wanted, E4M3, EVEN), 1);
  const scale = nvfp4Scale(scaleCode, tensorScale);
  const codes = Array.from(x, (value) => encodeValue(Math.fround(value / scale), E2M1, EVEN));
  return { scaleCode, codes };
}

/** The float32 values of an NVFP4 block. */
export function decodeNvfp4Block(scaleCode: number, codes: ArrayLike<number>, tensorScale: number): Float32Array {
  const scale = nvfp4Scale(scaleCode, tensorScale);
  return Float32Array.from(codes, (code) => decodeValue(code, E2M1) * scale);
}

/** The blocks [start, end) of a tensor of `length` values in rows of `columns`: each row starts a block anew. */
export function blocksOf(length: number, columns: number, block: number): [number, number][] {
  const blocks: [number, number][] = [];
  for (let row = 0; row < length; row += columns) {
    for (let start = row; start < row + columns; start += block) {
      blocks.push([start, Math.min(start + block, row + columns)]);
    }
  }
  return blocks;
}

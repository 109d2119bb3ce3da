// Every number format, one row each. Ranges, array types, kernel parameters, the docs table and the command line's choices
// derive from these rows; a format is spelled out nowhere else. Names are those of ml_dtypes.

/** What a code above the finite numbers means: see {@link FloatFormat}. */
interface Special {
  /** Every code is a finite number: no infinity, no NaN. */
  readonly finite?: boolean;
  /** Whether there is an infinity; without one (and without `finite`) the highest code is NaN. Default: not `finite`. */
  readonly infinity?: boolean;
  /** Whether there is a minus zero; without one its code is the only NaN, and there is no infinity. Default true. */
  readonly negativeZero?: boolean;
}

/**
 * A float format of your own, 2 to 16 bits: one sign bit, `exponent` bits (1..8) and `mantissa` bits (0..14).
 * A value is (-1)^sign 2^(e - bias) 1.m, or (-1)^sign 2^(1 - bias) 0.m where the exponent field e is 0.
 */
export interface CustomFloat extends Special {
  readonly exponent: number;
  readonly mantissa: number;
  /** 1..127; default 2^(exponent - 1) - 1, at least 1. */
  readonly bias?: number;
}

/** The name of a format, as ml_dtypes spells it; block formats as in the OCP MX specification (docs/formats.md). */
export type FormatName =
  | "int2"
  | "uint2"
  | "int4"
  | "uint4"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float64"
  | "bool"
  | "float32"
  | "tfloat32"
  | "float16"
  | "bfloat16"
  | "float8_e4m3fn"
  | "float8_e4m3fnuz"
  | "float8_e4m3"
  | "float8_e4m3b11fnuz"
  | "float8_e5m2"
  | "float8_e5m2fnuz"
  | "float8_e3m4"
  | "float8_e8m0fnu"
  | "float6_e2m3fn"
  | "float6_e3m2fn"
  | "float4_e2m1fn"
  | "mxfp8_e4m3"
  | "mxfp8_e5m2"
  | "mxfp6_e2m3"
  | "mxfp6_e3m2"
  | "mxfp4"
  | "mxint8"
  | "nvfp4";

/** A format: by name, or a float of your own. */
export type Format = FormatName | CustomFloat;

/** An integer format: two's complement or unsigned. */
export interface IntegerFormat {
  readonly kind: "integer";
  readonly name: string;
  readonly bits: number;
  readonly signed: boolean;
}

/** A float format; see {@link CustomFloat} for its numbers. */
export interface FloatFormat extends Special {
  readonly kind: "float";
  readonly name: string;
  readonly bits: number;
  readonly exponent: number;
  readonly mantissa: number;
  readonly bias: number;
}

/** Blocks of values along the last axis with one shared scale each (OCP MX; NVFP4). */
export interface BlockFormat {
  readonly kind: "block";
  readonly name: string;
  /** The format of a value's code. */
  readonly element: string;
  /** Values per scale. */
  readonly block: number;
  /** The format of a block's scale. */
  readonly scale: "float8_e8m0fnu" | "float8_e4m3fn";
  /** Whether the whole tensor has one more float32 scale. */
  readonly tensorScale: boolean;
}

/** A format that tensors are stored in and no kernel computes with; or an unsigned power of two (e8m0). */
interface StorageFormat {
  readonly kind: "storage" | "power";
  readonly name: string;
  readonly bits: number;
}

/** A row of the table. */
export type FormatRow = IntegerFormat | FloatFormat | BlockFormat | StorageFormat;

const FN = { infinity: false } as const;
const FNUZ = { negativeZero: false } as const;
const FINITE = { finite: true } as const;

/** A row without its name. */
type Nameless<R> = R extends FormatRow ? Omit<R, "name"> : never;

function integer(bits: number, signed: boolean): Nameless<IntegerFormat> {
  return { kind: "integer", bits, signed };
}

function float(exponent: number, mantissa: number, bias: number, special: Special = {}): Nameless<FloatFormat> {
  return { kind: "float", bits: 1 + exponent + mantissa, exponent, mantissa, bias, ...special };
}

function storage(bits: number): Nameless<StorageFormat> {
  return { kind: "storage", bits };
}

function mx(element: string): Nameless<BlockFormat> {
  return { kind: "block", element, block: 32, scale: "float8_e8m0fnu", tensorScale: false };
}

const ROWS: Record<FormatName, Nameless<FormatRow>> = {
  int2: integer(2, true),
  uint2: integer(2, false),
  int4: integer(4, true),
  uint4: integer(4, false),
  int8: integer(8, true),
  uint8: integer(8, false),
  int16: integer(16, true),
  uint16: integer(16, false),
  int32: integer(32, true),
  uint32: storage(32),
  int64: storage(64),
  uint64: storage(64),
  float64: storage(64),
  bool: storage(8),
  float32: float(8, 23, 127),
  tfloat32: float(8, 10, 127),
  float16: float(5, 10, 15),
  bfloat16: float(8, 7, 127),
  float8_e4m3fn: float(4, 3, 7, FN),
  float8_e4m3fnuz: float(4, 3, 8, FNUZ),
  float8_e4m3: float(4, 3, 7),
  float8_e4m3b11fnuz: float(4, 3, 11, FNUZ),
  float8_e5m2: float(5, 2, 15),
  float8_e5m2fnuz: float(5, 2, 16, FNUZ),
  float8_e3m4: float(3, 4, 3),
  float8_e8m0fnu: { kind: "power", bits: 8 },
  float6_e2m3fn: float(2, 3, 1, FINITE),
  float6_e3m2fn: float(3, 2, 3, FINITE),
  float4_e2m1fn: float(2, 1, 1, FINITE),
  mxfp8_e4m3: mx("float8_e4m3fn"),
  mxfp8_e5m2: mx("float8_e5m2"),
  mxfp6_e2m3: mx("float6_e2m3fn"),
  mxfp6_e3m2: mx("float6_e3m2fn"),
  mxfp4: mx("float4_e2m1fn"),
  mxint8: mx("int8"),
  nvfp4: { kind: "block", element: "float4_e2m1fn", block: 16, scale: "float8_e4m3fn", tensorScale: true },
};

/** Every format by name. */
export const FORMATS: ReadonlyMap<string, FormatRow> = new Map(
  Object.entries(ROWS).map(([name, row]) => [name, { ...row, name } as FormatRow]),
);

/** The numbers that a float format's kernels need; magnitudes are codes without their sign bit. */
interface FloatCodes {
  /** Magnitude of the largest finite number. */
  readonly max: number;
  /** Magnitude of infinity, or -1 where there is none. */
  readonly infinity: number;
  /** The code of NaN, or -1 where there is none. */
  readonly nan: number;
  /** Largest magnitude that is not a NaN. */
  readonly last: number;
}

/** The codes of a float format that are not ordinary numbers. */
export function floatCodes(format: FloatFormat): FloatCodes {
  const all = 2 ** (format.bits - 1) - 1;
  if (format.finite) return { max: all, infinity: -1, nan: -1, last: all };
  if (format.negativeZero === false) return { max: all, infinity: -1, nan: all + 1, last: all };
  if (format.infinity === false) return { max: all - 1, infinity: -1, nan: all, last: all - 1 };
  const infinity = all + 1 - 2 ** format.mantissa;
  const nan = format.mantissa > 0 ? infinity + 2 ** (format.mantissa - 1) : -1;
  return { max: infinity - 1, infinity, nan, last: infinity };
}

/** The value of a magnitude code of a float format, infinities and NaN apart. */
export function floatValue(format: FloatFormat, magnitude: number): number {
  const field = Math.floor(magnitude / 2 ** format.mantissa);
  const fraction = magnitude % 2 ** format.mantissa;
  const significand = field > 0 ? fraction + 2 ** format.mantissa : fraction;
  return significand * 2 ** (Math.max(field, 1) - format.bias - format.mantissa);
}

/** The largest finite value of a float format. */
export function floatMax(format: FloatFormat): number {
  return floatValue(format, floatCodes(format).max);
}

/** The smallest positive value of a float format: the step of its subnormal numbers. */
export function floatStep(format: FloatFormat): number {
  return 2 ** (1 - format.bias - format.mantissa);
}

/** The array that holds one code a place: signed integers their own, everything else by its width. */
export type CodeArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/** The codes of a format as the integer kernels name them: i8, u8, i16, u16, i32, u32. */
export function codeType(format: IntegerFormat | FloatFormat | StorageFormat) {
  const size = format.bits <= 8 ? 8 : format.bits <= 16 ? 16 : 32;
  return `${format.kind === "integer" && format.signed ? "i" : "u"}${size}` as
    | "i8"
    | "u8"
    | "i16"
    | "u16"
    | "i32"
    | "u32";
}

/** Bits that one value takes, its share of the scales of its block included. */
export function bitsPerValue(format: FormatRow): number {
  if (format.kind !== "block") return format.bits;
  return element(format).bits + 8 / format.block;
}

/** The row of a block format's codes. */
export function element(format: BlockFormat): IntegerFormat | FloatFormat {
  return FORMATS.get(format.element) as IntegerFormat | FloatFormat;
}

/** Full adders of a float32 accumulator: align and normalize (two 24-bit shifters of five stages), add, count zeros, exponent. */
const FLOAT_ACCUMULATOR = 2 * 24 * 5 * 0.4 + 24 + 24 + 8;

/** Full-adder equivalents of one multiply-accumulate of a format (docs/math.md, "Relative cost"). */
function multiplyAccumulate(format: FormatRow): number {
  if (format.kind === "block") return multiplyAccumulate(element(format)) + FLOAT_ACCUMULATOR / format.block;
  if (format.kind !== "float") return format.bits ** 2 + 2 * format.bits + 16;
  const significand = format.mantissa + 1;
  const multiply = significand ** 2 + format.exponent;
  if (format.bits > 8) return multiply + FLOAT_ACCUMULATOR;
  // a product of two small floats is exact in a fixed-point accumulator as wide as the exponents reach
  const reach = 2 * (2 ** format.exponent - 1);
  const width = 2 * significand + reach;
  return multiply + width * (format.exponent + 1) * 0.4 + width + 14;
}

/** Hardware cost of a multiply-accumulate in this format, int8 being 1 (docs/math.md, "Relative cost"). */
export function relativeCost(format: FormatRow): number {
  return multiplyAccumulate(format) / multiplyAccumulate(FORMATS.get("int8") as FormatRow);
}

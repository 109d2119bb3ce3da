// Checks of formats: by name, or a float of a caller's own.

import { checkFlag, checkInteger, checkOptions, conflict, rangeError, typeError } from "./check.ts";
import { type CustomFloat, type FloatFormat, FORMATS, type Format, type FormatRow } from "./formats.ts";

/** The row of a format that has a name. */
export function checkFormatName(format: unknown, name: string): FormatRow {
  const row = FORMATS.get(format as string);
  if (row) return row;
  throw rangeError(name, `one of ${[...FORMATS.keys()].join(", ")}`, format);
}

/** The row of a format: by name, or made from a float of your own. */
export function checkFormat(format: unknown, name = "format"): FormatRow {
  if (typeof format === "string") return checkFormatName(format, name);
  if (format === null || typeof format !== "object") throw typeError(name, "a name or { exponent, mantissa }", format);
  return customFloat(format as CustomFloat);
}

const CUSTOM = ["exponent", "mantissa", "bias", "finite", "infinity", "negativeZero"];

function customFloat(custom: CustomFloat): FloatFormat {
  const { exponent, mantissa, finite, infinity, negativeZero } = checkOptions(custom, CUSTOM, "format");
  checkInteger(exponent, 1, 8, "format.exponent");
  checkInteger(mantissa, 0, 15 - exponent, "format.mantissa");
  const bias = custom.bias ?? Math.max(2 ** (exponent - 1) - 1, 1);
  // the largest exponent field of a finite number, 2^exponent - 1 or one less, has to stand for 2^127 at most
  const isIeee = !finite && infinity !== false && negativeZero !== false;
  if (exponent === 8 && !isIeee) {
    throw rangeError(
      "format.exponent",
      "an integer of 1..7 where the highest exponent is a number's, as float32 has no 2^128",
      8,
    );
  }
  const least = Math.max(1, 2 ** exponent - (isIeee ? 129 : 128));
  checkInteger(bias, least, 127, "format.bias");
  for (const [key, value] of Object.entries({ finite, infinity, negativeZero })) checkFlag(value, `format.${key}`);
  if (finite && (infinity || negativeZero === false)) {
    throw conflict(
      "format.finite",
      infinity ? "format.infinity" : "format.negativeZero",
      "every code is a finite number",
    );
  }
  if (infinity && negativeZero === false) {
    throw conflict("format.infinity", "format.negativeZero", "the code of minus zero is the only NaN");
  }
  if (!finite && negativeZero !== false && mantissa === 0) {
    throw rangeError("format.mantissa", "at least 1 where codes are kept for infinity and NaN", mantissa);
  }
  const name = `float${1 + exponent + mantissa}_e${exponent}m${mantissa}`;
  return { kind: "float", name, bits: 1 + exponent + mantissa, exponent, mantissa, bias, ...flags(custom) };
}

function flags({ finite, infinity, negativeZero }: CustomFloat) {
  return {
    ...(finite && { finite }),
    ...(infinity === false && { infinity }),
    ...(negativeZero === false && { negativeZero }),
  };
}

/** The format as a caller wrote it, for plain data: a name stays a name. */
export function formatOf(format: Format): Format {
  return typeof format === "string" ? format : { ...format };
}

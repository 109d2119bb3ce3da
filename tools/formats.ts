// The table of docs/formats.md, made from the rows of src/formats.ts: `node --import tsx tools/formats.ts` writes it.

import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  bitsPerValue,
  type FloatFormat,
  FORMATS,
  type FormatRow,
  floatCodes,
  floatMax,
  floatStep,
  relativeCost,
} from "../src/formats.ts";

const HEAD = `# Formats

Names are those of ml_dtypes; block formats are named as in the OCP MX specification. This table is made from \`src/formats.ts\`
by \`tools/formats.ts\`.

| format | bits per value | values | above the largest | relative cost |
|---|---|---|---|---|
`;

const TAIL = `
A custom float \`{ exponent, mantissa, bias, finite, infinity, negativeZero }\` has 2 to 16 bits. \`bias\` is 2^(exponent - 1) - 1 unless
given. \`finite: true\` spends every code on a number, \`infinity: false\` keeps NaN but no infinity (\`fn\`), \`negativeZero: false\` makes the
code of minus zero the only NaN (\`fnuz\`). Storage formats are what tensors are kept in; nothing is quantized to them.
Relative cost is explained in [math.md](math.md).
`;

function number(v: number): string {
  return Number.isInteger(v) && v < 1e6 ? String(v) : v.toPrecision(6).replace(/\.?0+(e|$)/, "$1");
}

function special(row: FloatFormat): string {
  const { infinity, nan } = floatCodes(row);
  if (infinity >= 0) return "infinity, NaN";
  return nan >= 0 ? `NaN${row.negativeZero === false ? ", no minus zero" : ""}` : "nothing";
}

/** What the format's codes stand for, and what lies above them. */
function values(row: FormatRow): [values: string, above: string] {
  if (row.kind === "integer") {
    const hi = 2 ** (row.bits - (row.signed ? 1 : 0)) - 1;
    return [`${row.signed ? -hi - 1 : 0} to ${hi}`, "nothing"];
  }
  if (row.kind === "float") {
    return [`±${number(floatMax(row))}, smallest ${number(floatStep(row))}`, special(row)];
  }
  if (row.kind === "power") return ["2^-127 to 2^127, no zero", "NaN"];
  if (row.kind === "block") {
    const scales = `${row.block} values of ${row.element} to a ${row.scale} scale`;
    return [row.tensorScale ? `${scales}, a float32 scale to the tensor` : scales, "saturates"];
  }
  return ["storage", ""];
}

/** The whole page. */
export function formatsPage(): string {
  const rows = [...FORMATS.values()].map((row) => {
    const cost = row.kind === "storage" || row.kind === "power" ? "" : relativeCost(row).toFixed(2);
    return `| \`${row.name}\` | ${bitsPerValue(row)} | ${values(row).join(" | ")} | ${cost} |\n`;
  });
  return HEAD + rows.join("") + TAIL;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(fileURLToPath(new URL("../docs/formats.md", import.meta.url)), formatsPage());
}

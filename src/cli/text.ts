// Text for people: tables, values, numbers.

import type { InspectedValue } from "../index.ts";

/** Rows as lines, in columns two spaces apart; columns whose heading is in `right` are set to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number) => {
    const width = widths[column] ?? 0;
    return right.includes(column) ? text.padStart(width) : text.padEnd(width);
  };
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}

/** `float32 [N, 3, 32, 32]`; `? [...]` where nothing is known. */
export function describe({ format, shape }: InspectedValue): string {
  return `${format ?? "?"} ${shape ? `[${shape.map((extent) => extent || "?").join(", ")}]` : "[...]"}`;
}

/** `12,345` */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 node`, `12,345 nodes` */
export function many(n: number, what: string): string {
  return `${count(n)} ${what}${n === 1 ? "" : "s"}`;
}

/** `12.3 kB` */
export function size(bytes: number): string {
  const power = bytes < 1000 ? 0 : bytes < 1e6 ? 1 : bytes < 1e9 ? 2 : 3;
  return `${(bytes / 1000 ** power).toFixed(power && 1)} ${["B", "kB", "MB", "GB"][power]}`;
}

/** At most six digits that say something. */
export function figure(n: number): string {
  return String(Number(n.toPrecision(6)));
}

/** `9 Conv, 7 Relu` */
export function tally(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, n]) => `${count(n)} ${name}`)
    .join(", ");
}

/** How often each text is there, in the order in which they come first. */
export function countsOf(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** `Conv`, `com.microsoft:Gelu` */
export function operatorOf({ op, domain }: { readonly op: string; readonly domain: string }): string {
  return domain === "" ? op : `${domain}:${op}`;
}

// INT8 or FP8? The mean squared error of each 8-bit grid at its best symmetric range, by integration over three densities:
// bounded (uniform), bell-shaped (normal) and heavy-tailed (Student's t, 8 degrees of freedom, clipped at 100), in dB.

import { pathToFileURL } from "node:url";
import { fakeQuantize } from "octavo";

/** Sample points x of a density on [-end, end] and the probability of each. */
function midpoints(end, points, density) {
  const x = Float32Array.from({ length: points }, (_, i) => ((2 * i + 1) / points - 1) * end);
  const p = Float64Array.from(x, density);
  const total = p.reduce((a, b) => a + b);
  return { x, p: p.map((v) => v / total), end };
}

const DENSITIES = {
  uniform: midpoints(1, 2 ** 16, () => 1),
  normal: midpoints(8, 2 ** 17, (x) => Math.exp((-x * x) / 2)),
  "Student t": midpoints(100, 2 ** 18, (x) => (1 + (x * x) / 8) ** -4.5),
};

/** Every code of these floats is a finite number, as every code of INT8 is. */
const FORMATS = {
  INT8: { format: "int8", largest: 127 },
  E2M5: { format: { exponent: 2, mantissa: 5, finite: true }, largest: 7.875 },
  E3M4: { format: { exponent: 3, mantissa: 4, finite: true }, largest: 31 },
  E4M3: { format: { exponent: 4, mantissa: 3, finite: true }, largest: 480 },
  E5M2: { format: { exponent: 5, mantissa: 2, finite: true }, largest: 114688 },
};

/** The expected squared error when the format's largest number stands for `range`. */
function errorAt({ x, p }, { format, largest }, range) {
  const values = fakeQuantize(x, { format, scale: range / largest });
  return values.reduce((sum, value, i) => sum + p[i] * (x[i] - value) ** 2, 0);
}

/** The least error over symmetric ranges: a coarse grid, then finer and finer around the best. */
function leastError(density, format) {
  let best = { range: density.end, error: errorAt(density, format, density.end) };
  for (const [ratio, steps] of [
    [0.9, 45],
    [0.98, 5],
    [0.996, 5],
  ]) {
    const middle = best.range;
    for (let step = -steps; step <= steps; step++) {
      const range = middle * ratio ** step;
      if (range > 1.1 * density.end) continue;
      const error = errorAt(density, format, range);
      if (error < best.error) best = { range, error };
    }
  }
  return best.error;
}

/** -10 log10 of the least mean squared error of every format on every density. */
export function decibels() {
  return Object.fromEntries(
    Object.entries(FORMATS).map(([name, format]) => [
      name,
      Object.fromEntries(
        Object.entries(DENSITIES).map(([density, points]) => [density, -10 * Math.log10(leastError(points, format))]),
      ),
    ]),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const round = (row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, +value.toFixed(2)]));
  console.log("-10 log10 of the mean squared error (higher is better):");
  console.table(Object.fromEntries(Object.entries(decibels()).map(([name, row]) => [name, round(row)])));
}

// The range of least squared error, 1 Mi values: its time, and its error beside the best of a dense grid of ranges.

import assert from "node:assert/strict";
import { DISTRIBUTIONS, floats } from "../data.mjs";
import { takeTurns } from "../timing.mjs";

const COUNT = 2 ** 20;
const ASKED_SECONDS = 0.04;
/** At most 0.1 % above the grid's best. */
const ASKED_EXCESS = 1.001;
const SYMMETRIC_CANDIDATES = 1000;
const AFFINE_CANDIDATES = 32; // of each end

function meanSquaredError(x, y) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] - y[i]) ** 2;
  return sum / x.length;
}

function extremes(x) {
  let [lo, hi] = [Infinity, -Infinity];
  for (const v of x) {
    lo = Math.min(lo, v);
    hi = Math.max(hi, v);
  }
  return [lo, hi];
}

/** Ranges that a search could have found: fractions of the largest magnitude, or of either end. */
function* grid(format, [lo, hi]) {
  if (format === "int8") {
    const most = Math.max(-lo, hi);
    for (let i = 1; i <= SYMMETRIC_CANDIDATES; i++)
      yield [(-most * i) / SYMMETRIC_CANDIDATES, (most * i) / SYMMETRIC_CANDIDATES];
    return;
  }
  for (let i = 1; i <= AFFINE_CANDIDATES; i++) {
    for (let j = 1; j <= AFFINE_CANDIDATES; j++) yield [(lo * i) / AFFINE_CANDIDATES, (hi * j) / AFFINE_CANDIDATES];
  }
}

/** The error of the searched range over the least of the grid. */
function excess({ fakeQuantize }, x, format) {
  const errorOf = (range) => meanSquaredError(x, fakeQuantize(x, { format, range }));
  let best = Infinity;
  for (const range of grid(format, extremes(x))) best = Math.min(best, errorOf(range));
  return errorOf("mse") / best;
}

function searchCase(format) {
  return async ({ octavo: library }) => {
    const rows = [];
    for (const distribution of DISTRIBUTIONS) {
      const x = floats(COUNT, distribution);
      const over = excess(library, x, format);
      assert.ok(over <= ASKED_EXCESS, `${format}, ${distribution}: error ${over} times the grid's best`);
      const call = () => library.quantize(x, { format, range: "mse" });
      const { octavo } = await takeTurns({ octavo: { call } }, { turns: 8 });
      rows.push({
        work: `mse range to ${format}, ${distribution}`,
        asked: "<= 40 ms",
        octavo,
        ok: octavo.median <= ASKED_SECONDS,
        figure: `error ${((over - 1) * 100).toFixed(3)} %`,
        excess: over,
        values: COUNT,
      });
    }
    return rows;
  };
}

export const cases = { "mse-symmetric": searchCase("int8"), "mse-affine": searchCase("uint8") };

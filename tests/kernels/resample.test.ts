// Resampling along an axis: every width and count of taps, against tests/reference/resample.ts.
import { resample } from "../reference/resample.ts";
import { assertBits, randomWords, SIZES, testKernel, valuesOf } from "./harness.ts";

testKernel("resample_f32_f32", (bench) => {
  for (const inner of SIZES) {
    for (const [outer, extent, length, count] of [
      [0, 3, 4, 2],
      [1, 3, 0, 2],
      [1, 1, 1, 1],
      [2, 3, 5, 2],
      [2, 7, 4, 4],
      [3, 5, 2, 7],
    ] as const) {
      const b = bench();
      const next = randomWords(inner + count);
      const x = valuesOf(outer * extent * inner, inner + extent, true);
      const taps = Array.from({ length }, () =>
        Array.from({ length: count }, () => ({ index: next() % extent, weight: Math.fround((next() % 200) / 99 - 1) })),
      );
      const words = new Int32Array(2 * length * count);
      const floats = new Float32Array(words.buffer);
      taps.flat().forEach(({ index, weight }, i) => {
        words[2 * i] = index;
        floats[2 * i + 1] = weight;
      });
      const y = new Float32Array(outer * length * inner);
      const at = b.reserve(y.byteLength);
      b.k.resample_f32_f32(b.put(x, 8), at, b.put(words), outer, extent, length, inner, count);
      assertBits(b.get(at, y), resample(x, [outer, extent, inner], taps), `${outer} x ${extent} x ${inner}, ${count}`);
    }
  }
});

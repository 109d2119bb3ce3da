// Resizing kernels, a row of the result at a time, against the oracle's formulas for one value.
import { roundHalfEven } from "../reference/affine.ts";
import { at } from "../reference/at.ts";
import { assertBits, randomWords, SIZES, TYPES, testKernel } from "./harness.ts";

const { fround } = Math;

function mix(a: number, b: number, t: number): number {
  return fround(fround(a * fround(1 - t)) + fround(b * t));
}

/** Equation 45's value of the codes a b above, c d below. */
function blend([a, b, c, d]: readonly number[], across: number, down: number): number {
  return roundHalfEven(mix(mix(a as number, b as number, across), mix(c as number, d as number, across), down)) + 0;
}

/** Equation 46's value. */
function blendTflite([a, b, c, d]: readonly number[], t: number, u: number): number {
  const above = BigInt(a as number) * BigInt(1024 - t) + BigInt(b as number) * BigInt(t);
  const below = BigInt(c as number) * BigInt(1024 - t) + BigInt(d as number) * BigInt(t);
  const sum = above * BigInt(1024 - u) + below * BigInt(u);
  return Number((sum + (sum > 0n ? 1n : -1n) * 524288n) / 1048576n);
}

for (const [type, { array, lo, hi }] of Object.entries(TYPES)) {
  testKernel(`resize_${type}_${type}_bilinear`, (bench) => {
    for (const channels of SIZES) {
      for (const [width, arithmetic] of [
        [0, 0],
        [1, 0],
        [5, 0],
        [1, 1],
        [5, 1],
      ] as const) {
        const b = bench();
        const next = randomWords(channels + width);
        const row = () =>
          new array(4 * channels).map(() => (next() % 3 ? lo + (next() % (hi - lo + 1)) : next() % 2 ? lo : hi));
        const [above, below] = [row(), row()];
        const weights = (arithmetic ? [512, 0, 1024, 341, 1] : [0.5, 0, 1, 1 / 3, 0.25]).map(fround);
        const [left, right] = [
          [0, 1, 2, 3, 1],
          [1, 2, 3, 3, 3],
        ];
        const fields = new Int32Array(3 * width);
        const floats = new Float32Array(fields.buffer);
        for (let i = 0; i < width; i++) {
          fields.set(
            [left, right].map((places) => at(places, i) * channels * above.BYTES_PER_ELEMENT),
            3 * i,
          );
          floats[3 * i + 2] = at(weights, i);
        }
        const to = b.reserve(width * channels * above.BYTES_PER_ELEMENT);
        const down = at(weights, channels % 5);
        const kernel = b.k[`resize_${type}_${type}_bilinear` as "resize_i8_i8_bilinear"];
        kernel(b.put(above, 3), b.put(below, 5), to, b.put(fields), width, channels, down, arithmetic);
        const wanted = Array.from({ length: width * channels }, (_, k) => {
          const [i, channel] = [Math.floor(k / channels), k % channels];
          const corner = (codes: ArrayLike<number>, places: number[]) => at(codes, at(places, i) * channels + channel);
          const corners = [corner(above, left), corner(above, right), corner(below, left), corner(below, right)];
          return (arithmetic ? blendTflite : blend)(corners, at(weights, i), down);
        });
        assertBits(b.get(to, new array(width * channels)), wanted, `${width} pixels of ${channels} channels`);
      }
    }
  });
}

testKernel("resize_nearest", (bench) => {
  for (const bytes of SIZES) {
    for (const width of [0, 1, 2, 7]) {
      const b = bench();
      const next = randomWords(bytes);
      const x = new Uint8Array(5 * bytes).map(next);
      const places = [4, 0, 0, 3, 2, 1, 4].slice(0, width);
      const to = b.reserve(width * bytes);
      b.k.resize_nearest(b.put(x, 3), to, b.put(Int32Array.from(places, (place) => place * bytes)), width, bytes);
      const wanted = places.flatMap((place) => Array.from(x.subarray(place * bytes, (place + 1) * bytes)));
      assertBits(b.get(to, new Uint8Array(width * bytes)), wanted, `${width} pixels of ${bytes} bytes`);
    }
  }
});

// The smoke test's inputs: seeded, made with integer arithmetic and exact sums, so that all engines have the same.

/** Random integers of 32 bits (mulberry32). */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Bell-shaped values of about -2..2 (exact sums of four uniform ones), one in 64 of them 32 times as large. */
export function bell(length, seed) {
  const random = randomOf(seed);
  const uniform = () => (random() >>> 8) / 2 ** 24;
  return Float32Array.from({ length }, () => {
    const value = uniform() + uniform() + uniform() + uniform() - 2;
    return random() % 64 === 0 ? value * 32 : value;
  });
}

/** Finite float32 values of every sign, exponent and mantissa, subnormal ones included. */
function anyFinite(length, seed) {
  const random = randomOf(seed);
  const bits = Uint32Array.from({ length }, () => {
    const pattern = random();
    return (pattern & 0x7f800000) === 0x7f800000 ? pattern ^ 0x40000000 : pattern;
  });
  return new Float32Array(bits.buffer);
}

export function randomBytes(length, seed) {
  const random = randomOf(seed);
  return Uint8Array.from({ length }, random);
}

/** Zeros, ties, and the edges of float32 and of the smaller formats. */
const EDGES = [
  0, 0.25, 0.5, 1, 1.5, 2.5, 5, 6, 7, 28, 30, 31, 127, 127.5, 128, 240, 248, 255.5, 256, 448, 464, 480, 32767.5, 57344,
  61440, 65504, 65520, 65535.5, 3.3895313892515355e38, 3.4028234663852886e38,
];
const EDGE_POWERS = [-149, -127, -126, -25, -24, -14, -10, -9, 31, 32, 127].map((exponent) => 2 ** exponent);
const BOTH_SIGNS = [...EDGES, ...EDGE_POWERS].flatMap((value) => [value, -value]);

export const FINITE = Float32Array.of(...BOTH_SIGNS, ...anyFinite(301, 1), ...bell(150, 2));
export const INFINITE = Float32Array.of(Infinity, ...FINITE, -Infinity);
export const WITH_NAN = Float32Array.of(...INFINITE, NaN);

/** Odd tails for every lane count, and lengths beyond one chunk of the library's walk. */
export const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 1001, 16384, 32775];

// Seeded values: the same in every run on one engine. Arrays are made once and shared by the cases.

/** Numbers of [0, 1). Mulberry32: 2^32 states are plenty for a few million values, and its bits are even. */
export function uniformFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normalFrom(uniform) {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

function studentFrom(uniform, freedom) {
  const normal = normalFrom(uniform);
  return () => {
    let squares = 0;
    for (let i = 0; i < freedom; i++) squares += normal() ** 2;
    return normal() / Math.sqrt(squares / freedom);
  };
}

function laplaceFrom(uniform) {
  return () => {
    const u = uniform() - 0.5;
    return -Math.sign(u) * Math.log(1 - 2 * Math.abs(u));
  };
}

const SOURCES = {
  normal: (seed) => normalFrom(uniformFrom(seed)),
  student: (seed) => studentFrom(uniformFrom(seed), 4),
  laplace: (seed) => laplaceFrom(uniformFrom(seed)),
  uniform: (seed) => {
    const uniform = uniformFrom(seed);
    return () => 2 * uniform() - 1;
  },
};

export const DISTRIBUTIONS = Object.keys(SOURCES);

const made = new Map();

/** `length` values of a distribution: "normal", "student" (4 degrees of freedom), "laplace" or "uniform" (-1..1). */
export function floats(length, distribution = "normal", seed = 1) {
  const key = [length, distribution, seed].join();
  if (!made.has(key)) made.set(key, new Float32Array(length).map(SOURCES[distribution](seed)));
  return made.get(key);
}

/** `length` bytes, every value as likely. */
export function bytes(length, seed = 2) {
  const uniform = uniformFrom(seed);
  return new Uint8Array(length).map(() => uniform() * 256);
}

/** `count` scales of 0.5..1.5 times `middle`. */
export function scales(count, middle, seed = 3) {
  const uniform = uniformFrom(seed);
  return new Float32Array(count).map(() => middle * (0.5 + uniform()));
}

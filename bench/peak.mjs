// What the instruction set allows: the most products that a loop on registers adds in a second. A kernel's share of it
// says how far it is from the machine's limit.

import asc from "assemblyscript/asc";

const ROUNDS = 100_000;

/**
 * In each tier (`float`: of float32, in either) the instructions that add products to a sum, how many products they add, and which values are multiplied:
 * as many sums as hide the latency and leave registers for the rest (x86-64 has 16).
 */
const TIERS = {
  simd: { products: 8, pairs: tile(2, 4), add: (sum, a, b) => `i32x4.add(${sum}, i32x4.dot_i16x8_s(${a}, ${b}))` },
  relaxed: {
    products: 16,
    pairs: allPairs(5),
    add: (sum, a, b) => `i32x4.relaxed_dot_i8x16_i7x16_add_s(${a}, ${b}, ${sum})`,
  },
  float: { products: 4, pairs: tile(2, 4), add: (sum, a, b) => `f32x4.add(${sum}, f32x4.mul(${a}, ${b}))` },
};

/** Every row with every column; values are numbered rows first. */
function tile(rows, columns) {
  return range(rows).flatMap((row) => range(columns).map((column) => [row, rows + column]));
}

function allPairs(count) {
  return range(count).flatMap((i) => range(i).map((j) => [j, i]));
}

function range(count) {
  return [...Array(count).keys()];
}

/** AssemblyScript of the loop. The first value of every pair is loaded in each round, or it would be multiplied once. */
function source({ pairs, add }) {
  const values = range(1 + Math.max(...pairs.flat()));
  const loaded = [...new Set(pairs.map(([first]) => first))];
  const lines = [
    ...values.map((i) => `let v${i} = i8x16.splat(<i8>(value + ${i}));`),
    ...pairs.map((_, k) => `let s${k} = i32x4.splat(0);`),
    "for (let i = 0; i < rounds; i++) {",
    ...loaded.map((i) => `v${i} = v128.load(${16 * i});`),
    ...pairs.map(([i, j], k) => `s${k} = ${add(`s${k}`, `v${i}`, `v${j}`)};`),
    "}",
    ...pairs.slice(1).map((_, k) => `s0 = i32x4.add(s0, s${k + 1});`),
  ];
  return `export function peak(rounds: i32, value: i32): i32 { ${lines.join("\n")} return i32x4.extract_lane(s0, 0); }`;
}

async function make(tier) {
  const enable = ["simd", "relaxed-simd"];
  const options = { optimizeLevel: 3, runtime: "stub", initialMemory: 1, enable, use: ["abort="] };
  const { error, binary, stderr } = await asc.compileString(source(TIERS[tier]), options);
  if (error) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(binary);
  const { pairs, products } = TIERS[tier];
  return { call: () => instance.exports.peak(ROUNDS, 1), macs: ROUNDS * pairs.length * products };
}

const made = {};

/** A side of takeTurns, and how many products a call adds. */
export async function peakOf(tier) {
  made[tier] ??= await make(tier);
  return made[tier];
}

// What the instruction set allows: a tile of sums in registers that nothing is loaded for. A share of it says how far a
// kernel is from the machine's limit.

import asc from "assemblyscript/asc";

const ROWS = 2;
const COLUMNS = 4;
const ROUNDS = 100_000;

/** The instruction that multiplies and adds in each tier, and how many products it adds. */
const TIERS = {
  simd: { products: 8, add: (sum, a, b) => `i32x4.add(${sum}, i32x4.dot_i16x8_s(${a}, ${b}))` },
  relaxed: { products: 16, add: (sum, a, b) => `i32x4.relaxed_dot_i8x16_i7x16_add_s(${a}, ${b}, ${sum})` },
};

const indices = (count) => [...Array(count).keys()];

/** AssemblyScript of the loop. The rows change in every round, or the compiler would multiply once. */
function source(add) {
  const tile = indices(ROWS).flatMap((i) => indices(COLUMNS).map((j) => ({ sum: `s${i}${j}`, a: `a${i}`, b: `b${j}` })));
  const round = [
    ...tile.map(({ sum, a, b }) => `${sum} = ${add(sum, a, b)};`),
    ...indices(ROWS).map((i) => `a${i} = v128.xor(a${i}, b${i});`),
  ];
  return `export function peak(rounds: i32, value: i32): i32 {
    ${indices(ROWS).map((i) => `let a${i} = i8x16.splat(<i8>(value + ${i}));`)}
    ${indices(COLUMNS).map((j) => `const b${j} = i8x16.splat(<i8>(value + ${ROWS + j}));`)}
    ${tile.map(({ sum }) => `let ${sum} = i32x4.splat(0);`)}
    for (let i = 0; i < rounds; i++) { ${round.join("\n")} }
    return i32x4.extract_lane(${tile.map(({ sum }) => sum).reduce((all, sum) => `i32x4.add(${all}, ${sum})`)}, 0);
  }`.replaceAll(";,", ";");
}

const made = {};

async function make(tier) {
  const { products, add } = TIERS[tier];
  const options = { optimizeLevel: 3, runtime: "stub", enable: ["simd", "relaxed-simd"], use: ["abort="] };
  const { error, binary, stderr } = await asc.compileString(source(add), options);
  if (error) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(binary);
  return { call: () => instance.exports.peak(ROUNDS, 1), macs: ROUNDS * ROWS * COLUMNS * products };
}

/** A side of takeTurns, `call`, and how many products it adds. */
export async function peakOf(tier) {
  made[tier] ??= await make(tier);
  return made[tier];
}

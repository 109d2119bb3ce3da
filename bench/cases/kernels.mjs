// The kernels alone, beside the figures with copies: data lies in wasm memory, the module is instantiated here. 16 Ki
// values stay in the caches, 4 Mi do not.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bytes, floats } from "../data.mjs";
import { takeTurns } from "../timing.mjs";

const SIZES = { "16 Ki": 2 ** 14, "4 Mi": 2 ** 22 };
const PAGE = 65536;

/** An instance with room for `count` values at x, as many at y, and one scale and zero. */
async function instance(path, count) {
  const x = PAGE;
  const y = x + count * 4;
  const scale = y + count * 4;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((scale + 128) / PAGE) + 1, maximum: 65536 });
  const { instance } = await WebAssembly.instantiate(await readFile(path), { env: { memory } });
  const kernels = instance.exports;
  assert.ok(kernels.HEAP_BASE.value <= PAGE);
  new Float32Array(memory.buffer, scale, 1)[0] = 0.03;
  new Int32Array(memory.buffer, scale + 4, 1)[0] = 117;
  // a Place of assembly/walk.ts, one scale for all: length and block are the whole, one lane, one scale in all
  const at = scale + 16;
  new Uint32Array(memory.buffer, at, 8).set([0, count, count, 1, 0, 1, scale, scale + 4]);
  const place = [count, at];
  const e4m3fn = at + 32;
  new Int32Array(memory.buffer, e4m3fn, E4M3FN.length).set(E4M3FN);
  new Float32Array(memory.buffer, e4m3fn + 12, 1)[0] = 2 ** -9;
  return { kernels, memory, x, y, count, place, e4m3fn };
}

/** float8_e4m3fn as a Minifloat of assembly/minifloat.ts, saturating; the fourth word, its smallest number, is a float32. */
const E4M3FN = [3, 7, 8, 0, 0x7e, 0x7e, -1, 0x7e, 0x7f, 1];

/** Every kernel: how it is called, and what has to be in place. */
const KERNELS = {
  "quantize f32 -> u8":
    ({ kernels, x, y, place }) =>
    () =>
      kernels.quantize_f32_u8(x, y, ...place, 0, 255),
  "dequantize u8 -> f32":
    ({ kernels, x, y, place }) =>
    () =>
      kernels.dequantize_u8_f32(x, y, ...place, 0, 255),
  "fake quantize":
    ({ kernels, x, y, place }) =>
    () =>
      kernels.fake_f32_f32(x, y, ...place, 0, 255),
  extremes: ({ kernels, x, y, place }) => {
    // the extremes take the places of scale and zero
    return () => kernels.extremes_f32_f32(x, y, ...place, 0, 0);
  },
  "encode float8_e4m3fn":
    ({ kernels, x, y, count, e4m3fn }) =>
    () =>
      kernels.encode_f32_u8(x, y, count, e4m3fn, 0, 0n, 0n),
};

function fill({ memory, x, count }, kernel) {
  if (kernel.startsWith("dequantize")) new Uint8Array(memory.buffer, x, count).set(bytes(count));
  else new Float32Array(memory.buffer, x, count).set(floats(count));
}

/** What the kernel leaves in memory is what the library says. */
function check({ memory, y, count }, kernel, { quantize, encode }) {
  const codes = new Uint8Array(memory.buffer, y, count);
  const x = floats(count);
  if (kernel === "quantize f32 -> u8") {
    assert.ok(Buffer.compare(codes, quantize(x, { format: "uint8", scale: Math.fround(0.03), zero: 117 }).data) === 0);
  }
  if (kernel.startsWith("encode")) assert.ok(Buffer.compare(codes, encode(x, "float8_e4m3fn")) === 0);
}

async function kernelCase({ octavo: library, build }) {
  const rows = [];
  for (const [kernel, prepare] of Object.entries(KERNELS)) {
    for (const [size, count] of Object.entries(SIZES)) {
      const sides = {};
      for (const tier of ["simd", "relaxed"]) {
        const place = await instance(join(build, `${tier}.wasm`), count);
        fill(place, kernel);
        sides[tier] = { call: prepare(place) };
        sides[tier].call();
        check(place, kernel, library);
      }
      const times = await takeTurns(sides, { turns: 4, seconds: 0.05 });
      for (const tier of ["simd", "relaxed"]) rows.push(row(kernel, size, count, tier, times[tier]));
    }
  }
  return rows;
}

function row(kernel, size, count, tier, octavo) {
  const figure = `${(count / octavo.median / 1e9).toFixed(2)} G/s`;
  return { work: `kernel ${kernel}, ${size}, ${tier}`, octavo, figure, values: count };
}

export const cases = { kernels: kernelCase };

// Matrix products of uint8 activations and int8 weights, prepared on both sides: int32 sums beside MatMulInteger, and
// requantized with a scale for every output beside QLinearMatMul.

import { activations, qlinearConstants, resultOf, transpose, weight, zeroConstants } from "../operands.mjs";
import { race } from "../race.mjs";

const GEMM = { relaxed: 2, simd: 1 };
const GEMV = { relaxed: 8, simd: 4 };

/** A case of m rows of activations, sums of k products, n outputs. */
function product(title, [m, k, n], asked, sidesOf) {
  const work = { work: `${title} ${m}x${k}x${n}`, asked, macs: m * k * n };
  const float = {
    ort: { op: "MatMul", shape: [m, k], weightShape: [k, n], outputShape: [m, n] },
    tfjs: { shape: [m, k], weightShape: [k, n], apply: (tf, x, w) => tf.matMul(x, w) },
  };
  return (bench) => {
    const [x, w] = [activations([m, k]), weight([n, k])];
    const codes = { data: transpose(w.data, 1, n, k), shape: [k, n] };
    const { multiply, type, ...rival } = sidesOf(x, w, codes, k);
    return race(bench, work, { w, multiply }, { ...rival, input: x, output: { type, shape: [m, n] } }, float);
  };
}

const sums = (size, asked) =>
  product("sums u8.s8", size, asked, (x, _w, codes) => ({
    multiply: ({ accumulate }, prepared) => accumulate(x, prepared),
    op: "MatMulInteger",
    constants: { w: codes, ...zeroConstants() },
    type: Int32Array,
  }));

const requantized = (size, asked) =>
  product("matmul u8.s8 to u8", size, asked, (x, w, codes, depth) => ({
    multiply: ({ matmul }, prepared) => matmul(x, prepared, resultOf(depth)).data,
    op: "QLinearMatMul",
    constants: qlinearConstants(w, codes, resultOf(depth)),
    type: Uint8Array,
  }));

export const cases = {
  "sums-512": sums([512, 512, 512], GEMM),
  "matmul-512": requantized([512, 512, 512], GEMM),
  "sums-3072": sums([128, 768, 3072], GEMM),
  "matmul-3072": requantized([128, 768, 3072], GEMM),
  "sums-row-1024": sums([1, 1024, 1024], GEMV),
  "matmul-row-1024": requantized([1, 1024, 1024], GEMV),
  "sums-row-4096": sums([1, 4096, 4096], GEMV),
  "matmul-row-4096": requantized([1, 4096, 4096], GEMV),
};

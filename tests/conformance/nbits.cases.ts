// ONNX Runtime's MatMulNBits: float32 activations times weights of 4 or 8 bits with a scale and zero per block of k. Its rows
// of codes are whole blocks, its rows of zeros whole bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assertCount,
  decodeFloat32,
  jsonFiles,
  packedBytes,
  readJson,
  type StoredOperation,
  skip,
  tensorAt,
} from "./data.ts";

/** Codes [n, k], unsigned, without the filling of last blocks; scale and zero [n, ceil(k / block)]. */
export interface BlockMatmulCase {
  name: string;
  x: Float32Array;
  codes: number[];
  scale: Float32Array;
  zero: number[];
  bits: number;
  m: number;
  n: number;
  k: number;
  block: number;
  expected: Float32Array;
  rtol: number;
  atol: number;
}

type StoredCase = StoredOperation & { rtol: number; atol: number };

/** The first `length` codes of each of n rows of bytes. */
function rowsOf(bytes: Uint8Array, n: number, length: number, bits: number): number[] {
  const stride = bytes.length / n;
  return Array.from({ length: n * length }, (_, at) => {
    const [row, i] = [Math.floor(at / length), at % length];
    const byte = bytes[row * stride + Math.floor((i * bits) / 8)] as number;
    return (byte >> ((i * bits) % 8)) & (2 ** bits - 1);
  });
}

function caseOf({ name, attributes, inputs, outputs, rtol, atol }: StoredCase): BlockMatmulCase {
  const { K: k = 0, N: n = 0, bits = 4, block_size: block = 32 } = attributes;
  const x = decodeFloat32(tensorAt(inputs, 0).data);
  const blocks = Math.ceil(k / block);
  const zeros = inputs[3];
  return {
    name,
    x,
    codes: rowsOf(packedBytes(tensorAt(inputs, 1)), n, k, bits),
    scale: decodeFloat32(tensorAt(inputs, 2).data),
    zero: zeros ? rowsOf(packedBytes(zeros), n, blocks, bits) : new Array<number>(n * blocks).fill(2 ** (bits - 1)),
    bits,
    m: x.length / k,
    n,
    k,
    block,
    expected: decodeFloat32(tensorAt(outputs, 0).data),
    rtol,
    atol,
  };
}

/** Registers the test that holds `multiply` to the cases within their tolerances. */
export function testBlockMatmul(name: string, multiply: (each: BlockMatmulCase) => ArrayLike<number>): void {
  test(`${name} multiplies with block weights as MatMulNBits`, { skip }, () => {
    const files = jsonFiles("ort-contrib", "MatMulNBits");
    for (const each of files.map((file) => caseOf(readJson("ort-contrib", "MatMulNBits", file)))) {
      const y = multiply(each);
      assert.equal(y.length, each.expected.length, each.name);
      for (const [i, wanted] of each.expected.entries()) {
        const got = y[i] as number;
        const isClose = Math.abs(got - wanted) <= each.atol + each.rtol * Math.abs(wanted);
        assert.ok(isClose, `${each.name}: index ${i}: expected ${wanted}, got ${got}`);
      }
    }
    assertCount(files.length, 10, "MatMulNBits cases");
  });
}

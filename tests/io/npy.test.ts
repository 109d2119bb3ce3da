// .npy files: those that numpy 2.4 wrote are read, what is written is read back, nothing else gets through.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readNpy, type Tensor, type TensorArray, writeNpy } from "../../src/index.ts";
import { anything, testSentences } from "../tensor/sentences.ts";

/** A file as numpy lays it out: its headers of less than 108 bytes are padded to 128. */
function file(version: number, header: string, data: string, length?: number): Uint8Array {
  const start = version === 1 ? 10 : 12;
  const bytes = Buffer.alloc(128, " ");
  bytes.write("\x93NUMPY", "latin1");
  bytes.set([version, 0], 6);
  if (version === 1) bytes.writeUInt16LE(length ?? 128 - start, 8);
  else bytes.writeUInt32LE(length ?? 128 - start, 8);
  bytes.write(header, start);
  bytes[127] = 10;
  return Buffer.concat([bytes, Buffer.from(data, "hex")]);
}

const dictionary = (descr: string, shape: string, fortran = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`;

const FORTRAN_F4 =
  "00000000000040410000804000008041000000410000a0410000803f000050410000a04000008841000010410000a841" +
  "00000040000060410000c04000009041000020410000b04100004040000070410000e04000009841000030410000b841";
const FORTRAN_F8 = "3ff800000000000040080000000000004014000000000000c00000000000000040100000000000004018000000000000";

const WRITTEN_BY_NUMPY: readonly [bytes: Uint8Array, format: string, shape: number[], data: TensorArray][] = [
  [
    file(1, dictionary("<f4", "2, 2"), "000000000000803e0000003f0000403f"),
    "float32",
    [2, 2],
    Float32Array.of(0, 0.25, 0.5, 0.75),
  ],
  [
    file(1, dictionary("<f4", "2, 3, 4", "True"), FORTRAN_F4),
    "float32",
    [2, 3, 4],
    Float32Array.from({ length: 24 }, (_, i) => i),
  ],
  [file(1, dictionary(">i4", "3,"), "00000001fffffffe00000003"), "int32", [3], Int32Array.of(1, -2, 3)],
  [file(1, dictionary(">f8", "3, 2", "True"), FORTRAN_F8), "float64", [3, 2], Float64Array.of(1.5, -2, 3, 4, 5, 6)],
  [file(1, dictionary("<i8", ""), "0000000000000080"), "int64", [], BigInt64Array.of(-(2n ** 63n))],
  [
    file(2, dictionary("<u8", "2,"), "ffffffffffffffff0000000000000000"),
    "uint64",
    [2],
    BigUint64Array.of(2n ** 64n - 1n, 0n),
  ],
  [file(3, dictionary("<f2", "1, 2"), "003cff7b"), "float16", [1, 2], Uint16Array.of(0x3c00, 0x7bff)],
  [file(1, dictionary("|b1", "2,"), "0100"), "bool", [2], Uint8Array.of(1, 0)],
  [file(1, dictionary("|u1", "0, 3"), ""), "uint8", [0, 3], new Uint8Array(0)],
];

for (const [bytes, format, shape, data] of WRITTEN_BY_NUMPY) {
  test(`reads ${bytes.subarray(10, 75).toString().trim()}`, () => {
    const wanted = { format, shape, data };
    assert.deepEqual(readNpy(bytes), wanted);
    // at an odd place of a larger buffer
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    assert.deepEqual(readNpy(shifted.subarray(3)), wanted);
    assert.deepEqual(readNpy(new Uint8Array(bytes).buffer), wanted);
  });
}

test("a dictionary in another order, with other quotes and Python 2's numbers", () => {
  const header = `{"shape": (2L,3L) ,'fortran_order':False,"descr":"|i1"}`;
  assert.deepEqual(readNpy(file(2, header, "01ff00027f80")), {
    format: "int8",
    shape: [2, 3],
    data: Int8Array.of(1, -1, 0, 2, 127, -128),
  });
});

test("what is read is a copy", () => {
  const bytes = file(1, dictionary("|u1", "2,"), "0102");
  const { data } = readNpy(bytes);
  bytes[128] = 9;
  assert.equal(data[0], 1);
});

const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
};

test("what is written is read back, and begins at a multiple of 64", () => {
  for (const [format, kind] of Object.entries(ARRAYS)) {
    for (const shape of [[], [3], [2, 3], [0, 4], [1, 2, 3, 1], Array(40).fill(1)]) {
      const length = shape.reduce((a, b) => a * b, 1);
      const bytes = Uint8Array.from({ length: length * kind.BYTES_PER_ELEMENT }, (_, i) => (i * 37 + 11) & 127);
      const tensor = { format, shape, data: new kind(bytes.buffer) } as Tensor;
      const written = writeNpy(tensor);
      assert.equal((written.length - bytes.length) % 64, 0);
      assert.deepEqual(readNpy(written), tensor);
    }
  }
});

const big = `{${" ".repeat(20_000)}}`;
const cut = file(1, dictionary("<f4", "2,"), "0000");

testSentences([
  [() => readNpy(anything("x.npy")), 'TypeError: "bytes" expected an ArrayBuffer or a Uint8Array, got "x.npy"'],
  [
    () => readNpy(new Uint8Array(0)),
    'RangeError: "npy" expected a file that begins with "\\x93NUMPY" and a version of 1 to 3, got []',
  ],
  [
    () => readNpy(file(4, "", "")),
    'RangeError: "npy" expected a file that begins with "\\x93NUMPY" and a version of 1 to 3, got [147, 78, 85, 77, 80, 89, 4, 0]',
  ],
  [() => readNpy(cut.subarray(0, 9)), 'RangeError: "npy" expected the length of its header, got Uint8Array(9)'],
  [() => readNpy(cut.subarray(0, 100)), 'RangeError: "npy header" expected at most 90 bytes, got 118'],
  [() => readNpy(file(3, "", "", 2 ** 32 - 1)), 'RangeError: "npy header" expected at most 116 bytes, got 4294967295'],
  [
    () => readNpy(Buffer.concat([file(2, "", "", big.length).subarray(0, 12), Buffer.from(big)])),
    'RangeError: "npy header" expected at most 10000 bytes, got 20002',
  ],
  [() => readNpy(cut), 'RangeError: "npy" expected 8 bytes of float32 [2] behind its header, got 2'],
  [
    () => readNpy(file(1, dictionary("<f4", "1,"), "0000000000000000")),
    'RangeError: "npy" expected 4 bytes of float32 [1] behind its header, got 8',
  ],
  [
    () => readNpy(file(1, dictionary("<c8", "1,"), "")),
    'RangeError: "npy descr" expected < or > or | and b1, i1, u1, i2, u2, i4, u4, i8, u8, f2, f4, f8, got "<c8"',
  ],
  [
    () => readNpy(file(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "00000000")),
    'RangeError: "npy header" expected "descr", "fortran_order" and "shape" of numbers, ' +
      `got "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"`,
  ],
  [
    () => readNpy(file(1, "{'descr': '<f4', 'shape': (1,), }", "00000000")),
    'RangeError: "npy header" expected "descr", "fortran_order" and "shape" of numbers, ' +
      `got "{'descr': '<f4', 'shape': (1,), }"`,
  ],
  [
    () => readNpy(file(1, dictionary("<f4", "-1,"), "")),
    'RangeError: "npy shape" expected sizes that are integers >= 0, got [NaN]',
  ],
  [
    () => readNpy(file(1, dictionary("<f4", `${"9".repeat(15)}, ${"9".repeat(15)}`), "")),
    'RangeError: "npy" expected 3.999999999999992e+30 bytes of float32 [999999999999999, 999999999999999] behind its header, got 0',
  ],
  [
    () => writeNpy({ format: "bfloat16", shape: [1], data: new Uint16Array(1) }),
    'RangeError: "format" expected one of bool, int8, uint8, int16, uint16, int32, uint32, int64, uint64, float16, float32, float64, got "bfloat16"',
  ],
  [
    () => writeNpy({ format: "float32", shape: [2], data: new Float32Array(3) }),
    'RangeError: "shape" expected 3 values in all, got [2] (2 values)',
  ],
  [
    () => writeNpy({ format: "float32", shape: [3], data: new Uint8Array(3) }),
    'TypeError: "data" expected a Float32Array, got Uint8Array(3)',
  ],
]);

test("mutated files are tensors or RangeErrors", () => {
  const files = WRITTEN_BY_NUMPY.map(([bytes]) => bytes);
  const edit = fc.record({ at: fc.nat(300), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.array(edit, { maxLength: 4 }), fc.nat(300), (bytes, edits, length) => {
      const mutated = Uint8Array.from(bytes.subarray(0, Math.max(length, 100)));
      for (const { at, byte } of edits) if (at < mutated.length) mutated[at] = byte;
      try {
        const { shape, data } = readNpy(mutated);
        assert.equal(
          data.length,
          shape.reduce((a, b) => a * b, 1),
        );
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
    { numRuns: 3000, seed: 1 },
  );
});

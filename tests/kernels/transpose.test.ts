// Copies along axes: every element size, planes with tails, repeated, reversed and spread axes, against tests/reference/.
import { transposition, walkOf } from "../../src/model/transpose.ts";
import { copyStrided, type StridedAxis, transpose } from "../reference/strided.ts";
import { assertBits, randomWords, SIZES, testKernel } from "./harness.ts";

/** Elements as groups of bytes. */
function elementsOf(bytes: Uint8Array, size: number): string[] {
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size).join());
}

const bytesOf = (elements: readonly string[]) => elements.flatMap((each) => each.split(",").map(Number));

const wordsOf = (axes: readonly StridedAxis[]) =>
  Int32Array.from(axes.flatMap(({ extent, from, to }) => [extent, from, to]));

testKernel("copy_axes: planes", (bench) => {
  for (const size of [1, 2, 4, 8, 3]) {
    for (const rows of [0, 1, 3, 4, 8, 9, 31, 33, 40]) {
      for (const columns of rows === 9 ? SIZES : [0, 1, 2, 7, 8, 12, 35, 64]) {
        const b = bench();
        const next = randomWords(rows * 97 + columns);
        const x = new Uint8Array(2 * rows * columns * size).map(next);
        const y = b.reserve(x.length, 3);
        const { axes, bytes } = transposition([2, rows, columns], [0, 2, 1], size);
        b.k.copy_axes(b.put(x, 1), y, b.put(wordsOf(axes)), axes.length, bytes);
        const wanted = bytesOf(transpose(elementsOf(x, size), [2, rows, columns], [0, 2, 1]));
        assertBits(b.get(y, new Uint8Array(x.length)), wanted, `${rows} x ${columns} of ${size} bytes`);
      }
    }
  }
});

/** Axes in elements, and where the first element is in a source and a result of 200 elements. */
const WALKS: readonly { axes: StridedAxis[]; x: number; y: number }[] = [
  { axes: [], x: 3, y: 5 },
  { axes: [{ extent: 0, from: 1, to: 1 }], x: 0, y: 0 },
  { axes: [{ extent: 37, from: 1, to: 1 }], x: 0, y: 0 },
  { axes: [{ extent: 37, from: -1, to: 1 }], x: 36, y: 2 },
  { axes: [{ extent: 19, from: 0, to: 1 }], x: 7, y: 0 },
  {
    axes: [
      { extent: 5, from: 20, to: 3 },
      { extent: 3, from: 1, to: 1 },
    ],
    x: 4,
    y: 0,
  },
  {
    axes: [
      { extent: 4, from: 3, to: 40 },
      { extent: 2, from: 0, to: 20 },
      { extent: 3, from: -1, to: 3 },
      { extent: 3, from: 20, to: 1 },
    ],
    x: 30,
    y: 7,
  },
  {
    axes: [
      { extent: 2, from: 90, to: 90 },
      { extent: 5, from: 1, to: 10 },
      { extent: 9, from: 9, to: 1 },
    ],
    x: 2,
    y: 11,
  },
];

testKernel("copy_axes: any axes", (bench) => {
  for (const size of [1, 2, 4, 8, 3, 16, 33]) {
    for (const [i, { axes, x, y }] of WALKS.entries()) {
      const b = bench();
      const from = new Uint8Array(200 * size).map(randomWords(i + size));
      const to = new Uint8Array(200 * size);
      const walk = walkOf(axes, size);
      const at = b.put(to, 2);
      const words = b.put(wordsOf(walk.axes));
      b.k.copy_axes(b.put(from, 1) + x * size, at + y * size, words, walk.axes.length, walk.bytes);
      const wanted = elementsOf(to, size);
      copyStrided(elementsOf(from, size), x, wanted, y, axes);
      assertBits(b.get(at, to), bytesOf(wanted), `walk ${i}, ${size} bytes`);
    }
  }
});

// Einsum beside its definition: a sum over all labels of products of all terms.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { floats } from "../models.ts";
import { nodeOf, runNode } from "./rows.ts";

/** Small integers: every order of summation is exact. */
function numbered(shape: readonly number[], seed: number): Tensor & { data: Float32Array } {
  const n = shape.reduce((a, b) => a * b, 1);
  return floats(
    shape,
    Array.from({ length: n }, (_, i) => ((i * 7 + seed * 5) % 9) - 4),
  );
}

/** By definition, over labels of one letter each. */
function summed(
  inputs: readonly string[],
  output: string,
  tensors: readonly (Tensor & { data: Float32Array })[],
): number[] {
  const labels = [...new Set(inputs.join("") + output)].sort((a, b) => output.indexOf(b) - output.indexOf(a));
  const extents = new Map<string, number>();
  inputs.forEach((term, i) => {
    [...term].forEach((label, axis) => {
      extents.set(label, Math.max(extents.get(label) ?? 0, tensors[i]?.shape[axis] as number));
    });
  });
  const at = new Map<string, number>();
  const place = (term: string, shape: readonly number[]) =>
    [...term].reduce((sum, label, axis) => {
      const extent = shape[axis] as number;
      return sum * extent + (extent === 1 ? 0 : (at.get(label) as number));
    }, 0);
  const sizes = [...output].map((label) => extents.get(label) as number);
  const result = new Array<number>(sizes.reduce((a, b) => a * b, 1)).fill(0);
  const visit = (depth: number): void => {
    if (depth === labels.length) {
      const product = inputs.reduce((all, term, i) => {
        const { data, shape } = tensors[i] as Tensor & { data: Float32Array };
        return all * (data[place(term, shape)] as number);
      }, 1);
      const to = place(output, sizes);
      result[to] = (result[to] as number) + product;
      return;
    }
    const label = labels[depth] as string;
    for (let i = 0; i < (extents.get(label) as number); i++) {
      at.set(label, i);
      visit(depth + 1);
    }
  };
  visit(0);
  return result;
}

const CASES: readonly (readonly [equation: string, plain: string, ...shapes: number[][]])[] = [
  ["ij,jk->ik", "ij,jk->ik", [3, 4], [4, 5]],
  ["ij,jk", "ij,jk->ik", [3, 4], [4, 5]],
  [" b i k , b j k -> j b i", "bik,bjk->jbi", [2, 3, 4], [2, 5, 4]],
  ["bhid,bhjd->bhij", "bhid,bhjd->bhij", [2, 3, 4, 5], [2, 3, 6, 5]],
  ["bhwc,hkc->bhwk", "bhwc,hkc->bhwk", [2, 3, 4, 5], [3, 6, 5]],
  ["i,j->ij", "i,j->ij", [3], [4]],
  ["i,i", "i,i->", [5], [5]],
  ["ij->ji", "ij->ji", [3, 4]],
  ["ba", "ba->ab", [3, 4]],
  ["ijk->j", "ijk->j", [2, 3, 4]],
  ["ijq,jk->ki", "ijq,jk->ki", [3, 4, 2], [4, 5]],
  ["...ij,...jk->...ik", "xyij,xyjk->xyik", [2, 1, 3, 4], [2, 6, 4, 5]],
  ["...ij,jk->i...k", "xij,jk->ixk", [2, 3, 4], [4, 5]],
  ["i...,i->...", "ixy,i->xy", [2, 3, 4], [2]],
  ["ab,bc,cd->ad", "ab,bc,cd->ad", [2, 3], [3, 4], [4, 5]],
  ["ab,ac,a->bc", "ab,ac,a->bc", [2, 3], [2, 4], [2]],
  ["ij,jk->ik", "ij,jk->ik", [3, 0], [0, 5]],
];

for (const [equation, plain, ...shapes] of CASES) {
  test(`Einsum "${equation}" of ${shapes.map((shape) => `[${shape}]`).join(" ")}`, () => {
    const [inputs = "", output = ""] = plain.split("->");
    const tensors = shapes.map(numbered);
    const feeds = Object.fromEntries(tensors.map((tensor, i) => [`x${i}`, tensor]));
    const wanted = summed(inputs.split(","), output, tensors);
    for (const opset of [12, 13, 22]) {
      if (opset < 14 && shapes.flat().includes(0)) continue;
      for (const areConstant of [false, true]) {
        const { y } = runNode(nodeOf("Einsum", feeds, { equation }), feeds, opset, areConstant);
        assert.deepEqual(
          Array.from(y?.data as Float32Array, (value) => value + 0),
          wanted,
        );
      }
    }
  });
}

const REFUSED: readonly (readonly [equation: string, wanted: RegExp, ...shapes: number[][]])[] = [
  ["ij,jk->ik", /"equation" has "j" for axes of 3 and 4/, [2, 3], [4, 5]],
  ["ij->i", /"equation" has 1 terms, expected 2/, [2, 3], [3, 4]],
  ["ijk->i", /"equation" has "ijk" for an input of 2 axes/, [2, 3]],
  ["ii->i", /"equation" has a label twice in "ii"/, [2, 2]],
  ["ij->iz", /"equation" has an output "z" that is not once in the inputs/, [2, 2]],
  ["i?->i", /"equation" has "i\?" for an input of 2 axes/, [2, 2]],
];

for (const [equation, wanted, ...shapes] of REFUSED) {
  test(`Einsum refuses "${equation}"`, () => {
    const feeds = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, numbered(shape, i)]));
    assert.throws(() => runNode(nodeOf("Einsum", feeds, { equation }), feeds), wanted);
  });
}

// Batch norms folded in 60-digit decimals (bnfold/bnfold.json), and the test that holds an implementation to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFloat32, packedBytes, readJson, type StoredTensor, skip } from "./data.ts";

interface StoredFold {
  id: string;
  kind: "conv" | "convtranspose" | "gemm_transB" | "bn_before_conv";
  group: number;
  epsilon: number;
  weight: StoredTensor;
  bias: StoredTensor | null;
  gamma: StoredTensor;
  beta: StoredTensor;
  mean: StoredTensor;
  var: StoredTensor;
  folded_weight: StoredTensor;
  folded_bias: StoredTensor;
}

export interface FoldCase {
  name: string;
  direction: "after" | "before";
  transposed: boolean;
  groups: number;
  shape: number[];
  weight: Float32Array;
  bias: Float32Array | undefined;
  gamma: Float32Array;
  beta: Float32Array;
  mean: Float32Array;
  variance: Float32Array;
  epsilon: number;
  expected: { weight: Float64Array; bias: Float64Array };
}

type Folded = { weight: ArrayLike<number>; bias: ArrayLike<number> };

function doubles(tensor: StoredTensor): Float64Array {
  return new Float64Array(packedBytes(tensor).buffer);
}

function caseOf(stored: StoredFold): FoldCase {
  return {
    name: stored.id,
    direction: stored.kind === "bn_before_conv" ? "before" : "after",
    transposed: stored.kind === "convtranspose",
    groups: stored.group,
    shape: stored.weight.shape,
    weight: decodeFloat32(stored.weight.data),
    bias: stored.bias ? decodeFloat32(stored.bias.data) : undefined,
    gamma: decodeFloat32(stored.gamma.data),
    beta: decodeFloat32(stored.beta.data),
    mean: decodeFloat32(stored.mean.data),
    variance: decodeFloat32(stored.var.data),
    epsilon: stored.epsilon,
    expected: { weight: doubles(stored.folded_weight), bias: doubles(stored.folded_bias) },
  };
}

function assertClose(actual: ArrayLike<number>, expected: Float64Array, rtol: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (const [i, wanted] of expected.entries()) {
    const got = actual[i] as number;
    assert.ok(Math.abs(got - wanted) <= rtol * Math.abs(wanted), `${what}[${i}]: expected ${wanted}, got ${got}`);
  }
}

/** Registers the test that holds `fold` to the 8 cases. */
export function testFold(name: string, fold: (foldCase: FoldCase) => Folded): void {
  test(`${name} folds batch norms`, { skip }, () => {
    const { cases, rtol } = readJson<{ cases: StoredFold[]; rtol: number }>("bnfold", "bnfold.json");
    assert.equal(cases.length, 8);
    for (const each of cases.map(caseOf)) {
      const folded = fold(each);
      assertClose(folded.weight, each.expected.weight, rtol, `${each.name}: weight`);
      assertClose(folded.bias, each.expected.bias, rtol, `${each.name}: bias`);
    }
  });
}

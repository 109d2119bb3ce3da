// Damaged files: each is read, or refused with a ModelError, soon; and what is read can be written and read again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ModelError } from "../../src/check.ts";
import { readOnnx, writeOnnx } from "../../src/io/onnx.ts";
import type { Constant, Model } from "../../src/model/graph.ts";
import { makeNode } from "../../src/model/graph.ts";
import { archive } from "../conformance/archive.ts";
import { skip } from "../conformance/data.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { Draws, mutate } from "./mutate.ts";

const COUNT = 10_000;
const SEED = 20_260;

/** A damaged file of some 10 kB may take so many milliseconds, on a slow machine. */
const LONGEST = 2_000;

/** Models with what the archive's have little of: graphs in graphs, all kinds of attributes, metadata, types of values. */
function ownFiles(): Buffer[] {
  const inner = modelOf([makeNode("Relu", ["x"], ["y"])]).graph;
  const branches = makeNode("If", ["c"], ["y"]);
  const attributes = new Map<string, never>(
    Object.entries({
      then_branch: { kind: "graph", value: inner },
      graphs: { kind: "graphs", value: [inner, inner] },
      floats: { kind: "floats", value: [1, -2, 0.5] },
      ints: { kind: "ints", value: [1n, -1n, 2n ** 63n - 1n] },
      strings: { kind: "strings", value: ["a", "bc"] },
      tensor: { kind: "tensor", value: integers([2], [1, 2]) },
    }) as never,
  );
  const constants = new Map<string, Constant>([
    ["w", floats([2, 3], [1, 2, 3, 4, 5, 6])],
    ["c", { format: "bool", shape: [], data: Uint8Array.of(1) }],
  ]);
  const values = [{ name: "v", format: "int4", shape: [2, "n", ""] } as const];
  const nodes = [{ ...branches, attributes }, makeNode("Resize", ["y", "", "w"], ["z"], { mode: "linear" })];
  const model: Model = { ...modelOf(nodes, { constants, values }), metadata: new Map([["author", "nobody"]]) };
  return [Buffer.from(writeOnnx(model))];
}

function files(): Buffer[] {
  if (skip) return ownFiles();
  const all = [...archive("onnx-float.tar.gz"), ...archive("onnx-qdq.tar.gz")];
  const small = all.filter(([path, { length }]) => path.endsWith(".onnx") && length < 20_000).map(([, bytes]) => bytes);
  // as many of the own file as of the others
  return [...small, ...small.flatMap(ownFiles)];
}

/** Reads a file, all constants with it; gives the model or the error. */
function attempt(bytes: Buffer): Model | ModelError {
  try {
    const model = readOnnx(bytes);
    const again = readOnnx(writeOnnx(model));
    // a version that was damaged may have to be raised
    if (again.opsets.get("") === model.opsets.get("")) assert.deepStrictEqual(again, model);
    return model;
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
}

test(`of ${COUNT} damaged files each is read or refused`, () => {
  const sources = files();
  const draws = new Draws(SEED);
  const kinds = new Set<string>();
  let read = 0;
  for (let i = 0; i < COUNT; i++) {
    let bytes = draws.pick(sources);
    for (let times = draws.below(3); times >= 0; times--) bytes = mutate(bytes, draws.pick(sources), draws);
    const started = performance.now();
    try {
      const outcome = attempt(bytes);
      if (outcome instanceof ModelError) kinds.add(outcome.message.replace(/"[^"]*"|[\d.]+/g, ""));
      else read++;
    } catch (error) {
      assert.fail(`file ${i} of seed ${SEED}, ${bytes.toString("base64").slice(0, 400)}: ${(error as Error).stack}`);
    }
    assert.ok(performance.now() - started < LONGEST, `file ${i} of seed ${SEED} takes too long`);
  }
  // damage that is noticed, and in many ways, and damage that is not
  assert.ok(read > COUNT / 10 && read < (COUNT * 9) / 10, `${read} of ${COUNT} were read`);
  assert.ok(kinds.size > 15, [...kinds].join("\n"));
});

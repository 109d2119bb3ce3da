// ONNX files: what is read is what is in them, what is written is what was read, and what is wrong is refused.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ModelError } from "../../src/check.ts";
import { readOnnx, writeOnnx } from "../../src/io/onnx.ts";
import { type Attribute, type Constant, constantOf, type Model, makeNode } from "../../src/model/graph.ts";
import { archive } from "../conformance/archive.ts";
import { skip } from "../conformance/data.ts";
import { floats, modelOf } from "../model/models.ts";
import { field, file, fixed, message, varint } from "./bytes.ts";

const MODELS = join(import.meta.dirname, "..", "..", "..", "shared", "data", "models");

/** Reads, writes and reads again; gives the model and the bytes. */
function roundTrip(bytes: Uint8Array): { model: Model; written: Uint8Array } {
  const model = readOnnx(bytes);
  const written = writeOnnx(model);
  const again = readOnnx(written);
  assert.deepStrictEqual(again, model);
  assert.deepEqual(writeOnnx(again), written);
  return { model, written };
}

/** Whether bytes hold others somewhere. */
const holds = (bytes: Uint8Array, part: Buffer) => Buffer.from(bytes).includes(part);

const isModelError = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ModelError, String(error));
  assert.match(error.message, pattern);
  return true;
};

/** A file with a constant "w". */
const constantFile = (...fields: Uint8Array[]) => file(field(5, message(field(8, "w"), ...fields)));

function readConstant(...fields: Uint8Array[]): Constant {
  return constantOf(readOnnx(constantFile(...fields)).graph, "w") as Constant;
}

describe("files of others", () => {
  it("real networks are the same after writing and reading", { skip }, () => {
    const names = readdirSync(MODELS, { recursive: true }).map(String);
    const models = names.filter((name) => name.endsWith(".onnx"));
    assert.ok(models.length >= 8);
    for (const name of models) roundTrip(readFileSync(join(MODELS, name)));
  });

  it("so are the models of the conformance archives", { skip }, () => {
    let refused = 0;
    let read = 0;
    for (const [path, bytes] of [...archive("onnx-float.tar.gz"), ...archive("onnx-qdq.tar.gz")]) {
      if (!path.endsWith(".onnx")) continue;
      try {
        roundTrip(bytes);
        read++;
      } catch (error) {
        isModelError(/expected operators of an opset of 6\.\.28, got 1$/)(error);
        refused++;
      }
    }
    assert.deepEqual({ read, refused }, { read: 612, refused: 2 });
  });
});

describe("the bytes", () => {
  const bytes = writeOnnx(modelOf([makeNode("Relu", ["x"], ["y"])]));

  it("may come in any kind of array", () => {
    const model = readOnnx(bytes);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    assert.deepStrictEqual(readOnnx(bytes.slice().buffer), model);
    assert.deepStrictEqual(readOnnx(shifted.subarray(3)), model);
    assert.deepStrictEqual(readOnnx(Buffer.from(bytes)), model);
  });

  it("are refused if they are something else", () => {
    assert.throws(() => readOnnx("model.onnx" as never), /"bytes" expected an ArrayBuffer or a Uint8Array, got "model/);
    assert.throws(() => readOnnx(new Float32Array(4) as never), TypeError);
    assert.throws(() => readOnnx(bytes, { external: 1 } as never), /"external" expected a function, got 1/);
    assert.throws(() => readOnnx(bytes, { externals: 1 } as never), /unknown option "externals"/);
    assert.throws(() => readOnnx(new Uint8Array(0)), isModelError(/there is no graph/));
    assert.throws(() => readOnnx(Buffer.from("TFL3 is another format")), isModelError(/expected an ONNX file/));
    // TensorFlow Lite's files begin with an offset, and what they are
    for (const head of [
      [0x1c, 0, 0, 0],
      [0x24, 0, 0, 0],
      [0x50, 0x4b, 3, 4],
      [0x89, 0x48, 0x44, 0x46],
    ]) {
      assert.throws(
        () => readOnnx(Buffer.concat([Buffer.from(head), Buffer.from("TFL3 and more of it")])),
        isModelError(
          /^model: expected an ONNX file, .* \((a field that is none, or is cut off|there is no graph in it)\)$/,
        ),
      );
    }
    assert.throws(() => readOnnx(bytes.subarray(0, bytes.length - 5)), isModelError(/expected an ONNX file/));
  });

  it("take no memory for lengths that are only said", () => {
    const before = process.memoryUsage().arrayBuffers;
    const dims = [2 ** 31, 2 ** 31, 4].map((extent) => field(1, extent));
    assert.throws(
      () => readConstant(...dims, field(2, 1), field(9, new Uint8Array(16))),
      isModelError(/bytes of float32/),
    );
    assert.throws(() => readConstant(...dims, field(2, 7)), isModelError(/numbers of int64/));
    assert.throws(() => readConstant(field(1, -1), field(2, 1)), isModelError(/extents >= 0, got -1n/));
    const endless = Buffer.concat([varint((7 << 3) | 2), varint(2 ** 32 - 1)]);
    assert.throws(() => readOnnx(endless), isModelError(/expected an ONNX file/));
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);
  });

  it("may hold graphs in graphs, but not endlessly", () => {
    const nested = (depth: number) => {
      let graph: Buffer = field(2, "innermost");
      for (let i = 0; i < depth; i++) {
        const attribute = message(field(1, "body"), field(20, 5), field(6, graph));
        graph = field(1, message(field(4, "Loop"), field(5, attribute)));
      }
      return file(graph);
    };
    roundTrip(nested(32));
    assert.throws(() => readOnnx(nested(33)), isModelError(/more than 32 deep/));
    assert.throws(() => readOnnx(nested(3000)), isModelError(/more than 32 deep/));
  });
});

describe("what octavo has no use for", () => {
  const unknown = (text: string) => message(field(900, text), field(901, 7), fixed(902, new Uint8Array(8)));

  it("survives in every message, byte for byte", () => {
    const dimension = message(field(2, "batch"), field(3, "DATA_BATCH"), unknown("in a dimension"));
    const type = message(field(1, message(field(1, 1), field(2, field(1, dimension)))), unknown("in a type"));
    const tensor = message(
      field(1, 1),
      field(2, 1),
      field(8, "w"),
      field(12, "documented"),
      field(9, new Uint8Array(4)),
    );
    const attribute = message(
      field(1, "axis"),
      field(3, 1),
      field(13, "an axis"),
      field(20, 2),
      unknown("in an attribute"),
    );
    const node = message(field(1, "x"), field(2, "y"), field(4, "Softmax"), field(5, attribute), unknown("in a node"));
    const graph = message(
      field(1, node),
      field(5, message(tensor, unknown("in a tensor"))),
      field(10, "of the graph"),
      field(11, message(field(1, "x"), field(2, type), unknown("in a value"))),
      field(15, message(field(3, 4))),
      unknown("in a graph"),
    );
    const metadata = field(14, message(field(1, "author"), field(2, "nobody"), unknown("in an entry")));
    const opset = field(8, message(field(1, "com.example"), field(2, 3), unknown("in an opset")));
    const functions = field(25, message(field(1, "Own"), field(10, "com.example")));
    const bytes = file(graph, field(2, "producer"), field(5, 99), metadata, opset, functions, unknown("in a model"));
    const { model, written } = roundTrip(bytes);
    for (const place of "a dimension,a type,a tensor,an attribute,a node,a value,a graph,an entry,an opset,a model".split(
      ",",
    )) {
      assert.ok(holds(written, unknown(`in ${place}`)), place);
    }
    for (const text of ["DATA_BATCH", "documented", "an axis", "of the graph", "producer"])
      assert.ok(holds(written, Buffer.from(text)), text);
    assert.ok(holds(written, functions) && holds(written, field(5, 99)));
    assert.deepEqual(model.graph.inputs[0]?.shape, ["batch"]);
    assert.equal(model.metadata.get("author"), "nobody");
    assert.equal(model.opsets.get("com.example"), 3);
    assert.deepEqual(model.graph.nodes[0]?.attributes.get("axis")?.value, 1n);
  });

  it("does not outlive what it was said of", () => {
    const type = message(
      field(1, message(field(1, 1), field(2, field(1, message(field(1, 4), field(3, "DATA_BATCH")))))),
    );
    const opset = field(8, message(field(1, "com.example"), field(2, 3), unknown("in an opset")));
    const model = readOnnx(file(field(11, message(field(1, "x"), field(2, type))), opset));
    const [x] = model.graph.inputs;
    const graph = { ...model.graph, inputs: [{ ...x, name: "x", shape: [8] }] };
    const opsets = new Map(model.opsets).set("com.example", 4);
    const changed = readOnnx(writeOnnx({ ...model, graph, opsets }));
    assert.deepEqual(changed.graph.inputs, [{ name: "x", format: "float32", shape: [8] }]);
    assert.equal(changed.opsets.get("com.example"), 4);
  });

  it("survives in entries of one name, of which the last one counts", () => {
    const entry = (version: number, ...more: Uint8Array[]) => field(8, message(field(2, version), ...more));
    const more = unknown("in an opset");
    for (const [versions, last] of [
      [[entry(7, more), entry(17)], 17],
      [[entry(17), entry(7, more)], 7],
      [[entry(7, more), entry(17), entry(9)], 9],
      [[entry(8), entry(7, more), entry(17, unknown("too"))], 17],
    ] as const) {
      const { model, written } = roundTrip(message(...versions, field(7, field(1, field(4, "Relu")))));
      assert.equal(model.opsets.get(""), last);
      assert.ok(holds(written, more));
      const raised = writeOnnx({ ...model, opsets: new Map([["", 20]]) });
      assert.equal(readOnnx(raised).opsets.get(""), 20);
    }
  });

  it("types that are no tensors of numbers, tensors of strings and complex numbers stay as they are", () => {
    const sequence = field(4, field(1, field(1, field(1, 1))));
    const strings = message(field(1, 1), field(2, 8), field(6, "a string"));
    const complex = message(field(1, 1), field(2, 14), field(9, new Uint8Array(8)));
    const inputs = message(
      field(11, message(field(1, "s"), field(2, sequence))),
      field(13, message(field(1, "t"), field(2, field(1, message(field(1, 8), field(2, field(1, field(1, 2)))))))),
    );
    const value = message(field(1, "value"), field(20, 4), field(5, message(strings, field(8, "a name"))));
    const node = field(1, message(field(2, "c"), field(4, "Constant"), field(5, value)));
    const constants = message(field(5, message(strings, field(8, "text"))), field(5, message(complex, field(8, "z"))));
    const { model, written } = roundTrip(file(message(node, constants, inputs)));
    for (const part of [sequence, strings, complex, field(8, "a name")]) assert.ok(holds(written, part));
    assert.equal(model.graph.inputs[0]?.format, undefined);
    assert.equal(constantOf(model.graph, "text"), undefined);
    assert.ok(model.graph.constants.has("z"));
  });
});

describe("attributes", () => {
  const read = (...fields: Uint8Array[]): Attribute | undefined => {
    const node = message(field(4, "Any"), field(5, message(field(1, "a"), ...fields)));
    const { model } = roundTrip(file(field(1, node)));
    return model.graph.nodes[0]?.attributes.get("a");
  };

  it("are integers of 64 bits", () => {
    for (const value of [2n ** 63n - 1n, -(2n ** 63n), 0n, -1n, 2n ** 53n + 1n]) {
      assert.deepEqual(read(field(3, value), field(20, 2)), { kind: "int", value });
      const two = [field(8, value), field(8, 1)];
      assert.deepEqual(read(...two, field(20, 7)), { kind: "ints", value: [value, 1n] });
      assert.deepEqual(read(field(8, message(varint(value), varint(1))), field(20, 7)), {
        kind: "ints",
        value: [value, 1n],
      });
    }
  });

  it("are of the kind that is said, or of the field that is there", () => {
    const float = Buffer.from(Float32Array.of(0.1).buffer);
    const value = Math.fround(0.1);
    assert.deepEqual(read(fixed(2, float), field(20, 1)), { kind: "float", value });
    assert.deepEqual(read(fixed(2, float)), { kind: "float", value });
    assert.deepEqual(read(fixed(7, float), fixed(7, float)), { kind: "floats", value: [value, value] });
    assert.deepEqual(read(field(7, message(float, float)), field(20, 6)), { kind: "floats", value: [value, value] });
    assert.deepEqual(read(field(4, "été")), { kind: "string", value: "été" });
    assert.deepEqual(read(field(9, "\uFEFFa"), field(9, "")), { kind: "strings", value: ["\uFEFFa", ""] });
    // of proto3's writers, which leave out what is zero
    assert.deepEqual(read(field(20, 2)), { kind: "int", value: 0n });
    assert.deepEqual(read(field(20, 7)), { kind: "ints", value: [] });
  });

  it("stay as they are if JavaScript has nothing for them", () => {
    assert.equal(read(field(4, Uint8Array.of(255, 254)), field(20, 3))?.kind, "other");
    assert.equal(read(field(21, "of the function"), field(20, 2))?.kind, "other");
    assert.equal(read(field(14, field(6, "a type")), field(20, 13))?.kind, "other");
    assert.equal(read(field(5, ""), field(20, 4))?.kind, "tensor");
    assert.equal(read(field(20, 5))?.kind, "other");
  });

  it("are refused where they contradict each other", () => {
    const a = field(5, message(field(1, "a"), field(3, 1), field(20, 2)));
    assert.throws(
      () => readOnnx(file(field(1, message(field(4, "Any"), a, a)))),
      isModelError(/one attribute .* two "a"/),
    );
    assert.throws(
      () => readOnnx(file(field(1, message(field(4, "Any"), field(5, field(3, 1)))))),
      isModelError(/no name/),
    );
    assert.throws(() => readOnnx(file(field(1, field(1, "x")))), isModelError(/has no operator/));
  });
});

describe("models", () => {
  it("may leave inputs out, and say nothing of shapes or no names of extents", () => {
    const unnamed = field(
      2,
      field(1, message(field(1, 1), field(2, message(field(1, ""), field(1, field(1, -1)), field(1, field(1, 0)))))),
    );
    const graph = message(
      field(
        1,
        message(
          field(1, "x"),
          field(1, ""),
          field(1, "z"),
          field(2, ""),
          field(2, "y"),
          field(4, "Any"),
          field(7, "ai.onnx"),
        ),
      ),
      field(11, message(field(1, "x"), unnamed)),
      field(11, message(field(1, "z"), field(2, field(1, field(1, 1))))),
      field(12, field(1, "y")),
    );
    const { model } = roundTrip(file(graph));
    assert.deepEqual(model.graph.nodes[0]?.inputs, ["x", "", "z"]);
    assert.deepEqual(model.graph.nodes[0]?.outputs, ["", "y"]);
    assert.equal(model.graph.nodes[0]?.domain, "");
    assert.deepEqual(model.graph.inputs, [
      { name: "x", format: "float32", shape: ["", "", 0] },
      { name: "z", format: "float32" },
    ]);
    assert.deepEqual(model.graph.outputs, [{ name: "y" }]);
  });

  it("are refused if they are of another opset", () => {
    const of = (...opsets: Uint8Array[]) => message(...opsets, field(7, field(1, field(4, "Relu"))));
    assert.equal(readOnnx(of(field(8, field(2, 6)))).opsets.get(""), 6);
    assert.equal(readOnnx(of(field(8, message(field(1, "ai.onnx"), field(2, 28))))).opsets.get(""), 28);
    assert.throws(() => readOnnx(of(field(8, field(2, 5)))), isModelError(/opset of 6\.\.28, got 5/));
    assert.throws(() => readOnnx(of(field(8, field(2, 29)))), isModelError(/got 29/));
    assert.throws(() => readOnnx(of()), isModelError(/got none/));
  });

  it("are not written if they would not be read", () => {
    const relu = modelOf([makeNode("Relu", ["x"], ["y"])]);
    const write = (version?: number) =>
      writeOnnx({ ...relu, opsets: new Map(version === undefined ? [] : [["", version]]) });
    for (const version of [5, 29, 99, 17.5, Number.NaN])
      assert.throws(() => write(version), isModelError(new RegExp(`opset of 6\\.\\.28, got ${version}$`)));
    assert.throws(() => write(), isModelError(/got none$/));
    assert.equal(readOnnx(write(28)).opsets.get(""), 28);
  });

  it("are refused if two constants have one name, or one has none", () => {
    const w = field(5, message(field(1, 0), field(2, 1), field(8, "w")));
    assert.throws(() => readOnnx(file(message(w, w))), isModelError(/one constant of each name, got two "w"/));
    assert.throws(() => readOnnx(file(field(5, field(2, 1)))), isModelError(/constant of the graph has no name/));
    assert.throws(() => readOnnx(file(field(2, Uint8Array.of(255)))), isModelError(/not UTF-8/));
  });

  it("are written only if ONNX has a place for all of it", () => {
    const of = (constant: Constant) => modelOf([], { constants: new Map([["w", constant]]) });
    const tf32 = { format: "tfloat32", shape: [1], data: Uint32Array.of(0) } as const;
    assert.throws(() => writeOnnx(of(tf32)), isModelError(/"w" expected a format that ONNX has, got "tfloat32"/));
    assert.throws(() => writeOnnx(of(floats([3], [1, 2]))), isModelError(/"w" expected 3 elements of Float32Array/));
    const value = { name: "x", format: "mxfp4" } as const;
    assert.throws(() => writeOnnx(modelOf([], { inputs: [value] })), isModelError(/"x" has a format .* mxfp4/));
  });

  it("are not written if they are larger than 2 GB", () => {
    // the same array many times: what it is written to would be too large, not what is written
    const data = new Uint8Array(2 ** 28);
    const constants = Array.from(
      { length: 8 },
      (_, i) => [`w${i}`, { format: "uint8", shape: [2 ** 28], data }] as const,
    );
    assert.throws(() => writeOnnx(modelOf([], { constants: new Map(constants) })), isModelError(/larger than 2 GB/));
  });
});

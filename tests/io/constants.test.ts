// Constants of ONNX files: every format, raw and typed, aligned or not, in the file or beside it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ModelError } from "../../src/check.ts";
import type { FormatName } from "../../src/formats.ts";
import { externalFiles, type ReadOptions, readOnnx, writeOnnx } from "../../src/io/onnx.ts";
import { type Constant, constantOf } from "../../src/model/graph.ts";
import type { TensorArray } from "../../src/tensor/tensor.ts";
import { field, file, fixed, message, varint } from "./bytes.ts";

/** A file with a constant "w". */
const fileOf = (...fields: Uint8Array[]) => file(field(5, message(field(8, "w"), ...fields)));

function read(bytes: Uint8Array, options?: ReadOptions): Constant {
  const model = readOnnx(bytes, options);
  assert.deepStrictEqual(readOnnx(writeOnnx(model)), model);
  return constantOf(model.graph, "w") as Constant;
}

const isModelError = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ModelError, String(error));
  assert.match(error.message, pattern);
  return true;
};

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);

/** Of each format: ONNX's number, how many values, the array, the number of the field of typed data. */
const FORMATS: readonly (readonly [FormatName, number, number, TensorArray, number])[] = [
  ["float32", 1, 3, Float32Array.of(1.5, -0, Number.NaN), 4],
  ["uint8", 2, 2, Uint8Array.of(0, 255), 5],
  ["int8", 3, 2, Int8Array.of(-128, 127), 5],
  ["uint16", 4, 2, Uint16Array.of(0, 65535), 5],
  ["int16", 5, 2, Int16Array.of(-32768, 32767), 5],
  ["int32", 6, 2, Int32Array.of(-(2 ** 31), 2 ** 31 - 1), 5],
  ["int64", 7, 3, BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n), 7],
  ["bool", 9, 2, Uint8Array.of(0, 1), 5],
  ["float16", 10, 2, Uint16Array.of(0x3c00, 0xfc00), 5],
  ["float64", 11, 2, Float64Array.of(0.1, -Infinity), 10],
  ["uint32", 12, 2, Uint32Array.of(0, 2 ** 32 - 1), 11],
  ["uint64", 13, 2, BigUint64Array.of(0n, 2n ** 64n - 1n), 11],
  ["bfloat16", 16, 2, Uint16Array.of(0x3f80, 0xff80), 5],
  ["float8_e4m3fn", 17, 2, Uint8Array.of(0x38, 0xff), 5],
  ["float8_e4m3fnuz", 18, 2, Uint8Array.of(0x40, 0x80), 5],
  ["float8_e5m2", 19, 2, Uint8Array.of(0x3c, 0xfc), 5],
  ["float8_e5m2fnuz", 20, 2, Uint8Array.of(0x40, 0x80), 5],
  ["uint4", 21, 3, Uint8Array.of(0xf0, 0x07), 5],
  ["int4", 22, 3, Uint8Array.of(0x8f, 0x07), 5],
  ["float4_e2m1fn", 23, 3, Uint8Array.of(0x21, 0x0f), 5],
  ["float8_e8m0fnu", 24, 2, Uint8Array.of(0x7f, 0xff), 5],
  ["uint2", 25, 5, Uint8Array.of(0xe4, 0x03), 5],
  ["int2", 26, 5, Uint8Array.of(0xe4, 0x02), 5],
];

/** The fields of typed data: packed in one field, or each number in its own. */
function typedFields(data: TensorArray, number: number, packed: boolean): Uint8Array[] {
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  const size = data.BYTES_PER_ELEMENT;
  const parts = Array.from(data as ArrayLike<number | bigint>, (value, i) =>
    isFloat ? bytesOf(data).subarray(i * size, (i + 1) * size) : varint(value),
  );
  if (packed) return [field(number, message(...parts))];
  return parts.map((part) => (isFloat ? fixed(number, part) : Buffer.concat([varint(number << 3), part])));
}

describe("constants of every format", () => {
  for (const [format, type, values, data, typed] of FORMATS) {
    it(`${format}: raw, packed, one by one`, () => {
      const head = [field(1, values), field(2, type)];
      const forms = [[field(9, bytesOf(data))], typedFields(data, typed, true), typedFields(data, typed, false)];
      for (const fields of forms)
        assert.deepStrictEqual({ ...read(fileOf(...head, ...fields)) }, { format, shape: [values], data });
    });
  }

  it("may be empty or a scalar, and have an empty raw field beside typed data", () => {
    assert.deepStrictEqual(read(fileOf(field(1, 0), field(1, 5), field(2, 1))).data, new Float32Array(0));
    const scalar = read(fileOf(field(2, 7), field(7, varint(-5)), field(9, "")));
    assert.deepStrictEqual({ ...scalar }, { format: "int64", shape: [], data: BigInt64Array.of(-5n) });
  });

  it("are refused if there are too few or too many numbers, or broken ones", () => {
    const two = field(1, 2);
    const cases: [Uint8Array[], RegExp][] = [
      [[two, field(2, 1), field(9, new Uint8Array(7))], /"w" expected 8 bytes of float32 in shape \[2\], got 7/],
      [[two, field(2, 1), field(4, new Uint8Array(12))], /"w" expected 8 bytes of float32 in shape \[2\], got 12/],
      [[two, field(2, 1)], /got 0/],
      [[two, field(2, 7), field(7, varint(1))], /"w" expected 2 numbers of int64 in shape \[2\], got 1/],
      [[two, field(2, 7), field(7, Uint8Array.of(1, 128))], /got NaN/],
      [[two, field(2, 7), field(7, new Uint8Array(12).fill(128))], /got NaN/],
      [[field(1, 3), field(2, 22), field(9, new Uint8Array(3))], /"w" expected 2 bytes of int4 in shape \[3\], got 3/],
    ];
    for (const [fields, pattern] of cases) assert.throws(() => readOnnx(fileOf(...fields)), isModelError(pattern));
  });
});

describe("the data of a constant", () => {
  const raw = bytesOf(Float32Array.of(1, 2, 3));
  const bytes = fileOf(field(1, 3), field(2, 1), field(9, raw));
  const at = Buffer.from(bytes).indexOf(raw);

  /** The file so placed that the raw data is `offset` bytes off a multiple of 8. */
  function placed(offset: number): Uint8Array {
    const start = (16 - (at % 8) + offset) % 8;
    const whole = new Uint8Array(bytes.length + 8);
    whole.set(bytes, start);
    return whole.subarray(start, start + bytes.length);
  }

  it("is copied from the file once, when it is wanted", () => {
    for (const offset of [0, 1, 2, 4, 7]) {
      const file = placed(offset);
      const constant = read(file);
      assert.deepEqual(constant.data, Float32Array.of(1, 2, 3));
      assert.notEqual(constant.data.buffer, file.buffer);
      file.fill(0);
      assert.deepEqual(constant.data, Float32Array.of(1, 2, 3));
      assert.equal(constant.data, constant.data);
    }
  });

  it("is plain: spread, cloned and compared like any", () => {
    const constant = read(placed(1));
    const plain = { format: "float32", shape: [3], data: Float32Array.of(1, 2, 3) };
    assert.deepStrictEqual({ ...constant }, plain);
    assert.deepStrictEqual(structuredClone(constant), plain);
    assert.deepStrictEqual(Object.keys(constant), ["format", "shape", "data"]);
    assert.deepStrictEqual(structuredClone(readOnnx(placed(1))), readOnnx(placed(1)));
  });
});

describe("data beside the file", () => {
  const numbers = Float32Array.of(1, 2, 3, 4);
  const entry = (key: string, value: string) => field(13, message(field(1, key), field(2, value)));
  const fileAt = (location: string, ...entries: Uint8Array[]) =>
    fileOf(field(1, 2), field(2, 1), field(14, 1), entry("location", location), ...entries);
  const external = () => bytesOf(numbers);

  it("is where the model says", () => {
    const part = [entry("offset", "4"), entry("length", "8")];
    const constant = read(fileAt("weights/a b.bin", ...part), {
      external(name) {
        assert.equal(name, "weights/a b.bin");
        return Buffer.from(bytesOf(numbers));
      },
    });
    assert.deepStrictEqual(constant.data, Float32Array.of(2, 3));
    assert.deepStrictEqual(read(fileAt("w", entry("offset", "1")), { external }).data.length, 2);
    assert.deepStrictEqual(read(fileAt("w..bin"), { external }).data, Float32Array.of(1, 2));
  });

  it("lies on the file where it is aligned", () => {
    const files = [bytesOf(Float32Array.of(0, 1, 2)), new Uint8Array(13).subarray(1)];
    for (const [i, file] of files.entries()) {
      const { data } = read(fileAt("w"), { external: () => file });
      assert.equal(data.buffer === file.buffer, i === 0);
    }
  });

  it("is fetched once for all constants of a file", () => {
    let times = 0;
    const one = (name: string) =>
      field(5, message(field(1, 2), field(2, 1), field(8, name), field(14, 1), entry("location", "w")));
    const options = {
      external() {
        times++;
        return bytesOf(numbers);
      },
    };
    assert.equal(readOnnx(file(message(one("a"), one("b"))), options).graph.constants.size, 2);
    assert.equal(times, 1);
  });

  it("has to be given, and to be long enough", () => {
    assert.throws(
      () => readOnnx(fileAt("w.bin")),
      isModelError(/"w" is in the file "w.bin", which "external" has to give/),
    );
    const refuse = (pattern: RegExp, ...entries: Uint8Array[]) =>
      assert.throws(() => readOnnx(fileAt("w", ...entries), { external }), isModelError(pattern));
    refuse(/bytes 12 to 20 of "w", got Uint8Array\(16\)/, entry("offset", "12"));
    refuse(/bytes 0 to 17/, entry("length", "17"));
    refuse(/expected 8 bytes of float32 in shape \[2\], got 4/, entry("length", "4"));
    for (const text of ["-1", "1.5", "0x10", "", "99999999999999999"])
      refuse(/number of bytes as "offset"/, entry("offset", text));
    assert.throws(
      () => readOnnx(fileAt("w"), { external: () => "text" as never }),
      /"external\("w"\)" expected an ArrayBuffer or a Uint8Array, got "text"/,
    );
  });

  it("may be an ArrayBuffer, and has to be there at once", () => {
    assert.deepEqual(read(fileAt("w"), { external: () => numbers.buffer }).data, Float32Array.of(1, 2));
    for (const promise of [Promise.resolve(bytesOf(numbers)), Promise.reject(new Error("unseen"))]) {
      assert.throws(() => readOnnx(fileAt("w"), { external: () => promise as never }), {
        name: "TypeError",
        message:
          '"external("w")" expected bytes rather than a promise, as it has to be synchronous: externalFiles lists what to fetch first, got a promise',
      });
    }
  });

  it("names the constant and the file where it cannot be had", () => {
    const cause = new Error("no such thing");
    const external = () => {
      throw cause;
    };
    assert.throws(
      () => readOnnx(fileAt("a/w.bin"), { external }),
      (error: Error) => {
        isModelError(/^model: constant "w" is in the file "a\/w.bin": no such thing$/)(error);
        return error.cause === cause;
      },
    );
  });

  it("is listed by the names of its files, each once, those of subgraphs and attributes with them", () => {
    const at = (name: string, location: string) =>
      message(field(1, 2), field(2, 1), field(8, name), field(14, 1), entry("location", location));
    const one = (name: string, location: string) => field(5, at(name, location));
    const attribute = (name: string, type: number, ...fields: Uint8Array[]) =>
      field(5, message(field(1, name), field(20, type), ...fields));
    const node = message(
      field(4, "If"),
      attribute("then_branch", 5, field(6, one("c", "inside.bin"))),
      attribute("value", 4, field(5, at("d", "attribute.bin"))),
    );
    const bytes = file(message(one("a", "one.bin"), one("b", "two.bin"), one("e", "one.bin"), field(1, node)));
    assert.deepEqual(externalFiles(bytes).sort(), ["attribute.bin", "inside.bin", "one.bin", "two.bin"]);
    assert.deepEqual(externalFiles(file(field(2, "none"))), []);
    assert.throws(() => externalFiles(fileAt("../w")), isModelError(/in the folder of the model/));
    assert.throws(() => externalFiles(Uint8Array.of(1, 2, 3)), isModelError(/expected an ONNX file/));
  });

  it("is never outside the model's folder", () => {
    const paths = [
      "/etc/passwd",
      "../w.bin",
      "a/../../w.bin",
      "a/..",
      "..",
      "",
      "\\w.bin",
      "a\\..\\w.bin",
      "C:w.bin",
      "c:/w.bin",
      "file:///w.bin",
      "%2e%2e/w.bin",
      "..%2Fw.bin",
      "%252e%252e/w.bin",
      "%5cw.bin",
      "w.bin\0.txt",
    ];
    for (const path of paths) {
      assert.throws(
        () => readOnnx(fileAt(path), { external }),
        isModelError(/external data in the folder of the model, got/),
        path,
      );
    }
  });
});

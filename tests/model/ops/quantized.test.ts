// The rows of quantized operators where the conformance data has no cases: parameters that are computed, other precisions, windows by
// `auto_pad`, blocks with scales and zeros of any kind, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, type FormatName, pack, run, Session, type Tensor } from "../../../src/index.ts";
import { makeNode } from "../../../src/model/graph.ts";
import { type Sentence, testSentences } from "../../tensor/sentences.ts";
import { floats, modelOf } from "../models.ts";

const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int32: Int32Array, bool: Uint8Array };

function codes(format: keyof typeof ARRAYS, shape: readonly number[], values: readonly number[]) {
  return { format, shape, data: ARRAYS[format].from(values) } as const satisfies Tensor;
}

const scalar = (value: number) => floats([], [value]);

/** Numbers that look random. */
function some(count: number, lo: number, hi: number): number[] {
  return Array.from({ length: count }, (_, i) => lo + ((i * 2654435761) % (hi - lo + 1)));
}

const wave = (count: number) => Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i * i)));

type Attributes = Parameters<typeof makeNode>[3];
type Inputs = readonly (Tensor | undefined)[];

/** What a node gives for x, its first input, with constants behind it. */
function one(op: string, [x, ...rest]: Inputs, attributes: Attributes = {}, domain = "", opset = 25): Tensor {
  const names = rest.map((each, i) => (each ? `c${i}` : ""));
  const constants = new Map(
    rest.flatMap((each, i) => (each ? [[`c${i}`, each as Tensor & { format: FormatName }]] : [])),
  );
  const model = modelOf([makeNode(op, ["x", ...names], ["y"], attributes, domain)], { constants }, opset);
  return run(model, { x: x as Tensor }).y as Tensor;
}

const MICROSOFT = "com.microsoft";

test("division in float16 or bfloat16 rounds its operands and its quotient", () => {
  const x = floats(
    [64],
    wave(64).map((v) => v * 40),
  );
  const round = (v: number, format: FormatName) => decode(encode(Float32Array.of(v), format), format)[0] as number;
  const precisions: [bigint, FormatName][] = [
    [10n, "float16"],
    [16n, "bfloat16"],
  ];
  for (const [precision, format] of precisions) {
    const y = one("QuantizeLinear", [x, scalar(0.3), codes("int8", [], [3])], { precision });
    const scale = round(0.3, format);
    const expected = Array.from(x.data, (v) => {
      const quotient = round(Math.fround(round(v, format) / scale), format);
      const even = 2 * Math.round(quotient / 2);
      const nearest = Math.abs(quotient - Math.trunc(quotient)) === 0.5 ? even : Math.round(quotient);
      return Math.min(Math.max(nearest + 3, -128), 127);
    });
    assert.deepEqual(y.data, Int8Array.from(expected), format);
  }
});

test("scales of the operands' formats decide what division rounds to", () => {
  const half = (values: number[]) => ({
    format: "float16" as const,
    shape: [values.length],
    data: encode(Float32Array.from(values), "float16") as Uint16Array,
  });
  // 30032 / 10 is 3004 in float16
  const x = half([30032, 100]);
  const scale = { ...half([10]), shape: [] };
  const zero = { format: "int16" as const, shape: [], data: Int16Array.of(0) };
  const rounded = one("QuantizeLinear", [x, scale, zero]);
  const exact = one("QuantizeLinear", [x, scale, zero], { precision: 1n });
  assert.deepEqual([rounded.data, exact.data], [Int16Array.of(3004, 10), Int16Array.of(3003, 10)]);
  assert.equal(one("DequantizeLinear", [rounded, scale]).format, "float16");
  assert.equal(one("DequantizeLinear", [rounded, scale], { output_dtype: 1n }).format, "float32");
});

test("integers are quantized, and scales may be powers of two", () => {
  const x = codes("int32", [4], [-300, 5, 6, 1000]);
  const scale = { format: "float8_e8m0fnu" as const, shape: [], data: Uint8Array.of(128) };
  const y = one("QuantizeLinear", [x, scale], { output_dtype: 3n });
  assert.deepEqual(y, codes("int8", [4], [-128, 2, 3, 127]));
  assert.deepEqual(one("DequantizeLinear", [y, scale], { output_dtype: 1n }), floats([4], [-256, 4, 6, 254]));
});

/** A dynamically quantized product, as onnxruntime's quantizer writes it. */
const dynamic = modelOf(
  [
    makeNode("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
    makeNode("MatMulInteger", ["q", "w", "z"], ["sums"]),
    makeNode("DequantizeLinear", ["sums", "s"], ["y"]),
  ],
  {
    inputs: [{ name: "x", format: "float32", shape: ["N", 8] }],
    outputs: [{ name: "y" }, { name: "q" }, { name: "s" }, { name: "z" }, { name: "sums" }],
    constants: new Map([["w", codes("int8", [8, 3], some(24, -128, 127))]]),
  },
);

test("scales and zeros may be computed", () => {
  const session = new Session(dynamic);
  for (const factor of [1, 7, 0]) {
    const { q, s, z, sums, y } = session.run({ x: Float32Array.from(wave(16), (v) => v * factor) }) as Record<
      string,
      Tensor
    >;
    const [scale, zero] = [Number(s?.data[0]), Number(z?.data[0])];
    const w = some(24, -128, 127);
    const expected = some(6, 0, 0).map((_, i) => {
      const [row, column] = [Math.floor(i / 3), i % 3];
      return w.reduce(
        (sum, each, at) =>
          at % 3 === column ? sum + (Number(q?.data[row * 8 + Math.floor(at / 3)]) - zero) * each : sum,
        0,
      );
    });
    assert.deepEqual(Array.from(sums?.data as Int32Array), expected);
    assert.deepEqual(
      y?.data,
      Float32Array.from(expected, (sum) => sum * scale),
    );
  }
  session.dispose();
});

test("auto_pad is pads by the input's extents", () => {
  const x = codes("uint8", [1, 2, 7, 6], some(84, 0, 255));
  const w = codes("int8", [3, 2, 2, 3], some(36, -128, 127));
  const zero = codes("uint8", [], [9]);
  const pads = { SAME_UPPER: [0n, 0n, 1n, 1n], SAME_LOWER: [1n, 1n, 0n, 0n], VALID: [0n, 0n, 0n, 0n] };
  for (const [auto_pad, explicit] of Object.entries(pads)) {
    const strides = [2n, 2n];
    const shape = auto_pad === "VALID" ? [1, 3, 3, 2] : [1, 3, 4, 3];
    const y = one("ConvInteger", [x, w, zero], { auto_pad, strides });
    assert.deepEqual(y.shape, shape, auto_pad);
    assert.deepEqual(y, one("ConvInteger", [x, w, zero], { pads: explicit, strides }), auto_pad);
  }
});

test("a mean keeps or drops its axes", () => {
  const x = codes("uint8", [2, 3, 2], [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]);
  const parameters = [scalar(1), codes("uint8", [], [0]), scalar(2), codes("uint8", [], [5])];
  const mean = (attributes: Attributes) => one("QLinearReduceMean", [x, ...parameters], attributes, MICROSOFT);
  assert.deepEqual(mean({ axes: [-2n], keepdims: 0n }), codes("uint8", [2, 2], [15, 20, 45, 50]));
  assert.deepEqual(mean({ axes: [1n] }), codes("uint8", [2, 1, 2], [15, 20, 45, 50]));
  assert.deepEqual(mean({}), codes("uint8", [1, 1, 1], [33]));
});

test("a choice requantizes both sides", () => {
  const condition = codes("bool", [2, 1], [1, 0]);
  const [a, b] = [codes("uint8", [2], [10, 20]), codes("uint8", [], [100])];
  const zeros = codes("uint8", [], [0]);
  const inputs = [condition, a, scalar(1), zeros, b, scalar(0.5), zeros, scalar(2), codes("uint8", [], [1])];
  assert.deepEqual(one("QLinearWhere", inputs, {}, MICROSOFT), codes("uint8", [2, 2], [6, 11, 26, 26]));
});

test("a bias, and scales of every column, in products that give float32", () => {
  const a = codes("uint8", [2, 3], [1, 2, 3, 250, 128, 0]);
  const b = codes("int8", [3, 2], [1, -2, 3, -4, 5, -6]);
  const inputs = [a, b, scalar(0.5), floats([2], [0.25, 2]), codes("uint8", [], [1]), undefined, floats([2], [1, -1])];
  const y = one("MatMulIntegerToFloat", inputs, {}, MICROSOFT);
  assert.deepEqual(y, floats([2, 2], [13 * 0.125 + 1, -16 - 1, 625 * 0.125 + 1, -1000 - 1]));
});

test("nothing gives nothing", () => {
  const none = codes("uint8", [0, 3], []);
  const scale = scalar(1);
  assert.deepEqual(one("QuantizeLinear", [floats([0, 3], []), scale]), none);
  assert.deepEqual(one("DequantizeLinear", [none, scale]), floats([0, 3], []));
  const w = codes("int8", [3, 2], some(6, 0, 9));
  assert.deepEqual(one("MatMulInteger", [none, w]), codes("int32", [0, 2], []));
  const kernel = codes("int8", [6, 4, 3, 3], some(216, -128, 127));
  assert.deepEqual(one("ConvInteger", [codes("uint8", [0, 4, 5, 5], []), kernel]), codes("int32", [0, 6, 3, 3], []));
  const inputs = [none, scale, undefined, none, scale, undefined, scale];
  assert.deepEqual(one("QLinearAdd", inputs, {}, MICROSOFT), none);
});

interface Blocks {
  readonly n: number;
  readonly k: number;
  readonly block: number;
  readonly bits: 2 | 4 | 8;
}

/** x times weights (q - z) s in float64; codes are those of whole blocks. */
function plainProduct({ n, k, block, bits }: Blocks, x: Float32Array, q: number[], s: number[], z: number[]): number[] {
  const blocks = Math.ceil(k / block);
  assert.ok(q.every((code) => code < 2 ** bits));
  return Array.from({ length: (x.length / k) * n }, (_, at) => {
    const [row, column] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let i = 0; i < k; i++) {
      const b = column * blocks + Math.floor(i / block);
      sum +=
        (x[row * k + i] as number) * ((q[column * blocks * block + i] as number) - (z[b] as number)) * (s[b] as number);
    }
    return sum;
  });
}

test("blocks may have negative scales, scales of 0, and zeros that are no codes", () => {
  for (const bits of [2, 4, 8] as const) {
    const extents = { n: 5, k: 40, block: 16, bits };
    const [count, length] = [5 * 3, 5 * 3 * 16];
    const q = some(length, 0, 2 ** bits - 1);
    const s = wave(count).map((v, i) => (i === 4 ? 0 : Math.fround(v / 8)));
    const zeros = [some(count, 0, 2 ** bits - 1), wave(count).map((v) => Math.fround((v + 1) * 2 ** (bits - 1)))];
    const x = floats([3, 40], wave(120));
    const bytes = bits === 8 ? q : Array.from(pack(Uint8Array.from(q), `uint${bits}` as "uint4"));
    const attributes = { K: 40n, N: 5n, bits: BigInt(bits), block_size: 16n };
    for (const z of zeros) {
      const inputs = [x, codes("uint8", [5, 3, bits * 2], bytes), floats([count], s), floats([5, 3], z)];
      const y = one("MatMulNBits", inputs, attributes, MICROSOFT);
      const expected = plainProduct(extents, x.data, q, s, z);
      const largest = Math.max(...expected.map(Math.abs));
      expected.forEach((wanted, i) => {
        assert.ok(
          Math.abs((y.data[i] as number) - wanted) < 1e-5 * largest,
          `${bits} bits, ${i}: ${y.data[i]}, ${wanted}`,
        );
      });
    }
  }
});

const node = (op: string) => `ModelError: node "y" (${op}): `;
const x = floats([2, 3], wave(6));
const image = codes("uint8", [1, 4, 5, 5], some(100, 0, 255));
const kernel = codes("int8", [6, 2, 3, 3], some(108, -128, 127));

const sentences: Sentence[] = [
  [
    () => one("QuantizeLinear", [x, scalar(0)]),
    `${node("QuantizeLinear")}scale expected positive finite numbers, got 0 at index 0`,
  ],
  [
    () => one("QuantizeLinear", [floats([1], [Number.NaN]), scalar(1)]),
    `${node("QuantizeLinear")}input 0 holds NaN, which uint8 cannot represent`,
  ],
  [
    () => one("QuantizeLinear", [x, floats([2], [1, 1])], { axis: 1n }),
    `${node("QuantizeLinear")}input 1 expected scales of shape [3] for [2,3], got [2]`,
  ],
  [
    () => one("QuantizeLinear", [x, floats([2, 1], [1, 1])], { axis: 1n, block_size: 2n }),
    `${node("QuantizeLinear")}input 1 expected scales of shape [2,2] for [2,3], got [2,1]`,
  ],
  [
    () => one("QuantizeLinear", [x, scalar(1), codes("int8", [], [0])], { output_dtype: 2n }),
    `${node("QuantizeLinear")}"output_dtype" expected int8, as input 2 is, got uint8`,
  ],
  [
    () => one("DequantizeLinear", [codes("int8", [1], [1]), scalar(1), codes("uint8", [], [1])]),
    `${node("DequantizeLinear")}input 2 expected int8, got uint8`,
  ],
  [
    () => one("ConvInteger", [image, kernel]),
    `${node("ConvInteger")}expected a weight [6,4, ...] for [1,4,5,5] and group 1, got [6,2,3,3]`,
  ],
  [
    () => one("ConvInteger", [image, kernel], { group: 2n, strides: [0n, 1n] }),
    `${node("ConvInteger")}"strides" expected 2 integers of 1..2147483647, got [0, 1]`,
  ],
  [
    () => one("ConvInteger", [image, kernel], { group: 2n, dilations: [3n, 1n] }),
    `${node("ConvInteger")}expected a kernel of at most 5, the padded image's extent, got one of 7`,
  ],
  [
    () => one("MatMulInteger", [codes("uint8", [2, 3], some(6, 0, 9)), codes("int8", [2, 2], some(4, 0, 9))]),
    `${node("MatMulInteger")}expected matrices [..., m, k] and [..., k, n], got [2,3] and [2,2]`,
  ],
  [
    () =>
      one("MatMulInteger", [
        codes("uint8", [2, 2], some(4, 0, 9)),
        codes("int8", [2, 2], some(4, 0, 9)),
        codes("uint8", [2], [1, 2]),
      ]),
    `${node("MatMulInteger")}input 2 expected one number, got [2]`,
  ],
  [
    () =>
      one(
        "MatMulNBits",
        [
          floats([1, 16], wave(16)),
          codes("uint8", [1, 1, 8], some(8, 0, 255)),
          floats([1], [1]),
          undefined,
          codes("int32", [16], some(16, 0, 0)),
        ],
        { K: 16n, N: 1n, block_size: 16n },
        MICROSOFT,
      ),
    `${node("MatMulNBits")}expected no input 4: groups by "g_idx" are not supported`,
  ],
  [
    () => one("QLinearSigmoid", [codes("uint8", [1], [1]), scalar(-1), undefined, scalar(1)], {}, MICROSOFT),
    `${node("QLinearSigmoid")}"scale" expected positive finite float32 numbers, got -1 at index 0`,
  ],
  [
    () => one("LookUp", [codes("uint8", [1], [1]), codes("int8", [2], [1, 2])], {}, "octavo"),
    `${node("LookUp")}input 1 expected 256 codes, got [2]`,
  ],
];

testSentences(sentences);

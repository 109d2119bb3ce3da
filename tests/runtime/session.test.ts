// Sessions: plans for the shapes that are fed, memory that is given back, and what they refuse.
import assert from "node:assert/strict";
import { test } from "node:test";
import { add, conv2d, type Model, run, Session, type Tensor } from "../../src/index.ts";
import { type Constant, makeNode } from "../../src/model/graph.ts";
import { engine } from "../../src/wasm/kernels.ts";
import { randomWords } from "../kernels/harness.ts";
import { floats, integers, modelOf } from "../model/models.ts";
import { anything, type Sentence, testSentences } from "../tensor/sentences.ts";

const relu = modelOf([makeNode("Relu", ["x"], ["y"])], {
  inputs: [{ name: "x", format: "float32", shape: ["N", 2] }],
});

/** The target shape of the first reshape is an input, that of the second follows from it. */
const reshaped = modelOf(
  [makeNode("Relu", ["x"], ["a"]), makeNode("Reshape", ["a", "shape"], ["b"]), makeNode("Relu", ["b"], ["y"])],
  {
    inputs: [
      { name: "x", format: "float32", shape: ["N", 4] },
      { name: "shape", format: "int64", shape: [2] },
    ],
  },
);

const chain = modelOf(
  [
    makeNode("Relu", ["x"], ["a"]),
    makeNode("Identity", ["a"], ["b"]),
    makeNode("Sigmoid", ["b"], ["c"]),
    makeNode("Relu", ["c"], ["y"]),
  ],
  { outputs: [{ name: "y" }, { name: "a" }] },
);

test("a session runs any batch", () => {
  const session = new Session(relu);
  for (const batch of [1, 3, 0, 1]) {
    const { y } = session.run({ x: new Float32Array(2 * batch).fill(-1) });
    assert.deepEqual(y, floats([batch, 2], new Array(2 * batch).fill(0)));
  }
  session.dispose();
});

test("outputs are copies", () => {
  const session = new Session(relu);
  const { y } = session.run({ x: Float32Array.of(1, 2) });
  session.run({ x: Float32Array.of(3, 4) });
  assert.deepEqual(y?.data, Float32Array.of(1, 2));
  session.dispose();
});

test("a shape that is fed gives a plan for its value", () => {
  const session = new Session(reshaped);
  const x = Float32Array.of(1, -2, 3, -4);
  const shapes = [
    [4, 1],
    [2, 2],
    [-1, 1],
    [4, 1],
  ].map((shape) => session.run({ x, shape: integers([2], shape) }).y?.shape);
  assert.deepEqual(shapes, [
    [4, 1],
    [2, 2],
    [4, 1],
    [4, 1],
  ]);
  session.dispose();
});

test("values are observed as they are computed, those that share memory too", () => {
  const seen: Record<string, Tensor> = {};
  run(chain, { x: floats([2], [-1, 1]) }, { observe: (name, value) => (seen[name] = value) });
  assert.deepEqual(Object.keys(seen), ["x", "a", "b", "c", "y"]);
  assert.deepEqual(seen.b, floats([2], [0, 1]));
  assert.deepEqual(seen.y?.data, seen.c?.data);
});

test("an output that others are made of stays what it was", () => {
  const { a, y } = run(chain, { x: floats([2], [-1, 1]) });
  assert.deepEqual(a, floats([2], [0, 1]));
  assert.equal(y?.data[0], 0.5);
});

test("what follows from constants is an output all the same", () => {
  const model = modelOf([makeNode("Relu", ["w"], ["y"])], {
    inputs: [],
    constants: new Map([["w", floats([2], [-1, 1])]]),
  });
  assert.deepEqual(run(model, {}), { y: floats([2], [0, 1]) });
});

test("an input is an output as it is", () => {
  const model = modelOf([makeNode("Relu", ["x"], ["y"])], { outputs: [{ name: "y" }, { name: "x" }] });
  assert.deepEqual(run(model, { x: floats([1], [-1]) }), { y: floats([1], [0]), x: floats([1], [-1]) });
});

test("dispose gives all memory back, plans included", () => {
  const { heap } = engine();
  const big = new Float32Array(1 << 16);
  const bytesAfterSession = () => {
    const session = new Session(relu);
    for (let rows = 0; rows < 8; rows++) session.run({ x: big.subarray(0, big.length - 2 * rows) });
    session.dispose();
    session.dispose();
    return heap.memory.buffer.byteLength;
  };
  const first = bytesAfterSession();
  for (let i = 0; i < 20; i++) assert.equal(bytesAfterSession(), first);
});

function disposed(): Session {
  const session = new Session(relu);
  session.dispose();
  return session;
}

const expects = '"x" float32 [N, 2]';
/** Two inputs that share an extent. */
const pair = modelOf([makeNode("Add", ["x", "b"], ["y"])], {
  inputs: [
    { name: "x", format: "float32", shape: ["N", 2] },
    { name: "b", format: "float32", shape: ["N", 2] },
  ],
});

/** A model with a constant that is not what it says. */
function withConstant(constant: object): Model {
  return modelOf([makeNode("Add", ["x", "w"], ["y"])], { constants: new Map([["w", constant as never]]) });
}

/** A session that is called from its own run. */
function fromInside(call: (session: Session) => void): void {
  const session = new Session(relu);
  session.run({ x: Float32Array.of(1, 2) }, { observe: () => call(session) });
}

const sentences: Sentence[] = [
  [
    () => run(pair, { x: floats([2, 2], [1, 2, 3, 4]), b: floats([1, 2], [1, 2]) }),
    'RangeError: "b.shape" expected "b" float32 [N, 2] (the model expects "x" float32 [N, 2]; "b" float32 [N, 2]; N = 2), got [1, 2]',
  ],
  [
    () => run(withConstant(floats([3, 4], [1, 2, 3, 4])), { x: floats([1], [1]) }),
    'ModelError: model: constant "w" expected 12 elements of Float32Array for float32 [3, 4], got Float32Array(4)',
  ],
  [
    () => run(withConstant({ format: "int64", shape: [2], data: Int32Array.of(1, 2) }), { x: floats([1], [1]) }),
    'ModelError: model: constant "w" expected 2 elements of BigInt64Array for int64 [2], got Int32Array(2)',
  ],
  [
    () => run(withConstant({ format: "float31", shape: [], data: new Float32Array(1) }), { x: floats([1], [1]) }),
    'ModelError: model: constant "w" expected a format that ONNX has, got "float31"',
  ],
  [
    () => run(withConstant({ format: "float32", shape: [-1], data: new Float32Array(1) }), { x: floats([1], [1]) }),
    'ModelError: model: constant "w" expected a shape of integers >= 0, got [-1]',
  ],
  [() => run(anything({}), {}), 'TypeError: "model" expected a model, as readOnnx gives it, got an object'],
  [
    () => run(anything(new Uint8Array(3)), {}),
    'TypeError: "model" expected a model, as readOnnx gives it, got Uint8Array(3)',
  ],
  [
    () => run(modelOf([anything({ ...makeNode("Relu", ["x"], ["y"]), attributes: {} })]), {}),
    'TypeError: "model.graph.nodes" expected nodes with inputs, outputs, and a Map of attributes, got [an object]',
  ],
  [
    () => run(relu, { x: Float32Array.of(1, 2) }, anything({ observe: 3 })),
    'TypeError: "observe" expected a function, got 3',
  ],
  [
    () => fromInside((session) => session.run({ x: Float32Array.of(3, 4) })),
    'TypeError: "run" expected a session that is not running, got one whose "observe" is being called',
  ],
  [
    () => fromInside((session) => session.dispose()),
    'TypeError: "dispose" expected a session that is not running, got one whose "observe" is being called',
  ],
  [
    () => run(relu, anything(undefined)),
    'TypeError: "feeds" expected inputs by name: "x" float32 [N, 2], got undefined',
  ],
  [() => run(relu, {}), 'RangeError: "feeds" expected the inputs "x" float32 [N, 2], got []'],
  [
    () => run(relu, { x: new Float32Array(2), z: new Float32Array(2) }),
    'RangeError: "feeds" expected the inputs "x" float32 [N, 2], got "z"',
  ],
  [
    () => run(relu, { x: new Float32Array(3) }),
    'RangeError: "x.data" expected 4 elements for "x" float32 [N, 2], as in [2, 2], got Float32Array(3)',
  ],
  [() => run(relu, { x: new Float64Array(2) }), 'TypeError: "x.data" expected a Float32Array, got Float64Array(2)'],
  [
    () => run(relu, { x: anything(3) }),
    `TypeError: "x" expected a tensor, or an array where the shape is known: ${expects}, got 3`,
  ],
  [() => run(relu, { x: integers([1, 2], [1, 2]) }), `RangeError: "x.format" expected ${expects}, got "int64"`],
  [() => run(relu, { x: floats([2], [1, 2]) }), `RangeError: "x.shape" expected ${expects}, got [2]`],
  [
    () => run(relu, { x: floats([1, 2], [1]) }),
    'RangeError: "x.data" expected 2 elements for [1, 2], got Float32Array(1)',
  ],
  [() => run(relu, { x: floats([-1, 2], [1]) }), `RangeError: "x.shape" expected ${expects}, got [-1, 2]`],
  [() => run(relu, {}, anything({ fast: true })), 'TypeError: unknown option "fast" of run; expected "observe"'],
  [() => disposed().run({}), 'TypeError: "session" expected a session that is in memory, got one that was disposed'],
  [
    () =>
      new Session(
        modelOf([
          makeNode("Foo", ["x"], ["a"]),
          makeNode("Foo", ["a"], ["b"]),
          makeNode("Bar", ["b"], ["y"], {}, "my.own"),
        ]),
      ),
    "ModelError: model: operators that octavo cannot run: Foo (2), my.own:Bar (1)",
  ],
  [
    () =>
      run(modelOf([makeNode("Relu", ["x"], ["y"])], { outputs: [{ name: "y", format: "float32", shape: ["N", 3] }] }), {
        x: floats([1, 2], [1, 2]),
      }),
    'ModelError: model: output "y" is said to be float32 [N, 3], but it is float32 [1, 2]',
  ],
];
testSentences(sentences, () =>
  assert.deepEqual(run(relu, { x: Float32Array.of(1, -1) }).y?.data, Float32Array.of(1, 0)),
);

const HALF = { format: "float16", shape: [4], data: Uint16Array.of(0x3c00, 0xbc00, 0x4000, 0xc000) } as const;

test("values of float16 stay what they are until they are needed no more", () => {
  const nodes = [
    makeNode("Relu", ["x"], ["a"]),
    makeNode("Add", ["x", "x"], ["b"]),
    makeNode("Mul", ["b", "b"], ["c"]),
    makeNode("Sub", ["c", "a"], ["y"]),
  ];
  const { y } = run(modelOf(nodes), { x: HALF });
  assert.deepEqual(y?.data, Uint16Array.of(0x4200, 0x4400, 0x4b00, 0x4c00)); // 3 4 14 16
});

test("a chain of float16 takes no more memory for being long", () => {
  const n = 1 << 20;
  const nodes = Array.from({ length: 80 }, (_, i) => makeNode("Relu", [`${i}`], [`${i + 1}`]));
  const model = modelOf(nodes, { inputs: [{ name: "0" }], outputs: [{ name: "80" }] });
  const { memory } = engine().heap;
  const before = memory.buffer.byteLength;
  run(model, { 0: { format: "float16", shape: [n], data: new Uint16Array(n) } });
  assert.ok(memory.buffer.byteLength - before <= 16 * n, `${memory.buffer.byteLength - before} bytes`);
});

/** Sums become eighths: arithmetics differ in where halves are rounded to. */
const SCALES = { x: 0.5, y: 0.75 };

/** A convolution of codes [1, 4, 6, 6] by w [5, 3, 3, 4], and the same as a function of arrays. */
function convolved(arithmetic: "onnx" | "tflite" | "tflite-single") {
  const next = randomWords(9);
  const bytes = (count: number) => Int8Array.from({ length: count }, () => (next() >>> 28) - 8);
  const [x, w] = [bytes(4 * 36), bytes(5 * 9 * 4)];
  const scale = Float32Array.from([0.1875, 0.375, 0.75, 0.09375, 0.28125]);
  const quantizer = { zero: Int32Array.of(7), scale: Float32Array.of(SCALES.x) };
  const image = { format: "int8", shape: [1, 6, 6, 4], data: x, ...quantizer } as const;
  const kernel = { format: "int8", shape: [5, 3, 3, 4], data: w, axis: 0, scale, zero: new Int32Array(5) } as const;
  const { data } = conv2d(image, kernel, { scale: SCALES.y, zero: -3, arithmetic });
  const one = (value: number) => ({ format: "int8", shape: [], data: Int8Array.of(value) }) as const;
  const constants = new Map(
    Object.entries<Constant>({
      ...{ sx: floats([], [SCALES.x]), zx: one(7), w: { format: "int8", shape: [5, 3, 3, 4], data: w } },
      ...{ sw: floats([5], [...scale]), zw: { format: "int8", shape: [5], data: new Int8Array(5) } },
      ...{ sy: floats([], [SCALES.y]), zy: one(-3) },
    }),
  );
  const nodes = [
    makeNode("Transpose", ["x"], ["t"], { perm: [0n, 3n, 1n, 2n] }),
    makeNode("Transpose", ["w"], ["v"], { perm: [0n, 3n, 1n, 2n] }),
    makeNode("QLinearConv", ["t", "sx", "zx", "v", "sw", "zw", "sy", "zy"], ["c"]),
    makeNode("Transpose", ["c"], ["y"], { perm: [0n, 2n, 3n, 1n] }),
  ];
  return { model: modelOf(nodes, { constants }), x: { format: "int8", shape: [1, 6, 6, 4], data: x } as const, data };
}

test("a session follows the arithmetic that it is asked for", () => {
  const results = (["onnx", "tflite", "tflite-single"] as const).map((arithmetic) => {
    const { model, x, data } = convolved(arithmetic);
    const session = new Session(model, { arithmetic });
    assert.deepEqual(session.run({ x }).y?.data, data, arithmetic);
    assert.deepEqual(session.run({ x }, { observe() {} }).y?.data, data, arithmetic);
    session.dispose();
    return data.join();
  });
  assert.notEqual(results[0], results[1]);
  assert.throws(() => new Session(relu, { arithmetic: "exact" } as never), /"arithmetic"|arithmetic/);
});

test("sums of codes follow it as well", () => {
  const next = randomWords(4);
  const codes = Int8Array.from({ length: 4096 }, () => next() >>> 24);
  const q = (scale: number, zero: number) => ({ scale: Float32Array.of(scale), zero: Int32Array.of(zero) });
  const x = { format: "int8", shape: [4096], data: codes } as const;
  const one = (value: number) => ({ format: "int8", shape: [], data: Int8Array.of(value) }) as const;
  const constants = new Map<string, Constant>([
    ...[["s", floats([], [0.03])] as const, ["z", one(5)] as const],
    ...[["sy", floats([], [0.047])] as const, ["zy", one(-2)] as const],
  ]);
  const node = makeNode("QLinearAdd", ["x", "s", "z", "x", "s", "z", "sy", "zy"], ["y"], {}, "com.microsoft");
  const session = new Session(modelOf([node], { constants }), { arithmetic: "tflite" });
  const tensor = { ...x, ...q(0.03, 5) };
  const wanted = add(tensor, tensor, { scale: 0.047, zero: -2, arithmetic: "tflite" });
  assert.deepEqual(session.run({ x }).y?.data, wanted.data);
  session.dispose();
});

test("a quantized model runs in integers, and shows its own values to who observes", () => {
  const constants = new Map<string, Constant>([
    ["s", floats([], [0.5])],
    ["z", { format: "uint8", shape: [], data: Uint8Array.of(9) }],
  ]);
  const quantizer = (op: string, from: string, to: string) => makeNode(op, [from, "s", "z"], [to]);
  const nodes = [
    quantizer("QuantizeLinear", "x", "q"),
    quantizer("DequantizeLinear", "q", "d"),
    makeNode("Relu", ["d"], ["r"]),
    quantizer("QuantizeLinear", "r", "p"),
    quantizer("DequantizeLinear", "p", "y"),
  ];
  const session = new Session(modelOf(nodes, { constants, inputs: [{ name: "x", format: "float32", shape: ["N"] }] }));
  for (const batch of [3, 1, 3]) {
    const seen: string[] = [];
    const x = Float32Array.of(-1, 2.2, 7.9).subarray(0, batch);
    const { y } = session.run({ x });
    assert.deepEqual(session.run({ x }, { observe: (name) => seen.push(name) }).y, y);
    assert.deepEqual(y?.data, Float32Array.of(0, 2, 8).subarray(0, batch));
    assert.deepEqual(seen, ["x", "q", "d", "r", "p", "y"]);
  }
  session.dispose();
});

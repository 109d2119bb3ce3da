// Rows that move values: what the ONNX backend suite has no case for. Every case with its inputs fed and constant, and in
// formats of every size.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Constant } from "../../../src/model/graph.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { nodeOf, runNode, tensorOf } from "./rows.ts";

const FORMATS = ["float32", "int64", "float16", "int8", "bool", "int4", "uint2", "float64"] as const;

const MOST = 2n ** 63n - 1n;

/** int64 numbers. */
function ints(...values: readonly (number | bigint)[]): Constant {
  return { format: "int64", shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

/** A shape and the numbers in it. */
type Numbers = readonly [shape: readonly number[], values: readonly number[]];

/** A case: x is of every format, `more` what follows it. */
interface Case {
  readonly op: string;
  readonly x: Numbers;
  readonly more?: Readonly<Record<string, Tensor>>;
  readonly attributes?: Parameters<typeof nodeOf>[2];
  readonly opset?: number;
  readonly y: readonly Numbers[];
}

const COUNT: Numbers = [
  [2, 3],
  [0, 1, 2, 3, 1, 0],
];

const CASES: readonly Case[] = [
  {
    op: "Transpose",
    x: [[2, 3, 1], COUNT[1]],
    y: [
      [
        [1, 3, 2],
        [0, 3, 1, 1, 2, 0],
      ],
    ],
  },
  { op: "Transpose", x: COUNT, attributes: { perm: [0n, 1n] }, y: [COUNT] },
  {
    op: "Slice",
    x: COUNT,
    attributes: { starts: [1n, -2n], ends: [MOST, MOST] },
    opset: 9,
    y: [
      [
        [1, 2],
        [1, 0],
      ],
    ],
  },
  {
    op: "Slice",
    x: COUNT,
    more: { starts: ints(MOST), ends: ints(-MOST - 1n), axes: ints(1), steps: ints(-2) },
    y: [
      [
        [2, 2],
        [2, 0, 0, 3],
      ],
    ],
  },
  {
    op: "Slice",
    x: [[0, 2], []],
    more: { starts: ints(3), ends: ints(-9), axes: ints(0), steps: ints(-1) },
    y: [[[0, 2], []]],
  },
  {
    op: "Expand",
    x: [
      [2, 1],
      [1, 3],
    ],
    more: { shape: ints(3, 1, 2) },
    y: [
      [
        [3, 2, 2],
        [1, 1, 3, 3, 1, 1, 3, 3, 1, 1, 3, 3],
      ],
    ],
  },
  { op: "Tile", x: [[3], [1, 2, 3]], more: { repeats: ints(0) }, y: [[[0], []]] },
  {
    op: "Tile",
    x: [
      [2, 1],
      [1, 2],
    ],
    more: { repeats: ints(2, 3) },
    y: [
      [
        [4, 3],
        [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2],
      ],
    ],
  },
  {
    op: "Split",
    x: [[5], [0, 1, 2, 3, 0]],
    attributes: { num_outputs: 2n },
    y: [
      [[3], [0, 1, 2]],
      [[2], [3, 0]],
    ],
  },
  {
    op: "Split",
    x: COUNT,
    attributes: { split: [1n, 2n], axis: -1n },
    opset: 11,
    y: [
      [
        [2, 1],
        [0, 3],
      ],
      [
        [2, 2],
        [1, 2, 1, 0],
      ],
    ],
  },
  {
    op: "DepthToSpace",
    x: [
      [1, 4, 1, 2],
      [0, 1, 2, 3, 0, 2, 1, 3],
    ],
    attributes: { blocksize: 2n, mode: "CRD" },
    y: [
      [
        [1, 1, 2, 4],
        [0, 2, 1, 3, 0, 1, 2, 3],
      ],
    ],
  },
  {
    op: "Trilu",
    x: COUNT,
    more: { k: { ...ints(1), shape: [] } },
    attributes: { upper: 0n },
    y: [
      [
        [2, 3],
        [0, 1, 0, 3, 1, 0],
      ],
    ],
  },
  { op: "Pad", x: [[3], [1, 2, 3]], attributes: { pads: [-1n, 2n] }, opset: 6, y: [[[4], [2, 3, 0, 0]]] },
  { op: "Pad", x: [[3], [1, 2, 3]], more: { pads: ints(-4, 2) }, y: [[[1], [0]]] },
  {
    op: "Pad",
    x: [[3], [1, 2, 3]],
    more: { pads: ints(4, 5) },
    attributes: { mode: "wrap" },
    y: [[[12], [3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2]]],
  },
  {
    op: "Pad",
    x: [[3], [1, 2, 3]],
    more: { pads: ints(3, 4) },
    attributes: { mode: "reflect" },
    y: [[[10], [2, 3, 2, 1, 2, 3, 2, 1, 2, 3]]],
  },
  {
    op: "Pad",
    x: [
      [1, 2],
      [1, 2],
    ],
    more: { pads: ints(1, 0, 0, 0) },
    attributes: { mode: "reflect" },
    y: [
      [
        [2, 2],
        [1, 2, 1, 2],
      ],
    ],
  },
  {
    op: "Pad",
    x: COUNT,
    more: { pads: ints(1, -1), none: ints(), axes: ints(-1) },
    attributes: { mode: "edge" },
    y: [
      [
        [2, 3],
        [0, 0, 1, 3, 3, 1],
      ],
    ],
  },
  {
    op: "Gather",
    x: COUNT,
    more: { at: { ...ints(-1, 0), shape: [1, 2] } },
    attributes: { axis: 1n },
    y: [
      [
        [2, 1, 2],
        [2, 0, 0, 3],
      ],
    ],
  },
  {
    op: "GatherElements",
    x: COUNT,
    more: { at: { ...ints(1, -2), shape: [1, 2] } },
    y: [
      [
        [1, 2],
        [3, 1],
      ],
    ],
  },
  { op: "GatherND", x: COUNT, more: { at: { ...ints(1, 2, 0, 1), shape: [2, 2] } }, y: [[[2], [0, 1]]] },
  {
    op: "GatherND",
    x: COUNT,
    more: { at: { ...ints(-1, 0), shape: [2, 1] } },
    attributes: { batch_dims: 1n },
    y: [[[2], [2, 3]]],
  },
  {
    op: "GatherND",
    x: COUNT,
    more: { at: { ...ints(1), shape: [1, 1] } },
    y: [
      [
        [1, 3],
        [3, 1, 0],
      ],
    ],
  },
  { op: "Flatten", x: [[2, 3, 1], COUNT[1]], attributes: { axis: -1n }, y: [[[6, 1], COUNT[1]]] },
  { op: "Squeeze", x: [[1, 2, 1, 3], COUNT[1]], attributes: { axes: [-2n] }, opset: 11, y: [[[1, 2, 3], COUNT[1]]] },
  { op: "Squeeze", x: [[1, 2, 1, 3], COUNT[1]], y: [COUNT] },
  { op: "Unsqueeze", x: COUNT, more: { axes: ints(-1, 0) }, y: [[[1, 2, 3, 1], COUNT[1]]] },
  { op: "Reshape", x: COUNT, more: { shape: ints(0, -1, 1) }, y: [[[2, 3, 1], COUNT[1]]] },
  { op: "Reshape", x: [[0, 3], []], more: { shape: ints(3, 0) }, attributes: { allowzero: 1n }, y: [[[3, 0], []]] },
  {
    op: "Resize",
    x: COUNT,
    more: { none: ints(), none2: ints(), sizes: ints(2, 5) },
    attributes: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
    y: [
      [
        [2, 5],
        [0, 0, 1, 1, 2, 3, 3, 1, 1, 0],
      ],
    ],
  },
];

for (const { op, x, more = {}, attributes, opset, y } of CASES) {
  for (const format of FORMATS) {
    test(`${op} of ${format} [${x[0]}] ${Object.keys(more)} ${JSON.stringify(Object.keys(attributes ?? {}))}`, () => {
      const bits = format === "bool" ? (v: number) => v & 1 : (v: number) => v;
      const tensor = ([shape, values]: Numbers) => tensorOf(format, shape, values.map(bits));
      const inputs = { x: tensor(x), ...more };
      const names = y.map((_, i) => `y${i}`);
      const node = nodeOf(op, inputs, attributes, names);
      for (const areConstant of [false, true]) {
        const got = runNode(node, inputs, opset, areConstant);
        y.forEach((wanted, i) => {
          assert.deepEqual({ ...got[`y${i}`] }, { ...tensor(wanted) }, `constant: ${areConstant}`);
        });
      }
    });
  }
}

test("Concat and scatters take several tensors of every format", () => {
  for (const format of FORMATS) {
    const tensor = (shape: readonly number[], values: readonly number[]) => tensorOf(format, shape, values);
    const [a, b, none] = [tensor([2, 1], [0, 1]), tensor([2, 2], [1, 0, 0, 1]), tensor([2, 0], [])];
    const joined = runNode(nodeOf("Concat", { a, b, empty: none }, { axis: -1n }), { a, b, empty: none });
    assert.deepEqual({ ...joined.y }, { ...tensor([2, 3], [0, 1, 0, 1, 0, 1]) }, format);
    const elements = {
      x: tensor([2, 3], [0, 0, 0, 1, 1, 1]),
      at: { ...ints(2, 0), shape: [2, 1] },
      by: tensor([2, 1], [1, 0]),
    };
    const put = runNode(nodeOf("ScatterElements", elements, { axis: 1n }), elements);
    assert.deepEqual({ ...put.y }, { ...tensor([2, 3], [0, 0, 1, 0, 1, 1]) }, format);
    const slices = { x: tensor([2, 2], [0, 0, 1, 1]), at: { ...ints(-2), shape: [1, 1] }, by: tensor([1, 2], [1, 0]) };
    assert.deepEqual(
      { ...runNode(nodeOf("ScatterND", slices), slices).y },
      { ...tensor([2, 2], [1, 0, 1, 1]) },
      format,
    );
  }
});

test("scatters combine where they are asked to, twice at the same place", () => {
  const wanted = { add: [9, 2, 3], mul: [20, 2, 3], min: [1, 2, 3], max: [5, 2, 3] };
  for (const [reduction, values] of Object.entries(wanted)) {
    for (const format of ["float32", "int64", "int32"] as const) {
      const inputs = {
        x: tensorOf(format, [3], [1, 2, 3]),
        at: ints(0, 0),
        by: tensorOf(format, [2], [reduction === "add" ? 3 : 4, 5]),
      };
      const { y } = runNode(nodeOf("ScatterElements", inputs, { reduction }), inputs);
      assert.deepEqual(Array.from(y?.data as ArrayLike<number>, Number), values, `${reduction} of ${format}`);
    }
  }
});

test("Dropout passes values on; its mask says so", () => {
  const x = tensorOf("float32", [3], [1, 2, 3]);
  const ratio = { format: "float32", shape: [], data: Float32Array.of(0.5) } as const;
  for (const [opset, format] of [
    [13, "bool"],
    [7, "float32"],
  ] as const) {
    const inputs = opset > 12 ? { x, ratio } : { x };
    const got = runNode(nodeOf("Dropout", inputs, {}, ["y", "mask"]), inputs, opset);
    assert.deepEqual({ ...got.y }, { ...x });
    assert.deepEqual({ ...got.mask }, { ...tensorOf(format, [3], [1, 1, 1]) });
  }
});

const x = tensorOf("float32", [2, 3], [1, 2, 3, 4, 5, 6]);

const refused: [string, Readonly<Record<string, Tensor>>, Parameters<typeof nodeOf>[2], RegExp][] = [
  ["Reshape", { x, shape: ints(4, -1) }, {}, /expected a shape of 6 values for \[2,3\]/],
  ["Reshape", { x, shape: ints(-2, -3) }, {}, /expected a shape of 6 values/],
  ["Transpose", { x }, { perm: [0n, 0n] }, /"perm" expected each of 2 axes once/],
  ["Squeeze", { x, axes: ints(0) }, {}, /expected a shape of 6 values/],
  ["Unsqueeze", { x, axes: ints(0, 0) }, {}, /"axes" expected each axis once/],
  ["Slice", { x, starts: ints(0), ends: ints(1), axes: ints(5) }, {}, /"axis" expected -2\.\.1, got 5/],
  ["Slice", { x, starts: ints(0), ends: ints(1), axes: ints(0), steps: ints(0) }, {}, /"steps"/],
  ["Slice", { x, starts: ints(0), ends: ints(1, 2) }, {}, /expected 1 ends, axes and steps, got 2, 1, 1/],
  ["Expand", { x, shape: ints(2, 2) }, {}, /one that \[2,3\] broadcasts to/],
  ["Expand", { x, shape: ints(2 ** 40, 1, 1) }, {}, /at most 4 GiB/],
  ["Tile", { x, repeats: ints(1) }, {}, /"repeats" expected 2 numbers/],
  ["Tile", { x, repeats: ints(-1, 1) }, {}, /extents >= 0/],
  ["Split", { x, split: ints(1, 3) }, { axis: 1n }, /"split" expected 1 parts of 3/],
  ["Concat", { x, z: tensorOf("float32", [1, 2], [1, 2]) }, { axis: 0n }, /but for axis 0, got float32 \[1,2\]/],
  ["Concat", { x, z: tensorOf("int32", [2, 3], [1, 2, 3, 4, 5, 6]) }, { axis: 0n }, /got int32/],
  ["Pad", { x, pads: ints(1, 1) }, {}, /"pads" expected 4 integers/],
  ["Pad", { x, pads: ints(-3, 0, 0, 0) }, {}, /extents >= 0/],
  ["Pad", { x, pads: ints(-3, 0, 3, 0) }, { mode: "edge" }, /leave something/],
  ["Pad", { x, pads: ints(0, 0, 0, 0) }, { mode: "mirror" }, /"mode" expected/],
  ["Gather", { x, at: ints(2) }, {}, /"indices" expected integers of -2\.\.1, got 2/],
  ["GatherElements", { x, at: ints(0) }, {}, /expected indices of at most \[2,3\]/],
  ["GatherND", { x, at: { ...ints(0, 0, 0), shape: [1, 3] } }, {}, /tuples of indices/],
  ["ScatterND", { x, at: { ...ints(0), shape: [1, 1] }, by: x }, {}, /expected updates \[1,3\]/],
  ["DepthToSpace", { x }, { blocksize: 2n }, /expected \[n, c, h, w\]/],
  ["Dropout", { x, ratio: tensorOf("float32", [], [0]), train: tensorOf("bool", [], [1]) }, {}, /"training_mode"/],
  ["Resize", { x, none: ints(), none2: ints(), sizes: ints(2) }, {}, /"scales" expected 2 scales or sizes/],
  ["Cast", { x }, { to: 8n }, /the type of a tensor of numbers, got 8/],
  ["Constant", {}, { value_string: "a" }, /expected a value of numbers/],
  [
    "Range",
    { a: tensorOf("int32", [], [0]), b: tensorOf("int32", [], [5]), c: tensorOf("int32", [], [0]) },
    {},
    /extents/,
  ],
  ["OneHot", { at: ints(1), depth: ints(-1), values: tensorOf("float32", [2], [0, 1]) }, {}, /extents >= 0/],
];

for (const [op, inputs, attributes, sentence] of refused) {
  test(`refused: ${op} ${sentence}`, () => {
    const node = nodeOf(op, inputs, attributes);
    assert.throws(() => runNode(node, inputs), { name: "ModelError", message: sentence });
  });
}

// Models of known architectures with seeded weights, as octavo has models: plain data.

import { floats } from "./data.mjs";

function attributeOf(value) {
  if (Array.isArray(value)) return { kind: "ints", value };
  return { kind: { bigint: "int", number: "float", string: "string" }[typeof value], value };
}

/** Nodes and constants as they are added; values are named after the nodes that give them. */
export class Builder {
  nodes = [];
  constants = new Map();

  /** Adds a constant; `values` are its numbers. */
  constant(name, shape, values) {
    this.constants.set(name, { format: "float32", shape, data: values });
    return name;
  }

  /** Adds a node; attributes are integers (bigints), lists of them, floats (numbers) or strings. */
  node(op, inputs, attributes = {}) {
    return this.nodeOf(op, inputs, attributes, 1)[0];
  }

  /** Adds a node of several outputs. */
  nodeOf(op, inputs, attributes, count) {
    const name = `${op.toLowerCase()}${this.nodes.length}`;
    const outputs = Array.from({ length: count }, (_, i) => (i === 0 ? name : `${name}.${i}`));
    const entries = Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)]);
    this.nodes.push({ name, op, domain: "", inputs, outputs, attributes: new Map(entries) });
    return outputs;
  }

  /** A list of integers. */
  integers(...values) {
    const name = `i${this.constants.size}`;
    this.constants.set(name, { format: "int64", shape: [values.length], data: BigInt64Array.from(values, BigInt) });
    return name;
  }

  /** An integer. */
  integer(value) {
    const name = `i${this.constants.size}`;
    this.constants.set(name, { format: "int64", shape: [], data: BigInt64Array.of(BigInt(value)) });
    return name;
  }

  scalar(value) {
    return this.constant(`s${this.constants.size}`, [], Float32Array.of(value));
  }

  /** The model, from its inputs to values of float32. */
  model(name, opset, inputs, outputs) {
    const { nodes, constants } = this;
    const graph = { name, nodes, inputs, outputs, values: [], constants };
    return { ir: 8, opsets: new Map([["", opset]]), metadata: new Map(), graph };
  }

  /** Random weights that keep the size of values: normal, divided by the root of how many an output meets. */
  weight(shape) {
    const length = shape.reduce((a, b) => a * b, 1);
    const size = Math.sqrt((2 * shape[0]) / length);
    const name = `w${this.nodes.length}`;
    return this.constant(
      name,
      shape,
      floats(length, "normal", this.nodes.length).map((value) => value * size),
    );
  }

  bias(count) {
    const values = floats(count, "uniform", this.nodes.length).map((value) => value * 0.1);
    return this.constant(`b${this.nodes.length}`, [count], values);
  }
}

/** A convolution with its bias, padded so that only its stride makes the image smaller. */
export function convolution(builder, x, { channels, outputs, kernel, stride = 1, groups = 1 }) {
  const pad = BigInt((kernel - 1) / 2);
  const inputs = [x, builder.weight([outputs, channels / groups, kernel, kernel]), builder.bias(outputs)];
  const [extent, step] = [BigInt(kernel), BigInt(stride)];
  return builder.node("Conv", inputs, {
    kernel_shape: [extent, extent],
    strides: [step, step],
    pads: [pad, pad, pad, pad],
    group: BigInt(groups),
  });
}

/** An extent as a list of one. */
export const listedExtent = (b, x, axis) => b.node("Gather", [b.node("Shape", [x]), b.integers(axis)], { axis: 0n });

/** Blocks of MobileNetV2: how much wider inside, outputs, how many, stride of the first. */
const MOBILENET_V2 = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** MobileNetV2 1.0 for 224 x 224 pixels and 1000 classes, its batch norms folded: 3.5 million parameters. */
export function mobileNetV2() {
  const builder = new Builder();
  const limits = [builder.constant("zero", [], Float32Array.of(0)), builder.constant("six", [], Float32Array.of(6))];
  const clipped = (x, size) => builder.node("Clip", [convolution(builder, x, size), ...limits]);
  let channels = 32;
  let x = clipped("x", { channels: 3, outputs: channels, kernel: 3, stride: 2 });
  for (const [factor, outputs, count, stride] of MOBILENET_V2) {
    for (let i = 0; i < count; i++) {
      const inside = channels * factor;
      const wide = factor === 1 ? x : clipped(x, { channels, outputs: inside, kernel: 1 });
      const depthwise = { channels: inside, outputs: inside, groups: inside, kernel: 3, stride: i === 0 ? stride : 1 };
      const narrow = convolution(builder, clipped(wide, depthwise), { channels: inside, outputs, kernel: 1 });
      x = i === 0 ? narrow : builder.node("Add", [narrow, x]);
      channels = outputs;
    }
  }
  x = clipped(x, { channels, outputs: 1280, kernel: 1 });
  x = builder.node("Flatten", [builder.node("GlobalAveragePool", [x])]);
  const y = builder.node("Gemm", [x, builder.weight([1000, 1280]), builder.bias(1000)], { transB: 1n });
  const image = { name: "x", format: "float32", shape: [1, 3, 224, 224] };
  return builder.model("mobilenet-v2", 13, [image], [{ name: y, format: "float32", shape: [1, 1000] }]);
}

// The network: what its layers are, and a trained one as a model of ONNX's operators, batch norms and clips on their own.

import type { Attribute, Constant, Model, Node } from "octavo";
import { SIDE } from "./data.ts";

/** A convolution and the batch norm behind it, whose padding leaves the stride alone to make images smaller. */
export interface Layer {
  readonly name: string;
  readonly kernel: 1 | 3;
  readonly inputs: number;
  readonly outputs: number;
  readonly stride?: number;
  /** Whether each channel has a kernel of its own. */
  readonly isDepthwise?: boolean;
  /** Whether ReLU6 follows. */
  readonly isClipped?: boolean;
  /** The layer whose output is added. */
  readonly residual?: string;
}

/** Blocks as MobileNetV2 has them, on 14 x 14 pixels, then on 7 x 7. */
export const LAYERS: readonly Layer[] = [
  { name: "stem", kernel: 3, inputs: 1, outputs: 16, stride: 2, isClipped: true },
  { name: "depthwise1", kernel: 3, inputs: 16, outputs: 16, isDepthwise: true, isClipped: true },
  { name: "project1", kernel: 1, inputs: 16, outputs: 16 },
  { name: "expand2", kernel: 1, inputs: 16, outputs: 48, isClipped: true },
  { name: "depthwise2", kernel: 3, inputs: 48, outputs: 48, stride: 2, isDepthwise: true, isClipped: true },
  { name: "project2", kernel: 1, inputs: 48, outputs: 48 },
  { name: "expand3", kernel: 1, inputs: 48, outputs: 144, isClipped: true },
  { name: "depthwise3", kernel: 3, inputs: 144, outputs: 144, isDepthwise: true, isClipped: true },
  { name: "project3", kernel: 1, inputs: 144, outputs: 48, residual: "project2" },
  { name: "head", kernel: 1, inputs: 48, outputs: 128, isClipped: true },
];

/** What the last layer gives to the ten classes. */
export const FEATURES = 128;
export const CLASSES = 10;

export const EPSILON = 1e-3;

/** Trained numbers by name: of each layer `.weight` [outputs, kernel * kernel or inputs], `.gamma`, `.beta`, `.mean` and `.variance`. */
export type Trained = ReadonlyMap<string, Float32Array>;

const int = (value: number): Attribute => ({ kind: "int", value: BigInt(value) });
const ints = (...values: number[]): Attribute => ({ kind: "ints", value: values.map(BigInt) });

/** The trained network: images [N, 1, SIDE, SIDE] in, logits [N, CLASSES] out. */
export function networkOf(trained: Trained): Model {
  const nodes: Node[] = [];
  const constants = new Map<string, Constant>();
  const constant = (name: string, ...shape: number[]): string => {
    constants.set(name, { format: "float32", shape, data: trained.get(name) as Float32Array });
    return name;
  };
  const node = (op: string, inputs: string[], output: string, attributes: Record<string, Attribute> = {}): string => {
    const entries = new Map(Object.entries(attributes));
    nodes.push({ name: output, op, domain: "", inputs, outputs: [output], attributes: entries });
    return output;
  };

  const layer = (x: string, { name, kernel, inputs, outputs, ...more }: Layer): string => {
    const groups = more.isDepthwise ? inputs : 1;
    const weight = constant(`${name}.weight`, outputs, inputs / groups, kernel, kernel);
    const [pad, stride] = [(kernel - 1) / 2, more.stride ?? 1];
    const conv = node("Conv", [x, weight], `${name}.conv`, {
      group: int(groups),
      kernel_shape: ints(kernel, kernel),
      pads: ints(pad, pad, pad, pad),
      strides: ints(stride, stride),
    });
    const numbers = ["gamma", "beta", "mean", "variance"].map((what) => constant(`${name}.${what}`, outputs));
    const plain = more.isClipped || more.residual ? `${name}.norm` : name;
    const epsilon: Attribute = { kind: "float", value: EPSILON };
    node("BatchNormalization", [conv, ...numbers], plain, { epsilon });
    if (more.isClipped) return node("Clip", [plain, "zero", "six"], name);
    return more.residual ? node("Add", [plain, more.residual], name) : plain;
  };

  constants.set("zero", { format: "float32", shape: [], data: Float32Array.of(0) });
  constants.set("six", { format: "float32", shape: [], data: Float32Array.of(6) });
  const pooled = node("GlobalAveragePool", [LAYERS.reduce(layer, "image")], "pooled");
  const features = node("Flatten", [pooled], "features", { axis: int(1) });
  const classes = [constant("classes.weight", CLASSES, FEATURES), constant("classes.bias", CLASSES)];
  node("Gemm", [features, ...classes], "logits", { transB: int(1) });

  const inputs = [{ name: "image", format: "float32", shape: ["N", 1, SIDE, SIDE] }] as const;
  const outputs = [{ name: "logits", format: "float32", shape: ["N", CLASSES] }] as const;
  const graph = { name: "digits", nodes, inputs, outputs, values: [], constants };
  return { ir: 8, opsets: new Map([["", 13]]), metadata: new Map(), graph };
}

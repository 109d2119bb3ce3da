// Small models for tests: from "x" to "y" unless said.
import type { Graph, Model, Node } from "../../src/model/graph.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** The operator set of the tests' models. */
const OPSET = 22;

export function modelOf(nodes: readonly Node[], graph: Partial<Graph> = {}, opset = OPSET): Model {
  const plain = { name: "test", inputs: [{ name: "x" }], outputs: [{ name: "y" }], values: [], constants: new Map() };
  const opsets = new Map([
    ["", opset],
    ["com.microsoft", 1],
  ]);
  return { ir: 10, opsets, metadata: new Map(), graph: { ...plain, nodes, ...graph } };
}

export function floats(shape: readonly number[], values: readonly number[]) {
  return { format: "float32", shape, data: Float32Array.from(values) } as const satisfies Tensor;
}

export function integers(shape: readonly number[], values: readonly number[]) {
  return { format: "int64", shape, data: BigInt64Array.from(values, BigInt) } as const satisfies Tensor;
}

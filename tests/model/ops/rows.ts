// One node, run: inputs by name, in order; all fed, or all constant.
import { type Constant, makeNode, type Node } from "../../../src/model/graph.ts";
import { run } from "../../../src/runtime/run.ts";
import { pack } from "../../../src/tensor/codec.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { modelOf } from "../models.ts";

/** A tensor of small integers, in a format. */
export function tensorOf(format: Constant["format"], shape: readonly number[], values: readonly number[]): Constant {
  const arrays: Partial<Record<Constant["format"], (values: readonly number[]) => Tensor["data"]>> = {
    int4: (v) =>
      pack(
        Uint8Array.from(v, (each) => each & 15),
        "int4",
      ),
    uint2: (v) => pack(Uint8Array.from(v), "uint2"),
    bool: (v) => Uint8Array.from(v),
    int8: (v) => Int8Array.from(v),
    float16: (v) => Uint16Array.from(v),
    int32: (v) => Int32Array.from(v),
    float32: (v) => Float32Array.from(v),
    float64: (v) => Float64Array.from(v),
    int64: (v) => BigInt64Array.from(v, BigInt),
  };
  const make = arrays[format];
  if (!make) throw new RangeError(`no tensor of ${format}`);
  return { format, shape, data: make(values) };
}

type Inputs = Readonly<Record<string, Tensor>>;
type Attributes = Parameters<typeof makeNode>[3];

/** A node of inputs by name; those that are left out are "". */
export function nodeOf(op: string, inputs: Inputs, attributes?: Attributes, outputs: readonly string[] = ["y"]): Node {
  const names = Object.keys(inputs).map((name) => (name.startsWith("none") ? "" : name));
  return makeNode(op, names, outputs, attributes);
}

/** The outputs of a node. */
export function runNode(node: Node, inputs: Inputs, opset?: number, areConstant = false): Record<string, Tensor> {
  const given = Object.entries(inputs).filter(([name]) => !name.startsWith("none"));
  const outputs = node.outputs.filter(Boolean).map((name) => ({ name }));
  const graph = areConstant
    ? { inputs: [], outputs, constants: new Map(given) as never }
    : { inputs: given.map(([name]) => ({ name })), outputs, constants: new Map() };
  return run(modelOf([node], graph, opset), areConstant ? {} : Object.fromEntries(given));
}

// Activations behind a convolution or product become part of it, in onnxruntime's words: com.microsoft's FusedConv and FusedGemm. The
// executor clamps as it stores, to the same bits.

import { floatOf } from "../model/attributes.ts";
import { type Attribute, type Model, makeNode, type Node } from "../model/graph.ts";
import { type Edit, rewrite } from "./edit.ts";
import { boundsOf } from "./match.ts";

const DOMAIN = "com.microsoft";

/** Parameters of the activations that a clamp or a slope is; undefined where they are not constant. */
const ACTIVATIONS = new Map(
  Object.entries<(edit: Edit, node: Node) => readonly number[] | undefined>({
    Relu: () => [],
    LeakyRelu: (_, node) => [Math.fround(floatOf(node, "alpha", 0.01))],
    Clip: boundsOf,
  }),
);

/** An operator that takes an activation in. */
interface Producer {
  readonly fused: string;
  /** The first version from which on it means what the fused operator does. */
  readonly since: number;
  readonly activations: readonly string[];
  /** The attributes that hold an activation's parameters. */
  parameters(values: readonly number[]): [name: string, attribute: Attribute][];
}

const PRODUCERS = new Map(
  Object.entries<Producer>({
    Conv: {
      fused: "FusedConv",
      since: 1,
      activations: [...ACTIVATIONS.keys()],
      parameters: (value) => (value.length > 0 ? [["activation_params", { kind: "floats", value }]] : []),
    },
    // onnxruntime's has no clip
    Gemm: {
      fused: "FusedGemm",
      since: 7,
      activations: ["Relu", "LeakyRelu"],
      parameters: (values) => values.map((value) => ["activation_alpha", { kind: "float", value }]),
    },
  }),
);

function rule(edit: Edit, node: Node): void {
  const [x = ""] = node.inputs;
  const maker = edit.maker(x);
  if (maker?.domain !== "" || node.domain !== "" || !edit.isOnlyFor(x, [node])) return;
  const producer = PRODUCERS.get(maker.op);
  // onnxruntime computes the fused operators in float32 only
  if (!producer || edit.constant(maker.inputs[1])?.format !== "float32") return;
  const { fused, since, activations, parameters } = producer;
  const values = activations.includes(node.op) ? ACTIVATIONS.get(node.op)?.(edit, node) : undefined;
  if (!values || edit.version(maker) < since) return;
  const activation = makeNode("", [], [], { activation: node.op }).attributes;
  const attributes = new Map([...maker.attributes, ...activation, ...parameters(values)]);
  edit.replace(node, { ...maker, op: fused, domain: DOMAIN, outputs: node.outputs, attributes });
}

/** The model with activations in the convolutions and products before them. Outputs stay the same, bit for bit. */
export function fuseActivations(model: Model): Model {
  return rewrite(model, rule);
}

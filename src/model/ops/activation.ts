// Functions of one value.

import { inFloat32 } from "../float-row.ts";
import { type Call, lengthOf, type Operator } from "../operator.ts";
import { input } from "../site.ts";

/** A function that a kernel computes in float32. */
function unary(activation: "ACTIVATION_RELU" | "ACTIVATION_SIGMOID" | "ACTIVATION_TANH"): Operator {
  return inFloat32({
    infer(site) {
      const { format, shape } = input(site, 0);
      return [{ format, shape }];
    },
    compile(call: Call) {
      const x = input(call, 0);
      const { kernels } = call.store.engine;
      const [y] = call.outputs;
      const number = kernels[activation].value;
      return () => kernels.activate_f32_f32(x.at, y?.at ?? 0, lengthOf(x), number, 0, 0);
    },
  });
}

export const ACTIVATIONS: Readonly<Record<string, Operator>> = {
  Relu: unary("ACTIVATION_RELU"),
  Sigmoid: unary("ACTIVATION_SIGMOID"),
  Tanh: unary("ACTIVATION_TANH"),
};

// Seeded networks of many architectures for tests: small where they can be.

import { efficientNetB0, uNet, yolo } from "../bench/image-models.mjs";
import { bert, decoder, speech } from "../bench/sequence-models.mjs";

/** A name, what makes the model, what its dynamic extents are. */
export const ARCHITECTURES = [
  { name: "EfficientNet-B0", make: efficientNetB0, extents: { batch: 1 } },
  { name: "BERT", make: () => bert({ width: 96, heads: 4, layers: 2 }), extents: { batch: 2, length: 9 } },
  { name: "YOLO", make: yolo, extents: { batch: 1 } },
  { name: "U-Net", make: uNet, extents: { batch: 1, height: 37, width: 50 } },
  { name: "speech", make: speech, extents: { batch: 2, frames: 50 } },
  { name: "decoder", make: () => decoder({ layers: 2 }), extents: { batch: 1, length: 3, past: 4 } },
];

/** Random values for the inputs of a model: integers are 0 or 1; a dynamic extent without a number is 2. */
export function feedsOf({ graph }, uniform, extents = {}) {
  const inputs = graph.inputs.filter(({ name }) => !graph.constants.has(name));
  return Object.fromEntries(
    inputs.map(({ name, shape: said, format }) => {
      const shape = said.map((extent) => (typeof extent === "number" ? extent : (extents[extent] ?? 2)));
      const length = shape.reduce((a, b) => a * b, 1);
      if (format === "int64") {
        return [name, { format, shape, data: BigInt64Array.from({ length }, () => BigInt(Math.round(uniform()))) }];
      }
      return [name, { format, shape, data: Float32Array.from({ length }, () => 2 * uniform() - 1) }];
    }),
  );
}

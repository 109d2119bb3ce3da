// Trained networks with labelled data, in ../shared/data/models beside the project's root.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readOnnx, Session } from "../../src/index.ts";

const MODELS = join(import.meta.dirname, "..", "..", "..", "shared", "data", "models");

/** false where they are at hand, else why a test is skipped. */
export const skipModels: false | string = existsSync(join(MODELS, "README.md"))
  ? false
  : "trained models absent: expected ../shared/data/models beside the project's root";

/** The bytes of a file. */
export const bytesOf = (...path: string[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(readFileSync(join(MODELS, ...path)));

/** A trained network's data. */
export interface Data {
  readonly folder: string;
  readonly labels: string;
  /** The float network's probabilities. */
  readonly golden: string;
  readonly classes: number;
  /** Values of one image, by its number. */
  readonly imagesOf: () => Float32Array;
  readonly shape: readonly number[];
}

export const SPEECH: Data = {
  folder: "kws_dscnn",
  labels: "y.u8",
  golden: "golden_float_prob.f32",
  classes: 12,
  imagesOf: () =>
    Float32Array.from(new Int8Array(bytesOf("kws_dscnn", "x.i8").buffer), (q) => (q - 83) * 0.5847029089927673),
  shape: [1, 49, 10],
};

export const PICTURES: Data = {
  folder: "resnet8_cifar10",
  labels: "cifarjpg_y.u8",
  golden: "golden_cifarjpg_float_prob.f32",
  classes: 10,
  imagesOf() {
    const pixels = bytesOf("resnet8_cifar10", "cifarjpg_x.u8");
    const size = 32 * 32;
    return Float32Array.from({ length: pixels.length }, (_, i) => {
      const [image, channel, pixel] = [Math.floor(i / (3 * size)), Math.floor(i / size) % 3, i % size];
      return pixels[(image * size + pixel) * 3 + channel] as number;
    });
  },
  shape: [3, 32, 32],
};

/** The place of the largest number of each row. */
export function largest(values: Float32Array, classes: number): number[] {
  return Array.from({ length: values.length / classes }, (_, row) => {
    const scores = values.subarray(row * classes, (row + 1) * classes);
    return scores.indexOf(Math.max(...scores));
  });
}

const BATCH = 50;

/** Rows of a network's data, a batch at a time. */
export function* batchesOf({ imagesOf, shape }: Data) {
  const images = imagesOf();
  const size = shape.reduce((a, b) => a * b, 1);
  for (let at = 0; at < images.length; at += BATCH * size) {
    const data = images.subarray(at, at + BATCH * size);
    yield { format: "float32", shape: [data.length / size, ...shape], data } as const;
  }
}

/** The classes that a network finds. */
export function classesOf(file: string, data: Data): number[] {
  const model = readOnnx(bytesOf(data.folder, file));
  const [input, output] = [model.graph.inputs[0]?.name as string, model.graph.outputs[0]?.name as string];
  const session = new Session(model);
  const found = Array.from(batchesOf(data), (batch) => {
    return largest(session.run({ [input]: batch })[output]?.data as Float32Array, data.classes);
  });
  session.dispose();
  return found.flat();
}

/** How many places of two lists hold the same. */
export const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).filter((each, i) => each === b[i]).length;

/** Networks that onnxruntime's quantizer made. */
export const QUANTIZED: readonly [file: string, data: Data][] = [
  ["kws_qdq_pc.onnx", SPEECH],
  ["kws_qdq_pt.onnx", SPEECH],
  ["resnet8_qdq_pc.onnx", PICTURES],
  ["resnet8_qdq_pt.onnx", PICTURES],
];

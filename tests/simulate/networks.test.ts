// Trained networks, quantized with the default scheme and calibration rows alone: how near they stay to what they were.
import assert from "node:assert/strict";
import { test } from "node:test";
import { calibrate, convert, quantizeModel, readOnnx, Session, simulate, type WeightScheme } from "../../src/index.ts";
import { prepareModel } from "../../src/quantize-model.ts";
import { batchesOf, bytesOf, type Data, largest, PICTURES, SPEECH, same, skipModels } from "../conformance/networks.ts";

const CALIBRATION = 100;
const PER_CHANNEL: WeightScheme = { format: "int8" };
const PER_TENSOR: WeightScheme = { format: "int8", perChannel: false };

/** What a network has to reach: rows that agree with the float network at least, mean difference of probabilities at most. */
interface Goal {
  readonly agree: number;
  readonly mae: number;
  readonly weights?: WeightScheme;
}

/** The best that other tools reach per channel; per tensor, what a plain min-max quantizer does. */
const CLASSIFIERS: readonly [file: string, data: Data, goal: Goal][] = [
  ["kws_float_bn.onnx", SPEECH, { agree: 987, mae: 1.38e-3 }],
  ["kws_float_bn.onnx", SPEECH, { agree: 986, mae: 2.08e-3, weights: PER_TENSOR }],
  ["resnet8_bn.onnx", PICTURES, { agree: 1951, mae: 4.6e-3 }],
  ["resnet8_bn.onnx", PICTURES, { agree: 1891, mae: 8.54e-3, weights: PER_TENSOR }],
];

const meanDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0) / a.length;

const floatsOf = (...path: string[]) => new Float32Array(bytesOf(...path).buffer);

for (const [file, data, { agree, mae, weights = PER_CHANNEL }] of CLASSIFIERS) {
  const how = weights === PER_TENSOR ? "a scale a tensor" : "a scale a channel";
  test(`${file}, ${how}: ${agree} rows agree, ${mae} apart`, { skip: skipModels }, async (context) => {
    const size = data.shape.reduce((a, b) => a * b, 1);
    const images = data.imagesOf();
    const rows = Array.from({ length: CALIBRATION }, (_, i) => images.subarray(i * size, (i + 1) * size));
    const calibration = rows.map((row) => ({
      input: { format: "float32", shape: [1, ...data.shape], data: row } as const,
    }));
    const session = new Session(await quantizeModel(readOnnx(bytesOf(data.folder, file)), { weights, calibration }));
    const found = Array.from(batchesOf(data), (input) =>
      Array.from(session.run({ input }).prob?.data as Float32Array),
    ).flat();
    session.dispose();
    const golden = floatsOf(data.folder, data.golden);
    const agreed = same(largest(Float32Array.from(found), data.classes), largest(golden, data.classes));
    const apart = meanDifference(found, golden);
    context.diagnostic(`${agreed} rows agree, ${apart.toExponential(2)} apart`);
    assert.ok(agreed >= agree && apart <= mae, `${agreed}, ${apart}`);
  });
}

for (const [file, data] of [
  ["kws_float_bn.onnx", SPEECH],
  ["resnet8_bn.onnx", PICTURES],
] as const) {
  test(`${file}: a simulation finds what integers find, in 99.5 % of rows`, { skip: skipModels }, async (context) => {
    const [first] = batchesOf(data);
    const samples = [{ input: first as NonNullable<typeof first> }];
    const simulated = await calibrate(simulate(prepareModel(readOnnx(bytesOf(data.folder, file)))), samples);
    const [floats, integers] = [simulated, convert(simulated)].map((model) => new Session(model)) as [Session, Session];
    let [rows, agreed] = [0, 0];
    for (const input of batchesOf(data)) {
      const [a, b] = [floats, integers].map((session) => {
        return largest(session.run({ input }).prob?.data as Float32Array, data.classes);
      }) as [number[], number[]];
      rows += a.length;
      agreed += same(a, b);
    }
    for (const session of [floats, integers]) session.dispose();
    context.diagnostic(`${agreed} of ${rows} rows`);
    assert.ok(agreed >= 0.995 * rows, `${agreed} of ${rows}`);
  });
}

const [HEIGHT, WIDTH] = [240, 320];
const FACES = "ultraface_slim";
/** Images that are looked at for ranges; the others judge. */
const SEEN = 4;
const SCORE = 0.7;

/** An image of the face detector. */
function faceOf(pixels: Uint8Array, image: number) {
  const area = HEIGHT * WIDTH;
  const data = Float32Array.from({ length: 3 * area }, (_, i) => {
    const pixel = pixels[(image * area + (i % area)) * 3 + Math.floor(i / area)] as number;
    return (pixel - 127) / 128;
  });
  return { input: { format: "float32", shape: [1, 3, HEIGHT, WIDTH], data } as const };
}

for (const [weights, f1, mae] of [
  [PER_CHANNEL, 0.97, 1.2e-3],
  [PER_TENSOR, 0.955, 2.1e-3],
] as const) {
  const how = weights === PER_TENSOR ? "a scale a tensor" : "a scale a channel";
  test(`the face detector, ${how}: F1 ${f1}, scores ${mae} apart`, { skip: skipModels }, async (context) => {
    const pixels = bytesOf(FACES, "faces.u8");
    const model = readOnnx(bytesOf(FACES, "version-slim-320_without_postprocessing.onnx"));
    const calibration = Array.from({ length: SEEN }, (_, i) => faceOf(pixels, i));
    const session = new Session(await quantizeModel(model, { weights, calibration }));
    const count = pixels.length / (3 * HEIGHT * WIDTH) - SEEN;
    const runs = Array.from(
      { length: count },
      (_, i) => session.run(faceOf(pixels, SEEN + i)).scores?.data as Float32Array,
    );
    session.dispose();
    const found = runs.flatMap((scores) => Array.from(scores));
    const golden = floatsOf(FACES, "golden_float_scores.f32").subarray(-found.length);
    const faces = (scores: ArrayLike<number>) => Array.from(scores, (score, i) => i % 2 === 1 && score > SCORE);
    const [mine, theirs] = [faces(found), faces(golden)];
    const both = mine.filter((isFace, i) => isFace && theirs[i]).length;
    const score = (2 * both) / (mine.filter(Boolean).length + theirs.filter(Boolean).length);
    const apart = meanDifference(found, golden);
    context.diagnostic(`F1 ${score.toFixed(3)}, ${apart.toExponential(2)} apart`);
    assert.ok(score >= f1 && apart <= mae, `${score}, ${apart}`);
  });
}

// Whole models in float32 and in int8, from typed array to typed array through a Session, beside onnxruntime-web.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { floats } from "../data.mjs";
import { duel } from "../duel.mjs";
import { mobileNetV2 } from "../models.mjs";
import { peakOf } from "../peak.mjs";
import { takeTurns } from "../timing.mjs";

const MODELS = join(import.meta.dirname, "..", "..", "..", "shared", "data", "models");

/** Fails unless outputs are the same but for the order of their sums. */
function assertClose(ours, theirs) {
  assert.equal(ours.length, theirs.length);
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  ours.forEach((value, i) => {
    assert.ok(Math.abs(value - theirs[i]) <= 1e-4 * largest, `${value} and ${theirs[i]} at ${i}`);
  });
}

/** Speed, and its share of what registers alone allow. */
async function shareOf(macs, { median }) {
  const side = await peakOf("float");
  const { peak } = await takeTurns({ peak: side }, { turns: 4 });
  const [speed, most] = [macs / median / 1e9, side.macs / peak.median / 1e9];
  return `${speed.toPrecision(3)} GMAC/s, ${((100 * speed) / most).toFixed(0)} % of ${most.toPrecision(3)}`;
}

/** A model's first output for one image of values up to `scale`; `macs` are its products. */
function modelCase({ work, asked, macs }, make, shape, scale) {
  return async (bench) => {
    const { octavo } = bench;
    const bytes = make(octavo);
    if (!bytes) {
      console.error(`${work}: its file is not here`);
      return [];
    }
    const length = shape.reduce((a, b) => a * b, 1);
    const data = floats(length, "uniform", 7).map((value) => value * scale);
    const session = new octavo.Session(octavo.readOnnx(bytes));
    const { name } = session.inputs[0];
    const feed = { [name]: { format: "float32", shape, data } };
    const call = () => Object.values(session.run(feed))[0].data;
    const input = { type: "float32", shape, data: [data] };
    const task = { work, asked, values: length };
    const row = await duel(bench, task, call, { model: bytes, input, byHand: true }, (ours, [theirs]) => {
      assertClose(ours, theirs);
    });
    session.dispose();
    return { ...row, figure: await shareOf(macs, row.octavo) };
  };
}

const file = (...path) => {
  const name = join(MODELS, ...path);
  return () => (existsSync(name) ? new Uint8Array(readFileSync(name)) : undefined);
};

const mobileNet = ({ writeOnnx }) => writeOnnx(mobileNetV2());
const resNet = file("resnet8_cifar10", "resnet8_bn.onnx");
const dsCnn = file("kws_dscnn", "kws_float_bn.onnx");
const ultraFace = file("ultraface_slim", "version-slim-320_without_postprocessing.onnx");

const WORKS = {
  mobileNet: { work: "MobileNetV2-1.0-224", asked: 0.8, macs: 300.8e6 },
  resNet: { work: "ResNet8", asked: 1, macs: 12.5e6 },
  dsCnn: { work: "DS-CNN", asked: 1, macs: 2.66e6 },
};

/** The quantized forms of a float model, its ranges those of one sample. */
async function formsOf({ quantizeModel }, model, feeds) {
  const [qdq, qoperator] = ["qdq", "qoperator"].map((form) => quantizeModel(model, { calibration: [feeds], form }));
  return { qdq: await qdq, qoperator: await qoperator };
}

/** How far two arrays are apart, as a share of the largest. */
function distance(ours, theirs) {
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0) / largest;
}

/** Outputs of int8 models are some steps apart: sums of floats are rounded in another order than sums of integers. */
const MOST_APART = 0.2;

/** A model in int8 in a tier, beside each of its forms in onnxruntime-web; `asked`: the least ratio to each. */
function integerCase(work, make, shape, scale, asked) {
  return async ({ octavo, ort }) => {
    const bytes = make(octavo);
    if (!bytes) {
      console.error(`${work}: its file is not here`);
      return [];
    }
    const model = octavo.readOnnx(bytes);
    const length = shape.reduce((a, b) => a * b, 1);
    const data = floats(length, "uniform", 7).map((value) => value * scale);
    const feeds = { [octavo.inspect(model).inputs[0].name]: { format: "float32", shape, data } };
    const { qdq, qoperator } = await formsOf(octavo, model, feeds);
    const files = { float32: bytes, QDQ: octavo.writeOnnx(qdq), QOperator: octavo.writeOnnx(qoperator) };
    const rivals = {};
    for (const [form, file] of Object.entries(files)) rivals[form] = await ort.open(file, { type: "float32", shape });
    const rows = [];
    for (const tier of ["relaxed", "simd"]) {
      octavo.useTier(tier);
      const session = new octavo.Session(qdq);
      const call = () => Object.values(session.run(feeds))[0].data;
      const apart = distance(call(), (await rivals.QDQ.run(data))[0]);
      assert.ok(apart <= MOST_APART, `${work}: ${apart} of the largest output apart`);
      const sides = Object.entries(rivals).map(([form, { run }]) => [form, { call: () => run(data), defer: true }]);
      const { ratios, ...times } = await takeTurns({ octavo: { call }, ...Object.fromEntries(sides) });
      for (const form of Object.keys(rivals)) {
        const least = asked[tier][form];
        rows.push({
          work: `${work} int8, ${tier}, beside ${form}`,
          asked: `>= ${least}x`,
          ...{ octavo: times.octavo, rival: times[form], ratio: ratios[form], ok: ratios[form] >= least },
        });
      }
      session.dispose();
    }
    octavo.useTier();
    for (const { close } of Object.values(rivals)) await close();
    return rows;
  };
}

const both = (float32, int8) => ({ float32, QDQ: int8, QOperator: int8 });
const LARGE = { relaxed: both(4, 8), simd: both(2, 4) };
const SMALL = { relaxed: both(2.5, 2.5), simd: both(1.5, 1.5) };

export const cases = {
  "model-mobilenet": modelCase(WORKS.mobileNet, mobileNet, [1, 3, 224, 224], 2),
  "model-resnet8": modelCase(WORKS.resNet, resNet, [1, 3, 32, 32], 127),
  "model-dscnn": modelCase(WORKS.dsCnn, dsCnn, [1, 1, 49, 10], 20),
  "int8-mobilenet": integerCase("MobileNetV2-1.0-224", mobileNet, [1, 3, 224, 224], 2, LARGE),
  "int8-resnet8": integerCase("ResNet8", resNet, [1, 3, 32, 32], 127, SMALL),
  "int8-dscnn": integerCase("DS-CNN", dsCnn, [1, 1, 49, 10], 20, SMALL),
  "int8-ultraface": integerCase("UltraFace slim", ultraFace, [1, 3, 240, 320], 1, SMALL),
};

// Whole models in float32, from typed array to typed array through a Session, beside onnxruntime-web.

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

const WORKS = {
  mobileNet: { work: "MobileNetV2-1.0-224", asked: 0.8, macs: 300.8e6 },
  resNet: { work: "ResNet8", asked: 1, macs: 12.5e6 },
  dsCnn: { work: "DS-CNN", asked: 1, macs: 2.66e6 },
};

export const cases = {
  "model-mobilenet": modelCase(WORKS.mobileNet, mobileNet, [1, 3, 224, 224], 2),
  "model-resnet8": modelCase(WORKS.resNet, resNet, [1, 3, 32, 32], 127),
  "model-dscnn": modelCase(WORKS.dsCnn, dsCnn, [1, 1, 49, 10], 20),
};

// Integer products of one kind beside their rivals: every tier of this host, onnxruntime-web on the same numbers, the peak
// of the instructions, and the same work in float32 (what a user would otherwise run) take turns.

import assert from "node:assert/strict";
import { floats } from "./data.mjs";
import { oneNode } from "./onnx.mjs";
import { sizeOf } from "./operands.mjs";
import { peakOf } from "./peak.mjs";
import { takeTurns } from "./timing.mjs";

/** The tiers that this host runs, the best one first. */
function tiersOf(octavo) {
  octavo.useTier();
  return octavo.tier() === "relaxed" ? ["relaxed", "simd"] : ["simd"];
}

/** A side for each tier, its weight prepared in it. */
function ourSides(octavo, tiers, { w, groups, multiply }, expected) {
  const sides = {};
  for (const tier of tiers) {
    octavo.useTier(tier);
    const prepared = octavo.prepare(w, { groups });
    const call = () => {
      octavo.useTier(tier);
      return multiply(octavo, prepared);
    };
    assert.deepEqual(call(), expected, `${tier} differs from the rival`);
    sides[tier] = { call, close: () => prepared.dispose() };
  }
  return sides;
}

async function peakSides(tiers) {
  const peaks = await Promise.all(tiers.map(peakOf));
  return Object.fromEntries(peaks.map((peak, i) => [`peak ${tiers[i]}`, peak]));
}

/** onnxruntime-web in float32: a node with an input and a weight. */
async function ortFloat(ort, { op, attributes, shape, weightShape, outputShape }) {
  const model = oneNode(op, {
    input: { name: "x", type: Float32Array, shape },
    outputs: [{ name: "y", type: Float32Array, shape: outputShape }],
    constants: { w: { data: floats(sizeOf(weightShape)), shape: weightShape } },
    attributes,
  });
  const session = await ort.open(model, { type: "float32", shape });
  const data = floats(sizeOf(shape));
  return { call: () => session.run(data), defer: true, close: session.close };
}

/** TensorFlow.js in float32: `apply(tf, x, w)`. */
async function tfjsFloat({ shape, weightShape, apply }) {
  const { tf } = await import("./rivals/tfjs.mjs");
  const w = tf.tensor(floats(sizeOf(weightShape)), weightShape);
  const data = floats(sizeOf(shape));
  const call = () => {
    const x = tf.tensor(data, shape);
    const y = apply(tf, x, w);
    const result = y.dataSync();
    tf.dispose([x, y]);
    return result;
  };
  return { call, close: () => w.dispose() };
}

/** Speeds in GMAC/s, at the median. */
const speedOf = (macs, { median }) => macs / median / 1e9;

function rowOf(tier, { work, asked, macs }, { ratios, ...figures }, sides) {
  const { [tier]: octavo, rival, [`peak ${tier}`]: peak, ortFloat, tfjsFloat } = figures;
  const ratio = ratios.rival / ratios[tier];
  const speeds = {
    octavo: speedOf(macs, octavo),
    peak: speedOf(sides[`peak ${tier}`].macs, peak),
    rival: speedOf(macs, rival),
    ortFloat: speedOf(macs, ortFloat),
    tfjsFloat: speedOf(macs, tfjsFloat),
  };
  const text = Object.fromEntries(Object.entries(speeds).map(([name, speed]) => [name, speed.toPrecision(3)]));
  const share = speeds.octavo / speeds.peak;
  const ours = `${text.octavo} GMAC/s, ${(share * 100).toFixed(0)} % of ${text.peak}`;
  const figure = `${ours}; rival ${text.rival}, float32 ${text.ortFloat}, tfjs ${text.tfjsFloat}`;
  const row = { work: `${work}, ${tier}`, asked: `>= ${asked[tier]}x`, octavo, rival, ratio, ok: ratio >= asked[tier] };
  return { ...row, figure, share, speeds, macs };
}

/**
 * Rows of one work, one a tier.
 * @param work { work: what is done, asked: the least ratio to the rival by tier, macs: products of one call }
 * @param ours { w, groups, multiply }: the weight, and (octavo, prepared weight) => codes or sums
 * @param rival { op, input, constants, attributes, output, inOurLayout }: the node, its output's { type, shape }, and what
 *   brings its numbers into our order
 * @param float { ort, tfjs }: the same work in float32, as `ortFloat` and `tfjsFloat` take it
 */
export async function race({ octavo, ort }, work, ours, rival, float) {
  const { op, input, constants, attributes, output, inOurLayout = (data) => data } = rival;
  const { data, shape } = input;
  const [x, y] = [
    { name: "x", type: Uint8Array, shape },
    { name: "y", ...output },
  ];
  const model = oneNode(op, { input: x, outputs: [y], constants, attributes });
  const session = await ort.open(model, { type: "uint8", shape });
  const call = () => session.run(data);
  const [theirs] = await call();
  const tiers = tiersOf(octavo);
  const sides = {
    ...ourSides(octavo, tiers, ours, inOurLayout(theirs)),
    rival: { call, defer: true, close: session.close },
    ...(await peakSides(tiers)),
    ortFloat: await ortFloat(ort, float.ort),
    tfjsFloat: await tfjsFloat(float.tfjs),
  };
  const figures = await takeTurns(sides, { turns: 12 });
  for (const { close } of Object.values(sides)) await close?.();
  octavo.useTier();
  return tiers.map((tier) => rowOf(tier, work, figures, sides));
}

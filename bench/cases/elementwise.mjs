// Operators on single values beside onnxruntime-web, 1 Mi codes of uint8, from typed array to typed array: both sides copy
// into their wasm memory and out of it. Outputs are compared before anything is timed: they may be one step apart, for
// onnxruntime multiplies by a reciprocal where the definition divides.

import assert from "node:assert/strict";
import { bytes } from "../data.mjs";
import { model, oneNode } from "../onnx.mjs";
import { takeTurns } from "../timing.mjs";

const COUNT = 2 ** 20;
const SHAPE = [COUNT];

const tensor = (data, scale, zero) => ({
  format: "uint8",
  shape: SHAPE,
  data,
  scale: Float32Array.of(scale),
  zero: Int32Array.of(zero),
});

const scalar = (data) => ({ data, shape: [] });

function withinAStep(ours, theirs) {
  let apart = 0;
  for (let i = 0; i < COUNT; i++) {
    const distance = Math.abs(ours[i] - theirs[i]);
    assert.ok(distance <= 1, `codes ${ours[i]} and ${theirs[i]} at ${i}`);
    apart += distance;
  }
  assert.ok(apart <= COUNT / 100, `${apart} codes are a step apart`);
}

async function race({ work, graph, data, call, ort }) {
  const session = await ort.open(graph, { type: "uint8", shape: SHAPE });
  const rivalCall = () => session.run(...data);
  const [theirs] = await rivalCall();
  withinAStep(call().data, theirs);
  const { octavo, rival, ratios } = await takeTurns({ octavo: { call }, rival: { call: rivalCall, defer: true } });
  await session.close();
  return { work, asked: ">= 2x", octavo, rival, ratio: ratios.rival, ok: ratios.rival >= 2, values: COUNT };
}

const input = (name) => ({ name, type: Uint8Array, shape: SHAPE });

function binaryCase(work, op, run, result) {
  return ({ octavo, ort }) => {
    const a = tensor(bytes(COUNT, 21), 0.0497, 117);
    const b = tensor(bytes(COUNT, 22), 0.0311, 140);
    const constants = {
      aScale: scalar(a.scale),
      aZero: scalar(Uint8Array.from(a.zero)),
      bScale: scalar(b.scale),
      bZero: scalar(Uint8Array.from(b.zero)),
      scale: scalar(Float32Array.of(result.scale)),
      zero: scalar(Uint8Array.of(result.zero)),
    };
    const inputs = ["a", "aScale", "aZero", "b", "bScale", "bZero", "scale", "zero"];
    const nodes = [{ op, domain: "com.microsoft", inputs, outputs: ["y"] }];
    const graph = model({ nodes, inputs: [input("a"), input("b")], outputs: [input("y")], constants });
    return race({ work, graph, data: [a.data, b.data], call: () => octavo[run](a, b, result), ort });
  };
}

function sigmoidCase({ octavo, ort }) {
  const x = tensor(bytes(COUNT, 23), 0.05, 117);
  const constants = {
    xScale: scalar(x.scale),
    xZero: scalar(Uint8Array.from(x.zero)),
    scale: scalar(Float32Array.of(1 / 256)),
    zero: scalar(Uint8Array.of(0)),
  };
  const node = { domain: "com.microsoft", input: input("x"), outputs: [input("y")], constants };
  const call = () => octavo.activate(x, "sigmoid", { scale: 1 / 256 });
  return race({
    work: "sigmoid u8, through a table",
    graph: oneNode("QLinearSigmoid", node),
    data: [x.data],
    call,
    ort,
  });
}

export const cases = {
  add: binaryCase("add u8 + u8 -> u8", "QLinearAdd", "add", { scale: 0.0613, zero: 120 }),
  mul: binaryCase("mul u8 * u8 -> u8", "QLinearMul", "mul", { scale: 0.1037, zero: 100 }),
  sigmoid: sigmoidCase,
};

// Operators on single values beside onnxruntime-web, 1 Mi codes of uint8. A code in a hundred may be a step apart, for
// onnxruntime multiplies by a reciprocal where the definition divides.

import { bytes } from "../data.mjs";
import { assertNear, duel } from "../duel.mjs";
import { model, oneNode } from "../onnx.mjs";
import { scalar } from "../operands.mjs";

const COUNT = 2 ** 20;
const SHAPE = [COUNT];

const tensor = (data, scale, zero) => ({
  format: "uint8",
  shape: SHAPE,
  data,
  scale: Float32Array.of(scale),
  zero: Int32Array.of(zero),
});

function race(bench, work, call, graph, data) {
  const rival = { model: graph, input: { type: "uint8", shape: SHAPE, data } };
  const check = (ours, [theirs]) => assertNear(ours.data, theirs, 1, COUNT / 100);
  return duel(bench, { work, asked: 2, values: COUNT }, call, rival, check);
}

const input = (name) => ({ name, type: Uint8Array, shape: SHAPE });

function binaryCase(work, op, run, result) {
  return (bench) => {
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
    return race(bench, work, () => bench.octavo[run](a, b, result), graph, [a.data, b.data]);
  };
}

function sigmoidCase(bench) {
  const x = tensor(bytes(COUNT, 23), 0.05, 117);
  const constants = {
    xScale: scalar(x.scale),
    xZero: scalar(Uint8Array.from(x.zero)),
    scale: scalar(Float32Array.of(1 / 256)),
    zero: scalar(Uint8Array.of(0)),
  };
  const node = { domain: "com.microsoft", input: input("x"), outputs: [input("y")], constants };
  const call = () => bench.octavo.activate(x, "sigmoid", { scale: 1 / 256 });
  return race(bench, "sigmoid u8, through a table", call, oneNode("QLinearSigmoid", node), [x.data]);
}

export const cases = {
  add: binaryCase("add u8 + u8 -> u8", "QLinearAdd", "add", { scale: 0.0613, zero: 120 }),
  mul: binaryCase("mul u8 * u8 -> u8", "QLinearMul", "mul", { scale: 0.1037, zero: 100 }),
  sigmoid: sigmoidCase,
};

// float32 <-> uint8 beside onnxruntime-web, 4 Mi values; outputs are the same byte for byte.

import assert from "node:assert/strict";
import { bytes, floats, scales } from "../data.mjs";
import { duel } from "../duel.mjs";
import { oneNode } from "../onnx.mjs";

const COUNT = 4 * 2 ** 20;
/** Normal values reach five standard deviations: a few of them clip. */
const STEP = 0.03;

const sameBytes = (ours, theirs, what) =>
  assert.ok(Buffer.compare(bytesOf(ours), bytesOf(theirs)) === 0, `${what} differ`);
const bytesOf = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

/** Scale and zero of a case, as both sides take them; one of each without an axis. */
function parameters(shape, axis) {
  const count = axis === undefined ? 1 : shape[axis];
  const scale = axis === undefined ? Float32Array.of(STEP) : scales(count, STEP);
  const zero = axis === undefined ? Uint8Array.of(117) : bytes(count, 5).map((byte) => 64 + byte / 2);
  const dims = axis === undefined ? [] : [count];
  return { scale, zero, constants: { scale: { data: scale, shape: dims }, zero: { data: zero, shape: dims } } };
}

function quantizeCase(work, shape, axis) {
  return async (bench) => {
    const data = floats(COUNT);
    const { scale, zero, constants } = parameters(shape, axis);
    const model = oneNode("QuantizeLinear", {
      input: { name: "x", type: Float32Array, shape },
      outputs: [{ name: "y", type: Uint8Array, shape }],
      constants,
      attributes: axis === undefined ? {} : { axis },
    });
    const options = { format: "uint8", shape, scale, zero: Int32Array.from(zero), ...(axis !== undefined && { axis }) };
    const call = () => bench.octavo.quantize(data, options);
    const check = ({ data: ours }, [theirs]) => sameBytes(ours, theirs, "codes");
    const rival = { model, input: { type: "float32", shape, data: [data] }, byHand: true };
    return duel(bench, { work, asked: 2, values: COUNT }, call, rival, check);
  };
}

function dequantizeCase(work, shape, axis) {
  return async (bench) => {
    const data = bytes(COUNT);
    const { scale, zero, constants } = parameters(shape, axis);
    const model = oneNode("DequantizeLinear", {
      input: { name: "x", type: Uint8Array, shape },
      outputs: [{ name: "y", type: Float32Array, shape }],
      constants,
      attributes: axis === undefined ? {} : { axis },
    });
    const q = { format: "uint8", shape, data, scale, zero: Int32Array.from(zero), ...(axis !== undefined && { axis }) };
    const call = () => bench.octavo.dequantize(q);
    const check = (ours, [theirs]) => sameBytes(ours, theirs, "values");
    const rival = { model, input: { type: "uint8", shape, data: [data] }, byHand: true };
    return duel(bench, { work, asked: 1.2, values: COUNT }, call, rival, check);
  };
}

async function dynamicCase(bench) {
  const data = floats(COUNT);
  const shape = [COUNT];
  const model = oneNode("DynamicQuantizeLinear", {
    input: { name: "x", type: Float32Array, shape },
    outputs: [
      { name: "y", type: Uint8Array, shape },
      { name: "scale", type: Float32Array, shape: [] },
      { name: "zero", type: Uint8Array, shape: [] },
    ],
  });
  const check = (q, [codes, scale, zero]) => {
    assert.equal(q.scale[0], scale[0]);
    assert.equal(q.zero[0], zero[0]);
    sameBytes(q.data, codes, "codes");
  };
  const call = () => bench.octavo.quantize(data, { format: "uint8" });
  const work = { work: "dynamic quantize f32 -> u8: range and codes", asked: 2, values: COUNT };
  return duel(bench, work, call, { model, input: { type: "float32", shape, data: [data] }, byHand: true }, check);
}

export const cases = {
  quantize: quantizeCase("quantize f32 -> u8, per tensor", [COUNT]),
  "quantize-axis-first": quantizeCase("quantize f32 -> u8, axis 0 of [64, 65536]", [64, 65536], 0),
  "quantize-axis-last": quantizeCase("quantize f32 -> u8, axis 1 of [65536, 64]", [65536, 64], 1),
  dequantize: dequantizeCase("dequantize u8 -> f32, per tensor", [COUNT]),
  "dequantize-axis-first": dequantizeCase("dequantize u8 -> f32, axis 0 of [64, 65536]", [64, 65536], 0),
  "dequantize-axis-last": dequantizeCase("dequantize u8 -> f32, axis 1 of [65536, 64]", [65536, 64], 1),
  dynamic: dynamicCase,
};

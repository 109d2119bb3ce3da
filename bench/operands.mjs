// Operands of the integer cases: the same codes for the library and, as constants of a QLinear node, for the rival.

import { bytes, scales } from "./data.mjs";

const X_SCALE = 0.02;
const X_ZERO = 117;
const W_SCALE = 0.004;
const Y_ZERO = 128;

export const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** uint8 activations of any codes. */
export function activations(shape) {
  const [scale, zero] = [Float32Array.of(X_SCALE), Int32Array.of(X_ZERO)];
  return { format: "uint8", shape, data: bytes(sizeOf(shape), 11), scale, zero };
}

/** An int8 weight of any codes, a scale for each of its outputs. */
export function weight(shape) {
  const [outputs] = shape;
  const data = new Int8Array(bytes(sizeOf(shape), 12).buffer);
  return { format: "int8", shape, data, scale: scales(outputs, W_SCALE), zero: new Int32Array(outputs), axis: 0 };
}

/** One bias for each output, of a size that matters. */
export const biases = (outputs) => Int32Array.from(bytes(outputs, 13), (byte) => (byte - 128) * 40);

/** What sums of `depth` products are requantized to, so that they fill the codes. */
export const resultOf = (depth) => ({ scale: Math.fround(X_SCALE * W_SCALE * Math.sqrt(depth) * 100), zero: Y_ZERO });

/** A constant of one number. */
export const scalar = (data) => ({ data, shape: [] });
const vector = (data) => ({ data, shape: [data.length] });

/** The zero points that an integer node takes behind its operands. */
export const zeroConstants = () => ({ xZero: scalar(Uint8Array.of(X_ZERO)), wZero: scalar(Int8Array.of(0)) });

/** What a QLinear node takes behind x: `codes` are the weight's in the node's layout. */
export function qlinearConstants(w, codes, { scale, zero }) {
  return {
    xScale: scalar(Float32Array.of(X_SCALE)),
    xZero: scalar(Uint8Array.of(X_ZERO)),
    w: codes,
    wScale: vector(w.scale),
    wZero: vector(new Int8Array(w.zero)),
    yScale: scalar(Float32Array.of(scale)),
    yZero: scalar(Uint8Array.of(zero)),
  };
}

/** [rows, columns] -> [columns, rows], for each of `count` matrices that follow each other. */
export function transpose(data, count, rows, columns) {
  const result = new data.constructor(data.length);
  for (let m = 0; m < count; m++) {
    const [from, to] = [m, m].map((at) => at * rows * columns);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) result[to + j * rows + i] = data[from + i * columns + j];
  }
  return result;
}

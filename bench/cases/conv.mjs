// Convolutions of uint8 activations and int8 weights with a scale for every output and a bias, beside QLinearConv: images
// lie channels last here and channels second there, as either side has them, and nothing is transposed while timed.

import { activations, biases, qlinearConstants, resultOf, sizeOf, transpose, weight } from "../operands.mjs";
import { race } from "../race.mjs";

const SIDE = 56;
const PIXELS = SIDE * SIDE;

/** The same in float32. */
function inFloat({ channels, outputs, kernel, groups }, attributes) {
  const depth = channels / groups;
  return {
    ort: {
      op: "Conv",
      attributes,
      shape: [1, channels, SIDE, SIDE],
      weightShape: [outputs, depth, kernel, kernel],
      outputShape: [1, outputs, SIDE, SIDE],
    },
    tfjs: {
      shape: [1, SIDE, SIDE, channels],
      weightShape: groups === 1 ? [kernel, kernel, channels, outputs] : [kernel, kernel, channels, 1],
      apply: (tf, x, w) => (groups === 1 ? tf.conv2d(x, w, 1, "same") : tf.depthwiseConv2d(x, w, 1, "same")),
    },
  };
}

/** A case on an image of 56 x 56 pixels, padded so that the output has as many. */
function convolution(title, size, asked) {
  const { channels, outputs, kernel, groups } = size;
  const depth = channels / groups;
  const pads = new Array(4).fill((kernel - 1) / 2);
  const work = {
    work: `${title} ${channels}->${outputs} ${SIDE}x${SIDE}`,
    asked,
    macs: PIXELS * outputs * kernel ** 2 * depth,
  };
  return (bench) => {
    const [x, w] = [activations([1, SIDE, SIDE, channels]), weight([outputs, kernel, kernel, depth])];
    const [bias, result] = [biases(outputs), resultOf(sizeOf(w.shape) / outputs)];
    const multiply = ({ conv2d }, prepared) => conv2d(x, prepared, { bias, pads, groups, ...result }).data;
    const attributes = { kernel_shape: [kernel, kernel], pads, group: groups };
    const codes = { data: transpose(w.data, outputs, kernel ** 2, depth), shape: [outputs, depth, kernel, kernel] };
    const rival = {
      op: "QLinearConv",
      attributes,
      input: { data: transpose(x.data, 1, PIXELS, channels), shape: [1, channels, SIDE, SIDE] },
      constants: { ...qlinearConstants(w, codes, result), bias: { data: bias, shape: [outputs] } },
      output: { type: Uint8Array, shape: [1, outputs, SIDE, SIDE] },
      inOurLayout: (data) => transpose(data, 1, outputs, PIXELS),
    };
    return race(bench, work, { w, groups, multiply }, rival, inFloat(size, attributes));
  };
}

const plain = { channels: 64, outputs: 64, kernel: 3, groups: 1 };
const pointwise = { channels: 64, outputs: 256, kernel: 1, groups: 1 };
const depthwise = { channels: 144, outputs: 144, kernel: 3, groups: 144 };

export const cases = {
  "conv-3x3": convolution("conv 3x3", plain, { relaxed: 2.2, simd: 1.1 }),
  "conv-1x1": convolution("conv 1x1", pointwise, { relaxed: 3, simd: 1.5 }),
  "conv-depthwise": convolution("depthwise 3x3", depthwise, { relaxed: 10, simd: 6 }),
};

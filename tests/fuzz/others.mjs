// Configurations of elementwise operators and pools; products.mjs says what a configuration is.

import { inputsOf, operand, optionsOf, parametersOf, result } from "./draw.mjs";
import { channelsLast, channelsSecond, quantized } from "./layout.mjs";

const TYPES = [Uint8Array, Int8Array];
const DOMAIN = "com.microsoft";

/** Two shapes that broadcast to one: the same, one of them with axes of 1, shorter, or a scalar. */
function broadcastShapes(draw) {
  const whole = draw.integers(draw.integer(1, 4), 1, 9);
  if (draw.chance(0.3)) whole[whole.length - 1] = draw.integer(10, 200);
  const some = whole.map((size) => (draw.chance(0.5) ? 1 : size));
  const other = draw.pick([whole, whole, some, whole.slice(draw.integer(1, whole.length)), []]);
  return draw.chance(0.5) ? [whole, other] : [other, whole];
}

/** QLinearAdd and QLinearMul beside add and mul. */
function binary(op, usualOf, call) {
  return (draw) => {
    const type = draw.pick(TYPES);
    const [a, b] = broadcastShapes(draw).map((shape) => operand(draw, type, shape));
    // scales of one size, so that both operands show
    b.scale[0] = draw.scale(a.scale[0] * draw.magnitude(-4, 4));
    const y = result(draw, type, usualOf(a.scale[0], b.scale[0]));
    const octavo = (library) => call(library)(quantized(a), quantized(b), optionsOf(y));
    return { op, domain: DOMAIN, inputs: [...inputsOf(a), ...inputsOf(b), ...parametersOf(y)], type, steps: 1, octavo };
  };
}

export const qlinearAdd = binary(
  "QLinearAdd",
  (a, b) => 100 * (a + b),
  ({ add }) => add,
);
export const qlinearMul = binary(
  "QLinearMul",
  (a, b) => 5000 * a * b,
  ({ mul }) => mul,
);

/** Windows over two axes; pads are smaller than the kernel, as onnxruntime demands. */
function windows(draw) {
  const kernel = draw.integers(2, 1, 5);
  const strides = draw.integers(2, 1, 3);
  const pads = [...kernel, ...kernel].map((size) => (draw.chance(0.5) ? 0 : draw.integer(0, size - 1)));
  const space = kernel.map((size, i) => Math.max(size - pads[i] - pads[i + 2], 1) + draw.integer(0, 12));
  return { kernel, strides, pads, shape: [draw.integer(1, 2), draw.integer(1, 40), ...space] };
}

/** QLinearAveragePool beside averagePool2d. */
export function qlinearAveragePool(draw) {
  const type = draw.pick(TYPES);
  const { kernel, strides, pads, shape } = windows(draw);
  const x = operand(draw, type, shape);
  const y = result(draw, type, 64 * x.scale[0]);
  const countIncludePad = draw.chance(0.5);
  const octavo = (library) => {
    const options = { kernel, strides, pads, countIncludePad, ...optionsOf(y) };
    return channelsSecond(library.averagePool2d(quantized(channelsLast(x)), options));
  };
  const attributes = { kernel_shape: kernel, strides, pads, count_include_pad: Number(countIncludePad) };
  const inputs = [...inputsOf(x), ...parametersOf(y)];
  return { op: "QLinearAveragePool", domain: DOMAIN, attributes, inputs, type, steps: 1, octavo };
}

/** QLinearGlobalAveragePool beside globalAveragePool. */
export function qlinearGlobalAveragePool(draw) {
  const type = draw.pick(TYPES);
  const x = operand(draw, type, [draw.integer(1, 3), draw.integer(1, 70), ...draw.integers(2, 1, 12)]);
  // onnxruntime has an error for ratios of scales beyond 2^-32..2^8
  const y = result(draw, type, 32 * x.scale[0], 0);
  const octavo = (library) => channelsSecond(library.globalAveragePool(quantized(channelsLast(x)), optionsOf(y)));
  const attributes = { channels_last: 0 };
  const inputs = [...inputsOf(x), ...parametersOf(y)];
  return { op: "QLinearGlobalAveragePool", domain: DOMAIN, attributes, inputs, type, steps: 1, octavo };
}

/** MaxPool of codes beside maxPool2d. */
export function maxPool(draw) {
  const { kernel, strides, pads, shape } = windows(draw);
  const dilations = draw.chance(0.7) ? [1, 1] : draw.integers(2, 1, 3);
  const x = operand(
    draw,
    draw.pick(TYPES),
    shape.map((size, i) => (i < 2 ? size : size + 8)),
  );
  const options = { kernel, strides, pads, dilations };
  const octavo = (library) => channelsSecond(library.maxPool2d(quantized(channelsLast(x)), options));
  const attributes = { kernel_shape: kernel, strides, pads, dilations };
  return { op: "MaxPool", attributes, inputs: [x], type: x.data.constructor, steps: 0, octavo };
}

// Configurations of what accumulates products: convolutions and matrix products, requantized or as they are.
//
// A configuration is { op, domain, attributes, inputs, types, type, steps, octavo }: inputs are { data, shape, constant } in
// the node's order (undefined: left out), `types` the array classes of the factors, `type` that of the output, `steps` by how
// much codes may differ; `octavo` gives the same from the library, { data, shape } in ONNX's layout.

import { constant, inputsOf, operand, optionsOf, parametersOf, result } from "./draw.mjs";
import { channelsLast, channelsSecond, quantized, sizeOf, swapLast } from "./layout.mjs";

const SIGNS = [
  [Uint8Array, Int8Array],
  [Int8Array, Int8Array],
  [Uint8Array, Uint8Array],
];
/** onnxruntime has no requantizing kernels for the last. */
const ALL_SIGNS = [...SIGNS, [Int8Array, Uint8Array]];

/** Sizes around the widths of vectors and tiles. */
const SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65, 100];
const SMALL_SIZES = SIZES.slice(0, 17);

/** A weight: a constant one is packed beforehand by both sides (here only if it is no batch), another is not. */
function weightOf(draw, type, shape) {
  return { ...operand(draw, type, shape), constant: draw.chance(0.6) };
}

/** What a call of the library gives on a weight. */
function onWeight({ prepare }, w, constant, groups, call) {
  if (!constant) return call(w);
  const prepared = prepare(w, { groups });
  try {
    return call(prepared);
  } finally {
    prepared.dispose();
  }
}

/** The scale, or one for each of `count` channels around it. */
function channelScales(draw, [scale], count) {
  if (draw.chance(0.4)) return Float32Array.of(scale);
  return Float32Array.from({ length: count }, () => draw.scale(scale * draw.magnitude(-2, 2)));
}

/** What sums of `depth` products are requantized to: they grow with its root or, of zero points at an end, with it. */
function sumResult(draw, type, x, w, depth) {
  return result(draw, type, x.scale[0] * w.scale[0] * depth ** draw.pick([0.5, 0.75, 1]) * 5000);
}

/** Of a size that matters beside the sums; or as large as keeps the accumulator in 32 bits; or none. */
function biasOf(draw, count, depth) {
  if (draw.chance(0.4)) return undefined;
  const most = draw.chance(0.1) ? 2 ** 31 - 1 - depth * 255 * 255 : Math.sqrt(depth) * 10_000;
  return Int32Array.from({ length: count }, () => (draw.uniform() * 2 - 1) * most);
}

/** What integer operators have: no scale of their own. */
const unscaled = (tensor) => ({ ...tensor, scale: Float32Array.of(1) });

// Convolution ----------------------------------------------------------------------------------------------------------

function channelsOf(draw) {
  const kind = draw.pick(["plain", "plain", "plain", "grouped", "depthwise"]);
  if (kind === "plain") return { group: 1, c: draw.pick(SMALL_SIZES), o: draw.pick(SMALL_SIZES) };
  const group = kind === "grouped" ? draw.integer(2, 4) : draw.pick(SIZES);
  const c = kind === "grouped" ? group * draw.integer(1, 17) : group;
  return { group, c, o: group * draw.integer(1, kind === "grouped" ? 17 : 3) };
}

/** Shapes and attributes that fit together, over one axis or two. */
function geometry(draw, axes) {
  const { group, c, o } = channelsOf(draw);
  const kernel = draw.chance(0.25) ? new Array(axes).fill(1) : draw.integers(axes, 1, 5);
  const strides = draw.chance(0.5) ? new Array(axes).fill(1) : draw.integers(axes, 1, 3);
  const dilations = draw.chance(0.7) ? new Array(axes).fill(1) : draw.integers(axes, 1, 3);
  const pads = draw.chance(0.4) ? new Array(2 * axes).fill(0) : draw.integers(2 * axes, 0, 3);
  const reach = kernel.map((size, i) => (size - 1) * dilations[i] + 1);
  const extra = draw.integers(axes, 0, 12);
  const space = reach.map((size, i) => Math.max(size - pads[i] - pads[i + axes], 1) + extra[i]);
  return {
    attributes: { kernel_shape: kernel, strides, dilations, pads, group },
    options: { strides, dilations, pads, groups: group },
    x: [draw.integer(1, 2), c, ...space],
    w: [o, c / group, ...kernel],
    out: space.map((size, i) => Math.floor((size + pads[i] + pads[i + axes] - reach[i]) / strides[i]) + 1),
  };
}

/** QLinearConv beside conv1d and conv2d. */
export function qlinearConv(draw) {
  const [xType, wType] = draw.pick(SIGNS);
  const shapes = geometry(draw, draw.chance(0.2) ? 1 : 2);
  const [o, ...window] = shapes.w;
  const x = operand(draw, xType, shapes.x);
  const w = weightOf(draw, wType, shapes.w);
  w.scale = channelScales(draw, w.scale, o);
  const y = sumResult(draw, xType, x, w, sizeOf(window));
  const bias = biasOf(draw, o, sizeOf(window));
  const octavo = (library) => {
    const convolve = window.length === 2 ? library.conv1d : library.conv2d;
    const options = { ...shapes.options, ...optionsOf(y), ...(bias && { bias }) };
    const call = (weight) => convolve(quantized(channelsLast(x)), weight, options);
    return channelsSecond(onWeight(library, quantized(channelsLast(w), 0), w.constant, options.groups, call));
  };
  const inputs = [...inputsOf(x), ...inputsOf(w), ...parametersOf(y), bias && constant(bias, [o])];
  const { attributes } = shapes;
  return { op: "QLinearConv", attributes, inputs, types: [xType, wType], type: xType, steps: 0, octavo };
}

/** ConvInteger beside accumulate. */
export function convInteger(draw) {
  const [xType, wType] = draw.pick(ALL_SIGNS);
  const { attributes, options, out, ...shapes } = geometry(draw, 2);
  const x = unscaled(operand(draw, xType, shapes.x));
  const w = unscaled(weightOf(draw, wType, shapes.w));
  const octavo = (library) => {
    const call = (weight) => library.accumulate(quantized(channelsLast(x)), weight, options);
    const data = onWeight(library, quantized(channelsLast(w)), w.constant, options.groups, call);
    return channelsSecond({ data, shape: [shapes.x[0], ...out, shapes.w[0]] });
  };
  const inputs = [x, w, constant(x.zero), constant(w.zero)];
  return { op: "ConvInteger", attributes, inputs, types: [xType, wType], type: Int32Array, steps: 0, octavo };
}

// Matrix products ------------------------------------------------------------------------------------------------------

/** [..., m, k] and [..., k, n]; leading axes are the same, broadcast, or missing on one side. */
function matrices(draw, kinds, most) {
  const [m, n] = [draw.pick(SIZES), draw.pick(SIZES)];
  const k = draw.chance(0.1) ? draw.integer(200, 1200) : draw.pick(SIZES);
  const lead = draw.integers(draw.chance(0.6) ? 0 : draw.integer(1, most), 1, 4);
  const some = lead.map((size) => (draw.chance(0.5) ? 1 : size));
  const sides = { same: [lead, lead], ones: [some, lead], left: [lead, []], right: [[], lead] };
  const [left, right] = sides[draw.pick(kinds)];
  return { a: [...left, m, k], b: [...right, k, n] };
}

const packs = ({ constant, shape }) => constant && shape.length === 2;

/** Parameters of the columns of [..., k, n]: of a batch every matrix has its own, here the same ones. */
function columns(data, [...shape]) {
  if (data.length === 1 || shape.length === 2) return constant(data);
  shape.splice(-2, 1, 1);
  const repeated = new data.constructor(sizeOf(shape)).map((_, i) => data[i % data.length]);
  return constant(repeated, shape);
}

/** QLinearMatMul beside matmul. */
export function qlinearMatMul(draw) {
  const [aType, bType] = draw.pick(SIGNS);
  const shapes = matrices(draw, ["same", "ones", "left", "right"], 2);
  const [k, n] = shapes.b.slice(-2);
  const a = operand(draw, aType, shapes.a);
  const b = weightOf(draw, bType, shapes.b);
  b.scale = channelScales(draw, b.scale, n);
  if (b.scale.length > 1 && draw.chance(0.5)) b.zero = new bType(n).map(() => draw.zero(bType));
  const y = sumResult(draw, aType, a, b, k);
  const octavo = (library) => {
    const call = (weight) => library.matmul(quantized(a), weight, optionsOf(y));
    return onWeight(library, quantized(swapLast(b), b.shape.length - 2), packs(b), 1, call);
  };
  const inputs = [...inputsOf(a), b, columns(b.scale, b.shape), columns(b.zero, b.shape), ...parametersOf(y)];
  return { op: "QLinearMatMul", inputs, types: [aType, bType], type: aType, steps: 0, octavo };
}

/** MatMulInteger beside accumulate. */
export function matMulInteger(draw) {
  const [aType, bType] = draw.pick(ALL_SIGNS);
  const shapes = matrices(draw, ["same", "left"], 1);
  const a = unscaled(operand(draw, aType, shapes.a));
  const b = unscaled(weightOf(draw, bType, shapes.b));
  const [n] = shapes.b.slice(-1);
  const octavo = (library) => {
    const call = (weight) => library.accumulate(quantized(a), weight);
    const data = onWeight(library, quantized(swapLast(b)), packs(b), 1, call);
    return { data, shape: [...shapes.a.slice(0, -1), n] };
  };
  const inputs = [a, b, constant(a.zero), constant(b.zero)];
  return { op: "MatMulInteger", inputs, types: [aType, bType], type: Int32Array, steps: 0, octavo };
}

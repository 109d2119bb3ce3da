// ONNX has channels second and weights [k, n], octavo has channels last and weights [n, k].

/** How many values a shape has. */
export const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** The tensor with its axes in another order. */
function transpose(tensor, order) {
  const { data, shape } = tensor;
  const steps = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const to = order.map((axis) => shape[axis]);
  const result = new data.constructor(data.length);
  const index = new Array(to.length).fill(0);
  for (let i = 0; i < data.length; i++) {
    result[i] = data[order.reduce((sum, axis, at) => sum + index[at] * steps[axis], 0)];
    for (let at = to.length - 1; at >= 0 && ++index[at] === to[at]; at--) index[at] = 0;
  }
  return { ...tensor, data: result, shape: to };
}

const rest = (shape) => shape.slice(2).map((_, i) => i + 2);

/** [n, c, ...] -> [n, ..., c]; of a weight [o, c, ...] -> [o, ..., c]. */
export const channelsLast = (tensor) => transpose(tensor, [0, ...rest(tensor.shape), 1]);

/** [n, ..., c] -> [n, c, ...] */
export const channelsSecond = (tensor) =>
  transpose(tensor, [0, tensor.shape.length - 1, ...rest(tensor.shape).map((axis) => axis - 1)]);

/** [..., k, n] -> [..., n, k] */
export function swapLast(tensor) {
  const rank = tensor.shape.length;
  return transpose(
    tensor,
    [...tensor.shape.keys()].map((axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis)),
  );
}

export const formatOf = (data) => (data instanceof Int8Array ? "int8" : "uint8");

/** The library's tensor of { data, shape, scale, zero }; several scales are those of `axis`, one zero stands for all. */
export function quantized({ data, shape, scale, zero }, axis) {
  const zeros = Int32Array.from(scale, (_, i) => zero[zero.length === 1 ? 0 : i]);
  const tensor = { format: formatOf(data), shape, data, scale, zero: zeros };
  return scale.length === 1 ? tensor : { ...tensor, axis };
}

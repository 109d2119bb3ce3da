// Rows of tensors: their first axis.

import type { FormatName } from "../formats.ts";
import type { Tensor } from "../index.ts";
import { tensorArray } from "../tensor/tensor.ts";

/** The rows of all tensors, one after another. */
export function stack(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors as [Tensor];
  if (tensors.length === 1) return first;
  const data = new (tensorArray(first.format as FormatName))(tensors.reduce((sum, { data }) => sum + data.length, 0));
  let at = 0;
  for (const each of tensors) {
    data.set(each.data as never, at);
    at += each.data.length;
  }
  const rows = tensors.reduce((sum, { shape: [rows = 1] }) => sum + rows, 0);
  return { format: first.format, shape: [rows, ...first.shape.slice(1)], data };
}

/** No more than the first rows of a tensor. */
export function firstRows(tensor: Tensor, rows: number): Tensor {
  const [all = 1, ...rest] = tensor.shape;
  if (all <= rows) return tensor;
  return { ...tensor, shape: [rows, ...rest], data: tensor.data.subarray(0, (tensor.data.length / all) * rows) };
}

/** The parts of a tensor that have so many rows each; the tensor where it has no multiple of them. */
export function partsOf(tensor: Tensor, rows: number): Tensor[] {
  const [all = 1, ...rest] = tensor.shape;
  const parts = rows > 0 ? all / rows : 1;
  if (parts === 1 || !Number.isInteger(parts)) return [tensor];
  const length = tensor.data.length / parts;
  return Array.from({ length: parts }, (_, part) => {
    const data = tensor.data.subarray(part * length, (part + 1) * length);
    return { ...tensor, shape: [rows, ...rest], data };
  });
}

/** The rows of tensors, so many at a time. */
export async function* inParts(tensors: AsyncIterable<Tensor>, rows: number): AsyncGenerator<Tensor> {
  let waiting: Tensor[] = [];
  for await (const tensor of tensors) {
    waiting.push(tensor);
    const held = waiting.reduce((sum, { shape: [extent = 1] }) => sum + extent, 0);
    if (held < rows) continue;
    yield* partsOf(stack(waiting), rows);
    waiting = [];
  }
  if (waiting.length > 0) yield stack(waiting);
}

// What a caller feeds, held to what the model expects.

import { rangeError, typeError } from "../check.ts";
import type { FormatName } from "../formats.ts";
import { feedsOf, type Model, type Value } from "../model/graph.ts";
import { sizeOf } from "../tensor/shape.ts";
import { storedLength, type Tensor, type TensorArray, tensorArray } from "../tensor/tensor.ts";

/** Inputs by name: tensors, or arrays where the model knows the shape. */
export type Feeds = Readonly<Record<string, Tensor | TensorArray>>;

/** A value in a sentence: `"x" float32 [N, 3, 32, 32]`. */
function describeValue({ name, format, shape }: Value): string {
  return `"${name}" ${format ?? "of any format"} ${shape ? `[${shape.map((each) => each || "?").join(", ")}]` : "of any shape"}`;
}

function expected(model: Model): string {
  return feedsOf(model.graph).map(describeValue).join("; ") || "no inputs";
}

/** Lengths that the names of dynamic extents stand for. */
type Bound = Map<string, number>;

/** The shape of an array, by the model's: one extent may be open. */
function shapeFor(array: TensorArray, value: Value, bound: Bound): number[] | undefined {
  const extents = value.shape?.map((extent) => (typeof extent === "string" ? (bound.get(extent) ?? extent) : extent));
  const open = extents?.filter((extent) => typeof extent === "string") ?? [];
  if (!extents || open.length > 1) return undefined;
  const rest = sizeOf(extents.filter((extent) => typeof extent === "number"));
  return extents.map((extent) => (typeof extent === "number" ? extent : rest === 0 ? 0 : array.length / rest));
}

function fits({ shape }: Tensor, value: Value, bound: Bound): boolean {
  if (!value.shape) return true;
  if (value.shape.length !== shape.length) return false;
  return value.shape.every((extent, axis) => {
    const given = shape[axis] as number;
    if (typeof extent === "number") return extent === given;
    if (extent === "") return true;
    if (!bound.has(extent)) bound.set(extent, given);
    return bound.get(extent) === given;
  });
}

function checkFeed(fed: unknown, value: Value, bound: Bound, model: Model): Tensor {
  const wanted = () => `${describeValue(value)}, as the model expects ${expected(model)}`;
  if (fed === null || typeof fed !== "object") throw typeError(value.name, wanted(), fed);
  const tensor = ArrayBuffer.isView(fed) ? asTensor(fed as TensorArray, value, bound) : (fed as Tensor);
  if (!tensor || !Array.isArray(tensor.shape)) throw typeError(value.name, `a tensor: ${wanted()}`, fed);
  const { format, shape, data } = tensor;
  if (value.format && format !== value.format) throw rangeError(`${value.name}.format`, wanted(), format);
  const kind = tensorArray(format as FormatName);
  if (Object.getPrototypeOf(data)?.constructor?.name !== kind.name)
    throw typeError(`${value.name}.data`, kind.name, data);
  const length = storedLength(format as FormatName, sizeOf(shape));
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0) || !fits(tensor, value, bound)) {
    throw rangeError(`${value.name}.shape`, wanted(), shape);
  }
  if (data.length !== length)
    throw rangeError(`${value.name}.data`, `${length} elements for [${shape.join(", ")}]`, data);
  return tensor;
}

function asTensor(array: TensorArray, value: Value, bound: Bound): Tensor | undefined {
  const shape = shapeFor(array, value, bound);
  return shape && { format: value.format ?? "float32", shape, data: array };
}

/**
 * Feeds as tensors, by name.
 * @throws TypeError or RangeError that lists what the model expects
 */
export function checkFeeds(model: Model, feeds: Feeds): Map<string, Tensor> {
  if (feeds === null || typeof feeds !== "object")
    throw typeError("feeds", `inputs by name: ${expected(model)}`, feeds);
  const values = feedsOf(model.graph);
  for (const name of Object.keys(feeds)) {
    if (!values.some((value) => value.name === name)) throw rangeError("feeds", `the inputs ${expected(model)}`, name);
  }
  const bound: Bound = new Map();
  return new Map(
    values.map((value) => {
      if (!Object.hasOwn(feeds, value.name))
        throw rangeError("feeds", `the inputs ${expected(model)}`, Object.keys(feeds));
      return [value.name, checkFeed(feeds[value.name], value, bound, model)];
    }),
  );
}

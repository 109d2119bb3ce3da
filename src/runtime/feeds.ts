// What a caller feeds, held to what the model expects.

import { checkArray, rangeError, typeError } from "../check.ts";
import { checkFormatName } from "../check-format.ts";
import type { FormatName } from "../formats.ts";
import { type Extent, feedsOf, type Model, type Value } from "../model/graph.ts";
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

/** What the names of dynamic extents stand for. */
type Bound = Map<string, number>;

/** An array as a tensor of the model's shape; one extent may be open. */
function asTensor(data: TensorArray, { format = "float32", shape }: Value, bound: Bound): Tensor | undefined {
  const extents = shape?.map((extent) => bound.get(extent as string) ?? extent);
  const isOpen = (extent: Extent) => typeof extent === "string";
  if (!extents || extents.filter(isOpen).length > 1) return undefined;
  const rest = sizeOf(extents.map((extent) => (isOpen(extent) ? 1 : Number(extent))));
  const open = rest === 0 ? 0 : Math.ceil(data.length / rest);
  return { format, shape: extents.map((extent) => (isOpen(extent) ? open : Number(extent))), data };
}

/** Whether a shape is of the model's; names of extents are bound to what they are first. */
function fits(given: readonly number[], shape: readonly Extent[] | undefined, bound: Bound): boolean {
  if (!given.every((extent) => Number.isInteger(extent) && extent >= 0)) return false;
  if (!shape) return true;
  if (shape.length !== given.length) return false;
  return shape.every((extent, axis) => {
    if (extent === "") return true;
    if (typeof extent === "string" && !bound.has(extent)) bound.set(extent, given[axis] as number);
    return (bound.get(extent as string) ?? extent) === given[axis];
  });
}

/** A fed value as a tensor that is what the model expects. */
function checkFeed(fed: unknown, value: Value, bound: Bound, model: Model): Tensor {
  const { name } = value;
  const wanted = () => {
    const isOnly = feedsOf(model.graph).length === 1;
    const bindings = Array.from(bound, ([extent, length]) => `${extent} = ${length}`).join(", ");
    return `${describeValue(value)}${isOnly ? "" : ` (the model expects ${expected(model)}${bindings && `; ${bindings}`})`}`;
  };
  const tensor = ArrayBuffer.isView(fed) ? asTensor(fed as TensorArray, value, bound) : (fed as Tensor);
  if (!Array.isArray(tensor?.shape))
    throw typeError(name, `a tensor, or an array where the shape is known: ${wanted()}`, fed);
  const { format, shape, data } = tensor;
  checkFormatName(format, `${name}.format`);
  if (value.format && format !== value.format) throw rangeError(`${name}.format`, wanted(), format);
  if (!fits(shape, value.shape, bound)) throw rangeError(`${name}.shape`, wanted(), shape);
  checkArray(data, [tensorArray(format as FormatName) as never], `${name}.data`);
  const length = storedLength(format as FormatName, sizeOf(shape));
  if (data.length !== length) {
    const filled = data === fed ? `${describeValue(value)}, as in [${shape.join(", ")}]` : `[${shape.join(", ")}]`;
    throw rangeError(`${name}.data`, `${length} elements for ${filled}`, data);
  }
  return tensor;
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

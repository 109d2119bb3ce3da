// Operators that make tensors of few numbers: constants, ranges, diagonals.

import { nodeError, nodeRangeError } from "../../check.ts";
import { FORMATS, type FormatName } from "../../formats.ts";
import { unpackCodes } from "../../tensor/codec.ts";
import { sizeOf } from "../../tensor/shape.ts";
import type { CodeFormat } from "../../tensor/tensor.ts";
import { intOf, tensorOf } from "../attributes.ts";
import { codeOf, realsOf } from "../convert.ts";
import { formatOfType } from "../data-types.ts";
import { inFloat32 } from "../float-row.ts";
import type { Attribute, Constant } from "../graph.ts";
import { type Known, lengthOf, type Operator, type Place, type Site, viewOf } from "../operator.ts";
import { inBytes } from "../packed-row.ts";
import { axisIn, checkedShape, input, knownValue, numbersOf } from "../site.ts";
import { stridesOf } from "../transpose.ts";

/** The tensor that an attribute of a Constant spells. */
function constantFrom(attribute: Attribute): Constant | undefined {
  const { kind, value } = attribute;
  if (kind === "tensor") return "data" in value ? value : undefined;
  if (kind === "int") return { format: "int64", shape: [], data: BigInt64Array.of(value) };
  if (kind === "ints") return { format: "int64", shape: [value.length], data: BigInt64Array.from(value) };
  if (kind === "float") return { format: "float32", shape: [], data: Float32Array.of(value) };
  if (kind === "floats") return { format: "float32", shape: [value.length], data: Float32Array.from(value) };
  return undefined;
}

const CONSTANT: Operator = {
  infer({ node }) {
    const [name = ""] = Array.from(node.attributes.keys()).filter((each) => /^value(_|$)/.test(each));
    const attribute = node.attributes.get(name);
    const value = attribute && constantFrom(attribute);
    if (!value)
      throw nodeError(node, `expected a value of numbers that is not sparse, got ${attribute?.kind ?? "none"}`);
    return [{ format: value.format, shape: value.shape, value }];
  },
  compile: () => () => {},
};

/** The value that fills a ConstantOfShape: one number. */
function fillingOf(site: Site): Constant {
  const value = tensorOf(site.node, "value") ?? { format: "float32", shape: [1], data: Float32Array.of(0) };
  if (sizeOf(value.shape) !== 1) throw nodeRangeError(site.node, "value", "one number", value.data);
  return value;
}

const CONSTANT_OF_SHAPE: Operator = inBytes({
  values: [0],
  infer(site) {
    const { format } = fillingOf(site);
    return [{ format, shape: checkedShape(site, numbersOf(site, 0) ?? [], format) }];
  },
  compile(call) {
    const [y] = call.outputs as [Place];
    const { format, data } = fillingOf(call);
    const codes = y.format === format ? data : unpackCodes(data as Uint8Array, FORMATS.get(format) as CodeFormat, 1);
    return () => viewOf(call, y).fill(codes[0] as never);
  },
});

const RANGED: readonly FormatName[] = ["float32", "float64", "float16", "bfloat16", "int16", "int32", "int64"];

/** Start, limit and delta. */
function rangeOf(site: Site): [number, number, number] {
  const numbers = [0, 1, 2].map((i) => realsOf(input(site, i).value as Constant)[0] ?? Number.NaN);
  return numbers as [number, number, number];
}

const RANGE: Operator = inFloat32({
  values: [0, 1, 2],
  infer(site) {
    const { format } = input(site, 0);
    const [start, limit, delta] = rangeOf(site);
    if (!RANGED.includes(format)) throw nodeRangeError(site.node, "start", RANGED.join(" or "), format);
    const count = Math.max(Math.ceil((limit - start) / delta), 0);
    return [{ format, shape: checkedShape(site, [count], format) }];
  },
  compile(call) {
    const [y] = call.outputs as [Place];
    const [start, , delta] = rangeOf(call);
    const round = y.format === "float32" ? Math.fround : (v: number) => v;
    return () => {
      const values = viewOf(call, y);
      for (let i = 0; i < values.length; i++) values[i] = codeOf(y.format, start + round(i * delta)) as never;
    };
  },
});

/** The format of an EyeLike: named, or its input's. */
function eyeFormat(site: Site): FormatName {
  const type = intOf(site.node, "dtype", undefined);
  return type === undefined ? input(site, 0).format : formatOfType(site.node, "dtype", type);
}

const EYE_LIKE: Operator = {
  infer(site) {
    const { shape } = input(site, 0);
    if (shape.length !== 2) throw nodeError(site.node, `expected two axes, got [${shape}]`);
    return [{ format: eyeFormat(site), shape }];
  },
  compile(call) {
    const [y] = call.outputs as [Place];
    const [rows, columns] = y.shape as [number, number];
    const k = intOf(call.node, "k", 0);
    const one = codeOf(y.format, 1);
    return () => {
      const values = viewOf(call, y);
      values.fill(codeOf(y.format, 0) as never);
      for (let row = Math.max(-k, 0); row < rows && row + k < columns; row++) {
        values[row * columns + row + k] = one as never;
      }
    };
  },
};

/** The extent of a OneHot's new axis, and where it is in the result. */
function hotAxis(site: Site): { depth: number; axis: number } {
  const depth = realsOf(knownValue(site, 1) as Constant)[0] ?? Number.NaN;
  return { depth, axis: axisIn(site, -1, input(site, 0).shape.length + 1) };
}

const ONE_HOT: Operator = inBytes({
  values: [1],
  infer(site) {
    const { shape } = input(site, 0);
    const { format } = input(site, 2);
    const { depth, axis } = hotAxis(site);
    if (lengthOf(input(site, 2)) !== 2)
      throw nodeError(site.node, `expected two values, got [${input(site, 2).shape}]`);
    return [{ format, shape: checkedShape(site, [...shape.slice(0, axis), depth, ...shape.slice(axis)], format) }];
  },
  compile(call) {
    const [indices, values] = [input(call, 0), input(call, 2)];
    const [y] = call.outputs as [Place];
    const { depth, axis } = hotAxis(call);
    const inner = stridesOf(y.shape)[axis] as number;
    return () => {
      const [off, on] = viewOf(call, values);
      const result = viewOf(call, y);
      result.fill(off as never);
      realsOf({ ...indices, data: viewOf(call, indices) }).forEach((given, i) => {
        const hot = given < 0 ? given + depth : given;
        const at = Math.floor(i / inner) * inner * depth + (i % inner);
        if (hot >= 0 && hot < depth) result[at + Math.trunc(hot) * inner] = on as never;
      });
    };
  },
});

/** Indices of the values that are not 0, an axis a row. */
function indicesOfNonZero({ shape, value }: Known): number[][] {
  const strides = stridesOf(shape);
  const places = realsOf(value as Constant).flatMap((v, i) => (v === 0 ? [] : [i]));
  return shape.map((extent, axis) => places.map((place) => Math.floor(place / (strides[axis] as number)) % extent));
}

const NON_ZERO: Operator = {
  values: [0],
  infer(site) {
    const x = input(site, 0);
    const rows = indicesOfNonZero(x);
    const known = { format: "int64" as const, shape: [x.shape.length, rows[0]?.length ?? 0] };
    return [{ ...known, value: { ...known, data: BigInt64Array.from(rows.flat(), BigInt) } }];
  },
  compile: () => () => {},
};

export const MAKERS: Readonly<Record<string, Operator>> = {
  Constant: CONSTANT,
  ConstantOfShape: CONSTANT_OF_SHAPE,
  EyeLike: EYE_LIKE,
  NonZero: NON_ZERO,
  OneHot: ONE_HOT,
  Range: RANGE,
};

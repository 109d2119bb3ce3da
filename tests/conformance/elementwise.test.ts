// The oracle and the product on the elementwise operators' cases.
import {
  activate,
  add,
  concat,
  dequantize,
  maximum,
  minimum,
  mul,
  pad,
  prelu,
  quantize,
  requantize,
  squaredDifference,
  sub,
} from "../../src/index.ts";
import * as activation from "../reference/activation.ts";
import { dequantizeValue, quantizeValue } from "../reference/affine.ts";
import { at } from "../reference/at.ts";
import * as elementwise from "../reference/elementwise.ts";
import { type ElementwiseImplementation, type How, testElementwise } from "./elementwise.cases.ts";
import { type Quantized, resultOf, tensorOf } from "./quantized.ts";

// The oracle -------------------------------------------------------------------------------------------------------

const CLAMPS = { relu: [0, Infinity], relu6: [0, 6], relu_n1_to_1: [-1, 1] } as const;

const awayFromZero = (v: number): number => Math.sign(v) * Math.floor(Math.abs(v) + 0.5);

function targetOf({ format, scale, zero }: Quantized, clamp?: keyof typeof CLAMPS): elementwise.Target {
  const [, unsigned, width] = /^(u?)int(\d+)$/.exec(format) as RegExpExecArray;
  const bits = Number(width);
  const lo = unsigned === "u" ? 0 : -(2 ** (bits - 1));
  const hi = lo + 2 ** bits - 1;
  const end = (v: number) => Math.min(Math.max(awayFromZero(Math.fround(v / scale)) + zero, lo), hi);
  const [least, most] = clamp === undefined ? [-Infinity, Infinity] : CLAMPS[clamp];
  return { scale, zero, bits, lo: end(least), hi: end(most) };
}

function oracleRescale(x: Quantized, result: Quantized, { arithmetic }: How): number[] {
  const target = targetOf(result);
  return x.codes.map((code) =>
    arithmetic === "onnx"
      ? elementwise.codeOf(dequantizeValue(code, x.scale, x.zero), target)
      : activation.activateFixed(code, "rescale", targetOf(x), target, arithmetic === "tflite-single"),
  );
}

const oracle: ElementwiseImplementation = {
  combine: (op, a, b, result, { arithmetic, activation: clamp }) => {
    const shape = elementwise.broadcastShape(a.shape, b.shape) as number[];
    const target = targetOf(result, clamp);
    const sides = [targetOf(a), targetOf(b)] as const;
    return Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => {
      const p = at(a.codes, elementwise.broadcastIndex(i, shape, a.shape));
      const q = at(b.codes, elementwise.broadcastIndex(i, shape, b.shape));
      const operation = op as elementwise.Operation;
      if (arithmetic === "onnx") return elementwise.combine(operation, p, sides[0], q, sides[1], target);
      return elementwise.combineFixed(operation, p, sides[0], q, sides[1], target, arithmetic === "tflite-single");
    });
  },
  activate: (name, x, result, { arithmetic, alpha }) => {
    const target = targetOf(result, name in CLAMPS ? (name as "relu") : undefined);
    return x.codes.map((code) =>
      arithmetic === "onnx"
        ? activation.activate(code, name, x as never, target, alpha)
        : activation.activateFixed(code, name, targetOf(x), target, arithmetic === "tflite-single", alpha),
    );
  },
  concat: (tensors, axis, result, how) => {
    const codes = tensors.map((tensor) => oracleRescale(tensor, result, how));
    const shapes = tensors.map(({ shape }) => shape);
    return elementwise.concatIndices(shapes, axis).map(([tensor, index]) => at(at(codes, tensor), index));
  },
  pad: (x, pads) => elementwise.pad(x.codes, x.shape, pads, x.zero),
  requantize: oracleRescale,
  quantize: (x, result) => {
    const { scale, zero, lo, hi } = targetOf(result);
    return Array.from(x, (v) => quantizeValue(v, scale, zero, lo, hi));
  },
  dequantize: ({ codes, scale, zero }) => codes.map((code) => dequantizeValue(code, scale, zero)),
};

// The product ------------------------------------------------------------------------------------------------------

function optionsOf(result: Quantized, how: How) {
  return { ...resultOf(result), ...how };
}

const COMBINE = { add, sub, mul, squaredDifference, minimum, maximum, prelu };

const product: ElementwiseImplementation = {
  combine: (op, a, b, result, how) => COMBINE[op as "add"](tensorOf(a), tensorOf(b), optionsOf(result, how)).data,
  activate: (name, x, result, how) => activate(tensorOf(x), name as "relu", optionsOf(result, how)).data,
  concat: (tensors, axis, result, how) => concat(tensors.map(tensorOf), { axis, ...optionsOf(result, how) }).data,
  pad: (x, pads) => pad(tensorOf(x), { pads }).data,
  requantize: (x, result, how) => requantize(tensorOf(x), optionsOf(result, how)).data,
  quantize: (x, result) => quantize(x, resultOf(result)).data,
  dequantize: (x) => dequantize(tensorOf(x)),
};

testElementwise("the oracle", oracle);
testElementwise("the product", product);

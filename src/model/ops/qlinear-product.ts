// Products and convolutions of codes, with the sums as they are, requantized, or as float32.

import { nodeError } from "../../check.ts";
import type { CodeArray, FormatName } from "../../formats.ts";
import { linear, matmul } from "../../tensor/matmul.ts";
import { checkOperand as checkCodes } from "../../tensor/operand.ts";
import type { PreparedWeight } from "../../tensor/prepare.ts";
import { quantize } from "../../tensor/quantize.ts";
import { broadcastShape, sizeOf } from "../../tensor/shape.ts";
import type { QTensor, Tensor } from "../../tensor/tensor.ts";
import { floatOf, intOf } from "../attributes.ts";
import type { Call, Known, Operator, Site } from "../operator.ts";
import {
  type Arranged,
  arrayRow,
  biasOf,
  checkBias,
  checkOperand,
  exchanged,
  INTEGERS,
  type Operand,
  type Operands,
  operandOf,
  QUANTIZED,
  resultFormat,
  resultOf,
  tensorOf,
  weightOf,
} from "../quantized.ts";
import { checkFormats, input } from "../site.ts";

/** The shapes of a product, as numpy has it: an operand of one axis is a row, or a column. */
interface Shapes {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly y: readonly number[];
}

function shapesOf(site: Site, a: Known, b: Known): Shapes {
  const x = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const w = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const batch = broadcastShape(x.slice(0, -2), w.slice(0, -2));
  if (!batch || x.length < 2 || w.length < 2 || x.at(-1) !== w.at(-2)) {
    throw nodeError(site.node, `expected matrices [..., m, k] and [..., k, n], got [${a.shape}] and [${b.shape}]`);
  }
  const [m, n] = [x.at(-2) as number, w.at(-1) as number];
  return { x, w, y: [...batch, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])] };
}

/** Weights [..., k, n] as [..., n, k]; a batch of one is one matrix. */
function transposed(call: Call, shape: readonly number[], { format, data }: Tensor): Arranged {
  const [lead, k, n] = [shape.slice(0, -2), shape.at(-2) as number, shape.at(-1) as number];
  const batch = sizeOf(lead);
  const moved = exchanged(call, data as CodeArray, batch, k, n);
  const matrices = batch === 1 ? [n, k] : [...lead, n, k];
  return { weight: { format, shape: matrices, data: moved }, axis: matrices.length - 2 };
}

function checkMatrices(site: Site, { a, b }: Operands): Shapes {
  const x = checkOperand(site, a);
  return shapesOf(site, x, checkOperand(site, b, input(site, b.codes).shape.at(-1)));
}

/** Both operands of a product of matrices. */
function matricesOf(call: Call, product: Operands): { x: () => QTensor; w: () => QTensor | PreparedWeight } {
  const { x: shape, w } = checkMatrices(call, product);
  const operand = operandOf(call, product.a);
  return {
    x: () => ({ ...operand(), shape }),
    w: weightOf(call, product.b, `[n, k] of [${w}]`, (weight) => transposed(call, w, weight)),
  };
}

const MatMulInteger = arrayRow(
  (site) => [{ format: "int32", shape: checkMatrices(site, INTEGERS).y }],
  (call) => {
    const { x, w } = matricesOf(call, INTEGERS);
    return () => linear(checkCodes(x(), "x"), w(), { output: "sums" }).data as Int32Array;
  },
);

const QLinearMatMul = arrayRow(
  (site) => [{ format: resultFormat(site, 6, 7), shape: checkMatrices(site, QUANTIZED).y }],
  (call) => {
    const { x, w } = matricesOf(call, QUANTIZED);
    const y = resultOf(call, 6, 7);
    return () => matmul(x(), w(), y()).data;
  },
);

const TO_FLOAT: Operands = { a: { codes: 0, scale: 2, zero: 4 }, b: { codes: 1, scale: 3, zero: 5 } };

const MatMulIntegerToFloat = arrayRow(
  (site) => {
    const { y } = checkMatrices(site, TO_FLOAT);
    checkBias(site, 6, "float32", input(site, 1).shape.at(-1) as number);
    return [{ format: "float32", shape: y }];
  },
  (call) => {
    const { x, w } = matricesOf(call, TO_FLOAT);
    const bias = biasOf(call, 6);
    return () => matmul(x(), w(), { format: "float32", ...bias() }).data;
  },
);

const DYNAMIC: Operand = { codes: 1, scale: 2, zero: 3 };

function dynamicShapes(site: Site): Shapes {
  checkFormats(site, 0, ["float32"]);
  const b = checkOperand(site, DYNAMIC, input(site, 1).shape.at(-1));
  checkBias(site, 4, "float32", b.shape.at(-1) as number);
  return shapesOf(site, input(site, 0), b);
}

const DynamicQuantizeMatMul = arrayRow(
  (site) => [{ format: "float32", shape: dynamicShapes(site).y }],
  (call) => {
    const shapes = dynamicShapes(call);
    const a = input(call, 0);
    const w = weightOf(call, DYNAMIC, `[n, k] of [${shapes.w}]`, (weight) => transposed(call, shapes.w, weight));
    const bias = biasOf(call, 4);
    return () => {
      const x = quantize(tensorOf(call, a).data as Float32Array, { format: "uint8", shape: shapes.x });
      return matmul(x, w(), { format: "float32", ...bias() }).data;
    };
  },
);

const isSet = (site: Site, name: string) => intOf(site.node, name, 0) !== 0;

/** The extents of a QGemm: rows, what is summed, columns. */
function gemmExtents(site: Site): { m: number; k: number; n: number } {
  const extents = [0, 3].map((i) => input(site, i).shape);
  const [a, b] = extents.map((shape, i) => (isSet(site, i === 0 ? "transA" : "transB") ? [...shape].reverse() : shape));
  const [m = 0, k = 0] = a as number[];
  const [depth, n = 0] = b as number[];
  if (a?.length !== 2 || b?.length !== 2 || k !== depth) {
    throw nodeError(
      site.node,
      `expected matrices [m, k] and [k, n], got ${extents.map((each) => `[${each}]`).join(" and ")}`,
    );
  }
  checkOperand(site, QUANTIZED.a);
  checkOperand(site, QUANTIZED.b, n);
  return { m, k, n };
}

/** The result is float32 where it has no zero. */
function gemmFormat(site: Site): FormatName {
  return site.inputs[8] ? resultFormat(site, 7, 8) : "float32";
}

/** QGemm's C, one number a column: what broadcasts to rows alone. */
function gemmBias(site: Site, n: number): void {
  checkFormats(site, 6, ["int32"]);
  const c = site.inputs[6];
  const [columns = 1, rows = 1] = c ? [...c.shape].reverse() : [n];
  if (rows === 1 && (columns === n || columns === 1) && (c?.shape.length ?? 0) <= 2) return;
  throw nodeError(site.node, `input 6 expected [${n}], one number a column, got [${c?.shape}]`);
}

/** A matrix with its axes exchanged. */
function flipped(call: Call, { format, shape, data }: Tensor): Tensor {
  const [rows, columns] = shape as [number, number];
  return { format, shape: [columns, rows], data: exchanged(call, data as CodeArray, 1, rows, columns) };
}

const QGemm = arrayRow(
  (site) => {
    const { m, n } = gemmExtents(site);
    gemmBias(site, n);
    return [{ format: gemmFormat(site), shape: [m, n] }];
  },
  (call) => {
    const { n } = gemmExtents(call);
    const [alpha, transA, transB] = [floatOf(call.node, "alpha", 1), isSet(call, "transA"), isSet(call, "transB")];
    const a = operandOf(call, QUANTIZED.a);
    const x = (): QTensor => {
      const { scale, ...rest } = a();
      return { ...rest, ...(transA && flipped(call, rest)), scale: scale.map((each) => each * alpha) } as QTensor;
    };
    const form = (weight: Tensor) => ({ weight: transB ? weight : flipped(call, weight), axis: 0 });
    const w = weightOf(call, QUANTIZED.b, transB ? "[n, k]" : "[n, k] of [k, n]", form);
    const c = biasOf<Int32Array>(call, 6);
    const bias = () => {
      const { bias } = c();
      return bias && { bias: bias.length === n ? bias : new Int32Array(n).fill(bias[0] as number) };
    };
    if (call.outputs[0]?.format === "float32") return () => matmul(x(), w(), { format: "float32", ...bias() }).data;
    const y = resultOf(call, 7, 8);
    return () => matmul(x(), w(), { ...y(), ...bias() }).data;
  },
);

export const QUANTIZED_PRODUCTS: Readonly<Record<string, Operator>> = {
  MatMulInteger,
  QLinearMatMul,
  "com.microsoft:MatMulIntegerToFloat": MatMulIntegerToFloat,
  "com.microsoft:DynamicQuantizeMatMul": DynamicQuantizeMatMul,
  "com.microsoft:QGemm": QGemm,
};

// Products of matrices of codes, with the sums as they are, requantized, or as float32.

import { checkScales, nodeError } from "../../check.ts";
import { FORMATS, type FormatName, type IntegerFormat } from "../../formats.ts";
import { type MatrixFinish, matrixMultiplier } from "../../tensor/matrices.ts";
import { type Operand, operandOf } from "../../tensor/operand.ts";
import { broadcastShape, sizeOf } from "../../tensor/shape.ts";
import type { Take } from "../../wasm/arena.ts";
import { SLACK } from "../../wasm/heap.ts";
import { floatOf, intOf } from "../attributes.ts";
import { type Call, type Known, lengthOf, type Operator, type Place, type Site } from "../operator.ts";
import {
  biasOf,
  checkBias,
  checkOperand,
  codesOf,
  exchanged,
  INTEGERS,
  type Operands,
  outputOf,
  programRow,
  QUANTIZED,
  type Quantized,
  resultFormat,
  weightsOf,
} from "../quantized.ts";
import { checkFormats, input } from "../site.ts";
import { quantizeDynamically } from "./quantize.ts";

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

/** Weights [..., k, n], and the axes before k. */
function weights(call: Call, at: Quantized, shape: readonly number[], take: Take) {
  const [lead, k, n] = [shape.slice(0, -2), shape.at(-2) as number, shape.at(-1) as number];
  const arrangement = { shape: [n, k], count: sizeOf(lead), from: [1, k, n] as const };
  return [weightsOf(call, at, arrangement, take), lead] as const;
}

function checkMatrices(site: Site, { a, b }: Operands): Shapes {
  const x = checkOperand(site, a);
  return shapesOf(site, x, checkOperand(site, b, input(site, b.codes).shape.at(-1)));
}

/** What computes a product of matrices. */
function matrixProduct(call: Call, y: Place, at: Operands, finish: MatrixFinish, take: Take): () => void {
  const { x, w } = checkMatrices(call, at);
  const run = matrixMultiplier(codesOf(call, at.a, x), ...weights(call, at.b, w, take), finish, take);
  const from = input(call, at.a.codes);
  return () => run(from.at, y.at);
}

const MatMulInteger = programRow(
  (site) => [{ format: "int32", shape: checkMatrices(site, INTEGERS).y }],
  (call, y, take) => matrixProduct(call, y, INTEGERS, { output: "sums", bias: undefined }, take),
);

const QLinearMatMul = programRow(
  (site) => [{ format: resultFormat(site, 6, 7), shape: checkMatrices(site, QUANTIZED).y }],
  (call, y, take) => matrixProduct(call, y, QUANTIZED, { ...outputOf(call, y, 6, 7), bias: undefined }, take),
);

/** Float32 results with a bias added. */
function floats(call: Call, bias: number): MatrixFinish {
  return { output: "float32", bias: undefined, offsets: biasOf<Float32Array>(call, bias) };
}

const TO_FLOAT: Operands = { a: { codes: 0, scale: 2, zero: 4 }, b: { codes: 1, scale: 3, zero: 5 } };

const MatMulIntegerToFloat = programRow(
  (site) => {
    const { y } = checkMatrices(site, TO_FLOAT);
    checkBias(site, 6, "float32", input(site, 1).shape.at(-1) as number);
    return [{ format: "float32", shape: y }];
  },
  (call, y, take) => matrixProduct(call, y, TO_FLOAT, floats(call, 6), take),
);

const DYNAMIC: Quantized = { codes: 1, scale: 2, zero: 3 };

function dynamicShapes(site: Site): Shapes {
  checkFormats(site, 0, ["float32"]);
  const b = checkOperand(site, DYNAMIC, input(site, 1).shape.at(-1));
  checkBias(site, 4, "float32", b.shape.at(-1) as number);
  return shapesOf(site, input(site, 0), b);
}

const UINT8 = FORMATS.get("uint8") as IntegerFormat;

const DynamicQuantizeMatMul = programRow(
  (site) => [{ format: "float32", shape: dynamicShapes(site).y }],
  (call, y, take) => {
    const { x, w } = dynamicShapes(call);
    const a = input(call, 0);
    const [packed, lead] = weights(call, DYNAMIC, w, take);
    const finish = floats(call, 4);
    const { arena } = call.store.engine;
    return () => {
      const at = arena.reserve(lengthOf(a) + SLACK);
      const operand = operandOf(UINT8, x, quantizeDynamically(call, a, at));
      matrixMultiplier(operand, packed, lead, finish, arena.scratch)(at, y.at);
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

/** QGemm's C, one number a column: what broadcasts to rows alone. */
function gemmBias(site: Site, n: number): void {
  checkFormats(site, 6, ["int32"]);
  const c = site.inputs[6];
  const [columns = 1, rows = 1] = c ? [...c.shape].reverse() : [n];
  if (rows === 1 && (columns === n || columns === 1) && (c?.shape.length ?? 0) <= 2) return;
  throw nodeError(site.node, `input 6 expected [${n}], one number a column, got [${c?.shape}]`);
}

/** The result is float32 where it has no zero. */
function gemmFormat(site: Site): FormatName {
  return site.inputs[8] ? resultFormat(site, 7, 8) : "float32";
}

/** C, a number for each of n columns. */
function gemmOffsets(call: Call, n: number): Int32Array | undefined {
  const bias = biasOf<Int32Array>(call, 6);
  return bias && (bias.length === n ? bias : new Int32Array(n).fill(bias[0] as number));
}

/** A, times alpha. */
function gemmOperand(call: Call, shape: readonly number[]): Operand {
  const operand = codesOf(call, QUANTIZED.a, shape);
  const [scale] = checkScales(operand.scale * floatOf(call.node, "alpha", 1), 1) as unknown as [number];
  return { ...operand, scale };
}

const QGemm = programRow(
  (site) => {
    const { m, n } = gemmExtents(site);
    gemmBias(site, n);
    return [{ format: gemmFormat(site), shape: [m, n] }];
  },
  (call, y, take) => {
    const { m, k, n } = gemmExtents(call);
    const { engine } = call.store;
    const arrangement = { shape: [n, k], ...(!isSet(call, "transB") && { from: [1, k, n] as const }) };
    const finish = { ...outputOf(call, y, 7, 8), bias: gemmOffsets(call, n) };
    const w = weightsOf(call, QUANTIZED.b, arrangement, take);
    const run = matrixMultiplier(gemmOperand(call, [m, k]), w, [], finish, take);
    const [a, isTurned] = [input(call, 0), isSet(call, "transA")];
    return () => run(isTurned ? exchanged(engine, [1, k, m], a.at) : a.at, y.at);
  },
);

export const QUANTIZED_PRODUCTS: Readonly<Record<string, Operator>> = {
  MatMulInteger,
  QLinearMatMul,
  "com.microsoft:MatMulIntegerToFloat": MatMulIntegerToFloat,
  "com.microsoft:DynamicQuantizeMatMul": DynamicQuantizeMatMul,
  "com.microsoft:QGemm": QGemm,
};

// Products of quantized matrices in integers (docs/math.md, equations 19 to 21, 50 and 51).

import { checkOptions, rangeError } from "../check.ts";
import type { CodeArray } from "../formats.ts";
import { engine } from "../wasm/kernels.ts";
import { type BlockMatmulOptions, multiplyBlocks } from "./block-matmul.ts";
import {
  type Bias,
  checkBias,
  checkDepth,
  checkProduct,
  type Finish,
  PRODUCT_KEYS,
  type ProductOptions,
} from "./finish.ts";
import { matrixMultiplier } from "./matrices.ts";
import type { Output } from "./multipliers.ts";
import { type ArrayOperand, checkOperand } from "./operand.ts";
import { hasBlocks, type PackedWeight, PreparedWeight, packedBy, withPanels, withWeight } from "./prepare.ts";
import { type Results, runArrays } from "./product.ts";
import { resultTensor } from "./result.ts";
import { broadcastShape, sizeOf } from "./shape.ts";
import { checkTensor, codeArray, type FloatTensor, type QTensor } from "./tensor.ts";
import { checkWeight } from "./weight.ts";

/** Options of {@link matmul} with a float32 result. */
export interface FloatMatmulOptions {
  readonly format?: "float32";
  /** One number an output; with float32 activations, or blocks, a Float32Array. */
  readonly bias?: Bias;
}

/**
 * x times the transposed w: y[.., m, n] = sum over k of x[.., m, k] w[n, k] (+ bias[n]), requantized, or as float32.
 * @param x int8, uint8 or int16 of shape [..., m, k], one scale and zero; float32 where w has blocks
 * @param w int8, uint8, int4 or uint4 of shape [n, k], one scale and zero or one of each per output (axis 0); or a batch
 *   [..., n, k]; or integers of 2, 4 or 8 bits [n, k] with a scale and zero for every `block` of a row; or prepared
 * @throws RangeError where shapes do not fit
 */
export function matmul(x: FloatTensor, w: QTensor | PreparedWeight, options?: FloatMatmulOptions): FloatTensor;
export function matmul(
  x: QTensor,
  w: QTensor | PreparedWeight,
  options: FloatMatmulOptions & { readonly format: "float32" },
): FloatTensor;
export function matmul(x: QTensor, w: QTensor | PreparedWeight, options: ProductOptions): QTensor;
export function matmul(
  x: FloatTensor | QTensor,
  w: QTensor | PreparedWeight,
  options?: FloatMatmulOptions | ProductOptions,
): FloatTensor | QTensor {
  if (hasBlocks(w)) return withPanels(w, (panels) => multiplyBlocks(x, panels, options as BlockMatmulOptions));
  if (x?.format === "float32") throw rangeError("w.block", `blocks of weights, where "x" is float32`, undefined);
  const operand = checkOperand(x as QTensor, "x");
  if (options?.format === "float32") {
    const { bias } = checkOptions(options, ["bias", "format"], "matmul with a float32 result");
    return { format: "float32", ...linear(operand, w, { bias, output: "float32" }) } as FloatTensor;
  }
  const given = checkOptions(options as ProductOptions, PRODUCT_KEYS, "matmul");
  const finish = checkProduct(given, operand.codes, w?.shape?.at(-2) ?? 0);
  const { shape, data } = linear(operand, w, { bias: given.bias, ...finish });
  return resultTensor(finish.output, shape, data as CodeArray);
}

/** Numbers and their shape. */
interface Shaped {
  readonly shape: readonly number[];
  readonly data: Results;
}

/** There cannot be more results than wasm memory has bytes. */
const MOST = 2 ** 32;

/** The array that an output's numbers go into. */
export function outputArray(output: Output, length: number): Results {
  if (length > MOST) throw rangeError("x.shape", `one that gives at most ${MOST} results`, length);
  if (output === "sums") return new Int32Array(length);
  if (output === "wide-sums") return new BigInt64Array(length);
  return output === "float32" ? new Float32Array(length) : new (codeArray(output.codes))(length);
}

/** Products with one weight, or with one for each of a batch. */
export function linear(x: ArrayOperand, w: QTensor | PreparedWeight, finish: Finish): Shaped {
  if (x.shape.length === 0) throw rangeError("x.shape", "[..., k]", x.shape);
  if (!(w instanceof PreparedWeight) && Array.isArray(w?.shape) && w.shape.length > 2) {
    return batched(x, w, finish);
  }
  return withWeight(w, 1, (packed) => {
    const { columns, shape } = packed.weight;
    if (shape.length !== 2) throw rangeError("w.shape", "[n, k]", shape);
    checkDepth(x.shape, shape);
    return product(x, [packed], [], finish, [...x.shape.slice(0, -1), columns]);
  });
}

/** Products of a shape. */
function product(
  x: ArrayOperand,
  weights: readonly PackedWeight[],
  lead: readonly number[],
  finish: Finish,
  shape: readonly number[],
): Shaped {
  const data = outputArray(finish.output, sizeOf(shape));
  const [w] = weights;
  if (!w) return { shape, data };
  const bias = checkBias(finish, w.weight.columns, x, w.weight.scale);
  runArrays(w.engine, (take) => matrixMultiplier(x, weights, lead, { ...finish, ...bias }, take), x.data, data);
  return { shape, data };
}

/** One product a batch index: x [..., m, k] and w [..., n, k], the leading axes broadcast. */
function batched(x: ArrayOperand, w: QTensor, finish: Finish): Shaped {
  const { codes } = checkTensor(w, "w");
  if (codes.bits < 8) throw rangeError("w.format", `"int8" or "uint8" for a batch of weights`, codes.name);
  const rank = w.shape.length;
  if (w.axis !== undefined && w.axis !== rank - 2)
    throw rangeError("w.axis", `${rank - 2}, the outputs, or none`, w.axis);
  if (x.shape.length < 2) throw rangeError("x.shape", "[..., m, k]", x.shape);
  const [xLead, lead] = [x.shape.slice(0, -2), w.shape.slice(0, -2)];
  const batch = broadcastShape(xLead, lead);
  if (!batch) throw rangeError("w.shape", `leading axes that go with [${xLead.join(", ")}]`, w.shape);
  const matrix = w.shape.slice(-2) as [n: number, k: number];
  checkDepth(x.shape, matrix);
  const { axis, ...rest } = w;
  const running = engine();
  return running.arena.scope(() => {
    const weights = Array.from({ length: sizeOf(lead) }, (_, i) => {
      const data = w.data.subarray(i * sizeOf(matrix), (i + 1) * sizeOf(matrix)) as CodeArray;
      const part = { ...rest, shape: matrix, data, ...(axis !== undefined && { axis: 0 }) };
      return packedBy(running, checkWeight(part, 1), running.arena.scratch);
    });
    return product(x, weights, lead, finish, [...batch, x.shape.at(-2) as number, matrix[0]]);
  });
}

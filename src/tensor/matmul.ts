// Products of quantized matrices in integers (docs/math.md, equations 19 to 21, 50 and 51).

import { checkOptions, rangeError } from "../check.ts";
import type { CodeArray } from "../formats.ts";
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
import type { Output } from "./multipliers.ts";
import { type ArrayOperand, checkOperand } from "./operand.ts";
import { hasBlocks, type PackedWeight, PreparedWeight, withPanels, withWeight } from "./prepare.ts";
import { type Geometry, multiply, type Results } from "./product.ts";
import { resultTensor } from "./result.ts";
import { broadcastShape, offsetOf, runsOf, sizeOf } from "./shape.ts";
import { checkTensor, codeArray, type FloatTensor, type QTensor } from "./tensor.ts";

const ONES = [1, 1] as const;

/** A matrix of `rows` by `channels` as an image. */
export function matrix(rows: number, channels: number): Geometry {
  const single = { kernel: ONES, strides: ONES, dilations: ONES, spread: ONES, before: [0, 0] as const };
  return { images: 1, input: [1, rows], channels, output: [1, rows], ...single };
}

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
  const { result, slopes } = checkProduct(given, operand.codes, w?.shape?.at(-2) ?? 0);
  const { shape, data } = linear(operand, w, { bias: given.bias, output: result, slopes });
  return resultTensor(result, shape, data as CodeArray);
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
    const { columns } = packed.weight;
    if (packed.weight.shape.length !== 2) throw rangeError("w.shape", "[n, k]", packed.weight.shape);
    const lead = x.shape.slice(0, -1);
    const data = outputArray(finish.output, sizeOf(lead) * columns);
    multiplyRows(x, packed, finish, data);
    return { shape: [...lead, columns], data };
  });
}

function multiplyRows(x: ArrayOperand, w: PackedWeight, finish: Finish, data: Results): void {
  const k = checkDepth(x.shape, w.weight.shape);
  const checked = checkBias(finish, w.weight.columns, x, w.weight.scale);
  const geometry = matrix(sizeOf(x.shape.slice(0, -1)), k);
  multiply({ ...finish, ...checked, x, w, geometry }, x.data, data);
}

/** One product a batch index: x [..., m, k] and w [..., n, k], the leading axes broadcast. */
function batched(x: ArrayOperand, w: QTensor, finish: Finish): Shaped {
  const { codes } = checkTensor(w, "w");
  if (codes.bits < 8) throw rangeError("w.format", `"int8" or "uint8" for a batch of weights`, codes.name);
  const rank = w.shape.length;
  if (w.axis !== undefined && w.axis !== rank - 2)
    throw rangeError("w.axis", `${rank - 2}, the outputs, or none`, w.axis);
  if (x.shape.length < 2) throw rangeError("x.shape", "[..., m, k]", x.shape);
  const [xLead, wLead] = [x.shape.slice(0, -2), w.shape.slice(0, -2)];
  const batch = broadcastShape(xLead, wLead);
  if (!batch) throw rangeError("w.shape", `leading axes that go with [${xLead.join(", ")}]`, w.shape);
  const [xRuns, wRuns] = [runsOf(xLead, batch), runsOf(wLead, batch)];
  const [m, k, n] = [x.shape.at(-2), x.shape.at(-1), w.shape.at(-2)] as [number, number, number];
  const depth = w.shape.at(-1) as number;
  const data = outputArray(finish.output, sizeOf(batch) * m * n);
  for (let i = 0; i < sizeOf(batch); i++) {
    const at = { x: offsetOf(xRuns, i) * m * k, w: offsetOf(wRuns, i) * n * depth };
    const { axis: _, ...rest } = w;
    const part = { ...rest, shape: [n, depth], data: w.data.subarray(at.w, at.w + n * depth) as CodeArray };
    const own = { ...x, shape: [m, k], length: m * k, data: x.data.subarray(at.x, at.x + m * k) as CodeArray };
    const target = data.subarray(i * m * n, (i + 1) * m * n);
    withWeight(w.axis === undefined ? part : { ...part, axis: 0 }, 1, (each) =>
      multiplyRows(own, each, finish, target),
    );
  }
  return { shape: [...batch, m, n], data };
}

// Matrix products and convolutions of codes: which kernel runs, and the operands as it reads them (assembly/product.ts,
// depthwise.ts; docs/math.md, equations 19 to 21, 50 and 51).

import type { CodeArray } from "../formats.ts";
import { codeRange } from "../quantizer.ts";
import type { Take } from "../wasm/arena.ts";
import { SLACK } from "../wasm/heap.ts";
import type { Engine } from "../wasm/kernels.ts";
import { COUNT, FROM, split, TILL, threadsOf } from "../wasm/threads.ts";
import { keepJobs } from "./jobs.ts";
import { type Output, type Tables, writeRescale } from "./multipliers.ts";
import { CODE_CONSTANTS, type Operand } from "./operand.ts";
import type { PackedWeight } from "./prepare.ts";
import { codeArray } from "./tensor.ts";
import {
  byColumns,
  depthwiseTaps,
  isDepthwise,
  type Packing,
  panelBytes,
  preferredPacking,
  signedZeros,
} from "./weight.ts";

/** Two extents: height and width. */
export type Pair = readonly [height: number, width: number];

/** Where the outputs of a convolution meet the input; a matrix product is one by 1 x 1. */
export interface Geometry {
  readonly images: number;
  readonly input: Pair;
  readonly channels: number;
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Rows above and columns to the left. */
  readonly before: Pair;
  /** Distances of input pixels; more than 1 in transposed convolutions. */
  readonly spread: Pair;
  readonly output: Pair;
}

/** How taps move over the input; of a transposed convolution backwards, over pixels that are strides apart. */
export function movesOf(
  { strides, dilations, before }: Pick<Geometry, "strides" | "dilations" | "before">,
  isTransposed: boolean,
): Pick<Geometry, "strides" | "dilations" | "before" | "spread"> {
  if (!isTransposed) return { strides, dilations, before, spread: [1, 1] };
  // the output at y meets the pixels at (y + before - dilation * tap) / stride, where that is a whole number
  const backwards = ([height, width]: Pair): Pair => [-height, -width];
  return { strides: [1, 1], dilations: backwards(dilations), before: backwards(before), spread: strides };
}

/** A bias in steps of the accumulator. */
export type Steps = readonly number[] | Int32Array | BigInt64Array;

/** One product: operands, bias in accumulator steps, and what becomes of the sums. */
export interface Product {
  readonly x: Operand;
  readonly w: PackedWeight;
  readonly geometry: Geometry;
  readonly bias: Steps | undefined;
  readonly output: Output;
  /** What writes the tables of a result that is not plainly in "onnx" arithmetic. */
  readonly tables?: Tables | undefined;
  /** What is added to float32 results, one a column. */
  readonly offsets?: Float32Array | undefined;
}

/** Bytes of a block's gathered rows or sums: what the first caches hold. */
const BLOCK_BYTES = 1 << 16;

/** Rows that make whole tiles, of four rows as of six. */
const TILE_ROWS = 12;

/** Columns whose sums the kernels keep at a time. */
const GROUP = 64;

/** Bytes of a Patches, of a Product and of a Depthwise of assembly/. */
const PATCHES_BYTES = 21 * 4;
const JOB_BYTES = 20 * 4;
const DEPTHWISE_BYTES = 19 * 4;

/** Columns that vectors may read at once. */
const COLUMNS = 16;

/** Columns of a panel. */
const PANEL = 8;

/** Rows a thread, below which threads share columns. */
const FEW_ROWS = 4 * TILE_ROWS;

/** Lines of a depthwise convolution a thread, below which threads share columns. */
const FEW_LINES = 3;

/** Multiplications that are worth another thread's while: ten microseconds of them. */
const WORTH = 1 << 19;
const WORTH_DEPTHWISE = 1 << 17;

const { ceil, floor, max, min } = Math;

/** Where the accumulators of a product could be: the largest magnitude, by the actual weights. */
function largestSum({ x, w, bias }: Product): number {
  const { columns, length } = w.weight;
  const { lo, hi } = codeRange(x.codes.bits, x.codes.signed, false);
  const reach = max(x.zero - lo, hi - x.zero);
  const offset = (i: number) => Math.abs(Number(bias?.[i] ?? 0));
  let largest = 0;
  for (let i = 0; i < columns; i++) largest = max(largest, offset(i));
  if (largest + length * 255 * reach < 2 ** 31) return largest + length * 255 * reach;
  const { size } = w.sums();
  return size.reduce((most, each, i) => max(most, each * reach + offset(i)), 0);
}

/** How a product runs. */
interface Plan {
  readonly packing: Packing;
  /** Whether sums take 64 bits. */
  readonly wide: boolean;
  /** Whether a row alone, as int16, meets panels of bytes. */
  readonly widened: boolean;
}

/** The most taps of 16 by 9 bits whose sum stays in int32. */
const MOST_TAPS = 256;

/** How a weight is packed to meet activations whose sums take 64 bits. */
function widePacking({ x, w }: Product): Packing {
  const isShort = x.codes.bits > 8 && w.weight.length <= MOST_TAPS;
  return isShort && isDepthwise(w.weight) ? "depthwise-words" : "words";
}

function planOf(product: Product, rows: number): Plan {
  const { x, w, output } = product;
  const wide = output !== "sums" && (x.codes.bits > 8 || largestSum(product) >= 2 ** 31);
  const packing = wide ? widePacking(product) : preferredPacking(w.engine, w.weight);
  const widened = packing === "words" && !wide && rows === 1 && w.weight.symmetric;
  return { packing: widened ? "bytes" : packing, wide, widened };
}

/** How activations meet the packed weight: flipped by a mask to what the dot product reads, and their zero then. */
function activationsAs({ x, w }: Product, isBytes: boolean): { mask: number; zero: number } {
  if (!isBytes) return { mask: 0, zero: x.zero };
  const wanted = w.engine.dot === "signed";
  if (x.codes.signed === wanted) return { mask: 0, zero: x.zero };
  return { mask: 0x80, zero: x.codes.signed ? x.zero + 128 : x.zero - 128 };
}

/** Copies what the sums of some columns begin with: the bias, and what the activations' zero takes. */
function copyInitialSums(
  product: Product,
  zero: number,
  { first, count, wide }: { readonly first: number; readonly count: number; readonly wide: boolean },
  take: Take,
): number {
  const { w, bias } = product;
  const { arena } = w.engine;
  const sum = zero === 0 ? undefined : w.sums().sum;
  if (wide) {
    const exact = (i: number) => BigInt(bias?.[i] ?? 0) - BigInt(zero * (sum?.[i] ?? 0));
    return arena.copy(
      BigInt64Array.from({ length: count }, (_, i) => exact(first + i)),
      take,
    );
  }
  const initial = new Int32Array(ceil(count / COLUMNS) * COLUMNS);
  if (bias) for (let i = 0; i < count; i++) initial[i] = Number(bias[first + i]);
  if (sum)
    for (let i = 0; i < count; i++) initial[i] = (initial[i] as number) - Math.imul(zero, sum[first + i] as number);
  return arena.copy(initial, take);
}

/** Computes the results of a product at `output` from codes at `source`, behind which SLACK bytes may be read. */
export type Run = (source: number, output: number) => void;

/** A product made ready: what does not depend on the codes is in memory that `take` gives. */
export function multiplier(product: Product, take: Take): Run {
  const { images, output } = product.geometry;
  const count = images * output[0] * output[1];
  if (count === 0 || product.w.weight.columns === 0) return () => {};
  const { packing, ...plan } = planOf(product, count);
  if (packing === "bytes" || packing === "words") return panels(product, { ...plan, packing }, count, take);
  return depthwise(product, packing, plan.wide, count, take);
}

/** What results go into. */
export type Results = CodeArray | BigInt64Array | Float32Array;

/** Fills `results`, row-major, with what is computed of codes in an array. */
export function runArrays({ arena }: Engine, make: (take: Take) => Run, data: CodeArray, results: Results): void {
  arena.scope(() => {
    const run = make(arena.scratch);
    const source = arena.reserve(data.byteLength + SLACK);
    arena.write(source, data);
    const output = arena.reserve(results.byteLength);
    run(source, output);
    arena.read(output, results);
  });
}

function rescaleOf({ x, w, output, tables, offsets }: Product, wide: boolean, take: Take): number {
  const { columns, scale, shape } = w.weight;
  const scales = { x: x.scale, w: scale, isFloat32: shape.length === 2 && scale.length === 1 };
  return writeRescale(w.engine, output, { scales, tables, offsets, columns }, wide && x.codes.bits > 8, take);
}

/** A Patches of assembly/gather.ts, but for its first word, the source. */
function patchesOf({ x, w, geometry: g }: Product, how: number, operand: number, first: number): number[] {
  const depth = g.channels / w.weight.groups;
  const { kernel, strides, dilations, before, spread, output } = g;
  const extents = [...g.input, g.channels, first, depth, ...kernel, ...strides, ...dilations, ...before, ...output];
  return [how, operand, x.zero, ...extents, ...spread];
}

function isPlain({ kernel, strides, before, spread, input, output }: Geometry): boolean {
  const ones = [...kernel, ...strides, ...spread].every((each) => each === 1);
  return ones && before.every((each) => each === 0) && input[0] === output[0] && input[1] === output[1];
}

/** How values are gathered, as the kernels number it, and what with. */
function gathering({ x, w }: Product, isBytes: boolean, mask: number): [how: number, operand: number] {
  const k = w.engine.kernels;
  if (isBytes) return [k.GATHER_BYTES.value, mask];
  if (x.codes.bits > 8) return [k.GATHER_I16.value, 0];
  return [(x.codes.signed ? k.GATHER_I8 : k.GATHER_U8).value, x.zero];
}

/** Steps after which int32 sums may overflow: two products each of 16 by 9 bits, or of 9 by 9. */
function wideSteps({ x }: Product): number {
  return x.codes.bits > 8 ? 128 : 16384;
}

/** Bytes of a result. */
export function resultBytes(output: Output): number {
  if (output === "float32" || output === "sums") return 4;
  return output === "wide-sums" ? 8 : output.codes.bits / 8;
}

function panels(product: Product, plan: Plan & { packing: "bytes" | "words" }, count: number, take: Take): Run {
  const { packing, wide, widened } = plan;
  const { x, w, geometry } = product;
  const { engine } = w;
  const { dot } = engine;
  const { columns, length, groups } = w.weight;
  const isBytes = packing === "bytes" && !widened;
  const { mask, zero } = activationsAs(product, isBytes);
  const [how, operand] = gathering(product, isBytes, mask);
  const inPlace = isBytes && mask === 0 && isPlain(geometry);
  const rowStride = inPlace ? geometry.channels : ceil(length / 4) * (isBytes ? 4 : 8);
  const block = max(1, min(5, floor(BLOCK_BYTES / max(rowStride, 1) / TILE_ROWS))) * TILE_ROWS;
  const rescale = rescaleOf(product, wide, take);
  const packed = w.at(packing);
  const perGroup = columns / groups;
  const threads = threadsOf(engine);
  const byRows = threads === 1 || count >= threads * FEW_ROWS;
  const rows = { end: count, unit: isBytes ? 6 : 4, least: WORTH / (length * perGroup) };
  const panels = { end: ceil(perGroup / PANEL), unit: 1, least: WORTH / (length * count * PANEL) };
  const parts = Array.from({ length: groups }, (_, g) => {
    const first = g * perGroup;
    const channel = (g * geometry.channels) / groups;
    const bias = copyInitialSums(
      product,
      isBytes || x.codes.bits > 8 ? zero : 0,
      { first, count: perGroup, wide },
      take,
    );
    const zeros = isBytes ? copyZeros(product, first, perGroup, take) : 0;
    const own = packed + g * panelBytes(w.weight, packing);
    const operands = [rescale, +inPlace, rowStride, length, perGroup, own, bias, zeros, +(dot === "signed")];
    return { first, offset: inPlace ? channel : 0, patches: patchesOf(product, how, operand, channel), operands };
  });
  const sizes = [inPlace ? 0 : block * rowStride + SLACK, block * GROUP * 4, wide ? block * GROUP * 8 : 0, block * 4];
  const jobs = keepJobs(engine, take, sizes, (at, source, output, scratch) => {
    const patches = parts.flatMap((part) => [source + part.offset, ...part.patches]);
    const sums = [+widened, wide ? wideSteps(product) : 0, block];
    const target = [output, columns * resultBytes(product.output)];
    const each = parts.flatMap(({ first, operands }, g) =>
      scratch.flatMap((own) => [at + g * PATCHES_BYTES, ...operands, ...sums, ...own, ...target, first]),
    );
    return [...patches, ...each];
  });
  return (source, output) => {
    const at = jobs(source, output) + groups * PATCHES_BYTES;
    for (let g = 0; g < groups; g++) {
      const job = [at + g * threads * JOB_BYTES, 0, 0, JOB_BYTES] as const;
      if (byRows) split(engine, "multiply_rows", [job, FROM, TILL], rows);
      else split(engine, "multiply_columns", [job, [count], FROM, TILL], panels);
    }
  };
}

/** Copies the weights' zeros of a group's columns; 0 if there are none. */
function copyZeros({ w }: Product, first: number, count: number, take: Take): number {
  if (w.weight.symmetric) return 0;
  const zeros = signedZeros(w.weight).subarray(first, first + count);
  const padded = new Int32Array(ceil(count / COLUMNS) * COLUMNS);
  padded.set(zeros);
  return w.engine.arena.copy(padded, take);
}

/** Writes a pixel of padding: zeros up to whole vectors, flipped as the codes are. */
function copyPadding({ x, w }: Product, columns: number, mask: number, take: Take): number {
  const padding = new (codeArray(x.codes))(columns).fill(x.zero);
  const at = w.engine.arena.copy(padding, take);
  if (mask) w.engine.kernels.flip_u8_u8(at, at, columns, mask);
  return at;
}

function depthwise(
  product: Product,
  packing: "depthwise-bytes" | "depthwise-words",
  wide: boolean,
  count: number,
  take: Take,
): Run {
  const { x, w } = product;
  const { engine } = w;
  const { kernels, arena } = engine;
  const { columns, length, groups } = w.weight;
  const wholeColumns = ceil(columns / COLUMNS) * COLUMNS;
  const { mask, zero } = activationsAs(product, packing === "depthwise-bytes");
  const padding = copyPadding(product, wholeColumns, mask, take);
  const taps = depthwiseTaps(packing);
  const tapGroups = ceil(length / taps);
  const multiplier = columns / groups;
  const block = max(2, min(GROUP, floor(BLOCK_BYTES / 4 / (wholeColumns * 4)) * 2));
  const patches = patchesOf(product, 0, 0, 0);
  const tapWords = [taps, kernels[CODE_CONSTANTS[x.type]].value, tapGroups, +byColumns(w.weight, packing)];
  const kind = [rescaleOf(product, wide, take), ...tapWords, multiplier, columns, w.at(packing)];
  const initial = copyInitialSums(product, zero, { first: 0, count: columns, wide }, take);
  const bytes = x.length * x.bytes;
  const bias = wide ? take(wholeColumns * 4) : initial;
  if (wide) arena.view(Uint8Array, bias, wholeColumns * 4).fill(0);
  const copies = multiplier === 1 ? 0 : block * length * wholeColumns * x.bytes;
  const pointers = block * ceil((tapGroups * taps * 4) / 16) * 16;
  const sizes = [pointers, copies, block * wholeColumns * 4, wide ? block * columns * 8 : 0];
  const jobs = keepJobs(engine, take, sizes, (at, source, output, scratch) => {
    const each = scratch.flatMap(([pointers = 0, copies = 0, sums = 0, wideSums = 0]) => {
      const own = [bias, block, pointers, padding, copies, sums, output, columns * resultBytes(product.output)];
      return [at, ...kind, ...own, ...(wide ? [wideSums, initial] : [0, 0])];
    });
    return [source, ...patches, ...each];
  });
  const [lines, across] = product.geometry.output;
  const threads = threadsOf(engine);
  const byLines = threads === 1 || product.geometry.images * lines >= threads * FEW_LINES;
  const rows = { end: count, unit: across, least: WORTH_DEPTHWISE / (length * columns) };
  const sixteens = { end: ceil(columns / COLUMNS), unit: 1, least: WORTH_DEPTHWISE / (length * count * COLUMNS) };
  return (source, to) => {
    const from = mask ? arena.reserve(bytes + SLACK) : source;
    if (mask)
      split(engine, "flip_u8_u8", [[source, 1], [from, 1], COUNT, [mask]], { end: bytes, unit: 64, least: WORTH });
    const job = [jobs(from, to) + PATCHES_BYTES, 0, 0, DEPTHWISE_BYTES] as const;
    if (byLines) split(engine, "depthwise_rows", [job, FROM, TILL], rows);
    else split(engine, "depthwise_columns", [job, [count], FROM, TILL], sixteens);
  };
}

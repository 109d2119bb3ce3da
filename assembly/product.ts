// Matrix products and convolutions, from codes to codes: rows are gathered in blocks that stay in the cache, multiplied with
// the panels of the weights, and requantized before the sums leave the first cache (docs/math.md, equations 19 to 21, 50 and 51).

import { GATHER_BYTES } from "./abi";
import { Codes, isNear, Sums, writeRecord } from "./finish";
import { gatherRows, Patches } from "./gather";
import { Bytes, Dot, PANEL_COLUMNS, PANEL_STEP, strip, tile, widenedStrip, Words } from "./gemm";
import { total4 } from "./lanes";
import { Rescale, requantizeRows, requantizeWideRows, resultSize, widenRow } from "./requantize";

/** Columns whose sums are kept at a time: eight panels. */
const GROUP: i32 = 64;

/** The largest product of two bytes less their zeros. */
const LARGEST_PRODUCT: f32 = 65025;

/** A product's operands and scratch memory: words in memory, in this order. */
@unmanaged
export class Product {
  /** Pointer to Patches. */
  patches: usize;
  /** Pointer to Rescale. */
  rescale: usize;
  /** Whether the source's rows are read in place: no gathering. */
  inPlace: i32;
  /** Bytes from row to row: of the source if in place, else of the gathered rows. */
  rowStride: i32;
  /** Values of a row. */
  length: i32;
  columns: i32;
  panels: usize;
  /** Initial sums, one a column, up to the next multiple of eight: int32; int64 where sums are. */
  bias: usize;
  /** If not 0: a number a column that meets the sum of each row's bytes, int32. */
  zeros: usize;
  /** Whether bytes are read as signed in those sums. */
  signed: i32;
  /** Whether the row, there is one only, is int16 and the panels are bytes. */
  widened: i32;
  /** Steps of k after which int32 sums go into int64 ones; 0: sums stay int32. */
  wideSteps: i32;
  /** Rows of a block. */
  block: i32;
  /** Scratch memory: gathered rows, sums of a block (GROUP columns), int64 sums, sums of rows. */
  rows: usize;
  sums: usize;
  wideSums: usize;
  rowSums: usize;
  output: usize;
  /** Bytes from row to row of the output. */
  outputStride: i32;
  /** Where the columns begin in the output's rows and in Rescale's tables. */
  firstColumn: i32;
}

/** The rows of a block, in memory. */
// @ts-ignore: decorator
@inline
function blockRows(p: Product, from: i32, till: i32): usize {
  const patches = changetype<Patches>(p.patches);
  if (p.inPlace) return patches.source + <usize>from * <usize>p.rowStride;
  gatherRows(patches, from, till, p.rows, p.rowStride);
  return p.rows;
}

/** A block of rows times panels: their sums from step `from` on, `steps` steps, rows of GROUP sums apart. */
function multiplyPanels<D extends Dot>(
  p: Product,
  rows: usize,
  count: i32,
  panels: usize,
  columns: i32,
  from: i32,
  steps: i32,
  init: usize,
  initStride: usize,
): void {
  const height = changetype<D>(0).rows;
  const stride = PANEL_STEP * <usize>stepsOf(p);
  const sums = p.sums;
  let panel = panels + PANEL_STEP * <usize>from;
  rows += (<usize>from) << 2;
  let j: i32 = 0;
  for (; count == 1 && j + 32 <= columns; j += 32) {
    strip<D>(rows, panel, stride, steps, init, sums + ((<usize>j) << 2));
    panel += stride * 4;
    init += initStride * 4;
  }
  for (; j < columns; j += PANEL_COLUMNS) {
    for (let i: i32 = 0; i < count; i += height) {
      const at = sums + ((<usize>(i * GROUP + j)) << 2);
      const first = rows + <usize>i * <usize>p.rowStride;
      const last = min(count - i, height) - 1;
      tile<D, Sums>(first, p.rowStride, last, panel, steps, init, at, GROUP << 2, PANEL_COLUMNS, init, 0);
    }
    panel += stride;
    init += initStride;
  }
}

/** A block of rows times panels, whose sums become codes in the registers: `first` is their first column in Rescale's tables. */
function multiplyCodes<D extends Dot>(
  p: Product,
  rows: usize,
  count: i32,
  panels: usize,
  columns: i32,
  init: usize,
  to: usize,
  first: i32,
): void {
  const height = changetype<D>(0).rows;
  const steps = stepsOf(p);
  const rescale = changetype<Rescale>(p.rescale);
  const record = p.sums;
  writeRecord(record, rescale);
  let multipliers = rescale.multipliers + ((<usize>first) << 2);
  for (let j: i32 = 0; j < columns; j += PANEL_COLUMNS) {
    for (let i: i32 = 0; i < count; i += height) {
      const row = rows + <usize>i * <usize>p.rowStride;
      const at = to + <usize>i * <usize>p.outputStride + j;
      const last = min(count - i, height) - 1;
      tile<D, Codes>(row, p.rowStride, last, panels, steps, init, at, p.outputStride, columns - j, multipliers, record);
    }
    panels += PANEL_STEP * <usize>steps;
    init += PANEL_STEP;
    multipliers += PANEL_STEP;
  }
}

/** Whether the sums of a block may become codes in the registers; a row alone is faster by strips. */
// @ts-ignore: decorator
@inline
function isDirect(p: Product, count: i32, init: usize, columns: i32, first: i32): bool {
  if (p.zeros || p.widened || count == 1) return false;
  return isNear(changetype<Rescale>(p.rescale), init, columns, first, <f32>p.length * LARGEST_PRODUCT);
}

/** One row of int16 times panels of bytes, two by two; the last may be its own neighbour. */
function multiplyWidened(p: Product, row: usize, panels: usize, columns: i32, init: usize): void {
  const steps = stepsOf(p);
  const stride = PANEL_STEP * <usize>steps;
  for (let j: i32 = 0; j < columns; j += 2 * PANEL_COLUMNS) {
    const panel = panels + <usize>(j / PANEL_COLUMNS) * stride;
    const at = (<usize>j) << 2;
    const lone = j + PANEL_COLUMNS >= columns;
    const other = lone ? 0 : PANEL_STEP;
    const first = init + at;
    const to = p.sums + at;
    widenedStrip(row, panel, lone ? panel : panel + stride, steps, first, first + other, to, to + other);
  }
}

/** Steps of a whole row: four bytes or two int16 each. */
// @ts-ignore: decorator
@inline
function stepsOf(p: Product): i32 {
  const bytes = p.widened || changetype<Patches>(p.patches).how == GATHER_BYTES;
  return bytes ? (p.length + 3) >> 2 : (p.length + 1) >> 1;
}

/** The sum of a row's `length` bytes, at one of any alignment. */
function sumBytes(row: usize, length: i32, signed: bool): i32 {
  let sums = i32x4.splat(0);
  let i: i32 = 0;
  for (; i + 16 <= length; i += 16) {
    const v = v128.load(row + i);
    const pairs = signed ? i16x8.extadd_pairwise_i8x16_s(v) : i16x8.extadd_pairwise_i8x16_u(v);
    sums = i32x4.add(sums, signed ? i32x4.extadd_pairwise_i16x8_s(pairs) : i32x4.extadd_pairwise_i16x8_u(pairs));
  }
  let sum = total4(sums);
  for (; i < length; i++) sum += signed ? <i32>load<i8>(row + i) : <i32>load<u8>(row + i);
  return sum;
}

/** Takes zeros[j] times a row's sum from each of its sums. */
function correctSums(p: Product, count: i32, first: i32, columns: i32): void {
  for (let i: i32 = 0; i < count; i++) {
    const sum = v128.load32_splat(p.rowSums + ((<usize>i) << 2));
    const row = p.sums + ((<usize>(i * GROUP)) << 2);
    for (let j: i32 = 0; j < columns; j += 4) {
      const at = (<usize>j) << 2;
      const zeros = v128.load(p.zeros + ((<usize>first) << 2) + at);
      v128.store(row + at, i32x4.sub(v128.load(row + at), i32x4.mul(zeros, sum)));
    }
  }
}

/** Adds the int32 sums of a block to its int64 sums, or, at first, to the bias. */
function widenSums(p: Product, count: i32, columns: i32, bias: usize): void {
  for (let i: i32 = 0; i < count; i++) {
    const first = <usize>(i * GROUP);
    const to = p.wideSums + (first << 3);
    widenRow(p.sums + (first << 2), bias ? bias : to, to, columns);
  }
}

const NOTHING = memory.data(128, 16);

/** One group of columns whose sums may need 64 bits: k is cut where int32 sums could overflow. */
function multiplyWide(p: Product, rows: usize, count: i32, panels: usize, columns: i32, first: i32): void {
  const steps = stepsOf(p);
  for (let from: i32 = 0; from == 0 || from < steps; from += p.wideSteps) {
    const part = min(p.wideSteps, steps - from);
    multiplyPanels<Words>(p, rows, count, panels, columns, from, part, NOTHING, 0);
    widenSums(p, count, columns, from == 0 ? p.bias + ((<usize>first) << 3) : 0);
  }
}

/** Columns `left`..`right` - 1, of which the first is a panel's, of a block of rows. */
function multiplyBlock(p: Product, rows: usize, from: i32, count: i32, left: i32, right: i32): void {
  const rescale = changetype<Rescale>(p.rescale);
  const size = resultSize(rescale.result);
  const panelBytes = PANEL_STEP * <usize>stepsOf(p);
  const bytes = changetype<Patches>(p.patches).how == GATHER_BYTES;
  for (let first = left; first < right; first += GROUP) {
    const columns = min(right - first, GROUP);
    const panels = p.panels + <usize>(first / PANEL_COLUMNS) * panelBytes;
    const to = p.output + <usize>from * <usize>p.outputStride + <usize>(p.firstColumn + first) * size;
    const table = p.firstColumn + first;
    if (p.wideSteps) {
      multiplyWide(p, rows, count, panels, columns, first);
      requantizeWideRows(p.wideSums, GROUP << 3, to, p.outputStride, count, columns, table, rescale);
      continue;
    }
    const init = p.bias + ((<usize>first) << 2);
    if (isDirect(p, count, init, columns, table)) {
      if (bytes) multiplyCodes<Bytes>(p, rows, count, panels, columns, init, to, table);
      else multiplyCodes<Words>(p, rows, count, panels, columns, init, to, table);
      continue;
    }
    const steps = stepsOf(p);
    if (p.widened) multiplyWidened(p, rows, panels, columns, init);
    else if (bytes) multiplyPanels<Bytes>(p, rows, count, panels, columns, 0, steps, init, PANEL_STEP);
    else multiplyPanels<Words>(p, rows, count, panels, columns, 0, steps, init, PANEL_STEP);
    if (p.zeros) correctSums(p, count, first, columns);
    requantizeRows(p.sums, GROUP << 2, to, p.outputStride, count, columns, table, rescale);
  }
}

function multiplyBlocks(p: Product, from: i32, till: i32, left: i32, right: i32): void {
  for (let row = from; row < till; row += p.block) {
    const count = min(p.block, till - row);
    const rows = blockRows(p, row, row + count);
    if (p.zeros) {
      for (let i: i32 = 0; i < count; i++) {
        const sum = sumBytes(rows + <usize>i * <usize>p.rowStride, p.length, p.signed != 0);
        store<i32>(p.rowSums + ((<usize>i) << 2), sum);
      }
    }
    multiplyBlock(p, rows, row, count, left, right);
  }
}

/** Output rows from..till - 1 of a product; any split of the rows gives the same bytes. */
export function multiply_rows(product: usize, from: i32, till: i32): void {
  const p = changetype<Product>(product);
  multiplyBlocks(p, from, till, 0, p.columns);
}

/** Output columns of panels from..till - 1, all of their `rows`; any split of the panels gives the same bytes. */
export function multiply_columns(product: usize, rows: i32, from: i32, till: i32): void {
  const p = changetype<Product>(product);
  multiplyBlocks(p, 0, rows, from * PANEL_COLUMNS, min(till * PANEL_COLUMNS, p.columns));
}

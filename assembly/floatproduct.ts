// Products of float32 matrices, and convolutions as products: rows of a times panels of eight columns of b, which are gathered in
// blocks that stay in the cache from wherever tables say they are (docs/math.md, equations 54 and 55).
//
//     panel   [ b(0,0..7) ] [ b(1,0..7) ] ...      32 bytes a step of k
//     row     [ a(0) ] [ a(1) ] ...                each met by all columns
//
// A tile is four rows by eight columns: eight sums hide the latency of an addition, and all stay in registers.

import { FLOAT_EDGE } from "./abi";
import { finish } from "./floatfinish";

/** Rows and columns of a tile. */
const ROWS: i32 = 4;
const COLUMNS: i32 = 8;

/** Neighbouring columns that are gathered together: two lines of a cache. */
const ABREAST: i32 = 32;

/** Bytes of a panel's step. */
const STEP: usize = 32;

/** Bytes of a tile that is at the edge of its matrix, and is made in scratch memory. */
const TILE_BYTES: usize = STEP * 4;

/** What a product is beside the pointers to its operands: words in memory, in this order. Offsets are in bytes. */
@unmanaged
export class FloatProduct {
  rows: i32;
  length: i32;
  columns: i32;
  /** From row to row of a, and from step to step. */
  aRow: usize;
  aStep: usize;
  /** Pointers to the offsets of steps and columns in b; no steps: b is packed in panels. */
  steps: usize;
  offsets: usize;
  /** What values of b are multiplied with as they are packed. */
  factor: f32;
  /** From row to row of the initial values; whether each column has its own, beside the last, or all have one. */
  initRow: usize;
  initColumns: i32;
  /** From row to row of y, and a pointer to the offsets of its columns; 0: they are side by side. */
  yRow: usize;
  targets: usize;
  /** Columns that are gathered at a time, whole panels. */
  block: i32;
  /** Pointer to Finish. */
  finish: usize;
}

/** Columns j..j + 7 of b, or fewer at its end: the last again and again, to a panel. */
function gatherPanel(p: FloatProduct, b: usize, j: i32, panel: usize): void {
  const end = panel + STEP * <usize>p.length;
  const last = p.columns - 1;
  const offsets = p.offsets;
  let steps = p.steps;
  const b0 = b + load<u32>(offsets + ((<usize>j) << 2));
  const b7 = b + load<u32>(offsets + ((<usize>min(j + 7, last)) << 2));
  const factor = p.factor;
  if (j + 7 <= last && b7 - b0 == 28) {
    const factors = f32x4.splat(factor);
    for (let to = panel; to < end; to += STEP) {
      const at = b0 + load<u32>(steps);
      v128.store(to, f32x4.mul(v128.load(at), factors));
      v128.store(to, f32x4.mul(v128.load(at, 16), factors), 16);
      steps += 4;
    }
    return;
  }
  const b1 = b + load<u32>(offsets + ((<usize>min(j + 1, last)) << 2));
  const b2 = b + load<u32>(offsets + ((<usize>min(j + 2, last)) << 2));
  const b3 = b + load<u32>(offsets + ((<usize>min(j + 3, last)) << 2));
  const b4 = b + load<u32>(offsets + ((<usize>min(j + 4, last)) << 2));
  const b5 = b + load<u32>(offsets + ((<usize>min(j + 5, last)) << 2));
  const b6 = b + load<u32>(offsets + ((<usize>min(j + 6, last)) << 2));
  for (let to = panel; to < end; to += STEP) {
    const at: usize = load<u32>(steps);
    store<f32>(to, load<f32>(b0 + at) * factor);
    store<f32>(to, load<f32>(b1 + at) * factor, 4);
    store<f32>(to, load<f32>(b2 + at) * factor, 8);
    store<f32>(to, load<f32>(b3 + at) * factor, 12);
    store<f32>(to, load<f32>(b4 + at) * factor, 16);
    store<f32>(to, load<f32>(b5 + at) * factor, 20);
    store<f32>(to, load<f32>(b6 + at) * factor, 24);
    store<f32>(to, load<f32>(b7 + at) * factor, 28);
    steps += 4;
  }
}

/** Whole panels of columns that are side by side in b, step by step: lines of the cache are read once. */
function gatherNeighbours(p: FloatProduct, b: usize, count: i32, panels: usize): void {
  const stride = STEP * <usize>p.length;
  const factors = f32x4.splat(p.factor);
  let steps = p.steps;
  for (let k: i32 = 0; k < p.length; k++) {
    let from = b + load<u32>(steps);
    let to = panels;
    for (let j: i32 = 0; j < count; j += COLUMNS) {
      v128.store(to, f32x4.mul(v128.load(from), factors));
      v128.store(to, f32x4.mul(v128.load(from, 16), factors), 16);
      from += STEP;
      to += stride;
    }
    steps += 4;
    panels += STEP;
  }
}

/** Columns from..till - 1 of b to panels; `from` is a multiple of eight. */
function gatherPanels(p: FloatProduct, b: usize, from: i32, till: i32, panels: usize): void {
  const stride = STEP * <usize>p.length;
  while (from < till) {
    const count = min((till - from) & ~(COLUMNS - 1), ABREAST);
    const first = p.offsets + ((<usize>from) << 2);
    if (count && load<u32>(first + ((<usize>(count - 1)) << 2)) - load<u32>(first) == (count - 1) << 2) {
      gatherNeighbours(p, b + load<u32>(first), count, panels);
      panels += stride * <usize>(count / COLUMNS);
      from += count;
    } else {
      gatherPanel(p, b, from, panels);
      panels += stride;
      from += COLUMNS;
    }
  }
}

/** All columns of b, packed once. */
export function pack_f32_panels(product: usize, b: usize, panels: usize): void {
  const p = changetype<FloatProduct>(product);
  gatherPanels(p, b, 0, p.columns, panels);
}

/** Eight sums, finished, with z added before where there is one. */
// @ts-ignore: decorator
@inline
function storeEight(p: FloatProduct, low: v128, high: v128, z: usize, y: usize): void {
  if (z) {
    low = f32x4.add(low, v128.load(z));
    high = f32x4.add(high, v128.load(z, 16));
  }
  v128.store(y, finish(low, p.finish));
  v128.store(y, finish(high, p.finish), 16);
}

/** A tile of whole columns: rows 0..last, the last one again and again. `z` (0: there is none) lies as y does. */
function tile(
  p: FloatProduct,
  a: usize,
  last: i32,
  panel: usize,
  init: usize,
  initRow: usize,
  z: usize,
  y: usize,
  yRow: usize,
): void {
  const second = <usize>min(1, last);
  const third = <usize>min(2, last);
  const fourth = <usize>last;
  const isOne = !p.initColumns;
  let at = init;
  let a0 = isOne ? v128.load32_splat(at) : v128.load(at);
  let b0 = isOne ? a0 : v128.load(at, 16);
  at = init + second * initRow;
  let a1 = isOne ? v128.load32_splat(at) : v128.load(at);
  let b1 = isOne ? a1 : v128.load(at, 16);
  at = init + third * initRow;
  let a2 = isOne ? v128.load32_splat(at) : v128.load(at);
  let b2 = isOne ? a2 : v128.load(at, 16);
  at = init + fourth * initRow;
  let a3 = isOne ? v128.load32_splat(at) : v128.load(at);
  let b3 = isOne ? a3 : v128.load(at, 16);
  const step = p.aStep;
  let x0 = a;
  let x1 = a + second * p.aRow;
  let x2 = a + third * p.aRow;
  let x3 = a + fourth * p.aRow;
  const end = panel + STEP * <usize>p.length;
  for (; panel < end; panel += STEP) {
    const low = v128.load(panel);
    const high = v128.load(panel, 16);
    let x = v128.load32_splat(x0);
    a0 = f32x4.add(a0, f32x4.mul(x, low));
    b0 = f32x4.add(b0, f32x4.mul(x, high));
    x = v128.load32_splat(x1);
    a1 = f32x4.add(a1, f32x4.mul(x, low));
    b1 = f32x4.add(b1, f32x4.mul(x, high));
    x = v128.load32_splat(x2);
    a2 = f32x4.add(a2, f32x4.mul(x, low));
    b2 = f32x4.add(b2, f32x4.mul(x, high));
    x = v128.load32_splat(x3);
    a3 = f32x4.add(a3, f32x4.mul(x, low));
    b3 = f32x4.add(b3, f32x4.mul(x, high));
    x0 += step;
    x1 += step;
    x2 += step;
    x3 += step;
  }
  storeEight(p, a0, b0, z, y);
  storeEight(p, a1, b1, z ? z + second * yRow : 0, y + second * yRow);
  storeEight(p, a2, b2, z ? z + third * yRow : 0, y + third * yRow);
  storeEight(p, a3, b3, z ? z + fourth * yRow : 0, y + fourth * yRow);
}

/** One row of 32 columns, four panels `stride` bytes apart. */
function strip(p: FloatProduct, a: usize, panel: usize, init: usize, z: usize, y: usize): void {
  const stride = STEP * <usize>p.length;
  const isOne = !p.initColumns;
  let a0 = isOne ? v128.load32_splat(init) : v128.load(init);
  let b0 = isOne ? a0 : v128.load(init, 16);
  let a1 = isOne ? a0 : v128.load(init, 32);
  let b1 = isOne ? a0 : v128.load(init, 48);
  let a2 = isOne ? a0 : v128.load(init, 64);
  let b2 = isOne ? a0 : v128.load(init, 80);
  let a3 = isOne ? a0 : v128.load(init, 96);
  let b3 = isOne ? a0 : v128.load(init, 112);
  let second = panel + stride;
  let third = second + stride;
  let fourth = third + stride;
  const end = panel + stride;
  for (; panel < end; panel += STEP) {
    const x = v128.load32_splat(a);
    a0 = f32x4.add(a0, f32x4.mul(x, v128.load(panel)));
    b0 = f32x4.add(b0, f32x4.mul(x, v128.load(panel, 16)));
    a1 = f32x4.add(a1, f32x4.mul(x, v128.load(second)));
    b1 = f32x4.add(b1, f32x4.mul(x, v128.load(second, 16)));
    a2 = f32x4.add(a2, f32x4.mul(x, v128.load(third)));
    b2 = f32x4.add(b2, f32x4.mul(x, v128.load(third, 16)));
    a3 = f32x4.add(a3, f32x4.mul(x, v128.load(fourth)));
    b3 = f32x4.add(b3, f32x4.mul(x, v128.load(fourth, 16)));
    a += p.aStep;
    second += STEP;
    third += STEP;
    fourth += STEP;
  }
  storeEight(p, a0, b0, z, y);
  storeEight(p, a1, b1, z ? z + 32 : 0, y + 32);
  storeEight(p, a2, b2, z ? z + 64 : 0, y + 64);
  storeEight(p, a3, b3, z ? z + 96 : 0, y + 96);
}

/** Copies a tile in scratch memory from a matrix, or (`out`) to it: column j of the matrix, one of `targets`, is the tile's first. */
function copyTile(
  tile: usize,
  matrix: usize,
  row: usize,
  targets: usize,
  j: i32,
  rows: i32,
  columns: i32,
  out: bool,
): void {
  for (let i: i32 = 0; i < rows; i++) {
    for (let c: i32 = 0; c < columns; c++) {
      const at = (<usize>(j + c)) << 2;
      const far = matrix + (targets ? <usize>load<u32>(targets + at) : at);
      const near = tile + ((<usize>c) << 2);
      if (out) store<f32>(far, load<f32>(near));
      else store<f32>(near, load<f32>(far));
    }
    matrix += row;
    tile += STEP;
  }
}

/** A tile with fewer columns, or with columns that are not side by side in y. */
function edgeTile(
  p: FloatProduct,
  a: usize,
  rows: i32,
  panel: usize,
  j: i32,
  init: usize,
  z: usize,
  y: usize,
  edge: usize,
): void {
  const columns = min(p.columns - j, COLUMNS);
  let initRow = p.initRow;
  if (p.initColumns) {
    copyTile(edge, init, initRow, 0, j, rows, columns, false);
    init = edge;
    initRow = STEP;
  }
  const before = z ? edge + TILE_BYTES : 0;
  if (z) copyTile(before, z, p.yRow, p.targets, j, rows, columns, false);
  const after = edge + 2 * TILE_BYTES;
  tile(p, a, rows - 1, panel, init, initRow, before, after, STEP);
  copyTile(after, y, p.yRow, p.targets, j, rows, columns, true);
}

/** Rows of a tile times the panels of columns from..till - 1. */
function multiplyRows(
  p: FloatProduct,
  a: usize,
  rows: i32,
  panels: usize,
  from: i32,
  till: i32,
  init: usize,
  z: usize,
  y: usize,
  edge: usize,
): void {
  const stride = STEP * <usize>p.length;
  for (let j = from; j < till; j += COLUMNS) {
    const at = (<usize>j) << 2;
    if (j + COLUMNS <= p.columns && !p.targets) {
      const first = p.initColumns ? init + at : init;
      tile(p, a, rows - 1, panels, first, p.initRow, z ? z + at : 0, y + at, p.yRow);
    } else edgeTile(p, a, rows, panels, j, init, z, y, edge);
    panels += stride;
  }
}

/** Columns from..till - 1, whose panels are there: all of them pass while four rows are in the cache. */
function multiplyPanels(
  p: FloatProduct,
  a: usize,
  panels: usize,
  from: i32,
  till: i32,
  init: usize,
  z: usize,
  y: usize,
  edge: usize,
): void {
  if (p.rows == 1 && !p.targets) {
    for (; from + 4 * COLUMNS <= till; from += 4 * COLUMNS) {
      const at = (<usize>from) << 2;
      strip(p, a, panels, p.initColumns ? init + at : init, z ? z + at : 0, y + at);
      panels += 4 * STEP * <usize>p.length;
    }
  }
  for (let i: i32 = 0; i < p.rows; i += ROWS) {
    multiplyRows(p, a, min(p.rows - i, ROWS), panels, from, till, init, z, y, edge);
    a += ROWS * p.aRow;
    init += ROWS * p.initRow;
    y += ROWS * p.yRow;
    if (z) z += ROWS * p.yRow;
  }
}

/**
 * Columns from..till - 1 of y = a b, with the initial values, z and activation of `product`; any split at multiples of eight gives the same
 * bytes. Scratch: FLOAT_EDGE values, then panels of a block.
 */
export function multiply_f32_f32_f32(
  product: usize,
  a: usize,
  b: usize,
  init: usize,
  z: usize,
  y: usize,
  scratch: usize,
  from: i32,
  till: i32,
): void {
  const p = changetype<FloatProduct>(product);
  const panels = scratch + ((<usize>FLOAT_EDGE) << 2);
  for (let j = from; j < till; j += p.block) {
    const end = min(j + p.block, till);
    const packed = b + ((<usize>j * <usize>p.length) << 2);
    if (p.steps) gatherPanels(p, b, j, end, panels);
    multiplyPanels(p, a, p.steps ? panels : packed, j, end, init, z, y, scratch);
  }
}

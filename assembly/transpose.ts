// Copies along axes of any order, direction and distance: transpositions, slices, tiles, concatenations (docs/math.md,
// equation 70).

/** An axis that is walked along: 32-bit words in memory, in this order. */
@unmanaged
class Axis {
  extent: i32;
  /** Bytes from one to the next in the source and in the result; 0 repeats, a negative number goes backward. */
  from: i32;
  to: i32;
}

/** Columns and rows of a plane that are transposed while they stay in the cache: no line of it is fetched twice. */
const TILE: i32 = 32;

/** One element, or a run of neighbouring ones. */
export function copyRun(x: usize, y: usize, bytes: i32): void {
  if (bytes >= 32) {
    memory.copy(y, x, bytes);
    return;
  }
  let i: i32 = 0;
  for (; i + 8 <= bytes; i += 8) store<u64>(y + i, load<u64>(x + i));
  for (; i + 4 <= bytes; i += 4) store<u32>(y + i, load<u32>(x + i));
  for (; i < bytes; i++) store<u8>(y + i, load<u8>(x + i));
}

function copyElements<T>(x: usize, y: usize, axis: Axis): void {
  for (let i: i32 = axis.extent; i > 0; i--, x += axis.from, y += axis.to) store<T>(y, load<T>(x));
}

/** All that lies along the last axis. */
function copyLine(x: usize, y: usize, axis: Axis, bytes: i32): void {
  if (bytes == 1) copyElements<u8>(x, y, axis);
  else if (bytes == 2) copyElements<u16>(x, y, axis);
  else if (bytes == 4) copyElements<u32>(x, y, axis);
  else if (bytes == 8) copyElements<u64>(x, y, axis);
  else for (let i: i32 = axis.extent; i > 0; i--, x += axis.from, y += axis.to) copyRun(x, y, bytes);
}

/**
 * The lower halves, or with `high` the upper ones, of two vectors, interleaved in units of T.
 *
 *     a [a0 a1 a2 a3]  b [b0 b1 b2 b3]  ->  [a0 b0 a1 b1]  or  [a2 b2 a3 b3]
 */
// @ts-ignore: decorator
@inline
function zip<T>(a: v128, b: v128, high: bool): v128 {
  if (sizeof<T>() == 1) return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  if (sizeof<T>() == 2) {
    return high
      ? v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
      : v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  }
  return high ? v128.shuffle<u32>(a, b, 2, 6, 3, 7) : v128.shuffle<u32>(a, b, 0, 4, 1, 5);
}

/** 8 x 8 bytes; `from` and `to` are the distances of the source's and the result's lines. */
function transposeBlock8(x: usize, y: usize, from: i32, to: i32): void {
  const x4 = x + 4 * from;
  const a = zip<u8>(v128.load64_zero(x), v128.load64_zero(x + from), false);
  const b = zip<u8>(v128.load64_zero(x + 2 * from), v128.load64_zero(x + 3 * from), false);
  const c = zip<u8>(v128.load64_zero(x4), v128.load64_zero(x4 + from), false);
  const d = zip<u8>(v128.load64_zero(x4 + 2 * from), v128.load64_zero(x4 + 3 * from), false);
  const above = zip<u16>(a, b, false); // four lines of columns 0..3
  const below = zip<u16>(c, d, false);
  store2(y, zip<u32>(above, below, false), to);
  store2(y + 2 * to, zip<u32>(above, below, true), to);
  const above4 = zip<u16>(a, b, true);
  const below4 = zip<u16>(c, d, true);
  store2(y + 4 * to, zip<u32>(above4, below4, false), to);
  store2(y + 6 * to, zip<u32>(above4, below4, true), to);
}

/** Both halves of a vector, `to` bytes apart. */
// @ts-ignore: decorator
@inline
function store2(y: usize, v: v128, to: i32): void {
  v128.store64_lane(y, v, 0);
  v128.store64_lane(y + to, v, 1);
}

/** 4 x 4 elements of two bytes. */
function transposeBlock16(x: usize, y: usize, from: i32, to: i32): void {
  const a = zip<u16>(v128.load64_zero(x), v128.load64_zero(x + from), false);
  const b = zip<u16>(v128.load64_zero(x + 2 * from), v128.load64_zero(x + 3 * from), false);
  store2(y, zip<u32>(a, b, false), to);
  store2(y + 2 * to, zip<u32>(a, b, true), to);
}

/** 4 x 4 elements of four bytes. */
function transposeBlock32(x: usize, y: usize, from: i32, to: i32): void {
  const a = v128.load(x);
  const b = v128.load(x + from);
  const c = v128.load(x + 2 * from);
  const d = v128.load(x + 3 * from);
  const ac = zip<u32>(a, c, false);
  const bd = zip<u32>(b, d, false);
  v128.store(y, zip<u32>(ac, bd, false));
  v128.store(y + to, zip<u32>(ac, bd, true));
  const ac2 = zip<u32>(a, c, true);
  const bd2 = zip<u32>(b, d, true);
  v128.store(y + 2 * to, zip<u32>(ac2, bd2, false));
  v128.store(y + 3 * to, zip<u32>(ac2, bd2, true));
}

/** A tile of `rows` lines of the result, which are columns of the source. */
function transposeTile<T>(x: usize, y: usize, rows: i32, columns: i32, from: i32, to: i32): void {
  const side: i32 = sizeof<T>() == 1 ? 8 : 4;
  let row: i32 = 0;
  for (; sizeof<T>() <= 4 && row + side <= rows; row += side, x += side * sizeof<T>(), y += side * to) {
    let column: i32 = 0;
    for (; column + side <= columns; column += side) {
      const source = x + column * from;
      const target = y + column * sizeof<T>();
      if (sizeof<T>() == 1) transposeBlock8(source, target, from, to);
      else if (sizeof<T>() == 2) transposeBlock16(source, target, from, to);
      else transposeBlock32(source, target, from, to);
    }
    if (column < columns) {
      transposeElements<T>(x + column * from, y + column * sizeof<T>(), side, columns - column, from, to);
    }
  }
  transposeElements<T>(x, y, rows - row, columns, from, to);
}

function transposeElements<T>(x: usize, y: usize, rows: i32, columns: i32, from: i32, to: i32): void {
  for (let row: i32 = 0; row < rows; row++, x += sizeof<T>(), y += to) {
    let source = x;
    for (let column: i32 = 0; column < columns; column++, source += from) {
      store<T>(y + column * sizeof<T>(), load<T>(source));
    }
  }
}

/**
 * Three planes of bytes, `from` bytes apart, put together pixel by pixel: images of three colours. Returns how many pixels were done.
 *
 *     a [a0 a1 a2 ...]  b [b0 b1 b2 ...]  c [c0 c1 c2 ...]  ->  a0 b0 c0 a1 b1 c1 a2 ...
 */
function interleaveThree(x: usize, y: usize, pixels: i32, from: i32): i32 {
  let i: i32 = 0;
  for (; i + 16 <= pixels; i += 16, x += 16, y += 48) {
    const a = v128.load(x);
    const b = v128.load(x + from);
    const c = v128.load(x + 2 * from);
    let ab = i8x16.shuffle(a, b, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
    v128.store(y, i8x16.shuffle(ab, c, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
    ab = i8x16.shuffle(a, b, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
    v128.store(y, i8x16.shuffle(ab, c, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15), 16);
    ab = i8x16.shuffle(a, b, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
    v128.store(y, i8x16.shuffle(ab, c, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31), 32);
  }
  return i;
}

/** A plane whose columns are neighbours in the source, and whose rows are neighbours in the result. */
function transposePlane<T>(x: usize, y: usize, down: Axis, across: Axis): void {
  const from = across.from;
  const to = down.to;
  const isColoured = sizeof<T>() == 1 && across.extent == 3 && to == 3;
  for (let row = isColoured ? interleaveThree(x, y, down.extent, from) : 0; row < down.extent; row += TILE) {
    const rows = min(TILE, down.extent - row);
    const source = x + row * sizeof<T>();
    const target = y + row * to;
    for (let column: i32 = 0; column < across.extent; column += TILE) {
      const columns = min(TILE, across.extent - column);
      transposeTile<T>(source + column * from, target + column * sizeof<T>(), rows, columns, from, to);
    }
  }
}

/** Whether the last two axes are a plane to transpose, and do it then. */
function copyPlane(x: usize, y: usize, down: Axis, across: Axis, bytes: i32): bool {
  if (down.from != bytes || across.to != bytes) return false;
  if (bytes == 1) transposePlane<u8>(x, y, down, across);
  else if (bytes == 2) transposePlane<u16>(x, y, down, across);
  else if (bytes == 4) transposePlane<u32>(x, y, down, across);
  else if (bytes == 8) transposePlane<u64>(x, y, down, across);
  else return false;
  return true;
}

/** Copies runs of `bytes` bytes along `rank` axes, an Axis each at `axes`, the outermost first. */
export function copy_axes(x: usize, y: usize, axes: usize, rank: i32, bytes: i32): void {
  if (rank == 0) {
    copyRun(x, y, bytes);
    return;
  }
  const axis = changetype<Axis>(axes);
  const next = axes + offsetof<Axis>();
  if (rank == 1) {
    copyLine(x, y, axis, bytes);
    return;
  }
  if (rank == 2 && copyPlane(x, y, axis, changetype<Axis>(next), bytes)) return;
  for (let i: i32 = axis.extent; i > 0; i--, x += axis.from, y += axis.to) copy_axes(x, y, next, rank - 1, bytes);
}

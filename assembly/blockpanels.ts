// Activations times weights of 4 or 8 bits whose blocks have a scale and zero each (docs/math.md, equations 26 and 27).
// Weights stay in their bits, in panels of four columns (outputs), and are unpacked in registers.
//
//     panel    blocks, one behind the other
//     block    [ scale of column 0 | 1 | 2 | 3 ]  float32; then its parts, of 128 values at most
//     part     [ zero, sum | zero, sum | ... ]    int16; the sum is that of code - zero; then vectors of codes
//     vector   [ column 0 | 1 | 2 | 3 ]           of each column 8 nibbles, value i in byte i mod 4, from 4 on the high ones;
//                                                 or 4 bytes
//
// Codes are unsigned. Activations are laid out to match, filled up with zeros where a part is no whole number of vectors: as
// float32; or, per part, a pair of int16 (sum of the values, their zero) and the values as bytes or pairs of int16.

import { total4 } from "./lanes";
import { unpack_u8 } from "./pack";

/** Values of a part: the sum of as many bytes fits an int16, and that of as many differences of bytes. */
export const PART: i32 = 128;

/** Columns of a panel. */
export const COLUMNS: i32 = 4;

// per size of a code: masks of code 0 and code 1 (in steps of 16 bits the next ones), mask of the bytes' and pairs' codes
export const POOL = memory.data<u32>(
  [
    0x0000000f,
    0x00000f00,
    0x0f0f0f0f,
    0x000f000f, // nibbles
    0x000000ff,
    0x0000ff00,
    0x00ff00ff,
    0x00ff00ff, // bytes
    0x4b000000,
    0x47000000, // 2^23 and 2^15: or-ed with code 0 and code 1, they are added to it
  ],
  16,
);

/** A size of codes; a name for static dispatch. */
export abstract class Codes {
  /** Codes of a column in a vector. */
  abstract get count(): i32;
  /** Where its constants are. */
  abstract get pool(): usize;
  /** Whether they are less than 128, which the relaxed dot product takes for its second operand on every host. */
  abstract get small(): bool;
}

export class Nibbles extends Codes {
  // @ts-ignore: decorator
  @inline get count(): i32 {
    return 8;
  }
  // @ts-ignore: decorator
  @inline get pool(): usize {
    return POOL;
  }
  // @ts-ignore: decorator
  @inline get small(): bool {
    return true;
  }
}

export class Bytes extends Codes {
  // @ts-ignore: decorator
  @inline get count(): i32 {
    return 4;
  }
  // @ts-ignore: decorator
  @inline get pool(): usize {
    return POOL + 16;
  }
  // @ts-ignore: decorator
  @inline get small(): bool {
    return false;
  }
}

/** Whether activations meet codes as bytes, in the relaxed dot product, or as pairs of int16. */
// @ts-ignore: decorator
@inline
export function meetsBytes<C extends Codes>(): bool {
  return ASC_FEATURE_RELAXED_SIMD && changetype<C>(0).small;
}

/** Vectors of a part. */
// @ts-ignore: decorator
@inline
function vectors<C extends Codes>(part: i32): i32 {
  return (part + changetype<C>(0).count - 1) / changetype<C>(0).count;
}

/** Bytes of one panel. */
function panelBytes<C extends Codes>(k: i32, block: i32): u32 {
  let bytes: u32 = 0;
  for (let at: i32 = 0; at < k; at += block) {
    bytes += 16;
    const length = min(block, k - at);
    for (let part: i32 = 0; part < length; part += PART) bytes += 16 + 16 * vectors<C>(min(PART, length - part));
  }
  return bytes;
}

/** Bytes of one row of activations: float32, or codes. */
function rowBytes<C extends Codes>(k: i32, block: i32, floats: bool): u32 {
  const size = floats ? 4 : meetsBytes<C>() ? 1 : 2;
  let bytes: u32 = 0;
  for (let at: i32 = 0; at < k; at += block) {
    const length = min(block, k - at);
    bytes += vectors<C>(length) * changetype<C>(0).count * size;
    if (!floats) bytes += ((length + PART - 1) / PART) * 4;
  }
  return bytes;
}

/** `count` codes, low bytes first, each exclusive-or `flip`, of which the first `left` are there; the others are 0. */
// @ts-ignore: decorator
@inline
function loadCodes<C extends Codes>(from: usize, left: i32, flip: u64): u64 {
  const count = changetype<C>(0).count;
  if (left >= count) {
    return count == 8
      ? load<u64>(from) ^ (flip * 0x0101010101010101)
      : <u64>(load<u32>(from) ^ (<u32>flip * 0x01010101));
  }
  let codes: u64 = 0;
  for (let i: i32 = 0; i < left; i++) codes |= ((<u64>load<u8>(from + i)) ^ flip) << (8 * i);
  return codes;
}

/** The sum of eight bytes. */
// @ts-ignore: decorator
@inline
function sumBytes(bytes: u64): i32 {
  const even: u64 = 0x00ff00ff00ff00ff;
  return ((((bytes & even) + ((bytes >> 8) & even)) * 0x0001000100010001) >> 48) as i32;
}

/** A column's `length` codes of a part, four bytes to each of its vectors; returns their sum. */
function packColumn<C extends Codes>(codes: usize, to: usize, length: i32, flip: u64): i32 {
  const count = changetype<C>(0).count;
  let sum = 0;
  for (; length > 0; length -= count) {
    const eight = loadCodes<C>(codes, length, flip);
    sum += sumBytes(eight);
    store<u32>(to, count == 8 ? (<u32>eight) | ((<u32>(eight >> 32)) << 4) : <u32>eight);
    codes += count;
    to += 16;
  }
  return sum;
}

/** Rows of codes, a byte each, as a panel at `to`; columns beyond the rows are zeros. */
function packPanel<C extends Codes>(
  codes: usize,
  to: usize,
  rows: i32,
  k: i32,
  block: i32,
  scales: usize,
  zeros: usize,
  flip: i32,
): void {
  const blocks = (k + block - 1) / block;
  memory.fill(to, 0, panelBytes<C>(k, block));
  for (let b: i32 = 0; b < blocks; b++) {
    const length = min(block, k - b * block);
    for (let j: i32 = 0; j < rows; j++) {
      const at = (<usize>(j * blocks + b)) << 2;
      const zero = load<i32>(zeros + at) + flip;
      store<f32>(to + ((<usize>j) << 2), load<f32>(scales + at));
      let column = to + 16 + ((<usize>j) << 2);
      let from = codes + <usize>j * <usize>k + <usize>b * <usize>block;
      for (let left = length; left > 0; left -= PART) {
        const part = min(PART, left);
        const sum = packColumn<C>(from, column + 16, part, flip);
        store<u32>(column, (zero & 0xffff) | ((sum - part * zero) << 16));
        from += part;
        column += 16 + <usize>vectors<C>(part) * 16;
      }
    }
    to += panelBytes<C>(length, length);
  }
}

/** All panels of n rows of k packed codes; `scratch` holds four rows of them, a byte each, where they have less than 8 bits. */
// @ts-ignore: decorator
@inline
function packPanels<C extends Codes>(
  data: usize,
  scales: usize,
  zeros: usize,
  panels: usize,
  scratch: usize,
  n: i32,
  k: i32,
  block: i32,
  bits: i32,
  flip: i32,
): void {
  const table = (<usize>(((k + block - 1) / block) * COLUMNS)) << 2;
  const bytes = panelBytes<C>(k, block);
  for (let j: i32 = 0; j < n; j += COLUMNS) {
    const rows = min(COLUMNS, n - j);
    if (bits < 8) unpack_u8(data, scratch, rows * k, bits, 0);
    packPanel<C>(bits < 8 ? scratch : data, panels, rows, k, block, scales, zeros, flip);
    data += (<usize>k * <usize>bits) >> 1;
    scales += table;
    zeros += table;
    panels += bytes;
  }
}

/** A row of k float32, filled up with zeros block by block. */
function arrangeFloats<C extends Codes>(x: usize, to: usize, k: i32, block: i32): void {
  for (let at: i32 = 0; at < k; at += block) {
    const length = min(block, k - at);
    const bytes = (<usize>length) << 2;
    const whole = (<usize>(vectors<C>(length) * changetype<C>(0).count)) << 2;
    memory.copy(to, x, bytes);
    memory.fill(to + bytes, 0, whole - bytes);
    x += bytes;
    to += whole;
  }
}

/** Where value i of a vector goes among its pairs: value 0 beside 2, 4 beside 6, then the odd ones. */
// @ts-ignore: decorator
@inline
function pairPlace<C extends Codes>(i: i32): i32 {
  const count = changetype<C>(0).count;
  return (i & -count) + (i & 1) * (count >> 1) + ((i & (count - 1)) >> 1);
}

/** Eight values as pairs. */
// @ts-ignore: decorator
@inline
function pairs8<C extends Codes>(values: v128): v128 {
  if (changetype<C>(0).count == 8) return v128.shuffle<i16>(values, values, 0, 2, 4, 6, 1, 3, 5, 7);
  return v128.shuffle<i16>(values, values, 0, 2, 1, 3, 4, 6, 5, 7);
}

/** The values of a part as signed bytes, or as pairs of int16; returns their sum. */
function arrangePart<C extends Codes>(x: usize, to: usize, length: i32, flip: i32): i32 {
  const mask = i8x16.splat(<i8>flip);
  const whole = vectors<C>(length) * changetype<C>(0).count;
  let sums = i32x4.splat(0);
  let i: i32 = 0;
  for (; i + 8 <= length; i += 8) {
    const bytes = v128.xor(v128.load64_zero(x + i), mask);
    const values = i16x8.extend_low_i8x16_s(bytes);
    sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(values));
    if (meetsBytes<C>()) v128.store64_lane(to + i, bytes, 0);
    else v128.store(to + ((<usize>i) << 1), pairs8<C>(values));
  }
  let sum = total4(sums);
  for (; i < whole; i++) {
    const value = i < length ? <i8>(load<u8>(x + i) ^ (<u8>flip)) : 0;
    if (meetsBytes<C>()) store<i8>(to + i, value);
    else store<i16>(to + ((<usize>pairPlace<C>(i)) << 1), <i16>value);
    sum += <i32>value;
  }
  return sum;
}

/** A row of k codes, i8 or u8 (`flip` 0 or 128), with their sums and zero part by part. */
function arrangeCodes<C extends Codes>(x: usize, to: usize, k: i32, block: i32, zero: i32, flip: i32): void {
  const size = meetsBytes<C>() ? 1 : 2;
  for (let at: i32 = 0; at < k; at += block) {
    for (let left = min(block, k - at); left > 0; left -= PART) {
      const part = min(PART, left);
      const sum = arrangePart<C>(x, to + 4, part, flip);
      store<u32>(to, (sum & 0xffff) | ((zero - flip) << 16));
      x += part;
      to += 4 + vectors<C>(part) * changetype<C>(0).count * size;
    }
  }
}

/** Bytes of a panel of four columns of k codes of `bits` bits, 2 or 4 (as nibbles) or 8. */
export function bytes_panel(k: i32, block: i32, bits: i32): u32 {
  return bits == 8 ? panelBytes<Bytes>(k, block) : panelBytes<Nibbles>(k, block);
}

/** Bytes of an arranged row of k activations that meets such panels: float32 if `floats`, else codes. */
export function bytes_row(k: i32, block: i32, bits: i32, floats: i32): u32 {
  return bits == 8 ? rowBytes<Bytes>(k, block, floats != 0) : rowBytes<Nibbles>(k, block, floats != 0);
}

/**
 * Panels of n rows of k codes, packed as pack_u8 packs them, with float32 scales and int32 zeros [n, ceil(k / block)]; codes
 * become unsigned by an exclusive-or with `flip`, which their zeros gain. `scratch` holds 4 k bytes where bits < 8.
 */
export function pack_panels(
  data: usize,
  scales: usize,
  zeros: usize,
  panels: usize,
  scratch: usize,
  n: i32,
  k: i32,
  block: i32,
  bits: i32,
  flip: i32,
): void {
  if (bits == 8) packPanels<Bytes>(data, scales, zeros, panels, scratch, n, k, block, bits, flip);
  else packPanels<Nibbles>(data, scales, zeros, panels, scratch, n, k, block, bits, flip);
}

/** Arranges m rows of k float32 for panels. */
export function arrange_f32_rows(x: usize, rows: usize, m: i32, k: i32, block: i32, bits: i32): void {
  const stride = bytes_row(k, block, bits, 1);
  for (let i: i32 = 0; i < m; i++, x += (<usize>k) << 2, rows += stride) {
    if (bits == 8) arrangeFloats<Bytes>(x, rows, k, block);
    else arrangeFloats<Nibbles>(x, rows, k, block);
  }
}

/** Arranges m rows of k codes, i8 (`flip` 0) or u8 (`flip` 128), of one zero for panels. */
export function arrange_i8_rows(
  x: usize,
  rows: usize,
  m: i32,
  k: i32,
  block: i32,
  bits: i32,
  zero: i32,
  flip: i32,
): void {
  const stride = bytes_row(k, block, bits, 0);
  for (let i: i32 = 0; i < m; i++, x += k, rows += stride) {
    if (bits == 8) arrangeCodes<Bytes>(x, rows, k, block, zero, flip);
    else arrangeCodes<Nibbles>(x, rows, k, block, zero, flip);
  }
}

// Codes of less than a byte <-> bytes: one bit stream, low bits first, as ONNX packs them (docs/math.md, equation 4).

/** Packs n codes (u8, their low `bits` bits, 1..7) into ceil(n * bits / 8) bytes; the last byte is filled with zeros. */
export function pack_u8(codes: usize, bytes: usize, n: i32, bits: i32): void {
  let i: i32 = 0;
  if (bits == 4) {
    for (; i + 32 <= n; i += 32) {
      const even = i16x8.splat(0xff);
      const a = nibbles(v128.load(codes + i));
      const b = nibbles(v128.load(codes + i, 16));
      v128.store(bytes + (i >> 1), i8x16.narrow_i16x8_u(v128.and(a, even), v128.and(b, even)));
    }
  }
  let stream: u32 = 0;
  let held = 0;
  let to = bytes + ((<usize>i * bits) >> 3);
  for (const mask = (1 << bits) - 1; i < n; i++) {
    stream |= (load<u8>(codes + i) & mask) << held;
    held += bits;
    if (held >= 8) {
      store<u8>(to++, <u8>stream);
      stream >>= 8;
      held -= 8;
    }
  }
  if (held > 0) store<u8>(to, <u8>stream);
}

/** Sixteen codes to eight bytes, each in the low half of an int16: [c0 | c1] -> c0 + 16 c1. */
// @ts-ignore: decorator
@inline
function nibbles(codes: v128): v128 {
  const low = v128.and(codes, i8x16.splat(15));
  return v128.or(low, i16x8.shr_u(low, 4));
}

/** Unpacks n codes of `bits` bits, 1..7; `signed` extends their sign to the whole byte. */
export function unpack_u8(bytes: usize, codes: usize, n: i32, bits: i32, signed: i32): void {
  const spare = 8 - bits;
  let i: i32 = 0;
  if (bits == 4) {
    for (; i + 32 <= n; i += 32) {
      const packed = v128.load(bytes + (i >> 1));
      const low = v128.and(packed, i8x16.splat(15));
      const high = i8x16.shr_u(packed, 4);
      const first = i8x16.shuffle(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const second = i8x16.shuffle(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      v128.store(codes + i, signed ? i8x16.shr_s(i8x16.shl(first, 4), 4) : first);
      v128.store(codes + i, signed ? i8x16.shr_s(i8x16.shl(second, 4), 4) : second, 16);
    }
  }
  let stream: u32 = 0;
  let held = 0;
  let from = bytes + ((<usize>i * bits) >> 3);
  for (; i < n; i++) {
    if (held < bits) {
      stream |= (<u32>load<u8>(from++)) << held;
      held += 8;
    }
    const top = stream << (24 + spare); // the code in the highest bits
    store<u8>(codes + i, signed ? <u8>((<i32>top) >> (24 + spare)) : <u8>(top >> (24 + spare)));
    stream >>= bits;
    held -= bits;
  }
}

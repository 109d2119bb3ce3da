// Codes under 8 bits as bytes: one flat stream of bits, low bits first, the last byte padded with zeros.
// Bit j of code i is bit (i * bits + j) mod 8 of byte floor((i * bits + j) / 8); bits is 1..7.
import { at } from "./at.ts";

/** Packs codes; of each the low `bits` bits are kept, so signed codes are two's complement. */
export function packCodes(codes: ArrayLike<number>, bits: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((codes.length * bits) / 8));
  for (let i = 0; i < codes.length * bits; i++) {
    const bit = (at(codes, Math.floor(i / bits)) >> (i % bits)) & 1;
    bytes[i >> 3] = at(bytes, i >> 3) | (bit << (i & 7));
  }
  return bytes;
}

/** The first `length` codes of a stream, unsigned. */
export function unpackCodes(bytes: ArrayLike<number>, bits: number, length: number): Uint8Array {
  const codes = new Uint8Array(length);
  for (let i = 0; i < length * bits; i++) {
    const bit = (at(bytes, i >> 3) >> (i & 7)) & 1;
    const code = Math.floor(i / bits);
    codes[code] = at(codes, code) | (bit << (i % bits));
  }
  return codes;
}

/** The two's complement value of an unsigned code of `bits` bits. */
export function signExtend(code: number, bits: number): number {
  return code < 1 << (bits - 1) ? code : code - (1 << bits);
}

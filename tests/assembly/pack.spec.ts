// Codes of less than a byte to bytes and back: bytes written out by hand, and every length there and back.

import { pack_u8, unpack_u8 } from "../../assembly/pack";

/** A byte that nothing writes. */
const UNTOUCHED: u8 = 0xa5;

function packed(codes: StaticArray<u8>, bits: i32): StaticArray<u8> {
  const bytes = new StaticArray<u8>((codes.length * bits + 7) >> 3);
  pack_u8(changetype<usize>(codes), changetype<usize>(bytes), codes.length, bits);
  return bytes;
}

/** n codes with all their upper bits set, so that only the low ones may count. */
function codesOf(n: i32, bits: i32): StaticArray<u8> {
  const codes = new StaticArray<u8>(n);
  for (let i = 0; i < n; i++) codes[i] = <u8>((i * 37 + 11) | (0xff << bits));
  return codes;
}

/** Whether n codes come back, extended as `signed` says, and nothing behind them is written. */
function survives(n: i32, bits: i32, signed: bool): bool {
  const codes = codesOf(n, bits);
  const bytes = packed(codes, bits);
  const back = new StaticArray<u8>(n + 1).fill(UNTOUCHED);
  unpack_u8(changetype<usize>(bytes), changetype<usize>(back), n, bits, i32(signed));
  const top = <u8>(8 - bits);
  for (let i = 0; i < n; i++) {
    const shifted = <u8>(codes[i] << top);
    const want = signed ? <u8>((<i8>shifted) >> (<i8>top)) : <u8>(shifted >> top);
    if (back[i] != want) return false;
  }
  return back[n] == UNTOUCHED;
}

describe("pack_u8", () => {
  it("puts the first code into the low bits", () => {
    expect<StaticArray<u8>>(packed([1, 2, 15], 4)).toStrictEqual([0x21, 0x0f]);
    expect<StaticArray<u8>>(packed([1, 2, 3, 0, 1], 2)).toStrictEqual([0b00111001, 0b01]);
    expect<StaticArray<u8>>(packed([1, 0, 1, 1, 0, 0, 0, 1, 1], 1)).toStrictEqual([0b10001101, 1]);
  });

  it("lets codes of six bits cross bytes", () => {
    expect<StaticArray<u8>>(packed([0b111111, 0, 0b101010, 0b000001], 6)).toStrictEqual([
      0b00111111, 0b10100000, 0b00000110,
    ]);
  });

  it("looks at the low bits of a code only", () => {
    expect<StaticArray<u8>>(packed([0xf1, 0xe2], 4)).toStrictEqual([0x21]);
  });

  it("writes no byte behind the last", () => {
    for (let bits = 1; bits < 8; bits++) {
      for (let n = 0; n < 70; n++) {
        const size = (n * bits + 7) >> 3;
        const bytes = new StaticArray<u8>(size + 1).fill(UNTOUCHED);
        pack_u8(changetype<usize>(codesOf(n, bits)), changetype<usize>(bytes), n, bits);
        expect<u8>(bytes[size]).toBe(UNTOUCHED);
      }
    }
  });
});

describe("unpack_u8", () => {
  it("gives back what was packed, of any width and length", () => {
    for (let bits = 1; bits < 8; bits++) {
      for (let n = 0; n < 70; n++) {
        expect<bool>(survives(n, bits, false)).toBe(true);
        expect<bool>(survives(n, bits, true)).toBe(true);
      }
    }
  });
});

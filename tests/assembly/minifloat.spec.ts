// The float encoder and decoder inside wasm: published codes, every code there and back, and agreement of the vector
// path with the one for single values.

import { ROUND_AWAY, ROUND_DOWN, ROUND_EVEN, ROUND_STOCHASTIC, ROUND_UP, ROUND_ZERO } from "../../assembly/abi";
import { decodeMany, encodeMany, Minifloat } from "../../assembly/minifloat";

/** No magnitude and no code: a format without infinity, or whose NaN the largest number tells. */
const NONE: u32 = 0xffffffff;

/** A float format in the kernels' numbers. */
class Float {
  constructor(
    public mantissa: i32,
    public bias: i32,
    public width: i32,
    /** Its largest finite number. */
    public max: u32,
    public infinity: u32,
    public nan: u32,
    public minusZero: i32,
  ) {}

  /** The highest magnitude that is no NaN. */
  get last(): u32 {
    return this.infinity == NONE ? this.max : this.infinity;
  }

  get step(): f32 {
    return <f32>(2.0 ** <f64>(1 - this.bias - this.mantissa));
  }
}

const E4M3FN = new Float(3, 7, 8, 0x7e, NONE, 0x7f, 1);
const E5M2 = new Float(2, 15, 8, 0x7b, 0x7c, 0x7e, 1);
const E4M3FNUZ = new Float(3, 8, 8, 0x7f, NONE, 0x80, 0);
const E2M1FN = new Float(1, 1, 4, 7, NONE, NONE, 1);
const FLOAT16 = new Float(10, 15, 16, 0x7bff, 0x7c00, 0x7e00, 1);
const BFLOAT16 = new Float(7, 127, 16, 0x7f7f, 0x7f80, 0x7fc0, 1);

/** The same in memory. */
function numbers(f: Float, overflow: u32): Minifloat {
  const format = new Minifloat();
  format.mantissa = f.mantissa;
  format.bias = f.bias;
  format.width = f.width;
  format.step = f.step;
  format.max = f.max;
  format.overflow = overflow;
  format.infinity = f.infinity;
  format.last = f.last;
  format.nan = f.nan;
  format.minusZero = f.minusZero;
  return format;
}

/** The code of one value, `copies` times over, of which the last is given back and the others have to be the same. */
function codeOf<T>(f: Float, value: f32, rounding: i32 = ROUND_EVEN, copies: i32 = 1, overflow: u32 = f.max): i32 {
  const x = new StaticArray<f32>(copies).fill(value);
  const q = new StaticArray<T>(copies);
  encodeMany<T>(changetype<usize>(x), changetype<usize>(q), copies, numbers(f, overflow), rounding, 42, 0);
  for (let i = 0; i < copies; i++) if (q[i] != q[copies - 1]) return -1;
  return <i32>q[copies - 1];
}

/** All codes of a format, decoded. */
function decodeAll<T>(f: Float): StaticArray<f32> {
  const count = 1 << f.width;
  const codes = new StaticArray<T>(count);
  for (let code = 0; code < count; code++) codes[code] = <T>code;
  const values = new StaticArray<f32>(count);
  decodeMany<T>(changetype<usize>(codes), changetype<usize>(values), count, numbers(f, f.max));
  return values;
}

/** How many codes do not come back through float32; NaN may come back as any NaN. */
function lost<T>(f: Float): i32 {
  const values = decodeAll<T>(f);
  const count = values.length;
  const back = new StaticArray<T>(count);
  const beyond = f.infinity == NONE ? f.nan : f.infinity;
  encodeMany<T>(changetype<usize>(values), changetype<usize>(back), count, numbers(f, beyond), ROUND_EVEN, 0, 0);
  let wrong = 0;
  for (let code = 0; code < count; code++) {
    wrong += i32(isNaN(values[code]) ? back[code] != <T>f.nan : back[code] != <T>code);
  }
  return wrong;
}

/** How many of some thousand values have another code beside others (vectors) than alone. */
function disagreements<T>(f: Float): i32 {
  let wrong = 0;
  for (let bits: u32 = 0; bits < 0xffe00000; bits += 0x1fffff) {
    const value = reinterpret<f32>(bits);
    if (isNaN(value) && f.nan == NONE) continue; // callers look for NaN where a format has none
    wrong += i32(codeOf<T>(f, value, ROUND_EVEN, 23) != codeOf<T>(f, value));
  }
  return wrong;
}

describe("encodeMany", () => {
  it("gives the published codes of float8_e4m3fn", () => {
    expect<i32>(codeOf<u8>(E4M3FN, 0)).toBe(0);
    expect<i32>(codeOf<u8>(E4M3FN, -0.0)).toBe(0x80);
    expect<i32>(codeOf<u8>(E4M3FN, 1)).toBe(0x38);
    expect<i32>(codeOf<u8>(E4M3FN, -448)).toBe(0xfe);
    expect<i32>(codeOf<u8>(E4M3FN, 0.015625)).toBe(8);
    expect<i32>(codeOf<u8>(E4M3FN, 0.001953125)).toBe(1);
    expect<i32>(codeOf<u8>(E4M3FN, NaN)).toBe(0x7f);
  });

  it("gives the published codes of float16, bfloat16 and float4_e2m1fn", () => {
    expect<i32>(codeOf<u16>(FLOAT16, 1)).toBe(0x3c00);
    expect<i32>(codeOf<u16>(FLOAT16, 65504)).toBe(0x7bff);
    expect<i32>(codeOf<u16>(FLOAT16, Infinity, ROUND_EVEN, 1, 0x7c00)).toBe(0x7c00);
    expect<i32>(codeOf<u16>(BFLOAT16, -3.140625)).toBe(0xc049);
    expect<i32>(codeOf<u8>(E2M1FN, -6)).toBe(15);
    expect<i32>(codeOf<u8>(E2M1FN, 0.5)).toBe(1);
  });

  it("rounds ties of normal and subnormal numbers as told", () => {
    const step: f32 = 0.001953125;
    for (let sign: f32 = 1; sign >= -1; sign -= 2) {
      const bit = sign < 0 ? 0x80 : 0;
      // 1.0625 lies between 0x38 and 0x39, half a step between 0 and 1
      expect<i32>(codeOf<u8>(E4M3FN, sign * 1.0625, ROUND_EVEN)).toBe(0x38 | bit);
      expect<i32>(codeOf<u8>(E4M3FN, sign * 1.1875, ROUND_EVEN)).toBe(0x3a | bit);
      expect<i32>(codeOf<u8>(E4M3FN, sign * 1.0625, ROUND_AWAY)).toBe(0x39 | bit);
      expect<i32>(codeOf<u8>(E4M3FN, sign * 1.0625, ROUND_ZERO)).toBe(0x38 | bit);
      expect<i32>(codeOf<u8>(E4M3FN, sign * 1.0625, ROUND_UP)).toBe((sign > 0 ? 0x39 : 0x38) | bit);
      expect<i32>(codeOf<u8>(E4M3FN, sign * 1.0625, ROUND_DOWN)).toBe((sign > 0 ? 0x38 : 0x39) | bit);
      expect<i32>(codeOf<u8>(E4M3FN, sign * step * 0.5, ROUND_EVEN)).toBe(bit);
      expect<i32>(codeOf<u8>(E4M3FN, sign * step * 1.5, ROUND_EVEN)).toBe(2 | bit);
      expect<i32>(codeOf<u8>(E4M3FN, sign * step * 0.5, ROUND_AWAY)).toBe(1 | bit);
    }
  });

  it("stores the overflow code beyond the largest number", () => {
    expect<i32>(codeOf<u8>(E4M3FN, 464)).toBe(0x7e);
    expect<i32>(codeOf<u8>(E4M3FN, 465, ROUND_EVEN, 1, 0x7f)).toBe(0x7f);
    expect<i32>(codeOf<u8>(E5M2, -1e6, ROUND_EVEN, 1, 0x7c)).toBe(0xfc);
    expect<i32>(codeOf<u8>(E5M2, 1e6, ROUND_ZERO, 1, 0x7c)).toBe(0x7b);
    expect<i32>(codeOf<u8>(E5M2, Infinity, ROUND_ZERO, 1, 0x7c)).toBe(0x7c);
  });

  it("has one zero where the code of minus zero is NaN", () => {
    expect<i32>(codeOf<u8>(E4M3FNUZ, -0.0)).toBe(0);
    expect<i32>(codeOf<u8>(E4M3FNUZ, -1e-10)).toBe(0);
    expect<i32>(codeOf<u8>(E4M3FNUZ, NaN)).toBe(0x80);
  });

  it("gives a value the same code alone and among others", () => {
    expect<i32>(disagreements<u8>(E4M3FN)).toBe(0);
    expect<i32>(disagreements<u8>(E5M2)).toBe(0);
    expect<i32>(disagreements<u8>(E4M3FNUZ)).toBe(0);
    expect<i32>(disagreements<u8>(E2M1FN)).toBe(0);
    expect<i32>(disagreements<u16>(FLOAT16)).toBe(0);
    expect<i32>(disagreements<u16>(BFLOAT16)).toBe(0);
  });

  it("rounds numbers of the format to themselves at random too", () => {
    expect<i32>(codeOf<u8>(E4M3FN, 1.125, ROUND_STOCHASTIC, 64)).toBe(0x39);
    expect<i32>(codeOf<u8>(E4M3FN, 1.0625, ROUND_STOCHASTIC, 64)).toBe(-1, "some up, some down");
  });
});

describe("decodeMany", () => {
  it("gives the published values", () => {
    const values = decodeAll<u8>(E4M3FN);
    expect<f32>(values[0x38]).toBe(1);
    expect<f32>(values[0xfe]).toBe(-448);
    expect<f32>(values[1]).toBe(0.001953125);
    expect<f32>(values[0x7f]).toBeNaN();
    expect<f32>(values[0xff]).toBeNaN();
    expect<f32>(decodeAll<u8>(E5M2)[0xfc]).toBe(-Infinity);
    expect<f32>(decodeAll<u8>(E4M3FNUZ)[0x80]).toBeNaN();
  });

  it("is undone by encodeMany, for every code", () => {
    expect<i32>(lost<u8>(E4M3FN)).toBe(0);
    expect<i32>(lost<u8>(E5M2)).toBe(0);
    expect<i32>(lost<u8>(E4M3FNUZ)).toBe(0);
    expect<i32>(lost<u8>(E2M1FN)).toBe(0);
    expect<i32>(lost<u16>(FLOAT16)).toBe(0);
    expect<i32>(lost<u16>(BFLOAT16)).toBe(0);
  });
});

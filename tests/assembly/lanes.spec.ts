// The lane helpers: each against what its drawing says. A v128 cannot leave a function that a test calls, so lanes are
// looked at one by one.

import {
  clamp4,
  F32_ABS,
  F32_INF,
  infinityBits,
  loadCodes4,
  MAGIC_BITS,
  magnitudeMask,
  NAN_BITS,
  nanBits,
  narrow16,
  ones,
  roundingMagic,
  storeCodes4,
} from "../../assembly/lanes";

/** Codes around the bounds of every type; cut or saturated differently by each. */
const CODES: StaticArray<i32> = [-2147483648, -32769, -32768, -129, -128, -1, 0, 1];
const MORE: StaticArray<i32> = [127, 128, 255, 256, 32767, 32768, 65535, 2147483647];

function load4(codes: StaticArray<i32>, from: i32): v128 {
  return v128.load(changetype<usize>(codes) + ((<usize>from) << 2));
}

function expectAll(v: v128, bits: u32): void {
  expect<u32>(i32x4.extract_lane(v, 0)).toBe(bits);
  expect<u32>(i32x4.extract_lane(v, 1)).toBe(bits);
  expect<u32>(i32x4.extract_lane(v, 2)).toBe(bits);
  expect<u32>(i32x4.extract_lane(v, 3)).toBe(bits);
}

/** One value rounded by the magic number. */
function rounded(v: f32): i32 {
  return i32x4.extract_lane(f32x4.add(f32x4.splat(v), roundingMagic()), 0) - MAGIC_BITS;
}

function clamped(v: f32, lo: f32, hi: f32): f32 {
  return f32x4.extract_lane(clamp4(f32x4.splat(v), f32x4.splat(lo), f32x4.splat(hi)), 0);
}

/** Stores four codes before a byte that has to stay, and compares with saturation done by hand. */
function expectStored<T>(codes: StaticArray<i32>, from: i32, lo: i64, hi: i64): void {
  const memory = new StaticArray<u8>(32).fill(0xa5);
  const at = changetype<usize>(memory) + 1;
  storeCodes4<T>(at, load4(codes, from));
  for (let i = 0; i < 4; i++) {
    const want = <T>min(max(<i64>codes[from + i], lo), hi);
    expect<T>(load<T>(at + <usize>i * sizeof<T>())).toBe(want);
  }
  expect<u8>(memory[0]).toBe(0xa5, "the byte before");
  expect<u8>(memory[1 + 4 * <i32>sizeof<T>()]).toBe(0xa5, "the byte behind");
}

function expectAllStored<T>(lo: i64, hi: i64): void {
  for (let from = 0; from < 8; from += 4) {
    expectStored<T>(CODES, from, lo, hi);
    expectStored<T>(MORE, from, lo, hi);
  }
}

function expectLoaded<T>(codes: StaticArray<T>): void {
  const v = loadCodes4<T>(changetype<usize>(codes));
  expect<i32>(i32x4.extract_lane(v, 0)).toBe(<i32>codes[0]);
  expect<i32>(i32x4.extract_lane(v, 1)).toBe(<i32>codes[1]);
  expect<i32>(i32x4.extract_lane(v, 2)).toBe(<i32>codes[2]);
  expect<i32>(i32x4.extract_lane(v, 3)).toBe(<i32>codes[3]);
}

describe("constants of lanes", () => {
  it("hold their bits in every lane", () => {
    expectAll(roundingMagic(), MAGIC_BITS);
    expectAll(magnitudeMask(), F32_ABS);
    expectAll(ones(), 1);
    expectAll(infinityBits(), F32_INF);
    expectAll(nanBits(), 0x7fc00000);
  });

  it("mean what their names say", () => {
    expect<f32>(reinterpret<f32>(MAGIC_BITS)).toBe(12582912);
    expect<f32>(reinterpret<f32>(F32_INF)).toBe(Infinity);
    expect<u32>(reinterpret<u32>(<f32>-2.5) & F32_ABS).toBe(reinterpret<u32>(<f32>2.5));
  });

  it("tell NaN from any rounded value", () => {
    let seen = 0;
    for (let v: f32 = -4194304; v <= 4194304; v += 4096) seen |= reinterpret<i32>(v + reinterpret<f32>(MAGIC_BITS));
    expect<i32>(seen & NAN_BITS).toBe(0);
    expect<i32>(0x7f800001 & NAN_BITS).not.toBe(0);
    expect<i32>(0x7fc00000 & NAN_BITS).not.toBe(0);
    expect<i32>(0xffffffff & NAN_BITS).not.toBe(0);
  });
});

describe("roundingMagic", () => {
  it("rounds half to even", () => {
    expect<i32>(rounded(0.5)).toBe(0);
    expect<i32>(rounded(1.5)).toBe(2);
    expect<i32>(rounded(-0.5)).toBe(0);
    expect<i32>(rounded(-1.5)).toBe(-2);
    expect<i32>(rounded(-2.5)).toBe(-2);
    expect<i32>(rounded(2097151.5)).toBe(2097152);
    expect<i32>(rounded(2097150.5)).toBe(2097150);
  });

  it("agrees with nearest up to 2^22 either side", () => {
    let wrong = 0;
    for (let v: f32 = -4194304; v <= 4194304; v += 511.875) wrong += i32(rounded(v) != <i32>nearest(v));
    expect<i32>(wrong).toBe(0);
  });
});

describe("clamp4", () => {
  it("keeps what is inside, and cuts what is not", () => {
    expect<f32>(clamped(0.5, -1, 1)).toBe(0.5);
    expect<f32>(clamped(-3, -1, 1)).toBe(-1);
    expect<f32>(clamped(3, -1, 1)).toBe(1);
    expect<f32>(clamped(Infinity, -1, 1)).toBe(1);
    expect<f32>(clamped(-Infinity, -1, 1)).toBe(-1);
    expect<f32>(clamped(7, 2, 2)).toBe(2);
  });

  it("keeps a NaN", () => {
    expect<f32>(clamped(NaN, -1, 1)).toBeNaN();
  });

  it("clamps each lane by its own bounds", () => {
    const v = clamp4(f32x4(9, -9, 1, 5), f32x4(0, -2, 3, 4), f32x4(1, 2, 4, 6));
    expect<f32>(f32x4.extract_lane(v, 0)).toBe(1);
    expect<f32>(f32x4.extract_lane(v, 1)).toBe(-2);
    expect<f32>(f32x4.extract_lane(v, 2)).toBe(3);
    expect<f32>(f32x4.extract_lane(v, 3)).toBe(5);
  });
});

describe("narrow16", () => {
  it("keeps the order of four vectors and saturates to int8", () => {
    const bytes = new StaticArray<i8>(16);
    v128.store(
      changetype<usize>(bytes),
      narrow16<i8>(load4(CODES, 0), load4(CODES, 4), load4(MORE, 0), load4(MORE, 4)),
    );
    const want: StaticArray<i8> = [-128, -128, -128, -128, -128, -1, 0, 1, 127, 127, 127, 127, 127, 127, 127, 127];
    expect<StaticArray<i8>>(bytes).toStrictEqual(want);
  });

  it("saturates to uint8", () => {
    const bytes = new StaticArray<u8>(16);
    v128.store(
      changetype<usize>(bytes),
      narrow16<u8>(load4(CODES, 0), load4(CODES, 4), load4(MORE, 0), load4(MORE, 4)),
    );
    const want: StaticArray<u8> = [0, 0, 0, 0, 0, 0, 0, 1, 127, 128, 255, 255, 255, 255, 255, 255];
    expect<StaticArray<u8>>(bytes).toStrictEqual(want);
  });
});

describe("storeCodes4", () => {
  it("saturates and touches four codes only", () => {
    expectAllStored<i8>(-128, 127);
    expectAllStored<u8>(0, 255);
    expectAllStored<i16>(-32768, 32767);
    expectAllStored<u16>(0, 65535);
    expectAllStored<i32>(-2147483648, 2147483647);
  });
});

describe("loadCodes4", () => {
  it("extends the sign of signed types only", () => {
    expectLoaded<i8>([-128, -1, 0, 127]);
    expectLoaded<u8>([0, 127, 128, 255]);
    expectLoaded<i16>([-32768, -1, 0, 32767]);
    expectLoaded<u16>([0, 32767, 32768, 65535]);
    expectLoaded<i32>([-2147483648, -1, 0, 2147483647]);
  });
});

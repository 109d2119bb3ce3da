// Exact looks into the bits of a float: exponents, powers of two, float32 patterns.
// x = (-1)^sign * 1.fraction * 2^exponent; nothing here calls Math.log2, Math.pow or Math.exp.

const view = new DataView(new ArrayBuffer(8));

/** The 32 bits of a float32, as an unsigned integer. */
export function float32Bits(x: number): number {
  view.setFloat32(0, x);
  return view.getUint32(0);
}

/** The float32 with these 32 bits. */
export function float32FromBits(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

/** floor(log2 |x|) for a finite x other than 0 with |x| >= 2^-1022; -1023 for 0. */
export function exponentOf(x: number): number {
  view.setFloat64(0, x);
  return ((view.getUint32(0) >>> 20) & 0x7ff) - 1023;
}

/** 2^exponent, exactly; exponent in -1022..1023. */
export function powerOfTwo(exponent: number): number {
  view.setUint32(0, (exponent + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

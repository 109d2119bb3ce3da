// What becomes of float32 sums before they are stored (docs/math.md, equation 57).

/** Words in memory, in this order. */
@unmanaged
export class Finish {
  /** Factor of values below 0; 1: they stay. */
  slope: f32;
  /** Limits; infinite: there are none. */
  lo: f32;
  hi: f32;
}

/** Sums as they are stored; a NaN stays one. */
// @ts-ignore: decorator
@inline
export function finish(sums: v128, at: usize): v128 {
  const slope = changetype<Finish>(at).slope;
  let v = sums;
  if (slope != 1) v = v128.bitselect(f32x4.mul(v, f32x4.splat(slope)), v, f32x4.lt(v, f32x4.splat(0)));
  v = f32x4.pmax(v, v128.load32_splat(at, offsetof<Finish>("lo")));
  return f32x4.pmin(v, v128.load32_splat(at, offsetof<Finish>("hi")));
}

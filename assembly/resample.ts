// Weighted sums of neighbours along an axis: what a resize by interpolation does to each axis (docs/math.md, equation 73).

/** What one result is made of: 32-bit fields in memory, in this order. */
@unmanaged
class Tap {
  /** The neighbour's index along the axis. */
  index: i32;
  weight: f32;
}

/** Results `inner` values apart from the next along the axis: sums over the taps, in their order. */
function blendRow(x: usize, y: usize, taps: usize, count: i32, inner: i32): void {
  const rest = taps + <usize>(count - 1) * offsetof<Tap>();
  const first = changetype<Tap>(taps);
  const x0 = x + ((<usize>first.index * inner) << 2);
  let j: usize = 0;
  const end = (<usize>inner) << 2;
  for (; j + 16 <= end; j += 16) {
    let sum = f32x4.mul(v128.load(x0 + j), f32x4.splat(first.weight));
    for (let at = taps; at < rest; at += offsetof<Tap>()) {
      const tap = changetype<Tap>(at + offsetof<Tap>());
      const from = x + ((<usize>tap.index * inner) << 2) + j;
      sum = f32x4.add(sum, f32x4.mul(v128.load(from), f32x4.splat(tap.weight)));
    }
    v128.store(y + j, sum);
  }
  for (; j < end; j += 4) {
    let sum = load<f32>(x0 + j) * first.weight;
    for (let at = taps; at < rest; at += offsetof<Tap>()) {
      const tap = changetype<Tap>(at + offsetof<Tap>());
      sum += load<f32>(x + ((<usize>tap.index * inner) << 2) + j) * tap.weight;
    }
    store<f32>(y + j, sum);
  }
}

/**
 * Resamples an axis: x [outer, extent, inner] to y [outer, length, inner]; `taps` points to `count` >= 1 Taps for each of the
 * `length` results.
 */
export function resample_f32_f32(
  x: usize,
  y: usize,
  taps: usize,
  outer: i32,
  extent: i32,
  length: i32,
  inner: i32,
  count: i32,
): void {
  const line = (<usize>inner) << 2;
  const each = <usize>count * offsetof<Tap>();
  for (; outer > 0; outer--, x += <usize>extent * line) {
    let at = taps;
    for (let i: i32 = 0; i < length; i++, at += each, y += line) blendRow(x, y, at, count, inner);
  }
}

// Codes that become codes one by one: through a table of all of them, in the order of their bits.

/** n codes through a table; four a turn, which halves the time of one. */
// @ts-ignore: decorator
@inline
function lookUp<X, Y>(x: usize, table: usize, y: usize, n: i32): void {
  const till = x + <usize>n * sizeof<X>();
  for (; x + 4 * sizeof<X>() <= till; x += 4 * sizeof<X>()) {
    const a = load<Y>(table + <usize>load<X>(x) * sizeof<Y>());
    const b = load<Y>(table + <usize>load<X>(x, sizeof<X>()) * sizeof<Y>());
    const c = load<Y>(table + <usize>load<X>(x, 2 * sizeof<X>()) * sizeof<Y>());
    const d = load<Y>(table + <usize>load<X>(x, 3 * sizeof<X>()) * sizeof<Y>());
    store<Y>(y, a);
    store<Y>(y, b, sizeof<Y>());
    store<Y>(y, c, 2 * sizeof<Y>());
    store<Y>(y, d, 3 * sizeof<Y>());
    y += 4 * sizeof<Y>();
  }
  for (; x < till; x += sizeof<X>(), y += sizeof<Y>()) {
    store<Y>(y, load<Y>(table + <usize>load<X>(x) * sizeof<Y>()));
  }
}

/** y = table[x], 256 entries. */
export function look_up_u8_u8(x: usize, table: usize, y: usize, n: i32): void {
  lookUp<u8, u8>(x, table, y, n);
}

/** y = table[x], 256 entries. */
export function look_up_u8_u16(x: usize, table: usize, y: usize, n: i32): void {
  lookUp<u8, u16>(x, table, y, n);
}

/** y = table[x], 65,536 entries. */
export function look_up_u16_u8(x: usize, table: usize, y: usize, n: i32): void {
  lookUp<u16, u8>(x, table, y, n);
}

/** y = table[x], 65,536 entries. */
export function look_up_u16_u16(x: usize, table: usize, y: usize, n: i32): void {
  lookUp<u16, u16>(x, table, y, n);
}

/** From a table of 256 bytes one of 65,536 pairs of bytes: two codes are looked up at once, in half the time. */
export function pair_u8_u16(table: usize, pairs: usize): void {
  for (let second: usize = 0; second < 256; second++) {
    const high = i16x8.splat(<i16>((<i32>load<u8>(table + second)) << 8));
    for (let first: usize = 0; first < 256; first += 8) {
      v128.store(pairs + ((second << 9) | (first << 1)), v128.or(high, v128.load8x8_u(table + first)));
    }
  }
}

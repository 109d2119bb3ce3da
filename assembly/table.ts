// Codes that become codes one by one: through a table of all of them.

/** n codes of 8 or 16 bits through a table with an entry for every code, in the order of their bits. */
// @ts-ignore: decorator
@inline
export function lookUp<X, Y>(x: usize, table: usize, y: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    store<Y>(y + i * sizeof<Y>(), load<Y>(table + <usize>load<X>(x + i * sizeof<X>()) * sizeof<Y>()));
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

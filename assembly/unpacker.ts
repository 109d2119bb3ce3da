// A module of its own: unpacks the kernels' modules, which are most of what is served. tools/packer.mjs describes the format
// and makes it: bits by an arithmetic coder, each predicted from what came in its contexts before.

/** Where the predictions of each kind begin; tools/packer.mjs has the same. */
const LITERAL: u32 = 0;
const AFTER: u32 = 0x10000;
const KIND: u32 = 0x20100;
const REPEATED: u32 = 0x20900;
const NUMBERS: u32 = 0x20908;

/** Bytes of all predictions, from address 0 on: they are zero at the start. */
export const ROOM: u32 = (NUMBERS + 6 * 1024) * 4;

let text: usize = 0;
let range: u32 = 0;
let code: u32 = 0;

/** The coder's next six bits, a character. */
function shift(): void {
  code = (code << 6) | load<u8>(text++);
  range <<= 6;
}

/** A bit, from the odds that it is set: -32768 to 32767 for never to always. */
function decode(odds: i32): u32 {
  const bound = (range >> 16) * (odds + 32768);
  const bit = u32(code < bound);
  if (bit) {
    range = bound;
  } else {
    code -= bound;
    range -= bound;
  }
  while (range < 1 << 24) shift();
  return bit;
}

function oddsOf(context: u32): i32 {
  return load<i32>(context << 2) >> 6;
}

/** Odds move towards what came, less the more has come. */
function learn(context: u32, bit: u32): void {
  const odds = oddsOf(context);
  const count = load<i32>(context << 2) & 63;
  const moved = odds + (((bit ? 32704 : -32704) - odds) * 2) / (count * 2 + 3);
  store<i32>(context << 2, (moved << 6) | (count + i32(count < 60)));
}

function one(context: u32): u32 {
  const bit = decode(oddsOf(context));
  learn(context, bit);
  return bit;
}

/** A bit of two contexts: the surer one counts thrice. */
function two(first: u32, second: u32): u32 {
  const a = oddsOf(first);
  const b = oddsOf(second);
  const bit = decode((a + b + (abs(a) > abs(b) ? a : b) * 2) >> 2);
  learn(first, bit);
  learn(second, bit);
  return bit;
}

/** A number from 1 on: how many bits it has, then those behind the first. */
function number(kind: u32): u32 {
  const base = NUMBERS + (kind << 10);
  let more: u32 = 0;
  while (one(base + more)) more++;
  const row = base + ((more + 1) << 5);
  let value: u32 = 1;
  while (more--) value = (value << 1) | one(row + (value < 8 ? value : 8 + more));
  return value;
}

/** Unpacks a text of six bits a byte to `to` until `end`; `to` has a zero before it. */
export function unpack(source: usize, to: usize, end: usize): void {
  text = source;
  range = 1;
  for (let i = 0; i < 5; i++) shift();
  let history: u32 = 0;
  let back: u32 = 0;
  while (to < end) {
    const last: u32 = load<u8>(to - 1);
    const copied = one(KIND + (last << 3) + history);
    if (copied) {
      let length: u32;
      if (one(REPEATED + history)) {
        length = number(5);
      } else {
        length = number(4) + 1;
        back = number(min(length - 2, 3));
      }
      for (; length; length--) store<u8>(to, load<u8>(to++ - back));
    } else {
      const after = AFTER + (history & 1 ? (u32(load<u8>(to - back)) + 1) << 8 : 0);
      let value: u32 = 1;
      while (value < 256) value = (value << 1) | two(LITERAL + (last << 8) + value, after + value);
      store<u8>(to++, u8(value));
    }
    history = ((history << 1) | copied) & 7;
  }
}

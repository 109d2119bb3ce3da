// Packs bytes into text that gzip cannot make smaller, for a third less than gzip alone: assembly/unpacker.ts reads it.
//
// A file is literal bytes and copies of what came before. Every choice is a sequence of bits; a bit has a context (what stands
// before it), and its odds are those of the bits that came in that context before. An arithmetic coder writes a bit in as much
// room as it was unlikely. A literal's bits have two contexts: the byte before, and the byte that a copy would have gone on with.
// A copy has a length and a distance, or the distance of the one before. Characters carry six bits each.

/** Where the contexts of each kind begin; assembly/unpacker.ts has the same. */
const LITERAL = 0;
const AFTER = 0x10000;
const KIND = 0x20100;
const REPEATED = 0x20900;
const NUMBERS = 0x20908;
const CONTEXTS = NUMBERS + 6 * 1024;

/** The numbers of a copy; distances have a kind for each of the lengths 2, 3, 4 and more. */
const LENGTH = 4;
const REPEATED_LENGTH = 5;

const HALF = 32768;
const CERTAIN = 32704;
const MOST = 60;

const oddsOf = (contexts, context) => contexts[context] >> 6;

function learn(contexts, context, bit) {
  const odds = oddsOf(contexts, context);
  const count = contexts[context] & 63;
  const moved = odds + Math.trunc((((bit ? CERTAIN : -CERTAIN) - odds) * 2) / (count * 2 + 3));
  contexts[context] = (moved << 6) | (count + (count < MOST ? 1 : 0));
}

function oddsOfTwo(contexts, first, second) {
  const [a, b] = [oddsOf(contexts, first), oddsOf(contexts, second)];
  return (a + b + (Math.abs(a) > Math.abs(b) ? a : b) * 2) >> 2;
}

/** What a bit takes by its odds, in bits. */
const PRICES = Float64Array.from({ length: 1024 }, (_, i) => -Math.log2((i + 0.5) / 1024));
const priceOf = (odds, bit) => PRICES[((bit ? odds : -odds - 1) + HALF) >> 6];

/** Says what bits would take, and learns nothing. */
class Price {
  sum = 0;

  constructor(contexts) {
    this.contexts = contexts;
    this.numbers = Array.from({ length: 6 }, () => new Map());
  }

  number(kind, value) {
    const known = this.numbers[kind];
    const before = this.sum;
    if (!known.has(value)) {
      putNumber(this, kind, value);
      known.set(value, this.sum - before);
    }
    this.sum = before + known.get(value);
  }

  one(context, bit) {
    this.sum += priceOf(oddsOf(this.contexts, context), bit);
  }

  two(first, second, bit) {
    this.sum += priceOf(oddsOfTwo(this.contexts, first, second), bit);
  }

  /** What is put by `write`. */
  of(write) {
    this.sum = 0;
    write(this);
    return this.sum;
  }
}

/** Writes bits as digits of six bits. */
class Writer {
  contexts = new Int32Array(CONTEXTS);
  digits = [];
  low = 0;
  range = 2 ** 30;

  one(context, bit) {
    this.encode(oddsOf(this.contexts, context), bit);
    learn(this.contexts, context, bit);
  }

  two(first, second, bit) {
    this.encode(oddsOfTwo(this.contexts, first, second), bit);
    learn(this.contexts, first, bit);
    learn(this.contexts, second, bit);
  }

  number(kind, value) {
    putNumber(this, kind, value);
  }

  encode(odds, bit) {
    const bound = (this.range >>> 16) * (odds + HALF);
    if (!bit) this.low += bound;
    this.range = bit ? bound : this.range - bound;
    for (; this.range < 2 ** 24; this.range *= 64) this.shift();
  }

  shift() {
    if (this.low >= 2 ** 30) this.carry();
    this.digits.push(Math.floor(this.low / 2 ** 24) % 64);
    this.low = (this.low % 2 ** 24) * 64;
  }

  carry() {
    let i = this.digits.length - 1;
    for (; this.digits[i] === 63; i--) this.digits[i] = 0;
    this.digits[i]++;
  }

  end() {
    for (let i = 0; i < 5; i++) this.shift();
    return this.digits;
  }
}

function putNumber(sink, kind, value) {
  const base = NUMBERS + kind * 1024;
  const more = 31 - Math.clz32(value);
  for (let i = 0; i < more; i++) sink.one(base + i, 1);
  sink.one(base + more, 0);
  for (let i = more - 1; i >= 0; i--) {
    const before = value >> (i + 1);
    sink.one(base + (more + 1) * 32 + (before < 8 ? before : 8 + i), (value >> i) & 1);
  }
}

const kindOf = (bytes, at, history) => KIND + (at > 0 ? bytes[at - 1] : 0) * 8 + history;

function putLiteral(sink, bytes, at, { history, back }) {
  sink.one(kindOf(bytes, at, history), 0);
  const literal = LITERAL + (at > 0 ? bytes[at - 1] : 0) * 256;
  const after = AFTER + (history & 1 ? (bytes[at - back] + 1) * 256 : 0);
  for (let i = 7; i >= 0; i--) {
    const before = (bytes[at] | 256) >> (i + 1);
    sink.two(literal + before, after + before, (bytes[at] >> i) & 1);
  }
}

function putCopy(sink, bytes, at, { history, back }, { length, distance }) {
  sink.one(kindOf(bytes, at, history), 1);
  sink.one(REPEATED + history, distance === back ? 1 : 0);
  if (distance === back) return sink.number(REPEATED_LENGTH, length);
  sink.number(LENGTH, length - 1);
  sink.number(Math.min(length - 2, 3), distance);
}

/** Longer copies are several; above EACH only the longest is tried, from ENOUGH on nothing else. */
const LONGEST = 1024;
const EACH = 48;
const ENOUGH = 256;

function sameFrom(bytes, from, at) {
  let length = 0;
  while (length < LONGEST && at + length < bytes.length && bytes[from + length] === bytes[at + length]) length++;
  return length;
}

/** How many earlier places of the same first bytes are looked at. */
const TRIES = 256;

/** Adds copies to those of each place, the nearest of each length, that begin with so many bytes of the same. */
function findCopies(bytes, copies, first) {
  const last = new Map();
  const earlier = new Int32Array(bytes.length).fill(-1);
  for (let at = 0; at + first <= bytes.length; at++) {
    const key = bytes.toString("latin1", at, at + first);
    earlier[at] = last.get(key) ?? -1;
    last.set(key, at);
    const before = copies[at - 1]?.at(-1);
    if (before?.length > ENOUGH) copies[at] = [{ ...before, length: before.length - 1 }];
    let longest = Math.max(copies[at].at(-1)?.length ?? 0, first - 1);
    for (let from = earlier[at], i = 0; from >= 0 && i < TRIES && longest < ENOUGH; from = earlier[from], i++) {
      const length = sameFrom(bytes, from, at);
      if (length > longest) copies[at].push({ length, distance: at - from });
      longest = Math.max(length, longest);
    }
  }
}

/** Copies of lengths from `from` to `to` that are tried. */
function lengthsOf(from, to, distance) {
  const each = [];
  for (let length = from; length <= Math.min(to, EACH); length++) each.push({ length, distance });
  return to > EACH ? [...each, { length: to, distance }] : each;
}

/** What could be copied to a place: with the last distance again, or a new one. */
function choicesOf(bytes, at, back, copies) {
  const again = back > 0 ? sameFrom(bytes, at - back, at) : 0;
  if (again >= ENOUGH) return [{ length: again, distance: back }];
  const longest = copies.at(-1);
  if (longest?.length >= ENOUGH) return [longest];
  return [
    ...lengthsOf(1, again, back),
    ...copies.flatMap(({ length, distance }, i) => lengthsOf((copies[i - 1]?.length ?? 1) + 1, length, distance)),
  ];
}

/** The cheapest way through a file, if every bit had the odds of `contexts`: a copy or nothing for each step. */
function parse(bytes, copies, contexts) {
  const price = new Price(contexts);
  const places = Array.from({ length: bytes.length + 1 }, () => ({ cost: Number.POSITIVE_INFINITY }));
  places[0] = { cost: 0, history: 0, back: 0 };
  for (let at = 0; at < bytes.length; at++) {
    const state = places[at];
    if (state.cost === Number.POSITIVE_INFINITY) continue;
    const reach = (length, cost, back, copy) => {
      const to = places[at + length];
      if (state.cost + cost >= to.cost) return;
      places[at + length] = { cost: state.cost + cost, back, copy, from: at, history: next(state.history, copy) };
    };
    const choices = choicesOf(bytes, at, state.back, copies[at]);
    if (!(choices.at(-1)?.length >= ENOUGH))
      reach(
        1,
        price.of((sink) => putLiteral(sink, bytes, at, state)),
        state.back,
      );
    for (const copy of choices) {
      const cost = price.of((sink) => putCopy(sink, bytes, at, state, copy));
      reach(copy.length, cost, copy.distance, copy);
    }
  }
  return stepsTo(places);
}

const next = (history, copy) => ((history << 1) | (copy ? 1 : 0)) & 7;

/** The steps by which the last place was reached. */
function stepsTo(places) {
  const steps = [];
  for (let at = places.length - 1; at > 0; at = places[at].from) steps.push(places[at].copy);
  return steps.reverse();
}

/** A file written as such steps. */
function write(bytes, steps) {
  const writer = new Writer();
  let [at, back, history] = [0, 0, 0];
  for (const copy of steps) {
    if (copy) putCopy(writer, bytes, at, { history, back }, copy);
    else putLiteral(writer, bytes, at, { history, back });
    back = copy?.distance ?? back;
    history = next(history, copy);
    at += copy?.length ?? 1;
  }
  return writer;
}

/** Each time a file is written, its odds are known better. */
const ROUNDS = 3;

/** The digits, of six bits each, of bytes packed. */
export function pack(bytes) {
  const copies = Array.from(bytes, () => []);
  for (const first of [2, 12]) findCopies(bytes, copies, first);
  let writer = write(bytes, new Array(bytes.length).fill(undefined));
  for (let round = 0; round < ROUNDS; round++) writer = write(bytes, parse(bytes, copies, writer.contexts));
  return writer.end();
}

/** = to } without the backslash. */
const ALPHABET = Array.from({ length: 65 }, (_, i) => String.fromCharCode(61 + i)).filter((c) => c !== "\\");

export function textOf(digits) {
  return digits.map((digit) => ALPHABET[digit]).join("");
}

// What one file has that another has not: the module `relaxed` is the module `simd` but for a few functions, and
// src/wasm/delta.ts makes it from that again.

/** Shorter matches are not worth an entry. */
const SHORTEST = 24;

/** Where every run of SHORTEST bytes first stands. */
function index(base) {
  const places = new Map();
  for (let i = 0; i + SHORTEST <= base.length; i++) {
    const key = base.toString("latin1", i, i + SHORTEST);
    if (!places.has(key)) places.set(key, i);
  }
  return places;
}

/** How many bytes are the same from there on. */
function sameFrom(base, start, target, at) {
  let length = 0;
  while (start + length < base.length && at + length < target.length && base[start + length] === target[at + length])
    length++;
  return length;
}

/** The bytes that `target` has of its own, and copies [own, start, length]: so many of them, then `length` of `base` from `start` on. */
export function deltaOf(base, target) {
  const places = index(base);
  const copies = [];
  const own = [];
  let literal = 0;
  for (let at = 0; at < target.length; ) {
    // the place behind the last copy goes on most often: the modules have the same order
    const [, last = 0, copied = 0] = copies.at(-1) ?? [];
    const next = last + copied + at - literal;
    const found =
      sameFrom(base, next, target, at) >= SHORTEST ? next : places.get(target.toString("latin1", at, at + SHORTEST));
    if (found === undefined) {
      at++;
      continue;
    }
    const length = sameFrom(base, found, target, at);
    copies.push([at - literal, found, length]);
    own.push(target.subarray(literal, at));
    at += length;
    literal = at;
  }
  if (literal < target.length) {
    copies.push([target.length - literal, 0, 0]);
    own.push(target.subarray(literal));
  }
  return { own: Buffer.concat(own), copies };
}

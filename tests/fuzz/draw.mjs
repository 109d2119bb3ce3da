// What configurations are drawn from: sizes, codes, scales and zero points, with the extremes more often than chance has it.

import { uniformFrom } from "../../bench/data.mjs";
import { formatOf, sizeOf } from "./layout.mjs";

/** The draws of one configuration: the same for a seed and a number on every machine. */
export class Draw {
  constructor(seed, number) {
    this.uniform = uniformFrom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
    // with scales of all bits hardly any result is a tie
    this.powersOfTwo = this.chance(0.25);
  }

  /** An integer of lo..hi. */
  integer(lo, hi) {
    return lo + Math.floor(this.uniform() * (hi - lo + 1));
  }

  pick(list) {
    return list[this.integer(0, list.length - 1)];
  }

  chance(probability) {
    return this.uniform() < probability;
  }

  /** `count` integers of lo..hi. */
  integers(count, lo, hi) {
    return Array.from({ length: count }, () => this.integer(lo, hi));
  }

  /** A factor of 2^lo..2^hi. */
  magnitude(lo, hi) {
    return 2 ** (lo + this.uniform() * (hi - lo));
  }

  /** A scale of about that size. */
  scale(value) {
    return Math.fround(Math.max(this.powersOfTwo ? 2 ** Math.round(Math.log2(value)) : value, 2 ** -126));
  }

  /** A zero point of a type: an end, the middle, or any. */
  zero(type) {
    const { lo, hi } = rangeOf(type);
    return this.pick([lo, hi, lo + 128, lo + 128, this.integer(lo, hi)]);
  }

  /** Codes of a type: any, near a zero point, the two ends, or one end only (the largest sums there are). */
  codes(type, length, zero) {
    const { lo, hi } = rangeOf(type);
    const end = this.pick([lo, hi]);
    const draw = this.pick([
      ...Array(6).fill(() => this.integer(lo, hi)),
      ...Array(2).fill(() => Math.min(Math.max(zero + this.integer(-9, 9), lo), hi)),
      () => this.pick([lo, hi]),
      () => end,
    ]);
    return new type(length).map(draw);
  }
}

/** The codes of an array class of 8 bits. */
function rangeOf(type) {
  return type === Uint8Array ? { lo: 0, hi: 255 } : { lo: -128, hi: 127 };
}

// Operands and results, as nodes and the library take them ---------------------------------------------------------------

/** A tensor of a type: codes, one scale, one zero. */
export function operand(draw, type, shape) {
  const zero = draw.zero(type);
  const data = draw.codes(type, sizeOf(shape), zero);
  return { data, shape, scale: Float32Array.of(draw.scale(draw.magnitude(-10, 2))), zero: type.of(zero) };
}

/** What a result is quantized to: codes fill the format more or less where values are about `usual`, or, rarely, saturate or vanish. */
export function result(draw, type, usual, rarely = 0.1) {
  const spread = draw.chance(rarely) ? draw.magnitude(-18, 18) : draw.magnitude(-3, 5);
  return { scale: Float32Array.of(draw.scale((usual * spread) / 64)), zero: type.of(draw.zero(type)) };
}

/** A constant input of one value, or one for each channel. */
export const constant = (data, shape = data.length === 1 ? [] : [data.length]) => ({ data, shape, constant: true });

/** The two inputs that say what a tensor's codes mean. */
export const parametersOf = ({ scale, zero }) => [constant(scale), constant(zero)];

/** The three inputs that a quantized tensor is. */
export const inputsOf = (tensor) => [tensor, ...parametersOf(tensor)];

/** The library's options for a result. */
export const optionsOf = ({ scale, zero }) => ({ scale: scale[0], zero: zero[0], format: formatOf(zero) });

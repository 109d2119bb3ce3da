// Convolution of channels-last codes, by its definition: x [n, h, w, c], weights [o, kh, kw, c / groups], sums
// [n, oh, ow, o]. Place (i, j) of the kernel ties output pixel (y, z) to input pixel (y strides - pads + i dilations, ...);
// transposed, input pixel (y, z) to output pixel (the same). What lies outside x is its zero point and adds nothing.
import { at } from "./at.ts";
import { type Codes, ofChannel, product, type Sums } from "./gemm.ts";

type Two = readonly [number, number];
type Four = readonly [number, number, number, number];

export interface Geometry {
  readonly strides: Two;
  /** top, left, bottom, right */
  readonly pads: Four;
  readonly dilations: Two;
  readonly groups: number;
}

/** Strides and dilations 1, no pads, one group, but for what is given. */
export function geometryOf(given: Partial<Geometry> = {}): Geometry {
  return { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1, ...given };
}

/** What one axis loses to the kernel: dilation (k - 1) + 1. */
function reach(w: Codes, axis: 0 | 1, { dilations }: Geometry): number {
  return dilations[axis] * (at(w.shape, 1 + axis) - 1) + 1;
}

/** How often the kernel fits into the padded input; 0 where it is larger. */
function convolvedExtent(x: Codes, w: Codes, axis: 0 | 1, geometry: Geometry): number {
  const padded = at(x.shape, 1 + axis) + geometry.pads[axis] + at(geometry.pads, 2 + axis);
  return Math.max(Math.floor((padded - reach(w, axis, geometry)) / geometry.strides[axis]) + 1, 0);
}

function transposedExtent(x: Codes, w: Codes, axis: 0 | 1, geometry: Geometry, outputPad: number): number {
  const spread = (at(x.shape, 1 + axis) - 1) * geometry.strides[axis] + reach(w, axis, geometry) + outputPad;
  return spread - geometry.pads[axis] - at(geometry.pads, 2 + axis);
}

interface Meeting {
  readonly from: number;
  readonly to: number;
  readonly place: number;
}

/** Every pixel of the grid `from` with the pixels of the grid `to` that the kernel's places tie it to. */
function* meetings(from: Two, to: Two, [kh, kw]: Two, { strides, pads, dilations }: Geometry): Generator<Meeting> {
  for (let pixel = 0; pixel < from[0] * from[1]; pixel++) {
    const top = Math.floor(pixel / from[1]) * strides[0] - pads[0];
    const left = (pixel % from[1]) * strides[1] - pads[1];
    for (let place = 0; place < kh * kw; place++) {
      const row = top + Math.floor(place / kw) * dilations[0];
      const column = left + (place % kw) * dilations[1];
      const inside = row >= 0 && row < to[0] && column >= 0 && column < to[1];
      if (inside) yield { from: pixel, to: row * to[1] + column, place };
    }
  }
}

/** Adds what one input pixel gives to one output pixel through one place of the kernel. */
function addPixel(
  sums: Float64Array,
  output: number,
  x: Codes,
  input: number,
  w: Codes,
  place: number,
  groups: number,
) {
  const [o, kh, kw, perGroup] = w.shape as Four;
  for (let channel = 0; channel < o; channel++) {
    const zero = ofChannel(w.zero, channel);
    const fromX = (input * groups + Math.floor(channel / (o / groups))) * perGroup;
    const fromW = (channel * kh * kw + place) * perGroup;
    for (let k = 0; k < perGroup; k++) {
      const term = (at(x.codes, fromX + k) - at(x.zero, 0)) * (at(w.codes, fromW + k) - zero);
      sums[output * o + channel] = at(sums, output * o + channel) + term;
    }
  }
}

/** The sums of a convolution; zeros of w by output channel. */
export function convolutionSums(x: Codes, w: Codes, geometry: Geometry): Sums {
  const [batches, h, width] = x.shape as Four;
  const [o, kh, kw] = w.shape as Four;
  const grid = [convolvedExtent(x, w, 0, geometry), convolvedExtent(x, w, 1, geometry)] as const;
  const sums = new Float64Array(batches * product(grid) * o);
  for (let batch = 0; batch < batches; batch++) {
    for (const { from, to, place } of meetings(grid, [h, width], [kh, kw], geometry)) {
      addPixel(sums, batch * product(grid) + from, x, batch * h * width + to, w, place, geometry.groups);
    }
  }
  return { shape: [batches, ...grid, o], sums };
}

/** The sums of a transposed convolution: every input pixel is spread over the outputs. */
export function transposedSums(x: Codes, w: Codes, geometry: Geometry, outputPads: Two = [0, 0]): Sums {
  const [batches, h, width] = x.shape as Four;
  const [o, kh, kw] = w.shape as Four;
  const extent = (axis: 0 | 1) => transposedExtent(x, w, axis, geometry, outputPads[axis]);
  const grid = [extent(0), extent(1)] as const;
  const sums = new Float64Array(batches * product(grid) * o);
  for (let batch = 0; batch < batches; batch++) {
    for (const { from, to, place } of meetings([h, width], grid, [kh, kw], geometry)) {
      addPixel(sums, batch * product(grid) + to, x, batch * h * width + from, w, place, geometry.groups);
    }
  }
  return { shape: [batches, ...grid, o], sums };
}

// Handwritten digits without hands: strokes with jitter, drawn by a shaky pen of varying width, under noise and stray lines.
// Plain arithmetic on a seeded generator: the same images in every host.

/** Images and what they show. */
export interface Digits {
  readonly count: number;
  /** [count, 1, SIDE, SIDE]: ink from 0 to 1, in steps of 1/255. */
  readonly images: Float32Array;
  readonly labels: Uint8Array;
}

type Point = readonly [x: number, y: number];

/** A number from lo to hi. */
type Random = (lo: number, hi: number) => number;

/** Width and height of an image. */
export const SIDE = 28;

/** Pixels of an image. */
export const PIXELS = SIDE * SIDE;

/**
 * The ways to write each digit: strokes, which pass near the points of a 10 x 10 grid, x before y, y down; through a point that
 * is there twice, with a corner.
 */
const WAYS: readonly (readonly string[])[][] = [
  [["40 10 05 19 49 79 85 70 40"], ["60 20 04 08 39 79 95 81 50 30"]],
  [["50 59"], ["13 50 50 59"], ["13 50 50 59", "29 89"]],
  [["12 11 40 70 83 66 19 19 89"], ["12 30 70 83 65 28 08 17 38 79 97"]],
  [["11 40 80 83 54 54 85 88 59 18"], ["10 80 80 44 44 75 88 59 18"]],
  [["20 15 15 95", "63 69"], ["69 60 60 06 06 96"], ["10 14 25 75", "80 59"]],
  [["80 20 20 14 14 54 85 88 59 18"], ["20 14 14 64 87 59 18", "20 80"]],
  [["70 31 16 19 59 89 86 55 15 17"], ["50 13 18 49 79 86 55 25 17"]],
  [["10 80 80 49"], ["10 80 80 49", "34 74"], ["11 10 40 80 80 54 39"]],
  [["80 50 10 13 54 86 79 29 16 45 83 80"], ["50 10 13 54 83 80 50", "54 15 18 59 98 85 54"]],
  [["82 50 12 15 55 82 82 79"], ["82 60 11 15 55 83 81 86 59 28"]],
];

/** Points of a curve between two of those that it passes near. */
const STEPS = 4;

/** How far a point is from its place at most, on the grid. */
const SHAKE = 0.75;

/** How many images have a stray line. */
const STRAYS = 0.3;

/** The most noise of an image. */
const NOISE = 0.16;

/** Seeded uniform numbers (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (lo, hi) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return lo + ((hi - lo) * ((mixed ^ (mixed >>> 14)) >>> 0)) / 2 ** 32;
  };
}

/** One of several. */
function pick<T>(random: Random, of: readonly T[]): T {
  return of[Math.floor(random(0, of.length))] as T;
}

/** A random map from the grid to the image: scaled, slanted, turned, moved. */
function placement(random: Random): (point: Point) => Point {
  // half of an angle's tangent gives its sine and cosine without rounding of the host's own
  const tangent = random(-0.14, 0.14);
  const square = tangent * tangent;
  const [sine, cosine] = [(2 * tangent) / (1 + square), (1 - square) / (1 + square)];
  const [width, height, slant] = [random(0.9, 1.8), random(1.5, 2.2), random(-0.5, 0.3)];
  const [left, top] = [SIDE / 2 + random(-3, 3), SIDE / 2 + random(-2.5, 2.5)];
  return ([gridX, gridY]) => {
    const y = height * (gridY - 4.5);
    const x = width * (gridX - 4.5) - slant * y * 0.6;
    return [left + cosine * x - sine * y, top + sine * x + cosine * y];
  };
}

/** A curve near points: parabolas between the middles of the lines that join them. */
function curve(points: readonly Point[]): Point[] {
  const middle = (a: Point, b: Point): Point => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const first = points[0] as Point;
  const line: Point[] = [first];
  let from = first;
  points.slice(1).forEach((bend, i) => {
    const next = points[i + 2];
    const to = next ? middle(bend, next) : bend;
    for (let step = 1; step <= STEPS; step++) {
      const t = step / STEPS;
      const at = (axis: 0 | 1) => from[axis] * (1 - t) * (1 - t) + 2 * bend[axis] * t * (1 - t) + to[axis] * t * t;
      line.push([at(0), at(1)]);
    }
    from = to;
  });
  return line;
}

/** Draws the line from a to b: full ink within half the width, less over the next pixel. */
function draw(ink: Float64Array, a: Point, b: Point, width: number, darkness: number): void {
  const reach = width / 2 + 1;
  const [alongX, alongY] = [b[0] - a[0], b[1] - a[1]];
  const length2 = alongX * alongX + alongY * alongY || 1;
  const [left, right] = [Math.max(0, Math.min(a[0], b[0]) - reach), Math.min(SIDE - 1, Math.max(a[0], b[0]) + reach)];
  const [top, bottom] = [Math.max(0, Math.min(a[1], b[1]) - reach), Math.min(SIDE - 1, Math.max(a[1], b[1]) + reach)];
  for (let y = Math.ceil(top); y <= bottom; y++) {
    for (let x = Math.ceil(left); x <= right; x++) {
      const t = Math.max(0, Math.min(1, ((x - a[0]) * alongX + (y - a[1]) * alongY) / length2));
      const [offX, offY] = [x - a[0] - t * alongX, y - a[1] - t * alongY];
      const covered = Math.max(0, Math.min(1, reach - Math.sqrt(offX * offX + offY * offY)));
      ink[y * SIDE + x] = Math.max(ink[y * SIDE + x] as number, darkness * covered);
    }
  }
}

/** The points of a stroke, each a little off its place; the two of a corner stay together. */
function shaken(stroke: string, random: Random): Point[] {
  const words = stroke.split(" ");
  const points: Point[] = [];
  words.forEach((word, i) => {
    const moved: Point = [Number(word[0]) + random(-SHAKE, SHAKE), Number(word[1]) + random(-SHAKE, SHAKE)];
    points.push(word === words[i - 1] ? (points[i - 1] as Point) : moved);
  });
  return points;
}

/** A line that belongs to no digit, at an edge. */
function stray(random: Random): Point[] {
  const edge = pick(random, [1, SIDE - 2]) + random(-2, 2);
  const [from, to] = [random(0, SIDE), random(0, SIDE)];
  const turned = random(0, 1) < 0.5;
  return [from, to].map((along, i): Point => {
    const across = edge + (i ? random(-3, 3) : 0);
    return turned ? [across, along] : [along, across];
  });
}

/** The ink of one image, from 0 to 1. */
function write(digit: number, random: Random): Float64Array {
  const ink = new Float64Array(PIXELS);
  const place = placement(random);
  const width = random(1, 3);
  const lines = pick(random, WAYS[digit] as (readonly string[])[]).map((stroke) =>
    curve(shaken(stroke, random).map(place)),
  );
  if (random(0, 1) < STRAYS) lines.push(stray(random));
  for (const line of lines) {
    const darkness = random(0.6, 1);
    line.slice(1).forEach((point, i) => {
      draw(ink, line[i] as Point, point, width, darkness);
    });
  }
  return ink;
}

/** Images of the digits 0 to 9 in turn. */
export function makeDigits(count: number, seed: number): Digits {
  const random = randomFrom(seed);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const images = new Float32Array(count * PIXELS);
  labels.forEach((digit, i) => {
    const noise = random(0.02, NOISE);
    const paper = random(0, 0.15);
    write(digit, random).forEach((ink, pixel) => {
      // three uniform numbers are nearly a normal one
      const grain = noise * (random(-1, 1) + random(-1, 1) + random(-1, 1));
      const value = paper + (1 - paper) * ink + grain;
      images[i * PIXELS + pixel] = Math.round(Math.max(0, Math.min(1, value)) * 255) / 255;
    });
  });
  return { count, images, labels };
}

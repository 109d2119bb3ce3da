// Quantizes a trained network to int8, runs both versions on images that neither has seen, prints what that costs and what it
// gains, and writes the int8 model: to build/digits.int8.onnx, or where the argument says.

import { resolve } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { type Model, open, quantizeModel, readOnnx, Session, save, tier, writeOnnx } from "octavo";
import { type Digits, makeDigits, PIXELS } from "./digits/data.ts";

const CLASSES = 10;
const SEEDS = { calibration: 2_000_000, test: 3_000_000 };

/** Feeds of one image each. */
function feedsOf({ images, labels }: Digits) {
  return Array.from(labels, (_, i) => ({ image: images.subarray(i * PIXELS, (i + 1) * PIXELS) }));
}

/** The classes that a model finds, and the milliseconds that an image takes it: the median. */
function classify(model: Model, digits: Digits): { found: number[]; time: number } {
  const session = new Session(model);
  const feeds = feedsOf(digits);
  for (const each of feeds.slice(0, 100)) session.run(each);
  const times: number[] = [];
  const found = feeds.map((each) => {
    const start = performance.now();
    const { logits } = session.run(each);
    times.push(performance.now() - start);
    const scores = Array.from({ length: CLASSES }, (_, digit) => Number(logits?.data[digit]));
    return scores.indexOf(Math.max(...scores));
  });
  session.dispose();
  times.sort((a, b) => a - b);
  return { found, time: times[times.length >> 1] as number };
}

/** The percentage of numbers that are the same. */
function same(a: ArrayLike<number>, b: ArrayLike<number>): string {
  const equal = Array.from(a).filter((value, i) => value === b[i]);
  return `${((100 * equal.length) / a.length).toFixed(1)} %`;
}

function line(...cells: string[]): void {
  console.log(
    `${cells[0]?.padEnd(22)}${cells[1]?.padStart(10)}${cells[2]?.padStart(12)}   ${cells[3] ?? ""}`.trimEnd(),
  );
}

const target = resolve(argv[2] ?? fileURLToPath(new URL("../build/digits.int8.onnx", import.meta.url)));
const bytes = await open(new URL("digits/digits.onnx", import.meta.url));
const model = readOnnx(bytes);

const started = performance.now();
const quantized = await quantizeModel(model, { calibration: feedsOf(makeDigits(100, SEEDS.calibration)) });
const int8Bytes = writeOnnx(quantized);
await save(target, int8Bytes);
const took = performance.now() - started;

const test = makeDigits(1000, SEEDS.test);
const float = classify(model, test);
const int8 = classify(readOnnx(int8Bytes), test);

console.log(`A network for handwritten digits, quantized in ${took.toFixed(0)} ms with 100 images (tier ${tier()})\n`);
line("", "float32", "int8");
line(
  "size of the file",
  `${(bytes.length / 1000).toFixed(1)} kB`,
  `${(int8Bytes.length / 1000).toFixed(1)} kB`,
  `${(bytes.length / int8Bytes.length).toFixed(1)} times smaller`,
);
line(
  "right of 1000 images",
  same(float.found, test.labels),
  same(int8.found, test.labels),
  `${same(float.found, int8.found)} the same`,
);
line(
  "an image takes",
  `${float.time.toFixed(3)} ms`,
  `${int8.time.toFixed(3)} ms`,
  `${(float.time / int8.time).toFixed(1)} times faster`,
);
console.log(`\nwritten: ${target}`);

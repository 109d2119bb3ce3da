// What --data takes: arrays, archives, images, folders; how images become a model's input; what is refused.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encode } from "fast-png";
import { zipSync } from "fflate";
import { readNpy, type Tensor, type Value, writeNpy } from "../../src/index.ts";
import { makeNode } from "../../src/model/graph.ts";
import { floats, modelOf } from "../model/models.ts";
import { CLI, folder, octavo, writeArray, writeModel } from "./command.ts";
import { jpeg, pixels, png } from "./images.ts";

const value = (name: string, shape: (number | string)[]): Value => ({ name, format: "float32", shape });

/** A model that gives its inputs: of each, the name and the shape. */
function same(name: string, inputs: Record<string, (number | string)[]>): void {
  const values = Object.entries(inputs).map(([input, shape]) => value(input, shape));
  const nodes = values.map((each) => makeNode("Identity", [each.name], [`${each.name}_same`]));
  writeModel(
    name,
    modelOf(nodes, { inputs: values, outputs: values.map((each) => ({ ...each, name: `${each.name}_same` })) }),
  );
}

same("rows.onnx", { x: ["N", 3] });
same("four-rows.onnx", { x: [4, 3] });
same("two.onnx", { a: ["N", 2], b: ["N", 1] });
same("planes.onnx", { x: ["N", 3, 4, 3] });
same("last.onnx", { x: ["N", 4, 3, 3] });
same("grey.onnx", { x: ["N", 1, 2, 3] });
same("open.onnx", { x: ["N", 3, "H", "W"] });
same("vague.onnx", { x: ["N", "A", "B", "C"] });
same("pairs.onnx", { x: [2, 3, 4, 3] });

const write = (name: string, bytes: Uint8Array) => writeFileSync(join(folder, name), bytes);

/** What a model gives for data: its outputs as it writes them. */
function given(model: string, ...args: string[]): Tensor {
  const { code, error } = octavo("run", model, ...args, "-o", "given.npy");
  assert.deepEqual([code, error], [0, ""]);
  return readNpy(readFileSync(join(folder, "given.npy")));
}

const numbers = ({ data }: Tensor) => Array.from(data, Number);

test("files one after another are rows one after another; a row may come without its axis", () => {
  writeArray("a.npy", floats([2, 3], [1, 2, 3, 4, 5, 6]));
  writeArray("b.npy", floats([3], [7, 8, 9]));
  const wanted = floats([3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(given("rows.onnx", "--data", "a.npy", "--data", "x=b.npy"), wanted);
  assert.deepEqual(given("rows.onnx", "--data", "a.npy", "b.npy"), wanted);
  const four = given("four-rows.onnx", "--data", "a.npy", "b.npy", "b.npy");
  assert.deepEqual(numbers(four).slice(6), [7, 8, 9, 7, 8, 9]);
  const { code, error } = octavo("run", "four-rows.onnx", "--data", "a.npy", "b.npy");
  assert.deepEqual([code, error], [1, 'octavo run: "x.shape" expected "x" float32 [4, 3], got [3, 3]\n']);
});

test("archives of arrays feed inputs by their names; one array alone needs none", () => {
  const a = writeNpy(floats([2, 2], [1, 2, 3, 4]));
  const b = writeNpy(floats([2, 1], [5, 6]));
  write("both.npz", zipSync({ "b.npy": [b, { level: 0 }], "a.npy": a }));
  write("one.npz", zipSync({ "arr_0.npy": writeNpy(floats([1, 3], [1, 2, 3])) }));
  const { code, out, error } = octavo("run", "two.onnx", "--data", "both.npz", "-o", "both");
  assert.deepEqual([code, error], [0, ""]);
  assert.match(out, /^input {3}"a" float32 \[2, 2\] from both.npz$/m);
  assert.deepEqual(readNpy(readFileSync(join(folder, "both/b_same.npy"))), floats([2, 1], [5, 6]));
  assert.deepEqual(numbers(given("rows.onnx", "--data", "one.npz")), [1, 2, 3]);
  const refused = octavo("run", "rows.onnx", "--data", "both.npz");
  assert.deepEqual(
    [refused.code, refused.error],
    [1, 'octavo run: "both.npz" expected an array "x", got ["b", "a"]\n'],
  );
  const twice = octavo("run", "two.onnx", "--data", "one.npz");
  assert.deepEqual(
    [twice.code, twice.error],
    [1, 'octavo run: "one.npz" expected an array "a", got ["arr_0"]\n'],
    "an array is not two inputs",
  );
  write("cut.npz", readFileSync(join(folder, "both.npz")).subarray(0, 90));
  assert.match(
    octavo("run", "two.onnx", "--data", "cut.npz").error,
    /^octavo run: cut.npz: "npz" expected a sound zip/,
  );
});

test("an archive that says it holds more than its bytes can is refused", () => {
  const bomb = Buffer.from(zipSync({ "x.npy": writeNpy(floats([1, 3], [1, 2, 3])) }));
  bomb.writeUInt32LE(0xf0000000, bomb.indexOf("PK\x01\x02") + 24);
  write("bomb.npz", bomb);
  assert.match(octavo("run", "rows.onnx", "--data", "bomb.npz").error, /"x.npy.*expected a size.*4026531840/);
});

test("folders are read by name, with the folders in them; --samples takes evenly from all", () => {
  mkdirSync(join(folder, "many/b"), { recursive: true });
  for (let i = 0; i < 6; i++) writeArray(`many/${i % 2 ? "b/" : ""}${i}.npy`, floats([1, 3], [i, 0, 0]));
  writeFileSync(join(folder, "many/labels.txt"), "1");
  const first = (...args: string[]) =>
    numbers(given("rows.onnx", "--data", "many", ...args)).filter((_, i) => i % 3 === 0);
  assert.deepEqual(first(), [0, 2, 4, 1, 3, 5]);
  assert.deepEqual(first("--samples", "3"), [0, 4, 3]);
  assert.match(octavo("run", "rows.onnx", "--data", "many").out, /from many \(6 files\)$/m);
  mkdirSync(join(folder, "none"));
  const { code, error } = octavo("run", "rows.onnx", "--data", "none");
  assert.equal(code, 1);
  assert.match(error, /"none" expected a folder with \.npy, \.npz, \.png, \.jpg or \.jpeg files, got \[\]/);
});

/** Interleaved pixels as planes. */
const planes = (data: ArrayLike<number>) => [0, 1, 2].flatMap((c) => Array.from(data).filter((_, i) => i % 3 === c));

test("images are planes or channels last, as the model has them, and grey where it has one channel", () => {
  write("image.png", png(4, 3));
  assert.deepEqual(given("planes.onnx", "--data", "image.png"), floats([1, 3, 4, 3], planes(pixels(4, 3))));
  assert.deepEqual(given("last.onnx", "--data", "image.png"), floats([1, 4, 3, 3], [...pixels(4, 3)]));
  write("small.png", png(2, 3));
  assert.deepEqual(given("grey.onnx", "--data", "small.png"), floats([1, 1, 2, 3], [43, 80, 117, 134, 178, 193])); // PIL's "L"
});

test("of every depth, with or without opacity and palette", () => {
  const grey = Uint8Array.of(0, 50, 100, 150, 200, 250);
  write("l.png", png(2, 3, grey, 1));
  write(
    "la.png",
    png(
      2,
      3,
      Uint8Array.from({ length: 12 }, (_, i) => (i % 2 ? 7 * i : (grey[i / 2] as number))),
      2,
    ),
  );
  write(
    "rgba.png",
    png(
      2,
      3,
      Uint8Array.from({ length: 24 }, (_, i) => (i % 4 === 3 ? i : (grey[i >> 2] as number))),
      4,
    ),
  );
  const wide = Uint16Array.from(grey, (level) => level * 256 + 3);
  write("wide.png", encode({ width: 3, height: 2, data: wide, channels: 1, depth: 16 }));
  for (const name of ["wide.png", "l.png", "la.png", "rgba.png"]) {
    assert.deepEqual(numbers(given("grey.onnx", "--data", name)), [...grey], name);
  }
});

/** PNG files of PIL's: two bits a pixel with a palette, one of its colours transparent; one bit a pixel. */
const PALETTE =
  "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAgMAAADgGo6JAAAADFBMVEX/AAAA/wAKFB4AAAChhnKdAAAAAnRSTlP/AOW3MEoAAAAMSURBVHjaY5BgmAAAANwAqVIaE48AAAAASUVORK5CYII=";
const BITS = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAQAAAAC1D1u3AAAADElEQVR42mNwYDgAAAGEAQE0gkP8AAAAAElFTkSuQmCC";

test("of less than a byte a pixel", () => {
  write("palette.png", Buffer.from(PALETTE, "base64"));
  write("bits.png", Buffer.from(BITS, "base64"));
  assert.deepEqual(numbers(given("grey.onnx", "--data", "palette.png")), [76, 150, 18, 18, 150, 76]);
  assert.deepEqual(numbers(given("grey.onnx", "--data", "bits.png")), [0, 255, 0, 255, 255, 0]);
});

test("resized to the bytes of PIL, where the frame has the image's proportions", () => {
  const down = [
    101, 132, 144, 123, 128, 147, 134, 135, 125, 121, 133, 131, 139, 141, 132, 146, 130, 130, 115, 148, 125, 124, 132,
    112, 147, 128, 127, 131, 103, 145, 133, 115, 147, 118, 129, 119,
  ];
  // 9 x 7 covers 4 x 3 as 4 x 3.1: the width is 3
  write("nine.png", png(9, 7));
  assert.deepEqual(numbers(given("open.onnx", "--data", "nine.png", "--size", "4x3")), planes(down));
});

test("cut to the middle where it has not", () => {
  const wide = Uint8Array.from({ length: 4 * 7 * 3 }, (_, i) => Math.floor(i / 3) % 7);
  write("wide.png", png(4, 7, wide));
  assert.deepEqual(numbers(given("planes.onnx", "--data", "wide.png")).slice(0, 3), [2, 3, 4]);
});

test("--scale, --mean and --std normalize; --layout and --size say what the model does not", () => {
  const flags = ["--data", "image.png", "--scale", "1/255", "--mean", "0.5,0.25,0", "--std", "0.5,1,2"];
  const [mean, std] = [
    [0.5, 0.25, 0],
    [0.5, 1, 2],
  ] as const;
  const wanted = Float32Array.from(
    pixels(4, 3),
    (pixel, i) => (pixel * (1 / 255) - (mean[i % 3] as number)) / (std[i % 3] as number),
  );
  assert.deepEqual(numbers(given("planes.onnx", ...flags)), planes(wanted));
  const last = given("vague.onnx", ...flags, "--layout", "nhwc", "--size", "4x3");
  assert.deepEqual([last.shape, numbers(last)], [[1, 4, 3, 3], [...wanted]]);
});

test("images in batches of the model's size; a folder with folders of PNG and JPEG", async () => {
  mkdirSync(join(folder, "photos/more"), { recursive: true });
  write("photos/a.png", png(4, 3));
  write("photos/more/b.jpg", await jpeg(8, 6));
  const { shape, data } = given("pairs.onnx", "--data", "photos");
  assert.deepEqual(shape, [2, 3, 4, 3]);
  assert.deepEqual(Array.from(data.subarray(0, 36), Number), planes(pixels(4, 3)));
  const colours = [40, 80, 120];
  assert.ok(
    Array.from(data.subarray(36), Number).every((v, i) => Math.abs(v - (colours[Math.floor(i / 12)] as number)) <= 2),
  );
});

/** Command lines that are refused: the code, the arguments, the first line. */
const REFUSED: readonly [code: number, args: string[], error: RegExp][] = [
  [2, ["planes.onnx", "--data", "image.png", "--size", "4"], /--size expected HxW, as 224x224, got "4"/],
  [2, ["planes.onnx", "--data", "image.png", "--mean", "1,2"], /--mean expected a number, or one for each .*got "1,2"/],
  [2, ["planes.onnx", "--data", "image.png", "--std", "0"], /--std expected/],
  [2, ["planes.onnx", "--data", "image.png", "--scale", "1/0"], /--scale expected a number or a fraction/],
  [2, ["planes.onnx", "--data", "image.png", "--layout", "chw"], /--layout expected nchw or nhwc, got "chw"/],
  [2, ["planes.onnx", "--data", "image.png", "--samples", "0"], /--samples expected a positive integer, got "0"/],
  [1, ["open.onnx", "--data", "image.png"], /image.png: "--size" expected HxW, as the model leaves .* of "x" open/],
  [1, ["rows.onnx", "--data", "image.png"], /image.png: "x" expected images of 1 or 3 channels.*got \["N", 3\]/],
  [1, ["grey.onnx", "--data", "image.png", "--mean", "1,2,3"], /"--mean" expected 1 number/],
];

for (const [code, args, error] of REFUSED) {
  test(`octavo run ${args.join(" ")}: ${code}`, () => {
    const answer = octavo("run", ...args);
    assert.equal(answer.code, code, answer.error);
    assert.match(answer.error, error);
  });
}

test("damaged images are one line that names the file", async () => {
  const photo = await jpeg(16, 16);
  const huge = Buffer.from(photo);
  huge.writeUInt32BE(0xffdcffdc, huge.indexOf(Uint8Array.of(0xff, 0xc2)) + 5);
  for (const [name, bytes, error] of [
    ["cut.jpg", photo.subarray(0, photo.length - 30), /Premature end of JPEG/],
    ["head.jpg", photo.subarray(0, 20), /expected a sound JPEG/],
    ["huge.jpg", huge, /at most 178956970 pixels, got \[65500, 65500\]/],
    ["cut.png", png(9, 7).subarray(0, 60), /expected a sound PNG/],
    ["flipped.png", png(9, 7).map((byte, i) => (i === 50 ? byte ^ 1 : byte)), /expected a sound PNG/],
  ] as const) {
    write(name, bytes);
    const { code, error: found } = octavo("run", "planes.onnx", "--data", name);
    assert.equal(code, 1);
    assert.match(found, new RegExp(`^octavo run: ${name}: "image".*\n$`));
    assert.match(found, error);
  }
});

test("whatever is changed in images and archives: a picture or a RangeError", async () => {
  const { readPicture, unzip } = await import(join(CLI, "../cli-decode.js"));
  const photo = await jpeg(16, 16);
  const archive = zipSync({ "x.npy": writeNpy(floats([4], [1, 2, 3, 4])) });
  let seed = 7;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  let [fine, refused] = [0, 0];
  for (const [bytes, read] of [
    [photo, readPicture],
    [png(9, 7), readPicture],
    [png(5, 5, pixels(5, 5).subarray(0, 25), 1), readPicture],
    [archive, unzip],
  ]) {
    for (let i = 0; i < 150; i++) {
      const damaged = bytes.slice(0, i % 3 ? bytes.length : random(bytes.length));
      for (let flips = random(4); flips >= 0 && damaged.length > 0; flips--)
        damaged[random(damaged.length)] = random(256);
      try {
        await read(damaged);
        fine++;
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
        refused++;
      }
    }
    const again = await read(bytes);
    assert.ok(again, "a sound file after damaged ones");
  }
  assert.ok(fine > 10 && refused > 100, `${fine} ${refused}`);
});

// Resizing of quantized images, channels last: nearest pixels, or blends of the four around (docs/math.md, equations 44 to
// 46).

import { checkIntegers, checkOptions, checkWord, conflict, rangeError } from "../check.ts";
import { roundHalfAway } from "../quantizer.ts";
import { engine } from "../wasm/kernels.ts";
import { checkOperand, type Operand, withCodes } from "./operand.ts";
import { ARITHMETIC_CONSTANTS, ARITHMETICS, type Arithmetic } from "./result.ts";
import { codeArray, type QTensor } from "./tensor.ts";
import { PIECE } from "./values.ts";

const ALIGNMENTS = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"] as const;
export const ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const;

type Alignment = (typeof ALIGNMENTS)[number];

/** Options of {@link resize}. */
export interface ResizeOptions {
  /** Height and width of the result. */
  readonly size: readonly [h: number, w: number];
  readonly mode: "nearest" | "bilinear";
  /** Which places of input and result coincide, in ONNX's words; default `"half_pixel"`. */
  readonly alignment?: Alignment;
  /** Of `"nearest"` in arithmetic "onnx": how a place between two is rounded; default `"round_prefer_floor"`. */
  readonly rounding?: (typeof ROUNDINGS)[number];
  /** Default `"onnx"`. */
  readonly arithmetic?: Arithmetic;
}

const KEYS = ["size", "mode", "alignment", "rounding", "arithmetic"];

const { fround } = Math;

type Checked = Required<ResizeOptions>;

/** The places of the input that place i of the result takes from; `weight` is the upper one's, of 1 or of 1024. */
interface Source {
  readonly lower: number;
  readonly upper: number;
  readonly weight: number;
}

type Rule = (i: number, input: number, output: number, options: Checked) => Source;

/** Equation 44; `scale` is places of the result for each of the input. */
export function coordinate(
  i: number,
  input: number,
  output: number,
  alignment: Alignment,
  scale = fround(output / input),
): number {
  if (alignment === "align_corners") return output === 1 ? 0 : fround(fround(i * (input - 1)) / fround(output - 1));
  if (alignment === "asymmetric") return fround(i / scale);
  if (alignment === "pytorch_half_pixel" && output === 1) return 0;
  return fround(fround(fround(i + 0.5) / scale) - 0.5);
}

const held = (place: number, input: number) => Math.min(Math.max(place, 0), input - 1);

/** The place among those of the input that a coordinate is rounded to. */
export function nearestPlace(v: number, input: number, rounding: Checked["rounding"]): number {
  const below = Math.floor(v);
  const fraction = v - below;
  const up = {
    round_prefer_floor: fraction > 0.5,
    round_prefer_ceil: fraction >= 0.5,
    floor: false,
    ceil: fraction > 0,
  };
  return held(below + +up[rounding], input);
}

const nearest: Rule = (i, input, output, { alignment, rounding }) => {
  const place = nearestPlace(coordinate(i, input, output, alignment), input, rounding);
  return { lower: place, upper: place, weight: 0 };
};

const nearestTflite: Rule = (i, input, output, { alignment }) => {
  const corners = alignment === "align_corners";
  const scale = corners && output > 1 ? (input - 1) / fround(output - 1) : input / fround(output);
  const v = fround(fround(i + (alignment === "half_pixel" ? 0.5 : 0)) * fround(scale));
  const place = held(corners ? roundHalfAway(v) : Math.floor(v), input);
  return { lower: place, upper: place, weight: 0 };
};

const bilinear: Rule = (i, input, output, { alignment }) => {
  const v = held(coordinate(i, input, output, alignment), input);
  const lower = Math.floor(v);
  return { lower, upper: held(lower + 1, input), weight: v - lower };
};

/** Equation 46. */
const bilinearTflite: Rule = (i, input, output, { alignment }) => {
  const corners = alignment === "align_corners" && output > 1;
  const [from, to] = corners ? [input - 1, output - 1] : [input, output];
  const scale = Math.floor((1024 * from + Math.floor(to / 2)) / to);
  const v = alignment === "half_pixel" ? i * scale + Math.floor(scale / 2) - 512 : i * scale;
  const lower = held(Math.trunc(v / 1024), input);
  const upper = held(Math.trunc((v + 1023) / 1024), input);
  // the weights of one place add up to 1024, whatever they are
  return { lower, upper, weight: lower === upper ? 0 : v - 1024 * lower };
};

function checkResize(x: QTensor, given: ResizeOptions): Checked {
  const options = checkOptions(given, KEYS, "resize");
  const mode = checkWord(options.mode, ["nearest", "bilinear"], "mode");
  const alignment = checkWord(options.alignment ?? "half_pixel", ALIGNMENTS, "alignment");
  const rounding = checkWord(options.rounding ?? "round_prefer_floor", ROUNDINGS, "rounding");
  const arithmetic = checkWord(options.arithmetic ?? "onnx", ARITHMETICS, "arithmetic");
  if (options.rounding !== undefined && (mode !== "nearest" || arithmetic !== "onnx")) {
    throw conflict("rounding", "mode", `only "nearest" in arithmetic "onnx" has a rounding`);
  }
  if (arithmetic !== "onnx" && alignment === "pytorch_half_pixel") {
    throw conflict("alignment", "arithmetic", `TensorFlow Lite has no "pytorch_half_pixel"`);
  }
  if (x.shape.length !== 4) throw rangeError("x.shape", "[n, h, w, c]", x.shape);
  const size = checkIntegers(options.size, 2, 0, "size") as [number, number];
  for (const [i, extent] of size.entries()) {
    if (extent > 0 && x.shape[i + 1] === 0) throw rangeError("x.shape", "an image with pixels", x.shape);
  }
  return { size, mode, alignment, rounding, arithmetic };
}

function sourcesOf(rule: Rule, input: number, output: number, options: Checked): Source[] {
  return Array.from({ length: output }, (_, i) => rule(i, input, output, options));
}

/** Offsets for `resize_nearest`, or Columns of assembly/resize.ts. */
function columnsOf(sources: readonly Source[], pixel: number, isNearest: boolean): Int32Array {
  if (isNearest) return Int32Array.from(sources, ({ lower }) => lower * pixel);
  const fields = Int32Array.from(sources.flatMap(({ lower, upper }) => [lower * pixel, upper * pixel, 0]));
  const floats = new Float32Array(fields.buffer);
  for (const [i, { weight }] of sources.entries()) floats[3 * i + 2] = weight;
  return fields;
}

/** Writes one row of the result at `to` from the input rows at `above` and `below`. */
type Row = (above: number, below: number, to: number, columns: number, weight: number) => void;

function rowOf(options: Checked, input: Operand, width: number, channels: number): Row {
  const { kernels } = engine();
  if (options.mode === "nearest") {
    return (above, _, to, columns) => kernels.resize_nearest(above, to, columns, width, channels * input.bytes);
  }
  const kernel = kernels[`resize_${input.type}_${input.type}_bilinear` as "resize_i8_i8_bilinear"];
  const arithmetic = kernels[ARITHMETIC_CONSTANTS[options.arithmetic]].value;
  return (above, below, to, columns, weight) => kernel(above, below, to, columns, width, channels, weight, arithmetic);
}

const RULES = { nearest: [nearest, nearestTflite], bilinear: [bilinear, bilinearTflite] } as const;

/**
 * Resizes images; scale, zero and format are kept. `"bilinear"` in arithmetic "onnx" interpolates codes in float32, first
 * across, then down, and rounds half to even (equation 45); "tflite" is TensorFlow Lite's integer interpolation.
 * @param x [n, h, w, c], int8, uint8 or int16 with one scale
 * @returns [n, size[0], size[1], c]
 * @throws RangeError where an image without pixels is to have some
 */
export function resize(x: QTensor, given: ResizeOptions): QTensor {
  const input = checkOperand(x, "x");
  const options = checkResize(x, given);
  const [n, height, width, channels] = x.shape as [number, number, number, number];
  const [outHeight, outWidth] = options.size;
  const rule = RULES[options.mode][options.arithmetic === "onnx" ? 0 : 1];
  const down = sourcesOf(rule, height, outHeight, options);
  const across = sourcesOf(rule, width, outWidth, options);
  const columns = columnsOf(across, channels * input.bytes, options.mode === "nearest");
  const row = rowOf(options, input, outWidth, channels);
  const shape = [n, outHeight, outWidth, channels];
  const data = new (codeArray(input.codes))(n * outHeight * outWidth * channels);
  const [line, outLine] = [width * channels, outWidth * channels];
  const band = Math.max(
    Math.floor(PIECE / input.bytes / (1 + Math.max(outLine, (line * height) / (outHeight || 1)))),
    1,
  );
  if (data.length === 0) return withCodes(x, shape, data);
  const { arena } = engine();
  for (let image = 0; image < n; image++) {
    for (let first = 0; first < outHeight; first += band) {
      const rows = down.slice(first, first + band);
      // places only ever go up
      const from = (rows[0] as Source).lower;
      const till = (rows.at(-1) as Source).upper + 1;
      const place = (image * outHeight + first) * outLine;
      arena.scope(() => {
        const at = arena.copy(x.data.subarray((image * height + from) * line, (image * height + till) * line));
        const to = arena.reserve(rows.length * outLine * input.bytes);
        const table = arena.copy(columns);
        const lineAt = (place: number) => at + (place - from) * line * input.bytes;
        for (const [i, { lower, upper, weight }] of rows.entries()) {
          row(lineAt(lower), lineAt(upper), to + i * outLine * input.bytes, table, weight);
        }
        arena.read(to, data.subarray(place, place + rows.length * outLine));
      });
    }
  }
  return withCodes(x, shape, data);
}

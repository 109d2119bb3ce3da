// What the smoke test does with each public function: one exercise a name. Calls that are refused are results as well,
// for the sentences are the same everywhere too.

import { bell, FINITE, INFINITE, LENGTHS, randomBytes, WITH_NAN } from "./inputs.js";
import { MODEL_EXERCISES } from "./models.js";
import { PRODUCT_EXERCISES } from "./products.js";
import { WINDOW_EXERCISES } from "./windows.js";

/** What a call returns, or how it is refused. An engine's own errors are no sentence of the library: thrown. */
export function attempt(call) {
  try {
    return call();
  } catch (error) {
    if (!/"[\w.[\]]+"/.test(error.message)) throw error;
    return { refused: `${error.name}: ${error.message}` };
  }
}

export function isRefusal(value) {
  return value !== null && typeof value === "object" && "refused" in value;
}

// Formats and quantizers -------------------------------------------------------------------------------------------

const CUSTOM_FLOATS = [
  { exponent: 2, mantissa: 5 },
  { exponent: 1, mantissa: 0, finite: true },
  { exponent: 5, mantissa: 1, finite: true },
  { exponent: 3, mantissa: 2, negativeZero: false },
  { exponent: 4, mantissa: 3, bias: 9, infinity: false },
  { exponent: 5, mantissa: 6 },
  { exponent: 1, mantissa: 14 },
];

/** Every format: the names are those the library lists when it refuses one. */
function formatsOf(octavo) {
  const { refused } = attempt(() => octavo.encode(new Float32Array(0), "no format"));
  const names = /one of (.+), got/.exec(refused)[1].split(", ");
  return [...names, ...CUSTOM_FLOATS];
}

/** Formats that values can be quantized to. */
function targetsOf(octavo) {
  return formatsOf(octavo).filter((format) => !isRefusal(attempt(() => octavo.quantize(FINITE, { format }))));
}

const SHAPED = [
  ...[0, 1, 7, 16, 33, 101].map((length) => ({ shape: [length] })),
  { shape: [5, 7, 9], axis: 0 },
  { shape: [5, 7, 9], axis: 1 },
  { shape: [5, 7, 9], axis: 2 },
  { shape: [3, 37], block: 8 },
  { shape: [11, 5], axis: 0, block: 4 },
  { shape: [2, 7, 3], axis: 1, block: 3 },
  { shape: [3, 0, 5], axis: 1 },
];

const TUNED = [
  { symmetric: false },
  { symmetric: true },
  { narrow: true },
  { bits: 3 },
  { bits: 5, narrow: true },
  { powerOfTwo: true },
  { scale: 0.03 },
  { scale: 0.5, zero: 1 },
  { rounding: "stochastic", seed: 12345 },
  { rounding: "stochastic", seed: 2 ** 53 - 1, shape: [7, 23], axis: 0 },
  { shape: [7, 23], axis: 1, scale: Array.from({ length: 23 }, (_, i) => (i + 1) / 64) },
];

/** More scales than the library keeps at hand: copied a chunk at a time, and wrapped around. */
const LARGE = [
  { format: "int8", shape: [65601], block: 1 },
  { format: "uint8", shape: [2, 65601], axis: 1 },
  { format: "nvfp4", shape: [2, 8201] },
];

const RANGES = ["minmax", "percentile", { percentile: 99 }, "mse", "entropy", [-1, 2.5]];
const RANGED = ["int8", "uint8", "int4", "int16", "float8_e4m3fn", "float4_e2m1fn"];

function sizeOf(shape) {
  return shape.reduce((a, b) => a * b, 1);
}

/** Calls of a quantizer: values and options. Some combinations are refused. */
function* quantizers(octavo) {
  for (const format of formatsOf(octavo)) yield [FINITE, { format }];
  for (const format of targetsOf(octavo)) {
    for (const x of [INFINITE, WITH_NAN]) yield [x, { format }];
    for (const options of SHAPED) yield [bell(sizeOf(options.shape), 3), { format, ...options }];
    for (const options of TUNED) yield [bell(161, 4), { format, ...options }];
  }
  for (const options of LARGE) yield [bell(sizeOf(options.shape), 5), options];
}

/** Calls that search a range. */
function* searches() {
  for (const format of RANGED) {
    for (const range of RANGES) {
      for (const symmetric of [true, false]) yield [bell(1003, 6), { format, range, symmetric }];
      yield [bell(903, 7), { format, range, shape: [3, 301], axis: 0 }];
    }
  }
  yield [bell(20001, 8), { format: "int8", range: "mse" }];
}

/** Values with the tensors that quantize makes of them, where it does not refuse. */
function* quantized(octavo) {
  for (const [x, options] of quantizers(octavo)) {
    const q = attempt(() => octavo.quantize(x, options));
    if (!isRefusal(q)) yield [x, q];
  }
}

/** Codes with one scale. */
function codes(format, length, seed, scale, zero) {
  const wide = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array }[format];
  const { buffer } = randomBytes(length * wide.BYTES_PER_ELEMENT, seed);
  const data = new wide(buffer, 0, length);
  return { format, shape: [length], data, scale: Float32Array.of(scale), zero: Int32Array.of(zero) };
}

/** Formats and zeros of pairs; TensorFlow Lite refuses some. */
const PAIRS = [
  ["int8", 3, "int8", -100],
  ["uint8", 120, "uint8", 0],
  ["int8", 3, "uint8", 200],
  ["int16", 0, "int16", 0],
  ["int16", 0, "int8", 7],
  ["uint8", 255, "int16", -5],
];

const BROADCAST = [
  [[12], [12]],
  [[7, 12], [12]],
  [
    [12, 1],
    [1, 7],
  ],
  [[2, 3, 2], []],
  [[66001], [66001]],
  [[3001, 12], [12]],
  [[5], [4]],
];

/** The exercise of an operator on two tensors. */
function pairs(name) {
  return (octavo, record) => {
    for (const [formatA, zeroA, formatB, zeroB] of PAIRS) {
      for (const [shapeA, shapeB] of BROADCAST) {
        const a = { ...codes(formatA, sizeOf(shapeA), 51, 0.05, zeroA), shape: shapeA };
        const b = { ...codes(formatB, sizeOf(shapeB), 52, 0.03, zeroB), shape: shapeB };
        for (const arithmetic of ["onnx", "tflite", "tflite-single"]) {
          record(attempt(() => octavo[name](a, b, { scale: 0.07, zero: zeroA, arithmetic })));
        }
        record(attempt(() => octavo[name](a, b, { scale: 0.07, zero: 2, format: "int8", activation: "relu6" })));
      }
    }
  };
}

/** Every function of one value: the names are those the library lists when it refuses one. */
function activationsOf(octavo) {
  const { refused } = attempt(() => octavo.activate(codes("int8", 0, 1, 1, 0), "none", { scale: 1 }));
  return [.../expected (.+), got/.exec(refused)[1].matchAll(/"(\w+)"/g)].map(([, name]) => name);
}

/** Sizes, and results as TensorFlow Lite's curves have them, and another. */
const CURVES = [
  [70001, { scale: 1 / 256, zero: -128, format: "int8" }],
  [300, { scale: 1 / 128, zero: 0 }],
  [300, { scale: 1 / 32768, format: "int16" }],
];

// The exercises ----------------------------------------------------------------------------------------------------

/** By public name: (library, record results, tier). */
export const EXERCISES = {
  ...MODEL_EXERCISES,
  ...PRODUCT_EXERCISES,
  ...WINDOW_EXERCISES,

  async ready(octavo, record) {
    record(await octavo.ready());
  },

  tier(octavo, record, wanted) {
    record(octavo.tier() === wanted);
  },

  useTier(octavo, record, wanted) {
    record(attempt(() => octavo.useTier("fast")));
    octavo.useTier(wanted);
  },

  encode(octavo, record) {
    for (const format of formatsOf(octavo)) {
      for (const rounding of ["even", "away", "zero", "up", "down"]) {
        for (const saturate of [true, false]) {
          record(attempt(() => octavo.encode(INFINITE, format, { rounding, saturate })));
        }
      }
      record(attempt(() => octavo.encode(WITH_NAN, format)));
    }
    for (const length of LENGTHS) {
      for (const format of ["int8", "float16"]) record(octavo.encode(bell(length, 9), format));
    }
  },

  /** Every code of 8 bits, one of three of 16 bits, a sample of 32 bits. */
  decode(octavo, record) {
    for (const format of formatsOf(octavo)) {
      const codes = attempt(() => octavo.encode(FINITE, format));
      if (isRefusal(codes)) continue;
      const [length, step] = { 1: [256, 1], 2: [21845, 3], 4: [5003, 858481] }[codes.BYTES_PER_ELEMENT];
      record(
        octavo.decode(
          codes.constructor.from({ length }, (_, i) => Math.imul(i, step)),
          format,
        ),
      );
    }
    record(octavo.decode(Int8Array.of(-1, -128, 127), "int4"));
  },

  pack(octavo, record) {
    for (const format of formatsOf(octavo)) record(attempt(() => octavo.pack(randomBytes(77, 10), format)));
    for (const length of LENGTHS) {
      for (const format of ["int2", "uint4", "float6_e2m3fn"]) record(octavo.pack(randomBytes(length, 11), format));
    }
  },

  unpack(octavo, record) {
    const bytes = randomBytes(77, 12);
    for (const format of formatsOf(octavo)) record(attempt(() => octavo.unpack(bytes, format, { length: 75 })));
    for (const length of LENGTHS) {
      for (const format of ["int2", "uint4", "float6_e3m2fn"]) record(octavo.unpack(randomBytes(length, 13), format));
    }
  },

  quantize(octavo, record) {
    for (const [x, options] of quantizers(octavo)) record(attempt(() => octavo.quantize(x, options)));
    for (const [x, options] of searches()) record(attempt(() => octavo.quantize(x, options)));
  },

  dequantize(octavo, record) {
    for (const [, q] of quantized(octavo)) record(octavo.dequantize(q));
  },

  fakeQuantize(octavo, record) {
    for (const [x, options] of quantizers(octavo)) record(attempt(() => octavo.fakeQuantize(x, options)));
  },

  requantize(octavo, record) {
    for (const arithmetic of ["tflite", "tflite-single"]) {
      for (const format of ["int8", "uint8", "int16", "int32", "int4"]) {
        record(attempt(() => octavo.requantize(codes("int8", 300, 66, 0.05, 3), { format, scale: 0.03, arithmetic })));
      }
    }
    for (const format of ["int8", "uint4", "mxfp4", "float16"]) {
      const q = octavo.quantize(bell(301, 14), { format, shape: [7, 43] });
      for (const target of targetsOf(octavo)) record(octavo.requantize(q, { format: target }));
      record(octavo.requantize(q, { format: "uint8", scale: 0.05, zero: 100 }));
      record(octavo.requantize(q, { format: "int4", axis: 1, range: "mse" }));
    }
  },

  add: pairs("add"),
  sub: pairs("sub"),
  mul: pairs("mul"),
  squaredDifference: pairs("squaredDifference"),
  minimum: pairs("minimum"),
  maximum: pairs("maximum"),
  prelu: pairs("prelu"),

  activate(octavo, record) {
    for (const [format, scale] of [
      ["int8", 0.06],
      ["uint8", 0.06],
      ["int16", 2 ** -12],
    ]) {
      const x = codes(format, 70001, 61, scale, format === "uint8" ? 120 : 0);
      for (const name of activationsOf(octavo)) {
        for (const arithmetic of ["onnx", "tflite", "tflite-single"]) {
          for (const [size, result] of CURVES) {
            const piece = { ...x, shape: [size], data: x.data.subarray(0, size) };
            record(attempt(() => octavo.activate(piece, name, { ...result, arithmetic })));
          }
        }
      }
    }
  },

  concat(octavo, record) {
    const tensors = [
      codes("int8", 24, 62, 0.05, 3),
      codes("uint8", 24, 63, 0.02, 90),
      codes("int16", 24, 64, 0.001, 0),
    ];
    const shaped = tensors.map((tensor) => ({ ...tensor, shape: [2, 3, 4] }));
    for (const axis of [0, 1, 2, 3]) record(attempt(() => octavo.concat(shaped, { axis })));
    for (const arithmetic of ["tflite", "tflite-single"]) {
      record(octavo.concat(shaped, { scale: 0.03, format: "int16", activation: "relu6", arithmetic }));
    }
  },

  pad(octavo, record) {
    const x = { ...codes("uint8", 24, 65, 0.05, 3), shape: [2, 3, 4] };
    for (const pads of [[0, 0, 0, 0, 0, 0], [1, 0, 2, 0, 3, 1], [1]]) record(attempt(() => octavo.pad(x, { pads })));
    record(octavo.pad(x, { pads: [0, 1, 0, 0, 0, 1], value: 200 }));
  },

  quantizationError(octavo, record) {
    for (const [x, q] of quantized(octavo)) record(octavo.quantizationError(x, q));
  },

  compareFormats(octavo, record) {
    const targets = targetsOf(octavo);
    for (const options of [{}, { shape: [43, 7], axis: 0 }, { block: 16 }, { powerOfTwo: true }, { range: "mse" }]) {
      record(octavo.compareFormats(bell(301, 15), targets, options));
    }
  },

  observe(octavo, record) {
    const seen = octavo.observe();
    record(seen, seen.range(), seen.mean, seen.variance);
    for (const length of LENGTHS) {
      seen.add(bell(length, 16 + length));
      record(seen.count, seen.min, seen.max, seen.mean, seen.variance, seen.range({ range: "percentile" }));
    }
    record(seen, seen.add(WITH_NAN), seen.infinite, seen.nan);
  },

  /** The same parts merged in several orders; mean and variance may differ between orders, not between hosts. */
  Observer(octavo, record) {
    const pieces = [bell(401, 40), bell(16391, 41), bell(0, 42), bell(57, 43), INFINITE];
    const parts = pieces.map((x) => octavo.observe().add(x));
    const copy = (observer) => octavo.Observer.from(JSON.parse(JSON.stringify(observer)));
    for (const order of ["01234", "43210", "20413"]) {
      record([...order].map((i) => copy(parts[i])).reduce((merged, other) => merged.merge(other)));
    }
    const nested = copy(parts[0]).merge(copy(parts[1]).merge(parts[3]));
    record(nested, JSON.stringify(copy(nested)));
    for (const format of RANGED) {
      for (const range of RANGES) {
        for (const symmetric of [true, false]) record(attempt(() => nested.range({ range, format, symmetric })));
      }
    }
    record(nested.range({ range: "mse", bits: 4, narrow: true }), nested.range({ range: "mse", powerOfTwo: true }));
  },

  foldBatchNorm(octavo, record) {
    const positive = (length, seed) => bell(length, seed).map(Math.abs);
    for (const transposed of [false, true]) {
      const layer = { weight: bell(6 * 3 * 5, 50), shape: [6, 3, 5], groups: 2, bias: bell(6, 51), transposed };
      for (const [direction, channels] of [
        ["after", 6],
        ["before", 6],
      ]) {
        const part = { gamma: bell(channels, 52), beta: bell(channels, 53), mean: bell(channels, 54) };
        record(
          attempt(() => octavo.foldBatchNorm(layer, { ...part, variance: positive(channels, 55) }, { direction })),
        );
      }
    }
  },

  accumulatorBits(octavo, record) {
    for (const format of ["int8", "uint4"]) {
      const whole = octavo.quantize(bell(7 * 43, 60), { format, shape: [7, 43], axis: 0, symmetric: false });
      const blocks = octavo.quantize(bell(7 * 43, 61), { format, shape: [7, 43], block: 16, symmetric: false });
      for (const x of [{ format: "uint8", zero: 3 }, { format: "int16" }, { format: "int8", bits: 5, narrow: true }]) {
        record(...[whole, blocks, { format, k: 43 }].map((w) => octavo.accumulatorBits(x, w)));
      }
    }
  },
};

/** Calls that have to be refused. */
export function refusals(octavo, record) {
  const x = bell(6, 17);
  const q = octavo.quantize(x, { format: "int8" });
  const calls = [
    () => octavo.quantize([1, 2, 3], { format: "int8" }),
    () => octavo.quantize(new Float64Array(2), { format: "int8" }),
    () => octavo.quantize(octavo.observe(), { format: "int8" }),
    () => octavo.quantize(x, { format: "int8", size: 3 }),
    () => octavo.quantize(x, { format: "int8", shape: [5] }),
    () => octavo.quantize(x, { format: "int8", shape: [2, 3], axis: 2 }),
    () => octavo.quantize(x, { format: "uint8", scale: -1 }),
    () => octavo.quantize(x, { format: "uint8", scale: 1, zero: 256 }),
    () => octavo.quantize(x, { format: { exponent: 9, mantissa: 1 } }),
    () => octavo.quantize(x, { format: "int8", rounding: "stochastic" }),
    () => octavo.dequantize({ ...q, data: q.data.subarray(1) }),
    () => octavo.requantize(q, { format: "int8", range: [2, 1] }),
    () => octavo.quantizationError(x.subarray(1), q),
    () => octavo.compareFormats(x, "int8"),
    () => octavo.encode(x, "int8", { rounding: "odd" }),
    () => octavo.encode(Float32Array.of(1, NaN), "int4"),
    () => octavo.decode(x, "int8"),
    () => octavo.pack(x, "int4"),
    () => octavo.unpack(Uint8Array.of(1, 2), "uint4", { length: 5 }),
    () => octavo.add(q, { ...q, shape: [2, 3] }, { scale: 0 }),
    () => octavo.activate(q, "swish", { scale: 1 }),
    () => octavo.concat([]),
    () => octavo.pad(q, { pads: [-1, 0] }),
    () => octavo.observe({ bins: 3 }),
    () => octavo.observe().merge({}),
    () => octavo.observe().range({ range: "best" }),
    () => octavo.Observer.from({ ...octavo.observe().add(x).toJSON(), count: 1 }),
  ];
  const accepted = calls.filter((call) => !isRefusal(attempt(call)));
  if (accepted.length > 0) throw new Error(`not refused: ${accepted.join(", ")}`);
  record(...calls.map(attempt));
}

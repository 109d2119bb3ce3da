// The smoke test: every public function over seeded inputs, in each tier the host has, down to one SHA-256 of all results.
// Pure and host-free: Node, Deno, Bun and the browsers run this file as it is. The library promises the same bytes
// everywhere, so nothing is rounded or normalised before it is hashed.

/**
 * Runs every exercise in every tier.
 * @param octavo the library: its module's namespace, or the script tag's global
 * @returns hashes by tier, the bytes of results behind each, and by tier a short hash for each exercise
 * @throws where a public function has no exercise, or an exercise no function
 */
export async function smoke(octavo) {
  checkTable(octavo);
  const result = { tiers: {}, bytes: 0, exercises: {} };
  for (const tier of tiersOf(octavo)) {
    octavo.useTier(tier);
    const { sha256, bytes, exercises } = await run(octavo, tier);
    result.tiers[tier] = sha256;
    result.exercises[tier] = exercises;
    result.bytes = bytes;
  }
  return result;
}

function checkTable(octavo) {
  const functions = Object.keys(octavo).filter((name) => typeof octavo[name] === "function");
  const missing = functions.filter((name) => !Object.hasOwn(EXERCISES, name));
  const stale = Object.keys(EXERCISES).filter((name) => !functions.includes(name));
  if (missing.length > 0) throw new Error(`no exercise for the public ${missing.join(", ")}`);
  if (stale.length > 0) throw new Error(`an exercise for ${stale.join(", ")}, which is not public`);
}

/** The tiers this host has; left to itself, the library has to choose the last of them. */
function tiersOf(octavo) {
  octavo.useTier();
  const chosen = octavo.tier();
  const relaxed = attempt(() => octavo.useTier("relaxed")) === undefined;
  if (relaxed !== (chosen === "relaxed")) throw new Error(`the library chose "${chosen}", relaxed runs: ${relaxed}`);
  return relaxed ? ["simd", "relaxed"] : ["simd"];
}

async function run(octavo, tier) {
  const results = new Results();
  const exercises = {};
  for (const [name, exercise] of Object.entries(EXERCISES)) {
    const start = results.length;
    await exercise(octavo, (...values) => results.add(values), tier);
    exercises[name] = (await sha256(results.bytes.subarray(start, results.length))).slice(0, 16);
  }
  return { sha256: await sha256(results.bytes.subarray(0, results.length)), bytes: results.length, exercises };
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What results are hashed as -------------------------------------------------------------------------------------------

/** Results as bytes, one after another: arrays' own bytes, numbers as float64, text as UTF-8, objects as keys and values. */
class Results {
  bytes = new Uint8Array(1 << 20);
  length = 0;

  write(bytes) {
    while (this.length + bytes.length > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  text(value) {
    this.write(new TextEncoder().encode(`${value}\n`));
  }

  add(value) {
    if (ArrayBuffer.isView(value)) {
      this.text(`${value[Symbol.toStringTag]} ${value.length}`);
      this.write(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    } else if (typeof value === "number" && !Number.isNaN(value)) {
      this.write(new Uint8Array(Float64Array.of(value).buffer));
    } else if (value === null || typeof value !== "object") {
      this.text(value); // NaN too: a number has no payload
    } else {
      const plain = typeof value.toJSON === "function" ? value.toJSON() : value;
      this.text(Array.isArray(plain) ? plain.length : Object.keys(plain));
      for (const part of Object.values(plain)) this.add(part);
    }
  }
}

/** What a call returns, or the sentence it is refused with. An engine's own errors are no sentence of the library: thrown. */
function attempt(call) {
  try {
    return call();
  } catch (error) {
    if (!/"[\w.]+"/.test(error.message)) throw error;
    return `${error.name}: ${error.message}`;
  }
}

// Inputs ---------------------------------------------------------------------------------------------------------------

/** Random integers of 32 bits (mulberry32), the same in every engine. */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Bell-shaped values of about -2..2 (exact sums of four uniform ones), one in 64 of them 32 times as large. */
function bell(length, seed) {
  const random = randomOf(seed);
  const uniform = () => (random() >>> 8) / 2 ** 24;
  return Float32Array.from({ length }, () => {
    const value = uniform() + uniform() + uniform() + uniform() - 2;
    return random() % 64 === 0 ? value * 32 : value;
  });
}

/** Finite float32 values of every sign, exponent and mantissa, subnormal ones included. */
function anyFinite(length, seed) {
  const random = randomOf(seed);
  const bits = Uint32Array.from({ length }, () => {
    const pattern = random();
    return (pattern & 0x7f800000) === 0x7f800000 ? pattern ^ 0x40000000 : pattern;
  });
  return new Float32Array(bits.buffer);
}

function randomBytes(length, seed) {
  const random = randomOf(seed);
  return Uint8Array.from({ length }, random);
}

/** Zeros, ties, and the edges of float32 and of the smaller formats, both signs. */
const EDGES = [
  0, 0.5, 1, 1.5, 2.5, 2 ** -149, 2 ** -127, 2 ** -126, 2 ** -25, 2 ** -24, 2 ** -14, 2 ** -10, 2 ** -9, 0.25, 5, 6, 7, 7.5,
  28, 30, 31, 127, 127.5, 128, 240, 248, 255.5, 256, 448, 464, 480, 32767.5, 57344, 61440, 65504, 65520, 65535.5,
  2 ** 31, 2 ** 32, 2 ** 127, 3.3895313892515355e38, 3.4028234663852886e38,
].flatMap((value) => [value, -value]);

function join(...parts) {
  return Float32Array.from(parts.flatMap((part) => Array.from(part)));
}

const FINITE = join(EDGES, anyFinite(601, 1), bell(300, 2));
const INFINITE = join([Infinity], FINITE, [-Infinity]);
const WITH_NAN = join(INFINITE, [NaN]);

/** Odd tails for every lane count, and lengths beyond one chunk of the library's walk. */
const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 1001, 16384, 32775];

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
  const sentence = attempt(() => octavo.encode(new Float32Array(0), "no format"));
  const names = /one of (.+), got/.exec(sentence)[1].split(", ");
  return [...names, ...CUSTOM_FLOATS];
}

/** Formats that values can be quantized to. */
function targetsOf(octavo) {
  return formatsOf(octavo).filter((format) => typeof attempt(() => octavo.quantize(FINITE, { format })) !== "string");
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
  { rounding: "stochastic", seed: 2 ** 53 - 1, shape: [7, 43], axis: 0 },
  { shape: [7, 43], axis: 1, scale: Array.from({ length: 43 }, (_, i) => (i + 1) / 64) },
];

/** Scales beyond what the library keeps at hand: copied a chunk at a time, wrapped around, or one a value. */
const LARGE = [
  { format: "int8", shape: [3, 46667], block: 2 },
  { format: "uint8", shape: [2, 70001], axis: 1 },
  { format: "int4", shape: [140002] },
  { format: "float8_e4m3fn", shape: [2, 70001], axis: 1, rounding: "stochastic", seed: 7 },
  { format: "nvfp4", shape: [2, 70001] },
];

const RANGES = ["minmax", "percentile", { percentile: 99 }, "mse", "entropy", [-1, 2.5]];
const RANGED = ["int8", "uint8", "int4", "int16", "float8_e4m3fn", "float4_e2m1fn"];

function sizeOf(shape) {
  return shape.reduce((a, b) => a * b, 1);
}

/** Every call of a quantizer: values and options. Some combinations are refused, and the sentence is a result as well. */
function* quantizers(octavo) {
  for (const format of formatsOf(octavo)) {
    for (const x of [FINITE, INFINITE, WITH_NAN]) yield [x, { format }];
    for (const options of SHAPED) yield [bell(sizeOf(options.shape), 3), { format, ...options }];
    for (const options of TUNED) yield [bell(301, 4), { format, ...options }];
  }
  for (const format of RANGED) {
    for (const range of RANGES) {
      for (const symmetric of [true, false]) yield [bell(1003, 5), { format, range, symmetric }];
      yield [bell(903, 6), { format, range, shape: [3, 301], axis: 0 }];
    }
  }
  yield [bell(20001, 7), { format: "int8", range: "mse" }];
  for (const options of LARGE) yield [bell(sizeOf(options.shape), 8), options];
}

/** Values with the tensors that quantize makes of them, where it does not refuse. */
function* quantized(octavo) {
  for (const [x, options] of quantizers(octavo)) {
    const q = attempt(() => octavo.quantize(x, options));
    if (typeof q !== "string") yield [x, q];
  }
}

// The exercises --------------------------------------------------------------------------------------------------------

/** One exercise for each public function: (library, record a result, tier). */
const EXERCISES = {
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
        for (const saturate of [true, false]) record(attempt(() => octavo.encode(INFINITE, format, { rounding, saturate })));
      }
      record(attempt(() => octavo.encode(WITH_NAN, format)));
    }
    for (const length of LENGTHS) for (const format of ["int8", "float16"]) record(octavo.encode(bell(length, 9), format));
    refusals(octavo, record, octavo.encode);
  },

  decode(octavo, record) {
    for (const format of formatsOf(octavo)) {
      const codes = attempt(() => octavo.encode(FINITE, format));
      if (typeof codes === "string") continue;
      const width = codes.BYTES_PER_ELEMENT;
      const all = { 1: 256, 2: 21846, 4: 5003 }[width];
      record(octavo.decode(codes.constructor.from({ length: all }, (_, i) => Math.imul(i, { 1: 1, 2: 3, 4: 858481 }[width])), format));
    }
    record(octavo.decode(Int8Array.of(-1, -128, 127), "int4"));
    refusals(octavo, record, octavo.decode);
  },

  pack(octavo, record) {
    for (const format of formatsOf(octavo)) {
      record(attempt(() => octavo.pack(randomBytes(77, 10), format)));
    }
    for (const length of LENGTHS) {
      for (const format of ["int2", "uint4", "float6_e2m3fn"]) record(octavo.pack(randomBytes(length, 11), format));
    }
    refusals(octavo, record, octavo.pack);
  },

  unpack(octavo, record) {
    for (const format of formatsOf(octavo)) record(attempt(() => octavo.unpack(randomBytes(77, 12), format, { length: 75 })));
    for (const length of LENGTHS) {
      for (const format of ["int2", "uint4", "float6_e3m2fn"]) record(octavo.unpack(randomBytes(length, 13), format));
    }
    refusals(octavo, record, octavo.unpack);
  },

  quantize(octavo, record) {
    for (const [x, options] of quantizers(octavo)) record(attempt(() => octavo.quantize(x, options)));
    refusals(octavo, record, octavo.quantize);
  },

  dequantize(octavo, record) {
    for (const [, q] of quantized(octavo)) record(octavo.dequantize(q));
    refusals(octavo, record, octavo.dequantize);
  },

  fakeQuantize(octavo, record) {
    for (const [x, options] of quantizers(octavo)) record(attempt(() => octavo.fakeQuantize(x, options)));
    refusals(octavo, record, octavo.fakeQuantize);
  },

  requantize(octavo, record) {
    const sources = ["int8", "uint4", "mxfp4", "float16"].map((format) => octavo.quantize(bell(301, 14), { format, shape: [7, 43] }));
    for (const q of sources) {
      for (const format of targetsOf(octavo)) record(octavo.requantize(q, { format }));
      record(octavo.requantize(q, { format: "uint8", scale: 0.05, zero: 100 }));
      record(octavo.requantize(q, { format: "int4", axis: 1, range: "mse" }));
    }
    refusals(octavo, record, octavo.requantize);
  },

  quantizationError(octavo, record) {
    for (const [x, q] of quantized(octavo)) record(octavo.quantizationError(x, q));
    refusals(octavo, record, octavo.quantizationError);
  },

  compareFormats(octavo, record) {
    const targets = targetsOf(octavo);
    for (const options of [{}, { shape: [43, 7], axis: 0 }, { block: 16 }, { powerOfTwo: true }, { range: "mse" }]) {
      record(octavo.compareFormats(bell(301, 15), targets, options));
    }
    refusals(octavo, record, octavo.compareFormats);
  },

  observe(octavo, record) {
    const seen = octavo.observe();
    record(seen, seen.range(), seen.mean, seen.variance);
    for (const length of LENGTHS) {
      seen.add(bell(length, 16 + length));
      record(seen.count, seen.min, seen.max, seen.mean, seen.variance, seen.range({ range: "percentile" }));
    }
    record(seen, seen.add(WITH_NAN), seen.infinite, seen.nan);
    refusals(octavo, record, octavo.observe);
  },

  Observer(octavo, record) {
    const parts = [401, 16391, 0, 57].map((length, i) => octavo.observe().add(bell(length, 40 + i)));
    parts.push(octavo.observe().add(INFINITE));
    const copy = (observer) => octavo.Observer.from(JSON.parse(JSON.stringify(observer)));
    for (const order of [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]]) {
      const [first, ...others] = order.map((i) => copy(parts[i]));
      record(others.reduce((merged, other) => merged.merge(other), first));
    }
    const pairs = copy(parts[0]).merge(copy(parts[1]).merge(parts[3]));
    record(pairs, JSON.stringify(copy(pairs)));
    for (const format of RANGED) {
      for (const range of RANGES) {
        for (const symmetric of [true, false]) record(attempt(() => pairs.range({ range, format, symmetric })));
      }
    }
    record(pairs.range({ range: "mse", bits: 4, narrow: true }), pairs.range({ range: "mse", powerOfTwo: true }));
    for (const bad of [null, {}, { ...parts[0].toJSON(), count: 1 }]) record(attempt(() => octavo.Observer.from(bad)));
    record(attempt(() => pairs.merge({})), attempt(() => pairs.range({ range: "best" })), attempt(() => pairs.add([1])));
  },
};

/** Calls that every function has to refuse, with the same sentence in every host. */
function refusals(octavo, record, call) {
  const x = bell(6, 17);
  const q = octavo.quantize(x, { format: "int8" });
  const calls = [
    [],
    [null, {}],
    [[1, 2, 3], "int8"],
    [new Float64Array(2), { format: "int8" }],
    [octavo.observe(), { format: "int8" }],
    [x, Symbol.iterator],
    [x, { format: "int9" }],
    [x, { format: "int8", size: 3 }],
    [x, { format: "int8", shape: [5] }],
    [x, { format: "int8", shape: [2, 3], axis: 2 }],
    [x, { format: "uint8", scale: -1 }],
    [x, { format: { exponent: 9, mantissa: 1 } }],
    [x, "int8", { rounding: "odd" }],
    [x, ["int8", "bool"]],
    [x.subarray(1), q],
    [{ ...q, data: q.data.subarray(1) }, { format: "int8" }],
    [Uint8Array.of(1, 2), "uint4", { length: 5 }],
  ];
  for (const args of calls) record(attempt(() => call(...args)));
}

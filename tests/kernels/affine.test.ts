// affine.ts and fake.ts against tests/reference/affine.ts: every format, grouping, size and tail, bit for bit.
import assert from "node:assert/strict";
import { dequantizeValue, quantizeValue, roundHalfEven, unclampedCode } from "../reference/affine.ts";
import {
  assertBits,
  type Bench,
  type Grouping,
  groupings,
  randomWords,
  SIZES,
  scaleIndex,
  testKernel,
  valuesOf,
} from "./harness.ts";

const KINDS = {
  i8: { array: Int8Array, lo: -128, hi: 127 },
  u8: { array: Uint8Array, lo: 0, hi: 255 },
  i16: { array: Int16Array, lo: -32768, hi: 32767 },
  u16: { array: Uint16Array, lo: 0, hi: 65535 },
  i32: { array: Int32Array, lo: -(2 ** 31), hi: 2 ** 31 - 1 },
};

type Kind = keyof typeof KINDS;

/** Scales of all sizes, with halves and thirds for ties and none; zeros at both ends and between. */
function scalesOf(total: number, lo: number, hi: number) {
  const next = randomWords(total);
  const scales = [1, 0.5, 1 / 3, 2 ** -10, 3e-39, 0.1, 1e30, 2];
  const zeros = [0, lo, hi, 3, -3].map((zero) => Math.min(Math.max(zero, lo), hi));
  return {
    scale: Float32Array.from({ length: total }, (_, i) => scales[i === 0 ? 0 : next() % scales.length] as number),
    zero: Int32Array.from({ length: total }, () => zeros[next() % zeros.length] as number),
  };
}

interface Case {
  readonly bench: Bench;
  readonly n: number;
  readonly start: number;
  readonly grouping: Grouping;
  readonly scale: Float32Array;
  readonly zero: Int32Array;
  /** All numbers behind x and y. */
  readonly place: [count: number, place: number, lo: number, hi: number];
}

/** Every size from two starts in every grouping. */
function eachCase(bench: () => Bench, lo: number, hi: number, run: (each: Case) => void): void {
  for (const n of SIZES) {
    for (const grouping of groupings(n)) {
      for (const start of [0, 5]) {
        const b = bench();
        const { scale, zero } = scalesOf(grouping.total, lo, hi);
        const place: Case["place"] = [n, b.place(start, grouping, b.put(scale), b.put(zero)), lo, hi];
        run({ bench: b, n, start, grouping, scale, zero, place });
      }
    }
  }
}

function expected(
  x: ArrayLike<number>,
  { start, grouping, scale, zero }: Case,
  value: (x: number, s: number, z: number) => number,
): number[] {
  return Array.from(x, (v, i) => {
    const index = scaleIndex(start + i, grouping);
    return value(v, scale[index] as number, zero[index] as number);
  });
}

for (const kind of Object.keys(KINDS) as Kind[]) {
  const { array, lo, hi } = KINDS[kind];
  testKernel(`quantize_f32_${kind}`, (bench) => {
    for (const [low, high] of [
      [lo, hi],
      [Math.max(lo, -7), 7],
    ] as const) {
      eachCase(bench, low, high, (each) => {
        const x = valuesOf(each.n, each.n + each.start);
        const to = each.bench.reserve(each.n * array.BYTES_PER_ELEMENT);
        assert.equal(each.bench.k[`quantize_f32_${kind}`](each.bench.put(x), to, ...each.place), 0, "no NaN");
        const wanted = expected(x, each, (v, s, z) => quantizeValue(v, s, z, low, high));
        assertBits(
          each.bench.get(to, new array(each.n)),
          new array(wanted),
          `n ${each.n}, ${JSON.stringify(each.grouping)}`,
        );
      });
    }
  });

  testKernel(`quantize_f32_${kind} reports a NaN at any place`, (bench) => {
    for (const lanes of [1, 40]) {
      for (let at = 0; at < 40; at++) {
        const b = bench();
        const x = new Float32Array(40).fill(3);
        x[at] = at % 2 ? NaN : -NaN;
        const grouping = { length: 40, block: 40, lanes, total: lanes };
        const place = b.place(0, grouping, b.put(new Float32Array(lanes).fill(2)), b.put(new Int32Array(lanes)));
        const run = b.k[`quantize_f32_${kind}`];
        const to = b.reserve(40 * array.BYTES_PER_ELEMENT);
        assert.notEqual(run(b.put(x), to, 40, place, lo, hi), 0, `NaN at ${at}`);
      }
    }
  });

  testKernel(`dequantize_${kind}_f32`, (bench) => {
    eachCase(bench, lo, hi, (each) => {
      const next = randomWords(each.n);
      const q = new array(Array.from({ length: each.n }, (_, i) => (i % 3 === 0 ? lo : i % 3 === 1 ? hi : next())));
      const to = each.bench.reserve(each.n * 4);
      each.bench.k[`dequantize_${kind}_f32`](each.bench.put(q, 3), to, ...each.place);
      assertBits(each.bench.get(to, new Float32Array(each.n)), expected(q, each, dequantizeValue), `n ${each.n}`);
    });
  });
}

testKernel("quantize_f32_f32", (bench) => {
  eachCase(bench, -128, 127, (each) => {
    const x = valuesOf(each.n, each.n);
    const to = each.bench.reserve(each.n * 4);
    each.bench.k.quantize_f32_f32(each.bench.put(x), to, ...each.place);
    // the sign of a zero code means nothing: -0 and 0 are the same code
    const plus = (v: number) => v + 0;
    const wanted = expected(x, each, unclampedCode).map(plus);
    assertBits(Array.from(each.bench.get(to, new Float32Array(each.n)), plus), wanted, `n ${each.n}`);
  });
});

testKernel("divide_f32_f32 and multiply_f32_f32", (bench) => {
  eachCase(bench, 0, 0, (each) => {
    const x = valuesOf(each.n, each.n);
    if (each.n > 2) x[each.n - 2] = NaN;
    const to = each.bench.reserve(each.n * 4);
    each.bench.k.divide_f32_f32(each.bench.put(x), to, ...each.place);
    assertBits(
      each.bench.get(to, new Float32Array(each.n)),
      expected(x, each, (v, s) => Math.fround(v / s)),
      `divide ${each.n}`,
    );
    each.bench.k.multiply_f32_f32(each.bench.put(x), to, ...each.place);
    assertBits(
      each.bench.get(to, new Float32Array(each.n)),
      expected(x, each, (v, s) => Math.fround(v * s)),
      `multiply ${each.n}`,
    );
  });
});

testKernel("divide_f32_f32 gives the one NaN", (bench) => {
  for (const n of [3, 8]) {
    const b = bench();
    const x = new Float32Array(n);
    new Uint32Array(x.buffer).fill(0xffc01234);
    const to = b.reserve(n * 4);
    b.k.divide_f32_f32(b.put(x), to, n, b.onePlace(n, 2), 0, 0);
    assertBits(b.get(to, new Uint32Array(n)), new Array(n).fill(0x7fc00000), "bits");
  }
});

testKernel("fake_f32_f32", (bench) => {
  for (const { lo, hi } of [KINDS.i8, KINDS.u8, KINDS.i16, KINDS.u16]) {
    eachCase(bench, lo, hi, (each) => {
      const x = valuesOf(each.n, each.n);
      const to = each.bench.reserve(each.n * 4);
      assert.equal(each.bench.k.fake_f32_f32(each.bench.put(x), to, ...each.place), 0, "no NaN");
      const wanted = expected(x, each, (v, s, z) => dequantizeValue(quantizeValue(v, s, z, lo, hi), s, z));
      assertBits(each.bench.get(to, new Float32Array(each.n)), wanted, `n ${each.n}, ${JSON.stringify(each.grouping)}`);
    });
  }
});

testKernel("fake_f32_f32 reports a NaN at any place", (bench) => {
  for (const lanes of [1, 9]) {
    for (let at = 0; at < 9; at++) {
      const b = bench();
      const x = new Float32Array(9).fill(3);
      x[at] = NaN;
      const grouping = { length: 9, block: 9, lanes, total: lanes };
      const place = b.place(0, grouping, b.put(new Float32Array(lanes).fill(1)), b.put(new Int32Array(lanes)));
      assert.notEqual(b.k.fake_f32_f32(b.put(x), b.reserve(36), 9, place, 0, 255), 0);
    }
  }
});

testKernel("rounding is half to even over all half integers of 17 bits", (bench) => {
  const b = bench();
  const x = Float32Array.from({ length: 262144 }, (_, i) => i / 2 - 65536);
  const to = b.reserve(x.length * 4);
  b.k.fake_f32_f32(b.put(x), to, x.length, b.onePlace(x.length, 1), -65536, 65536);
  assertBits(
    b.get(to, new Float32Array(x.length)),
    Array.from(x, (v) => roundHalfEven(v) + 0),
    "codes",
  );
});

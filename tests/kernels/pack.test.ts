// pack.ts and probe.ts: every width and size against tests/reference/pack.ts; the relaxed dot where its result is fixed.
import assert from "node:assert/strict";
import { packCodes, signExtend, unpackCodes } from "../reference/pack.ts";
import { assertBits, randomWords, SIZES, testKernel } from "./harness.ts";

testKernel("pack_u8", (bench) => {
  for (let bits = 1; bits <= 7; bits++) {
    for (const n of SIZES) {
      const next = randomWords(n);
      const codes = Uint8Array.from({ length: n }, () => next()); // bits above the code's are not looked at
      const b = bench();
      const bytes = Math.ceil((n * bits) / 8);
      const to = b.reserve(bytes, 3);
      b.k.pack_u8(b.put(codes, 5), to, n, bits);
      assertBits(
        b.get(to, new Uint8Array(bytes)),
        packCodes(
          codes.map((c) => c & (2 ** bits - 1)),
          bits,
        ),
        `${bits} bits, n ${n}`,
      );
      const at = b.put(codes, 1);
      b.k.pack_u8(at, at, n, bits);
      assertBits(b.get(at, new Uint8Array(bytes)), b.get(to, new Uint8Array(bytes)), `in place, ${bits} bits, n ${n}`);
    }
  }
});

testKernel("unpack_u8", (bench) => {
  for (let bits = 1; bits <= 7; bits++) {
    for (const n of SIZES) {
      const next = randomWords(n + bits);
      const bytes = Uint8Array.from({ length: Math.ceil((n * bits) / 8) }, () => next());
      const unsigned = Array.from(unpackCodes(bytes, bits, n));
      const b = bench();
      const [from, to] = [b.put(bytes, 7), b.reserve(n, 2)];
      b.k.unpack_u8(from, to, n, bits, 0);
      assertBits(b.get(to, new Uint8Array(n)), unsigned, `${bits} bits, n ${n}`);
      b.k.unpack_u8(from, to, n, bits, 1);
      assertBits(
        b.get(to, new Int8Array(n)),
        unsigned.map((code) => signExtend(code, bits)),
        `signed ${bits} bits, n ${n}`,
      );
    }
  }
});

testKernel("dot_u8_i8_i32_relaxed", (bench, tier) => {
  const b = bench();
  const next = randomWords(5);
  const x = Int8Array.from({ length: 64 }, () => next());
  const w = Uint8Array.from({ length: 64 }, () => next() & 127); // with bit 7 clear every host is exact
  const wanted = x.reduce((sum, v, i) => sum + v * (w[i] as number), 0);
  assert.equal(b.k.dot_u8_i8_i32_relaxed(b.put(x), b.put(w), 64), tier === "relaxed" ? wanted : 0);
});

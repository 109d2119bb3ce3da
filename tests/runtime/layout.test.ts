// Where values are: never two at once in the same bytes, and no more bytes than it takes where that is easy to tell.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { layOut, type Span } from "../../src/runtime/layout.ts";

const SLACK = 32;

const span = fc
  .record({ bytes: fc.nat(5000), first: fc.nat(20), length: fc.nat(10) })
  .map(({ bytes, first, length }) => ({ bytes, first, last: first + length }));

function meet(a: Span, b: Span): boolean {
  return a.first <= b.last && b.first <= a.last;
}

test("spans that meet in time do not meet in memory", () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 40 }), (spans) => {
      const { offsets, bytes } = layOut(spans);
      spans.forEach((a, i) => {
        const at = offsets[i] as number;
        assert.ok(at % 16 === 0 && at + a.bytes + SLACK <= bytes);
        spans.slice(0, i).forEach((b, j) => {
          const other = offsets[j] as number;
          if (meet(a, b)) assert.ok(at + a.bytes + SLACK <= other || other + b.bytes + SLACK <= at);
        });
      });
    }),
  );
});

test("a chain takes two buffers", () => {
  const spans = Array.from({ length: 10 }, (_, i) => ({ bytes: 1024 - SLACK, first: i, last: i + 1 }));
  assert.equal(layOut(spans).bytes, 2048);
});

test("a long chain is laid out step by step", () => {
  const spans = Array.from({ length: 100_000 }, (_, i) => ({ bytes: 64, first: i, last: i + 1 }));
  assert.equal(layOut(spans).bytes, 192);
});

// Where the values of a plan are in memory: those that are never needed at the same time share their bytes.

import { aligned, SLACK } from "../wasm/heap.ts";

/** A stretch of bytes that is needed from one step to another, both included. */
export interface Span {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

const roundUp = (bytes: number) => aligned(bytes + SLACK);

/** A span that has its place. */
interface Placed extends Span {
  readonly at: number;
}

/** The lowest place that a span can have beside those that meet it. */
function placeFor(span: Span, placed: readonly Placed[]): number {
  const size = roundUp(span.bytes);
  let at = 0;
  for (const other of placed) {
    if (other.first > span.last || other.last < span.first) continue;
    if (at + size <= other.at) break;
    at = Math.max(at, other.at + roundUp(other.bytes));
  }
  return at;
}

/** An offset for each span, and the bytes that all take: the largest are placed first, as low as they go. */
export function layOut(spans: readonly Span[]): { offsets: number[]; bytes: number } {
  const offsets = new Array<number>(spans.length).fill(0);
  const placed: Placed[] = [];
  let bytes = 0;
  const bySize = spans.map((_, i) => i).sort((a, b) => (spans[b] as Span).bytes - (spans[a] as Span).bytes || a - b);
  for (const i of bySize) {
    const span = spans[i] as Span;
    const at = placeFor(span, placed);
    offsets[i] = at;
    bytes = Math.max(bytes, at + roundUp(span.bytes));
    const next = placed.findIndex((other) => other.at > at);
    placed.splice(next < 0 ? placed.length : next, 0, { ...span, at });
  }
  return { offsets, bytes };
}

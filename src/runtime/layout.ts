// Where the values of a plan are in memory: those that are never needed at the same time share their bytes.

/** A stretch of bytes that is needed from one step to another, both included. */
export interface Span {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

const ALIGNMENT = 16;

/** Bytes that kernels may read behind a value. */
const SLACK = 32;

const roundUp = (bytes: number) => Math.ceil((bytes + SLACK) / ALIGNMENT) * ALIGNMENT;

/** A free stretch. */
interface Gap {
  at: number;
  bytes: number;
}

/** Memory that is taken and given back as steps go by; it grows where no gap is large enough. */
class Pool {
  bytes = 0;
  /** By address; no two touch. */
  private readonly gaps: Gap[] = [];

  /** The smallest gap that is large enough; else the end, where a gap that reaches it is used. */
  take(bytes: number): number {
    let best: Gap | undefined;
    for (const gap of this.gaps) if (gap.bytes >= bytes && gap.bytes < (best?.bytes ?? Infinity)) best = gap;
    const last = this.gaps.at(-1);
    const open = last && last.at + last.bytes === this.bytes ? last : undefined;
    const at = best?.at ?? open?.at ?? this.bytes;
    const gap = best ?? open;
    if (!gap || gap.bytes <= bytes) {
      if (gap) this.gaps.splice(this.gaps.indexOf(gap), 1);
      this.bytes = Math.max(this.bytes, at + bytes);
    } else {
      gap.at += bytes;
      gap.bytes -= bytes;
    }
    return at;
  }

  give(at: number, bytes: number): void {
    const next = this.gaps.findIndex((gap) => gap.at > at);
    const place = next < 0 ? this.gaps.length : next;
    this.gaps.splice(place, 0, { at, bytes });
    for (const i of [place, place - 1]) {
      const [gap, other] = [this.gaps[i], this.gaps[i + 1]];
      if (!gap || !other || gap.at + gap.bytes !== other.at) continue;
      gap.bytes += other.bytes;
      this.gaps.splice(i + 1, 1);
    }
  }
}

/** Indices of spans by the step at which something of theirs happens. */
function byStep(spans: readonly Span[], stepOf: (span: Span) => number): Map<number, number[]> {
  const steps = new Map<number, number[]>();
  spans.forEach((span, i) => {
    const at = steps.get(stepOf(span));
    if (at) at.push(i);
    else steps.set(stepOf(span), [i]);
  });
  return steps;
}

/** An offset for each span, and the bytes that all take: step by step, the largest of a step first. */
export function layOut(spans: readonly Span[]): { offsets: number[]; bytes: number } {
  const offsets = new Array<number>(spans.length).fill(0);
  const pool = new Pool();
  const [begins, ends] = [byStep(spans, ({ first }) => first), byStep(spans, ({ last }) => last + 1)];
  const sizeOf = (i: number) => roundUp((spans[i] as Span).bytes);
  const steps = [...new Set([...begins.keys(), ...ends.keys()])].sort((a, b) => a - b);
  for (const step of steps) {
    for (const i of ends.get(step) ?? []) pool.give(offsets[i] as number, sizeOf(i));
    const fresh = (begins.get(step) ?? []).sort((a, b) => sizeOf(b) - sizeOf(a));
    for (const i of fresh) offsets[i] = pool.take(sizeOf(i));
  }
  return { offsets, bytes: pool.bytes };
}

// Samples: streamed one by one, some kept, and the turns that other work of the thread gets between them.

import { inSample, rangeError, typeError } from "../check.ts";
import type { Feeds } from "../runtime/feeds.ts";
import type { TensorArray } from "../tensor/tensor.ts";

/** Inputs of a model, a sample (or a batch of them) at a time; an array, a generator, an async one. */
export type Samples = Iterable<Feeds> | AsyncIterable<Feeds>;

/** How far a long job is. */
export interface Progress {
  readonly stage: "observe" | "search" | "correct" | "compare";
  readonly done: number;
  /** Where it is known. */
  readonly total?: number;
}

/** Options of a long job. */
export interface JobOptions {
  /** An AbortSignal: the job rejects with its reason, and leaves nothing behind. */
  readonly signal?: { throwIfAborted(): void };
  readonly onProgress?: (progress: Progress) => void;
}

/** Milliseconds after which other work of the thread gets its turn. */
const TURN = 50;

/** To be awaited between pieces of work: others have their turn, and the job ends where that is asked for. */
export function turns({ signal }: JobOptions): () => Promise<void> {
  let last = performance.now();
  return async () => {
    signal?.throwIfAborted();
    if (performance.now() - last < TURN) return;
    await new Promise((resolve) => setTimeout(resolve));
    last = performance.now();
    signal?.throwIfAborted();
  };
}

function checkSamples(samples: Samples): Samples {
  const isIterable = Symbol.iterator in Object(samples) || Symbol.asyncIterator in Object(samples);
  if (isIterable && typeof samples !== "string") return samples;
  throw typeError("samples", "an array or another iterable of feeds", samples);
}

/**
 * Works on samples one by one; gives their number.
 * @throws TypeError or RangeError for what is none, or empty; an Error that names the sample where the work fails
 */
export async function eachSample(
  samples: Samples,
  stage: Progress["stage"],
  job: JobOptions,
  work: (feeds: Feeds) => void,
): Promise<number> {
  const { length } = checkSamples(samples) as { length?: number };
  const total = length === undefined ? {} : { total: length };
  const turn = turns(job);
  let index = 0;
  await turn();
  for await (const feeds of samples) {
    try {
      work(feeds);
    } catch (error) {
      throw inSample(index, error as Error);
    }
    index++;
    job.onProgress?.({ stage, done: index, ...total });
    await turn();
  }
  if (index === 0) throw rangeError("samples", "at least one sample", samples);
  return index;
}

/** Samples that are kept, at most. */
const MOST_KEPT = 16;

function copyOf(feeds: Feeds): Feeds {
  const copies = Object.entries(feeds).map(([name, fed]) => {
    const copy = ArrayBuffer.isView(fed) ? (fed as TensorArray).slice() : { ...fed, data: fed.data.slice() };
    return [name, copy] as const;
  });
  return Object.fromEntries(copies);
}

/** Samples that pass by, some of them kept: evenly from all that have passed. */
export class KeptSamples implements AsyncIterable<Feeds> {
  /** How many have passed. */
  count = 0;
  /** How many there will be, where that is known. */
  readonly length: number | undefined;
  private readonly samples: Samples;
  private kept: Feeds[] = [];
  private stride = 1;

  constructor(samples: Samples) {
    this.samples = checkSamples(samples);
    this.length = (samples as { length?: number }).length;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Feeds> {
    for await (const feeds of this.samples) {
      yield feeds;
      if (this.count++ % this.stride > 0) continue;
      if (this.kept.length === MOST_KEPT) {
        this.kept = this.kept.filter((_, i) => i % 2 === 0);
        this.stride *= 2;
        if ((this.count - 1) % this.stride > 0) continue;
      }
      this.kept.push(copyOf(feeds));
    }
  }

  /** At most `most` of those that are kept, at least one; evenly from all. */
  some(most = MOST_KEPT): readonly Feeds[] {
    const step = Math.ceil(this.kept.length / Math.max(most, 1));
    return this.kept.filter((_, i) => i % step === 0);
  }
}

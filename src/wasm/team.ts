// The threads of an engine: workers that run its kernels on its memory, started in the background where the host allows it.

import { startWorker } from "../host.ts";
import { type Engine, engine, startShared } from "./kernels.ts";
import { dismiss, type Start, type Team, wordBytes } from "./threads.ts";

/** An engine with threads of its own. */
export interface Threaded {
  readonly engine: Engine;
  /** Settles when every worker has begun, or has failed to. */
  readonly ready: Promise<void>;
  /** Ends the workers. */
  end(): void;
}

/** What there is where memory cannot be shared: the engine of everybody, and its one thread. */
const alone = (): Threaded => ({ engine: engine(), ready: Promise.resolve(), end() {} });

/** A module on a shared memory; undefined where the host has none. */
function shared(): ReturnType<typeof startShared> | undefined {
  try {
    return startShared(engine().tier);
  } catch {
    return undefined;
  }
}

/** Starts an engine for so many threads in all. Kernels run at once, and on all threads as soon as these have begun. */
export function startThreads(threads: number, url?: string): Threaded {
  const started = threads > 1 ? shared() : undefined;
  if (!started) return alone();
  const { heap, arena, kernels } = started.engine;
  const bytes = wordBytes(threads);
  const at = heap.take(bytes);
  const words = arena.view(Int32Array, at, bytes / 4).fill(0);
  const names = Object.keys(kernels).filter((name) => typeof kernels[name as keyof typeof kernels] === "function");
  const team: Team = { threads, words, names };
  const workers = Array.from({ length: threads - 1 }, (_, i) => {
    const start: Start = { module: started.module, memory: heap.memory, at, thread: i + 1, names };
    return startWorker(start, url);
  });
  return {
    engine: { ...started.engine, team },
    ready: Promise.all(workers.map(({ ready }) => ready)).then(() => {}),
    end() {
      dismiss(team);
      for (const worker of workers) worker.end();
    },
  };
}

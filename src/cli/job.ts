// Long work: a bar that grows on a terminal, and an end when the user asks for one.

import { cancelError } from "../check.ts";
import type { Progress } from "../index.ts";
import { count } from "./text.ts";

const WIDTH = 30;

/** Milliseconds between two pictures of the bar. */
const PAUSE = 80;

/** A bar on stderr, where that is a terminal. */
class Bar {
  private drawn = 0;

  draw(what: string, done: number, total: number | undefined): void {
    const now = performance.now();
    if (done !== total && now - this.drawn < PAUSE) return;
    this.drawn = now;
    const filled = total ? Math.round(WIDTH * Math.min(done / total, 1)) : 0;
    const bar = total ? `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ` : "";
    process.stderr.write(`\r\x1b[K${what} ${bar}${count(done)}${total ? ` of ${count(total)}` : ""}`);
  }

  clear(): void {
    if (this.drawn > 0) process.stderr.write("\r\x1b[K");
  }
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** What long work is given. */
export interface Job {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * Does long work, shows how far it is, and has it end when the process is told to.
 * @param stages what the bar says of each stage
 */
export async function work<T>(
  stages: Readonly<Record<string, string>>,
  isQuiet: boolean,
  run: (job: Job) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const cancel = () => controller.abort(cancelError());
  for (const signal of SIGNALS) process.once(signal, cancel);
  const bar = process.stderr.isTTY && !isQuiet ? new Bar() : undefined;
  const onProgress = ({ stage, done, total }: Progress) => bar?.draw(stages[stage] ?? stage, done, total);
  try {
    return await run({ signal: controller.signal, onProgress });
  } finally {
    bar?.clear();
    for (const signal of SIGNALS) process.removeListener(signal, cancel);
  }
}

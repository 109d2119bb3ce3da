// Kernels over a range that threads share: words in the shared memory tell what is to be done. Whoever is awake takes stretches of the
// range until none are left, its own share first; the thread that runs a model takes them too, and waits for nobody to begin.

import { threadError } from "../check.ts";
import type { Engine, Kernels } from "./kernels.ts";
import { exportsOf } from "./shared.ts";

/** A parameter of a kernel: a number, and what it gains by each value before a stretch, each value in it, and each thread. */
export type Parameter = readonly [base: number, before?: number, inside?: number, thread?: number];

/** Where a stretch begins and ends, and how long it is. */
export const FROM: Parameter = [0, 1];
export const TILL: Parameter = [0, 1, 1];
export const COUNT: Parameter = [0, 0, 1];

/** The threads of an engine. */
export interface Team {
  /** The one that runs the model among them. */
  readonly threads: number;
  readonly words: Int32Array;
  /** The kernels' names, in the order in which all threads know them. */
  readonly names: readonly string[];
}

/** A kernel, whichever it is. */
type Kernel = (...values: number[]) => unknown;

/** Odd while a range is being worked on, even between two; OVER when there will be none any more. On a line of the caches alone. */
const TURN = 0;
const OVER = -1;
const TURNS = 0x3fffffff;

/** How many threads sleep, how many have begun, how many are at work. */
const ASLEEP = 16;
const READY = 17;
const INSIDE = 18;

/** What the kernels gave, whether one failed. */
const RESULT = 32;
const FAILED = 33;

/** The end of the range, how much of it is a thread's, how long a stretch is, how many threads there are. */
const END = 48;
const SHARE = 49;
const LENGTH = 50;
const THREADS = 51;

/** The kernel, how many parameters it has, and their four numbers each: no kernel has more than 16. */
const KERNEL = 52;
const ARITY = 53;
const PARAMETERS = 64;

/** Where the next stretch of each thread's share begins: words of lines of their own. */
const NEXT = 128;
const LINE = 16;

/** Bytes of the words. */
export const wordBytes = (threads: number) => (NEXT + LINE * threads) * 4;

/** Milliseconds that a thread looks for work before it sleeps: longer than what one thread does alone between two layers. */
const PATIENCE = 1;

/** Stretches a thread, where a range has so many: the last to end is not waited for long. */
const STRETCHES = 8;

const word = (words: Int32Array, at: number) => words[at] as number;

/** Takes stretches of a thread's share until none are left. */
function takeShare(words: Int32Array, kernel: Kernel, thread: number, owner: number): void {
  const [length, arity, share] = [word(words, LENGTH), word(words, ARITY), word(words, SHARE)];
  const till = Math.min((owner + 1) * share, word(words, END));
  const values = new Array<number>(arity);
  for (;;) {
    const from = Atomics.add(words, NEXT + LINE * owner, length);
    if (from >= till) return;
    const count = Math.min(length, till - from);
    for (let i = 0; i < arity; i++) {
      const at = PARAMETERS + 4 * i;
      const gain = word(words, at + 1) * from + word(words, at + 2) * count + word(words, at + 3) * thread;
      values[i] = word(words, at) + gain;
    }
    const result = Number(kernel(...values) ?? 0);
    if (result !== 0) Atomics.or(words, RESULT, result);
  }
}

/** Takes the own share, whose data the last kernel left in this core's cache, then what others have not come to. */
function take(words: Int32Array, kernel: Kernel, thread: number): void {
  const threads = word(words, THREADS);
  for (let i = 0; i < threads; i++) takeShare(words, kernel, thread, (thread + i) % threads);
}

/** Waits for a turn other than one that is done. */
function nextTurn(words: Int32Array, done: number): number {
  let end = performance.now() + PATIENCE;
  for (;;) {
    const turn = Atomics.load(words, TURN);
    if (turn & 1 && turn !== done) return turn;
    if (performance.now() < end) continue;
    Atomics.add(words, ASLEEP, 1);
    Atomics.wait(words, TURN, turn);
    Atomics.sub(words, ASLEEP, 1);
    end = performance.now() + PATIENCE;
  }
}

/** What a worker is told. */
export interface Start {
  readonly module: Uint8Array<ArrayBuffer>;
  readonly memory: WebAssembly.Memory;
  /** Where the words are that all threads read. */
  readonly at: number;
  readonly thread: number;
  readonly names: readonly string[];
}

/** Takes part in a turn, unless it has ended. */
function join(words: Int32Array, turn: number, kernels: readonly Kernel[], thread: number): void {
  Atomics.add(words, INSIDE, 1);
  // who is inside is waited for: if the turn has not ended yet, its words stay as they are
  if (Atomics.load(words, TURN) === turn) {
    try {
      take(words, kernels[word(words, KERNEL)] as Kernel, thread);
    } catch {
      Atomics.store(words, FAILED, 1);
    }
  }
  Atomics.sub(words, INSIDE, 1);
}

/** What a worker does until there is nothing more to come; `begun` is called before it begins. */
export function work({ module, memory, at, thread, names }: Start, begun: () => void): void {
  const exports = exportsOf(module, memory);
  const kernels = names.map((name) => exports[name] as Kernel);
  const words = new Int32Array(memory.buffer, at);
  Atomics.add(words, READY, 1);
  begun();
  for (let turn = nextTurn(words, 0); turn !== OVER; turn = nextTurn(words, turn)) join(words, turn, kernels, thread);
}

/** Ends a turn or begins one. */
function turnTo({ words }: Team, turn: number): void {
  Atomics.store(words, TURN, turn);
  if (Atomics.load(words, ASLEEP) > 0) Atomics.notify(words, TURN);
}

/** Lets all workers end. */
export function dismiss(team: Team): void {
  turnTo(team, OVER);
}

/** Writes what is to be done. */
function assign(
  { words, threads, names }: Team,
  name: string,
  parameters: readonly Parameter[],
  { end, unit, least }: Range,
): void {
  const share = Math.ceil(end / (threads * unit)) * unit;
  words[RESULT] = words[FAILED] = 0;
  words[END] = end;
  words[SHARE] = share;
  words[LENGTH] = Math.ceil(Math.max(share / STRETCHES, least) / unit) * unit;
  words[THREADS] = threads;
  words[KERNEL] = names.indexOf(name);
  words[ARITY] = parameters.length;
  parameters.forEach((parameter, i) => {
    for (let k = 0; k < 4; k++) words[PARAMETERS + 4 * i + k] = parameter[k] ?? 0;
  });
  for (let i = 0; i < threads; i++) words[NEXT + LINE * i] = i * share;
}

/** How many threads may work on a range: what each needs of its own is needed so many times. */
export function threadsOf({ team }: Engine): number {
  return team?.threads ?? 1;
}

/** What threads share: 0..end - 1. */
export interface Range {
  readonly end: number;
  /** Stretches are multiples of it. */
  readonly unit: number;
  /** Less is not worth a thread's while. */
  readonly least: number;
}

/**
 * Runs a kernel over a range, of which any split gives the same bytes, on all threads that are there.
 * @returns what the kernel gives; of several stretches, all bits of it
 */
export function split(
  { kernels, team }: Engine,
  name: keyof Kernels & string,
  parameters: readonly Parameter[],
  range: Range,
): number {
  const kernel = kernels[name] as unknown as Kernel;
  const { end, least } = range;
  if (!team || end <= least || end > TURNS || Atomics.load(team.words, READY) === 0) {
    return Number(kernel(...parameters.map(([base, , inside = 0]) => base + inside * end)) ?? 0);
  }
  const { words } = team;
  assign(team, name, parameters, range);
  const turn = (word(words, TURN) + 1) & TURNS;
  turnTo(team, turn);
  try {
    take(words, kernel, 0);
  } finally {
    Atomics.store(words, TURN, (turn + 1) & TURNS);
    while (Atomics.load(words, INSIDE) > 0);
  }
  if (word(words, FAILED)) throw threadError(name);
  return word(words, RESULT);
}

// The wasm modules: compiled on first use, in the tier this host computes exactly in.

import { instantiateSync } from "@assemblyscript/loader";
import type { instantiate } from "../../build/simd.d.ts";
import { checkWord, rangeError } from "../check.ts";
import { Arena } from "./arena.ts";
import { Heap } from "./heap.ts";
import { withSharedMemory } from "./shared.ts";
import type { Team } from "./threads.ts";
import { bytesOf, moduleOf } from "./unpack.ts";

/** A build of the kernels: plain SIMD, or with the relaxed SIMD instructions. Both give the same bytes. */
export type Tier = "simd" | "relaxed";

/** The exported kernels; generated from the AssemblyScript source. */
export type Kernels = Awaited<ReturnType<typeof instantiate>>;

/** How the relaxed dot product reads the second operand's bytes; undefined where it is not used. */
export type Dot = "unsigned" | "signed" | undefined;

/** A running module and its memory: the heap for what stays, the arena for scratch. */
export interface Engine {
  readonly tier: Tier;
  readonly kernels: Kernels;
  readonly heap: Heap;
  readonly arena: Arena;
  readonly dot: Dot;
  /** The threads that share the memory; undefined: there is one. */
  readonly team?: Team;
}

let current: Engine | undefined;
const started: { simd?: Engine; relaxed?: Engine | undefined } = {};

/** The most that a module declares its memory to be: 4 GiB. */
const MOST_PAGES = 65536;

/** A module running on a memory of its own. */
function start(
  tier: Tier,
  source: WebAssembly.Module | Uint8Array<ArrayBuffer> = moduleOf(tier),
  shared = false,
): Engine {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared });
  const kernels = instantiateSync(source, { env: { memory } }).exports as unknown as Kernels;
  const heap = new Heap(memory, kernels.HEAP_BASE.value);
  return { tier, kernels, heap, arena: new Arena(heap), dot: undefined };
}

/** A module running on a memory that threads share, and the bytes for them to run it from: the same kernels, the same bytes. */
export function startShared(tier: Tier): { engine: Engine; module: Uint8Array<ArrayBuffer> } {
  const module = withSharedMemory(moduleOf(tier));
  const dot = tier === "relaxed" ? started.relaxed?.dot : undefined;
  return { engine: { ...start(tier, module, true), dot }, module };
}

/** Pairs of bytes (x signed, w with bit 7 set or not), the pairs that overflow 16 bits among them. */
const PROBES = [
  [-128, 255],
  [127, 255],
  [-128, 128],
  [127, 128],
  [-1, 255],
  [-128, 127],
  [127, 1],
  [85, 170],
] as const;
const PROBE_BYTES = 4096;

/** How often the probe runs: the baseline compiler's code answers first, optimized code may answer later. */
const PROBE_RUNS = 8;

/** As what the relaxed dot product is exact with all eight bits of its second operand, if it is. */
function exactDot({ kernels, arena }: Engine): Dot {
  return arena.scope(() => {
    const x = arena.reserve(PROBE_BYTES);
    const w = arena.reserve(PROBE_BYTES);
    const is = { unsigned: true, signed: true };
    for (let run = 0; run < PROBE_RUNS; run++) {
      for (const [a, b] of PROBES) {
        arena.view(Int8Array, x, PROBE_BYTES).fill(a);
        arena.view(Uint8Array, w, PROBE_BYTES).fill(b);
        const sum = kernels.dot_u8_i8_i32_relaxed(x, w, PROBE_BYTES);
        is.unsigned &&= sum === PROBE_BYTES * a * b;
        is.signed &&= sum === PROBE_BYTES * a * ((b << 24) >> 24);
      }
    }
    return is.unsigned ? "unsigned" : is.signed ? "signed" : undefined;
  });
}

/** A module of one relaxed dot product: hosts that know it know all of relaxed SIMD. */
const RELAXED = "0061736d010000000105016000017b030201000a130111004100fd0f4100fd0f4100fd0ffd93020b";

const knowsRelaxed = () => WebAssembly.validate(bytesOf(RELAXED));

function startRelaxed(module?: WebAssembly.Module): Engine | undefined {
  if (!knowsRelaxed()) return undefined;
  const engine = start("relaxed", module);
  const dot = exactDot(engine);
  return dot && { ...engine, dot };
}

/** The running engine; starts it on first use. */
export function engine(): Engine {
  if (!current) useTier();
  return current as Engine;
}

/** Which build runs: `"relaxed"` where the host has relaxed SIMD and its 8-bit dot product is exact, else `"simd"`. */
export function tier(): Tier {
  return engine().tier;
}

/**
 * Forces a build; without an argument, the one that the host runs best.
 * @throws RangeError if the host cannot run it, or not exactly
 */
export function useTier(wanted?: Tier): void {
  if (wanted !== undefined) checkWord(wanted, ["simd", "relaxed"], "tier");
  if (wanted !== "simd") started.relaxed ??= startRelaxed();
  if (wanted === "relaxed" && !started.relaxed) {
    throw rangeError("tier", `"simd", for this host has no exact relaxed SIMD`, wanted);
  }
  if (wanted !== "simd" && started.relaxed) current = started.relaxed;
  else current = started.simd ??= start("simd");
}

/**
 * Compiles without blocking, for hosts that do not compile on the main thread. Everywhere else there is no need to wait:
 * the first call of any function compiles what it needs.
 */
export async function ready(): Promise<void> {
  if (current) return;
  if (knowsRelaxed()) started.relaxed ??= startRelaxed(await WebAssembly.compile(moduleOf("relaxed")));
  started.simd ??= start("simd", await WebAssembly.compile(moduleOf("simd")));
  useTier();
}

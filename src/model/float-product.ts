// Products of float32 matrices by the kernel of assembly/floatproduct.ts: its record, and its scratch memory.

import type { Tensor } from "../tensor/tensor.ts";
import { FROM, split, TILL, threadsOf } from "../wasm/threads.ts";
import { floatWord, keepWords } from "./record.ts";
import type { Store } from "./store.ts";

/** A product y = a b. Distances are in values. */
export interface FloatProduct {
  readonly rows: number;
  readonly length: number;
  readonly columns: number;
  /** From row to row of a, and from step to step. */
  readonly aRow: number;
  readonly aStep: number;
  /** Where steps and columns begin in b. */
  readonly steps: ArrayLike<number>;
  readonly offsets: ArrayLike<number>;
  /** What b is multiplied with. */
  readonly factor?: number;
  /** From row to row of the initial values, and whether each column has its own. */
  readonly initRow: number;
  readonly initColumns?: boolean;
  readonly yRow: number;
  /** Where columns are in y, unless side by side. */
  readonly targets?: ArrayLike<number>;
  /** Pointer to what becomes of the sums. */
  readonly finish: number;
}

/** All sums of one number of each list, the last list fastest: the places of a block whose axes these are. */
export function crossed(axes: readonly (readonly number[])[]): number[] {
  return axes.reduce<number[]>((all, axis) => all.flatMap((base) => axis.map((each) => base + each)), [0]);
}

/** 0, step, 2 step, ... */
export function multiples(count: number, step: number): number[] {
  return Array.from({ length: count }, (_, i) => i * step);
}

/** Pointers to a, b, the initial values, z (0: nothing is added) and y. */
export type Operands = readonly [a: number, b: number, init: number, z: number, y: number];

/** Multiplies operands of the same sizes, one pair after the other. */
export type Multiply = (all: readonly Operands[]) => void;

/** Columns of a panel, and of the panels that one row alone meets together. */
const COLUMNS = 8;
const STRIP = 32;

/** Values of a block of panels: what the first caches hold. */
const BLOCK_VALUES = 1 << 13;

const wholePanels = (columns: number) => Math.ceil(columns / COLUMNS) * COLUMNS;

/** Multiplications that are worth another thread's while: ten microseconds of them. */
const WORTH = 1 << 17;

const leastColumns = ({ rows }: FloatProduct) => (rows === 1 ? STRIP : COLUMNS);

/** Columns that are gathered at a time. */
function blockOf(p: FloatProduct): number {
  const { length, columns } = p;
  const least = leastColumns(p);
  const fitting = Math.floor(BLOCK_VALUES / Math.max(length, 1) / least) * least;
  return Math.min(Math.max(fitting, least), wholePanels(columns));
}

/** Puts words into memory. */
type Write = (words: ArrayLike<number>) => number;

/** Pointer to a FloatProduct of assembly/floatproduct.ts. */
function writeProduct(p: FloatProduct, isPacked: boolean, write: Write): number {
  const table = (distances: ArrayLike<number>) => write(Uint32Array.from(distances, (each) => each * 4));
  const tables = isPacked ? [0, 0] : [table(p.steps), table(p.offsets)];
  const init = [p.initRow * 4, p.initColumns ? 1 : 0];
  const targets = p.targets ? table(p.targets) : 0;
  const sizes = [p.rows, p.length, p.columns, p.aRow * 4, p.aStep * 4];
  return write([...sizes, ...tables, floatWord(p.factor ?? 1), ...init, p.yRow * 4, targets, blockOf(p), p.finish]);
}

/** A product made ready. `isPacked`: b is what `packPanels` gave; else it is gathered whenever the product runs. */
export function prepareProduct(store: Store, p: FloatProduct, isPacked = false): Multiply {
  const { engine } = store;
  const record = writeProduct(p, isPacked, (words) => keepWords(store, words));
  const values = engine.kernels.FLOAT_EDGE.value + (isPacked ? 0 : blockOf(p) * p.length);
  const columns = { end: p.columns, unit: leastColumns(p), least: WORTH / (p.rows * p.length) };
  return (all) => {
    const at = engine.arena.reserve(values * 4 * threadsOf(engine));
    const scratch = [at, 0, 0, values * 4] as const;
    for (const [a, b, init, z, y] of all) {
      split(engine, "multiply_f32_f32_f32", [[record], [a], [b], [init], [z], [y], scratch, FROM, TILL], columns);
    }
  };
}

/** Pointer to all of b, a constant, in panels, packed once for each `form`. */
export function packPanels(store: Store, p: FloatProduct, b: Tensor, form: string): number {
  const { arena, kernels } = store.engine;
  return store.once(b, `panels ${form} ${p.factor}`, (keeper) => {
    const panels = keeper.keep(wholePanels(p.columns) * p.length * 4);
    arena.scope(() => {
      const record = writeProduct(p, false, (words) => arena.copy(Uint32Array.from(words)));
      kernels.pack_f32_panels(record, arena.copy(b.data), panels);
    });
    return panels;
  });
}

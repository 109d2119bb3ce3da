// A weight packed for one call, or once for all with `prepare`.

import { checkOptions, disposedError, rangeError, typeError } from "../check.ts";
import type { Take } from "../wasm/arena.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import {
  type BlockPanels,
  type BlockWeight,
  blockPanelBytes,
  checkBlockWeight,
  packBlockPanels,
} from "./block-weight.ts";
import type { QTensor } from "./tensor.ts";
import {
  type ArrayWeight,
  checkWeight,
  type Packing,
  pack,
  packedBytes,
  preferredPacking,
  type Sums,
  sumsOf,
  type Weight,
} from "./weight.ts";

declare global {
  /** What TypeScript's newer libraries declare; `using` calls it. */
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/** A weight that an operator works with: where its packed form is, and its sums. */
export interface PackedWeight {
  readonly engine: Engine;
  readonly weight: Weight;
  sums(): Sums;
  /** Pointer to the packed form, good until the current scope ends. */
  at(packing: Packing): number;
}

/** A weight that is packed, in each form once, when it is first asked for. */
export function packedBy(running: Engine, weight: Weight, take: Take): PackedWeight {
  const places = new Map<Packing, number>();
  let known: Sums | undefined;
  const place = (packing: Packing) => {
    const at = take(packedBytes(weight, packing));
    pack(running, weight, packing, at);
    places.set(packing, at);
    return at;
  };
  const sums = () => {
    known ??= sumsOf(running, weight);
    return known;
  };
  return { engine: running, weight, sums, at: (packing) => places.get(packing) ?? place(packing) };
}

/** A weight with blocks that is packed now. */
export function panelsBy(running: Engine, weight: BlockWeight, take: Take): BlockPanels {
  const at = take(blockPanelBytes(running, weight));
  packBlockPanels(running, weight, at);
  return { engine: running, weight, at };
}

/** A prepared weight's blocks of the heap. */
interface Blocks {
  readonly heap: Engine["heap"];
  readonly taken: { at: number; bytes: number }[];
}

/** What a prepared weight is. */
interface Content {
  readonly blocks: Blocks;
  readonly packed: PackedWeight | BlockPanels;
}

const contents = new WeakMap<PreparedWeight, Content>();

function release({ heap, taken }: Blocks): void {
  for (const { at, bytes } of taken.splice(0)) heap.give(at, bytes);
}

/** Gives back what was never disposed, once it is garbage. */
const forgotten = new FinalizationRegistry(release);

/** The symbol of `using`, where the host has none as TypeScript and its kin make it. */
export const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

/**
 * A weight that was packed once and stays in wasm memory: takes the place of `w` in {@link matmul}, {@link conv2d} and their
 * kin. `dispose()` gives its memory back; a weight that is garbage gives it back some day.
 */
export class PreparedWeight {
  /** Extents, outputs first. */
  readonly shape: readonly number[];

  constructor(shape: readonly number[]) {
    this.shape = shape;
  }

  /** Gives the memory back. Using the weight afterwards is an error; disposing of it again is none. */
  dispose(): void {
    const content = contents.get(this);
    if (!content) return;
    contents.delete(this);
    forgotten.unregister(this);
    release(content.blocks);
  }

  /** {@link dispose}, for `using`. */
  [DISPOSE](): void {
    this.dispose();
  }
}

/** What a prepared weight is, if it is still in memory. */
export function contentOf(w: PreparedWeight): PackedWeight | BlockPanels {
  const content = contents.get(w);
  if (!content) throw disposedError("w");
  return content.packed;
}

/** Whether a weight has a scale for each of its blocks. */
export function hasBlocks(w: QTensor | PreparedWeight): boolean {
  return w instanceof PreparedWeight ? !("sums" in contentOf(w)) : w?.block !== undefined;
}

/** Works with a weight, packed for this once or before. */
export function withWeight<R>(w: QTensor | PreparedWeight, groups: number, work: (w: PackedWeight) => R): R {
  if (!(w instanceof PreparedWeight)) {
    const running = engine();
    return running.arena.scope(() => work(packedBy(running, checkWeight(w, groups), running.arena.scratch)));
  }
  const packed = contentOf(w);
  if (!("sums" in packed)) throw rangeError("w", "a weight without blocks for this operator", w);
  const own = packed.weight.groups;
  if (own !== groups) throw rangeError("groups", `${own}, as "w" was prepared for`, groups);
  return packed.engine.arena.scope(() => work(packed));
}

/** Works with a weight whose blocks have scales, packed for this once or before. */
export function withPanels<R>(w: QTensor | PreparedWeight, work: (w: BlockPanels) => R): R {
  if (!(w instanceof PreparedWeight)) {
    const running = engine();
    return running.arena.scope(() => work(panelsBy(running, checkBlockWeight(w), running.arena.scratch)));
  }
  const packed = contentOf(w);
  if ("sums" in packed) throw rangeError("w", "a weight with blocks for this operator", w);
  return packed.engine.arena.scope(() => work(packed));
}

/** A weight with arrays of its own. */
function copied(w: ArrayWeight): Weight {
  const bytes = w.bytes.slice();
  return { ...w, codes: (arena) => arena.copy(bytes), scale: w.scale.slice(), zero: w.zero.slice() };
}

function prepareBy(running: Engine, w: QTensor, groups: number, take: Take): PackedWeight | BlockPanels {
  if (w?.block !== undefined) return panelsBy(running, checkBlockWeight(w), take);
  const packed = packedBy(running, copied(checkWeight(w, groups)), take);
  packed.at(preferredPacking(running, packed.weight));
  return packed;
}

/**
 * Packs the weight of a matrix product ([n, k], with or without blocks) or convolution ([o, kh, kw, c / groups]) once, and keeps
 * it in wasm memory.
 * @throws RangeError if it is out of wasm memory
 */
export function prepare(w: QTensor, options?: { readonly groups?: number }): PreparedWeight {
  if (w instanceof PreparedWeight) throw typeError("w", "a quantized tensor", w);
  const { groups = 1 } = checkOptions(options, ["groups"], "prepare");
  const running = engine();
  const blocks: Blocks = { heap: running.heap, taken: [] };
  const take = (bytes: number) => {
    const at = running.heap.take(bytes);
    blocks.taken.push({ at, bytes });
    return at;
  };
  const packed = prepareBy(running, w, groups, take);
  const prepared = new PreparedWeight(w.shape.slice());
  contents.set(prepared, { blocks, packed });
  forgotten.register(prepared, blocks, prepared);
  return prepared;
}

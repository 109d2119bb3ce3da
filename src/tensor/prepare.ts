// A weight packed for one call, or once for all with `prepare`.

import { checkOptions, disposedError, rangeError, typeError } from "../check.ts";
import { type Engine, engine } from "../wasm/kernels.ts";
import type { QTensor } from "./tensor.ts";
import {
  checkWeight,
  type Packing,
  pack,
  packedBytes,
  preferredPacking,
  type Sums,
  sumsOf,
  type Weight,
} from "./weight.ts";

/** A weight that an operator works with: where its packed form is, and its sums. */
export interface PackedWeight {
  readonly engine: Engine;
  readonly weight: Weight;
  sums(): Sums;
  /** Pointer to the packed form, good until the current scope ends. */
  at(packing: Packing): number;
}

/** A weight packed for one call, in the scope that is open. */
function packOnce(w: QTensor, groups: number): PackedWeight {
  const running = engine();
  const weight = checkWeight(w, groups);
  return {
    engine: running,
    weight,
    sums: () => sumsOf(running, weight),
    at(packing) {
      const at = running.arena.reserve(packedBytes(weight, packing));
      pack(running, weight, packing, at);
      return at;
    },
  };
}

/** Blocks of a heap that belong together. */
interface Blocks {
  readonly heap: Engine["heap"];
  readonly taken: { at: number; bytes: number }[];
}

function release({ heap, taken }: Blocks): void {
  for (const { at, bytes } of taken.splice(0)) heap.give(at, bytes);
}

/** Gives back what was never disposed, once it is garbage. */
const forgotten = new FinalizationRegistry(release);

/** The symbol of `using`, where the host has none as TypeScript and its kin make it. */
const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

/**
 * A weight that was packed once and stays in wasm memory: takes the place of `w` in {@link matmul}, {@link conv2d} and their
 * kin. `dispose()` gives its memory back.
 */
export class PreparedWeight implements PackedWeight {
  /** @internal */
  readonly engine: Engine;
  /** @internal */
  readonly weight: Weight;
  private readonly blocks: Blocks;
  private readonly packed = new Map<Packing, number>();
  private known: Sums | undefined;
  private disposed = false;

  /** @internal */
  constructor(w: QTensor, groups: number) {
    this.engine = engine();
    const checked = checkWeight(w, groups);
    this.weight = {
      ...checked,
      bytes: checked.bytes.slice(),
      scale: checked.scale.slice(),
      zero: checked.zero.slice(),
    };
    this.blocks = { heap: this.engine.heap, taken: [] };
    forgotten.register(this, this.blocks, this);
  }

  /** Extents, outputs first. */
  get shape(): readonly number[] {
    return this.weight.shape;
  }

  /** @internal */
  checkInMemory(): void {
    if (this.disposed) throw disposedError("w");
  }

  /** @internal */
  sums(): Sums {
    this.known ??= sumsOf(this.engine, this.weight);
    return this.known;
  }

  /** @internal */
  at(packing: Packing): number {
    const known = this.packed.get(packing);
    if (known !== undefined) return known;
    const bytes = packedBytes(this.weight, packing);
    const at = this.engine.heap.take(bytes);
    this.blocks.taken.push({ at, bytes });
    pack(this.engine, this.weight, packing, at);
    this.packed.set(packing, at);
    return at;
  }

  /** Gives the memory back. Using the weight afterwards is an error; disposing of it again is none. */
  dispose(): void {
    this.disposed = true;
    this.packed.clear();
    forgotten.unregister(this);
    release(this.blocks);
  }

  /** {@link dispose}, for `using`. */
  [DISPOSE](): void {
    this.dispose();
  }
}

/** The weight of an operator, in either form. */
export function packedWeight(w: QTensor | PreparedWeight, groups: number): PackedWeight {
  if (!(w instanceof PreparedWeight)) return packOnce(w, groups);
  w.checkInMemory();
  if (w.weight.groups !== groups) throw rangeError("groups", `${w.weight.groups}, as "w" was prepared for`, groups);
  return w;
}

/**
 * Packs the weight of a matrix product ([n, k]) or convolution ([o, kh, kw, c / groups]) once, and keeps it in wasm memory.
 * @throws RangeError if it is out of wasm memory
 */
export function prepare(w: QTensor, options?: { readonly groups?: number }): PreparedWeight {
  if (w instanceof PreparedWeight) throw typeError("w", "a quantized tensor", w);
  const { groups = 1 } = checkOptions(options, ["groups"], "prepare");
  const prepared = new PreparedWeight(w, groups);
  prepared.at(preferredPacking(prepared.engine, prepared.weight));
  return prepared;
}

// What a running model keeps in wasm memory beside its values: constants, their packed forms, the words of kernels.

import type { FormatName } from "../formats.ts";
import { sizeOf } from "../tensor/shape.ts";
import { storedLength, type Tensor, type TensorArray, tensorArray } from "../tensor/tensor.ts";
import { SLACK } from "../wasm/heap.ts";
import { type Engine, engine } from "../wasm/kernels.ts";

/**
 * Memory that lasts until `dispose`. A store that stands on another keeps there what is made of that one's constants, so that it
 * outlives this one.
 */
export class Store {
  readonly engine: Engine;
  private readonly base: Store | undefined;
  /** The constants that last as long as this store, and what was made of them. */
  private readonly constants: Set<unknown>;
  private readonly blocks: { at: number; bytes: number }[] = [];
  private readonly made = new Map<Tensor, Map<string, unknown>>();

  constructor(base?: Store, constants: Iterable<unknown> = [], running: Engine = base?.engine ?? engine()) {
    this.engine = running;
    this.base = base;
    this.constants = new Set(constants);
  }

  /** Takes memory; its content is undefined. */
  keep(bytes: number): number {
    const block = { at: this.engine.heap.take(bytes + SLACK), bytes: bytes + SLACK };
    this.blocks.push(block);
    return block.at;
  }

  /**
   * What is made of a constant, made once: every plan that shares the store shares it. `make` keeps memory in the store that it is
   * given, the one that lasts as long as the constant.
   */
  once<T>(constant: Tensor, what: string, make: (keeper: Store) => T): T {
    if (this.base?.constants.has(constant)) {
      const made = this.base.once(constant, what, make);
      this.base.constants.add(made);
      return made;
    }
    const forms = this.made.get(constant) ?? new Map<string, unknown>();
    this.made.set(constant, forms);
    if (!forms.has(what)) forms.set(what, make(this));
    return forms.get(what) as T;
  }

  /** Keeps a copy of an array. */
  keepCopy(array: TensorArray): number {
    const at = this.keep(array.byteLength);
    this.engine.arena.write(at, array);
    return at;
  }

  /** Pointer to a constant's data. */
  at(constant: Tensor): number {
    return this.once(constant, "data", (keeper) => keeper.keepCopy(constant.data));
  }

  /** The data of a value at a pointer; good until memory is taken. */
  view({ format, shape }: { format: FormatName; shape: readonly number[] }, at: number): TensorArray {
    return this.engine.arena.view(tensorArray(format), at, storedLength(format, sizeOf(shape)));
  }

  /** Gives everything back. */
  dispose(): void {
    for (const { at, bytes } of this.blocks.splice(0)) this.engine.heap.give(at, bytes);
    this.made.clear();
    this.constants.clear();
  }
}

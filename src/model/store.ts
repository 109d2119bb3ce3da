// What a running model keeps in wasm memory beside its values: constants, their packed forms, the words of kernels.

import type { FormatName } from "../formats.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Tensor, TensorArray } from "../tensor/tensor.ts";
import { storedLength, tensorArray } from "../tensor/tensor.ts";
import { SLACK } from "../wasm/heap.ts";
import { type Engine, engine } from "../wasm/kernels.ts";

/**
 * Memory that lasts until `dispose`. A store that stands on another keeps there what is made of that one's constants, so that it
 * outlives this one.
 */
export class Store {
  readonly engine: Engine = engine();
  private readonly base: Store | undefined;
  /** The constants that last as long as this store, and what was made of them. */
  private readonly constants: Set<unknown>;
  /** How many calls of `once` are under way in the base. */
  private making = 0;
  private readonly blocks: { at: number; bytes: number }[] = [];
  private readonly made = new Map<Tensor, Map<string, unknown>>();

  constructor(base?: Store, constants: Iterable<unknown> = []) {
    this.base = base;
    this.constants = new Set(constants);
  }

  /** Takes memory; its content is undefined. */
  keep(bytes: number): number {
    if (this.base && this.making > 0) return this.base.keep(bytes);
    const block = { at: this.engine.heap.take(bytes + SLACK), bytes: bytes + SLACK };
    this.blocks.push(block);
    return block.at;
  }

  /** What is made of a constant, made once: every plan that shares the store shares it. `make` is told where that is kept. */
  once<T>(constant: Tensor, what: string, make: (keeper: Store) => T): T {
    if (this.base?.constants.has(constant)) return this.inBase(this.base, constant, what, make);
    const forms = this.made.get(constant) ?? new Map<string, unknown>();
    this.made.set(constant, forms);
    if (!forms.has(what)) forms.set(what, make(this));
    return forms.get(what) as T;
  }

  /** What `make` keeps is kept in the base. */
  private inBase<T>(base: Store, constant: Tensor, what: string, make: (keeper: Store) => T): T {
    this.making++;
    try {
      const made = base.once(constant, what, make);
      base.constants.add(made);
      return made;
    } finally {
      this.making--;
    }
  }

  /** Pointer to a constant's data. */
  at(constant: Tensor): number {
    return this.once(constant, "data", () => {
      const at = this.keep(constant.data.byteLength);
      this.engine.arena.write(at, constant.data);
      return at;
    });
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

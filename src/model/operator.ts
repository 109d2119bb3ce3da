// What an operator is: one row, with a rule for the shapes of its outputs and a way to compute them in wasm memory.

import type { FormatName } from "../formats.ts";
import type { Arithmetic } from "../tensor/result.ts";
import { sizeOf } from "../tensor/shape.ts";
import { storedLength, type Tensor, type TensorArray, tensorArray } from "../tensor/tensor.ts";
import type { Constant, Node } from "./graph.ts";
import type { Store } from "./store.ts";

/** What is known of a value before a model runs; with `value`, all of it. */
export interface Known {
  readonly format: FormatName;
  readonly shape: readonly number[];
  readonly value?: Tensor | undefined;
}

/** What is known of a constant: all. */
export function knownOf(value: Constant): Known {
  return { format: value.format, shape: value.shape, value };
}

/** A node and what is known of its inputs. */
export interface Site<I extends Known = Known> {
  readonly node: Node;
  /** The version of the operator set. */
  readonly version: number;
  /** undefined: left out. */
  readonly inputs: readonly (I | undefined)[];
}

/** Where a value is while a plan runs. */
export interface Place extends Known {
  /** Pointer to its data, row-major, packed below 8 bits. It stays the same as long as the plan does. */
  readonly at: number;
}

/** A node whose values have places. */
export interface Call extends Site<Place> {
  /** undefined: nobody asks for it. */
  readonly outputs: readonly (Place | undefined)[];
  /** Pointer to the bytes that the row asks for with `scratch`. */
  readonly scratch: number;
  readonly store: Store;
  /** How sums of codes become codes; default `"onnx"`. */
  readonly arithmetic?: Arithmetic;
}

/** A row of the table of operators. */
export interface Operator {
  /** Inputs whose values, not only shapes, have to be known before the node can run. */
  readonly values?: readonly number[];
  /** Whether the first output is the first input's data with another shape: they share their place. */
  readonly alias?: boolean;
  /** Bytes that the node needs while it runs, in a place that stays, beside its inputs and outputs. */
  scratch?(site: Site, outputs: readonly (Known | undefined)[]): number;
  /**
   * Formats and shapes of the outputs, as many as the node may have.
   * @throws ModelError where inputs or attributes do not fit
   */
  infer(site: Site): Known[];
  /** Prepares what can be before the inputs are there (packs constants); returns what computes the outputs from them. */
  compile(call: Call): () => void;
}

/** A row whose nodes are computed as another row has it, chosen by node and formats. */
export function choosing(row: Operator, choose: (site: Site) => Operator): Operator {
  return {
    ...row,
    scratch: (site, outputs) => choose(site).scratch?.(site, outputs) ?? 0,
    compile: (call) => choose(call).compile(call),
  };
}

/** How many values there are. */
export function lengthOf({ shape }: Known): number {
  return sizeOf(shape);
}

/** Bytes of a value's data. */
export function bytesOf({ format, shape }: Known): number {
  return storedLength(format, sizeOf(shape)) * tensorArray(format).BYTES_PER_ELEMENT;
}

/** The data at a place; good until memory is taken. */
export function viewOf({ store }: Call, place: Place): TensorArray {
  return store.view(place, place.at);
}

// A model made ready for inputs of some shapes: which kernels run and where every value is, decided once.

import { constantPlace, readPlace } from "../model/evaluate.ts";
import type { Model } from "../model/graph.ts";
import type { Inference, Step } from "../model/infer.ts";
import { bytesOf, type Call, type Known, type Place } from "../model/operator.ts";
import { Store } from "../model/store.ts";
import type { Arithmetic } from "../tensor/result.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { layOut, type Span } from "./layout.ts";

/** Is told every value that a model computes, as it is computed: its name and a copy of it. */
export type Observe = (name: string, value: Tensor) => void;

/** {@link Observe} for those who look at the value where it is, before they return. */
export type Look = (name: string, place: Place, store: Store) => void;

/** Runs a model on inputs of the planned shapes. */
export interface Plan {
  run(feeds: ReadonlyMap<string, Tensor>, look?: Look): Record<string, Tensor>;
  dispose(): void;
}

/** When each value is needed: from the step that gives it (-1: it is fed) to the last that takes it. */
class Lives {
  readonly spans: { bytes: number; first: number; last: number }[] = [];
  /** Which span a value has; aliases share one. */
  readonly of = new Map<string, number>();
  /** Which span is a step's scratch. */
  readonly scratches = new Map<Step, number>();

  begin(name: string, known: Known, step: number): void {
    this.of.set(name, this.take(bytesOf(known), step));
  }

  /** A span that is needed in a step; its number. */
  take(bytes: number, step: number): number {
    return this.spans.push({ bytes, first: step, last: step }) - 1;
  }

  share(name: string, other: string): void {
    this.of.set(name, this.of.get(other) as number);
  }

  use(name: string, step: number): void {
    const span = this.spans[this.of.get(name) ?? -1];
    if (span) span.last = step;
  }
}

function livesOf(model: Model, { known, steps }: Inference): Lives {
  const lives = new Lives();
  for (const { name } of model.graph.inputs) {
    const input = known.get(name);
    if (input && !input.value) lives.begin(name, input, -1);
  }
  steps.forEach((each, step) => {
    const { operator, site, outputs } = each;
    const { node } = site;
    const bytes = operator.scratch?.(site, outputs) ?? 0;
    if (bytes > 0) lives.scratches.set(each, lives.take(bytes, step));
    for (const name of node.inputs) lives.use(name, step);
    outputs.forEach((output, i) => {
      const name = node.outputs[i] as string;
      const source = node.inputs[0] as string;
      if (!output) return;
      if (operator.alias && i === 0 && lives.of.has(source)) lives.share(name, source);
      else lives.begin(name, output, step);
    });
  });
  for (const { name } of model.graph.outputs) lives.use(name, steps.length);
  return lives;
}

/** The places of all values; constants go to memory when they are asked for. */
function placesOf({ known }: Inference, lives: Lives, store: Store, at: number, offsets: number[]) {
  const places = new Map<string, Place>();
  for (const [name, each] of known) {
    const span = lives.of.get(name);
    if (each.value) places.set(name, constantPlace(store, each, each.value));
    else if (span !== undefined) places.set(name, { ...each, at: at + (offsets[span] as number) });
  }
  return places;
}

/** What all steps of a plan share. */
type Shared = Pick<Call, "store" | "arithmetic">;

function compile(step: Step, places: ReadonlyMap<string, Place>, shared: Shared, scratch: number): () => void {
  const { operator, site, outputs } = step;
  const { node } = site;
  const placeOf = (name: string) => (name === "" ? undefined : places.get(name));
  return operator.compile({
    ...site,
    inputs: node.inputs.map(placeOf),
    outputs: outputs.map((output, i) => output && placeOf(node.outputs[i] as string)),
    scratch,
    ...shared,
  });
}

/** Plans a model whose shapes were inferred. Constants and their packed forms go to `constants`, which outlives the plan. */
export function plan(model: Model, inference: Inference, constants: Store, arithmetic: Arithmetic): Plan {
  const store = new Store(constants);
  const { heap, arena } = store.engine;
  const lives = livesOf(model, inference);
  const { offsets, bytes } = layOut(lives.spans as Span[]);
  const at = heap.take(bytes);
  const places = placesOf(inference, lives, store, at, offsets);
  const scratchOf = (step: Step) => at + (offsets[lives.scratches.get(step) ?? -1] ?? 0);
  const runs = compileAll();

  function compileAll(): (() => void)[] {
    try {
      return inference.steps.map((step) =>
        arena.scope(() => compile(step, places, { store, arithmetic }, scratchOf(step))),
      );
    } catch (error) {
      dispose();
      throw error;
    }
  }

  function dispose(): void {
    store.dispose();
    heap.give(at, bytes);
  }

  function report(names: readonly string[], look: Look): void {
    for (const name of names) {
      const place = places.get(name);
      if (place) look(name, place, store);
    }
  }

  return {
    run(feeds, look) {
      for (const [name, value] of feeds) {
        const place = places.get(name);
        if (place && !place.value) arena.write(place.at, value.data);
      }
      if (look) report([...feeds.keys()], look);
      runs.forEach((run, i) => {
        arena.scope(run);
        if (look) report(inference.steps[i]?.site.node.outputs.filter(Boolean) ?? [], look);
      });
      const outputs = model.graph.outputs.map(({ name }) => [name, readPlace(store, places.get(name) as Place)]);
      return Object.fromEntries(outputs);
    },
    dispose,
  };
}

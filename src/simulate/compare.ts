// How far one model's values are from another's on the same samples: of outputs as they are run, and of what leads there.

import { checkOptions } from "../check.ts";
import { constantOf, type Model } from "../model/graph.ts";
import type { Feeds } from "../runtime/feeds.ts";
import { Session } from "../runtime/session.ts";
import { decibels } from "../tensor/error.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { eachSample, type JobOptions, type Samples } from "./samples.ts";

/** How far values are from those that they stand for; of values that are finite in both models. */
export interface Difference {
  readonly name: string;
  /** Signal over error, in dB. */
  readonly sqnr: number;
  /** The mean magnitude of the difference. */
  readonly mae: number;
  /** The largest. */
  readonly largest: number;
}

/** An output, run as sessions run it. */
export interface OutputDifference extends Difference {
  /** Of outputs that hold scores: how many rows there are, and in how many the highest score is at the same place. */
  readonly rows?: number;
  readonly agreed?: number;
}

/** A value on the way to the outputs. */
export interface LayerDifference extends Difference {
  /** What gives it in the first model; `""` for an input. */
  readonly op: string;
}

/** What {@link compareModels} finds. */
export interface Comparison {
  readonly samples: number;
  readonly outputs: readonly OutputDifference[];
  /** Values that both models have, in the order in which the first computes them. */
  readonly layers: readonly LayerDifference[];
}

type Numbers = ArrayLike<number | bigint>;

/** Sums over the values of two models. */
class Sums {
  private signal = 0;
  private error = 0;
  private magnitude = 0;
  private count = 0;
  private largest = 0;

  add(a: Numbers, b: Numbers): void {
    for (let i = 0; i < a.length; i++) {
      const [x, y] = [Number(a[i]), Number(b[i])];
      const difference = Math.abs(x - y);
      if (!(difference < Infinity)) continue;
      this.signal += x * x;
      this.error += difference * difference;
      this.magnitude += difference;
      this.largest = Math.max(this.largest, difference);
      this.count++;
    }
  }

  difference(name: string): Difference {
    const { signal, error, magnitude, count, largest } = this;
    return { name, sqnr: decibels(signal, error), mae: magnitude / count, largest };
  }
}

/** How long the rows of scores are: all extents but the first are 1 but one; undefined where there are none. */
export function classesOf({ format, shape }: Tensor): number | undefined {
  const extents = (shape.length > 1 ? shape.slice(1) : shape).filter((extent) => extent !== 1);
  return ["int64", "bool"].includes(format as string) || extents.length !== 1 ? undefined : extents[0];
}

/** Where the highest of some values is; the first of equal ones. */
function highest(values: Numbers, from: number, length: number): number {
  let best = from;
  for (let i = from + 1; i < from + length; i++) if (Number(values[i]) > Number(values[best])) best = i;
  return best - from;
}

/** An output of both models, over all samples. */
class Output {
  private readonly sums = new Sums();
  private rows = 0;
  private agreed = 0;

  add(a: Tensor, b: Tensor): void {
    if (a.data.length !== b.data.length) return;
    this.sums.add(a.data, b.data);
    const classes = classesOf(a) ?? 0;
    for (let at = 0; classes > 0 && at < a.data.length; at += classes) {
      this.rows++;
      if (highest(a.data, at, classes) === highest(b.data, at, classes)) this.agreed++;
    }
  }

  difference(name: string): OutputDifference {
    const { rows, agreed } = this;
    return { ...this.sums.difference(name), ...(rows > 0 && { rows, agreed }) };
  }
}

/** What codes are worth. */
interface Step {
  readonly scale: number;
  readonly zero: number;
}

/** A value that stands for one of the original model: its name there; of codes, what they are worth. */
interface StandIn extends Partial<Step> {
  readonly original: string;
}

/** What quantizers add to a value's name. Of those there are, the first is what the others compute with. */
const ADDED = ["_DequantizeLinear_Output", "_QuantizeLinear_Output", "_quantized", ""] as const;

/** What values are worth where they are codes: wherever these are taken, their scale and zero follow. */
function stepsOf({ graph }: Model): Map<string, Step> {
  const steps = new Map<string, Step>();
  for (const { inputs } of graph.nodes) {
    inputs.forEach((name, at) => {
      const [scale, zero] = [1, 2].map((i) => constantOf(graph, inputs[at + i] ?? ""));
      if (scale?.format !== "float32" || scale.data.length !== 1) return;
      steps.set(name, { scale: Number(scale.data[0]), zero: Number(zero?.data[0] ?? 0) });
    });
  }
  return steps;
}

/** The values that stand for original ones, by their own names. */
function standInsOf(model: Model): Map<string, StandIn> {
  const { inputs, nodes } = model.graph;
  const names = new Set([...inputs.map(({ name }) => name), ...nodes.flatMap((node) => node.outputs.filter(Boolean))]);
  const steps = stepsOf(model);
  const standIns = new Map<string, StandIn>();
  for (const name of names) {
    const rank = ADDED.findIndex((added) => name.endsWith(added));
    const original = name.slice(0, name.length - (ADDED[rank] as string).length);
    const isFirst = !ADDED.slice(0, rank).some((added) => names.has(original + added));
    if (isFirst) standIns.set(name, { original, ...steps.get(name) });
  }
  return standIns;
}

/** The numbers that a value stands for; undefined where that is not known. */
function numbersOf({ format, data }: Tensor, { scale, zero = 0 }: StandIn): Float32Array | undefined {
  if (format === "float32") return data as Float32Array;
  if (scale === undefined) return undefined;
  return Float32Array.from(data as Uint8Array, (code) => (code - zero) * scale);
}

/** The layers of both models, over all samples. */
class Layers {
  private readonly standIns: readonly Map<string, StandIn>[];
  private readonly sums = new Map<string, Sums>();

  constructor(a: Model, b: Model) {
    this.standIns = [a, b].map(standInsOf);
  }

  add(a: Session, b: Session, feeds: Parameters<Session["run"]>[0]): void {
    const [ofA, ofB] = this.standIns as [Map<string, StandIn>, Map<string, StandIn>];
    const shared = new Set(Array.from(ofB.values(), ({ original }) => original));
    const seen = new Map<string, Float32Array>();
    a.run(feeds, {
      observe(name, value) {
        const standIn = ofA.get(name);
        const numbers = standIn && shared.has(standIn.original) && numbersOf(value, standIn);
        if (numbers) seen.set(standIn.original, numbers);
      },
    });
    for (const original of seen.keys()) if (!this.sums.has(original)) this.sums.set(original, new Sums());
    b.run(feeds, {
      observe: (name, value) => {
        const standIn = ofB.get(name);
        const wanted = standIn && seen.get(standIn.original);
        const numbers = wanted && numbersOf(value, standIn);
        if (numbers?.length === wanted?.length && numbers) {
          this.sums.get(standIn?.original as string)?.add(wanted as Float32Array, numbers);
        }
      },
    });
  }

  differences({ graph }: Model): LayerDifference[] {
    const makers = new Map(graph.nodes.flatMap(({ op, outputs }) => outputs.map((name) => [name, op])));
    const found = Array.from(this.sums, ([name, sums]) => ({ ...sums.difference(name), op: makers.get(name) ?? "" }));
    return found.filter(({ mae }) => !Number.isNaN(mae));
  }
}

/**
 * Runs two models on the same samples and compares what they compute: a model and what became of it. Values are matched by name, those
 * of a quantized model through the names that quantizers make of them.
 * @throws an Error that names the sample where one does not fit
 */
export async function compareModels(a: Model, b: Model, samples: Samples, options?: JobOptions): Promise<Comparison> {
  const job = checkOptions(options, ["signal", "onProgress"], "compareModels");
  const sessions: Session[] = [];
  try {
    for (const model of [a, b]) sessions.push(new Session(model));
    const [runA, runB] = sessions as [Session, Session];
    const names = runA.outputs
      .map(({ name }) => name)
      .filter((name) => runB.outputs.some((each) => each.name === name));
    const outputs = new Map(names.map((name) => [name, new Output()]));
    const layers = new Layers(a, b);
    const each = (feeds: Feeds) => {
      const [fromA, fromB] = [runA.run(feeds), runB.run(feeds)];
      for (const [name, output] of outputs) output.add(fromA[name] as Tensor, fromB[name] as Tensor);
      layers.add(runA, runB, feeds);
    };
    return {
      samples: await eachSample(samples, "compare", job, each),
      outputs: Array.from(outputs, ([name, output]) => output.difference(name)),
      layers: layers.differences(a),
    };
  } finally {
    for (const session of sessions) session.dispose();
  }
}

// For each activation the range method that keeps the model's outputs nearest to those without rounding of activations: one method for
// all first, then, in as many groups as the work allows, another one where that is nearer still.

import { feedsOf, type Model, makersOf, type Node, type Value, withGraph } from "../model/graph.ts";
import { quantizableOf } from "../model/quantizable.ts";
import type { Feeds } from "../runtime/feeds.ts";
import { Session } from "../runtime/session.ts";
import type { Interval } from "../tensor/mse.ts";
import type { Range } from "../tensor/range.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Intervals, intervalOf, parametersFor } from "./intervals.ts";
import { type Observations, withoutQuantizers } from "./observe-model.ts";
import { type JobOptions, type KeptSamples, turns } from "./samples.ts";

const METHODS: readonly Range[] = ["minmax", "mse", "percentile"];

/** Values that may be computed during a search: so many, or a part of those that were observed, whatever is more. */
const MOST_VALUES = 2.5e7;
const MOST_OF_OBSERVED = 0.4;

/** What an output's numbers are made of: where they saturate or are ranks they tell less. */
const SQUASHING = ["Softmax", "LogSoftmax", "Sigmoid", "ArgMax"];

/** The values by which runs are compared: the outputs before what squashes them. */
function measured(model: Model): Value[] {
  const makers = makersOf(model.graph);
  const names = model.graph.outputs.map(({ name }) => {
    for (let maker = makers.get(name); maker; maker = makers.get(name)) {
      if (!SQUASHING.includes(maker.op) && quantizableOf(maker)?.kind !== "moves") break;
      name = maker.inputs[0] as string;
    }
    return name;
  });
  return [...new Set(names)].map((name) => ({ name }));
}

const [SCALE, ZERO] = ["octavo:scale:", "octavo:zero:"];

/** The model with the parameters of some quantizers as inputs. */
function opened(model: Model, names: ReadonlySet<string>): Model {
  const { graph } = model;
  const fed = Array.from(names, (name): Value[] => [
    { name: SCALE + name, format: "float32", shape: [] },
    { name: ZERO + name, format: "int32", shape: [] },
  ]);
  const nodes = graph.nodes.map((node) => {
    const [name = ""] = node.outputs;
    return names.has(name) ? { ...node, inputs: [node.inputs[0] as string, SCALE + name, ZERO + name] } : node;
  });
  return withGraph(model, { nodes, inputs: [...feedsOf(graph), ...fed.flat()] });
}

/** Parameters of intervals as feeds. */
function parameterFeeds(nodes: readonly Node[], intervals: Intervals): Feeds {
  const feeds = nodes.flatMap((node) => {
    const [name = ""] = node.outputs;
    const { scale, zero } = parametersFor(node, intervals.get(name) as Interval);
    const tensor = (format: "float32" | "int32", data: Float32Array | Int32Array) => ({ format, shape: [], data });
    return [
      [SCALE + name, tensor("float32", Float32Array.of(scale))],
      [ZERO + name, tensor("int32", Int32Array.of(zero))],
    ] as const;
  });
  return Object.fromEntries(feeds);
}

type Outputs = Readonly<Record<string, Tensor>>;

/** Squared differences of outputs from those that are wanted, in parts of these squared, summed over the outputs. */
function distance(given: readonly Outputs[], wanted: readonly Outputs[]): number {
  return Object.entries(wanted[0] ?? {}).reduce((sum, [name, { format }]) => {
    if (format !== "float32") return sum;
    let [difference, power] = [0, 0];
    wanted.forEach((outputs, i) => {
      const [mine, other] = [outputs, given[i]].map((each) => each?.[name]?.data as Float32Array) as [
        Float32Array,
        Float32Array,
      ];
      mine.forEach((value, at) => {
        if (!Number.isFinite(value)) return;
        difference += (value - (other[at] as number)) ** 2;
        power += value ** 2;
      });
    });
    return sum + (power > 0 ? difference / power : 0);
  }, 0);
}

/** Runs a model on samples; gives its outputs. */
type RunAll = (parameters: Feeds) => Promise<Outputs[]>;

/** Hands over what runs a model on samples. */
async function running<T>(
  model: Model,
  samples: readonly Feeds[],
  job: JobOptions,
  work: (run: RunAll) => Promise<T>,
): Promise<T> {
  const session = new Session(model);
  const turn = turns(job);
  try {
    return await work(async (parameters) => {
      const outputs: Outputs[] = [];
      for (const feeds of samples) {
        outputs.push(session.run({ ...feeds, ...parameters }));
        await turn();
      }
      return outputs;
    });
  } finally {
    session.dispose();
  }
}

/** Elements in so many runs, as even as can be. */
function groupsOf<T>(elements: readonly T[], count: number): T[][] {
  const start = (i: number) => Math.floor((elements.length * i) / count);
  return Array.from({ length: count }, (_, i) => elements.slice(start(i), start(i + 1)));
}

/**
 * Intervals for some of a simulated model's quantizers.
 * @param fixed the intervals of the others that wait
 */
export async function searchRanges(
  model: Model,
  nodes: readonly Node[],
  fixed: Intervals,
  observations: Observations,
  kept: KeptSamples,
  job: JobOptions,
): Promise<Intervals> {
  const found = METHODS.map((method) =>
    nodes.map((node) => [node.outputs[0] as string, intervalOf(node, observations, method)] as const),
  );
  const all = [...nodes, ...model.graph.nodes.filter(({ outputs: [name = ""] }) => fixed.has(name))];
  const names = new Set(all.map(({ outputs }) => outputs[0] as string));
  const values = [...observations.values()].reduce((sum, { count }) => sum + count, 0);
  const runs = Math.max(MOST_VALUES, values * MOST_OF_OBSERVED) / Math.max(values / kept.count, 1);
  const samples = kept.some(Math.floor(runs / METHODS.length));
  const groups = groupsOf(
    nodes,
    Math.min(nodes.length, Math.max(Math.floor((runs / samples.length - METHODS.length) / (METHODS.length - 1)), 0)),
  );
  // weights as they are: they take no memory twice
  const measuring = withoutQuantizers(withGraph(model, { outputs: measured(model) }), "constants");
  const wanted = await running(withoutQuantizers(measuring), samples, job, (run) => run({}));
  const total = METHODS.length + groups.length * (METHODS.length - 1);
  let done = 0;
  return running(opened(measuring, names), samples, job, async (run) => {
    const error = async (intervals: Intervals) => {
      const apart = distance(await run(parameterFeeds(all, intervals)), wanted);
      done++;
      job.onProgress?.({ stage: "search", done, total });
      return apart;
    };
    let [best, least, first] = [fixed, Infinity, 0];
    for (const [i, each] of found.entries()) {
      const intervals = new Map([...fixed, ...each]);
      const apart = await error(intervals);
      if (apart < least) [best, least, first] = [intervals, apart, i];
    }
    for (const group of groups) {
      const mine = new Set(group.map(({ outputs }) => outputs[0] as string));
      for (const [i, each] of found.entries()) {
        if (i === first) continue;
        const intervals = new Map([...best, ...each.filter(([name]) => mine.has(name))]);
        const apart = await error(intervals);
        if (apart < least) [best, least] = [intervals, apart];
      }
    }
    return best;
  });
}

// A model that stays in wasm memory, planned for the shapes it is fed.

import {
  checkFunction,
  checkInteger,
  checkOptions,
  checkWord,
  disposedError,
  runningError,
  typeError,
} from "../check.ts";
import type { FormatName } from "../formats.ts";
import type { Address } from "../host.ts";
import { checkModel } from "../model/check-model.ts";
import { readPlace } from "../model/evaluate.ts";
import { foldAllConstants } from "../model/fold-constants.ts";
import { allConstants, feedsOf, type Model, type Value } from "../model/graph.ts";
import { checkSupported, infer } from "../model/infer.ts";
import type { Known } from "../model/operator.ts";
import { Store } from "../model/store.ts";
import { integerForm } from "../passes/integer-form.ts";
import { DISPOSE } from "../tensor/prepare.ts";
import { ARITHMETICS, type Arithmetic } from "../tensor/result.ts";
import type { Tensor, TypedTensor } from "../tensor/tensor.ts";
import type { Engine } from "../wasm/kernels.ts";
import { startThreads } from "../wasm/team.ts";
import { checkFeeds, type Feeds } from "./feeds.ts";
import { type Look, type Observe, type Plan, plan } from "./plan.ts";

/** Options of {@link Session}. */
export interface SessionOptions {
  /**
   * How many threads run the model, this one included, where the host shares memory between threads: 1 (the default) to 64. Results are
   * the same bytes with any number.
   */
  readonly threads?: number;
  /** Path or address of worker.js; default beside the library's own script. Pages take it from their own origin only. */
  readonly workerUrl?: string | Address;
  /** How sums of codes become codes; default `"onnx"`. */
  readonly arithmetic?: Arithmetic;
}

const MOST_THREADS = 64;

function checkSession(options: SessionOptions | undefined) {
  const given = checkOptions(options, ["threads", "workerUrl", "arithmetic"], "Session");
  const { threads = 1, workerUrl, arithmetic = "onnx" } = given;
  const script = typeof workerUrl === "object" ? workerUrl?.href : workerUrl;
  if (workerUrl !== undefined && typeof script !== "string") throw typeError("workerUrl", "a path or a URL", workerUrl);
  checkWord(arithmetic, ARITHMETICS, "arithmetic");
  return { threads: checkInteger(threads, 1, MOST_THREADS, "threads"), script, arithmetic };
}

/** Options of {@link Session.run} and {@link run}. */
export interface RunOptions {
  /** Is told every value as it is computed, the inputs first; what follows from constants alone is not computed. */
  readonly observe?: Observe;
}

/** Plans that a session keeps: of the shapes it was fed last. */
const MOST_PLANS = 4;

/** A plan and what it is for. */
interface Planned {
  readonly plan: Plan;
  /** Format and shape of every input; with a value, the plan is for that value only. */
  readonly inputs: ReadonlyMap<string, Known>;
}

/** A form of a model that is run: its constants, and what it is planned for. */
interface Form {
  readonly model: Model;
  readonly arithmetic: Arithmetic;
  readonly store: Store;
  readonly plans: Planned[];
}

/** A form of a model whose constants are folded. */
function formOf(model: Model, arithmetic: Arithmetic, engine: Engine): Form {
  return { model, arithmetic, store: new Store(undefined, allConstants(model.graph), engine), plans: [] };
}

/** What a session owns. */
interface Content {
  readonly model: Model;
  /** The model in integers, as far as it is quantized. */
  readonly integers: Form;
  /** The model as it is, with all its values; once it is asked for where it is another. */
  whole: Form | undefined;
  /** Ends the workers. */
  readonly end: () => void;
  /** Whether a run is under way: it may not be run or disposed of from inside. */
  isRunning: boolean;
}

const contents = new WeakMap<Session, Content>();

function release({ integers, whole, end }: Content): void {
  end();
  for (const { plans, store } of new Set([integers, whole ?? integers])) {
    for (const { plan } of plans.splice(0)) plan.dispose();
    store.dispose();
  }
}

/** Gives back what was never disposed, once it is garbage. */
const forgotten = new FinalizationRegistry(release);

function isSame(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether a plan runs these feeds. */
function suits({ inputs }: Planned, feeds: ReadonlyMap<string, Tensor>): boolean {
  return Array.from(feeds).every(([name, { format, shape, data }]) => {
    const input = inputs.get(name);
    return input?.format === format && isSame(input.shape, shape) && (!input.value || isSame(input.value.data, data));
  });
}

/** Plans for feeds; inputs that shapes depend on are known by their values. */
function planFor({ model, arithmetic, store }: Form, feeds: ReadonlyMap<string, Tensor>): Planned {
  const byValue = new Set<string>();
  for (;;) {
    const inputs = new Map<string, Known>();
    for (const [name, { format, shape, data }] of feeds) {
      const value = byValue.has(name) ? { format, shape, data: data.slice() } : undefined;
      inputs.set(name, { format: format as FormatName, shape: shape.slice(), value });
    }
    const inference = infer(model, inputs);
    if (inference.wanted.size === 0) return { plan: plan(model, inference, store, arithmetic), inputs };
    for (const name of inference.wanted) byValue.add(name);
  }
}

/**
 * A model that is planned once and run many times: constants stay packed in wasm memory, values have their places in it. `dispose()`
 * gives the memory back.
 */
export class Session {
  /** The inputs to feed. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Settles when all threads have begun, or have failed to; runs before that use those that are there. */
  readonly ready: Promise<void>;

  /** @throws ModelError for operators that octavo cannot run, all of them named */
  constructor(model: Model, options?: SessionOptions) {
    const { threads, script, arithmetic } = checkSession(options);
    checkModel(model);
    checkSupported(model);
    const inIntegers = integerForm(model);
    const folded = foldAllConstants(inIntegers);
    const { engine, ready, end } = startThreads(threads, script); // nothing fails from here on: workers would stay
    const integers = formOf(folded, arithmetic, engine);
    const whole = inIntegers === model ? integers : undefined;
    const content = { model, integers, whole, end, isRunning: false };
    this.ready = ready;
    this.inputs = feedsOf(model.graph);
    this.outputs = model.graph.outputs;
    contents.set(this, content);
    forgotten.register(this, content, this);
  }

  /**
   * Runs the model.
   * @param feeds tensors, or arrays where the model knows the shape; dynamic extents may differ from run to run
   * @returns copies of the outputs, by name
   */
  run(feeds: Feeds, options?: RunOptions): Record<string, TypedTensor> {
    const { observe } = checkOptions(options, ["observe"], "run");
    if (observe !== undefined) checkFunction(observe, "observe");
    return runSession(this, feeds, observe && ((name, place, store) => observe(name, readPlace(store, place))));
  }

  /** Gives the memory back. Running afterwards is an error; disposing of it again is none. */
  dispose(): void {
    const content = contents.get(this);
    if (!content) return;
    if (content.isRunning) throw runningError("dispose");
    contents.delete(this);
    forgotten.unregister(this);
    release(content);
  }

  /** {@link dispose}, for `using`. */
  [DISPOSE](): void {
    this.dispose();
  }
}

/** As {@link Session.run}; `look` is told where each value is. */
export function runSession(session: Session, feeds: Feeds, look?: Look): Record<string, TypedTensor> {
  const content = contents.get(session);
  if (!content) throw disposedError("session", "a session");
  if (content.isRunning) throw runningError("run");
  const tensors = checkFeeds(content.model, feeds);
  const planned = planOf(look ? wholeOf(content) : content.integers, tensors);
  content.isRunning = true;
  try {
    return planned.run(tensors, look) as Record<string, TypedTensor>;
  } finally {
    content.isRunning = false;
  }
}

/** The form whose values can all be told. */
function wholeOf(content: Content): Form {
  const { model, integers } = content;
  content.whole ??= formOf(foldAllConstants(model), integers.arithmetic, integers.store.engine);
  return content.whole;
}

/** The plan for feeds: one of those that are kept, or a new one. */
function planOf(form: Form, feeds: ReadonlyMap<string, Tensor>): Plan {
  const { plans } = form;
  const found = plans.find((each) => suits(each, feeds));
  const planned = found ?? planFor(form, feeds);
  if (found) plans.splice(plans.indexOf(found), 1);
  plans.unshift(planned);
  for (const old of plans.splice(MOST_PLANS)) old.plan.dispose();
  return planned.plan;
}

// Activations that are fused into the node before them, as onnxruntime's fused operators write it.

import { nodeError } from "../../check.ts";
import { floatOf, floatsOf, stringOf } from "../attributes.ts";
import { type Call, lengthOf, type Place, type Site } from "../operator.ts";
import { floatWord, keepWords } from "../record.ts";

/** What the kernels of products do to their sums: a factor of those below 0, then limits. */
interface Finish {
  readonly slope?: number;
  readonly lo?: number;
  readonly hi?: number;
}

/** A function that is applied to the output afterwards. */
interface Sweep {
  readonly sweep: "ACTIVATION_HARD_SIGMOID" | "ACTIVATION_SIGMOID" | "ACTIVATION_TANH";
}

/** Each activation's parameters by default, and what it is. */
const FUSED: Readonly<
  Record<string, { defaults: readonly number[]; of(alpha: number, beta: number): Finish | Sweep }>
> = {
  "": { defaults: [], of: () => ({}) },
  Relu: { defaults: [], of: () => ({ lo: 0 }) },
  Clip: { defaults: [-Infinity, Infinity], of: (lo, hi) => ({ lo, hi }) },
  LeakyRelu: { defaults: [0.01], of: (slope) => ({ slope }) },
  HardSigmoid: { defaults: [0.2, 0.5], of: () => ({ sweep: "ACTIVATION_HARD_SIGMOID" }) },
  Sigmoid: { defaults: [], of: () => ({ sweep: "ACTIVATION_SIGMOID" }) },
  Tanh: { defaults: [], of: () => ({ sweep: "ACTIVATION_TANH" }) },
};

/** A node's activation and its parameters; FusedConv has them in a list, FusedGemm one by one. */
function fusedOf({ node }: Site) {
  const name = stringOf(node, "activation", "");
  const row = Object.hasOwn(FUSED, name) ? FUSED[name] : undefined;
  if (!row) {
    const names = Object.keys(FUSED).filter(Boolean).join(" or ");
    throw nodeError(node, `attribute "activation" expected ${names}, got "${name}"`);
  }
  const list = floatsOf(node, "activation_params", []);
  const [first, second] = row.defaults;
  const alpha = list[0] ?? floatOf(node, "activation_alpha", first) ?? 0;
  const beta = list[1] ?? floatOf(node, "activation_beta", second) ?? 0;
  return { alpha, beta, what: row.of(alpha, beta) };
}

/** @throws ModelError for an activation that is not among those that are fused */
export function checkFused(site: Site): void {
  fusedOf(site);
}

/** Pointer to what the kernels do to their sums (assembly/floatfinish.ts). */
export function keepFinish(call: Call): number {
  const { slope = 1, lo = -Infinity, hi = Infinity }: Finish = fusedOf(call).what as Finish;
  return keepWords(call.store, [slope, lo, hi].map(floatWord));
}

/** `run`, and after it what the kernels do not do themselves. */
export function withSweep(call: Call, y: Place, run: () => void): () => void {
  const { alpha, beta, what } = fusedOf(call);
  if (!("sweep" in what)) return run;
  const { kernels } = call.store.engine;
  const number = kernels[what.sweep].value;
  return () => {
    run();
    kernels.activate_f32_f32(y.at, y.at, lengthOf(y), number, alpha, beta);
  };
}

// Attention (docs/math.md, equation 75): queries meet keys, and what comes of it weighs values.

import { nodeError, nodeRangeError } from "../../check.ts";
import { broadcastShape } from "../../tensor/shape.ts";
import { floatOf, intOf } from "../attributes.ts";
import { combiner, mapFloats } from "../float.ts";
import { type FloatProduct, multiples, prepareProduct } from "../float-product.ts";
import { inFloat32 } from "../float-row.ts";
import { FLOATS } from "../integers.ts";
import { type Call, type Known, lengthOf, type Operator, type Site, viewOf } from "../operator.ts";
import { floatWord, keepWords, keepZeros } from "../record.ts";
import { checkedShape, checkFormats, input } from "../site.ts";
import { copyAlong, stridesOf, walkOf } from "../transpose.ts";

/** Vectors by batch, head and place, and values between neighbours along each. */
interface Heads {
  readonly heads: number;
  readonly length: number;
  readonly depth: number;
  readonly batchStep: number;
  readonly headStep: number;
  readonly step: number;
}

/** Reads [batch, heads, length, depth], or [batch, length, heads * depth]. */
function headsOf(site: Site, { shape }: Known, name: "q_num_heads" | "kv_num_heads"): Heads {
  const [, second = 0, third = 0, depth = 0] = shape;
  if (shape.length === 4) {
    return {
      heads: second,
      length: third,
      depth,
      batchStep: second * third * depth,
      headStep: third * depth,
      step: depth,
    };
  }
  const heads = intOf(site.node, name, 0);
  if (shape.length !== 3 || heads < 1 || third < heads || third % heads > 0) {
    throw nodeError(site.node, `expected four axes, or three and "${name}", got [${shape}] and ${heads}`);
  }
  return {
    heads,
    length: second,
    depth: third / heads,
    batchStep: second * third,
    headStep: third / heads,
    step: third,
  };
}

const MASK = 3;
const PAST = [4, 5] as const;
const LENGTHS = 6;

/** The extents of an Attention. */
interface Extents {
  readonly batch: number;
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
  /** Keys that were there before. */
  readonly past: number;
  readonly total: number;
}

function extentsOf(site: Site): Extents {
  const [x, key, value] = [input(site, 0), input(site, 1), input(site, 2)];
  const q = headsOf(site, x, "q_num_heads");
  const [k, v] = [headsOf(site, key, "kv_num_heads"), headsOf(site, value, "kv_num_heads")];
  const batch = x.shape[0] as number;
  const past = site.inputs[PAST[0]]?.shape[2] ?? 0;
  const fits = k.heads === v.heads && k.length === v.length && k.depth === q.depth && q.heads % k.heads === 0;
  if (!fits || key.shape[0] !== batch || value.shape[0] !== batch) {
    throw nodeError(
      site.node,
      `expected queries, keys and values that fit, got [${x.shape}], [${key.shape}], [${value.shape}]`,
    );
  }
  [k, v].forEach(({ heads, depth }, i) => {
    const before = site.inputs[PAST[i] as number]?.shape;
    if (before ? before.join() !== [batch, heads, past, depth].join() : past > 0) {
      throw nodeError(
        site.node,
        `input ${PAST[i]} expected [${batch},${heads},${past},${depth}], got [${before ?? ""}]`,
      );
    }
  });
  return { batch, q, k, v, past, total: past + k.length };
}

/** Fails unless the mask broadcasts to all pairs; its last axis may be shorter. */
function checkMask(site: Site, { batch, q, total }: Extents): void {
  const mask = site.inputs[MASK];
  if (!mask) return;
  checkFormats(site, MASK, [...FLOATS, "bool"]);
  const shape = [batch, q.heads, q.length, total];
  const own = [...mask.shape.slice(0, -1), total];
  const isShort = (mask.shape.at(-1) ?? 0) <= total;
  if (mask.shape.length === 0 || !isShort || broadcastShape(own, shape)?.join() !== shape.join()) {
    throw nodeError(site.node, `input ${MASK} expected a shape that broadcasts to [${shape}], got [${mask.shape}]`);
  }
}

/** What is added to the products of one batch and head; undefined: nothing. */
function biasOf(call: Call, { batch, q, past, total }: Extents) {
  const mask = call.inputs[MASK];
  const lengths = call.inputs[LENGTHS];
  const isCausal = intOf(call.node, "is_causal", 0) !== 0;
  if (!mask && !lengths && !isCausal) return undefined;
  const shape = [...new Array<number>(4 - (mask?.shape.length ?? 0)).fill(1), ...(mask?.shape ?? [])];
  const steps = stridesOf(shape).map((stride, axis) => (shape[axis] === 1 && axis < 3 ? 0 : stride));
  const known = shape[3] as number;
  return (b: number, head: number): Float32Array => {
    const values = mask && (viewOf(call, mask) as Float32Array | Uint8Array);
    const valid = lengths ? Number(viewOf(call, lengths)[lengthOf(lengths) === batch ? b : 0]) : total;
    const offset = lengths && past === 0 ? valid - q.length : past;
    const start = b * (steps[0] as number) + head * (steps[1] as number);
    const bias = new Float32Array(q.length * total);
    for (let i = 0; i < q.length; i++) {
      for (let j = 0; j < total; j++) {
        const isHidden = j >= valid || (isCausal && j > i + offset) || (mask && j >= known);
        bias[i * total + j] = isHidden ? -Infinity : masked(values, start + i * (steps[2] as number) + j, mask);
      }
    }
    return bias;
  };
}

/** A mask's number: what is added, or whether a pair counts. */
function masked(values: Float32Array | Uint8Array | undefined, at: number, mask: Known | undefined): number {
  if (!values) return 0;
  if (mask?.format !== "bool") return values[at] as number;
  return values[at] ? 0 : -Infinity;
}

/** Keys or values with those before them, [batch, heads, total, depth]: in memory at `to`. */
function joined(call: Call, part: Heads, past: number, i: 0 | 1) {
  const x = input(call, 1 + i);
  const before = call.inputs[PAST[i]];
  const total = past + part.length;
  const batch = x.shape[0] as number;
  const walk = (length: number, batchStep: number, headStep: number, step: number) =>
    walkOf(
      [
        { extent: batch, from: batchStep, to: part.heads * total * part.depth },
        { extent: part.heads, from: headStep, to: total * part.depth },
        { extent: length, from: step, to: part.depth },
        { extent: part.depth, from: 1, to: 1 },
      ],
      4,
    );
  const old = walk(past, part.heads * past * part.depth, past * part.depth, part.depth);
  const young = walk(part.length, part.batchStep, part.headStep, part.step);
  const { engine } = call.store;
  return (to: number) => {
    if (before) copyAlong(engine, old, before.at, to);
    copyAlong(engine, young, x.at, to + past * part.depth * 4);
  };
}

/** A product that begins with 0. */
function productOf(
  call: Call,
  product: Pick<FloatProduct, "rows" | "length" | "columns" | "aRow" | "steps" | "offsets" | "factor" | "yRow">,
) {
  const finish = keepWords(call.store, [1, -Infinity, Infinity].map(floatWord));
  const multiply = prepareProduct(call.store, { ...product, aStep: 1, initRow: 0, finish });
  const zero = keepZeros(call.store, 1);
  return (a: number, b: number, y: number) => multiply([[a, b, zero, 0, y]]);
}

/** The products of a head: queries with keys, and what they weigh with values; rows of results `yStep` values apart. */
function productsOf(call: Call, { q, k, v, total }: Extents, scale: number, yStep: number) {
  const meet = productOf(call, {
    rows: q.length,
    length: q.depth,
    columns: total,
    aRow: q.step,
    steps: multiples(q.depth, 1),
    offsets: multiples(total, k.depth),
    factor: scale,
    yRow: total,
  });
  const weigh = productOf(call, {
    rows: q.length,
    length: total,
    columns: v.depth,
    aRow: total,
    steps: multiples(total, v.depth),
    offsets: multiples(v.depth, 1),
    yRow: yStep,
  });
  return { meet, weigh };
}

/** What Attention's fourth output shows. */
const SHOWN = ["product", "capped", "biased", "softmax"] as const;

const ATTENTION: Operator = inFloat32({
  infer(site) {
    for (const i of [0, 1, 2, ...PAST]) checkFormats(site, i, FLOATS);
    checkFormats(site, LENGTHS, ["int64"]);
    const extents = extentsOf(site);
    const { batch, q, k, v, total } = extents;
    checkMask(site, extents);
    const [x, key, value] = [input(site, 0), input(site, 1), input(site, 2)];
    const isFlat = x.shape.length === 3;
    const y = isFlat ? [batch, q.length, q.heads * v.depth] : [batch, q.heads, q.length, v.depth];
    const shapes = [
      y,
      [batch, k.heads, total, k.depth],
      [batch, v.heads, total, v.depth],
      [batch, q.heads, q.length, total],
    ];
    const formats = [x, key, value, x].map(({ format }) => format);
    return shapes.map((shape, i) => {
      const format = formats[i] as Known["format"];
      return { format, shape: checkedShape(site, shape, format) };
    });
  },
  compile: compileAttention,
});

function compileAttention(call: Call): () => void {
  const extents = extentsOf(call);
  const { batch, q, k, v, past, total } = extents;
  const { arena, kernels } = call.store.engine;
  const [y, presentKey, presentValue, shown] = call.outputs;
  const pairs = q.length * total;
  const scale = floatOf(call.node, "scale", 1 / Math.sqrt(q.depth));
  const cap = floatOf(call.node, "softcap", 0);
  const mode = SHOWN[intOf(call.node, "qk_matmul_output_mode", 0)];
  if (!mode)
    throw nodeRangeError(call.node, "qk_matmul_output_mode", "0..3", intOf(call.node, "qk_matmul_output_mode", 0));
  const isFlat = input(call, 0).shape.length === 3;
  const yStep = isFlat ? q.heads * v.depth : v.depth;
  const [joinKeys, joinValues] = [joined(call, k, past, 0), joined(call, v, past, 1)];
  const { meet, weigh } = productsOf(call, extents, scale, yStep);
  const biasFor = biasOf(call, extents);
  const add = combiner(call.store, "OPERATION_ADD", [pairs], [pairs], [pairs]);
  return () => {
    const keys = presentKey?.at ?? arena.reserve(batch * k.heads * total * k.depth * 4);
    const values = presentValue?.at ?? arena.reserve(batch * v.heads * total * v.depth * 4);
    joinKeys(keys);
    joinValues(values);
    for (let b = 0; b < batch; b++) {
      for (let head = 0; head < q.heads; head++) arena.scope(() => attend(b, head, keys, values));
    }
  };

  /** One head: of a group of queries' heads each meets the same keys. */
  function attend(b: number, head: number, keys: number, values: number): void {
    const own = b * k.heads + Math.floor(head / (q.heads / k.heads));
    const scores = arena.reserve(pairs * 4);
    const show = (what: (typeof SHOWN)[number], at: number) => {
      if (shown && what === mode) kernels.copy_axes(at, shown.at + (b * q.heads + head) * pairs * 4, 0, 0, pairs * 4);
    };
    meet(input(call, 0).at + (b * q.batchStep + head * q.headStep) * 4, keys + own * total * k.depth * 4, scores);
    show("product", scores);
    if (cap > 0) {
      mapFloats(call.store, "FUNCTION_LINEAR", scores, scores, pairs, 1 / cap, 0);
      mapFloats(call.store, "ACTIVATION_TANH", scores, scores, pairs);
      mapFloats(call.store, "FUNCTION_LINEAR", scores, scores, pairs, cap, 0);
    }
    show("capped", scores);
    if (biasFor) add(scores, arena.copy(biasFor(b, head)), scores);
    show("biased", scores);
    const weights = arena.reserve(pairs * 4);
    kernels.softmax_f32_f32(scores, weights, q.length, total, false);
    show("softmax", weights);
    if (!y) return;
    const place = isFlat ? b * q.length * yStep + head * v.depth : (b * q.heads + head) * q.length * v.depth;
    weigh(weights, values + own * total * v.depth * 4, y.at + place * 4);
  }
}

export const ATTENTIONS: Readonly<Record<string, Operator>> = { Attention: ATTENTION };

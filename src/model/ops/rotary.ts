// RotaryEmbedding: vectors turned by angles that tell their positions (docs/math.md, equation 75).

import { nodeError, nodeRangeError } from "../../check.ts";
import { intOf } from "../attributes.ts";
import { inFloat32 } from "../float-row.ts";
import { FLOATS } from "../integers.ts";
import { lengthOf, type Operator, type Place, type Site, viewOf } from "../operator.ts";
import { checkFormats, input } from "../site.ts";

/** Where a RotaryEmbedding's inputs are: ONNX's own order, and onnxruntime's. */
const ORDERS = {
  "": { cos: 1, sin: 2, positions: 3 },
  "com.microsoft": { positions: 1, cos: 2, sin: 3 },
} as const;

/** The extents of a rotation. `rotated`: values of a vector that are turned, in pairs. */
function rotationOf(site: Site) {
  const order = ORDERS[site.node.domain as keyof typeof ORDERS];
  const x = input(site, 0);
  const [batch = 0, second = 0, third = 0, fourth = 0] = x.shape;
  const isFlat = x.shape.length === 3;
  const [cos, sin] = [input(site, order.cos), input(site, order.sin)];
  const positions = site.inputs[order.positions];
  const named = intOf(site.node, "rotary_embedding_dim", 0);
  const width = named || (cos.shape.at(-1) ?? 0) * 2;
  const heads = isFlat ? intOf(site.node, "num_heads", 0) || third / (width || 1) : second;
  const depth = isFlat ? third / heads : fourth;
  const length = isFlat ? second : third;
  const isWhole = Number.isInteger(heads) && Number.isInteger(depth) && heads > 0;
  const table = positions ? cos.shape.length === 2 : cos.shape.join() === [batch, length, width / 2].join();
  const fits = isWhole && width <= depth && width % 2 === 0 && (cos.shape.at(-1) ?? 0) * 2 === width;
  if (!(isFlat || x.shape.length === 4) || !fits || !table || sin.shape.join() !== cos.shape.join()) {
    throw nodeError(
      site.node,
      `expected vectors and tables of their rotations, got [${x.shape}], [${cos.shape}], [${sin.shape}]`,
    );
  }
  if (positions && lengthOf(positions) !== 1 && positions.shape.join() !== [batch, length].join()) {
    throw nodeError(site.node, `expected positions [${batch},${length}], got [${positions.shape}]`);
  }
  return { x, cos, sin, positions, batch, heads, length, depth, half: width / 2, isFlat };
}

/** Turns pairs of a vector by the angles of its position; what is behind them stays. */
const ROTARY: Operator = inFloat32({
  infer(site) {
    checkFormats(site, 0, FLOATS);
    const { x, positions } = rotationOf(site);
    if (positions && positions.format !== "int64")
      throw nodeRangeError(site.node, "position_ids", "int64", positions.format);
    return [{ format: x.format, shape: x.shape }];
  },
  compile(call) {
    const { batch, heads, length, depth, half, isFlat } = rotationOf(call);
    const order = ORDERS[call.node.domain as keyof typeof ORDERS];
    const places = [input(call, 0), input(call, order.cos), input(call, order.sin), call.outputs[0] as Place];
    const ids = call.inputs[order.positions];
    const isInterleaved = intOf(call.node, "interleaved", 0) !== 0;
    const [next, pair] = isInterleaved ? [1, 2] : [half, 1];
    const rows = lengthOf(places[1] as Place) / Math.max(half, 1);
    return () => {
      const [x, cos, sin, y] = places.map((place) => viewOf(call, place)) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const given = ids && (viewOf(call, ids) as BigInt64Array);
      y.set(x);
      for (let vector = 0; vector * depth < x.length; vector++) {
        const [b, place] = isFlat
          ? [Math.floor(vector / heads / length), Math.floor(vector / heads) % length]
          : [Math.floor(vector / length / heads), vector % length];
        const row = rowFor(given, b, place);
        if (!(row >= 0 && row < rows))
          throw nodeRangeError(call.node, "position_ids", `integers of 0..${rows - 1}`, row);
        for (let i = 0; i < half; i++) {
          const first = vector * depth + i * pair;
          const [u, v] = [x[first] as number, x[first + next] as number];
          const [c, s] = [cos[row * half + i] as number, sin[row * half + i] as number];
          y[first] = Math.fround(c * u) - Math.fround(s * v);
          y[first + next] = Math.fround(s * u) + Math.fround(c * v);
        }
      }
    };

    /** The row of the tables for a place; one id is that of the first. */
    function rowFor(given: BigInt64Array | undefined, b: number, place: number): number {
      if (!given) return b * length + place;
      return given.length === 1 && batch * length > 1 ? Number(given[0]) + place : Number(given[b * length + place]);
    }
  },
});

export const ROTATIONS: Readonly<Record<string, Operator>> = {
  RotaryEmbedding: ROTARY,
  "com.microsoft:RotaryEmbedding": ROTARY,
};

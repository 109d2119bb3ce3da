// Operators that only move values, done to codes: what dequantizes them stands behind then.

import { floatOf, intsOf, stringOf } from "../model/attributes.ts";
import { type Node, withAttributes } from "../model/graph.ts";
import { MOVING } from "../model/quantizable.ts";
import { tensorArray } from "../tensor/tensor.ts";
import type { Edit } from "./edit.ts";
import { type Codes, dequantized, isByte, parametersOf, rangeOf } from "./fuse-quantized-values.ts";

/** Says what does to codes what a node does to values; undefined: nothing. */
type Move = (edit: Edit, node: Node, codes: Codes) => Node | undefined;

/** Pads are filled with the code of what they were. */
function pad(edit: Edit, node: Node, codes: Codes): Node | undefined {
  const [x = "", pads = "", fill, ...axes] = node.inputs;
  if (stringOf<string>(node, "mode", "constant") !== "constant") return node;
  const value = fill ? edit.constant(fill)?.data[0] : floatOf(node, "value", 0);
  if (!isByte(codes) || value === undefined || Number.isNaN(value)) return undefined;
  const { lo } = rangeOf(codes, [Number(value), Number(value)]);
  if (edit.version(node) < 11) {
    return withAttributes(node, { value: lo });
  }
  const data = new (tensorArray(codes.format) as typeof Int8Array)([lo]);
  return { ...node, inputs: [x, pads, edit.addConstant(`${codes.name}_pad`, data, [], codes.format), ...axes] };
}

/** Copies of pixels, not blends of them, nor what is not there. */
function nearest(_: Edit, node: Node): Node | undefined {
  const isCopy = stringOf<string>(node, "mode", "nearest") === "nearest";
  const from = stringOf<string>(node, "coordinate_transformation_mode", "half_pixel");
  return isCopy && from !== "tf_crop_and_resize" ? node : undefined;
}

/** The largest value has the largest code. */
const largest: Move = (_, node, codes) => (isByte(codes) && !node.outputs[1] ? node : undefined);

/** A row of operators, and from which version on they take codes in onnxruntime. */
const MOVES = new Map(
  Object.entries<{ readonly move: Move; readonly since: number }>({
    ...Object.fromEntries(MOVING.map((op) => [op, { move: (_, node) => node, since: 1 }])),
    MaxPool: { move: largest, since: 12 },
    Pad: { move: pad, since: 13 },
    Resize: { move: nearest, since: 11 },
  }),
);

/** What dequantizes moved codes: the same node, where each index of an axis has a scale with another number for it. */
function behind(node: Node, codes: Codes): Node | undefined {
  if (codes.axis === undefined) return codes.node;
  const axis = intsOf<number[]>(node, "perm", []).indexOf(codes.axis);
  if (node.op !== "Transpose" || axis < 0) return undefined;
  return withAttributes(codes.node, { axis: BigInt(axis) });
}

/** Takes the shape of codes instead of that of what they stand for; whether it could. */
export function measureCodes(edit: Edit, node: Node): boolean {
  const codes = node.op === "Shape" || node.op === "Size" ? dequantized(edit, node.inputs[0]) : undefined;
  if (codes) edit.replace(node, { ...node, inputs: [codes.name] });
  return codes !== undefined;
}

/** Moves codes instead of what they stand for; whether it could. */
export function moveCodes(edit: Edit, node: Node, portable: boolean): boolean {
  const row = MOVES.get(node.op);
  const codes = row && dequantized(edit, node.inputs[0]);
  if (!codes || (portable && edit.version(node) < row.since)) return false;
  const [moved, dequantizer] = [row.move(edit, node, codes), behind(node, codes)];
  if (!moved || !dequantizer) return false;
  const parameters = parametersOf(edit, codes);
  const outputs = node.outputs.map((name) => name && edit.freshName(`${name}_codes`));
  const dequantizers = node.outputs.flatMap((name, i) =>
    name ? [{ ...dequantizer, name, inputs: [outputs[i] as string, ...parameters], outputs: [name] }] : [],
  );
  edit.replace(node, { ...moved, inputs: [codes.name, ...moved.inputs.slice(1)], outputs }, ...dequantizers);
  return true;
}

// What changed meaning between two versions of ONNX's operators: for each operator and version, how a node of the version before
// is said in this one (https://github.com/onnx/onnx/blob/main/docs/Changelog.md).

import { nodeError } from "../check.ts";
import { floatOf, floatsOf, integersOf, intOf, stringOf } from "../model/attributes.ts";
import { typeOfFormat } from "../model/data-types.ts";
import { type Constant, makeNode, type Node, withAttributes } from "../model/graph.ts";
import type { Raising } from "./opset.ts";

/** A node in a version, from the one before. */
type Converter = (node: Node, graph: Raising) => Node | readonly Node[];

const without =
  (...names: string[]) =>
  (node: Node): Node =>
    withAttributes(node, Object.fromEntries(names.map((name) => [name, undefined])));

const integers = (values: readonly bigint[]): Constant => ({
  format: "int64",
  shape: [values.length],
  data: BigInt64Array.from(values),
});
const floats = (values: readonly number[]): Constant => ({
  format: "float32",
  shape: [values.length],
  data: Float32Array.from(values),
});

/** The node with inputs at places; names that are left out at the end are not named. */
function withInputs(node: Node, at: number, ...names: string[]): Node {
  const inputs = Array.from({ length: Math.max(node.inputs.length, at) }, (_, i) => node.inputs[i] ?? "");
  inputs.splice(at, names.length, ...names);
  while (inputs.at(-1) === "") inputs.pop();
  return { ...node, inputs };
}

/** A name for something that belongs to a node. */
const named = (node: Node, what: string) => `${node.outputs.find(Boolean) ?? node.op}_${what}`;

/** Lists of integers that were attributes become inputs, from place 1 on; those that are not there are left out. */
const integersToInputs =
  (...names: string[]) =>
  (node: Node, graph: Raising): Node => {
    const inputs = names.map((name) => {
      const values = integersOf(node, name);
      return values ? graph.add(named(node, name), integers(values)) : "";
    });
    return withInputs(without(...names)(node), 1, ...inputs);
  };

const axesToInput = integersToInputs("axes");

/** Numbers that were attributes become scalars of the first input's format; those that are not there are left out. */
function scalarInputs(node: Node, graph: Raising, values: readonly (number | undefined)[], names: readonly string[]) {
  const format = graph.format(node.inputs[0]);
  const casts: Node[] = [];
  const inputs = values.map((value, i) => {
    if (value === undefined) return "";
    if (!format) throw nodeError(node, `to raise it, the format of "${node.inputs[0]}" has to be known`);
    const name = named(node, names[i] as string);
    const scalar = graph.add(name, { format: "float32", shape: [], data: Float32Array.of(value) });
    if (format === "float32") return scalar;
    const cast = graph.freshName(`${name}_${format}`);
    casts.push(makeNode("Cast", [scalar], [cast], { to: BigInt(typeOfFormat(format) as number) }));
    return cast;
  });
  return { inputs, casts };
}

/** The axes behind those that a value has, given to it: it broadcasts from an axis on instead of from the last. */
function unsqueezed(node: Node, graph: Raising, input: number, from: number, count: number): readonly Node[] {
  const name = graph.freshName(named(node, `input_${input}`));
  const axes = Array.from({ length: count }, (_, i) => BigInt(from + i));
  const unsqueeze = makeNode("Unsqueeze", [node.inputs[input] as string], [name], { axes });
  return [unsqueeze, withInputs(node, input, name)];
}

function rankOf(node: Node, graph: Raising, input: number): number {
  const rank = graph.rank(node.inputs[input]);
  if (rank === undefined) throw nodeError(node, `to raise it, the rank of "${node.inputs[input]}" has to be known`);
  return rank;
}

/** Until 6, the second operand was broadcast only if told so, and from an axis on if told which. */
const broadcast: Converter = (node, graph) => {
  const plain = without("broadcast", "axis")(node);
  const axis = intOf(node, "axis", undefined);
  if (intOf(node, "broadcast", 0) === 0 || axis === undefined) return plain;
  const [rank, own] = [rankOf(node, graph, 0), rankOf(node, graph, 1)];
  const behind = rank - (axis < 0 ? axis + rank : axis) - own;
  if (behind < 0) throw nodeError(node, `"axis" ${axis} leaves no place for ${own} axes in ${rank}`);
  return behind === 0 || own === 0 ? plain : unsqueezed(plain, graph, 1, own, behind);
};

/** Until 6, slopes were one for each channel, of axis 1. */
const slopes: Converter = (node, graph) => {
  if (graph.constant(node.inputs[1])?.data.length === 1 || rankOf(node, graph, 1) !== 1) return node;
  const behind = rankOf(node, graph, 0) - 2;
  return behind <= 0 ? node : unsqueezed(node, graph, 1, 1, behind);
};

/** Fails where a node is meant for training; what says so goes. */
const forInference: Converter = (node) => {
  if (intOf(node, "is_test", 0) === 0) throw nodeError(node, "is for training, and cannot be raised to another opset");
  return without("is_test", "consumed_inputs")(node);
};

const perChannel: Converter = (node) => {
  if (intOf(node, "spatial", 1) === 0) throw nodeError(node, `"spatial" of 0 cannot be raised to opset 9`);
  return without("spatial")(node);
};

const oneOutput: Converter = (node) => {
  if (node.outputs.slice(1).some(Boolean)) throw nodeError(node, "is for training, and cannot be raised to opset 14");
  return { ...node, outputs: node.outputs.slice(0, 1) };
};

/** Until 9, the mask of Dropout was of the data's format. */
const noMask: Converter = (node, graph) => {
  const [y = "", mask = ""] = node.outputs;
  if (graph.isTaken(mask)) throw nodeError(node, "gives a mask, which cannot be raised to opset 10");
  return { ...node, outputs: [y] };
};

const ratioToInput: Converter = (node, graph) => {
  const ratio: Constant = { format: "float32", shape: [], data: Float32Array.of(floatOf(node, "ratio", 0.5)) };
  return withInputs(without("ratio")(node), 1, graph.add(named(node, "ratio"), ratio));
};

const bounds: Converter = (node, graph) => {
  const values = [floatOf(node, "min", undefined), floatOf(node, "max", undefined)];
  const { inputs, casts } = scalarInputs(node, graph, values, ["min", "max"]);
  return [...casts, withInputs(without("min", "max")(node), 1, ...inputs)];
};

const padding: Converter = (node, graph) => {
  const value = floatOf(node, "value", 0);
  const { inputs, casts } = scalarInputs(node, graph, [value === 0 ? undefined : value], ["value"]);
  const moved = integersToInputs("pads")(node, graph);
  return [...casts, withInputs(without("value")(moved), 2, ...inputs)];
};

const countToInput: Converter = (node, graph) => {
  const count = graph.add(named(node, "k"), integers([BigInt(intOf(node, "k", 1))]));
  return withInputs(without("k")(node), 1, count);
};

/** Until 12, all axes from one on were one. */
const alongOneAxis: Converter = (node, graph) => {
  const axis = intOf(node, "axis", 1);
  const last = withAttributes(node, { axis: -1n });
  const rank = graph.rank(node.inputs[0]);
  if (axis === -1 || axis + 1 === rank) return last;
  const [x = ""] = node.inputs;
  const [shape, flat, done] = ["shape", "flat", "done"].map((what) => graph.freshName(named(node, what))) as [
    string,
    string,
    string,
  ];
  return [
    makeNode("Shape", [x], [shape]),
    makeNode("Flatten", [x], [flat], { axis: BigInt(axis) }),
    { ...last, inputs: [flat], outputs: [done] },
    makeNode("Reshape", [done, shape], node.outputs),
  ];
};

/** Equal parts have to be counted where their extents are not given. */
const countOutputs: Converter = (node) =>
  node.inputs[1] ? node : withAttributes(node, { num_outputs: BigInt(node.outputs.length) });

/** The first Upsample had a scale for rows and one for columns. */
const allScales: Converter = (node) => {
  const scales = [1, 1, floatOf(node, "height_scale", 1), floatOf(node, "width_scale", 1)];
  const mode = stringOf<string>(node, "mode", "nearest") === "bilinear" ? "linear" : "nearest";
  return withAttributes(node, { mode, scales, height_scale: undefined, width_scale: undefined });
};

const scalesToInput: Converter = (node, graph) => {
  const scales = graph.add(named(node, "scales"), floats(floatsOf(node, "scales", [])));
  return withInputs(without("scales")(node), 1, scales);
};

/** Until 10, Resize took the pixel at x / scale or the next: the one before where it enlarges, the one behind where it reduces. */
function nearestMode(node: Node, graph: Raising): string {
  const scales = graph.constant(node.inputs[1])?.data as Float32Array | undefined;
  const [reduces, enlarges] = [scales?.some((scale) => scale < 1), scales?.some((scale) => scale > 1)];
  if (!scales || (reduces && enlarges)) {
    throw nodeError(node, "cannot be raised to opset 11 unless its scales are constant, all >= 1 or all <= 1");
  }
  return reduces ? "ceil" : "floor";
}

const placed: Converter = (node, graph) => {
  const [x = "", scales = ""] = node.inputs;
  const nearest = stringOf(node, "mode", "nearest") === "nearest";
  const how = {
    coordinate_transformation_mode: "asymmetric",
    ...(nearest && { nearest_mode: nearestMode(node, graph) }),
  };
  return { ...withAttributes(node, how), inputs: [x, graph.add(named(node, "roi"), floats([])), scales] };
};

/** From 13 on, an input of Resize that is not needed is left out instead of empty. */
const withoutEmpty: Converter = (node, graph) => {
  if (stringOf<string>(node, "coordinate_transformation_mode", "") === "tf_half_pixel_for_nn") {
    throw nodeError(node, `"coordinate_transformation_mode" "tf_half_pixel_for_nn" cannot be raised to opset 13`);
  }
  const inputs = node.inputs.map((name, i) => (i > 0 && graph.constant(name)?.data.length === 0 ? "" : name));
  return withInputs({ ...node, inputs }, 1);
};

/** Sampling modes were called after two dimensions. */
const samplingMode: Converter = (node) => {
  const mode = stringOf(node, "mode", "bilinear").replace("bilinear", "linear").replace("bicubic", "cubic");
  return withAttributes(node, { mode });
};

const atHalfPixel: Converter = (node) => withAttributes(node, { coordinate_transformation_mode: "output_half_pixel" });

const axisToInput: Converter = (node, graph) => {
  const axis = BigInt(intOf(node, "axis", 1));
  const name = graph.add(named(node, "axis"), { format: "int64", shape: [], data: BigInt64Array.of(axis) });
  return withInputs(without("axis")(node), 2, name);
};

/** Until 20, scale and bias were one for each group: they are repeated for the channels of a group. */
const repeatForChannels: Converter = (node, graph) => {
  const [x = "", scale = "", bias = ""] = node.inputs;
  const groups = graph.add(named(node, "groups"), integers([BigInt(intOf(node, "num_groups", 1))]));
  const one = graph.add(named(node, "one"), integers([1n]));
  const column = graph.add(named(node, "column"), integers([-1n, 1n]));
  const flat = graph.add(named(node, "flat"), integers([-1n]));
  const fresh = (what: string) => graph.freshName(named(node, what));
  const [channels, times, shape] = [fresh("channels"), fresh("times"), fresh("shape")];
  const repeat = (name: string, result: string) => {
    const [each, repeated] = [fresh("each"), fresh("repeated")];
    return [
      makeNode("Reshape", [name, column], [each]),
      makeNode("Expand", [each, shape], [repeated]),
      makeNode("Reshape", [repeated, flat], [result]),
    ];
  };
  const [allScales, allBiases] = [fresh("scale"), fresh("bias")];
  return [
    makeNode("Shape", [x], [channels], { start: 1n, end: 2n }),
    makeNode("Div", [channels, groups], [times]),
    makeNode("Concat", [one, times], [shape], { axis: 0n }),
    ...repeat(scale, allScales),
    ...repeat(bias, allBiases),
    { ...node, inputs: [x, allScales, allBiases] },
  ];
};

const renamed =
  (op: string): Converter =>
  (node) => ({ ...node, op });

const refused =
  (why: string): Converter =>
  (node) => {
    throw nodeError(node, why);
  };

/** SAME was of the output's extent, or of the input's: that was not said before. */
const paddedAsSaid: Converter = (node) => {
  if (/^SAME/.test(stringOf(node, "auto_pad", ""))) {
    throw nodeError(node, `"auto_pad" of SAME cannot be raised to opset 11`);
  }
  return node;
};

const ROWS: Readonly<Record<string, Readonly<Record<number, Converter>>>> = {
  "Add And Div Equal Greater Less Mul Or Pow Sub Xor": { 7: broadcast },
  BatchNormalization: { 7: forInference, 9: perChannel, 14: oneOutput },
  Clip: { 11: bounds },
  ConvTranspose: { 11: paddedAsSaid },
  DFT: { 20: axisToInput },
  Dropout: { 7: forInference, 10: noMask, 12: ratioToInput },
  "GRU LSTM RNN": { 7: without("output_sequence") },
  Gemm: { 7: without("broadcast") },
  GridSample: { 20: samplingMode },
  GroupNormalization: { 21: repeatForChannels },
  "Hardmax LogSoftmax Softmax": { 13: alongOneAxis },
  PRelu: { 7: slopes },
  Pad: { 11: padding },
  "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare": {
    18: axesToInput,
  },
  "ReduceSum Squeeze Unsqueeze": { 13: axesToInput },
  Resize: { 11: placed, 13: withoutEmpty },
  RoiAlign: { 16: atHalfPixel },
  Scan: { 9: refused("cannot be raised from opset 8, which had another Scan") },
  Scatter: { 11: renamed("ScatterElements") },
  Slice: { 10: integersToInputs("starts", "ends", "axes") },
  Split: { 13: integersToInputs("split"), 18: countOutputs },
  TopK: { 10: countToInput },
  Upsample: { 7: allScales, 9: scalesToInput, 10: renamed("Resize") },
};

/** How operators are raised to the versions in which they became others. */
export const CONVERTERS: ReadonlyMap<string, Readonly<Record<number, Converter>>> = new Map(
  Object.entries(ROWS).flatMap(([names, row]) => names.split(" ").map((name) => [name, row])),
);

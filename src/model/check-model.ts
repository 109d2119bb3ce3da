// What a model made by hand may have wrong, looked for before anything is computed with it.

import { constantError, typeError } from "../check.ts";
import { sizeOf } from "../tensor/shape.ts";
import { storedLength, tensorArray } from "../tensor/tensor.ts";
import { typeOfFormat } from "./data-types.ts";
import { type Constant, checkOpsets, type Graph, graphsOf, type Model, type OpaqueConstant } from "./graph.ts";

/** @throws ModelError where a constant's format is not ONNX's, or its data not what format and shape ask for */
export function checkConstant(constant: Constant | OpaqueConstant, name: string): void {
  if ("opaque" in constant) return;
  const { format, shape, data } = constant;
  if (typeOfFormat(format) === undefined) throw constantError(name, "a format that ONNX has", format);
  if (!Array.isArray(shape) || !shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
    throw constantError(name, "a shape of integers >= 0", shape);
  }
  const kind = tensorArray(format);
  const length = storedLength(format, sizeOf(shape));
  const isRight = ArrayBuffer.isView(data) && data[Symbol.toStringTag] === kind.name && data.length === length;
  if (!isRight)
    throw constantError(name, `${length} elements of ${kind.name} for ${format} [${shape.join(", ")}]`, data);
}

function checkGraph(graph: Graph): void {
  for (const [name, constant] of graph.constants) checkConstant(constant, name);
  for (const { attributes } of graph.nodes) {
    for (const [name, attribute] of attributes) {
      if (attribute.kind === "tensor") checkConstant(attribute.value, name);
      for (const inner of graphsOf(attribute)) checkGraph(inner);
    }
  }
}

/**
 * Checks that a value is a model, and its constants.
 * @throws TypeError for anything else, such as the bytes of a file; ModelError as {@link checkOpsets} and {@link checkConstant}
 */
export function checkModel(model: Model): void {
  const graph: Graph | undefined = model?.graph;
  const isGraph = Array.isArray(graph?.nodes) && Array.isArray(graph.inputs) && graph.constants instanceof Map;
  if (!isGraph || !(model.opsets instanceof Map)) throw typeError("model", "a model, as readOnnx gives it", model);
  for (const { attributes, inputs, outputs } of graph.nodes) {
    if (!(attributes instanceof Map) || !Array.isArray(inputs) || !Array.isArray(outputs)) {
      throw typeError("model.graph.nodes", "nodes with inputs, outputs, and a Map of attributes", graph.nodes);
    }
  }
  checkOpsets(model);
  checkGraph(graph);
}

// ONNX files: read into a model, written from one. What octavo has no use for is kept and written back as it is.

import { checkOptions, fileError, modelError, typeError } from "../check.ts";
import { checkOpsets, type Graph, type Model, type Node } from "../model/graph.ts";
import { readAttribute, writeAttribute } from "./attribute-proto.ts";
import { checkBytes } from "./bytes.ts";
import { type External, type Files, fetchedOnce } from "./external.ts";
import { GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto } from "./onnx-schema.ts";
import { raiseAsNeeded } from "./opset.ts";
import { readInitializer, writeTensor } from "./tensor-proto.ts";
import { readValue, writeValue } from "./value-proto.ts";
import { decode, encode, join, type Parts } from "./wire.ts";

/** How deep graphs may lie in graphs. */
const DEPTH = 32;

/** Where the data is that a model has beside its file. */
export interface ReadOptions {
  /** Gives the bytes of a file by its path from the model's folder; {@link externalFiles} lists those it is asked for. */
  readonly external?: External;
}

/** What holds for all of a file. */
interface Context {
  readonly files: Files | undefined;
  readonly depth: number;
}

/** Entries that have their own names, in the file's order. */
function named<T>(entries: readonly (readonly [string, T])[], what: string): Map<string, T> {
  const map = new Map(entries);
  if (map.size === entries.length) return map;
  const seen = new Set<string>();
  const twice = entries.find(([name]) => seen.size === seen.add(name).size);
  throw modelError(`expected one ${what} of each name, got two "${twice?.[0]}"`);
}

/** ONNX's own domain has two names. */
const domainOf = (domain = "") => (domain === "ai.onnx" ? "" : domain);

function readNode(bytes: Uint8Array, { files, depth }: Context): Node {
  const { input, output, name = "", op_type: op, domain, attribute, extra } = decode(NodeProto, bytes);
  if (!op) throw modelError(`node "${name}" has no operator`);
  const reading = { files, graph: (graph: Uint8Array) => readGraph(graph, { files, depth: depth + 1 }) };
  const attributes = named(
    attribute.map((each) => readAttribute(each, reading)),
    `attribute of node "${name}" (${op})`,
  );
  const kept = extra && { extra };
  return { name, op, domain: domainOf(domain), inputs: input, outputs: output, attributes, ...kept };
}

function readGraph(bytes: Uint8Array, context: Context): Graph {
  if (context.depth > DEPTH) throw modelError(`graphs lie in graphs more than ${DEPTH} deep`);
  const { name = "", node, initializer, input, output, value_info, extra } = decode(GraphProto, bytes);
  const constants = initializer.map((each) => readInitializer(each, context.files));
  return {
    name,
    nodes: node.map((each) => readNode(each, context)),
    inputs: input.map(readValue),
    outputs: output.map(readValue),
    values: value_info.map(readValue),
    constants: named(constants, "constant"),
    ...(extra && { extra }),
  };
}

/** An entry of a list of pairs, with what it holds beyond octavo's knowledge. */
interface Entry<T> {
  readonly key: string;
  readonly value: T;
  readonly extra: Uint8Array | undefined;
}

function readOpset(bytes: Uint8Array): Entry<number> {
  const { domain, version = 0n, extra } = decode(OperatorSetIdProto, bytes);
  return { key: domainOf(domain), value: Number(version), extra };
}

function readMetadata(bytes: Uint8Array): Entry<string> {
  const { key = "", value = "", extra } = decode(StringStringEntryProto, bytes);
  return { key, value, extra };
}

/** How the messages of lists of pairs are read. */
const ENTRIES = { opset_import: readOpset, metadata_props: readMetadata };

/** A message of such a list, by the list's name; undefined of another. */
function readEntry(list: string, bytes: Uint8Array): Entry<number | string> | undefined {
  return ENTRIES[list as keyof typeof ENTRIES]?.(bytes);
}

function mapOf<T>(list: readonly Uint8Array[], read: (bytes: Uint8Array) => Entry<T>): Map<string, T> {
  return new Map(list.map(read).map(({ key, value }) => [key, value]));
}

/** What a file holds, and its graph. */
function readFile(bytes: Uint8Array | ArrayBuffer, files: Files | undefined) {
  const file = decode(ModelProto, checkBytes(bytes, "bytes"), keptWhole());
  if (!file.graph) throw fileError("there is no graph in it");
  return { file, graph: readGraph(file.graph, { files, depth: 0 }) };
}

/**
 * Reads an ONNX file. The model's constants lie on the bytes, where they can: leave these as they are for as long as the model is used.
 * @throws ModelError if the bytes are no ONNX file, or are of an opset that octavo does not know, or data is missing
 */
export function readOnnx(bytes: Uint8Array | ArrayBuffer, options?: ReadOptions): Model {
  const { external } = checkOptions(options, ["external"], "readOnnx");
  if (external !== undefined && typeof external !== "function") throw typeError("external", "a function", external);
  const { file, graph } = readFile(bytes, external && fetchedOnce(external));
  const model = {
    graph,
    opsets: mapOf(file.opset_import, readOpset),
    ir: Number(file.ir_version ?? 0n),
    metadata: mapOf(file.metadata_props, readMetadata),
    ...(file.extra && { extra: file.extra }),
  };
  checkOpsets(model);
  return model;
}

/**
 * The names of the files beside an ONNX file that its constants are in: what `external` of {@link readOnnx} is asked for.
 * @throws ModelError if the bytes are no ONNX file
 */
export function externalFiles(bytes: Uint8Array | ArrayBuffer): string[] {
  const names = new Set<string>();
  readFile(bytes, (name) => {
    names.add(name);
    return undefined;
  });
  return [...names];
}

/** Says which entries are kept whole: those that hold more than a map can, and others of the same name behind them. */
function keptWhole(): (list: string, bytes: Uint8Array) => boolean {
  const names = { opset_import: new Set<string>(), metadata_props: new Set<string>() };
  return (list, bytes) => {
    const entry = readEntry(list, bytes);
    if (!entry) return false;
    const seen = names[list as keyof typeof names];
    if (entry.extra) seen.add(entry.key);
    return seen.has(entry.key);
  };
}

/** What a model kept whole of its entries: those of a name whose last one is what the model has under that name. */
function stillCurrent({ opsets, metadata, extra = new Uint8Array(0) }: Model) {
  const { opset_import, metadata_props } = decode(ModelProto, extra);
  const current = { opset_import: opsets, metadata_props: metadata };
  const last = { opset_import: mapOf(opset_import, readOpset), metadata_props: mapOf(metadata_props, readMetadata) };
  return decode(ModelProto, extra, (list, bytes) => {
    const entry = readEntry(list, bytes);
    const name = list as keyof typeof current;
    return entry !== undefined && current[name].get(entry.key) === last[name].get(entry.key);
  });
}

/** Messages of the entries of a map that are not among those that were kept whole. */
function writeEntries<T>(
  map: ReadonlyMap<string, T>,
  kept: ReadonlyMap<string, T>,
  write: (key: string, value: T) => Parts,
) {
  const anew = Array.from(map).filter(([key, value]) => kept.get(key) !== value);
  return anew.map(([key, value]) => write(key, value));
}

function writeNode(node: Node): Parts {
  const attribute = Array.from(node.attributes, ([name, each]) => writeAttribute(name, each, writeGraph));
  const { name, op, domain, inputs, outputs, extra } = node;
  const content = { name: name || undefined, op_type: op, domain: domain || undefined, attribute };
  return encode(NodeProto, { ...content, input: inputs, output: outputs }, extra);
}

function writeGraph({ name, nodes, constants, inputs, outputs, values, extra }: Graph): Parts {
  return encode(
    GraphProto,
    {
      name,
      node: nodes.map(writeNode),
      initializer: Array.from(constants, ([constant, value]) => writeTensor(value, constant)),
      input: inputs.map(writeValue),
      output: outputs.map(writeValue),
      value_info: values.map(writeValue),
    },
    extra,
  );
}

/**
 * Writes a model as an ONNX file: the same bytes for the same model. `readOnnx` of them gives the model; with a higher opset, if
 * it has nodes that its own does not have.
 * @throws ModelError if the model holds what ONNX has no place for, is of an opset that `readOnnx` refuses, or is larger than 2 GB
 */
export function writeOnnx(given: Model): Uint8Array {
  checkOpsets(given);
  const model = raiseAsNeeded(given);
  const kept = stillCurrent(model);
  const writeOpset = (domain: string, version: number) =>
    encode(OperatorSetIdProto, { domain, version: BigInt(version) });
  const writeMetadata = (key: string, value: string) => encode(StringStringEntryProto, { key, value });
  const content = {
    ir_version: BigInt(model.ir),
    graph: writeGraph(model.graph),
    opset_import: writeEntries(model.opsets, mapOf(kept.opset_import, readOpset), writeOpset),
    metadata_props: writeEntries(model.metadata, mapOf(kept.metadata_props, readMetadata), writeMetadata),
  };
  return join(encode(ModelProto, content, kept.extra));
}

// Attributes of nodes as ONNX files have them.

import { modelError } from "../check.ts";
import type { Attribute, Graph } from "../model/graph.ts";
import type { Files } from "./external.ts";
import { AttributeProto, AttributeType as Type } from "./onnx-schema.ts";
import { readTensor, writeTensor } from "./tensor-proto.ts";
import { type Content, decode, encode, floats, integers, type Message, type Parts, textOf } from "./wire.ts";

type Fields = typeof AttributeProto;
type Kind = Exclude<Attribute["kind"], "other">;
type Of<K extends Kind> = Extract<Attribute, { readonly kind: K }>["value"];

/** How an attribute's graphs and data are read. */
export interface Reading {
  readonly graph: (bytes: Uint8Array) => Graph;
  readonly files: Files | undefined;
}

/** A row for a kind: its number in the file, the number of its field, how its value is read. */
interface Row<K extends Kind> {
  readonly type: number;
  readonly field: keyof Fields;
  /** undefined: nothing that JavaScript has. */
  read(found: Message<Fields>, reading: Reading): Of<K> | undefined;
}

const NOTHING = new Uint8Array(0);

function textsOf(strings: readonly Uint8Array[]): string[] | undefined {
  const texts = strings.map(textOf);
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

const ROWS: { readonly [K in Kind]: Row<K> } = {
  float: { type: Type.FLOAT, field: 2, read: ({ f = 0 }) => f },
  int: { type: Type.INT, field: 3, read: ({ i = 0n }) => i },
  string: { type: Type.STRING, field: 4, read: ({ s }) => textOf(s ?? NOTHING) },
  tensor: {
    type: Type.TENSOR,
    field: 5,
    read: ({ t }, { files }) => t && readTensor(t, "(an attribute)", files),
  },
  graph: { type: Type.GRAPH, field: 6, read: ({ g }, { graph }) => g && graph(g) },
  floats: { type: Type.FLOATS, field: 7, read: (found) => floats(found.floats) },
  ints: { type: Type.INTS, field: 8, read: (found) => integers(found.ints) },
  strings: { type: Type.STRINGS, field: 9, read: ({ strings }) => textsOf(strings) },
  graphs: { type: Type.GRAPHS, field: 11, read: ({ graphs }, { graph }) => graphs.map(graph) },
};

const KINDS = Object.entries(ROWS) as [Kind, Row<Kind>][];

const { 1: NAME, 20: TYPE, 21: REFERENCE } = AttributeProto;

/** The kind of an attribute: what the file says, or in the oldest files the field that is there. */
function kindOf(type: number | undefined, content: Uint8Array): [Kind, Row<Kind>] | undefined {
  if (type) return KINDS.find(([, row]) => row.type === type);
  const found: Partial<Record<string, unknown>> = decode(AttributeProto, content);
  const isThere = (value: unknown) =>
    Array.isArray(value) || value instanceof Uint8Array ? value.length > 0 : value !== undefined;
  return KINDS.find(([, { field }]) => isThere(found[AttributeProto[field][0]]));
}

/** An attribute and its name. */
export function readAttribute(bytes: Uint8Array, reading: Reading): [string, Attribute] {
  const { name, type, ref_attr_name, extra: content = NOTHING } = decode({ 1: NAME, 20: TYPE, 21: REFERENCE }, bytes);
  if (!name) throw modelError("an attribute has no name");
  const kind = ref_attr_name === undefined ? kindOf(type, content) : undefined;
  if (kind) {
    const [word, row] = kind;
    // the other fields of the message are not there, or stay as they are
    const found = decode({ [row.field]: AttributeProto[row.field] } as unknown as Fields, content);
    const value = row.read(found, reading);
    if (value !== undefined)
      return [name, { kind: word, value, ...(found.extra && { extra: found.extra }) } as Attribute];
  }
  return [name, { kind: "other", value: decode({ 1: NAME }, bytes).extra ?? NOTHING }];
}

const utf8 = (text: string) => new TextEncoder().encode(text);

type Write = (graph: Graph) => Parts;

/** How values are written. */
const WRITERS: { readonly [K in Kind]: (value: Of<K>, graph: Write) => Content<Fields> } = {
  float: (f) => ({ f }),
  int: (i) => ({ i }),
  string: (s) => ({ s: utf8(s) }),
  tensor: (t) => ({ t: writeTensor(t) }),
  graph: (g, graph) => ({ g: graph(g) }),
  floats: (floats) => ({ floats }),
  ints: (ints) => ({ ints }),
  strings: (strings) => ({ strings: strings.map(utf8) }),
  graphs: (graphs, graph) => ({ graphs: graphs.map(graph) }),
};

/** An attribute as a message. */
export function writeAttribute(name: string, attribute: Attribute, graph: Write): Parts {
  if (attribute.kind === "other") return encode({ 1: NAME }, { name }, attribute.value);
  const { kind, value, extra } = attribute;
  const write = WRITERS[kind] as (value: Of<Kind>, graph: Write) => Content<Fields>;
  return encode(AttributeProto, { name, type: ROWS[kind].type, ...write(value, graph) }, extra);
}

// Reading a node's attributes: of the kind that the operator has, or a default.

import { nodeError } from "../check.ts";
import type { Attribute, Constant, Node } from "./graph.ts";

type Kind = Attribute["kind"];
type Of<K extends Kind> = Extract<Attribute, { readonly kind: K }>["value"];

/** The value of an attribute of a kind; undefined where the node has none of the name. */
function attribute<K extends Kind>(node: Node, name: string, kind: K): Of<K> | undefined {
  const found = node.attributes.get(name);
  if (found === undefined) return undefined;
  if (found.kind !== kind) throw nodeError(node, `attribute "${name}" expected ${kind}, got ${found.kind}`);
  return found.value as unknown as Of<K> | undefined;
}

/** An integer, held to what a float64 holds exactly: enough for any axis, extent or flag. */
function toNumber(value: bigint): number {
  return Number(value);
}

/** An integer attribute. */
export function intOf<F extends number | undefined>(node: Node, name: string, fallback: F): number | F {
  const value = attribute(node, name, "int");
  return value === undefined ? fallback : toNumber(value);
}

/** An attribute of integers. */
export function intsOf<F extends readonly number[] | undefined>(node: Node, name: string, fallback: F): number[] | F {
  return attribute(node, name, "ints")?.map(toNumber) ?? fallback;
}

/** An attribute of integers, exact. */
export function integersOf(node: Node, name: string): readonly bigint[] | undefined {
  return attribute(node, name, "ints");
}

/** A float attribute. */
export function floatOf<F extends number | undefined>(node: Node, name: string, fallback: F): number | F {
  return attribute(node, name, "float") ?? fallback;
}

/** An attribute of floats. */
export function floatsOf<F extends readonly number[] | undefined>(
  node: Node,
  name: string,
  fallback: F,
): readonly number[] | F {
  return attribute(node, name, "floats") ?? fallback;
}

/** An attribute of text: one of `words`, where they are given. */
export function stringOf<const W extends string>(node: Node, name: string, fallback: W, words?: readonly W[]): W {
  const value = attribute(node, name, "string") ?? fallback;
  if (words && !words.includes(value as W)) {
    throw nodeError(node, `attribute "${name}" expected ${words.map((w) => `"${w}"`).join(" or ")}, got "${value}"`);
  }
  return value as W;
}

/** An attribute of texts. */
export function stringsOf(node: Node, name: string): readonly string[] | undefined {
  return attribute(node, name, "strings");
}

/** A tensor attribute. */
export function tensorOf(node: Node, name: string): Constant | undefined {
  const value = attribute(node, name, "tensor");
  if (value && !("data" in value)) throw nodeError(node, `attribute "${name}" expected a tensor of numbers`);
  return value;
}

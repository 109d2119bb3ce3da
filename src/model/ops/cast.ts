// Operators that give values another format.

import { nodeError } from "../../check.ts";
import type { FormatName } from "../../formats.ts";
import { intOf, stringOf } from "../attributes.ts";
import { convert } from "../convert.ts";
import { formatOfType } from "../data-types.ts";
import type { Operator, Place, Site } from "../operator.ts";
import { input } from "../site.ts";

function casting(formatOf: (site: Site) => FormatName): Operator {
  return {
    infer: (site) => [{ format: formatOf(site), shape: input(site, 0).shape }],
    compile(call) {
      const x = input(call, 0);
      const [y] = call.outputs as [Place];
      const saturate = intOf(call.node, "saturate", 1) !== 0;
      const word = stringOf(call.node, "round_mode", "up", ["up", "down", "nearest"]);
      const how = { saturate, rounding: word === "nearest" ? "even" : word } as const;
      return () => convert(call.store.engine, x, y, how);
    },
  };
}

/** The format that a Cast's `to` names. */
function namedFormat({ node }: Site): FormatName {
  const type = intOf(node, "to", undefined);
  if (type === undefined) throw nodeError(node, `expected an attribute "to"`);
  return formatOfType(node, "to", type);
}

export const CASTS: Readonly<Record<string, Operator>> = {
  Cast: casting(namedFormat),
  CastLike: casting((site) => input(site, 1).format),
};

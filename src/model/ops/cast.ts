// Operators that give values another format.

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

export const CASTS: Readonly<Record<string, Operator>> = {
  Cast: casting(({ node }) => formatOfType(node, "to", intOf(node, "to", 0))),
  CastLike: casting((site) => input(site, 1).format),
};

// Codes that become other codes through a table of all of them: what a function between two quantizers is.

import { nodeError } from "../../check.ts";
import { FORMATS, type FormatName, type IntegerFormat } from "../../formats.ts";
import { mapAll, tableStep } from "../../tensor/codemap.ts";
import { codeBytes } from "../../tensor/tensor.ts";
import { inMemory } from "../../tensor/values.ts";
import { lengthOf, type Operator } from "../operator.ts";
import { programRow } from "../quantized.ts";
import { checkFormats, input } from "../site.ts";
import { OWN } from "./quantizer.ts";

const CODES: readonly FormatName[] = ["int8", "uint8", "int16", "uint16"];

const integerOf = (format: FormatName) => FORMATS.get(format) as IntegerFormat;

/** Inputs: codes; a result for every code, in the order of their bits. */
const LookUp = programRow(
  (site) => {
    for (const i of [0, 1]) checkFormats(site, i, CODES);
    const [{ format, shape }, table] = [input(site, 0), input(site, 1)];
    const count = 2 ** integerOf(format).bits;
    if (lengthOf(table) !== count) throw nodeError(site.node, `input 1 expected ${count} codes, got [${table.shape}]`);
    return [{ format: table.format, shape }];
  },
  (call, y, take) => {
    const { engine } = call.store;
    const [x, table] = [input(call, 0), input(call, 1)];
    const [from, to] = [integerOf(x.format), integerOf(y.format)];
    const length = lengthOf(x);
    const step = tableStep(engine, from, to, table.at, length, take);
    const [source, sink] = [inMemory(x.at, codeBytes(from)).source, inMemory(y.at, codeBytes(to)).sink];
    return () => mapAll(engine, step, length, source, sink);
  },
);

export const LOOK_UPS: Readonly<Record<string, Operator>> = { [`${OWN}:LookUp`]: LookUp };

// docs/onnx.md, with the operators that octavo has rows for: `node --import tsx tools/operators.ts` writes it.

import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { operatorNames } from "../src/model/ops/index.ts";

const HEAD = `# ONNX models

What of ONNX octavo reads, writes and runs. The list of operators is made from the rows of \`src/model/ops\` by \`tools/operators.ts\`.

## Files

\`readOnnx\` takes files of opset 6 to 28, with constants inside or in files of their own. \`writeOnnx\` writes a model back, with all its constants
inside: the same model gives the same bytes, and what octavo has no use for (other operators, subgraphs, text, fields that it does not know)
stays as it was. What is no ONNX file, is damaged, is of another opset, or refers to files outside of the model's folder, is a \`ModelError\`.
Files of more than 2 GB are not written: that is protobuf's limit.

A model's constants are copied from the bytes that it was read from when they are first used; those in files beside it lie on their bytes where they
are aligned. Leave these bytes as they are (neither change nor transfer them) while the model is in use.

**External data.** \`externalFiles(bytes)\` lists the files that a model has beside it, \`external\` gives their bytes. It is synchronous, so what has
to be fetched is fetched first:

\`\`\`ts
import { externalFiles, open, readOnnx, run } from "octavo";

const bytes = await open("large.onnx"); // in a browser an address, as are the names below
const files = new Map<string, Uint8Array>();
for (const name of externalFiles(bytes)) files.set(name, await open(name));
const model = readOnnx(bytes, { external: (name) => files.get(name) as Uint8Array });
console.log(run(model, {}));
\`\`\`

The command line looks for the files beside the model, at a path or an address; a link that leads out of the model's folder is refused.

## Running

\`run(model, feeds)\` runs a model once, \`new Session(model)\` keeps it: constants are packed once, and the last four sets of input shapes
keep their plans. Feeds are tensors \`{ format, shape, data }\`, or arrays where the model knows the shape. Extents that the model gives names
to are whatever is fed, the same for the same name. Constants that an old file lists among the inputs are not fed. Outputs are copies.

The array of a feed, or an output, is that of its format:

| format | array |
|---|---|
| float32, float64 | Float32Array, Float64Array |
| int64, uint64 | BigInt64Array, BigUint64Array |
| int8, int16, int32 and uint8, uint16, uint32 | Int8Array ... Uint32Array |
| bool | Uint8Array of 0 and 1 |
| float16, bfloat16 | Uint16Array of codes: \`encode(floats, "float16")\`, and \`decode\` of what comes out |
| float8 | Uint8Array of codes, likewise |
| int4, uint4, int2, uint2, float4 | Uint8Array of packed codes: \`pack(encode(floats, "float4_e2m1fn"), "float4_e2m1fn")\` |

\`run\` and \`Session\` throw

- a \`ModelError\` where octavo cannot run the model: it does not have the operators (all are named), the graph is none, shapes or values do not
  fit a node, whose \`node\` and \`op\` the error has;
- a \`TypeError\` or a \`RangeError\` where feeds or options are not what was expected, with what was; a \`RangeError\` where memory ends.

A session's memory is given back by \`dispose()\`, to a pool of wasm memory that all sessions share. It grows up to 4 GiB, and what it has grown to
it keeps for the next session.

- Floats are computed in float32; float16, bfloat16 and float64 are converted where an operator takes them and gives them. Sums have one
  order: results are the same bytes in every host and tier.
- Operators on codes (QLinearConv, MatMulInteger, QGemm and their kin) are computed in integers. So is what stands between DequantizeLinear
  and QuantizeLinear in a model of QDQ form, whoever made it, where there is an operator on codes for it or a table of 256 will do; the
  rest is computed in float32. A run with \`observe\` computes the model as it is written, the first in float32, so that outputs may
  be a step apart from those without. int64, bool and all other formats of [formats.md](formats.md) go in and out.
- An If whose condition does not follow from shapes and constants is planned anew for each value of the inputs that it depends on.
- Operators with other subgraphs (Loop, Scan), sequences, text, and functions that a model defines for itself are kept in the file, not run. All
  operators that octavo cannot run are named in one error, and by \`inspect\`.

## Rewriting

A model runs as it is; only what follows from constants alone is computed once. \`optimize(model)\` gives a model with less to compute, whose
outputs are the same within 1e-5 of their largest value. It is a step of its own, so that a bundle that only reads and runs models does not carry
it. It is five passes, each a function of its own, in this order:

- \`foldConstants\` computes what follows from constants alone, and \`removeIdentities\` takes out what does nothing.
- \`fusePatterns\` puts together what exporters scatter over many nodes (GELU, SiLU, layer normalization, hard-swish). Below opset 24, SiLU becomes
  com.microsoft:QuickGelu; other operators may raise the opset when the model is written.
- \`foldBatchNorms\` folds batch norms into the weights around them; \`keptBatchNorms\` lists those that it cannot fold, and why.
- \`fuseActivations\` makes activations a part of the node before them: com.microsoft:FusedConv and FusedGemm, which onnxruntime runs and other
  tools may not. For a file that is for these, leave it out:

\`\`\`ts
import { foldBatchNorms, foldConstants, open, readOnnx, removeIdentities, save, writeOnnx } from "octavo";

const model = readOnnx(await open("model.onnx"));
const portable = [foldConstants, removeIdentities, foldBatchNorms].reduce((done, pass) => pass(done), model);
await save("portable.onnx", writeOnnx(portable)); // folders that are not there are made
\`\`\`

\`raiseOpset(model, version)\` says the same in a higher opset, or names the node that it cannot say.

## Operators
`;

const DOMAINS = [
  ["", "ONNX's own"],
  ["com.microsoft", "onnxruntime's, domain `com.microsoft`"],
] as const;

/** The operators of a domain. */
function namesOf(domain: string): string[] {
  const names = operatorNames().map((name) => name.split(":"));
  return names.filter(([first, second]) => (second ? first : "") === domain).map((parts) => parts.at(-1) as string);
}

/** Words in lines of a page. */
function wrap(words: readonly string[]): string {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 119) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}

/** The whole page. */
export function operatorsPage(): string {
  const lists = DOMAINS.map(([domain, title]) => {
    const names = namesOf(domain);
    const words = names.map((name, i) => `\`${name}\`${i < names.length - 1 ? "," : ""}`);
    return `\n${title} (${names.length}):\n\n${wrap(words)}\n`;
  });
  return HEAD + lists.join("");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(fileURLToPath(new URL("../docs/onnx.md", import.meta.url)), operatorsPage());
}

// docs/onnx.md, with the operators that octavo has rows for: `node --import tsx tools/operators.ts` writes it.

import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { operatorNames } from "../src/model/ops/index.ts";

const HEAD = `# ONNX models

What of ONNX octavo reads, writes and runs. The list of operators is made from the rows of \`src/model/ops\` by \`tools/operators.ts\`.

## Files

\`readOnnx\` takes files of opset 6 to 28, with constants inside or, through \`{ external: (name) => bytes }\`, in files of their own. \`writeOnnx\`
writes a model back: the same model gives the same bytes, and what octavo has no use for (other operators, subgraphs, text, fields
that it does not know) stays as it was. What is no ONNX file, is damaged, or refers to files outside of the model's folder, is a \`ModelError\`.
Files of more than 2 GB are not written: that is protobuf's limit.

## Running

\`run(model, feeds)\` runs a model once, \`new Session(model)\` keeps it: constants are packed once, and the last four sets of input shapes
keep their plans. Feeds are tensors \`{ format, shape, data }\`, or arrays where the model knows the shape. Extents that the model gives names
to are whatever is fed, the same for the same name. Outputs are copies.

- A model runs as it is; only what follows from constants alone is computed once. \`optimize(model)\` gives a model with less to compute:
  identities removed, patterns of exporters put together, batch norms folded, activations fused. Its outputs are the same within 1e-5 of their
  largest value. It is a step of its own, so that a bundle that only reads and runs models does not carry it.
- Floats are computed in float32; float16, bfloat16 and float64 are converted where an operator takes them and gives them. Sums have one
  order: results are the same bytes in every host and tier.
- Quantized operators are computed in integers. int64, bool and all other formats of [formats.md](formats.md) go in and out.
- An If whose condition does not follow from shapes and constants is planned anew for each value of the inputs that it depends on.
- Operators with other subgraphs (Loop, Scan), sequences, text, and functions that a model defines for itself are kept in the file, not run. All
  operators that octavo cannot run are named in one error, and by \`inspect\`.

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

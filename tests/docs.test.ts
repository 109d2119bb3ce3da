// The documents tell the truth: every code block runs, every link leads somewhere, tables are those of the code.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runInNewContext } from "node:vm";
import { type Value, writeNpy, writeOnnx } from "../src/index.ts";
import { makeNode } from "../src/model/graph.ts";
import { formatsPage } from "../tools/formats.ts";
import { operatorsPage } from "../tools/operators.ts";
import { png } from "./cli/images.ts";
import { modelAt } from "./io/bytes.ts";
import { modelOf } from "./model/models.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGES = [
  "README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => {
    const [all, language = "", code = ""] = match;
    return { page, line: text.slice(0, text.indexOf(all)).split("\n").length, language, code };
  });
}

const BLOCKS = PAGES.flatMap(blocksOf);

const IMAGE: Value = { name: "image", format: "float32", shape: ["N", 3, 32, 32] };
const SHAPED = { format: "float32", shape: [1, 3, 32, 32], data: new Float32Array(3 * 32 * 32) } as const;

/** The model that blocks read: from images to scores. */
const MODEL = modelOf(
  [
    makeNode("Conv", ["image", "kernel"], ["map"]),
    makeNode("Relu", ["map"], ["positive"]),
    makeNode("GlobalAveragePool", ["positive"], ["mean"]),
    makeNode("Flatten", ["mean"], ["scores"]),
  ],
  {
    inputs: [IMAGE],
    outputs: [{ ...IMAGE, name: "scores", shape: ["N", 10] }],
    constants: new Map([["kernel", { ...SHAPED, shape: [10, 3, 3, 3], data: new Float32Array(270).fill(0.1) }]]),
  },
);

/** Runs something in a folder with the files that blocks name. */
function inFolder(run: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "octavo-docs-"));
  try {
    writeFileSync(join(folder, "model.onnx"), writeOnnx(MODEL));
    writeFileSync(join(folder, "image.npy"), writeNpy(SHAPED));
    mkdirSync(join(folder, "photos"));
    writeFileSync(join(folder, "photos", "a.png"), png(40, 50));
    writeFileSync(join(folder, "large.onnx"), modelAt("large.bin"));
    writeFileSync(join(folder, "large.bin"), new Uint8Array(Float32Array.of(1, 2, 3).buffer));
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs a block as a module of a project that has the package installed. */
function runModule(code: string): void {
  inFolder((folder) => {
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(ROOT, join(folder, "node_modules", "octavo"), "dir");
    writeFileSync(join(folder, "block.ts"), code.replace('"npm:octavo"', '"octavo"'));
    const tsx = fileURLToPath(import.meta.resolve("tsx"));
    execFileSync(process.execPath, ["--import", `file://${tsx}`, "block.ts"], { cwd: folder, stdio: "pipe" });
  });
}

/** Runs a page's scripts: the package's own file is read from the build, for it is not published by this test. */
function runPage(code: string): void {
  const [, file = ""] = /src="[^"]*octavo@[\d.]+\/([^"]+)"/.exec(code) ?? [];
  const inline = [...code.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, script]) => script).join("\n");
  const said: unknown[] = [];
  const globals = {
    console: { log: (...what: unknown[]) => said.push(...what) },
    WebAssembly,
    atob,
    TextDecoder,
    Float32Array,
    Uint8Array,
  };
  runInNewContext(`${readFileSync(join(ROOT, file), "utf8")}\n${inline}`, globals);
  assert.ok(said.length > 0, "the page says something");
}

/** Runs the package's own command. */
function runCommands(commands: readonly string[]): void {
  inFolder((folder) => {
    for (const command of commands) {
      const [, , ...args] = command.split(" ");
      execFileSync(process.execPath, [join(ROOT, "build/cli.js"), ...args], { cwd: folder, stdio: "pipe" });
    }
  });
}

/** Commands that a block of shell lines may hold: scripts of package.json, files that are there, installing the package, its command. */
function checkCommands(commands: readonly string[]): void {
  runCommands(commands.filter((command) => command.startsWith("npx octavo ")));
  for (const command of commands) if (!command.startsWith("npx octavo ")) checkCommand(command);
}

function checkCommand(command: string): void {
  const { scripts, name } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const [, script] = /^npm (?:run )?(\w+)$/.exec(command) ?? [];
  const [, file] = /^node ([\w./-]+)/.exec(command) ?? [];
  assert.ok(
    command === `npm install ${name}` || (script && script in scripts) || (file && existsSync(join(ROOT, file))),
    command,
  );
}

for (const { page, line, language, code } of BLOCKS) {
  test(`${page}:${line} ${language || "text"} block`, () => {
    if (language === "ts") runModule(code);
    else if (language === "html") runPage(code);
    else if (language === "sh") checkCommands(code.trim().split("\n"));
    else assert.equal(language, "", `no way to run a block of ${language}`);
  });
}

test("blocks of TypeScript pass the strict compiler", () => {
  const folder = mkdtempSync(join(tmpdir(), "octavo-docs-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(ROOT, join(folder, "node_modules", "octavo"), "dir");
    const options = {
      strict: true,
      noEmit: true,
      target: "es2022",
      module: "nodenext",
      lib: ["es2022", "dom"],
      types: [],
    };
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options }));
    for (const { page, line, language, code } of BLOCKS) {
      if (language !== "ts") continue;
      writeFileSync(join(folder, `${page.replace(/\W/g, "_")}_${line}.ts`), code.replace('"npm:octavo"', '"octavo"'));
    }
    const tsc = fileURLToPath(new URL("../bin/tsc", import.meta.resolve("typescript")));
    try {
      execFileSync(process.execPath, [tsc, "-p", folder], { stdio: "pipe" });
    } catch (error) {
      assert.fail(String((error as { stdout: Buffer }).stdout));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("links lead somewhere", () => {
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      assert.ok(existsSync(join(ROOT, dirname(page), target)), `${page}: ${target}`);
    }
  }
});

test("equations that are cited are in docs/math.md, each once", () => {
  const math = readFileSync(join(ROOT, "docs/math.md"), "utf8");
  const numbers = Array.from(math.matchAll(/\*\*\((\d+)\)\*\*/g), ([, number]) => number);
  assert.equal(new Set(numbers).size, numbers.length, "an equation's number stands twice");
  const listed = execFileSync("git", ["ls-files", "src", "assembly", "tests", "bench", ...PAGES], { cwd: ROOT });
  const files = listed.toString().trim().split("\n");
  let cited = 0;
  for (const file of files.filter((file) => /\.(ts|js|mjs|md)$/.test(file) && existsSync(join(ROOT, file)))) {
    for (const [, which = ""] of readFileSync(join(ROOT, file), "utf8").matchAll(/equations? ([\d, andto]+\d|\d)/g)) {
      for (const number of which.match(/\d+/g) ?? []) {
        assert.ok(numbers.includes(number), `${file} cites equation ${number}`);
        cited++;
      }
    }
  }
  assert.ok(cited > 20);
});

test("docs/formats.md is the table of src/formats.ts", () => {
  assert.equal(
    readFileSync(join(ROOT, "docs/formats.md"), "utf8"),
    formatsPage(),
    "run: node --import tsx tools/formats.ts",
  );
});

test("docs/onnx.md lists the operators that have rows", () => {
  assert.equal(
    readFileSync(join(ROOT, "docs/onnx.md"), "utf8"),
    operatorsPage(),
    "run: node --import tsx tools/operators.ts",
  );
});

test("INT8 versus FP8: the example gives the published decibels, and the page has its figures", async () => {
  const published: Record<string, number[]> = {
    INT8: [52.9, 40.57, 33.1],
    E2M5: [49.26, 42.67, 37.18],
    E3M4: [43.26, 37.56, 36.27],
    E4M3: [37.18, 31.56, 30.29],
    E5M2: [31.05, 25.58, 24.31],
  };
  const { decibels } = await import(new URL("../examples/int8-versus-fp8.mjs", import.meta.url).href);
  const page = readFileSync(join(ROOT, "docs/int8-versus-fp8.md"), "utf8").replaceAll("*", "");
  const found: Record<string, Record<string, number>> = decibels();
  for (const [name, wanted] of Object.entries(published)) {
    const row = Object.values(found[name] as Record<string, number>);
    for (const [i, value] of row.entries()) {
      assert.ok(Math.abs(value - (wanted[i] as number)) <= 0.1, `${name} ${i}: ${value}, published ${wanted[i]}`);
    }
    assert.ok(
      page.includes(`| ${name} | ${row.map((value) => value.toFixed(2)).join(" | ")} |`),
      `${name} in the page`,
    );
  }
});

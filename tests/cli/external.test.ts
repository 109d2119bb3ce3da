// Models whose constants are in files beside them, from the command line: by path, by address, and what is refused.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { modelAt } from "../io/bytes.ts";
import { CLI, folder, octavo } from "./command.ts";

const numbers = new Uint8Array(Float32Array.of(1, 2, 6).buffer);
mkdirSync(join(folder, "models", "weights"), { recursive: true });
for (const name of ["outside.bin", "models/weights/a b.bin"]) writeFileSync(join(folder, name), numbers);
symlinkSync(join(folder, "outside.bin"), join(folder, "models", "link.bin"));
symlinkSync(join(folder, "models", "weights", "a b.bin"), join(folder, "models", "inside.bin"));
symlinkSync(join(folder, "models"), join(folder, "linked"));
for (const [name, location] of [
  ["there", "weights/a b.bin"],
  ["missing", "nowhere.bin"],
  ["link", "link.bin"],
  ["inside", "inside.bin"],
])
  writeFileSync(join(folder, "models", `${name}.onnx`), modelAt(location as string));

test("the files beside a model are read, through links that stay in its folder too", () => {
  const address = pathToFileURL(join(folder, "models", "there.onnx")).href;
  for (const model of ["models/there.onnx", "models/inside.onnx", "linked/there.onnx", address]) {
    const { code, out, error } = octavo("run", model);
    assert.deepEqual([code, error], [0, ""]);
    assert.match(out, /min 1 {2}max 6 {2}mean 3/);
  }
});

test("they are fetched where the model is at an address", async () => {
  const server = createServer(({ url }, response) => {
    const name = decodeURIComponent(url ?? "").replace(/\?.*/, "");
    try {
      response.end(readFileSync(join(folder, name)));
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models`;
  const run = (model: string) =>
    new Promise<string>((resolve) =>
      execFile(process.execPath, [CLI, "run", `${at}/${model}`], (_, out, error) => resolve(out + error)),
    );
  try {
    assert.match(await run("there.onnx?version=2"), /min 1 {2}max 6 {2}mean 3/);
    assert.match(
      await run("missing.onnx"),
      /^octavo run: http:.*: constant "w" is in the file "nowhere.bin": .* the server says 404/,
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("what is missing or outside is told with the constant and the file", () => {
  const missing = join("models", "nowhere.bin");
  const link = join("models", "link.bin");
  for (const [model, why] of [
    ["missing", `cannot read ${JSON.stringify(missing)}: there is no such file or folder`],
    ["link", `cannot read ${JSON.stringify(link)}: it is a link to a file outside of the model's folder`],
  ] as const) {
    const name = model === "link" ? "link.bin" : "nowhere.bin";
    for (const command of ["run", "inspect"]) {
      assert.deepEqual(octavo(command, `models/${model}.onnx`), {
        code: 1,
        out: "",
        error: `octavo ${command}: models/${model}.onnx: constant "w" is in the file "${name}": ${why}\n`,
      });
    }
  }
});

// open and save: bytes from paths, addresses, Blobs and arrays; files that are whole or not there.
import assert from "node:assert/strict";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import { open, save } from "../src/index.ts";
import { anything } from "./tensor/sentences.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-host-"));
after(() => rmSync(folder, { recursive: true }));

const BYTES = Uint8Array.from({ length: 300 }, (_, i) => i);
const path = join(folder, "a=b c.bin");
writeFileSync(path, BYTES);

test("open reads paths and addresses of files as strings, and URLs", async () => {
  for (const source of [path, pathToFileURL(path), pathToFileURL(path).href]) {
    const bytes = await open(source);
    assert.deepEqual(bytes, BYTES);
    assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype, "no Buffer");
  }
});

test("open gives the bytes of what holds some, without a copy where it can", async () => {
  const { buffer } = BYTES;
  assert.equal((await open(buffer)).buffer, buffer);
  assert.equal((await open(BYTES)).buffer, buffer);
  const part = await open(new Uint8Array(buffer, 3, 5));
  assert.deepEqual([part.buffer, part.byteOffset, part.length], [buffer, 3, 5]);
  assert.deepEqual(await open(new Blob([BYTES])), BYTES);
  assert.deepEqual(await open(new Response(BYTES)), BYTES);
  assert.deepEqual(await open("data:application/octet-stream;base64,AAEC"), Uint8Array.of(0, 1, 2));
});

test("open reads addresses, and tells what a server says", async () => {
  const server = createServer(({ url }, response) => {
    if (url === "/there") response.end(BYTES);
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    assert.deepEqual(await open(`${at}/there`), BYTES);
    assert.deepEqual(await open(new URL(`${at}/there`)), BYTES);
    const message = `cannot read "${at}/missing": the server says 404 Not Found`;
    await assert.rejects(open(`${at}/missing`), { message });
  } finally {
    server.closeAllConnections();
    server.close();
  }
  await assert.rejects(open(`${at}/there`), { message: /^cannot read "http:.*": fetch failed \(.+\)$/ });
});

test("open refuses what a server says instead of bytes", async () => {
  const refused = new Response("not here", { status: 404, statusText: "Not Found" });
  await assert.rejects(open(refused), { message: 'cannot read "a Response": the server says 404 Not Found' });
});

test("open says why there is nothing to read", async () => {
  const missing = join(folder, "missing.onnx");
  await assert.rejects(open(missing), (error: Error) => {
    assert.equal(error.message, `cannot read "${missing}": there is no such file or folder`);
    assert.equal((error.cause as NodeJS.ErrnoException).code, "ENOENT");
    return true;
  });
  await assert.rejects(open(folder), { message: `cannot read "${folder}": it is a folder` });
  await assert.rejects(open(join(path, "x")), { message: /there is no such file or folder$/ });
  await assert.rejects(open(anything(undefined)), {
    name: "TypeError",
    message: '"source" expected a path, a URL, a Blob or bytes, got undefined',
  });
  await assert.rejects(open(anything(5)), { message: '"source" expected a path, a URL, a Blob or bytes, got 5' });
});

test("save writes a file, or another in its place, and leaves nothing beside it", async () => {
  const inside = join(folder, "inside");
  mkdirSync(inside);
  const target = join(inside, "x.bin");
  await save(target, BYTES);
  assert.deepEqual(new Uint8Array(readFileSync(target)), BYTES);
  await save(pathToFileURL(target), BYTES.subarray(5, 8));
  assert.deepEqual(new Uint8Array(readFileSync(target)), Uint8Array.of(5, 6, 7));
  await save(target, new Uint8Array(0));
  assert.equal(statSync(target).size, 0);
  assert.deepEqual(readdirSync(inside), ["x.bin"]);
});

test("save makes the folders that are not there", async () => {
  const target = join(folder, "made", "deep", "x.bin");
  await save(target, BYTES);
  assert.deepEqual(new Uint8Array(readFileSync(target)), BYTES);
});

test("save writes through links and to devices", async () => {
  const target = join(folder, "target.bin");
  const link = join(folder, "link.bin");
  writeFileSync(target, "old");
  symlinkSync(target, link);
  await save(link, BYTES);
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.deepEqual(new Uint8Array(readFileSync(target)), BYTES);
  if (process.platform === "win32") return;
  await save("/dev/null", BYTES);
  assert.ok(statSync("/dev/null").isCharacterDevice());
});

test("save leaves what was there where it fails, and says why", async () => {
  const inside = join(folder, "kept");
  mkdirSync(inside);
  const nowhere = join(path, "x.bin");
  await assert.rejects(save(nowhere, BYTES), {
    message: `cannot write "${nowhere}": there is a file where a folder has to be`,
  });
  await assert.rejects(save(inside, BYTES), { message: `cannot write "${inside}": it is a folder` });
  assert.deepEqual(readdirSync(inside), []);
  await assert.rejects(save("https://example.org/x", BYTES), {
    name: "RangeError",
    message: '"path" expected a path or a file: URL, got "https://example.org/x"',
  });
  await assert.rejects(save(path, anything("text")), {
    name: "TypeError",
    message: '"bytes" expected a Uint8Array, got "text"',
  });
  await assert.rejects(save(anything(undefined), BYTES), {
    message: '"path" expected a path or a file: URL, got undefined',
  });
});

/** The script-tag build in a page that is none: what it fetched, and what it offered as downloads. */
function page(document?: object) {
  const blobs: Blob[] = [];
  const fetched: string[] = [];
  const globals = {
    document,
    TextDecoder,
    atob,
    Blob,
    setTimeout: () => 0,
    URL: { createObjectURL: (blob: Blob) => `blob:${blobs.push(blob)}` },
    fetch: async (address: string) => {
      fetched.push(address);
      return new Response(BYTES);
    },
  };
  const script = readFileSync(new URL("../build/octavo.global.js", import.meta.url), "utf8");
  const library = runInNewContext(`${script}; octavo`, globals) as { open: typeof open; save: typeof save };
  return { open: library.open, save: library.save, blobs, fetched };
}

test("in a browser a string is an address, and what is saved is a download", async () => {
  const links: { href: string; download: string; clicks: number; click(): void }[] = [];
  const createElement = () => {
    const link = { href: "", download: "", clicks: 0, click: () => void link.clicks++ };
    links.push(link);
    return link;
  };
  const { open, save, blobs, fetched } = page({ createElement });
  assert.deepEqual(Array.from(await open("models/x.onnx")), Array.from(BYTES));
  assert.deepEqual(fetched, ["models/x.onnx"]);
  await save("models/x.onnx", BYTES);
  assert.deepEqual(
    links.map(({ href, download, clicks }) => ({ href, download, clicks })),
    [{ href: "blob:1", download: "x.onnx", clicks: 1 }],
  );
  assert.deepEqual(new Uint8Array((await blobs[0]?.arrayBuffer()) as ArrayBuffer), BYTES);
});

test("a host without files and without a page says so", async () => {
  await assert.rejects(page().save("x.onnx", BYTES), {
    message: 'cannot write "x.onnx": this host has neither files nor a page to download from',
  });
});

// Serves the pages and the build on loopback, under a strict content security policy, and takes a page's report.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { text } from "node:stream/consumers";

const ROOT = join(import.meta.dirname, "..", "..");

const SERVED = /^\/(?:build|tests\/hosts)\/[\w.-]+\.(?:js|html)$/;

const TYPES = { ".html": "text/html", ".js": "text/javascript" };

/** Nothing inline, no eval but WebAssembly's, no Blob, and no other host. */
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:";

/** What lets a page share memory with its workers, and what it asks of their script. */
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const isIsolated = (url) => /\/(?:isolated\.html|worker\.js)$/.test(url);

/** Serves one page: `at` tells its address, `report` is what it will tell. */
export async function serve() {
  let tell;
  const report = new Promise((resolve) => {
    tell = resolve;
  });
  const server = createServer(async (request, response) => {
    if (request.method === "POST") tell(JSON.parse(await text(request)));
    await answer(request, response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    at: (page) => `http://127.0.0.1:${server.address().port}/tests/hosts/${page}`,
    report,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer({ method, url }, response) {
  if (method === "POST") return response.writeHead(204).end();
  const bytes = SERVED.test(url) ? await readFile(join(ROOT, url)).catch(() => undefined) : undefined;
  if (!bytes) return response.writeHead(404).end();
  const headers = {
    "content-type": TYPES[extname(url)],
    "content-security-policy": POLICY,
    ...(isIsolated(url) && ISOLATED),
  };
  return response.writeHead(200, headers).end(bytes);
}

// The one file that knows where it runs: bytes from files and addresses, and to files; workers.
// Node, Deno and Bun are known by `process.versions.node`; anything else is taken for a browser.

import { accessError, checkArray, rangeError, typeError } from "./check.ts";

/** What is used of the modules of Node's that are used, in hosts that have them. */
interface Files {
  readFile(path: string | object): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array, options?: { flag: string }): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: boolean }): Promise<void>;
  mkdir(path: string, options: { recursive: true }): Promise<unknown>;
  realpath(path: string): Promise<string>;
  stat(path: string): Promise<{ isFile(): boolean }>;
}

interface Addresses {
  fileURLToPath(address: string): string;
  pathToFileURL(path: string): object;
}

interface Paths {
  dirname(path: string): string;
}

/** A worker as Node has it, or as browsers do. */
interface Worker {
  on?(event: string, listener: () => void): void;
  addEventListener?(event: string, listener: () => void): void;
  postMessage(message: unknown): void;
  terminate(): unknown;
  unref?(): void;
}

/** What a worker hears and speaks through. */
interface Port {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown): void;
}

interface Threads {
  readonly Worker: new (script: object, options: { execArgv: readonly string[] }) => Worker;
  readonly parentPort: Port;
}

/** What is used of a host's globals; which of them are there tells the hosts apart. */
interface Host {
  readonly process?: {
    readonly versions?: { readonly node?: string };
    getBuiltinModule?(name: string): unknown;
  };
  readonly document?: {
    createElement(tag: "a"): { href: string; download: string; click(): void };
  };
  readonly Worker?: new (script: string) => Worker;
}

const host = globalThis as Host;

const hasFiles = () => host.process?.versions?.node !== undefined;

/** A module of Node's. No bundler sees its name, so that none looks for it when it bundles for browsers. */
async function builtin(name: string): Promise<unknown> {
  return host.process?.getBuiltinModule?.(name) ?? import(/* webpackIgnore: true */ /* @vite-ignore */ name);
}

const files = () => builtin("node:fs/promises") as Promise<Files>;

/** An address: a scheme of two letters or more, for `C:` is a drive. */
const ADDRESS = /^[a-z][a-z0-9+.-]+:/i;
const FILE_ADDRESS = /^file:/i;

/** The path of a file that a string names, where it names one. */
async function pathOf(name: string): Promise<string | undefined> {
  if (!hasFiles()) return undefined;
  if (FILE_ADDRESS.test(name)) return ((await builtin("node:url")) as Addresses).fileURLToPath(name);
  return ADDRESS.test(name) ? undefined : name;
}

async function fetchBytes(address: string): Promise<Uint8Array> {
  const response = await fetch(address).catch((error) => {
    throw accessError("read", address, error);
  });
  return bytesOf(response, address);
}

/** The bytes of a Blob or a Response; those of a server's refusal are none. */
async function bytesOf(source: ByteSource, name = source.url || "a Response"): Promise<Uint8Array> {
  const { ok = true, status, statusText } = source;
  if (!ok) throw accessError("read", name, `the server says ${[status, statusText].filter(Boolean).join(" ")}`);
  return new Uint8Array(await source.arrayBuffer());
}

async function readFile(name: string, path: string): Promise<Uint8Array> {
  try {
    const { buffer, byteOffset, byteLength } = await (await files()).readFile(path);
    return new Uint8Array(buffer, byteOffset, byteLength); // not a Buffer, whose slice is no copy
  } catch (error) {
    throw accessError("read", name, error);
  }
}

async function readBytes(name: string): Promise<Uint8Array> {
  const path = await pathOf(name);
  return path === undefined ? fetchBytes(name) : readFile(name, path);
}

/** An address as an object: a URL. */
export interface Address {
  readonly href: string;
}

/** What gives its bytes: a Blob, a File, a Response. */
interface ByteSource {
  arrayBuffer(): Promise<ArrayBuffer>;
  /** Of a Response: whether the server gave what was asked for, what it said, and where from. */
  readonly ok?: boolean;
  readonly status?: number;
  readonly statusText?: string;
  readonly url?: string;
}

/** What {@link open} reads: a path, an address, a URL, a Blob, a Response or bytes. */
export type Openable = string | Address | ByteSource | Uint8Array | ArrayBuffer;

/**
 * The bytes of a file, an address or a Response. A string is a path in Node, Deno and Bun, and an address in browsers; `https:`, `data:` and
 * `file:` are addresses anywhere. Bytes are given back as they are, not copied.
 */
export async function open(source: Openable): Promise<Uint8Array> {
  if (typeof source === "string") return readBytes(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source !== null && typeof source === "object") {
    if ("href" in source) return readBytes(source.href);
    if ("byteLength" in source) return new Uint8Array(source);
    if ("arrayBuffer" in source) return bytesOf(source);
  }
  throw typeError("source", "a path, a URL, a Blob or bytes", source);
}

/** A file that nobody sees before it is whole: written beside its place, then moved there. Pipes and devices are written to. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const { mkdir, realpath, rename, rm, stat, writeFile } = await files();
  const target = await realpath(path).catch(() => path); // a link stays a link
  const isFile = await stat(target).then(
    (found) => found.isFile(),
    () => true,
  );
  if (!isFile) return writeFile(target, bytes);
  await mkdir(((await builtin("node:path")) as Paths).dirname(target), { recursive: true });
  const beside = `${target}.${Math.random().toString(36).slice(2)}.tmp`;
  try {
    await writeFile(beside, bytes, { flag: "wx" });
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** Offers bytes as a download. */
function download(name: string, bytes: Uint8Array): void {
  if (!host.document) throw accessError("write", name, "this host has neither files nor a page to download from");
  const link = host.document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  link.download = name.replace(/^.*[\\/]/, "");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_STARTS);
}

/** Milliseconds after which a browser has begun to read what it was told to download. */
const DOWNLOAD_STARTS = 60_000;

/**
 * Writes a file, whole or not at all, and makes the folders that it is to be in; in a browser it is a download of the path's last
 * name.
 * @param path a path or a `file:` URL
 */
export async function save(path: string | Address, bytes: Uint8Array): Promise<void> {
  const name = typeof path === "string" ? path : path?.href;
  if (typeof name !== "string") throw typeError("path", "a path or a file: URL", path);
  checkArray(bytes, [Uint8Array], "bytes");
  if (!hasFiles()) return download(name, bytes);
  const target = await pathOf(name);
  if (target === undefined) throw rangeError("path", "a path or a file: URL", name);
  try {
    await replaceFile(target, bytes);
  } catch (error) {
    throw accessError("write", name, error);
  }
}

const threads = () => builtin("node:worker_threads") as Promise<Threads>;

/** The script of a worker as Node takes it. */
async function scriptOf(name: string): Promise<object> {
  const path = await pathOf(name);
  return path === undefined ? new URL(name) : ((await builtin("node:url")) as Addresses).pathToFileURL(path);
}

/** The script beside this one: in a page's script tag, where that one is from (tools/build.mjs). */
const scriptBeside = () => new URL("./worker.js", import.meta.url).href;

async function makeWorker(script = scriptBeside()): Promise<Worker> {
  // what the process was started with is not for this script
  if (hasFiles()) return new (await threads()).Worker(await scriptOf(script), { execArgv: [] });
  return new (host as Required<Host>).Worker(script);
}

/**
 * Starts a worker in the background. It keeps no process alive once it has begun.
 * @param message what it is told
 * @param script a path or an address
 */
export function startWorker(message: unknown, script?: string): { ready: Promise<void>; end(): void } {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });

  async function start(): Promise<void> {
    const worker = await makeWorker(script);
    over.then(() => worker.terminate());
    const listen = (worker.on ?? worker.addEventListener)?.bind(worker);
    const settled = new Promise<void>((resolve) => {
      for (const event of ["message", "error", "exit"]) listen?.(event, () => resolve());
    });
    worker.postMessage(message);
    await Promise.race([settled, over]);
    worker.unref?.();
  }
  return { ready: start().catch(end), end };
}

/** In a worker: does what the first message says; `answer` tells who sent it. */
export async function answerFirst<M>(work: (message: M, answer: () => void) => void): Promise<void> {
  const port = hasFiles() ? (await threads()).parentPort : (globalThis as unknown as Port);
  port.onmessage = ({ data }) => {
    port.onmessage = null;
    work(data as M, () => port.postMessage("begun"));
  };
}
